//! Verification of a request, cheapest and least revealing check first.

mod identity;
mod stub;
mod verified;

pub use identity::{Caller, NotATenant, RequestId, Role, Tenant, is_label_value};
pub use stub::{Received, Refusal, Verifier};
pub use verified::Verified;
