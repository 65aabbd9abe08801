//! A batch of events that are normalized already, but whose targets are still only claims.

use super::{Normalized, Scalar, SecurityEvent, Severity, Target, target::Reported};
use crate::contract::v0::types;

/// The events of a batch.
pub fn normalize(batch: types::EventBatch) -> Vec<Normalized> {
    batch.events.into_iter().map(event).collect()
}

/// The target that a claim stands for, if it can be looked up.
pub fn target(claimed: &types::Target) -> Option<Target> {
    let types::Target { api_version, kind, namespace, name, uid } = claimed;
    let (namespace, uid) = (namespace.as_deref(), uid.as_deref());
    Reported { api_version: Some(api_version), kind: Some(kind), namespace, name: Some(name), uid }.target()
}

fn event(event: types::SecurityEvent) -> Normalized {
    let target = event.target.as_ref().and_then(target);
    Normalized::about(target, |target| SecurityEvent {
        source: event.source,
        rule: event.rule,
        severity: event.severity.into(),
        time: event.time.into(),
        target,
        facts: event.facts.into_iter().map(|(key, fact)| (key, fact.into())).collect(),
        reference: event.reference,
    })
}

impl From<types::Severity> for Severity {
    fn from(severity: types::Severity) -> Self {
        match severity {
            types::Severity::Critical => Self::Critical,
            types::Severity::High => Self::High,
            types::Severity::Medium => Self::Medium,
            types::Severity::Low => Self::Low,
            types::Severity::Info => Self::Info,
        }
    }
}

impl From<types::Fact> for Scalar {
    fn from(fact: types::Fact) -> Self {
        match fact {
            types::Fact::String(text) => Self::Text(text),
            types::Fact::Number(number) => Self::Number(number),
            types::Fact::Boolean(value) => Self::Bool(value),
        }
    }
}
