//! How long the agent waits for the Kubernetes API, and lets its callers wait: one constant a purpose.
//!
//! | constant | what may take so long | must be |
//! |---|---|---|
//! | [`CALL`] | one call about one object | less than [`PAGE`] |
//! | [`HASTE`] | one call for a caller of the API, while the Kubernetes API is known to fail | less than [`CALL`] |
//! | [`PAGE`] | one page of a listing | less than [`REQUEST`] and [`PASS`], which may begin with one |
//! | [`REQUEST`] | a request of the API, from its verification to its answer; a cleanup without any progress | |
//! | [`PASS`] | one pass of the pipeline over one remediation | more than [`PAGE`] and [`CALL`] together, and less than [`SILENCE`], or a slow API would look like a stuck worker |
//! | [`SILENCE`] | a loop without a heartbeat, before the process counts as stuck | |
//!
//! The lease (`lease::Timing`), the looks for readiness and the watch (`stream::watch`) have times of their own, which
//! follow from what they are about.

use std::time::Duration;

use tokio::time::timeout;

/// How long one call to the Kubernetes API may take that is about one object.
pub const CALL: Duration = Duration::from_secs(10);

/// How long a call may take that somebody waits for, while the circuit of the Kubernetes API is not closed.
///
/// More than a server takes that is well again, and little enough that its callers do not pile up before one that is silent.
pub const HASTE: Duration = Duration::from_secs(1);

/// How long the server may take for one page of a listing.
///
/// Where a selector matches little, the server reads past all that does not match before it answers, which
/// of 100,000 remediations takes it longer than a call about one object may take.
pub const PAGE: Duration = Duration::from_secs(25);

/// How long a request may take from its verification to its answer, whatever number of calls it leads
/// to. A cleanup may take longer while it makes progress, and ends so long after the last of it.
pub const REQUEST: Duration = Duration::from_secs(30);

/// How long a pass of the pipeline may take.
pub const PASS: Duration = Duration::from_secs(45);

/// How long a busy loop may be silent before the process counts as stuck.
pub const SILENCE: Duration = Duration::from_secs(60);

const _: () = assert!(HASTE.as_secs() < CALL.as_secs());
const _: () = assert!(CALL.as_secs() < PAGE.as_secs() && PAGE.as_secs() < REQUEST.as_secs());
const _: () = assert!(PAGE.as_secs() + CALL.as_secs() < PASS.as_secs() && PASS.as_secs() < SILENCE.as_secs());

/// Bounds a call: one that takes longer fails as [`Category::Timeout`](crate::category::Category).
///
/// # Errors
/// The call's own, or that it did not end in time: then what was asked for may have happened.
pub async fn within<T>(limit: Duration, call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, kube::Error> {
    timeout(limit, call).await.map_err(|elapsed| kube::Error::Service(Box::new(elapsed))).flatten()
}
