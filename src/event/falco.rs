//! Falco: one event a body, about a pod (system calls) or about what an API request named (audit).

use std::collections::BTreeMap;

use super::{Normalized, Scalar, SecurityEvent, Severity, Target, cut, facts::Facts, target};
use crate::contract::v0::types::{FalcoEvent, FalcoFieldValue, FalcoScalar};

/// What Falco's event is in the words all tools share.
pub fn normalize(event: FalcoEvent) -> Vec<Normalized> {
    let fields: BTreeMap<String, FalcoFieldValue> =
        event.output_fields.unwrap_or_default().into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    vec![Normalized::about(target(&fields), |target| SecurityEvent {
        source: "falco".to_owned(),
        rule: cut(&event.rule).into_owned(),
        severity: severity(&event.priority),
        time: event.time.into(),
        target,
        facts: {
            let mut facts = Facts::default();
            facts.text("hostname", &event.hostname).text("falco.source", &event.source);
            facts.text("tags", &event.tags.unwrap_or_default().join(","));
            for (key, value) in fields {
                facts.scalar(&key, &value.into());
            }
            facts.take()
        },
        reference: None,
    })]
}

// The contract's pattern lets nothing else pass, and takes any case.
fn severity(priority: &str) -> Severity {
    match priority.to_ascii_lowercase().as_str() {
        "emergency" | "alert" | "critical" => Severity::Critical,
        "error" => Severity::High,
        "warning" => Severity::Medium,
        "notice" => Severity::Low,
        _ => Severity::Info,
    }
}

fn target(fields: &BTreeMap<String, FalcoFieldValue>) -> Option<Target> {
    let text = |key: &str| match fields.get(key)? {
        FalcoFieldValue::String(text) => target::given(Some(text.as_str())),
        _ => None,
    };
    let pod = |namespace: &str, name: &str, uid: &str| {
        // Of a static pod the runtime knows a hash in place of the uid that the API has.
        let uid = text(uid).filter(|uid| uid.contains('-'));
        target::Reported { kind: Some("Pod"), namespace: text(namespace), name: text(name), uid, ..Default::default() }.target()
    };
    let audited = || {
        let kind = target::kind_of_resource(text("ka.target.resource")?)?;
        // A request to create under a generated name knows the name only in its answer.
        let name = text("ka.target.name").or_else(|| text("ka.resp.name"));
        target::Reported { kind: Some(kind), namespace: text("ka.target.namespace"), name, ..Default::default() }.target()
    };
    pod("k8s.ns.name", "k8s.pod.name", "k8s.pod.uid")
        .or_else(|| pod("k8smeta.ns.name", "k8smeta.pod.name", "k8smeta.pod.uid"))
        .or_else(audited)
}

impl From<FalcoFieldValue> for Scalar {
    fn from(value: FalcoFieldValue) -> Self {
        match value {
            FalcoFieldValue::String(text) => Self::Text(text),
            FalcoFieldValue::Number(number) => Self::Number(number),
            FalcoFieldValue::Boolean(value) => Self::Bool(value),
            // libsinsp writes the values of a list field as an array (sinsp_filter_check::tojson, EPF_IS_LIST).
            FalcoFieldValue::Array(values) => {
                let values = values.into_iter().flatten().map(|value| match value {
                    FalcoScalar::String(text) => text,
                    FalcoScalar::Number(number) => number.to_string(),
                    FalcoScalar::Boolean(value) => value.to_string(),
                });
                Self::Text(values.collect::<Vec<_>>().join(","))
            }
        }
    }
}
