//! `zen-agent forward --watch` on the control plane.

use std::path::PathBuf;

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use serde_json::json;
use zen_agent::forward::ReportKind;

use crate::{
    cluster_reports::{arrive_once, change, create, metric, reports, until},
    ground::Ground,
    process::dev,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_report_arrives_once_for_each_thing_that_it_says_also_after_the_api_server_has_lost_its_history() {
    let (ground, state) = (Ground::clean().await, tempfile::tempdir().unwrap());
    let agent = dev(&ground, state.path(), &[]);
    let forwarder = arrive_once(&ground.client, &watcher(&ground).await, state.path(), &agent).await;
    let accepted = async |tool| metric(&forwarder, &format!("zen_agent_forward_accepted_total{{tool=\"{tool}\"}}")).await;
    let (kyverno, trivy) = (accepted("kyverno").await, accepted("trivy").await);
    // What it watches from is gone; of what is there it has one report.
    ground.control_plane().forget();
    create(&ground.client, ReportKind::VulnerabilityReports, "later").await;
    until("the new one is taken", async || accepted("trivy").await > trivy).await;
    change(&ground.client, ReportKind::PolicyReports, "stays", "later").await;
    until("so is the changed one", async || accepted("kyverno").await > kyverno).await;
    assert_eq!([accepted("kyverno").await, accepted("trivy").await], [kyverno + 1.0, trivy + 1.0]);
    for kind in [ReportKind::PolicyReports, ReportKind::VulnerabilityReports] {
        let reports = reports(&ground.client, kind);
        reports.delete_collection(&Default::default(), &ListParams::default()).await.unwrap();
    }
}

/// The kubeconfig of somebody who may list and watch these reports, and nothing else.
async fn watcher(ground: &Ground) -> PathBuf {
    let (role, binding): (ClusterRole, ClusterRoleBinding) = serde_json::from_value(json!([
        {
            "metadata": { "name": "watches-reports" },
            "rules": [
                { "apiGroups": ["wgpolicyk8s.io"], "resources": ["policyreports"], "verbs": ["list", "watch"] },
                { "apiGroups": ["aquasecurity.github.io"], "resources": ["vulnerabilityreports"], "verbs": ["list", "watch"] },
            ],
        },
        {
            "metadata": { "name": "watches-reports" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "watches-reports" },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "watcher" }],
        },
    ]))
    .unwrap();
    Api::all(ground.client.clone()).create(&PostParams::default(), &role).await.unwrap();
    Api::all(ground.client.clone()).create(&PostParams::default(), &binding).await.unwrap();
    ground.control_plane().user("watcher", &[])
}
