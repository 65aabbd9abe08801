//! Whether a remediation waits for a person: the words that policy, resource and pipeline share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a remediation waits for a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Waits for approval.
    #[default]
    Propose,
    /// Runs at once, guardrails permitting; what removes something for good waits for approval all the same.
    Automatic,
    /// Runs at once, guardrails permitting, also what removes something for good.
    AutomaticIrreversible,
}
