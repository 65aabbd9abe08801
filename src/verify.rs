//! Verification of a request, cheapest and least revealing check first.

mod identity;
mod verified;

pub use identity::{Caller, RequestId, Role, Tenant, is_label_value};
pub use verified::Verified;
