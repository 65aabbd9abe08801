//! How long the agent waits for the Kubernetes API, and lets its callers wait.

use std::time::Duration;

use tokio::time::timeout;

/// How long one call to the Kubernetes API may take.
pub const CALL: Duration = Duration::from_secs(10);

/// How long a request may take from its verification to its answer, whatever number of calls it leads
/// to. A cleanup may take longer while it makes progress, and ends so long after the last of it.
pub const REQUEST: Duration = Duration::from_secs(30);

/// Bounds a call: one that takes longer fails as [`Category::Timeout`](crate::category::Category).
///
/// # Errors
/// The call's own, or that it did not end in time: then what was asked for may have happened.
pub async fn within<T>(limit: Duration, call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, kube::Error> {
    timeout(limit, call).await.map_err(|elapsed| kube::Error::Service(Box::new(elapsed))).flatten()
}
