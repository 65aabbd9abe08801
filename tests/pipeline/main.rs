//! The suite of the pipeline on the embedded store.
#![allow(clippy::unwrap_used, reason = "tests")]

mod ground;
mod no_apply;
mod slow;
#[path = "suite.rs"]
mod suite;
mod support;
