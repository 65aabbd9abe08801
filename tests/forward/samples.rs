//! What the tools really send arrives, and becomes what it does when it is sent signed.

use serde_json::Value;
use zen_agent::contract::v0::types::Outcome;

use super::{Ground, arrived, everything, expected, metric, post, receipt, sample, taken, until, until_delivered};

/// Tool, sample, and how many remediations it becomes.
const SAMPLES: [(&str, &str, usize); 14] = [
    ("falco", "falco-internal-drop.json", 0),
    ("falco", "falco-k8s-audit.json", 1),
    ("falco", "falco-minimal.json", 0),
    ("falco", "falco-outbound-c2.json", 1),
    ("falco", "falco-shell-in-container.json", 1),
    ("falco", "falcosidekick-event.json", 1),
    ("kyverno", "kyverno-policyreport.json", 1),
    ("kyverno", "policy-reporter-heartbeat.json", 0),
    ("kyverno", "policy-reporter-result.json", 1),
    ("trivy", "trivy-cli-config.json", 0),
    ("trivy", "trivy-cli-image.json", 0),
    ("trivy", "trivy-operator-configauditreport.json", 0),
    ("trivy", "trivy-operator-update-envelope.json", 1),
    ("trivy", "trivy-operator-vulnerabilityreport.json", 1),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_arrives_and_becomes_what_it_should() {
    let ground = Ground::new();
    let client = ground.client();
    let mut wanted = 0;
    for (tool, name, remediations) in SAMPLES {
        let request_id = taken(&ground.forwarder, tool, sample(name)).await;
        wanted += remediations;
        let line = format!("zen_agent_forward_delivered_total{{tool=\"{tool}\"}}");
        let so_far = SAMPLES.iter().take_while(|(_, other, _)| *other != name).filter(|(other, ..)| *other == tool).count();
        #[expect(clippy::cast_precision_loss, reason = "a few")]
        until(name, async || metric(&ground.forwarder, &line).await == (so_far + 1) as f64).await;
        let objects = everything(&client).await;
        assert_eq!(objects.len(), wanted, "{name}: {objects:?}");
        let mut sent: Value = serde_json::from_slice(&sample(name)).unwrap();
        without_volatile(&mut sent);
        let sent = sent.to_string();
        assert_eq!(expected(tool, sent.as_bytes()).0, request_id, "{name}");
        if remediations > 0 {
            assert_eq!(arrived(&client, tool, sent.as_bytes()).await.len(), remediations, "{name}");
        }
    }
}

/// What of these samples is not sent.
fn without_volatile(event: &mut Value) {
    event.as_object_mut().unwrap().remove("uuid");
    if let Some(metadata) = event.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|name, _| name != "resourceVersion" && name != "generation");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_finding_is_one_remediation_however_it_is_written_and_however_often() {
    let ground = Ground::new();
    let event: Value = serde_json::from_slice(&sample("falco-outbound-c2.json")).unwrap();
    let mut of_sidekick = event.clone();
    of_sidekick["uuid"] = "7de2aebb-cc5b-4029-9fa5-c13406446e7e".into();
    let spellings = [event.to_string(), serde_json::to_string_pretty(&event).unwrap(), of_sidekick.to_string()];
    let mut ids = std::collections::BTreeSet::new();
    for body in spellings.iter().chain(&spellings) {
        ids.insert(taken(&ground.forwarder, "falco", body.clone()).await);
    }
    assert_eq!(ids.len(), 1);
    let report = |version: &str| {
        let mut report: Value = serde_json::from_slice(&sample("trivy-operator-vulnerabilityreport.json")).unwrap();
        report["metadata"]["resourceVersion"] = version.into();
        report["metadata"]["managedFields"] = serde_json::json!([{ "manager": "trivy-operator", "time": version }]);
        report.to_string()
    };
    let of_reports = [taken(&ground.forwarder, "trivy", report("1")).await, taken(&ground.forwarder, "trivy", report("2")).await];
    assert_eq!(of_reports[0], of_reports[1]);
    until_delivered(&ground.forwarder).await;
    assert_eq!(everything(&ground.client()).await.len(), 2);
    // The tenant, the tool and the bytes make the id: another event is another remediation.
    let other = super::event(7);
    let receipt_of_other = receipt(&ground.client(), "falco", &expected("falco", &other).0, String::from_utf8(other).unwrap()).await;
    assert_eq!(receipt_of_other.results[0].outcome, Outcome::Created);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_refused_and_not_forwarded() {
    let ground = Ground::new();
    let (missing, _) = post(&ground.forwarder, "falco", r#"{"priority":"Critical"}"#).await;
    let (of_another, problem) = post(&ground.forwarder, "falco", sample("trivy-operator-vulnerabilityreport.json")).await;
    let (no_json, _) = post(&ground.forwarder, "falco", "{").await;
    let (elsewhere, _) = post(&ground.forwarder, "tetragon", "{}").await;
    let (too_large, _) = post(&ground.forwarder, "trivy", " ".repeat(10 << 20) + "{}").await;
    assert_eq!([missing, of_another, no_json, elsewhere, too_large], [422, 422, 400, 404, 413]);
    assert_eq!(problem["code"], "schema_violation");
    assert!(problem["violations"].as_array().is_some_and(|told| !told.is_empty()), "{problem}");
    let get = super::HTTP.get(format!("{}/falco", ground.forwarder.api)).send().await.unwrap();
    assert_eq!(get.status().as_u16(), 405);
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let request = super::HTTP.post(format!("{}/falco", ground.forwarder.api)).header("content-type", kind);
        assert_eq!(request.body(sample("falco-outbound-c2.json")).send().await.unwrap().status().as_u16(), 415);
    }
    assert_eq!(metric(&ground.forwarder, "zen_agent_forward_refused_total{code=\"schema_violation\"}").await, 2.0);
    assert_eq!(metric(&ground.forwarder, "zen_agent_forward_accepted_total{tool=\"falco\"}").await, 0.0);
    assert!(everything(&ground.client()).await.is_empty());
}
