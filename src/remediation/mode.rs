//! Whether a remediation waits for a person: the words that policy, resource and pipeline share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ActionKind;

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

impl Mode {
    /// Whether what has this action runs without a person.
    pub fn lets_run(self, action: Option<ActionKind>) -> bool {
        match self {
            Self::Propose => false,
            Self::Automatic => !action.is_some_and(ActionKind::is_destructive),
            Self::AutomaticIrreversible => true,
        }
    }
}
