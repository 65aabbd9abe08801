//! The contracts, and what is generated from them, agree.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "contract/actions.rs"]
mod actions;
#[path = "contract/baseline.rs"]
mod baseline;
#[path = "contract/breaking.rs"]
mod breaking;
#[path = "contract/bundling.rs"]
mod bundling;
#[path = "contract/examples.rs"]
mod examples;
#[path = "contract/generated.rs"]
mod generated;
#[path = "contract/imports.rs"]
mod imports;
#[path = "contract/monitoring.rs"]
mod monitoring;
#[path = "contract/proto.rs"]
mod proto;
#[path = "contract/reference.rs"]
mod reference;
#[path = "contract/signatures.rs"]
mod signatures;
#[path = "contract/verification.rs"]
mod verification;
