//! What a Kubernetes API server answers, as far as this project relies on it.
//!
//! Everything here is written against a `kube::Client` from one function, so that the same tests can
//! be run against another server. Each test has a namespace of its own.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "conformance/custom.rs"]
mod custom;
#[path = "conformance/deletion.rs"]
mod deletion;
#[path = "conformance/lists.rs"]
mod lists;
#[path = "conformance/objects.rs"]
mod objects;
#[path = "conformance/remediations.rs"]
mod remediations;
#[path = "conformance/rules.rs"]
mod rules;
#[path = "conformance/support.rs"]
mod support;
#[path = "conformance/watches.rs"]
mod watches;
