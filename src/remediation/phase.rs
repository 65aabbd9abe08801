//! The five statuses.
//!
//! ```text
//!                    ┌── rejected, stale, target gone ────▶ failed
//!   pending ─────────┤
//!      (waits for a  └── approved or automatic ──▶ in_progress ──┬── validated ──────────────▶ succeeded
//!       person, its time,                                        ├── undone, once it was made ▶ rolled_back
//!       target, a circuit)                                       └── otherwise ─────────────▶ failed
//! ```
//!
//! The last three are terminal: only they are ever cleaned up, and only a person's word leads out of them. What has several
//! patches is in progress without an approval of its own: each patch waits for one (`pipeline::series`).
//!
//! ```text
//!   failed ──── retry, where nothing was left behind ──▶ pending
//!   succeeded ─ rollback, where it can be undone ──────▶ in_progress ──▶ rolled_back, failed
//! ```

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where a remediation stands. Text that is none of the five is kept, counted as `unknown`, and
/// never deleted by cleanup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Stored, not started: waiting for a worker, an approval or a guardrail.
    #[default]
    Pending,
    /// The pipeline has claimed it.
    InProgress,
    /// Executed and validated.
    Succeeded,
    /// Ended without the wanted effect; the reason says what is left.
    Failed,
    /// The change was made, and undone: its effect did not hold, another patch failed, or a person asked.
    RolledBack,
    /// Something another program wrote.
    Unknown(String),
}

impl Phase {
    /// Every label value of the status metrics.
    pub const LABELS: [&'static str; 6] = ["pending", "in_progress", "succeeded", "failed", "rolled_back", "unknown"];

    /// Reads a status; never fails.
    pub fn parse(text: &str) -> Self {
        match text {
            "pending" => Self::Pending,
            "in_progress" => Self::InProgress,
            "succeeded" => Self::Succeeded,
            "failed" => Self::Failed,
            "rolled_back" => Self::RolledBack,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// The text on the object.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unknown(text) => text,
            known => known.label(),
        }
    }

    /// The bounded text for metric labels: [`Phase::LABELS`].
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::RolledBack => "rolled_back",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Whether it has ended; only a person's retry or rollback leads out of that.
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::RolledBack)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Phase {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Phase {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&Cow::<str>::deserialize(deserializer)?))
    }
}

impl JsonSchema for Phase {
    fn schema_name() -> Cow<'static, str> {
        "Phase".into()
    }

    // No enum: objects that other programs wrote must stay readable, whatever they put here.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}
