//! The pipeline, seen from outside: remediations on the embedded store, driven as a worker drives them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod actions;
mod approval;
mod crash;
mod demo;
mod faults;
mod gate;
mod leaders;
mod plan;
mod support;
