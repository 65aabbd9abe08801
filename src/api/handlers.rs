//! The operations: each takes a verified request, delegates, and converts the answer.
//!
//! Nothing is decided here but how long it may take ([`deadline::REQUEST`]). Whose an object is stands
//! in [`access`]; how it looks in the API in [`view`](super::view).

mod access;
mod approvals;
mod cleanup;
mod emergency;
mod events;
mod filter;
mod places;
mod plan;
mod reads;
mod tasks;
mod watch;

use std::collections::BTreeSet;

use kube::Client;
use tokio_util::sync::CancellationToken;

pub use places::Places;

use crate::{
    contract::{v0, v1alpha1},
    deadline,
    emergency::Switch,
    identity::Tenant,
    ingest::Ingest,
    kube_events::Events,
    pipeline::Reach,
    policy::Live,
    problem::{Code, Problem},
    remediation::ActionKind,
    retention::Retention,
    verify::Verified,
};

/// What the operations need.
pub struct Handlers {
    /// Where remediations are.
    pub client: Client,
    /// Stores events.
    pub ingest: Ingest,
    /// The actions that may be carried out.
    pub actions: BTreeSet<ActionKind>,
    /// What probes may reach.
    pub reach: Reach,
    /// What holds whatever the rules say.
    pub policy: Live,
    /// Records what becomes of decisions.
    pub events: Events,
    /// Stops all changes of targets.
    pub emergency: Switch,
    /// Deletes old remediations.
    pub retention: Retention,
    /// The cluster that batches must name.
    pub cluster: String,
    /// The tenant that owns objects without a tenant label.
    pub own_tenant: Tenant,
    /// Where remediations made from events are; ids have no namespace there.
    pub namespace: String,
    /// The one namespace that is watched; all when absent.
    pub watch_namespace: Option<String>,
    /// The streams that clients watch.
    pub places: Places,
    /// Ends them, when the process stops.
    pub stopping: CancellationToken,
}

/// Bounds what an operation does.
async fn in_time<T>(work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    tokio::time::timeout(deadline::REQUEST, work).await.unwrap_or_else(|_| {
        let detail = "The Kubernetes API is too slow to do this in time; send the same request again, with the same X-Request-Id";
        Err(Problem::new(Code::Unavailable, detail))
    })
}

impl v0::Api for Handlers {
    async fn ingest_events(&self, request: Verified<v0::ingest_events::Request>) -> Result<v0::ingest_events::Response, Problem> {
        let (body, idempotent_replayed) = in_time(self.batch(request)).await?;
        Ok(v0::ingest_events::Response::Accepted { body, idempotent_replayed })
    }

    async fn ingest_falco(&self, request: Verified<v0::ingest_falco::Request>) -> Result<v0::ingest_falco::Response, Problem> {
        let (body, idempotent_replayed) = in_time(self.falco(request)).await?;
        Ok(v0::ingest_falco::Response::Accepted { body, idempotent_replayed })
    }

    async fn ingest_trivy(&self, request: Verified<v0::ingest_trivy::Request>) -> Result<v0::ingest_trivy::Response, Problem> {
        let (body, idempotent_replayed) = in_time(self.trivy(request)).await?;
        Ok(v0::ingest_trivy::Response::Accepted { body, idempotent_replayed })
    }

    async fn ingest_kyverno(&self, request: Verified<v0::ingest_kyverno::Request>) -> Result<v0::ingest_kyverno::Response, Problem> {
        let (body, idempotent_replayed) = in_time(self.kyverno(request)).await?;
        Ok(v0::ingest_kyverno::Response::Accepted { body, idempotent_replayed })
    }

    async fn list_remediations(
        &self,
        request: Verified<v0::list_remediations::Request>,
    ) -> Result<v0::list_remediations::Response, Problem> {
        let body = in_time(self.list(request)).await?;
        Ok(v0::list_remediations::Response::Ok { body })
    }

    async fn get_remediation(&self, request: Verified<v0::get_remediation::Request>) -> Result<v0::get_remediation::Response, Problem> {
        let body = in_time(self.one(request)).await?;
        Ok(v0::get_remediation::Response::Ok { body })
    }

    async fn approve_remediation(
        &self,
        request: Verified<v0::approve_remediation::Request>,
    ) -> Result<v0::approve_remediation::Response, Problem> {
        let (caller, v0::approve_remediation::Request { id, body }) = request.into_parts();
        let body = in_time(self.decide(&caller, &id, &body, approvals::Verdict::Approve)).await?;
        Ok(v0::approve_remediation::Response::Ok { body })
    }

    async fn reject_remediation(
        &self,
        request: Verified<v0::reject_remediation::Request>,
    ) -> Result<v0::reject_remediation::Response, Problem> {
        let (caller, v0::reject_remediation::Request { id, body }) = request.into_parts();
        let body = in_time(self.decide(&caller, &id, &body, approvals::Verdict::Reject)).await?;
        Ok(v0::reject_remediation::Response::Ok { body })
    }

    async fn apply_remediation(
        &self,
        request: Verified<v0::apply_remediation::Request>,
    ) -> Result<v0::apply_remediation::Response, Problem> {
        let (body, idempotent_replayed) = in_time(self.apply(request)).await?;
        Ok(v0::apply_remediation::Response::Accepted { body, idempotent_replayed })
    }

    async fn cancel_remediation(
        &self,
        request: Verified<v0::cancel_remediation::Request>,
    ) -> Result<v0::cancel_remediation::Response, Problem> {
        let body = in_time(self.cancel(request)).await?;
        Ok(v0::cancel_remediation::Response::Ok { body })
    }

    async fn cleanup_remediations(
        &self,
        request: Verified<v0::cleanup_remediations::Request>,
    ) -> Result<v0::cleanup_remediations::Response, Problem> {
        let body = self.cleanup(request).await?;
        Ok(v0::cleanup_remediations::Response::Ok { body })
    }
}

impl v1alpha1::Api for Handlers {
    async fn get_plan(&self, request: Verified<v1alpha1::get_plan::Request>) -> Result<v1alpha1::get_plan::Response, Problem> {
        let (caller, v1alpha1::get_plan::Request { id }) = request.into_parts();
        let body = in_time(self.plan(&caller, &id)).await?;
        Ok(v1alpha1::get_plan::Response::Ok { body })
    }

    async fn retry_remediation(
        &self,
        request: Verified<v1alpha1::retry_remediation::Request>,
    ) -> Result<v1alpha1::retry_remediation::Response, Problem> {
        let (caller, v1alpha1::retry_remediation::Request { id, body }) = request.into_parts();
        let body = in_time(self.ask(&caller, &id, &body.reason, approvals::Wish::Retry)).await?;
        Ok(v1alpha1::retry_remediation::Response::Ok { body })
    }

    async fn rollback_remediation(
        &self,
        request: Verified<v1alpha1::rollback_remediation::Request>,
    ) -> Result<v1alpha1::rollback_remediation::Response, Problem> {
        let (caller, v1alpha1::rollback_remediation::Request { id, body }) = request.into_parts();
        let body = in_time(self.ask(&caller, &id, &body.reason, approvals::Wish::Rollback)).await?;
        Ok(v1alpha1::rollback_remediation::Response::Ok { body })
    }

    async fn emergency_stop(
        &self,
        request: Verified<v1alpha1::emergency_stop::Request>,
    ) -> Result<v1alpha1::emergency_stop::Response, Problem> {
        let (caller, v1alpha1::emergency_stop::Request { body }) = request.into_parts();
        let body = in_time(self.switch(&caller, &body.reason, emergency::Order::Stop)).await?;
        Ok(v1alpha1::emergency_stop::Response::Ok { body })
    }

    async fn emergency_resume(
        &self,
        request: Verified<v1alpha1::emergency_resume::Request>,
    ) -> Result<v1alpha1::emergency_resume::Response, Problem> {
        let (caller, v1alpha1::emergency_resume::Request { body }) = request.into_parts();
        let body = in_time(self.switch(&caller, &body.reason, emergency::Order::Resume)).await?;
        Ok(v1alpha1::emergency_resume::Response::Ok { body })
    }

    async fn watch_remediations(
        &self,
        request: Verified<v1alpha1::watch_remediations::Request>,
    ) -> Result<v1alpha1::watch_remediations::Response, Problem> {
        let body = in_time(self.watch(request)).await?;
        Ok(v1alpha1::watch_remediations::Response::Ok { body })
    }
}
