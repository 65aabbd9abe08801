//! The fields of each tool, listed by hand from what the tools' own source writes: the schemas
//! declare each with its type, and require no more than the list says.

use serde_json::{Value, json};

use super::payload::{
    Tool::{self, Falco, Kyverno, Trivy},
    violations,
};

/// A payload of which each part is there once, and what of it is required.
fn complete() -> Vec<(Tool, Value, &'static [&'static str])> {
    let time = "2026-11-23T16:40:02.100000001Z";
    let reference = json!({"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "u", "namespace": "n"});
    vec![
        (
            Falco,
            json!({"time": time, "rule": "r", "priority": "Notice", "source": "syscall", "hostname": "h", "output": "o", "message": "m",
                "output_fields": {"k": 1_795_452_002_100_000_001_i64}, "tags": ["t"], "uuid": "u"}),
            &["/time", "/rule", "/priority", "/source", "/hostname"],
        ),
        (
            Trivy,
            json!({"apiVersion": "aquasecurity.github.io/v1alpha1", "kind": "VulnerabilityReport",
                "metadata": {"name": "n", "namespace": "s", "labels": {"k": "v"}},
                "report": {
                    "updateTimestamp": time, "scanner": {"name": "Trivy", "vendor": "Aqua", "version": "1"}, "registry": {"server": "s"},
                    "artifact": {"repository": "r", "digest": "d", "tag": "t", "mimeType": "m"}, "os": {"family": "f", "name": "n", "eosl": true},
                    "summary": {"criticalCount": 1, "highCount": 1, "mediumCount": 1, "lowCount": 1, "unknownCount": 1, "noneCount": 1},
                    "vulnerabilities": [{"vulnerabilityID": "v", "resource": "r", "installedVersion": "1", "fixedVersion": "", "severity": "LOW",
                        "title": "t", "publishedDate": "", "lastModifiedDate": "", "description": "d", "primaryLink": "l", "links": ["l"],
                        "score": 1.5, "target": "t", "cvss": {"nvd": {"V3Score": 1.5}}, "class": "c", "packageType": "p", "packagePath": "p", "packagePURL": "p"}],
                    "checks": [{"checkID": "c", "severity": "UNKNOWN", "success": false, "title": "t", "category": "c", "messages": ["m"],
                        "remediation": "r", "scope": {"type": "t", "value": "v"}}]}}),
            &["/apiVersion", "/kind", "/metadata", "/metadata/name", "/report"],
        ),
        (
            Trivy,
            json!({"SchemaVersion": 2, "Trivy": {"Version": "1"}, "ReportID": "r", "CreatedAt": time, "ArtifactID": "a", "ArtifactName": "a",
                "ArtifactType": "vm", "Metadata": {"OS": {"Family": "f"}, "ImageID": "i", "RepoTags": ["t"], "RepoDigests": ["d"], "ImageConfig": {}},
                "Results": [{"Target": "t", "Class": "custom", "Type": "t",
                    "Vulnerabilities": [{"VulnerabilityID": "v", "PkgID": "p", "PkgName": "p", "PkgPath": "p", "PkgIdentifier": {"PURL": "p"},
                        "InstalledVersion": "1", "FixedVersion": "2", "Status": "fixed", "Severity": "LOW", "PrimaryURL": "u", "Fingerprint": "f",
                        "Title": "t", "CVSS": {"nvd": {"V3Score": 1.5}}}],
                    "Misconfigurations": [{"ID": "i"}], "Secrets": [{"RuleID": "r"}], "Licenses": [{"Name": "n"}]}]}),
            &["/SchemaVersion", "/Results"],
        ),
        (
            Kyverno,
            json!({"message": "m", "policy": "p", "rule": "r", "source": "kyverno", "priority": "", "status": "fail", "severity": "low",
                "category": "c", "scored": true, "properties": {"k": "v"}, "resource": reference, "creationTimestamp": time}),
            &["/policy", "/status", "/resource"],
        ),
        (
            Kyverno,
            json!({"apiVersion": "openreports.io/v1alpha1", "kind": "Report", "source": "s", "metadata": {"name": "n"}, "scope": reference,
                "summary": {"pass": 1, "fail": 1, "warn": 1, "error": 1, "skip": 1},
                "results": [{"source": "s", "policy": "p", "rule": "r", "category": "c", "severity": "info", "timestamp": {"seconds": 1, "nanos": 1},
                    "result": "error", "scored": true, "resources": [reference], "message": "m", "properties": {"k": "v"}}]}),
            &["/apiVersion", "/kind", "/results/0/policy"],
        ),
    ]
}

/// Every place of a value, the value's own aside.
fn pointers(value: &Value, pointer: &str, all: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => return,
    };
    for (name, value) in below {
        let pointer = format!("{pointer}/{name}");
        all.push(pointer.clone());
        pointers(value, &pointer, all);
    }
}

#[test]
fn every_known_field_is_typed_and_only_the_listed_ones_are_required() {
    for (tool, body, required) in complete() {
        assert_eq!(violations(tool, &body), Vec::<String>::new(), "{tool:?} {body}");
        let mut all = Vec::new();
        pointers(&body, "", &mut all);
        for pointer in all {
            // Nothing that a tool sends has this shape.
            let strange = super::payload::with(body.clone(), &pointer, json!([[{"no": "tool"}]]));
            assert!(violations(tool, &strange).iter().any(|found| found.starts_with(&pointer)), "{tool:?} {pointer} is not typed");
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            if name.parse::<usize>().is_ok() || !body.pointer(parent).unwrap().is_object() {
                continue;
            }
            let missing = violations(tool, &super::payload::without(body.clone(), &pointer));
            assert_eq!(!missing.is_empty(), required.contains(&pointer.as_str()), "{tool:?} without {pointer}: {missing:?}");
        }
    }
}
