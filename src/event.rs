//! The normalized security event: what every tool's report becomes before policy sees it.
//!
//! ```text
//!  FalcoEvent ─────▶ falco ───┐
//!  TrivyPayload ───▶ trivy ───┤   one per event,
//!  KyvernoPayload ─▶ kyverno ─┼──▶ in body order ──▶ Normalized::Event(SecurityEvent) ──▶ policy
//!  EventBatch ─────▶ batch ───┘                  └─▶ Normalized::Ignored(reason)
//! ```
//!
//! The normalizers are pure: what a payload does not say (the time, for one) they are given. They
//! read payloads that passed the contract's schema, and still trust no text in them: a name that
//! could not be a Kubernetes name makes no [`Target`], since targets end up in request paths.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub mod batch;
pub mod falco;
pub mod kyverno;
pub mod trivy;

mod facts;
mod target;

/// How bad it is, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
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
    /// What it is about; an event without one is [`Ignored::NoTarget`].
    pub target: Target,
    /// Flat facts that policy may look at and people may want to see.
    pub facts: BTreeMap<String, Scalar>,
    /// Where the full report is.
    pub reference: Option<String>,
}

/// What a normalizer makes of one event of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum Normalized {
    /// Something for policy to decide on.
    Event(Box<SecurityEvent>),
    /// Something that leads to nothing, whatever the policy.
    Ignored(Ignored),
}

impl Normalized {
    /// The event, if it is about an object.
    fn about(target: Option<Target>, event: impl FnOnce(Target) -> SecurityEvent) -> Self {
        target.map_or(Self::Ignored(Ignored::NoTarget), |target| Self::Event(Box::new(event(target))))
    }
}

/// Why an accepted event leads to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ignored {
    /// The tool only says that it is alive.
    Heartbeat,
    /// The rule holds.
    Pass,
    /// The rule was not evaluated.
    Skip,
    /// The report is gone, which says nothing about the finding.
    DeletedReport,
    /// The policy rule that matches asks for a worse severity.
    BelowThreshold,
    /// The policy rule that matches only observes.
    Observe,
    /// The event names no object, or nothing that could be one.
    NoTarget,
}

impl Ignored {
    /// Every reason.
    pub const ALL: [Self; 7] =
        [Self::Heartbeat, Self::Pass, Self::Skip, Self::DeletedReport, Self::BelowThreshold, Self::Observe, Self::NoTarget];

    /// The reason as it stands in receipts and metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Heartbeat => "heartbeat",
            Self::Pass => "pass",
            Self::Skip => "skip",
            Self::DeletedReport => "deleted_report",
            Self::BelowThreshold => "below_threshold",
            Self::Observe => "observe",
            Self::NoTarget => "no_target",
        }
    }
}

/// The longest text that is taken from a tool; what is cut ends in `…`.
const MAX_TEXT: usize = 256;

/// `text`, cut to [`MAX_TEXT`] characters.
fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_TEXT) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.chars().take(MAX_TEXT - 1).chain(['…']).collect()),
    }
}
