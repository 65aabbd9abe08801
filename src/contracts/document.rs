//! A contract as it is compared: parsed, self-contained, and holding nothing that the comparison does not understand.

use std::collections::BTreeMap;

use serde_json::Value;

use super::bundle::{self, Stop};

/// An OpenAPI document.
#[derive(Clone, Debug)]
pub struct Document(Value);

/// Why a text is no document that can be compared: the place, and what is wrong there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(Stop);

impl Document {
    /// Reads YAML or JSON, which may refer to `payloads`, by the path that it does so with (`../agent/falco.schema.json`).
    ///
    /// # Errors
    /// When it is no OpenAPI 3.0.3 as `build/bundle.rs` supports it.
    pub fn parse(text: &str, payloads: &BTreeMap<String, String>) -> Result<Self, Unreadable> {
        bundle::bundle(text, payloads).map(Self).map_err(Unreadable)
    }

    /// All of it.
    pub fn value(&self) -> &Value {
        &self.0
    }
}
