//! What holds on a real control plane: kube-apiserver, etcd, the garbage collector.
//!
//! The tests take turns on one of them ([`ground::Ground`]), since they look at everything that is there, and some kill
//! parts of it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

#[allow(dead_code, reason = "it is shared with tests/dev, which uses all of it")]
#[path = "../dev/agent.rs"]
mod agent;
mod apply;
mod apply_created;
mod apply_every_call;
mod apply_guarded;
// Most of it waits for leases: by its name it begins early, beside what needs processors.
mod availability;
#[path = "../support/reports.rs"]
mod cluster_reports;
mod doctor;
#[path = "../engine/served.rs"]
mod engine;
mod ground;
mod informer;
#[path = "../engine/lease.rs"]
mod lease;
mod main_job;
mod pair;
#[path = "../pipeline/suite.rs"]
mod pipeline;
mod policy;
mod process;
mod proxy;
mod quota;
mod reports;
mod series;
mod series_served;
#[path = "../support/serve.rs"]
mod serve;
mod server;
mod start;
#[path = "../pipeline/support.rs"]
mod support;
mod weather;

use std::{future::Future, time::Duration};

/// What should happen soon and does not, fails the test instead of hanging it. A control plane that was killed needs a while.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(Duration::from_secs(180), future).await;
    result.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}
