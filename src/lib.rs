//! Zen-Agent turns signed security events into safe remediations in Kubernetes.
//!
//! The path of one event, one module a step:
//!
//! ```text
//!  tool ▸ forward ─signed POST──▶ serve ▶ api ──▶ verify ─▶ event ─▶ ingest ──create──▶ Kubernetes API
//!  SaaS ──────────signed task───▶ mTLS    route,  headers   native   policy,            (or crates/embedded-kube)
//!                                 limits          JWT, HMAC → norm.  names, receipt           │ watch
//!                                                                                             ▼
//!                          target ◀── pipeline ◀── worker ◀──────────── queue ◀────────── informer
//!                                     │            while this process holds the lease, and the circuit of the Kubernetes API
//!                                     │            is closed (runtime); the emergency stop holds what would change a target
//!                                     plan ▸ gate ▸ claim ▸ execute ▸ validate ▸ (probes: verification) ▸ (rollback)
//!                        retention ── stream ──▶ deletes old terminal remediations, page by page
//!                        saas ── spool ──▶ tells the SaaS what became of them
//! ```
//!
//! A 202 leaves only after the Kubernetes API has the object; from then on the object is the only
//! state, so a crash at any point is picked up by whoever lists it next.
//!
//! A task goes from `api` to `ingest` at once: nobody has to understand or judge it. A person's word (approve, reject, cancel,
//! retry, rollback) is one write of `remediation` to the object's status, which the informer then brings to the pipeline.
//!
//! After the signature, and not before, `api` checks a body against its schema, and makes types of it.
//!
//! Rules of the house: what `tests/contract/imports.rs` lists as pure (`event`, `policy`, `queue`, of `remediation` the mode, phase,
//! reason and verification, and others) imports neither kube nor poem;
//! [`verify::Verified`] is made only by `verify`; handlers in `api` convert and delegate.

pub mod admin;
pub mod api;
pub mod audit;
pub mod breaker;
pub mod category;
mod causes;
pub mod circuit;
pub mod cli;
pub mod config;
pub mod contract;
pub mod contracts;
pub mod deadline;
pub mod demo;
pub mod dev;
pub mod doctor;
pub mod duration;
pub mod emergency;
pub mod event;
pub mod fixtures;
pub mod forward;
pub mod heartbeat;
pub mod identity;
pub mod informer;
pub mod ingest;
pub mod key;
pub mod kinds;
pub mod kube_events;
pub mod lease;
pub mod naming;
pub mod permissions;
pub mod pipeline;
pub mod policy;
pub mod problem;
pub mod queue;
pub mod quota;
pub mod random;
pub mod recognise;
pub mod remediation;
mod renewal;
pub mod retention;
pub mod runtime;
pub mod saas;
pub mod serve;
mod spool;
pub mod stream;
pub mod telemetry;
pub mod verify;
pub mod worker;

/// The client's side of the contracts, a crate of its own: the agent is one too, of a SaaS, and its commands are.
pub use zen_agent_client::{self as client, signature};

#[cfg(test)]
mod test_api;
