//! The ZenAgentRemediation: its schema, its names, and its state machine.

mod action;
mod action_kind;
pub mod approval;
pub mod conditions;
pub mod definition;
mod fixed;
pub mod names;
mod phase;
mod reason;
mod resource;
mod status;
pub mod status_write;

pub use action::{Action, LabelAction, Mode, NetworkQuarantineAction, ScaleAction};
pub use action_kind::{ActionKind, NotAnAction};
pub use phase::Phase;
pub use reason::Reason;
pub use resource::*;
pub use status::{TEXT_LIMIT, shorten};
