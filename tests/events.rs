//! What the tools send → what passes the contract → what it is in the words all tools share.

#![allow(clippy::unwrap_used, reason = "a test may stop where its premise fails")]

mod payload;

use jiff::Timestamp;
use payload::{Tool, normalize, sample, summary, violations, with, without};
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
fn a_trivy_report_is_kept_as_counts_findings_and_a_reference() {
    let event = event(Trivy, sample("trivy-operator-vulnerabilityreport"));
    assert_eq!((event.source.as_str(), event.rule.as_str()), ("trivy", "VulnerabilityReport"));
    let reference = "aquasecurity.github.io/v1alpha1/VulnerabilityReport/default/replicaset-nginx-6d4cf56db6-nginx";
    assert_eq!(event.reference.as_deref(), Some(reference));
    assert_eq!(event.time, payload::RECEIVED, "the report has no time of its own");
    assert_eq!(event.facts["criticalCount"], Scalar::Number(2.into()));
    assert_eq!(event.facts["artifact"], text("library/nginx:1.16"));
    assert_eq!(event.facts["registry"], text("index.docker.io"));
    assert_eq!(event.facts["scanner"], text("Trivy 0.72.0"));
    assert_eq!(event.facts["container"], text("nginx"));
    assert_eq!(event.facts["findings"], text("CVE-2019-20367,CVE-2018-25009"));
}

#[test]
fn a_failed_check_is_named_and_a_passed_one_is_not() {
    let mut body = sample("trivy-operator-configauditreport");
    body["report"]["checks"][4]["success"] = json!(true);
    let event = event(Trivy, body);
    assert_eq!(event.facts["findings"], text("KSV001,KSV012,KSV104,KSV003,KSV011"), "the worst first");
}

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
fn everything_a_tool_is_known_to_send_passes() {
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

#[test]
fn every_kind_of_trivy_report_passes() {
    let nginx = "critical apps/v1 ReplicaSet default/nginx-6d4cf56db6 aa345200-cf24-443a-8f11-ddb438ff8659";
    let report = || sample("trivy-operator-vulnerabilityreport");
    let counted = |counts: Value| with(without(report(), "/report/vulnerabilities"), "/report/summary", counts);
    let about = |severity: &'static str| match severity {
        "high" => "high apps/v1 ReplicaSet default/nginx-6d4cf56db6 aa345200-cf24-443a-8f11-ddb438ff8659",
        "low" => "low apps/v1 ReplicaSet default/nginx-6d4cf56db6 aa345200-cf24-443a-8f11-ddb438ff8659",
        "info" => "info apps/v1 ReplicaSet default/nginx-6d4cf56db6 aa345200-cf24-443a-8f11-ddb438ff8659",
        _ => nginx,
    };
    let of = |kind: &str, labels: Value, report: Value| {
        json!({"apiVersion": "aquasecurity.github.io/v1alpha1", "kind": kind,
            "metadata": {"name": "r", "labels": labels, "creationTimestamp": null, "ownerReferences": null, "annotations": null},
            "report": report})
    };
    let resource = |kind: &str, name: &str, namespace: &str| json!({"trivy-operator.resource.kind": kind, "trivy-operator.resource.name": name, "trivy-operator.resource.namespace": namespace});
    let check_ = |severity: &str, success: bool| json!({"checkID": "KSV041", "severity": severity, "success": success, "title": "t", "category": "c", "messages": null, "scope": null});
    let summary = json!({"criticalCount": 0, "highCount": 0, "mediumCount": 0, "lowCount": 0});
    let many: Vec<_> = (0..5_000).map(|i| json!({"vulnerabilityID": format!("CVE-2026-{i}"), "severity": "HIGH", "links": null, "score": null, "cvss": null, "publishedDate": ""})).collect();
    let rows = vec![
        ("summary of zeros and a list", Trivy, with(report(), "/report/summary", summary.clone()), vec![nginx]),
        ("no summary", Trivy, without(report(), "/report/summary"), vec![nginx]),
        ("nothing found", Trivy, counted(summary.clone()), vec![about("info")]),
        ("high", Trivy, counted(json!({"highCount": 1, "lowCount": 3})), vec![about("high")]),
        ("low", Trivy, counted(json!({"lowCount": 3, "noneCount": 0})), vec![about("low")]),
        ("only unknown", Trivy, counted(json!({"unknownCount": 3})), vec![about("info")]),
        ("list null", Trivy, with(report(), "/report/vulnerabilities", Value::Null), vec![nginx]),
        ("5,000 vulnerabilities", Trivy, with(counted(summary.clone()), "/report/vulnerabilities", json!(many)), vec![about("high")]),
        ("time", Trivy, with(report(), "/report/updateTimestamp", json!("2026-11-23T10:00:00Z")), vec![nginx]),
        ("time null", Trivy, with(report(), "/report/updateTimestamp", Value::Null), vec![nginx]),
        ("end of life", Trivy, with(report(), "/report/os/eosl", json!(true)), vec![nginx]),
        (
            "cvss",
            Trivy,
            with(report(), "/report/vulnerabilities/0/cvss", json!({"nvd": {"V3Vector": "CVSS:3.1/AV:N", "V3Score": 9, "V40Score": 9.3}})),
            vec![nginx],
        ),
        ("no labels", Trivy, with(report(), "/metadata/labels", Value::Null), vec![nginx]),
        ("no owner", Trivy, without(report(), "/metadata/ownerReferences"), vec!["critical apps/v1 ReplicaSet default/nginx-6d4cf56db6"]),
        ("neither", Trivy, without(without(report(), "/metadata/ownerReferences"), "/metadata/labels"), vec!["no_target"]),
        ("unknown field", Trivy, with(report(), "/report/exploits", json!([1])), vec![nginx]),
        ("envelope without verb", Trivy, json!({"operatorObject": report()}), vec![nginx]),
        ("deletion", Trivy, json!({"verb": "delete", "operatorObject": report()}), vec!["deleted_report"]),
        ("bare with a verb", Trivy, with(report(), "/verb", json!("delete")), vec![nginx]),
        (
            "ExposedSecretReport",
            Trivy,
            of(
                "ExposedSecretReport",
                resource("Pod", "web-1", "shop"),
                json!({"updateTimestamp": null, "summary": {}, "secrets": [{"ruleID": "aws", "severity": "CRITICAL", "match": "***", "target": "/app"}]}),
            ),
            vec!["critical v1 Pod shop/web-1"],
        ),
        (
            "RbacAssessmentReport",
            Trivy,
            of(
                "RbacAssessmentReport",
                resource("Role", "reader", "shop"),
                json!({"scanner": {}, "summary": summary, "checks": [check_("HIGH", false), check_("CRITICAL", true)]}),
            ),
            vec!["high rbac.authorization.k8s.io/v1 Role shop/reader"],
        ),
        (
            "ClusterRbacAssessmentReport of a name that is no label",
            Trivy,
            with(
                of(
                    "ClusterRbacAssessmentReport",
                    json!({"trivy-operator.resource.kind": "ClusterRole", "trivy-operator.resource.name-hash": "5b"}),
                    json!({"checks": [check_("LOW", false)]}),
                ),
                "/metadata/annotations",
                json!({"trivy-operator.resource.name": "system:node"}),
            ),
            vec!["low rbac.authorization.k8s.io/v1 ClusterRole /system:node"],
        ),
        (
            "InfraAssessmentReport",
            Trivy,
            of("InfraAssessmentReport", resource("Pod", "etcd-cp", "kube-system"), json!({"checks": [check_("MEDIUM", false)]})),
            vec!["medium v1 Pod kube-system/etcd-cp"],
        ),
        (
            "ClusterInfraAssessmentReport",
            Trivy,
            of("ClusterInfraAssessmentReport", resource("Node", "node-1", ""), json!({"checks": [check_("UNKNOWN", false)]})),
            vec!["info v1 Node /node-1"],
        ),
        (
            "ClusterConfigAuditReport",
            Trivy,
            of("ClusterConfigAuditReport", resource("Namespace", "shop", ""), json!({"checks": null})),
            vec!["info v1 Namespace /shop"],
        ),
        (
            "SbomReport",
            Trivy,
            of(
                "SbomReport",
                resource("StatefulSet", "batch", "jobs"),
                json!({"summary": {"componentsCount": 9, "dependenciesCount": 3}, "components": {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": []}}),
            ),
            vec!["info apps/v1 StatefulSet jobs/batch"],
        ),
        (
            "ClusterComplianceReport",
            Trivy,
            json!({"apiVersion": "aquasecurity.github.io/v1alpha1", "kind": "ClusterComplianceReport", "metadata": {"name": "k8s-nsa-1.0"},
                "spec": {"cron": "0 */6 * * *", "reportType": "summary", "compliance": {"id": "nsa"}},
                "status": {"updateTimestamp": "2026-11-23T10:00:00Z", "summary": {"failCount": 3, "passCount": 9}}}),
            vec!["no_target"],
        ),
        ("CLI, nothing found", Trivy, json!({"SchemaVersion": 2, "Results": null}), vec!["no_target"]),
        ("CLI, empty", Trivy, json!({"SchemaVersion": 2, "Results": []}), vec!["no_target"]),
        (
            "CLI, every class",
            Trivy,
            json!({"SchemaVersion": 2, "ArtifactType": "repository", "Metadata": {"OS": null}, "Results": [
                {"Target": "go.mod", "Class": "lang-pkgs", "Type": "gomod", "Vulnerabilities": null, "Packages": [{"ID": "x"}]},
                {"Target": "id_rsa", "Class": "secret", "Secrets": [{"RuleID": "private-key", "Severity": "HIGH", "StartLine": 1, "EndLine": 3, "Match": "***"}]},
                {"Target": "OS Packages", "Class": "license", "Licenses": [{"Severity": "UNKNOWN", "PkgName": "p", "Name": "MIT", "Confidence": 1, "FilePath": "", "Link": ""}]},
                {"Target": "x", "Class": "custom", "CustomResources": [{"Type": "t", "Data": 1}]}]}),
            vec!["no_target"],
        ),
    ];
    check(rows);
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
fn a_result_without_a_time_happened_when_it_was_received() {
    for time in ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"] {
        let body = with(sample("policy-reporter-result"), "/creationTimestamp", json!(time));
        assert_eq!(event(Kyverno, body).time, payload::RECEIVED);
    }
}

#[test]
fn what_a_tool_never_sends_is_refused_where_it_stands() {
    let falco = || sample("falco-shell-in-container");
    let trivy = || sample("trivy-operator-vulnerabilityreport");
    let envelope = || sample("trivy-operator-update-envelope");
    let cli = || sample("trivy-cli-image");
    let result = || sample("policy-reporter-result");
    let report = || sample("kyverno-policyreport");
    let rows = [
        (Falco, without(falco(), "/time"), "/time"),
        (Falco, without(falco(), "/rule"), "/rule"),
        (Falco, without(falco(), "/priority"), "/priority"),
        (Falco, without(falco(), "/source"), "/source"),
        (Falco, without(falco(), "/hostname"), "/hostname"),
        (Falco, with(falco(), "/priority", json!("Catastrophic")), "/priority"),
        (Falco, with(falco(), "/priority", json!("Criticality")), "/priority"),
        (Falco, with(falco(), "/time", json!("yesterday")), "/time"),
        (Falco, with(falco(), "/time", json!(1_795_451_516)), "/time"),
        (Falco, with(falco(), "/tags", json!("a,b")), "/tags"),
        (Falco, with(falco(), "/output", Value::Null), "/output"),
        (Falco, with(falco(), "/output_fields/proc.args", json!(["-i"])), "/output_fields/proc.args"),
        (Falco, json!([]), ""),
        (Trivy, json!({}), "/apiVersion"),
        (Trivy, without(trivy(), "/kind"), "/kind"),
        (Trivy, without(trivy(), "/metadata/name"), "/metadata/name"),
        (Trivy, without(trivy(), "/report"), "/report"),
        (Trivy, with(trivy(), "/report/summary/criticalCount", json!("2")), "/report/summary/criticalCount"),
        (Trivy, with(trivy(), "/report/summary/criticalCount", json!(-1)), "/report/summary/criticalCount"),
        (Trivy, with(trivy(), "/report/updateTimestamp", json!("")), "/report/updateTimestamp"),
        (Trivy, with(trivy(), "/report/vulnerabilities/1/severity", json!("SEVERE")), "/report/vulnerabilities/1/severity"),
        (Trivy, with(trivy(), "/metadata/labels/x", json!(1)), "/metadata/labels/x"),
        (Trivy, with(envelope(), "/verb", json!("create")), "/verb"),
        (Trivy, without(envelope(), "/operatorObject/report"), "/operatorObject/report"),
        (Trivy, without(cli(), "/SchemaVersion"), "/SchemaVersion"),
        (Trivy, without(cli(), "/Results"), "/Results"),
        (Trivy, with(cli(), "/Results", json!({})), "/Results"),
        (Trivy, with(cli(), "/Results/0/Vulnerabilities/0/PkgName", json!(1)), "/Results/0/Vulnerabilities/0/PkgName"),
        (Kyverno, json!({}), "/policy"),
        (Kyverno, with(sample("policy-reporter-heartbeat"), "/event", json!("hello")), "/event"),
        (Kyverno, without(result(), "/policy"), "/policy"),
        (Kyverno, without(result(), "/status"), "/status"),
        (Kyverno, without(result(), "/resource"), "/resource"),
        (Kyverno, with(result(), "/status", json!("failed")), "/status"),
        (Kyverno, with(result(), "/severity", json!("HIGH")), "/severity"),
        (Kyverno, with(result(), "/scored", json!("yes")), "/scored"),
        (Kyverno, with(result(), "/properties/n", json!(1)), "/properties/n"),
        (Kyverno, without(report(), "/apiVersion"), "/apiVersion"),
        (Kyverno, without(report(), "/kind"), "/kind"),
        (Kyverno, without(report(), "/results/1/policy"), "/results/1/policy"),
        (Kyverno, with(report(), "/results/0/result", json!("ok")), "/results/0/result"),
        (Kyverno, with(report(), "/results/0/timestamp", json!("2026-11-23T10:00:00Z")), "/results/0/timestamp"),
        (Kyverno, with(report(), "/scope", json!("pod")), "/scope"),
    ];
    for (tool, body, pointer) in rows {
        let found = violations(tool, &body);
        assert!(found.contains(&pointer.to_owned()), "{tool:?} {pointer}: {found:?}");
    }
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
