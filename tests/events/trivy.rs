//! The Trivy Operator's webhook and the Trivy CLI.

use serde_json::{Value, json};
use zen_agent::event::Scalar;

use super::{
    check, event,
    payload::{RECEIVED, Tool::Trivy, sample, with, without},
    text,
};

#[test]
fn a_trivy_report_is_kept_as_counts_findings_and_a_reference() {
    let event = event(Trivy, sample("trivy-operator-vulnerabilityreport"));
    assert_eq!((event.source.as_str(), event.rule.as_str()), ("trivy", "VulnerabilityReport"));
    let reference = "aquasecurity.github.io/v1alpha1/VulnerabilityReport/default/replicaset-nginx-6d4cf56db6-nginx";
    assert_eq!(event.reference.as_deref(), Some(reference));
    assert_eq!(event.time, RECEIVED, "the report has no time of its own");
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
