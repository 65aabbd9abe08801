//! The policy file of `serve` changes while it runs: a valid one holds from then on, of one that is not the former stays.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;
use zen_agent::{
    client::Client,
    contract::v0::types::{Remediation, Status},
    remediation::crd,
};

use crate::{
    agent::{Agent, DEADLINE, client, ended, id},
    ground::Ground,
    process::{serve, text},
};

const AUTOMATIC: &str = "default: { mode: automatic, action: { label: { labels: { by: first } } } }";
const PROPOSES: &str = "default: { mode: propose, action: { label: { labels: { by: second } } } }";
const THIRD: &str = "default: { mode: automatic, action: { label: { labels: { by: third } } } }";

/// As a mounted ConfigMap changes: all of it at once.
fn write(path: &Path, policy: &str) {
    let guardrails = "guardrails: { budget: \"off\", cooldown: \"off\", recurrence: \"off\", staleness: \"off\" }";
    let next = path.with_extension("next");
    fs::write(&next, format!("{policy}\n{guardrails}\n")).unwrap();
    fs::rename(next, path).unwrap();
}

/// The value of a metric's line.
fn metric(agent: &Agent, line: &str) -> f64 {
    let page = text(&agent.admin, "/metrics").unwrap();
    page.lines().find_map(|found| found.strip_prefix(line)?.trim().parse().ok()).unwrap_or_else(|| panic!("{line}: {page}"))
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < DEADLINE, "it does not come to this: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await; // pacing of a poll with a deadline
    }
}

/// The remediation of a finding that comes now.
async fn remediation(client: &Client) -> Remediation {
    let target = serde_json::json!({ "apiVersion": "v1", "kind": "Pod", "namespace": "jobs", "name": "batch-0" });
    let event =
        serde_json::json!({ "source": "scanner", "rule": "r", "severity": "high", "time": jiff::Timestamp::now(), "target": target });
    let body = serde_json::json!({ "cluster_id": zen_agent::dev::CLUSTER, "events": [event] }).to_string();
    let receipt = client.stable.ingest_events(&id(), body).await.unwrap().into_inner();
    let name = receipt.results[0].remediation.clone().unwrap();
    client.stable.get_remediation(&name, &id()).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_policy_holds_without_a_restart_and_an_invalid_one_leaves_the_former_in_force() {
    let ground = Ground::with(&crd()).await;
    let state = tempfile::tempdir().unwrap();
    let path = state.path().join("policy.yaml");
    write(&path, AUTOMATIC);
    let mut command = serve(&ground.control_plane().kubeconfig(), state.path(), "127.0.0.1:0");
    command.env("POLICY_FILE", &path);
    let agent = Agent::start(command);
    let client = client(state.path(), &agent);
    let (succeeded, failed) = ("zen_agent_policy_reloads_total{result=\"success\"}", "zen_agent_policy_reloads_total{result=\"failure\"}");
    let label = async || {
        let pods = controlplane::client(&ground.control_plane().kubeconfig()).await;
        let pod = kube::Api::<k8s_openapi::api::core::v1::Pod>::namespaced(pods, "jobs").get("batch-0").await.unwrap();
        pod.metadata.labels.unwrap_or_default().get("by").cloned()
    };
    assert_eq!(ended(&client, &remediation(&client).await.name).await.status, Status::Succeeded);
    assert_eq!(label().await.as_deref(), Some("first"));

    write(&path, PROPOSES);
    until("the second policy is in force", || metric(&agent, succeeded) >= 1.0).await;
    let proposed = remediation(&client).await;
    assert_eq!(proposed.status, Status::Pending);

    write(&path, "default: { mode: sometimes }");
    until("the third is refused", || metric(&agent, failed) >= 1.0).await;
    assert!(metric(&agent, "zen_agent_policy_last_reload_successful") == 0.0);
    let health: Value = serde_json::from_str(&text(&agent.admin, "/health").unwrap()).unwrap();
    assert!(health["status"] == "degraded" && health["degraded"]["policy"].is_string(), "{health}");
    assert_eq!(remediation(&client).await.status, Status::Pending);

    write(&path, THIRD);
    until("the fourth policy is in force", || metric(&agent, succeeded) >= 2.0).await;
    assert!(metric(&agent, "zen_agent_policy_last_reload_successful") == 1.0);
    assert_eq!(ended(&client, &remediation(&client).await.name).await.status, Status::Succeeded);
    assert_eq!(label().await.as_deref(), Some("third"), "what was proposed before waits for a person, and nobody came");
    let waits = client.stable.get_remediation(&proposed.name, &id()).await.unwrap().into_inner();
    assert_eq!(waits.status, Status::Pending);
}
