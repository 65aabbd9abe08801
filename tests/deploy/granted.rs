//! The agent with exactly what the chart grants, on a real API server that authorizes by RBAC: it is never told that
//! something is forbidden.

use std::time::Instant;

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Node, Pod},
    networking::v1::NetworkPolicy,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use zen_agent::{
    contract::v0::types::{Decision, Status},
    dev::{CLUSTER, TENANT},
    pipeline::actions::QUARANTINE_LABEL,
    remediation::{ActionKind, Phase, ZenAgentRemediation},
};

use crate::{
    ground::*,
    release::{DEADLINE, Release},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_of_every_action_is_done_with_what_the_chart_grants_and_no_call_is_refused() {
    let _alone = ALONE.lock().await;
    let control = control_plane().await;
    let admin = control.client().await;
    workload(&admin, "shop-granted").await;
    let values = json!({
        "policy": policy_of_everything(), "targetNamespaces": ["shop-granted"],
        "enabledActions": ActionKind::ALL.map(ActionKind::as_str), "applyTargets": [{ "apiGroup": "", "resource": "configmaps" }],
    });
    let release = Release::install(control, "granted", &values).await;
    // Pods as restricted as the namespace asks for; the server judges.
    release.kubectl(&["create", "--dry-run=server", "-f", "-"], &release.pod());
    let playing = follow(&admin, "shop-granted");
    let (_, before) = refusals(&admin).await;

    let agent = release.start(&[]);
    let labelled = send(&agent, "label", "shop-granted", "Deployment", "web").await;
    let cut_off = send(&agent, "quarantine", "shop-granted", "Pod", "web-1").await;
    for name in [&labelled, &cut_off] {
        let item = ended(&agent, name).await;
        assert_eq!(item.status, Status::Succeeded, "{item:?}");
    }
    let scaled = send(&agent, "scale", "shop-granted", "Deployment", "web").await;
    let reason: Decision = serde_json::from_value(json!({ "reason": "seen it" })).unwrap();
    agent.client.stable.approve_remediation(&scaled, &id(), &reason).await.unwrap();
    let item = ended(&agent, &scaled).await;
    assert_eq!(item.status, Status::Succeeded, "{item:?}");
    let live = Api::<Deployment>::namespaced(admin.clone(), "shop-granted").get("web").await.unwrap();
    assert_eq!((live.labels().get("flag").map(String::as_str), live.spec.as_ref().unwrap().replicas), (Some("falco"), Some(0)));
    let policies = Api::<NetworkPolicy>::namespaced(admin.clone(), "shop-granted");
    assert!(policies.get_opt(&format!("zen-quarantine-{cut_off}")).await.unwrap().is_some());
    for (action, kind, name) in [
        ("annotate", "Deployment", "web"),
        ("set-image", "Deployment", "web"),
        ("restart", "Deployment", "web"),
        ("suspend", "CronJob", "nightly"),
        ("cordon", "Pod", "on-node"),
        ("delete-pod", "Pod", "web-1"),
        ("evict", "Pod", "web-2"),
    ] {
        let item = ended(&agent, &send(&agent, action, "shop-granted", kind, name).await).await;
        assert_eq!(item.status, Status::Succeeded, "{action}: {item:?}");
    }
    // Set on what is there, and created.
    let config = json!({ "metadata": { "name": "there" }, "data": { "a": "1" } });
    let configs = Api::<ConfigMap>::namespaced(admin.clone(), "shop-granted");
    configs.create(&PostParams::default(), &serde_json::from_value(config).unwrap()).await.unwrap();
    let mut applied = Vec::new();
    for name in ["there", "absent"] {
        let task = json!({
            "execution_id": name, "tenant_id": TENANT, "cluster_id": CLUSTER, "remediation_id": name, "action": "apply",
            "target": { "apiVersion": "v1", "kind": "ConfigMap", "namespace": "shop-granted", "name": name },
            "params": { "manifest": format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}, data: {{b: '2'}}}}") },
        });
        let receipt = agent.client.stable.apply_remediation(&id(), &serde_json::from_value(task).unwrap()).await.unwrap().into_inner();
        let item = ended(&agent, &receipt.remediation).await;
        assert_eq!(item.status, Status::Succeeded, "{item:?}");
        assert_eq!(configs.get(name).await.unwrap().data.unwrap()["b"], "2");
        applied.push(receipt.remediation);
    }
    let node = Api::<Node>::all(admin.clone()).get("node-granted").await.unwrap();
    assert_eq!(node.spec.unwrap().unschedulable, Some(true));
    // Events on the target, in its namespace.
    let events = Api::<k8s_openapi::api::events::v1::Event>::namespaced(admin.clone(), "shop-granted");
    let begun = Instant::now();
    while events
        .list(&ListParams::default())
        .await
        .unwrap()
        .items
        .iter()
        .filter(|e| e.reason.as_deref() == Some("RemediationSucceeded"))
        .count()
        < ActionKind::ALL.len()
    {
        assert!(begun.elapsed() < DEADLINE, "the Events do not come");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await; // pacing of a poll with a deadline
    }
    // And set back, and deleted.
    for name in &applied {
        let why = serde_json::from_value(json!({ "reason": "not wanted after all" })).unwrap();
        agent.client.alpha.rollback_remediation(name, &id(), &why).await.unwrap();
        let begun = Instant::now();
        while agent.client.stable.get_remediation(name, &id()).await.unwrap().status != Status::RolledBack {
            assert!(begun.elapsed() < DEADLINE, "it is not undone");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await; // pacing of a poll with a deadline
        }
    }
    assert_eq!(configs.get("there").await.unwrap().data.unwrap().keys().collect::<Vec<_>>(), ["a"]);
    assert!(configs.get_opt("absent").await.unwrap().is_none());
    // What an operator does by the API: list, and clean up.
    assert_eq!(
        agent.client.stable.list_remediations(None, None, None, None, None, None, &id()).await.unwrap().items.len(),
        ActionKind::ALL.len() + 1
    );
    // What was rolled back stays.
    let cleaned = agent.client.stable.cleanup_remediations(None, Some("0s"), None, &id()).await.unwrap().into_inner();
    assert_eq!(cleaned.deleted, ActionKind::ALL.len() as u64 - 1, "{cleaned:?}");
    // Several patches, of each of which the agent makes a remediation.
    let patch = |name: &str| json!({ "apiVersion": "v1", "kind": "ConfigMap", "namespace": "shop-granted", "name": name, "patch": "data: { c: d }" });
    let series = json!({ "patches": [patch("one"), patch("two")], "approvedBy": "alice", "approvedAt": "2026-01-01T00:00:00Z" });
    let series = ZenAgentRemediation::new("series", serde_json::from_value(series).unwrap());
    Api::<ZenAgentRemediation>::namespaced(admin.clone(), "granted").create(&PostParams::default(), &series).await.unwrap();
    let item = ended(&agent, "series").await;
    assert_eq!(item.status, Status::Succeeded, "{item:?}");
    assert_eq!(configs.get("two").await.unwrap().data.unwrap()["c"], "d");

    let log = agent.stop();
    playing.abort();
    let (lines, after) = refusals(&admin).await;
    assert_eq!(after - before, 0.0, "{lines:#?}");
    assert!(!log.to_lowercase().contains("forbidden"), "{log}");
}

/// Answers each attempt to put a pod there into quarantine with 403, as a webhook for admission may.
async fn refuse_quarantine(release: &Release, admin: &Client, namespace: &str) {
    let group = "admissionregistration.k8s.io/v1";
    let refusal = json!({
        "apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": { "name": "no-quarantine" },
        "spec": {
            "matchConstraints": { "resourceRules": [
                { "apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["pods"] },
            ] },
            "validations": [{
                "expression": format!("!has(object.metadata.labels) || !('{QUARANTINE_LABEL}' in object.metadata.labels)"),
                "message": "no quarantine here", "reason": "Forbidden",
            }],
        },
    });
    let there = json!({
        "apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": { "name": "no-quarantine" },
        "spec": {
            "policyName": "no-quarantine", "validationActions": ["Deny"],
            "matchResources": { "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } } },
        },
    });
    release.kubectl(&["apply", "-f", "-"], &json!({ "apiVersion": "v1", "kind": "List", "items": [refusal, there] }));
    // The server takes a moment to go by it.
    let (pods, begun) = (Api::<Pod>::namespaced(admin.clone(), namespace), Instant::now());
    let (dry, label) =
        (PatchParams { dry_run: true, ..PatchParams::default() }, json!({ "metadata": { "labels": { QUARANTINE_LABEL: "x" } } }));
    while pods.patch("web-1", &dry, &Patch::Merge(&label)).await.is_ok() {
        assert!(begun.elapsed() < DEADLINE, "the server does not refuse it");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await; // pacing of a poll with a deadline
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_hold_is_undone_with_what_the_chart_grants_and_no_call_is_refused_by_rbac() {
    let _alone = ALONE.lock().await;
    let control = control_plane().await;
    let admin = control.client().await;
    workload(&admin, "shop-undone").await;
    // Without labels, which would need more permissions than a scale does.
    let mut policy = policy();
    policy["rules"].as_array_mut().unwrap().remove(0);
    policy["rules"][0]["mode"] = "propose".into();
    let values = json!({ "policy": policy, "targetNamespaces": ["shop-undone"], "enabledActions": ["network-quarantine", "scale"] });
    let release = Release::install(control, "undone", &values).await;
    let (_, before) = refusals(&admin).await;
    let deletions = written(&admin, "DELETE").await;
    let agent = release.start(&[("VALIDATION_TIMEOUT", "2s")]);
    let approve = async |name: &str| {
        let reason: Decision = serde_json::from_value(json!({ "reason": "seen it" })).unwrap();
        agent.client.stable.approve_remediation(name, &id(), &reason).await.unwrap();
        ended(&agent, name).await
    };

    // A person has a quarantine lifted: the policy is deleted.
    let cut_off = send(&agent, "quarantine", "shop-undone", "Pod", "web-1").await;
    let item = approve(&cut_off).await;
    assert_eq!(item.status, Status::Succeeded, "{item:?}");
    let policies = Api::<NetworkPolicy>::namespaced(admin.clone(), "shop-undone");
    assert_eq!(policies.list(&ListParams::default()).await.unwrap().items.len(), 1);
    let why = serde_json::from_value(json!({ "reason": "a false alarm" })).unwrap();
    agent.client.alpha.rollback_remediation(&cut_off, &id(), &why).await.unwrap();
    let begun = Instant::now();
    while agent.client.stable.get_remediation(&cut_off, &id()).await.unwrap().status != Status::RolledBack {
        assert!(begun.elapsed() < DEADLINE, "it is not undone");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await; // pacing of a poll with a deadline
    }
    assert!(policies.list(&ListParams::default()).await.unwrap().items.is_empty());
    assert_eq!(written(&admin, "DELETE").await - deletions, 1.0);

    // What admission refuses ends before anybody is asked, with its words, and without a policy.
    refuse_quarantine(&release, &admin, "shop-undone").await;
    let item = ended(&agent, &send(&agent, "quarantine", "shop-undone", "Pod", "web-1").await).await;
    assert_eq!((item.status, item.reason.as_deref()), (Status::Failed, Some("Forbidden")), "{item:?}");
    assert!(item.message.unwrap().contains("no quarantine here"));
    assert!(policies.list(&ListParams::default()).await.unwrap().items.is_empty());

    // Nobody plays the Deployment's controller.
    let item = approve(&send(&agent, "scale", "shop-undone", "Deployment", "web").await).await;
    assert_eq!((item.status, item.reason.as_deref()), (Status::RolledBack, Some("ValidationTimedOut")), "{item:?}");
    let live = Api::<Deployment>::namespaced(admin.clone(), "shop-undone").get("web").await.unwrap();
    assert_eq!((live.spec.unwrap().replicas, live.metadata.generation), (Some(3), Some(3)));

    agent.stop();
    let (lines, after) = refusals(&admin).await;
    assert_eq!(after - before, 0.0, "{lines:#?}");
    // And what scales cannot change what runs.
    let account = controlplane::client(&release.kubeconfig()).await;
    // The remediation's own policy, which somebody opened, is repaired.
    assert!(allowed(&account, "update networking.k8s.io:networkpolicies shop-undone").await);
    for workload in ["deployments", "statefulsets", "replicasets"] {
        assert!(allowed(&account, &format!("patch apps:{workload}/scale shop-undone")).await, "{workload}");
        for verb in ["patch", "update"] {
            assert!(!allowed(&account, &format!("{verb} apps:{workload} shop-undone")).await, "{verb} {workload}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_create_in_their_namespaces_is_done_where_all_are_watched_and_no_call_is_refused() {
    let _alone = ALONE.lock().await;
    let control = control_plane().await;
    let admin = control.client().await;
    workload(&admin, "shop-watched").await;
    space(&admin, "team").await;
    let values = json!({ "policy": policy(), "watchAllNamespaces": true, "targetNamespaces": ["shop-watched"] });
    let release = Release::install(control, "watched", &values).await;
    let (_, before) = refusals(&admin).await;
    let agent = release.start(&[]);
    let theirs = Api::<ZenAgentRemediation>::namespaced(admin.clone(), "team");
    let wanted = json!({
        "apiVersion": "zen.kube-zen.io/v1", "kind": "ZenAgentRemediation", "metadata": { "name": "theirs" },
        "spec": {
            "target": { "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop-watched", "name": "web" },
            "action": { "label": { "labels": { "flag": "team" } } }, "mode": "automatic",
        },
    });
    theirs.create(&PostParams::default(), &serde_json::from_value(wanted).unwrap()).await.unwrap();
    let begun = Instant::now();
    let status = loop {
        let item = theirs.get("theirs").await.unwrap();
        if item.phase().is_terminal() {
            break item.status.unwrap();
        }
        assert!(begun.elapsed() < DEADLINE, "it did not end: {item:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await; // pacing of a poll with a deadline
    };
    assert_eq!(status.phase, Some(Phase::Succeeded), "{status:?}");
    let live = Api::<Deployment>::namespaced(admin.clone(), "shop-watched").get("web").await.unwrap();
    assert_eq!(live.labels().get("flag").map(String::as_str), Some("team"));
    let own = send(&agent, "label", "shop-watched", "Pod", "web-1").await;
    assert_eq!(ended(&agent, &own).await.status, Status::Succeeded);

    let log = agent.stop();
    let (lines, after) = refusals(&admin).await;
    assert_eq!(after - before, 0.0, "{lines:#?}");
    assert!(!log.to_lowercase().contains("forbidden"), "{log}");
}
