//! The envelope, black-box: `zen-agent serve` as a process, on an embedded Kubernetes API, with callers of two tenants.
//!
//! [`tenancy`] asks for every operation of the contracts in every role, of either tenant, for what is either tenant's.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

#[path = "../dev/agent.rs"]
#[allow(dead_code, reason = "the tests reach a part of it")]
mod agent;
mod ground;
#[path = "../support/mint.rs"]
mod mint;
mod tenancy;
