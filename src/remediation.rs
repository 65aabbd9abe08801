//! The ZenAgentRemediation: its schema, its names, and its state machine.

pub mod approval;
pub mod conditions;
pub mod definition;
mod fixed;
mod mode;
pub mod names;
mod patches;
mod phase;
mod plan;
mod reason;
pub mod requests;
mod resource;
mod status;
pub mod status_write;
mod verification;

pub use mode::Mode;
pub use patches::{MAX_PATCHES, PATCH_OF};
pub use phase::Phase;
pub(crate) use plan::merge_patch;
pub use plan::{Change, Operation, Plan, Subresource};
pub use reason::Reason;
pub use resource::*;
pub use status::{TEXT_LIMIT, shorten};
pub use verification::{
    Answer, Check, ConditionProbe, ConditionStatus, Excess, Expected, HttpProbe, Probe, ProbeKind, ProbeStatus, ProbedObject,
    PrometheusProbe, Verification, VerificationStatus,
};

pub use crate::pipeline::actions::{Action, ActionKind, NotAnAction, Previous};
