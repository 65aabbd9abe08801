//! `zen-agent dev`: the whole product on one machine, with throw-away credentials.

pub mod credentials;
mod files;

/// The tenant of `zen-agent dev`.
pub const TENANT: &str = "dev";
/// Its cluster.
pub const CLUSTER: &str = "dev-cluster";
