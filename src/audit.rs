//! The audit log, and the counts that go with it: who asked for what, and what became of it.
//!
//! | record | of | level |
//! |---|---|---|
//! | `refused` | a request that any check, the routes or an operation refused | warn |
//! | `answered` | a request that was answered otherwise | info |
//! | `decided` | an approval, rejection, cancellation, retry or rollback, once it is recorded, and each time that it comes again | info |
//! | `ordered` | a task, once it is stored, and each time that it comes again | info |
//! | `cleaned` | a cleanup, whatever it is answered with | info |
//! | `switched` | the emergency stop, once it is set or lifted | warn |
//! | `unanswered` | a connection that no request came out of | info |
//!
//! This is the only place that writes it, under the target `audit`. What is written was verified, is
//! well-formed, or is said by the agent itself: never a token, a signature, a body or a query.

use std::{net::SocketAddr, time::Duration};

use http::StatusCode;

use crate::{
    problem::Problem,
    retention::SweepReport,
    telemetry::{Metrics, metrics::Unanswered},
};

/// What is asked of an agent that has no such operation.
pub const NO_OPERATION: &str = "none";
/// Characters of a path that are kept.
const PATH: usize = 256;

/// Who sent a request, as far as that is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sender<'a> {
    /// The cluster of the client's certificate.
    pub cluster: Option<&'a str>,
    /// The tenant of the client's certificate.
    pub tenant: Option<&'a str>,
    /// The tenant that the request names, where it is well-formed.
    pub claimed_tenant: Option<&'a str>,
    /// The subject of the token, once that is verified.
    pub subject: Option<&'a str>,
    /// X-Request-Id, where it is well-formed.
    pub request_id: Option<&'a str>,
}

/// A request was refused; counts it by its code.
pub fn refused(metrics: &Metrics, sender: &Sender<'_>, operation: &str, problem: &Problem) {
    metrics.rejected(problem.code);
    let Sender { cluster, tenant, claimed_tenant, subject, request_id } = sender;
    tracing::warn!(
        target: "audit", code = problem.code.as_str(), status = problem.code.status().as_u16(), operation, cluster, tenant,
        claimed_tenant, subject, request_id, "refused: {}", problem.detail
    );
}

/// A request that no operation takes was refused; counts it by its code.
pub fn unrouted(metrics: &Metrics, sender: &Sender<'_>, method: &http::Method, path: &str, problem: &Problem) {
    let asked = format!("{NO_OPERATION}: {method} {}", path.chars().take(PATH).collect::<String>());
    refused(metrics, sender, &asked, problem);
}

/// A verified request was answered, and not by a problem.
pub fn answered(sender: &Sender<'_>, operation: &str, status: StatusCode, took: Duration) {
    let Sender { cluster, tenant, subject, request_id, .. } = sender;
    tracing::info!(target: "audit", operation, status = status.as_u16(), cluster, tenant, subject, request_id, ?took, "answered");
}

/// A decision on a remediation was recorded, by this call or, `replayed`, by an earlier one, whose answer may have been lost.
pub fn decided(sender: &Sender<'_>, verdict: &str, remediation: &str, replayed: bool) {
    let Sender { tenant, subject, request_id, .. } = sender;
    let said = if replayed { "a decision came again, and is recorded already" } else { "a decision was recorded" };
    tracing::info!(target: "audit", verdict, remediation, replayed, tenant, subject, request_id, "{said}");
}

/// A task was stored, by this delivery of it or, `replayed`, by an earlier one.
pub fn ordered(sender: &Sender<'_>, execution_id: &str, action: &str, remediation: &str, replayed: bool) {
    let Sender { tenant, subject, request_id, .. } = sender;
    let said = if replayed { "a task came again, and is stored already" } else { "a task was stored" };
    tracing::info!(target: "audit", execution_id, action, remediation, replayed, tenant, subject, request_id, "{said}");
}

/// A cleanup ran, to its end or not.
pub fn cleaned(sender: &Sender<'_>, older_than: &str, dry_run: bool, report: &SweepReport) {
    let Sender { tenant, subject, request_id, .. } = sender;
    let SweepReport { matched, deleted, changed, errors, incomplete } = report;
    let incomplete = incomplete.map(|category| category.as_str());
    tracing::info!(
        target: "audit", older_than, dry_run, matched, deleted, changed, errors, incomplete, tenant, subject, request_id,
        "a cleanup ran"
    );
}

/// The emergency stop was set or lifted.
pub fn switched(sender: &Sender<'_>, stopped: bool) {
    let Sender { tenant, subject, request_id, .. } = sender;
    tracing::warn!(target: "audit", stopped, tenant, subject, request_id, "the emergency stop was switched");
}

/// A connection ended without an answer of the API; counts it.
pub fn unanswered(metrics: &Metrics, remote: SocketAddr, tenant: Option<&str>, what: Unanswered, why: &str) {
    metrics.unanswered(what);
    tracing::info!(target: "audit", %remote, tenant, reason = what.as_str(), "refused: {why}");
}
