//! The signed clients of Zen-Agent: what its contracts turn into for those who call the agent, and for the agent when it calls a SaaS.
//!
//! ```text
//!  Client ─▶ v0 / v1alpha1 (generated) ─▶ sign: token, tenant, version, ─▶ retry ─▶ mutual TLS ─▶ agent
//!            typed arguments                    X-Signature over the exact bytes
//! ```
//!
//! Events are the bytes that somebody wrote: sent again, also by another client, they are the same request.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use zen_agent_client::{Client, Credentials, DEFAULT_BASE_URL, Retries, request_id};
//!
//! # async fn send() -> Result<(), Box<dyn std::error::Error>> {
//! // What `zen-agent dev` leaves.
//! let credentials = Credentials::read(Path::new(".zen-agent/client"))?;
//! let client = Client::new(&credentials, DEFAULT_BASE_URL, Retries::WhileAway)?;
//! let receipt = client.stable.ingest_falco(&request_id(), std::fs::read("event.json")?).await?;
//! println!("{}", receipt.results.len());
//! # Ok(())
//! # }
//! ```
//!
//! A whole program is `examples/main_job.rs`.

mod client;
mod credentials;
mod retry;
mod sign;
pub mod signature;
mod tenant;
mod time;
mod version;

pub use client::{Client, ClientError, DEFAULT_BASE_URL, KnockError};
pub use credentials::{Credentials, CredentialsError};
pub use progenitor_client::{ByteStream, Error, ResponseValue};
pub use retry::{PATIENCE, Retries, retry_after};
pub use sign::{Session, SignError, sign};
pub use tenant::{NotATenant, Tenant, is_label_value};
pub use time::DateTime;
pub use version::ContractVersion;

/// Contract v0: stable.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::unwrap_used,
    rustdoc::all,
    reason = "typify, progenitor and the contract's own texts decide"
)]
pub mod v0 {
    include!(concat!(env!("OUT_DIR"), "/v0_client.rs"));
}

/// Contract v1alpha1: v0 and what is tried out.
#[allow(
    missing_docs,
    unreachable_pub,
    unused_imports,
    clippy::all,
    clippy::unwrap_used,
    rustdoc::all,
    reason = "typify, progenitor and the contract's own texts decide"
)]
pub mod v1alpha1 {
    include!(concat!(env!("OUT_DIR"), "/v1alpha1_client.rs"));
}

/// What a SaaS serves and the agent calls.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::unwrap_used,
    rustdoc::all,
    reason = "typify, progenitor and the contract's own texts decide"
)]
pub mod saas {
    include!(concat!(env!("OUT_DIR"), "/saas_client.rs"));
}

/// A new request id: a UUIDv7. A request that is sent again has the one that it had.
pub fn request_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
