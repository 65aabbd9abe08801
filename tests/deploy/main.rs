//! The Helm chart: what it renders, and whether the agent can live with what it grants.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod chart;
mod granted;
mod helm;
mod install;
mod release;
