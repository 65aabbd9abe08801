#![allow(clippy::unwrap_used, reason = "a test may stop where its premise fails")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::event::{Scalar, Target};

fn event(source: &str, severity: Severity) -> SecurityEvent {
    SecurityEvent {
        source: source.into(),
        rule: "Terminal shell in container".into(),
        severity,
        time: Timestamp::UNIX_EPOCH,
        target: Target { api_version: "v1".into(), kind: "Pod".into(), namespace: Some("shop".into()), name: "web-1".into(), uid: None },
        facts: BTreeMap::from([
            ("proc.name".to_owned(), Scalar::Text("bash".into())),
            ("user.uid".to_owned(), Scalar::Number(0.into())),
            ("evt.time".to_owned(), Scalar::Number(1_795_451_516_746_609_046_i64.into())),
            ("privileged".to_owned(), Scalar::Bool(true)),
        ]),
        reference: None,
    }
}

fn action(value: serde_json::Value) -> Action {
    serde_json::from_value(value).unwrap()
}

fn label(value: &str) -> Action {
    action(json!({ "label": { "labels": { "zen.kube-zen.io/flagged": value } } }))
}

fn scale(replicas: i32) -> Action {
    action(json!({ "scale": { "replicas": replicas } }))
}

fn remediate(action: Action, mode: Mode, rule: &str) -> Decision {
    Decision::Remediate { action, verification: None, mode, rule: rule.into() }
}

/// A policy of one rule over `when`, and an automatic default.
fn one(when: &str) -> String {
    format!(
        "rules:\n- name: it\n  when: {when}\n  mode: observe\ndefault:\n  mode: automatic\n  minSeverity: critical\n  action: {{ scale: {{ replicas: 1 }} }}\n"
    )
}

fn decide(when: &str) -> Decision {
    Policy::parse(&one(&serde_json::to_string(when).unwrap())).unwrap().decide(&event("falco", Severity::Critical))
}

#[test]
fn the_development_policy_acts_on_falco_and_proposes_the_rest() {
    let policy = Policy::parse(DEV).unwrap();
    let cases = [
        ("falco", Severity::Critical, remediate(action(json!({ "networkQuarantine": {} })), Mode::Automatic, "falco-critical")),
        ("falco", Severity::High, remediate(label("falco"), Mode::Automatic, "falco")),
        ("falco", Severity::Info, remediate(label("falco"), Mode::Automatic, "falco")),
        ("trivy", Severity::Critical, remediate(scale(0), Mode::Propose, "trivy-critical")),
        ("trivy", Severity::High, Decision::Ignore(Ignored::BelowThreshold)),
        ("kyverno", Severity::Low, remediate(label("kyverno"), Mode::Propose, "kyverno")),
        ("another", Severity::Info, remediate(label("other"), Mode::Propose, "default")),
    ];
    for (source, severity, wanted) in cases {
        assert_eq!(policy.decide(&event(source, severity)), wanted, "{source} {severity:?}");
    }
    let guardrails = policy.guardrails();
    assert_eq!((guardrails.budget, guardrails.cooldown, guardrails.staleness, guardrails.dry_run), (None, None, None, false));
    assert!(guardrails.protected_namespaces.contains("kube-system"));
}

#[test]
fn conditions_see_source_rule_severity_target_and_facts() {
    for when in [
        r#"source == "falco" && severity == "critical" && rule.startsWith("Terminal")"#,
        r#"target.namespace == "shop" && target.kind == "Pod" && target.uid == """#,
        r#"facts["proc.name"] == "bash" && facts["user.uid"] == 0 && facts.privileged"#,
        r#"facts["evt.time"] == 1795451516746609046"#,
        r#""proc.name" in facts && !("proc.cmdline" in facts) && !has(facts.image)"#,
        r#"facts.exists(key, key.startsWith("proc.") && facts[key] == "bash")"#,
        r#"["shop", "jobs"].exists(it, it == target.namespace)"#,
    ] {
        assert_eq!(decide(when), Decision::Ignore(Ignored::Observe), "{when}");
    }
}

#[test]
fn an_expression_is_refused_that_is_too_deep_to_be_evaluated_on_the_stack_of_a_thread() {
    let chain = |terms: usize| format!("1{} > 0", " + 1".repeat(terms).replace(' ', ""));
    let nested = |levels: usize| format!("{}true{}", "!(".repeat(levels), ")".repeat(levels));
    assert_eq!(decide(&chain(29)), Decision::Ignore(Ignored::Observe));
    assert_eq!(decide(&nested(20)), Decision::Ignore(Ignored::Observe));
    // Of || and && the parser makes a balanced tree.
    assert_eq!(decide(&format!("{}true", "false || ".repeat(200))), Decision::Ignore(Ignored::Observe));
    for deep in [chain(32), chain(1_000), nested(600)] {
        let yaml = format!("rules: [{{ name: deep, when: '{deep}', mode: observe }}]");
        Policy::parse(&yaml).unwrap_err();
    }
}

#[test]
fn the_first_rule_that_matches_decides_even_when_its_floor_is_not_reached() {
    let yaml = "rules:
- { name: strict, when: source == \"falco\", minSeverity: critical, mode: observe }
- { name: lax, when: \"true\", mode: automatic, action: { scale: { replicas: 0 } } }
default: { mode: observe }";
    let policy = Policy::parse(yaml).unwrap();
    assert_eq!(policy.decide(&event("falco", Severity::High)), Decision::Ignore(Ignored::BelowThreshold));
    assert_eq!(policy.decide(&event("falco", Severity::Critical)), Decision::Ignore(Ignored::Observe));
    assert!(matches!(policy.decide(&event("trivy", Severity::Info)), Decision::Remediate { rule, .. } if rule == "lax"));
}

#[test]
fn a_condition_without_an_answer_ends_in_a_proposal_of_the_default() {
    for when in [r#"facts["proc.cmdline"] == "x""#, "facts.nope", "rule", "1 / (size(rule) - size(rule)) == 1", r#"rule.matches("[")"#] {
        let wanted = remediate(scale(1), Mode::Propose, "default");
        assert_eq!(decide(when), wanted, "{when}");
    }
}

#[test]
fn a_key_that_is_there_twice_is_refused_wherever_it_stands() {
    for text in [
        "{ default: { mode: observe }, guardrails: { protectedNamespaces: [prod] }, guardrails: { dryRun: false } }",
        "{ default: { mode: observe, mode: observe } }",
        "{ rules: [{ name: a, when: \"true\", when: \"false\", mode: observe }], default: { mode: observe } }",
    ] {
        let error = Policy::parse(text).unwrap_err().to_string();
        assert!(error.contains("duplicate"), "{text}: {error}");
    }
}

#[test]
fn every_mistake_of_a_file_is_told_at_once_with_its_rule() {
    let yaml = r#"
rules:
- { name: a, when: "source ==", mode: observe }
- { name: b, when: "true", mode: sometimes }
- { name: c, when: "true", mode: propose }
- { name: d, when: "true", mode: observe, action: { networkQuarantine: {} } }
- { name: e, when: "true", mode: propose, action: { scale: { replicas: 0, force: true } } }
- { name: f, when: "true", mode: propose, action: { reboot: {} } }
- { name: g, when: "true", mode: propose, action: { label: { labels: { "a b": c } } } }
- { name: h, when: "source == 'x' && hostname == 'y'", mode: observe }
- { name: i, when: "open_shell('x')", mode: observe }
- { name: i, when: "true", mode: observe, minSeverity: severe }
- { name: j, when: "true", mode: observe, colour: red }
- { name: m, when: "true", mode: propose, action: { apply: { manifest: "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {}}" } } }
- { when: "true", mode: observe }
- { name: default, when: "true", mode: observe }
- { name: k, when: "[1].all(a, [1].all(b, [1].all(c, true)))", mode: observe }
default: { mode: propose }
guardrails: { cooldown: soon, staleness: 24h, budget: { perNamespace: -1, window: 1h } }
"#;
    let error = Policy::parse(yaml).unwrap_err();
    let problems = error.problems();
    let wanted = [
        "rule `a`",
        "rule `b`",
        "rule `c`",
        "rule `d`",
        "rule `e`",
        "rule `f`",
        "rule `g`",
        "rule `h`",
        "rule `i`",
        "rule `i`",
        "rule `j`",
        "rule `m`",
        "rule 13",
        "rule `default`",
        "rule `k`",
        "default",
        "guardrails.budget",
        "guardrails",
    ];
    let places: Vec<_> = problems.iter().map(|problem| problem.split(": ").next().unwrap()).collect();
    assert_eq!(places, wanted, "{error}");
    assert!(error.to_string().contains("`when` asks for `hostname`; there are only source, rule"), "{error}");
}

#[test]
fn a_file_that_is_no_policy_is_refused() {
    for yaml in ["", "rules: []", "default: {mode: observe}\nextra: 1", "- a", "a: [", &"#".repeat(300_000)] {
        assert!(Policy::parse(yaml).is_err());
    }
    assert!(Policy::parse("default: {mode: observe}").is_ok());
    assert!(Policy::parse(&one(&format!("\"{}\"", "true || ".repeat(400) + "true"))).is_err(), "an overlong condition");
}

#[test]
fn a_policy_that_asks_for_a_disabled_action_is_refused_with_the_rules_that_do() {
    let enabled = [ActionKind::Label].into();
    let refused = Policy::parse(DEFAULT).unwrap().needs_only(&enabled).unwrap_err();
    assert!(refused.to_string().ends_with(": falco-intrusion, falco-connection, falco-critical, trivy-vulnerability"), "{refused}");
    let label_only = "default: { mode: propose, action: { label: { labels: { flag: \"true\" } } } }";
    assert!(Policy::parse(label_only).unwrap().needs_only(&enabled).is_ok());
}

#[test]
fn the_built_in_policy_goes_without_what_is_disabled() {
    let policy = |enabled: &[ActionKind]| Policy::built_in(&enabled.iter().copied().collect()).unwrap();
    let critical = event("another", Severity::Critical);
    let flagged = |decision| matches!(decision, Decision::Remediate { action: Action::Label(_), mode: Mode::Propose, rule, .. } if rule == DEFAULT_RULE);
    assert!(flagged(policy(&[ActionKind::Label, ActionKind::Scale]).decide(&critical)));
    assert_eq!(policy(&[ActionKind::Scale]).decide(&critical), Decision::Ignore(Ignored::Observe));
}

/// A policy of one rule that does this, and of a default that scales to one.
fn doing(action: &str) -> String {
    let default = "default: { mode: automatic, action: { scale: { replicas: 1 } } }";
    format!("rules:\n- name: it\n  when: \"true\"\n  mode: automatic\n  action: {action}\n{default}")
}

#[test]
fn the_texts_of_an_action_are_filled_from_the_event() {
    for (text, filled) in [
        (r#"${facts["proc.name"]}"#, "bash"),
        (r#"by-${facts["proc.name"] + "."}${ string(facts["user.uid"]) }.${facts.privileged}"#, "by-bash.0.true"),
        (r#"${facts["evt.time"]}"#, "1795451516746609046"),
        (r#"${target.kind in ["Pod"] ? "pod" : "other"}"#, "pod"),
        (r#"${ {"}": severity}["}"] }"#, "critical"),
        ("nothing of it", "nothing of it"),
    ] {
        let annotate = |value: &str| json!({ "annotate": { "annotations": { "zen.kube-zen.io/seen": value } } });
        let policy = Policy::parse(&doing(&annotate(text).to_string())).unwrap();
        let wanted = remediate(action(annotate(filled)), Mode::Automatic, "it");
        assert_eq!(policy.decide(&event("falco", Severity::Critical)), wanted, "{text}");
    }
}

#[test]
fn where_a_text_cannot_be_filled_the_default_is_proposed() {
    for text in [
        "${facts.nope}",
        "${facts}",
        // Valid with another value, but not with this one: no label takes blanks, or so much.
        "${rule}",
        r#"${facts["proc.name"] + facts["proc.name"] + "0123456789012345678901234567890123456789012345678901234567890123"}"#,
    ] {
        let policy = Policy::parse(&doing(&json!({ "label": { "labels": { "seen": text } } }).to_string())).unwrap();
        let unclear = policy.explain(&event("falco", Severity::Critical));
        assert_eq!(unclear.decision, remediate(scale(1), Mode::Propose, "default"), "{text}");
        assert_eq!(unclear.rules[0].result, RuleResult::NotEvaluated, "{text}");
    }
    let long = json!({ "annotate": { "annotations": { "seen": "${rule}".repeat(30) + &"x".repeat(1_000) } } });
    let policy = Policy::parse(&doing(&long.to_string())).unwrap();
    assert_eq!(policy.decide(&event("falco", Severity::Critical)), remediate(scale(1), Mode::Propose, "default"));
}

#[test]
fn the_guardrails_of_what_waits_for_a_person_are_told_of_whatever_waits() {
    for (action, waits) in [(json!({ "scale": { "replicas": 1 } }), false), (json!({ "deletePod": {} }), true)] {
        let policy = Policy::parse(&doing(&action.to_string())).unwrap();
        let ahead = policy.explain(&event("falco", Severity::Critical)).guardrails;
        let says = |name: &str| ahead.iter().any(|guardrail| guardrail.guardrail == name);
        assert_eq!((says("approvalExpiry"), says("budget")), (waits, !waits), "{action}: {ahead:?}");
    }
}

#[test]
fn a_template_is_checked_when_the_file_is_read() {
    for (action, told) in [
        (json!({ "label": { "labels": { "seen": "${hostname}" } } }), "`${hostname}` asks for `hostname`"),
        (json!({ "label": { "labels": { "seen": "${rule" } } }), "has no end"),
        (json!({ "label": { "labels": { "seen": "${}" } } }), "is no CEL expression"),
        (json!({ "label": { "labels": { "seen": "a b ${rule}" } } }), "does not take"),
        (json!({ "label": { "labels": { "${rule}": "seen" } } }), "does not take"),
        (json!({ "scale": { "replicas": "${facts.replicas}" } }), "invalid type"),
        (json!({ "label": { "labels": { "seen": "${rule}" }, "more": "${rule}" } }), "a parameter that it does not know"),
        (json!({ "annotate": { "annotations": { "seen": "${rule}".repeat(33) } } }), "at most 32 expressions"),
    ] {
        let error = Policy::parse(&doing(&action.to_string())).unwrap_err();
        assert!(error.problems().len() == 1 && error.problems()[0].contains(told), "{action}: {error}");
    }
    let default = r#"default: { mode: propose, action: { label: { labels: { seen: "${rule}" } } } }"#;
    assert!(Policy::parse(default).unwrap_err().to_string().contains("default: takes no `${…}`"));
}

/// A rule that labels, and verifies by a condition of this object.
fn verifying(name: &str, more: &str) -> String {
    format!(
        "rules:\n- name: it\n  when: 'true'\n  mode: automatic\n  action: {{ label: {{ labels: {{ a: b }} }} }}\n  verification:\n    probes:\n    - name: up\n      condition: {{ type: Available, object: {{ apiVersion: apps/v1, kind: Deployment, name: {name:?} }} }}\n    {more}\ndefault:\n  mode: propose\n  action: {{ scale: {{ replicas: 1 }} }}\n"
    )
}

#[test]
fn a_rule_says_what_has_to_hold_afterwards_filled_from_the_event() {
    let policy = Policy::parse(&verifying("${target.name}-app", "soakSeconds: 30")).unwrap();
    let Decision::Remediate { verification, mode: Mode::Automatic, .. } = policy.decide(&event("falco", Severity::High)) else { panic!() };
    let wanted = json!({ "probes": [{ "name": "up", "condition": {
        "type": "Available", "object": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web-1-app" } } }], "soakSeconds": 30 });
    assert_eq!(json!(verification), wanted);
}

#[test]
fn a_value_of_an_event_that_could_change_what_a_probe_asks_is_none_and_the_default_is_proposed() {
    let policy = Policy::parse(&verifying("${rule}", "")).unwrap();
    assert_eq!(policy.decide(&event("falco", Severity::High)), remediate(scale(1), Mode::Propose, DEFAULT_RULE));
    let policy = Policy::parse(&verifying("${target.name + '/../x'}", "")).unwrap();
    assert_eq!(policy.decide(&event("falco", Severity::High)), remediate(scale(1), Mode::Propose, DEFAULT_RULE));
}

#[test]
fn a_verification_that_is_none_is_a_mistake_of_the_file() {
    for (text, says) in [
        (verifying("x", "nosuch: 1"), "does not know"),
        (verifying("x", "intervalSeconds: 0"), "intervalSeconds is from 1 to 600"),
        (verifying("a b", ""), "Kubernetes could have"),
        (
            verifying("x", "").replace("  mode: automatic\n  action: { label: { labels: { a: b } } }\n", "  mode: observe\n"),
            "action is missing",
        ),
    ] {
        let error = Policy::parse(&text).unwrap_err().to_string();
        assert!(error.contains(says), "{error}\n{text}");
    }
}
