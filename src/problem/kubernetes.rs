//! What a caller is told when the Kubernetes API does not do its part: one answer for a category.
//!
//! | category | answer |
//! |---|---|
//! | transient, timeout, conflict, not found, forbidden | 503, to be tried again |
//! | forbidden, by a ResourceQuota | 429 `quota_exceeded` |
//! | validation, permanent | 500, its cause in the log |
//!
//! Nothing asked for by name is looked up this way, so what is not found is the namespace or the
//! resource itself: installed late, or being replaced.
//!
//! What is forbidden is told as 503 as well, since an API server that has just started forbids everything
//! until it has read its roles (kubernetes#101422, #121635), and a permission that is missing is about to be
//! granted: a sender that gives up on 500 would lose its events for somebody else's mistake. Who operates
//! the agent sees the permission by name in the log, 503 in `zen_agent_requests_total`, and, where remediations
//! may not even be listed, the agent not ready.

use std::time::Duration;

use super::{Code, Problem};
use crate::{category::Category, causes::chain};

/// When to come back for what a quota refused: somebody has to delete something, or retention does.
pub(crate) const QUOTA_WAIT: Duration = Duration::from_secs(60);

impl Problem {
    /// The answer to a request that failed by this error, whose cause goes to the log.
    pub fn of_kubernetes(error: &kube::Error) -> Self {
        let category = Category::of(error);
        tracing::warn!(category = category.as_str(), error = chain(error), "the Kubernetes API did not do what a request asked for");
        if is_quota(error) {
            let detail = "No more remediations can be stored in this cluster now; clean up old ones";
            return Self::new(Code::QuotaExceeded, detail).retry_after(QUOTA_WAIT);
        }
        let problem = Self::of_category(category);
        match (problem.code, told_wait(error)) {
            (Code::Unavailable, Some(wait)) => problem.retry_after(wait),
            _ => problem,
        }
    }

    /// The answer to a request that failed by an error of this category, which was logged where it came up.
    pub fn of_category(category: Category) -> Self {
        match category {
            Category::Transient | Category::Timeout | Category::Conflict | Category::NotFound | Category::Forbidden => Self::new(
                Code::Unavailable,
                "The Kubernetes API cannot do this now; send the same request again, with the same X-Request-Id",
            ),
            Category::Validation | Category::Permanent => Self::new(
                Code::Internal,
                "The Kubernetes API refuses what the agent asks for; the operator of the agent finds the cause in its log",
            ),
        }
    }
}

/// When to come back, where the API server says it.
fn told_wait(error: &kube::Error) -> Option<Duration> {
    let kube::Error::Api(status) = error else { return None };
    let seconds = status.details.as_ref()?.retry_after_seconds;
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

/// The quota's admission plugin answers 403 like any other, and has no reason of its own but these words
/// (kubernetes `plugin/pkg/admission/resourcequota`).
fn is_quota(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403 && status.message.contains("exceeded quota"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use kube::core::Status;

    use super::*;

    fn answer(code: u16, message: &str) -> Problem {
        Problem::of_kubernetes(&kube::Error::Api(Status::failure(message, "Whatever").with_code(code).boxed()))
    }

    #[test]
    fn every_category_has_one_answer() {
        let rows = [
            (400, Code::Internal),
            (401, Code::Unavailable),
            (403, Code::Unavailable),
            (404, Code::Unavailable),
            (405, Code::Unavailable),
            (408, Code::Unavailable),
            (409, Code::Unavailable),
            (410, Code::Unavailable),
            (413, Code::Internal),
            (422, Code::Internal),
            (429, Code::Unavailable),
            (500, Code::Unavailable),
            (503, Code::Unavailable),
            (504, Code::Unavailable),
        ];
        for (status, code) in rows {
            let problem = answer(status, "no");
            assert_eq!(problem.code, code, "{status}");
        }
    }

    #[test]
    fn a_quota_of_the_cluster_is_told_as_a_quota() {
        let message = "zenagentremediations.zen.kube-zen.io \"zar-1\" is forbidden: exceeded quota: objects, requested: \
                       count/zenagentremediations.zen.kube-zen.io=1, used: 10, limited: 10";
        let problem = answer(403, message);
        assert_eq!((problem.code, problem.retry_after), (Code::QuotaExceeded, Some(QUOTA_WAIT)));
        assert!(!problem.detail.contains("zar-1"));
    }

    #[test]
    fn the_wait_is_the_one_that_the_api_server_asks_for() {
        let status = r#"{ "status": "Failure", "reason": "TooManyRequests", "code": 429, "details": { "retryAfterSeconds": 17 } }"#;
        let status: Status = serde_json::from_str(status).unwrap();
        assert_eq!(Problem::of_kubernetes(&kube::Error::Api(status.boxed())).retry_after, Some(Duration::from_secs(17)));
    }
}
