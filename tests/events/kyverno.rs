//! Policy Reporter, and the report resources.

use jiff::Timestamp;
use serde_json::{Value, json};
use zen_agent::event::{Normalized, Scalar};

use super::{
    check, event,
    payload::{RECEIVED, Tool::Kyverno, normalize, sample, with, without},
    text,
};

#[test]
fn a_kyverno_result_keeps_rule_message_and_properties() {
    let event = event(Kyverno, sample("policy-reporter-result"));
    assert_eq!((event.source.as_str(), event.rule.as_str()), ("kyverno", "require-requests-and-limits-required"));
    assert_eq!(event.time, "2021-02-23T15:10:00Z".parse().unwrap());
    assert_eq!(event.facts["rule"], text("autogen-check-for-requests-and-limits"));
    assert_eq!(event.facts["engine"], text("Kyverno"));
    assert_eq!(event.facts["result"], text("fail"));
    assert_eq!(event.facts["properties.cluster"], text("dev"));
    assert!(matches!(&event.facts["message"], Scalar::Text(text) if text.starts_with("validation error")));
}

#[test]
fn each_result_of_a_policy_report_has_its_own_time_and_the_report_s_reference() {
    let Normalized::Event(event) = normalize(Kyverno, sample("kyverno-policyreport")).swap_remove(1) else { panic!("ignored") };
    assert_eq!(event.time, Timestamp::from_second(1_701_868_762).unwrap());
    let reference = "wgpolicyk8s.io/v1alpha2/PolicyReport/kube-system/487df031-11d8-4ab4-b089-dfc0db1e533e";
    assert_eq!(event.reference.as_deref(), Some(reference));
}

#[test]
fn everything_that_reports_kyverno_results_passes() {
    let nginx = "high apps/v1 Deployment default/nginx 536ab69f-1b3c-4bd9-9ba4-274a56188409";
    let medium = "medium apps/v1 Deployment default/nginx 536ab69f-1b3c-4bd9-9ba4-274a56188409";
    let result = || sample("policy-reporter-result");
    let empty = json!({"apiVersion": "", "kind": "", "name": "", "uid": ""});
    let pod = |name: &str| json!({"apiVersion": "v1", "kind": "Pod", "name": name});
    let report = |scope: Value, results: Value| {
        json!({"apiVersion": "wgpolicyk8s.io/v1alpha2", "kind": "PolicyReport", "metadata": {"name": "r", "namespace": "shop", "creationTimestamp": null},
            "scope": scope, "results": results, "summary": {"pass": 0, "fail": 1}})
    };
    let unknown_time = json!({"seconds": 0, "nanos": 0});
    let rows = vec![
        ("pass", Kyverno, with(result(), "/status", json!("pass")), vec!["pass"]),
        ("skip", Kyverno, with(result(), "/status", json!("skip")), vec!["skip"]),
        ("warn", Kyverno, with(result(), "/status", json!("warn")), vec![nginx]),
        ("error", Kyverno, with(result(), "/status", json!("error")), vec![nginx]),
        ("no severity", Kyverno, without(result(), "/severity"), vec![medium]),
        ("severity empty", Kyverno, with(result(), "/severity", json!("")), vec![medium]),
        (
            "severity info",
            Kyverno,
            with(result(), "/severity", json!("info")),
            vec!["info apps/v1 Deployment default/nginx 536ab69f-1b3c-4bd9-9ba4-274a56188409"],
        ),
        ("uid empty", Kyverno, with(result(), "/resource/uid", json!("")), vec!["high apps/v1 Deployment default/nginx"]),
        ("resource unknown", Kyverno, with(result(), "/resource", empty.clone()), vec!["no_target"]),
        ("resource unknown, and it passes", Kyverno, with(with(result(), "/resource", empty), "/status", json!("pass")), vec!["pass"]),
        (
            "cluster-scoped",
            Kyverno,
            with(result(), "/resource", json!({"apiVersion": "v1", "kind": "Namespace", "name": "shop", "uid": ""})),
            vec!["high v1 Namespace /shop"],
        ),
        (
            "no rule, message, properties",
            Kyverno,
            with(without(without(result(), "/rule"), "/message"), "/properties", Value::Null),
            vec![nginx],
        ),
        ("only what is required", Kyverno, json!({"policy": "p", "status": "fail", "resource": {}}), vec!["no_target"]),
        (
            "heartbeat with parameters",
            Kyverno,
            json!({"event": "heartbeat", "time": "2026-11-23T12:00:00+02:00", "cluster": "dev"}),
            vec!["heartbeat"],
        ),
        ("no results", Kyverno, without(sample("kyverno-policyreport"), "/results"), vec![]),
        ("results null", Kyverno, report(Value::Null, Value::Null), vec![]),
        (
            "scope null, resources",
            Kyverno,
            report(Value::Null, json!([{"policy": "p", "result": "fail", "resources": [pod("a")]}])),
            vec!["medium v1 Pod shop/a"],
        ),
        (
            "scope and resources",
            Kyverno,
            report(pod("s"), json!([{"policy": "p", "result": "warn", "severity": "low", "resources": [pod("a"), pod("b")]}])),
            vec!["low v1 Pod shop/a"],
        ),
        (
            "neither",
            Kyverno,
            report(
                Value::Null,
                json!([{"policy": "p", "result": "fail", "resources": null, "resourceSelector": {"matchLabels": {"a": "b"}}}]),
            ),
            vec!["no_target"],
        ),
        (
            "every outcome, in order",
            Kyverno,
            report(
                pod("s"),
                json!([{"policy": "a", "result": "skip"}, {"policy": "b", "result": "error", "timestamp": unknown_time}, {"policy": "c", "result": "pass", "timestamp": null}, {"policy": "d"}]),
            ),
            vec!["skip", "medium v1 Pod shop/s", "pass", "medium v1 Pod shop/s"],
        ),
        (
            "ClusterPolicyReport",
            Kyverno,
            json!({"apiVersion": "wgpolicyk8s.io/v1alpha2", "kind": "ClusterPolicyReport", "metadata": {"name": "r"}, "scope": {"apiVersion": "v1", "kind": "Node", "name": "node-1"}, "results": [{"policy": "p", "result": "fail"}]}),
            vec!["medium v1 Node /node-1"],
        ),
        (
            "openreports",
            Kyverno,
            json!({"apiVersion": "openreports.io/v1alpha1", "kind": "Report", "source": "kyverno", "metadata": {"name": "r", "namespace": "shop"}, "scope": pod("s"), "results": [{"source": "", "policy": "p", "result": "fail", "severity": "critical", "properties": {"process": "background scan"}}]}),
            vec!["critical v1 Pod shop/s"],
        ),
    ];
    check(rows);
}

#[test]
fn a_result_about_several_objects_is_one_event_that_says_how_many_more_there_are() {
    let object = |name: &str| json!({"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": name});
    let report = |scope: Value, resources: Value| {
        json!({"apiVersion": "wgpolicyk8s.io/v1alpha2", "kind": "PolicyReport", "scope": scope,
            "results": [{"policy": "p", "result": "fail", "resources": resources}]})
    };
    let rows = [
        (report(Value::Null, json!([object("a")])), "a", None),
        (report(Value::Null, json!([object("a"), object("b"), object("c")])), "a", Some(2)),
        (report(Value::Null, json!([{}, object("b")])), "b", Some(1)),
        (report(object("s"), json!([])), "s", None),
        (report(object("s"), json!([{}, {"kind": "Pod"}])), "s", Some(2)),
    ];
    for (body, name, more) in rows {
        let event = event(Kyverno, body.clone());
        assert_eq!(event.target.name, name, "{body}");
        assert_eq!(event.facts.get("more_resources"), more.map(|more: u64| Scalar::Number(more.into())).as_ref(), "{body}");
    }
}

#[test]
fn a_heartbeat_is_one_whatever_its_time_is() {
    for time in ["", "2026-11-23T12:00:00Z", "2026-11-23 12:00:00 +0000 UTC"] {
        check(vec![("heartbeat", Kyverno, json!({"event": "heartbeat", "time": time}), vec!["heartbeat"])]);
    }
}

#[test]
fn a_result_without_a_time_happened_when_it_was_received() {
    for time in ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"] {
        let body = with(sample("policy-reporter-result"), "/creationTimestamp", json!(time));
        assert_eq!(event(Kyverno, body).time, RECEIVED);
    }
}
