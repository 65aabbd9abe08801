//! `zen-agent policy`: what a policy file is worth, without an agent.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

/// Exit code, standard output and standard error.
fn policy(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zen-agent"));
    let output =
        command.arg("policy").args(arguments).env_remove("ENABLED_ACTIONS").stdin(Stdio::null()).output().expect("the binary starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().expect("it ends by itself"), text(output.stdout), text(output.stderr))
}

fn root(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}

fn sample(name: &str) -> String {
    root(&format!("tests/samples/{name}.json"))
}

fn file(directory: &Path, name: &str, text: &str) -> String {
    let path: PathBuf = directory.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// What the policy makes of the event, as JSON.
fn tested(file: &str, event: &str) -> Value {
    let (code, out, said) = policy(&["test", file, "--event", event, "-o", "json"]);
    assert_eq!(code, 0, "{event}: {said}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn a_check_tells_every_problem_and_fails_when_there_is_one() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["dev", "default"] {
        let (code, out, said) = policy(&["check", &root(&format!("policies/{name}.yaml"))]);
        assert_eq!((code, out.starts_with("valid; it asks for the actions label, network-quarantine, scale")), (0, true), "{out}{said}");
    }
    let wrong = file(
        directory.path(),
        "wrong.yaml",
        "rules: [{ name: a, when: nonsense, mode: observe }, { name: b, when: \"true\", mode: sometimes }]\ndefault: { mode: propose }",
    );
    let (code, out, said) = policy(&["check", &wrong]);
    let places: Vec<_> = out.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!((code, places), (1, vec!["rule `a`", "rule `b`", "default"]), "{out}");
    assert!(said.contains("is no valid policy"), "{said}");
    let (code, out, _) = policy(&["check", &wrong, "-o", "json"]);
    let out: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &out["valid"], out["problems"].as_array().map(Vec::len)), (1, &json!(false), Some(3)));
    let (code, out, _) = policy(&["check", &root("policies/dev.yaml"), "--enabled-actions", "label,scale"]);
    assert!(code == 1 && out.contains("falco-critical") && !out.contains("trivy-critical"), "{out}");
    assert_eq!(policy(&["check", "/nonexistent"]).0, 2);
}

#[test]
fn every_sample_is_recognised_whichever_tool_wrote_it() {
    let wanted = |name: &str| -> &[&str] {
        match name {
            "falco-internal-drop" | "falco-minimal" | "trivy-cli-config" | "trivy-cli-image" => &["no_target"],
            "policy-reporter-heartbeat" => &["heartbeat"],
            "falco-k8s-audit" | "falco-outbound-c2" | "falco-shell-in-container" | "falcosidekick-event" => &["falco"],
            "kyverno-policyreport" => &["pass", "kyverno"],
            "policy-reporter-result" => &["kyverno"],
            "trivy-operator-configauditreport" | "trivy-operator-update-envelope" | "trivy-operator-vulnerabilityreport" => &["trivy"],
            other => panic!("say what {other} is"),
        }
    };
    for entry in fs::read_dir(root("tests/samples")).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")) else { continue };
        let judged = tested(&root("policies/dev.yaml"), path.to_str().unwrap());
        let judged: Vec<_> =
            judged.as_array().unwrap().iter().map(|one| one["event"]["source"].as_str().or(one["reason"].as_str()).unwrap()).collect();
        assert_eq!(judged, wanted(name), "{name}");
    }
}

#[test]
fn each_rule_says_why_it_does_not_decide_and_the_one_that_does_what_follows() {
    let directory = tempfile::tempdir().unwrap();
    let rules = r#"rules:
- { name: other-tool, when: source == "trivy", mode: observe }
- { name: by-fact, when: 'facts["image.name"] == "x"', mode: observe }
default: { mode: automatic, action: { networkQuarantine: {} } }
"#;
    let unclear = file(directory.path(), "unclear.yaml", rules);
    let judged = tested(&unclear, &sample("falco-outbound-c2"));
    let rules = judged[0]["rules"].as_array().unwrap();
    assert_eq!((&rules[0]["rule"], &rules[0]["result"]), (&json!("other-tool"), &json!("no_match")));
    assert_eq!((&rules[1]["rule"], &rules[1]["result"]), (&json!("by-fact"), &json!("not_evaluated")));
    assert!(rules[1]["why"].as_str().unwrap().contains("the event has no `image.name`"), "{judged}");
    assert_eq!((&judged[0]["mode"], &judged[0]["rule"]), (&json!("propose"), &json!("default")));
    let names = |judged: &Value| -> Vec<String> {
        judged["guardrails"].as_array().unwrap().iter().map(|ahead| ahead["guardrail"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        names(&judged[0]),
        ["protectedNamespaces", "protectedLabels", "staleness", "approvalExpiry"],
        "a person is not held to a budget"
    );

    let automatic = file(directory.path(), "automatic.yaml", "default: { mode: automatic, action: { networkQuarantine: {} } }");
    let judged = tested(&automatic, &sample("falco-outbound-c2"));
    assert_eq!(
        names(&judged[0]),
        [
            "protectedNamespaces",
            "protectedLabels",
            "staleness",
            "gitOps",
            "minHealthyReplicas",
            "cooldown",
            "recurrence",
            "budget",
            "shortCircuit"
        ]
    );
    let (_, out, _) = policy(&["test", &automatic, "--event", &sample("kyverno-policyreport")]);
    assert!(out.contains("kube-system is protected: it will fail"), "{out}");

    let floor =
        file(directory.path(), "floor.yaml", "default: { mode: propose, minSeverity: critical, action: { scale: { replicas: 0 } } }");
    let judged = tested(&floor, &sample("falco-shell-in-container"));
    assert_eq!((&judged[0]["rules"][0]["result"], &judged[0]["reason"]), (&json!("below_min_severity"), &json!("below_threshold")));
    let (code, out, _) = policy(&["test", &floor, "--event", &sample("falco-shell-in-container")]);
    assert!(
        code == 0 && out.contains("the severity is low, and minSeverity critical") && out.contains("ignored: below_threshold"),
        "{out}"
    );
}

#[test]
fn a_normalized_event_alone_or_in_a_batch_is_tested_and_refused_as_the_api_would() {
    let directory = tempfile::tempdir().unwrap();
    let event = json!({
        "source": "scanner", "rule": "open-port", "severity": "high", "time": "2026-11-23T10:00:00Z",
        "target": { "apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web-1" }, "facts": { "port": 22 },
    });
    let one = file(directory.path(), "one.json", &event.to_string());
    let batch = file(directory.path(), "batch.json", &json!({ "cluster_id": "c", "events": [event, event] }).to_string());
    let dev = root("policies/dev.yaml");
    assert_eq!(tested(&dev, &one)[0]["event"]["facts"], json!({ "port": 22 }));
    assert_eq!(tested(&dev, &batch).as_array().map(Vec::len), Some(2));
    let mut wrong = event.clone();
    wrong["severity"] = "dreadful".into();
    for (text, said) in [
        (wrong.to_string(), "/severity: "),
        ("{".to_owned(), "no JSON"),
        ("[]".to_owned(), "neither an event of Falco"),
        ("{\"hello\": 1}".to_owned(), "neither an event of Falco"),
        (json!({ "priority": "Critical", "rule": "r" }).to_string(), "an event of Falco"),
    ] {
        let (code, _, error) = policy(&["test", &dev, "--event", &file(directory.path(), "wrong.json", &text)]);
        assert!(code == 1 && error.contains(said), "{text}: {error}");
        assert!(!error.contains("/events/0") && !error.contains("dreadful"), "{error}");
    }
}
