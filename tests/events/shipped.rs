//! The policy that ships, over what the tools report.

use std::{collections::BTreeMap, fs, path::Path};

use jiff::Timestamp;
use zen_agent::{
    event::{Normalized, SecurityEvent, Severity, Target},
    policy::{DEFAULT, Decision, Guardrails, Policy},
    recognise,
    remediation::Mode,
};

/// The rules of `maturity_stable` in falcosecurity/rules, as of June 2026, and which rule of ours takes them up.
const FALCO: [(&str, &[&str]); 6] = [
    (
        "falco-intrusion",
        &[
            "Debugfs Launched in Privileged Container",
            "Detect release_agent File Container Escapes",
            "Drop and execute new binary in container",
            "Execution from /dev/shm",
            "Fileless execution via memfd_create",
            "Linux Kernel Module Injection Detected",
            "PTRACE attached to process",
        ],
    ),
    (
        "falco-connection",
        &[
            "Disallowed SSH Connection Non Standard Port",
            "Netcat Remote Code Execution in Container",
            "Packet socket created in container",
            "Redirect STDOUT/STDIN to Network Connection in Container",
        ],
    ),
    (
        "falco-credentials",
        &[
            "Create Hardlink Over Sensitive Files",
            "Create Symlink Over Sensitive Files",
            "Directory traversal monitored file read",
            "Find AWS Credentials",
            "Read sensitive file trusted after startup",
            "Read sensitive file untrusted",
            "Search Private Keys or Passwords",
        ],
    ),
    ("falco-tampering", &["Clear Log Activities", "PTRACE anti-debug attempt", "Remove Bulk Data from Disk"]),
    ("falco-shell", &["Run shell untrusted", "Terminal shell in container"]),
    ("falco-noise", &["Contact K8S API Server From Container", "System user interactive"]),
];

/// pod-security/baseline in kyverno/policies.
const KYVERNO: [&str; 12] = [
    "disallow-capabilities",
    "disallow-host-namespaces",
    "disallow-host-path",
    "disallow-host-ports",
    "disallow-host-ports-range",
    "disallow-host-process",
    "disallow-privileged-containers",
    "disallow-proc-mount",
    "disallow-selinux",
    "restrict-apparmor-profiles",
    "restrict-seccomp",
    "restrict-sysctls",
];

fn shipped() -> Policy {
    Policy::parse(DEFAULT).unwrap()
}

fn event(source: &str, rule: &str, severity: Severity, kind: (&str, &str)) -> SecurityEvent {
    SecurityEvent {
        source: source.into(),
        rule: rule.into(),
        severity,
        time: Timestamp::UNIX_EPOCH,
        target: Target { api_version: kind.0.into(), kind: kind.1.into(), namespace: Some("shop".into()), name: "web".into(), uid: None },
        facts: BTreeMap::new(),
        reference: None,
    }
}

const POD: (&str, &str) = ("v1", "Pod");

/// The rule that decides, and what is done: `rule: action`, or `rule: reason`.
fn decided(event: &SecurityEvent) -> String {
    let explained = shipped().explain(event);
    let rule = &explained.rules.last().unwrap().rule;
    match explained.decision {
        Decision::Ignore(reason) => format!("{rule}: {}", reason.as_str()),
        Decision::Remediate { action, mode, .. } => {
            assert_eq!(mode, Mode::Propose, "nothing is automatic: {rule}");
            format!("{rule}: {}", action.name())
        }
    }
}

#[test]
fn every_stable_rule_of_falco_has_its_place() {
    let mut rules = 0;
    for (place, names) in FALCO {
        for name in names {
            let wanted = match place {
                "falco-intrusion" | "falco-connection" => "network-quarantine",
                "falco-noise" => "observe",
                _ => "label",
            };
            for severity in [Severity::Critical, Severity::Medium, Severity::Info] {
                assert_eq!(decided(&event("falco", name, severity, POD)), format!("{place}: {wanted}"), "{name}");
            }
            rules += 1;
        }
    }
    assert_eq!(rules, 25);
    assert_eq!(decided(&event("falco", "A rule of your own", Severity::Critical, POD)), "falco-critical: network-quarantine");
    assert_eq!(decided(&event("falco", "A rule of your own", Severity::Medium, POD)), "default: label");
    assert_eq!(decided(&event("falco", "A rule of your own", Severity::Low, POD)), "default: below_threshold");
}

#[test]
fn a_violated_baseline_policy_of_kyverno_is_named_on_the_object() {
    for name in KYVERNO {
        let decision = shipped().decide(&event("kyverno", name, Severity::Medium, POD));
        let Decision::Remediate { action, mode: Mode::Propose, rule, .. } = decision else { panic!("{name}: {decision:?}") };
        assert_eq!(rule, "kyverno-baseline");
        assert_eq!(serde_json::to_value(action).unwrap()["label"]["labels"]["zen.kube-zen.io/violates"], name);
    }
    assert_eq!(decided(&event("kyverno", "require-labels", Severity::High, POD)), "kyverno-other: label");
    assert_eq!(decided(&event("kyverno", "require-labels", Severity::Medium, POD)), "kyverno-other: below_threshold");
}

#[test]
fn reports_of_trivy_are_judged_by_their_kind() {
    let (replica_set, daemon_set) = (("apps/v1", "ReplicaSet"), ("apps/v1", "DaemonSet"));
    for (kind, severity, target, wanted) in [
        ("VulnerabilityReport", Severity::Critical, replica_set, "trivy-vulnerability: scale"),
        ("VulnerabilityReport", Severity::Critical, daemon_set, "trivy-vulnerability-lesser: label"),
        ("VulnerabilityReport", Severity::High, replica_set, "trivy-vulnerability-lesser: below_threshold"),
        ("ExposedSecretReport", Severity::High, replica_set, "trivy-secret: label"),
        ("ExposedSecretReport", Severity::Medium, replica_set, "trivy-secret: below_threshold"),
        ("ConfigAuditReport", Severity::Critical, replica_set, "trivy-configuration: label"),
        ("ConfigAuditReport", Severity::High, replica_set, "trivy-configuration: below_threshold"),
        ("RbacAssessmentReport", Severity::Critical, ("rbac.authorization.k8s.io/v1", "Role"), "trivy-report: observe"),
        ("ClusterRbacAssessmentReport", Severity::Critical, ("rbac.authorization.k8s.io/v1", "ClusterRole"), "trivy-report: observe"),
        ("InfraAssessmentReport", Severity::Critical, POD, "trivy-report: observe"),
        ("SbomReport", Severity::Info, replica_set, "trivy-report: observe"),
    ] {
        assert_eq!(decided(&event("trivy", kind, severity, target)), wanted, "{kind} {severity:?}");
    }
}

#[test]
fn the_samples_are_judged_as_their_users_would() {
    let rows: [(&str, &[&str]); 14] = [
        ("falco-shell-in-container", &["falco-shell: label"]),
        ("falco-outbound-c2", &["falco-critical: network-quarantine"]),
        ("falco-k8s-audit", &["default: label"]),
        ("falcosidekick-event", &["falco-shell: label"]),
        ("falco-minimal", &["no_target"]),
        ("falco-internal-drop", &["no_target"]),
        ("trivy-operator-vulnerabilityreport", &["trivy-vulnerability: scale"]),
        ("trivy-operator-update-envelope", &["trivy-vulnerability: scale"]),
        ("trivy-operator-configauditreport", &["trivy-configuration: below_threshold"]),
        ("trivy-cli-image", &["no_target"]),
        ("trivy-cli-config", &["no_target"]),
        ("kyverno-policyreport", &["pass", "kyverno-baseline: label"]),
        ("policy-reporter-result", &["kyverno-other: label"]),
        ("policy-reporter-heartbeat", &["heartbeat"]),
    ];
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let there =
        fs::read_dir(&samples).unwrap().filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|kind| kind == "json"));
    assert_eq!(there.count(), rows.len(), "every sample has a row");
    for (sample, wanted) in rows {
        let events = recognise::read(&fs::read(samples.join(sample).with_extension("json")).unwrap(), Timestamp::UNIX_EPOCH).unwrap();
        let judged = events.iter().map(|event| match event {
            Normalized::Ignored(reason) => reason.as_str().to_owned(),
            Normalized::Event(event) => decided(event),
        });
        assert_eq!(judged.collect::<Vec<_>>(), wanted, "{sample}");
    }
}

#[test]
fn every_guardrail_has_its_default() {
    assert_eq!(shipped().guardrails(), &Guardrails::default());
}
