//! Handlers that answer plainly; some inputs make them fail.

use futures::StreamExt as _;
use poem::web::sse::Event;
use serde_json::json;

use crate::{
    contract::{
        v0::{self, types},
        v1alpha1::{self, types as alpha},
    },
    problem::{Code, Problem},
    verify::Verified,
};

pub(super) struct Fake;

fn receipt(request: &Verified<impl Sized>, results: Vec<types::ReceiptResult>) -> types::Receipt {
    types::Receipt { request_id: request.caller().request_id.as_sent().to_owned(), results }
}

fn remediation(id: &str) -> types::Remediation {
    serde_json::from_value(json!({
        "id": id, "name": id, "namespace": "zen-agent", "status": "pending", "approval": { "state": "waiting" },
        "created_at": "2026-07-01T12:00:01Z", "updated_at": "2026-07-01T12:00:01Z", "steps": [],
    }))
    .unwrap()
}

impl v0::Api for Fake {
    async fn ingest_events(&self, request: Verified<v0::ingest_events::Request>) -> Result<v0::ingest_events::Response, Problem> {
        let one = |index, event: &types::SecurityEvent| types::ReceiptResult {
            index,
            outcome: types::Outcome::Created,
            reason: None,
            remediation: Some(event.rule.clone()),
        };
        let results = (0..).zip(&request.value().body.events).map(|(index, event)| one(index, event)).collect();
        Ok(v0::ingest_events::Response::Accepted { body: receipt(&request, results), idempotent_replayed: Some(true) })
    }

    async fn ingest_falco(&self, request: Verified<v0::ingest_falco::Request>) -> Result<v0::ingest_falco::Response, Problem> {
        let rule = &request.value().body.rule;
        match rule.as_str() {
            "panic" => panic!("the handler's defect"),
            "undeclared" => Err(Problem::new(Code::NotFound, "ingestFalco declares no 404")),
            "unavailable" => Err(Problem::new(Code::Unavailable, "The Kubernetes API cannot be reached.")),
            _ => Ok(v0::ingest_falco::Response::Accepted { body: receipt(&request, Vec::new()), idempotent_replayed: None }),
        }
    }

    async fn ingest_trivy(&self, request: Verified<v0::ingest_trivy::Request>) -> Result<v0::ingest_trivy::Response, Problem> {
        Ok(v0::ingest_trivy::Response::Accepted { body: receipt(&request, Vec::new()), idempotent_replayed: None })
    }

    async fn ingest_kyverno(&self, request: Verified<v0::ingest_kyverno::Request>) -> Result<v0::ingest_kyverno::Response, Problem> {
        Ok(v0::ingest_kyverno::Response::Accepted { body: receipt(&request, Vec::new()), idempotent_replayed: None })
    }

    async fn list_remediations(
        &self,
        request: Verified<v0::list_remediations::Request>,
    ) -> Result<v0::list_remediations::Response, Problem> {
        let limit = usize::try_from(request.value().limit).unwrap();
        let items = std::iter::repeat_n(remediation("zar-1"), limit).collect();
        Ok(v0::list_remediations::Response::Ok { body: types::RemediationList { items, continue_: request.value().continue_.clone() } })
    }

    async fn get_remediation(&self, request: Verified<v0::get_remediation::Request>) -> Result<v0::get_remediation::Response, Problem> {
        Ok(v0::get_remediation::Response::Ok { body: remediation(&request.value().id) })
    }

    async fn approve_remediation(
        &self,
        request: Verified<v0::approve_remediation::Request>,
    ) -> Result<v0::approve_remediation::Response, Problem> {
        let body = types::Remediation { reason: Some(request.value().body.reason.clone()), ..remediation(&request.value().id) };
        Ok(v0::approve_remediation::Response::Ok { body })
    }

    async fn reject_remediation(&self, _: Verified<v0::reject_remediation::Request>) -> Result<v0::reject_remediation::Response, Problem> {
        Err(Problem::new(Code::StateConflict, "It has ended."))
    }

    async fn apply_remediation(
        &self,
        request: Verified<v0::apply_remediation::Request>,
    ) -> Result<v0::apply_remediation::Response, Problem> {
        let body = types::TaskReceipt {
            request_id: request.caller().request_id.as_sent().to_owned(),
            execution_id: request.value().body.execution_id.clone(),
            outcome: types::TaskOutcome::Created,
            remediation: "zat-1".to_owned(),
        };
        Ok(v0::apply_remediation::Response::Accepted { body, idempotent_replayed: None })
    }

    async fn cancel_remediation(&self, _: Verified<v0::cancel_remediation::Request>) -> Result<v0::cancel_remediation::Response, Problem> {
        Ok(v0::cancel_remediation::Response::Ok { body: remediation("zat-1") })
    }

    async fn cleanup_remediations(
        &self,
        request: Verified<v0::cleanup_remediations::Request>,
    ) -> Result<v0::cleanup_remediations::Response, Problem> {
        let v0::cleanup_remediations::Request { older_than, dry_run, .. } = request.value().clone();
        let body =
            types::CleanupResult { matched: 0, deleted: 0, errors: 0, skipped_changed: 0, dry_run, older_than, statuses: Vec::new() };
        Ok(v0::cleanup_remediations::Response::Ok { body })
    }
}

impl v1alpha1::Api for Fake {
    async fn get_plan(&self, request: Verified<v1alpha1::get_plan::Request>) -> Result<v1alpha1::get_plan::Response, Problem> {
        Err(Problem::new(Code::NotFound, request.value().id.clone()))
    }

    async fn retry_remediation(
        &self,
        request: Verified<v1alpha1::retry_remediation::Request>,
    ) -> Result<v1alpha1::retry_remediation::Response, Problem> {
        Err(Problem::new(Code::NotFound, request.value().id.clone()))
    }

    async fn rollback_remediation(
        &self,
        request: Verified<v1alpha1::rollback_remediation::Request>,
    ) -> Result<v1alpha1::rollback_remediation::Response, Problem> {
        Err(Problem::new(Code::NotFound, request.value().id.clone()))
    }

    async fn emergency_stop(
        &self,
        request: Verified<v1alpha1::emergency_stop::Request>,
    ) -> Result<v1alpha1::emergency_stop::Response, Problem> {
        let reason = request.value().body.reason.clone();
        Ok(v1alpha1::emergency_stop::Response::Ok { body: alpha::EmergencyStop { stopped: true, by: "ada".into(), reason } })
    }

    async fn emergency_resume(
        &self,
        _: Verified<v1alpha1::emergency_resume::Request>,
    ) -> Result<v1alpha1::emergency_resume::Response, Problem> {
        Err(Problem::new(Code::Unavailable, "Not now."))
    }

    async fn watch_remediations(
        &self,
        request: Verified<v1alpha1::watch_remediations::Request>,
    ) -> Result<v1alpha1::watch_remediations::Response, Problem> {
        let since = request.value().last_event_id.clone().unwrap_or_default();
        Ok(v1alpha1::watch_remediations::Response::Ok { body: futures::stream::iter([Event::message(since)]).boxed() })
    }
}
