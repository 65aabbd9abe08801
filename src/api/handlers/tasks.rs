//! Tasks that were decided on elsewhere: taken, and taken back.

use serde_json::{Map, Value};

use super::{Handlers, approvals::refusal};
use crate::{
    api::view,
    audit,
    contract::v0::{apply_remediation, cancel_remediation, types},
    event::batch,
    ingest::{Taken, Task},
    problem::{Code, Problem, Violation},
    remediation::{
        Action, ActionKind, Verification,
        approval::{self, Decided, Decider},
        names,
    },
    verify::{Caller, Verified},
};

impl Handlers {
    pub(super) async fn apply(&self, request: Verified<apply_remediation::Request>) -> Result<(types::TaskReceipt, Option<bool>), Problem> {
        let (caller, apply_remediation::Request { body }) = request.into_parts();
        self.is_ours(&caller, &body.tenant_id, &body.cluster_id)?;
        let task = task(body)?;
        let (execution_id, action) = (task.execution_id.clone(), task.action.name());
        let Taken { remediation, replayed } = self.ingest.take(apply_remediation::ROUTE.operation.id, &caller, task).await?;
        audit::ordered(&caller.sender(), &execution_id, action, &remediation, replayed);
        let outcome = if replayed { types::TaskOutcome::Replayed } else { types::TaskOutcome::Created };
        let receipt = types::TaskReceipt { request_id: caller.request_id.as_sent().to_owned(), execution_id, outcome, remediation };
        Ok((receipt, replayed.then_some(true)))
    }

    pub(super) async fn cancel(&self, request: Verified<cancel_remediation::Request>) -> Result<types::Remediation, Problem> {
        let (caller, cancel_remediation::Request { body }) = request.into_parts();
        self.is_ours(&caller, &body.tenant_id, &body.cluster_id)?;
        let unknown = || Problem::new(Code::NotFound, "There is no task with this execution_id");
        let id = names::task(&caller.tenant, &body.execution_id);
        let found = self.find(&caller, &id).await;
        let (api, object) = found.map_err(|problem| if problem.code == Code::NotFound { unknown() } else { problem })?;
        if object.execution_id() != Some(&body.execution_id) {
            return Err(unknown());
        }
        let by = Decider { subject: &caller.subject, role: caller.role };
        let cancelled = approval::cancel(&api, &self.events, object, by, body.reason.as_deref()).await;
        let Decided { object, wrote } = cancelled.map_err(|error| refusal(&error))?;
        audit::decided(&caller.sender(), "cancelled", &id, !wrote);
        Ok(view::remediation(&object, self.id(&object)))
    }

    fn is_ours(&self, caller: &Caller, tenant: &str, cluster: &str) -> Result<(), Problem> {
        if tenant != caller.tenant.as_str() {
            return Err(Problem::new(Code::TenantMismatch, "The body's tenant_id is not the tenant of the token and the certificate"));
        }
        if cluster != self.cluster {
            return Err(Problem::new(Code::ClusterMismatch, "The body's cluster_id is not the cluster that this agent serves"));
        }
        Ok(())
    }
}

fn task(body: types::Task) -> Result<Task, Problem> {
    let violated = |pointer: &str, message: String| Problem {
        violations: vec![Violation { pointer: pointer.to_owned(), message }],
        ..Problem::new(Code::SchemaViolation, "The body has 1 violation.")
    };
    let kind: ActionKind = body.action.to_string().parse().map_err(|_| violated("/action", "is no action of this agent".to_owned()))?;
    let parameters = match body.params.map(serde_json::to_value) {
        None => Map::new(),
        Some(Ok(Value::Object(parameters))) => parameters,
        Some(_) => return Err(violated("/params", "is no object of parameters".to_owned())),
    };
    let action = Action::of(kind, parameters).map_err(|problem| violated("/params", problem))?;
    let target = batch::target(&body.target);
    let target = target.ok_or_else(|| violated("/target", "names no object that Kubernetes could have".to_owned()))?;
    if let Some(problem) = action.mismatch(&target) {
        return Err(violated("/params/manifest", problem));
    }
    let verification = body.verification.map(|given| verification(&given)).transpose();
    let verification = verification.map_err(|problem| violated("/verification", problem))?;
    Ok(Task {
        execution_id: body.execution_id,
        remediation_id: body.remediation_id,
        action,
        target,
        verification,
        scheduled_time: body.scheduled_time.map(Into::into),
    })
}

/// The same in the form of the resource, whose fields have the same names.
fn verification(given: &types::Verification) -> Result<Verification, String> {
    let read = serde_json::to_value(given).and_then(serde_json::from_value::<Verification>);
    let verification = read.map_err(|_| "has a probe that asks for nothing that this agent knows".to_owned())?;
    match verification.problem() {
        Some(problem) => Err(problem),
        None => Ok(verification),
    }
}
