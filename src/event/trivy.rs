//! Trivy: reports of the operator, each about one object; a report of the CLI names none.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Ignored, Normalized, SecurityEvent, Severity, Target, cut,
    facts::Facts,
    target::{Reported, given},
};
use crate::contract::v0::types::{
    TrivyObjectMeta, TrivyOperatorEnvelopeVerb, TrivyOperatorObject, TrivyOperatorReport, TrivyPayload, TrivyReportData, TrivySeverity,
};

/// How many findings are named, worst first.
const NAMED: usize = 5;

/// What the report is in the words all tools share; one without a time happened when it was `received`.
pub fn normalize(payload: TrivyPayload, received: Timestamp) -> Vec<Normalized> {
    vec![match payload {
        TrivyPayload::OperatorEnvelope(envelope) => match (envelope.verb, envelope.operator_object) {
            (Some(TrivyOperatorEnvelopeVerb::Delete), _) => Normalized::Ignored(Ignored::DeletedReport),
            (_, TrivyOperatorObject::OperatorReport(report)) => event(report, received),
            (_, TrivyOperatorObject::ComplianceReport(_)) => Normalized::Ignored(Ignored::NoTarget),
        },
        TrivyPayload::OperatorReport(report) => event(report, received),
        // The one is about the cluster, the other about an image or a directory.
        TrivyPayload::ComplianceReport(_) | TrivyPayload::CliReport(_) => Normalized::Ignored(Ignored::NoTarget),
    }]
}

fn event(report: TrivyOperatorReport, received: Timestamp) -> Normalized {
    let TrivyOperatorReport { api_version, kind, metadata, report } = report;
    Normalized::about(target(&metadata), |target| SecurityEvent {
        source: "trivy".to_owned(),
        rule: cut(&kind).into_owned(),
        severity: severity(&report),
        time: report.update_timestamp.map_or(received, Timestamp::from),
        target,
        facts: facts(&metadata, &report),
        reference: {
            let path = [Some(&api_version), Some(&kind), metadata.namespace.as_ref(), Some(&metadata.name)];
            let path: Vec<_> = path.into_iter().flatten().map(String::as_str).filter(|part| !part.is_empty()).collect();
            Some(cut(&path.join("/")).into_owned())
        },
    })
}

/// The labels name the object; the owner reference of the same kind and name knows its uid. A name
/// that is no label value stands in an annotation of the same key.
fn target(metadata: &TrivyObjectMeta) -> Option<Target> {
    let named = |part: &str| {
        let key = format!("trivy-operator.resource.{part}");
        let from = |map: &Option<BTreeMap<String, String>>| given(map.as_ref()?.get(&key).map(String::as_str)).map(str::to_owned);
        from(&metadata.labels).or_else(|| from(&metadata.annotations))
    };
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    let own_namespace = metadata.namespace.as_deref();
    match (named("kind"), named("name")) {
        (Some(kind), Some(name)) => {
            let owner = owners.iter().find(|owner| owner.kind.as_ref() == Some(&kind) && owner.name.as_ref() == Some(&name));
            Reported {
                api_version: owner.and_then(|owner| owner.api_version.as_deref()),
                namespace: named("namespace").as_deref().or(own_namespace),
                uid: owner.and_then(|owner| owner.uid.as_deref()),
                kind: Some(&kind),
                name: Some(&name),
            }
            .target()
        }
        _ => {
            let owner = owners.iter().find(|owner| owner.controller == Some(true)).or(owners.first())?;
            Reported {
                api_version: owner.api_version.as_deref(),
                kind: owner.kind.as_deref(),
                namespace: own_namespace,
                name: owner.name.as_deref(),
                uid: owner.uid.as_deref(),
            }
            .target()
        }
    }
}

/// The worst that the summary counts, else the worst that is listed.
fn severity(report: &TrivyReportData) -> Severity {
    let counted = report.summary.as_ref().and_then(|summary| {
        [
            (summary.critical_count, Severity::Critical),
            (summary.high_count, Severity::High),
            (summary.medium_count, Severity::Medium),
            (summary.low_count, Severity::Low),
        ]
        .into_iter()
        .find_map(|(count, severity)| (count? > 0).then_some(severity))
    });
    counted.or_else(|| findings(report).into_iter().map(|(severity, _)| severity).min()).unwrap_or(Severity::Info)
}

/// Severity and id of whatever was found, in the order of the report.
fn findings(report: &TrivyReportData) -> Vec<(Severity, &str)> {
    let vulnerabilities = report.vulnerabilities.iter().flatten().map(|found| (found.severity, found.vulnerability_id.as_deref()));
    let checks = report.checks.iter().flatten().filter(|check| check.success != Some(true));
    let checks = checks.map(|check| (check.severity, check.check_id.as_deref()));
    let secrets = report.secrets.iter().flatten().map(|secret| (secret.severity, secret.rule_id.as_deref()));
    let found = vulnerabilities.chain(checks).chain(secrets);
    found.map(|(severity, id)| (severity.map_or(Severity::Info, Severity::from), id.unwrap_or_default())).collect()
}

impl From<TrivySeverity> for Severity {
    fn from(severity: TrivySeverity) -> Self {
        match severity {
            TrivySeverity::Critical => Self::Critical,
            TrivySeverity::High => Self::High,
            TrivySeverity::Medium => Self::Medium,
            TrivySeverity::Low => Self::Low,
            TrivySeverity::Unknown | TrivySeverity::None => Self::Info,
        }
    }
}

fn facts(metadata: &TrivyObjectMeta, report: &TrivyReportData) -> BTreeMap<String, super::Scalar> {
    let mut facts = Facts::default();
    if let Some(summary) = &report.summary {
        let counts = [
            ("criticalCount", summary.critical_count),
            ("highCount", summary.high_count),
            ("mediumCount", summary.medium_count),
            ("lowCount", summary.low_count),
            ("unknownCount", summary.unknown_count),
        ];
        for (key, count) in counts {
            facts.some_count(key, count.and_then(|count| u64::try_from(count).ok()));
        }
    }
    if let Some(artifact) = &report.artifact {
        let part = |mark: &str, text: &Option<String>| given(text.as_deref()).map(|text| format!("{mark}{text}")).unwrap_or_default();
        let name = [part("", &artifact.repository), part(":", &artifact.tag), part("@", &artifact.digest)].concat();
        facts.text("artifact", &name);
    }
    facts.some_text("registry", report.registry.as_ref().and_then(|registry| registry.server.as_deref()));
    if let Some(scanner) = &report.scanner {
        let name = [scanner.name.as_deref(), scanner.version.as_deref()];
        facts.text("scanner", name.into_iter().flatten().collect::<Vec<_>>().join(" ").trim());
    }
    let container = metadata.labels.as_ref().and_then(|labels| labels.get("trivy-operator.container.name"));
    facts.some_text("container", container.map(String::as_str));

    let mut found = findings(report);
    found.sort_by_key(|(severity, _)| *severity);
    let mut ids: Vec<_> = found.into_iter().map(|(_, id)| id).filter(|id| !id.is_empty()).collect();
    let mut seen = std::collections::BTreeSet::new();
    ids.retain(|id| seen.insert(*id));
    ids.truncate(NAMED);
    facts.text("findings", &ids.join(","));
    facts.take()
}
