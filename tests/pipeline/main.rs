//! The suite of the pipeline on the embedded store.
#![allow(clippy::unwrap_used, reason = "tests")]

mod ground;
mod slow;
#[path = "suite.rs"]
mod suite;
mod support;
