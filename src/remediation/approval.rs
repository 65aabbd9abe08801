//! A person's decision about a proposal.
//!
//! ```text
//!               approve                         reject
//!   pending ──▶ Approved=True, the pipeline     pending ──▶ Approved=False, failed, reason Rejected
//!               goes on from there
//!   approved ─▶ unchanged                       rejected ─▶ unchanged
//!   rejected, or ended otherwise ─▶ conflict    begun, or ended otherwise ─▶ conflict
//! ```
//!
//! A decision is one write, guarded by the resourceVersion it was made on. When another writer was
//! faster the object is read and judged again, so of an approval and a rejection one wins, and of a
//! rejection and the pipeline's claim too.
//!
//! An approval is bound to the generation of the spec that the caller read: where the spec changed
//! meanwhile nothing is recorded, and where it changes afterwards the approval is void.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Api, ResourceExt};

use super::{
    APPROVED, Approval, Decision, Phase, Reason, RemediationStatus, ZenAgentRemediation,
    conditions::{self, Holds},
    shorten, status_write,
};
use crate::{events::Events, identity::Role};

const ATTEMPTS: usize = 5;
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Who decides.
#[derive(Clone, Copy, Debug)]
pub struct Decider<'a> {
    /// The token's subject.
    pub subject: &'a str,
    /// The token's role.
    pub role: Role,
}

/// A decision that holds.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The remediation, as it stands with it.
    pub object: ZenAgentRemediation,
    /// Whether this call recorded it; else it had been decided so before.
    pub wrote: bool,
}

/// Why a decision was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// The state does not allow it.
    #[error("the remediation is {phase}{}; {what}", reason.as_deref().map(|r| format!(" ({r})")).unwrap_or_default())]
    StateConflict {
        /// Where it stands.
        phase: Phase,
        /// Why it stands there.
        reason: Option<String>,
        /// What would be possible.
        what: &'static str,
    },
    /// The object is gone, or another one has its name.
    #[error("the remediation was deleted in the meantime")]
    Gone,
    /// Others wrote faster, every time.
    #[error("the remediation changes too fast to record a decision; send the request again")]
    Contended,
    /// The API server did not answer in time; the decision may be recorded.
    #[error("the Kubernetes API did not answer within 10 s; send the request again, which is harmless")]
    Timeout,
    /// The API server refused, or could not be reached.
    #[error("the Kubernetes API did not record the decision; send the request again later")]
    Api(#[source] Box<kube::Error>),
}

/// Records an approval of `object`, which the caller has read and found to be its tenant's own.
///
/// # Errors
/// [`DecisionError`]; `StateConflict` when it was rejected, has ended without a person's approval, or
/// is by now about something else than what the caller read.
pub async fn approve(
    api: &Api<ZenAgentRemediation>,
    events: &Events,
    object: ZenAgentRemediation,
    by: Decider<'_>,
    reason: Option<&str>,
) -> Result<Decided, DecisionError> {
    let seen = object.metadata.generation;
    decide(api, events, object, |object| {
        if is_approved(object) {
            return Ok(None);
        }
        match object.phase() {
            Phase::Pending => {}
            Phase::InProgress => return Ok(None),
            _ => return Err(conflict(object, "only what has not ended can be approved")),
        }
        if object.condition(APPROVED).is_some_and(|condition| condition.reason == Reason::Rejected.as_str()) {
            return Err(conflict(object, "a rejected remediation cannot be approved"));
        }
        if object.metadata.generation != seen {
            return Err(conflict(object, "its spec was changed meanwhile: read it again, and decide on what it is now"));
        }
        let mut status = object.status.clone().unwrap_or_default();
        let message = record(&mut status, object, Decision::Approved, by, reason);
        status.explain(Reason::Approved, &message);
        Ok(Some(status))
    })
    .await
}

/// Records a rejection of `object`, which the caller has read and found to be its tenant's own, and ends it.
///
/// # Errors
/// [`DecisionError`]; `StateConflict` when it has begun, or has ended otherwise.
pub async fn reject(
    api: &Api<ZenAgentRemediation>,
    events: &Events,
    object: ZenAgentRemediation,
    by: Decider<'_>,
    reason: Option<&str>,
) -> Result<Decided, DecisionError> {
    decide(api, events, object, |object| {
        let phase = object.phase();
        let rejected = object.condition(APPROVED).is_some_and(|condition| condition.reason == Reason::Rejected.as_str());
        if rejected && phase == Phase::Failed {
            return Ok(None);
        }
        if phase != Phase::Pending {
            return Err(conflict(object, "only what has not begun can be rejected"));
        }
        let mut status = object.status.clone().unwrap_or_default();
        let message = record(&mut status, object, Decision::Rejected, by, reason);
        status.end(Phase::Failed, Reason::Rejected, &message, object.metadata.generation);
        Ok(Some(status))
    })
    .await
}

/// Whether a person has approved it already; before it begins, that is only what it is now.
fn is_approved(object: &ZenAgentRemediation) -> bool {
    let approval = object.status.as_ref().and_then(|status| status.approval.as_ref());
    let holds = || {
        let approved = object.condition(APPROVED);
        approved.is_some_and(|approved| conditions::is_true(approved) && conditions::is_of(approved, object.metadata.generation))
    };
    approval.is_some_and(|approval| approval.decision == Decision::Approved) && (object.phase() != Phase::Pending || holds())
}

/// Writes the approval and the condition, and returns the message.
fn record(
    status: &mut RemediationStatus,
    object: &ZenAgentRemediation,
    decision: Decision,
    by: Decider<'_>,
    reason: Option<&str>,
) -> String {
    let reason: Option<String> = reason.filter(|text| !text.is_empty()).map(shorten);
    let (verb, holds, word) = match decision {
        Decision::Approved => ("approved", Holds::Yes, Reason::Approved),
        Decision::Rejected => ("rejected", Holds::No, Reason::Rejected),
    };
    let mut message = format!("{verb} by {} ({})", by.subject, by.role.as_str());
    if let Some(reason) = &reason {
        message = format!("{message}: {reason}");
    }
    status.set_condition(APPROVED, holds, word, &message, object.metadata.generation);
    status.approval = Some(Approval { decision, by: by.subject.to_owned(), at: Time(Timestamp::now()), reason });
    message
}

fn conflict(object: &ZenAgentRemediation, what: &'static str) -> DecisionError {
    let reason = object.status.as_ref().and_then(|status| status.reason.clone());
    DecisionError::StateConflict { phase: object.phase(), reason, what }
}

/// Judges the object and writes the verdict; judges anew when another writer was faster.
async fn decide(
    api: &Api<ZenAgentRemediation>,
    events: &Events,
    mut object: ZenAgentRemediation,
    judge: impl Fn(&ZenAgentRemediation) -> Result<Option<RemediationStatus>, DecisionError>,
) -> Result<Decided, DecisionError> {
    for _ in 0..ATTEMPTS {
        let Some(status) = judge(&object)? else { return Ok(Decided { object, wrote: false }) };
        let name = object.name_any();
        let write = status_write::write(api, events, &object, status);
        match tokio::time::timeout(CALL_TIMEOUT, write).await.map_err(|_| DecisionError::Timeout)? {
            Ok(object) => return Ok(Decided { object, wrote: true }),
            Err(kube::Error::Api(status)) if status.is_conflict() => {}
            Err(kube::Error::Api(status)) if status.is_not_found() => return Err(DecisionError::Gone),
            Err(error) => return Err(DecisionError::Api(Box::new(error))),
        }
        let read = tokio::time::timeout(CALL_TIMEOUT, api.get_opt(&name)).await.map_err(|_| DecisionError::Timeout)?;
        // Only the object that the caller was allowed to see: not another of the same name.
        object = match read.map_err(|error| DecisionError::Api(Box::new(error)))? {
            Some(fresh) if fresh.metadata.uid == object.metadata.uid => fresh,
            _ => return Err(DecisionError::Gone),
        };
    }
    Err(DecisionError::Contended)
}
