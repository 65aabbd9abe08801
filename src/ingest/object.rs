//! What is kept of an event: little, and never the report.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::IngestError;
use crate::{
    event::{Scalar, SecurityEvent},
    remediation::{Action, Mode, RemediationSpec, RequestRecord, Verification},
};

/// The largest spec that is stored; with name, labels and status the object stays below 64 KiB.
const MAX_BYTES: usize = 63 * 1_024;

pub(super) fn spec(
    event: SecurityEvent,
    (action, verification): (Action, Option<Verification>),
    mode: Mode,
    rule: String,
    request: RequestRecord,
    index: usize,
) -> Result<RemediationSpec, IngestError> {
    let spec = RemediationSpec {
        source: Some(event.source),
        rule: Some(event.rule),
        severity: Some(event.severity.as_str().to_owned()),
        event_time: Some(MicroTime::from(event.time)),
        target: Some(event.target),
        action: Some(action),
        verification,
        mode: Some(mode),
        policy_rule: Some(rule),
        facts: event.facts.into_iter().map(|(key, value)| (key, text(value))).collect(),
        reference: event.reference,
        request: Some(request),
        ..RemediationSpec::default()
    };
    bounded(spec, index)
}

/// The spec, if it is small enough to be stored.
pub(super) fn bounded(spec: RemediationSpec, index: usize) -> Result<RemediationSpec, IngestError> {
    let bytes = serde_json::to_vec(&spec).map_err(IngestError::Encode)?.len();
    if bytes > MAX_BYTES { Err(IngestError::TooLarge { index, bytes }) } else { Ok(spec) }
}

fn text(scalar: Scalar) -> String {
    match scalar {
        Scalar::Bool(value) => value.to_string(),
        Scalar::Number(number) => number.to_string(),
        Scalar::Text(text) => text,
    }
}
