//! What breaks the contract, and where.

use serde_json::{Value, json};

use super::payload::{
    Tool::{Falco, Kyverno, Trivy},
    sample, violations, with, without,
};

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
        (Falco, with(falco(), "/output_fields/proc.args", json!({"0": "-i"})), "/output_fields/proc.args"),
        (Falco, with(falco(), "/output_fields/proc.args", json!([["-i"]])), "/output_fields/proc.args"),
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
