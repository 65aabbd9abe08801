//! What a remediation does, and whether it waits for a person: the words that policy, resource and
//! pipeline share.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a remediation waits for a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Waits for approval.
    #[default]
    Propose,
    /// Runs at once, guardrails permitting.
    Automatic,
}

/// What to do; exactly one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Sets labels on the target.
    Label(LabelAction),
    /// Cuts the pod off the network by a NetworkPolicy.
    NetworkQuarantine(NetworkQuarantineAction),
    /// Sets the replicas of the target's controller.
    Scale(ScaleAction),
}

impl Action {
    /// The action's name in the API, in policies and in metric labels.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Label(_) => "label",
            Self::NetworkQuarantine(_) => "network-quarantine",
            Self::Scale(_) => "scale",
        }
    }
}

/// Parameters of `label`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LabelAction {
    /// The labels to set.
    pub labels: BTreeMap<String, String>,
}

/// Parameters of `network-quarantine`: none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkQuarantineAction {}

/// Parameters of `scale`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScaleAction {
    /// The wanted number of replicas.
    #[schemars(range(min = 0, max = 10_000))]
    pub replicas: i32,
}
