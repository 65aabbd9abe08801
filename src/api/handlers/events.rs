//! Events in: the native payload becomes normalized events, and those become remediations.

use jiff::Timestamp;

use super::Handlers;
use crate::{
    contract::{
        Route,
        v0::{ingest_events, ingest_falco, ingest_kyverno, ingest_trivy, types},
    },
    event::{Ignored, Normalized, batch, falco, kyverno, trivy},
    ingest::Outcome,
    problem::{Code, Problem},
    verify::{Caller, Verified},
};

/// The receipt, and whether it is to be marked as a replay.
type Answer = Result<(types::Receipt, Option<bool>), Problem>;

impl Handlers {
    pub(super) async fn batch(&self, request: Verified<ingest_events::Request>) -> Answer {
        let (caller, ingest_events::Request { body }) = request.into_parts();
        if body.cluster_id != self.cluster {
            return Err(Problem::new(Code::ClusterMismatch, "The body's cluster_id is not the cluster that this agent serves"));
        }
        self.accept(&ingest_events::ROUTE, &caller, batch::normalize(body)).await
    }

    pub(super) async fn falco(&self, request: Verified<ingest_falco::Request>) -> Answer {
        let (caller, ingest_falco::Request { body }) = request.into_parts();
        self.accept(&ingest_falco::ROUTE, &caller, falco::normalize(body)).await
    }

    pub(super) async fn trivy(&self, request: Verified<ingest_trivy::Request>) -> Answer {
        let (caller, ingest_trivy::Request { body }) = request.into_parts();
        self.accept(&ingest_trivy::ROUTE, &caller, trivy::normalize(body, Timestamp::now())).await
    }

    pub(super) async fn kyverno(&self, request: Verified<ingest_kyverno::Request>) -> Answer {
        let (caller, ingest_kyverno::Request { body }) = request.into_parts();
        self.accept(&ingest_kyverno::ROUTE, &caller, kyverno::normalize(body, Timestamp::now())).await
    }

    async fn accept(&self, route: &Route, caller: &Caller, events: Vec<Normalized>) -> Answer {
        let receipt = self.ingest.accept(route.operation.id, caller, events).await?;
        let replayed = receipt.all_replayed().then_some(true);
        let results = receipt.results.into_iter().enumerate().map(|(index, outcome)| result(index, outcome)).collect();
        Ok((types::Receipt { request_id: caller.request_id.as_sent().to_owned(), results }, replayed))
    }
}

fn result(index: usize, outcome: Outcome) -> types::ReceiptResult {
    let (outcome, remediation, reason) = match outcome {
        Outcome::Created { remediation } => (types::Outcome::Created, Some(remediation), None),
        Outcome::Replayed { remediation } => (types::Outcome::Replayed, Some(remediation), None),
        Outcome::Ignored { reason } => (types::Outcome::Ignored, None, Some(ignored(reason))),
    };
    types::ReceiptResult { index: u64::try_from(index).unwrap_or(u64::MAX), outcome, remediation, reason }
}

const fn ignored(reason: Ignored) -> types::IgnoredReason {
    match reason {
        Ignored::Heartbeat => types::IgnoredReason::Heartbeat,
        Ignored::Pass => types::IgnoredReason::Pass,
        Ignored::Skip => types::IgnoredReason::Skip,
        Ignored::DeletedReport => types::IgnoredReason::DeletedReport,
        Ignored::BelowThreshold => types::IgnoredReason::BelowThreshold,
        Ignored::Observe => types::IgnoredReason::Observe,
        Ignored::NoTarget => types::IgnoredReason::NoTarget,
    }
}
