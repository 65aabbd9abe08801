//! The normalized security event: what every tool's report becomes before policy sees it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How bad it is, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Act now.
    Critical,
    /// Act today.
    High,
    /// Plan to act.
    Medium,
    /// Know about it.
    Low,
    /// For the record.
    Info,
}

impl Severity {
    /// The severity as it stands in the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Info => "info",
        }
    }

    /// Whether this is as bad as `floor`, or worse.
    pub fn reaches(self, floor: Self) -> bool {
        self <= floor
    }
}

/// A Kubernetes object that an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Group and version, such as `v1` or `apps/v1`.
    pub api_version: String,
    /// Kind, such as `Pod`.
    pub kind: String,
    /// Namespace; absent for cluster-scoped kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// The uid the reporter saw; when present, an object with another uid is not touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// A fact's value: a JSON scalar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A number, exact also above 2^53.
    Number(serde_json::Number),
    /// A string.
    Text(String),
}

/// One finding of one tool, in the words all tools share.
#[derive(Clone, Debug, PartialEq)]
pub struct SecurityEvent {
    /// The tool: `falco`, `trivy`, `kyverno`, or another's name.
    pub source: String,
    /// The rule, check or policy that fired.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// When it happened.
    pub time: Timestamp,
    /// What it is about; without one there is nothing to act on.
    pub target: Option<Target>,
    /// Flat facts that policy may look at and people may want to see.
    pub facts: BTreeMap<String, Scalar>,
    /// Where the full report is.
    pub reference: Option<String>,
}
