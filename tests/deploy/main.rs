//! The Helm chart: what it renders, and whether the agent can live with what it grants.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod chart;
mod forbidden;
mod granted;
mod ground;
mod helm;
mod install;
mod release;
