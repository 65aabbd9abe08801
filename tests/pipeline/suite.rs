//! The pipeline, seen from outside: remediations on a Kubernetes API, driven as a worker drives them.
//!
//! It holds on two servers: `tests/pipeline` is the embedded one, `tests/cluster` a real one.

pub(crate) mod actions;
mod annotate;
mod approval;
mod circuits;
mod cordon;
pub(crate) mod crash;
mod demo;
mod emergency;
mod ended;
mod events;
pub(crate) mod every_call;
mod faults;
mod gate;
mod leaders;
mod limits;
mod plan;
mod planned;
mod probed;
mod removal;
mod rollouts;
mod series;
mod suspend;
mod verified;
