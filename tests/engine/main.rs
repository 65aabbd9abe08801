//! The engine against an API server that misbehaves on demand: informer, pool, streams, retention, and all of it as one agent.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fake;
mod informer;
mod lease;
#[path = "../support/log.rs"]
mod log;
mod outage;
mod retention;
mod served;
mod server;
mod stream;
mod worker;

use std::{future::Future, time::Duration};

/// What should happen soon and does not, fails the test instead of hanging it.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(Duration::from_secs(60), future).await;
    result.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}
