//! The main job, by the command line that the README shows.

use embedded_kube::{EmbeddedKube, Options};
use k8s_openapi::api::{apps::v1::Deployment, networking::v1::NetworkPolicy};
use kube::Api;
use serde_json::Value;

use super::{Agent, cli, client, ended, planned};

/// Outcome and reason of each event.
type Results = &'static [(&'static str, &'static str)];

/// Tool, sample, and what the receipt says.
const RECEIPTS: [(&str, &str, Results); 14] = [
    ("falco", "falco-internal-drop.json", &[("ignored", "no_target")]),
    ("falco", "falco-k8s-audit.json", &[("created", "")]),
    ("falco", "falco-minimal.json", &[("ignored", "no_target")]),
    ("falco", "falco-outbound-c2.json", &[("created", "")]),
    ("falco", "falco-shell-in-container.json", &[("created", "")]),
    ("falco", "falcosidekick-event.json", &[("created", "")]),
    ("kyverno", "kyverno-policyreport.json", &[("ignored", "pass"), ("created", "")]),
    ("kyverno", "policy-reporter-heartbeat.json", &[("ignored", "heartbeat")]),
    ("kyverno", "policy-reporter-result.json", &[("created", "")]),
    ("trivy", "trivy-cli-config.json", &[("ignored", "no_target")]),
    ("trivy", "trivy-cli-image.json", &[("ignored", "no_target")]),
    ("trivy", "trivy-operator-configauditreport.json", &[("ignored", "below_threshold")]),
    ("trivy", "trivy-operator-update-envelope.json", &[("created", "")]),
    ("trivy", "trivy-operator-vulnerabilityreport.json", &[("created", "")]),
];

fn path(sample: &str) -> String {
    format!("{}/tests/samples/{sample}", env!("CARGO_MANIFEST_DIR"))
}

fn name_of(receipt: &Value) -> String {
    receipt["results"][0]["remediation"].as_str().expect("a name").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_ends_in_the_right_receipt() {
    let state = tempfile::tempdir().unwrap();
    let _agent = Agent::dev(state.path(), &[]);
    for (tool, sample, expected) in RECEIPTS {
        let receipt = cli(state.path(), &["send", tool, &path(sample)]);
        let text = |result: &Value, field: &str| result[field].as_str().unwrap_or_default().to_owned();
        let results: Vec<_> = receipt["results"].as_array().unwrap().iter().map(|r| (text(r, "outcome"), text(r, "reason"))).collect();
        let expected: Vec<_> = expected.iter().map(|(outcome, reason)| ((*outcome).to_owned(), (*reason).to_owned())).collect();
        assert_eq!(results, expected, "{sample}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_c2_connection_ends_with_the_pod_cut_off_and_the_policy_in_the_store() {
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::dev(state.path(), &[]);
    let name = name_of(&cli(state.path(), &["send", "falco", &path("falco-outbound-c2.json")]));
    let item = ended(&client(state.path(), &agent), &name).await;
    assert_eq!((item.status.to_string().as_str(), item.reason.as_deref()), ("succeeded", Some("Validated")));
    agent.kill();
    let store = EmbeddedKube::open(&state.path().join("kubernetes"), Options::default()).unwrap();
    let policies: Api<NetworkPolicy> = Api::namespaced(store.client("jobs"), "jobs");
    let policy = policies.list(&Default::default()).await.unwrap().items.remove(0);
    let spec = policy.spec.unwrap();
    assert_eq!(spec.policy_types, Some(vec!["Ingress".to_owned(), "Egress".to_owned()]));
    assert_eq!((spec.ingress, spec.egress), (None, None), "nothing is allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_scale_to_zero_succeeds() {
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::dev(state.path(), &[]);
    let name = name_of(&cli(state.path(), &["send", "trivy", &path("trivy-operator-vulnerabilityreport.json")]));
    planned(&client(state.path(), &agent), &name).await;
    let waiting = cli(state.path(), &["get", &name]);
    assert_eq!((&waiting["status"], &waiting["approval"]["state"]), (&"pending".into(), &"waiting".into()));
    let plan = cli(state.path(), &["plan", &name]);
    assert_eq!((&plan["recorded"], &plan["digest"]), (&true.into(), &waiting["plan_digest"]));
    assert_eq!((&plan["changes"][0]["former"], &plan["changes"][0]["patch"]), (&replicas_of(3), &replicas_of(0)));
    cli(state.path(), &["approve", &name, "--reason", "seen it"]);
    let item = ended(&client(state.path(), &agent), &name).await;
    assert_eq!(item.status.to_string(), "succeeded");
    assert_eq!(item.approval.reason.as_deref(), Some("seen it"));
    agent.kill();
    assert_eq!(replicas(state.path()).await, Some(0));
}

fn replicas_of(replicas: i32) -> serde_json::Value {
    serde_json::json!({ "spec": { "replicas": replicas } })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_succeeded_is_undone_and_what_was_undone_is_not_undone_again() {
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::dev(state.path(), &[]);
    let name = name_of(&cli(state.path(), &["send", "trivy", &path("trivy-operator-vulnerabilityreport.json")]));
    cli(state.path(), &["approve", &name]);
    ended(&client(state.path(), &agent), &name).await;
    cli(state.path(), &["rollback", &name, "--reason", "the shop needs it"]);
    let undone = async {
        while cli(state.path(), &["get", &name])["status"] != "rolled_back" {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await; // pacing of a poll with a deadline
        }
    };
    tokio::time::timeout(super::DEADLINE, undone).await.expect("it is undone");
    let undone = cli(state.path(), &["rollback", &name]);
    assert_eq!((&undone["status"], &undone["reason"]), (&"rolled_back".into(), &"RollbackRequested".into()));
    agent.kill();
    assert_eq!(replicas(state.path()).await, Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_validation_cannot_hold_three_replicas_come_back() {
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::dev(state.path(), &["--frozen-workloads"]);
    let name = name_of(&cli(state.path(), &["send", "trivy", &path("trivy-operator-vulnerabilityreport.json")]));
    cli(state.path(), &["approve", &name]);
    let item = ended(&client(state.path(), &agent), &name).await;
    assert_eq!(item.status.to_string(), "rolled_back", "{item:?}");
    agent.kill();
    assert_eq!(replicas(state.path()).await, Some(3));
}

async fn replicas(state: &std::path::Path) -> Option<i32> {
    let store = EmbeddedKube::open(&state.join("kubernetes"), Options::default()).unwrap();
    let deployments: Api<Deployment> = Api::namespaced(store.client("default"), "default");
    deployments.get("nginx").await.unwrap().spec.unwrap().replicas
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_proposal_ends_and_stays_ended() {
    let state = tempfile::tempdir().unwrap();
    let agent = Agent::dev(state.path(), &[]);
    let name = name_of(&cli(state.path(), &["send", "kyverno", &path("policy-reporter-result.json")]));
    let rejected = cli(state.path(), &["reject", &name, "--reason", "false alarm"]);
    assert_eq!((&rejected["status"], &rejected["reason"]), (&"failed".into(), &"Rejected".into()));
    let client = client(state.path(), &agent);
    let late = zen_agent::contract::v0::types::Decision { reason: "changed my mind".to_owned(), plan_digest: None };
    let refused = client.stable.approve_remediation(&name, &super::id(), &late).await.expect_err("it has ended");
    assert_eq!(refused.status().map(|status| status.as_u16()), Some(409));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_shows_what_there_is_and_what_becomes_of_it() {
    use futures::StreamExt;
    let state = tempfile::tempdir().unwrap();
    let agent = Agent::dev(state.path(), &[]);
    let client = client(state.path(), &agent);
    let first = name_of(&cli(state.path(), &["send", "kyverno", &path("policy-reporter-result.json")]));
    let stream = client.alpha.watch_remediations(None, None, None, None, Some(60), None, &super::id()).await.unwrap();
    let mut stream = stream.into_inner();
    let second = name_of(&cli(state.path(), &["send", "falco", &path("falco-outbound-c2.json")]));
    let mut text = String::new();
    let wanted = |text: &str| text.contains(&first) && text.contains(&second) && text.contains("\"status\":\"succeeded\"");
    let read = async {
        while !wanted(&text) {
            text.push_str(&String::from_utf8_lossy(&stream.next().await.unwrap().unwrap()));
        }
    };
    tokio::time::timeout(super::DEADLINE, read).await.expect("both are shown");
}
