//! An event in a file: which tool wrote it, and what it is, checked as the API checks it.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{
    contract::{
        Route,
        v0::{ingest_events, ingest_falco, ingest_kyverno, ingest_trivy},
    },
    event::{Normalized, batch, falco, kyverno, trivy},
};

/// What a JSON text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Batch,
    Trivy,
    Kyverno,
    Falco,
    /// One event of a batch.
    Event,
}

/// Why a text is no event.
#[derive(Debug, thiserror::Error)]
pub enum NotAnEvent {
    /// It is no JSON.
    #[error("no JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// No tool writes the like.
    #[error("neither an event of Falco, Trivy or Kyverno, nor a normalized event or a batch of them")]
    Unknown,
    /// The API would refuse it.
    #[error("not as the contract has {form}:{}", .violations.iter().map(|violation| format!("\n  {violation}")).collect::<String>())]
    Schema {
        /// What it was taken for.
        form: &'static str,
        /// What the contract asks for, and where.
        violations: Vec<String>,
    },
}

/// The events of a text, in order. What does not say when it happened did so when it was `received`.
///
/// # Errors
/// [`NotAnEvent`]: also where the API would answer 400 or 422.
pub fn read(text: &[u8], received: Timestamp) -> Result<Vec<Normalized>, NotAnEvent> {
    let value: Value = serde_json::from_slice(text)?;
    let form = value.as_object().and_then(Form::of).ok_or(NotAnEvent::Unknown)?;
    let size = text.len();
    Ok(match form {
        Form::Falco => falco::normalize(form.typed::<ingest_falco::Request>(&ingest_falco::ROUTE, value, size)?.body),
        Form::Trivy => trivy::normalize(form.typed::<ingest_trivy::Request>(&ingest_trivy::ROUTE, value, size)?.body, received),
        Form::Kyverno => kyverno::normalize(form.typed::<ingest_kyverno::Request>(&ingest_kyverno::ROUTE, value, size)?.body, received),
        Form::Batch => batch::normalize(form.typed::<ingest_events::Request>(&ingest_events::ROUTE, value, size)?.body),
        Form::Event => {
            let batch = json!({ "cluster_id": "any", "events": [value] });
            batch::normalize(form.typed::<ingest_events::Request>(&ingest_events::ROUTE, batch, size)?.body)
        }
    })
}

impl Form {
    /// By what only one of them has. Results of Kyverno have a `priority`, a `rule` and a `severity`, too, so they come first.
    fn of(fields: &Map<String, Value>) -> Option<Self> {
        let has = |name: &str| fields.contains_key(name);
        let is = |name: &str, begins: &[&str]| {
            let text = fields.get(name).and_then(Value::as_str).unwrap_or_default();
            begins.iter().any(|begin| text.starts_with(begin))
        };
        Some(match () {
            () if has("events") => Self::Batch,
            () if has("operatorObject") || has("SchemaVersion") || has("Results") => Self::Trivy,
            () if is("apiVersion", &["aquasecurity.github.io/"]) => Self::Trivy,
            () if has("event") || has("policy") || is("kind", &["PolicyReport", "ClusterPolicyReport"]) => Self::Kyverno,
            () if is("apiVersion", &["wgpolicyk8s.io/", "openreports.io/"]) => Self::Kyverno,
            () if has("priority") && has("rule") => Self::Falco,
            () if has("severity") => Self::Event,
            () => return None,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Batch => "a batch of events",
            Self::Trivy => "a report of Trivy",
            Self::Kyverno => "a report of Kyverno",
            Self::Falco => "an event of Falco",
            Self::Event => "a normalized event",
        }
    }

    /// The body as the operation takes it.
    fn typed<T: DeserializeOwned>(self, route: &Route, body: Value, size: usize) -> Result<T, NotAnEvent> {
        let refused = |violations| NotAnEvent::Schema { form: self.name(), violations };
        if let Some(schema) = route.body {
            schema.check(&body, size).map_err(|broken| {
                let told = broken.told.iter().map(|violation| format!("{}: {}", self.place(&violation.pointer), violation.message));
                refused(told.collect())
            })?;
        }
        serde_json::from_value(json!({ "body": body })).map_err(|_| refused(vec!["a value is out of range".to_owned()]))
    }

    /// A pointer into the body, as one into the file.
    fn place(self, pointer: &str) -> &str {
        let around = if self == Self::Event { "/events/0" } else { "" };
        match pointer.strip_prefix(around).unwrap_or(pointer) {
            "" => "the whole",
            place => place,
        }
    }
}
