//! What a person asks of a remediation that has ended: to try again what failed, or to undo what succeeded.
//!
//! ```text
//!   failed ────── retry ─────▶ pending, as if it were new: planned again, approved again unless its mode is automatic
//!   succeeded ─── rollback ──▶ succeeded, RollbackRequested=True ── the pipeline, once the target is free ──▶ in_progress
//! ```
//!
//! What may have left something on the target is not tried again: the next attempt would take that for the state to go
//! back to. Neither is what a person rejected, or another program ended. Sending either again is harmless: it is answered as it stands, and one request has one retry, also when that
//! and others after it have ended by the time it is sent again.

use kube::Api;

use super::{
    APPROVED, COMPLETE, Phase, RETRIED, ROLLBACK_REQUESTED, Reason, VERIFIED, ZenAgentRemediation,
    approval::{Decided, Decider, DecisionError, conflict, decide, runs_by_itself},
    conditions::{self, Holds},
    shorten,
};
use crate::{kube_events::Events, pipeline::actions::Reversibility};

/// How often one remediation can be tried again: each request is kept on the object.
const RETRIES: usize = 20;

/// What a person asks for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who asks.
    pub by: Decider<'a>,
    /// Why.
    pub reason: &'a str,
    /// Its `X-Request-Id`.
    pub request: &'a str,
}

impl Asked<'_> {
    fn told(&self, what: &str) -> String {
        let Self { by: Decider { subject, role }, reason, .. } = self;
        format!("{subject} ({}) asked for {what}: {}", role.as_str(), shorten(reason))
    }
}

/// Has what failed tried again, as the caller has read it and found it to be its tenant's own.
///
/// # Errors
/// [`DecisionError`]; `StateConflict` when it has not failed, was rejected, or may have left something behind.
pub async fn retry(
    api: &Api<ZenAgentRemediation>,
    events: &Events,
    object: ZenAgentRemediation,
    asked: Asked<'_>,
) -> Result<Decided, DecisionError> {
    decide(api, events, object, |object| {
        let phase = object.phase();
        let mut status = object.status.clone().unwrap_or_default();
        let was_asked = status.retry_request_ids.iter().any(|request| request == asked.request);
        if was_asked || (matches!(phase, Phase::Pending | Phase::InProgress) && object.condition(RETRIED).is_some()) {
            return Ok(None);
        }
        if phase != Phase::Failed {
            return Err(conflict(object, "only what has failed can be tried again"));
        }
        if status.retry_request_ids.len() >= RETRIES {
            return Err(conflict(object, "it was tried again twenty times, which is as often as it can be"));
        }
        match status.reason.as_deref().and_then(Reason::parse) {
            Some(Reason::Rejected) => return Err(conflict(object, "a rejected remediation is not tried again")),
            Some(Reason::RollbackFailed | Reason::RollbackUnsupported) => {
                return Err(conflict(object, "it may have left something on its target, which is to be put back by hand first"));
            }
            Some(_) => {}
            None => return Err(conflict(object, "it was ended by another program, and what that left behind is not known")),
        }
        let (generation, message) = (object.metadata.generation, asked.told("a retry"));
        status.phase = Some(Phase::Pending);
        (status.plan, status.target, status.action, status.previous, status.approval) = (None, None, None, None, None);
        (status.started_at, status.completed_at, status.applied_at, status.error_message) = (None, None, None, None);
        (status.workload, status.approval_deadline, status.verification) = (None, None, None);
        status.retry_request_ids.push(asked.request.to_owned());
        status.steps.clear();
        status.patch_remediations.clear();
        status.conditions.retain(|condition| condition.type_ != VERIFIED);
        status.set_condition(RETRIED, Holds::Yes, Reason::RetryRequested, &message, generation);
        status.set_condition(COMPLETE, Holds::No, Reason::RetryRequested, &message, generation);
        status.explain(Reason::RetryRequested, &message);
        // Who or what let it run let it run once.
        let as_judged = object.condition(APPROVED).is_none_or(|judged| conditions::is_of(judged, object.metadata.generation));
        if runs_by_itself(object) && as_judged {
            status.conditions.retain(|condition| condition.type_ != APPROVED);
        } else {
            status.set_condition(APPROVED, Holds::No, Reason::WaitingForApproval, &message, generation);
        }
        Ok(Some(status))
    })
    .await
}

/// Has what succeeded undone, as the caller has read it and found it to be its tenant's own.
///
/// # Errors
/// [`DecisionError`]; `StateConflict` when it has not succeeded, or cannot be undone.
pub async fn rollback(
    api: &Api<ZenAgentRemediation>,
    events: &Events,
    object: ZenAgentRemediation,
    asked: Asked<'_>,
) -> Result<Decided, DecisionError> {
    undo(api, events, object, Reason::RollbackRequested, &asked.told("its rollback")).await
}

/// Has what succeeded undone, for this reason: that somebody asked for it, or that another patch of the same series did not succeed.
///
/// # Errors
/// As of [`rollback`].
pub async fn undo(
    api: &Api<ZenAgentRemediation>,
    events: &Events,
    object: ZenAgentRemediation,
    reason: Reason,
    message: &str,
) -> Result<Decided, DecisionError> {
    decide(api, events, object, |object| {
        let requested = object.condition(ROLLBACK_REQUESTED).is_some_and(conditions::is_true);
        if requested && object.phase() != Phase::Failed {
            return Ok(None);
        }
        if object.phase() != Phase::Succeeded {
            return Err(conflict(object, "only what has succeeded can be undone"));
        }
        let mut status = object.status.clone().unwrap_or_default();
        match (&status.action, &status.target, &status.previous) {
            (Some(action), Some(_), Some(_)) if action.kind().reversibility() == Reversibility::Reversible => {}
            (Some(_), Some(_), Some(_)) => return Err(conflict(object, "what its action does cannot be undone")),
            // Each of its patches has recorded its own.
            _ if object.is_series() => {}
            _ => return Err(conflict(object, "no state was recorded to go back to")),
        }
        status.set_condition(ROLLBACK_REQUESTED, Holds::Yes, reason, message, object.metadata.generation);
        Ok(Some(status))
    })
    .await
}

/// Whether it is to be undone, and that has not begun.
pub fn is_to_be_undone(object: &ZenAgentRemediation) -> bool {
    object.phase() == Phase::Succeeded && object.condition(ROLLBACK_REQUESTED).is_some_and(conditions::is_true)
}
