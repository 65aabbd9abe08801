//! The ZenAgentRemediation: its schema, its names, and its state machine.

pub mod names;
mod phase;
mod resource;

pub use phase::Phase;
pub use resource::*;
