//! Kyverno's results: one a body from Policy Reporter, or all of a report resource.

use jiff::Timestamp;

use super::{Ignored, Normalized, SecurityEvent, Severity, Target, cut, facts::Facts, target::Reported};
use crate::contract::v0::types::{
    KyvernoObjectMeta, KyvernoObjectReference, KyvernoOutcome, KyvernoPayload, KyvernoPolicyReport, KyvernoPolicyReportResult,
    KyvernoSeverity, PolicyReporterResult,
};

/// What the results are in the words all tools share; those without a time happened when they were `received`.
pub fn normalize(payload: KyvernoPayload, received: Timestamp) -> Vec<Normalized> {
    match payload {
        KyvernoPayload::PolicyReporterHeartbeat(_) => vec![Normalized::Ignored(Ignored::Heartbeat)],
        KyvernoPayload::PolicyReporterResult(result) => vec![reporter_result(result, received)],
        KyvernoPayload::KyvernoPolicyReport(report) => report_results(report, received),
    }
}

fn reporter_result(result: PolicyReporterResult, received: Timestamp) -> Normalized {
    event(Finding {
        outcome: Some(result.status),
        target: target(&result.resource, None),
        more_resources: 0,
        severity: result.severity,
        // Results that know no time carry the beginning of Unix time, or of Go's.
        time: result.creation_timestamp.map(Timestamp::from).filter(|time| *time > Timestamp::UNIX_EPOCH).unwrap_or(received),
        policy: &result.policy,
        rule: result.rule.as_deref(),
        engine: result.source.as_deref(),
        category: result.category.as_deref(),
        message: result.message.as_deref(),
        properties: result.properties.iter().flatten().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
        reference: None,
    })
}

fn report_results(report: KyvernoPolicyReport, received: Timestamp) -> Vec<Normalized> {
    let KyvernoObjectMeta { name, namespace, .. } = report.metadata.unwrap_or_default();
    let path = [Some(report.api_version), Some(report.kind.to_string()), namespace.clone(), name];
    let path: Vec<_> = path.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    let reference = cut(&path.join("/")).into_owned();
    let one = |result: KyvernoPolicyReportResult| {
        // A result's own resources are narrower than the report's scope; Kyverno names only the scope.
        // One that names nothing hides neither the next nor the scope.
        let resources = result.resources.as_deref().unwrap_or_default();
        let named = resources.iter().find_map(|object| target(object, namespace.as_deref()));
        let more_resources = resources.len() - usize::from(named.is_some());
        event(Finding {
            outcome: result.result.or(result.status),
            target: named.or_else(|| target(report.scope.as_ref()?, namespace.as_deref())),
            more_resources,
            severity: result.severity,
            time: result.timestamp.and_then(|at| time(at.seconds, at.nanos)).unwrap_or(received),
            policy: &result.policy,
            rule: result.rule.as_deref(),
            engine: result.source.as_deref().filter(|source| !source.is_empty()).or(report.source.as_deref()),
            category: result.category.as_deref(),
            message: result.message.as_deref(),
            properties: result.properties.iter().flatten().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
            reference: Some(reference.clone()),
        })
    };
    report.results.unwrap_or_default().into_iter().map(one).collect()
}

/// A result, whichever way it came.
struct Finding<'a> {
    outcome: Option<KyvernoOutcome>,
    target: Option<Target>,
    /// Objects that the result names beside the target: it stays one result, and says so.
    more_resources: usize,
    severity: Option<KyvernoSeverity>,
    time: Timestamp,
    policy: &'a str,
    rule: Option<&'a str>,
    engine: Option<&'a str>,
    category: Option<&'a str>,
    message: Option<&'a str>,
    properties: Vec<(&'a str, &'a str)>,
    reference: Option<String>,
}

fn event(finding: Finding<'_>) -> Normalized {
    match finding.outcome {
        Some(KyvernoOutcome::Pass) => return Normalized::Ignored(Ignored::Pass),
        Some(KyvernoOutcome::Skip) => return Normalized::Ignored(Ignored::Skip),
        // Without an outcome nobody said that the rule holds.
        Some(KyvernoOutcome::Fail | KyvernoOutcome::Warn | KyvernoOutcome::Error) | None => {}
    }
    Normalized::about(finding.target, |target| SecurityEvent {
        source: "kyverno".to_owned(),
        rule: cut(finding.policy).into_owned(),
        severity: severity(finding.severity),
        time: finding.time,
        target,
        facts: {
            let mut facts = Facts::default();
            facts.some_text("rule", finding.rule).some_text("engine", finding.engine).some_text("category", finding.category);
            facts.some_text("result", finding.outcome.map(|outcome| outcome.to_string()).as_deref());
            facts.some_count("more_resources", u64::try_from(finding.more_resources).ok().filter(|more| *more > 0));
            facts.some_text("message", finding.message);
            for (key, value) in finding.properties {
                facts.text(&format!("properties.{key}"), value);
            }
            facts.take()
        },
        reference: finding.reference,
    })
}

fn severity(severity: Option<KyvernoSeverity>) -> Severity {
    match severity.as_deref().map(String::as_str) {
        Some("critical") => Severity::Critical,
        Some("high") => Severity::High,
        Some("low") => Severity::Low,
        Some("info") => Severity::Info,
        // Policies that name none, and medium itself.
        _ => Severity::Medium,
    }
}

/// `namespace` is the report's, for objects in it that name none.
fn target(object: &KyvernoObjectReference, namespace: Option<&str>) -> Option<Target> {
    Reported {
        api_version: object.api_version.as_deref(),
        kind: object.kind.as_deref(),
        namespace: object.namespace.as_deref().filter(|own| !own.is_empty()).or(namespace),
        name: object.name.as_deref(),
        uid: object.uid.as_deref(),
    }
    .target()
}

fn time(seconds: Option<i64>, nanos: Option<i32>) -> Option<Timestamp> {
    let seconds = seconds.filter(|seconds| *seconds > 0)?;
    Timestamp::new(seconds, nanos.unwrap_or_default()).ok()
}
