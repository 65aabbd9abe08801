//! What the tools send → what passes the contract → what it is in the words all tools share.

#![allow(clippy::unwrap_used, reason = "a test may stop where its premise fails")]

mod falco;
mod fields;
mod kyverno;
mod payload;
mod refused;
mod shipped;
mod trivy;
mod variants;

use payload::{Tool, normalize, sample, summary, violations};
use serde_json::{Value, json};
use zen_agent::event::{Normalized, Scalar, SecurityEvent};

use Tool::{Falco, Kyverno, Trivy};

/// One row: a name, the tool, its body, and one line for each event in it.
type Row = (&'static str, Tool, Value, Vec<&'static str>);

fn check(rows: Vec<Row>) {
    for (name, tool, body, wanted) in rows {
        assert_eq!(violations(tool, &body), Vec::<String>::new(), "{name}");
        assert_eq!(normalize(tool, body).iter().map(summary).collect::<Vec<_>>(), wanted, "{name}");
    }
}

fn event(tool: Tool, body: Value) -> SecurityEvent {
    match normalize(tool, body).swap_remove(0) {
        Normalized::Event(event) => *event,
        Normalized::Ignored(reason) => panic!("ignored: {reason:?}"),
    }
}

fn text(text: &str) -> Scalar {
    Scalar::Text(text.into())
}

#[test]
fn every_sample_is_understood() {
    let web = "low v1 Pod shop/web-6d4cf56db6-x2x7p";
    let nginx = "critical apps/v1 ReplicaSet default/nginx-6d4cf56db6 aa345200-cf24-443a-8f11-ddb438ff8659";
    let wordpress = "high apps/v1 ReplicaSet default/wordpress-84bbf6f4dd 536ab69f-1b3c-4bd9-9ba4-274a56188409";
    let api_server = "medium v1 Pod kube-system/kube-apiserver-kind-control-plane 487df031-11d8-4ab4-b089-dfc0db1e533e";
    check(vec![
        ("shell", Falco, sample("falco-shell-in-container"), vec![web]),
        ("c2", Falco, sample("falco-outbound-c2"), vec!["critical v1 Pod jobs/batch-0"]),
        ("audit", Falco, sample("falco-k8s-audit"), vec!["medium v1 Pod shop/debug"]),
        ("drop", Falco, sample("falco-internal-drop"), vec!["no_target"]),
        ("minimal", Falco, sample("falco-minimal"), vec!["no_target"]),
        ("sidekick", Falco, sample("falcosidekick-event"), vec!["medium v1 Pod default/web-1"]),
        ("vulnerabilities", Trivy, sample("trivy-operator-vulnerabilityreport"), vec![nginx]),
        ("update", Trivy, sample("trivy-operator-update-envelope"), vec![nginx]),
        ("audit", Trivy, sample("trivy-operator-configauditreport"), vec![wordpress]),
        ("image", Trivy, sample("trivy-cli-image"), vec!["no_target"]),
        ("config", Trivy, sample("trivy-cli-config"), vec!["no_target"]),
        ("report", Kyverno, sample("kyverno-policyreport"), vec!["pass", api_server]),
        (
            "result",
            Kyverno,
            sample("policy-reporter-result"),
            // Policy Reporter says `v1`; nothing answers to that.
            vec!["high apps/v1 Deployment default/nginx 536ab69f-1b3c-4bd9-9ba4-274a56188409"],
        ),
        ("heartbeat", Kyverno, sample("policy-reporter-heartbeat"), vec!["heartbeat"]),
    ]);
}

#[test]
fn a_batch_is_normalized_already_but_its_targets_are_still_checked() {
    let batch = json!({"cluster_id": "dev", "events": [
        {"source": "scanner", "rule": "r", "severity": "high", "time": "2026-11-23T10:00:00Z", "reference": "https://example.org/1",
         "target": {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web-1", "uid": "u-1"},
         "facts": {"n": 9_007_199_254_740_993_i64, "b": true, "s": "text"}},
        {"source": "scanner", "rule": "r", "severity": "high", "time": "2026-11-23T10:00:00Z"},
        {"source": "scanner", "rule": "r", "severity": "high", "time": "2026-11-23T10:00:00Z",
         "target": {"apiVersion": "v1", "kind": "Pod", "namespace": "..", "name": "web-1"}}]});
    let events = zen_agent::event::batch::normalize(serde_json::from_value(batch).unwrap());
    assert_eq!(events.iter().map(summary).collect::<Vec<_>>(), ["high v1 Pod shop/web-1 u-1", "no_target", "no_target"]);
    let Normalized::Event(event) = &events[0] else { panic!("ignored") };
    assert_eq!(event.facts["n"], Scalar::Number(9_007_199_254_740_993_i64.into()));
    assert_eq!((&event.facts["b"], &event.facts["s"]), (&Scalar::Bool(true), &text("text")));
    assert_eq!(event.reference.as_deref(), Some("https://example.org/1"));
}

#[test]
fn what_is_kept_of_a_report_is_small_however_large_it_is() {
    for (tool, name) in [
        (Falco, "falco-shell-in-container"),
        (Trivy, "trivy-operator-configauditreport"),
        (Kyverno, "policy-reporter-result"),
        (Kyverno, "kyverno-policyreport"),
    ] {
        let body = sample(name);
        let bytes = body.to_string().len();
        for event in normalize(tool, body) {
            let Normalized::Event(event) = event else { continue };
            let kept = serde_json::to_string(&event.facts).unwrap().len();
            assert!(kept < 1_024, "{name}: {kept} of {bytes} bytes");
        }
    }
}
