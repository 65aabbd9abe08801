//! The ZenAgentRemediation: its schema, its names, and its state machine.

pub mod approval;
pub mod conditions;
pub mod names;
mod phase;
mod reason;
mod resource;
pub mod status_write;

pub use phase::Phase;
pub use reason::Reason;
pub use resource::*;
