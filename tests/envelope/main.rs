//! The envelope, black-box: `zen-agent serve` as a process, on an embedded Kubernetes API, in two replicas, with callers of two tenants.
//!
//! [`attacks`] has the table of attacks, one spoiled request each; [`replays`] sends again what was right once; [`tenancy`] asks for every operation of the contracts in every role, of either tenant, for what is either tenant's.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

#[path = "../dev/agent.rs"]
#[allow(dead_code, reason = "the tests reach a part of it")]
mod agent;
mod attacks;
mod ground;
#[path = "../support/mint.rs"]
mod mint;
mod replays;
mod tenancy;
