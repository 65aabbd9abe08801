//! From a task that was decided on elsewhere to its stored remediation.
//!
//! ```text
//!  task ─▶ too large? ─▶ room? ─▶ create, by the name of its execution
//!                          │        ├── created
//!                          │ no     └── exists: same body? ── yes ─▶ replayed
//!                          └── exists? ────────────┴───────── no ──▶ ExecutionConflict
//! ```
//!
//! The name is derived from the tenant and the execution id alone, so the same task has effect once,
//! whatever its X-Request-Id. It counts as approved by whoever sent it, at its creation.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{ATTEMPTS, Creation, Ingest, IngestError, object};
use crate::{
    event::Target,
    remediation::{Action, RemediationSpec, RequestRecord, Verification, names},
    verify::Caller,
};

/// The source of a remediation that came as a task, and of its approval.
const SOURCE: &str = "saas";

/// A task, its tenant and cluster found to be the caller's.
#[derive(Clone, Debug)]
pub struct Task {
    /// This execution's id, the tenant's own.
    pub execution_id: String,
    /// The sender's id of the remediation.
    pub remediation_id: String,
    /// What to do.
    pub action: Action,
    /// To which object.
    pub target: Target,
    /// What has to hold afterwards.
    pub verification: Option<Verification>,
    /// Not before this time.
    pub scheduled_time: Option<Timestamp>,
}

/// A task that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The id of its remediation in the API.
    pub remediation: String,
    /// Whether an earlier delivery stored it.
    pub replayed: bool,
}

impl Ingest {
    /// Stores a task that an approver sent.
    ///
    /// # Errors
    /// See [`IngestError`]. The same request, sent again, is harmless.
    pub async fn take(&self, operation_id: &'static str, caller: &Caller, task: Task) -> Result<Taken, IngestError> {
        let remediation = names::task(&caller.tenant, &task.execution_id);
        let record = RequestRecord {
            id: caller.request_id.as_sent().to_owned(),
            digest: names::digest(operation_id, &caller.body_digest),
            index: 0,
            subject: Some(caller.subject.clone()),
            execution_id: Some(task.execution_id),
        };
        let digest = record.digest.clone();
        let spec = RemediationSpec {
            source: Some(SOURCE.to_owned()),
            target: Some(task.target),
            action: Some(task.action),
            verification: task.verification,
            request: Some(record),
            remediation_id: Some(task.remediation_id),
            scheduled_time: task.scheduled_time.map(Time),
            approved_by: Some(caller.subject.clone()),
            approved_at: Some(Time(Timestamp::now())),
            approval_source: Some(SOURCE.to_owned()),
            ..RemediationSpec::default()
        };
        let spec = object::bounded(spec, 0)?;
        let room = self.quota.reserve(&caller.tenant, 1);
        for _ in 0..ATTEMPTS {
            if room.is_ok()
                && let Creation::Created = self.store.create(caller, &remediation, &spec).await?
            {
                return Ok(Taken { remediation, replayed: false });
            }
            if self.carries(caller, &remediation, &digest).await? {
                return Ok(Taken { remediation, replayed: true });
            }
            if room.is_err() {
                break;
            }
        }
        room?;
        Err(IngestError::Vanishing)
    }

    /// Whether an object of this name is there, and stands for this very task.
    async fn carries(&self, caller: &Caller, name: &str, digest: &str) -> Result<bool, IngestError> {
        let Some(object) = self.store.get(name).await? else { return Ok(false) };
        if object.metadata.deletion_timestamp.is_some() {
            return Err(IngestError::Vanishing);
        }
        let same_tenant = object.tenant() == Some(caller.tenant.as_str());
        match object.spec.request {
            Some(record) if same_tenant && record.digest == digest => Ok(true),
            _ => Err(IngestError::ExecutionConflict),
        }
    }
}
