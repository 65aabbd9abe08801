//! What a Kubernetes API server answers, as far as this project relies on it.
//!
//! Everything here is written against a `kube::Client`, and holds on two servers: `conformance_embedded.rs` and
//! `conformance_controlplane.rs` say which. Each test has a namespace of its own.

mod custom;
mod deletion;
mod evictions;
mod forms;
mod kinds;
mod lists;
mod objects;
mod remediations;
mod rules;
mod watches;
