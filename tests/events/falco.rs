//! Falco and Falcosidekick.

use serde_json::{Value, json};
use zen_agent::event::Scalar;

use super::{
    check, event,
    payload::{Tool::Falco, sample, with, without},
    text,
};

#[test]
fn a_falco_event_keeps_its_fields_as_facts_exactly() {
    let event = event(Falco, sample("falco-outbound-c2"));
    assert_eq!((event.source.as_str(), event.rule.as_str()), ("falco", "Outbound Connection to C2 Servers"));
    assert_eq!(event.time, "2026-11-23T16:40:02.100000001Z".parse().unwrap());
    assert_eq!(event.reference, None);
    assert_eq!(event.facts["hostname"], text("node-2"));
    assert_eq!(event.facts["tags"], text("mitre_command_and_control,network"));
    assert_eq!(event.facts["evt.time"], Scalar::Number(1_795_452_002_100_000_001_i64.into()));
    assert_eq!(event.facts["fd.rport"], Scalar::Number(4444.into()));
    assert!(!event.facts.contains_key("user.name"), "null says nothing");
}

#[test]
fn everything_falco_and_falcosidekick_are_known_to_send_passes() {
    let shell = || sample("falco-shell-in-container");
    let web = "low v1 Pod shop/web-6d4cf56db6-x2x7p";
    let priority = |priority: &str| with(shell(), "/priority", json!(priority));
    let audit = |fields: Value| with(sample("falco-k8s-audit"), "/output_fields", fields);
    let falco = vec![
        ("no fields", Falco, without(shell(), "/output_fields"), vec!["no_target"]),
        ("fields null", Falco, with(shell(), "/output_fields", Value::Null), vec!["no_target"]),
        ("tags null", Falco, with(shell(), "/tags", Value::Null), vec![web]),
        ("no output", Falco, without(shell(), "/output"), vec![web]),
        ("message of newer releases", Falco, with(shell(), "/message", json!("A shell was spawned")), vec![web]),
        ("unknown field", Falco, with(shell(), "/severity_score", json!({"cvss": [1, 2]})), vec![web]),
        ("offset in time", Falco, with(shell(), "/time", json!("2026-11-23T18:31:56.746609046+02:00")), vec![web]),
        ("emergency", Falco, priority("Emergency"), vec!["critical v1 Pod shop/web-6d4cf56db6-x2x7p"]),
        ("alert", Falco, priority("ALERT"), vec!["critical v1 Pod shop/web-6d4cf56db6-x2x7p"]),
        ("error", Falco, priority("error"), vec!["high v1 Pod shop/web-6d4cf56db6-x2x7p"]),
        ("informational", Falco, priority("INFORMATIONAL"), vec!["info v1 Pod shop/web-6d4cf56db6-x2x7p"]),
        ("info", Falco, priority("Info"), vec!["info v1 Pod shop/web-6d4cf56db6-x2x7p"]),
        ("debug", Falco, priority("dEbUg"), vec!["info v1 Pod shop/web-6d4cf56db6-x2x7p"]),
        ("pod null", Falco, with(shell(), "/output_fields/k8s.pod.name", Value::Null), vec!["no_target"]),
        ("pod <NA>", Falco, with(shell(), "/output_fields/k8s.pod.name", json!("<NA>")), vec!["no_target"]),
        ("namespace empty", Falco, with(shell(), "/output_fields/k8s.ns.name", json!("")), vec!["no_target"]),
        ("a name that is none", Falco, with(shell(), "/output_fields/k8s.pod.name", json!("../secrets/token")), vec!["no_target"]),
        (
            "pod uid",
            Falco,
            with(shell(), "/output_fields/k8s.pod.uid", json!("0b5a0f5e-5b1f-4d8e-9b39-3a5d1c0e8a11")),
            vec!["low v1 Pod shop/web-6d4cf56db6-x2x7p 0b5a0f5e-5b1f-4d8e-9b39-3a5d1c0e8a11"],
        ),
        ("static pod", Falco, with(shell(), "/output_fields/k8s.pod.uid", json!("9f1c2d3e4b5a69788796a5b4c3d2e1f0")), vec![web]),
        (
            "fields of k8smeta",
            Falco,
            with(shell(), "/output_fields", json!({"k8smeta.ns.name": "shop", "k8smeta.pod.name": "web-1"})),
            vec!["low v1 Pod shop/web-1"],
        ),
        (
            "audited deployment",
            Falco,
            audit(json!({"ka.target.resource": "deployments", "ka.target.namespace": "shop", "ka.target.name": "web"})),
            vec!["medium apps/v1 Deployment shop/web"],
        ),
        (
            "audited list fields",
            Falco,
            audit(json!({"ka.target.resource": "pods", "ka.target.namespace": "shop", "ka.target.name": "web-1",
                "ka.req.pod.containers.image": ["nginx", "busybox"], "ka.req.pod.containers.privileged": [true, null]})),
            vec!["medium v1 Pod shop/web-1"],
        ),
        ("pod as a list", Falco, with(shell(), "/output_fields/k8s.pod.name", json!(["web-6d4cf56db6-x2x7p"])), vec!["no_target"]),
        (
            "audited exec",
            Falco,
            audit(
                json!({"ka.target.resource": "pods", "ka.target.subresource": "exec", "ka.target.namespace": "shop", "ka.target.name": "web-1"}),
            ),
            vec!["medium v1 Pod shop/web-1"],
        ),
        (
            "audited namespace",
            Falco,
            audit(json!({"ka.target.resource": "namespaces", "ka.target.namespace": "shop", "ka.target.name": "shop"})),
            vec!["medium v1 Namespace /shop"],
        ),
        (
            "audited generated name",
            Falco,
            audit(json!({"ka.target.resource": "pods", "ka.target.namespace": "shop", "ka.target.name": "<NA>", "ka.resp.name": "web-x7"})),
            vec!["medium v1 Pod shop/web-x7"],
        ),
        (
            "audited custom resource",
            Falco,
            audit(json!({"ka.target.resource": "widgets", "ka.target.namespace": "shop", "ka.target.name": "w"})),
            vec!["no_target"],
        ),
        ("audited list", Falco, audit(json!({"ka.target.resource": "secrets", "ka.target.namespace": "shop"})), vec!["no_target"]),
    ];
    check(falco);
}
