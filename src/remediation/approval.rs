//! A person's decision about a proposal, and a sender's about its task.
//!
//! ```text
//!               approve                         reject
//!   pending ──▶ Approved=True, the pipeline     pending ──▶ Approved=False, failed, reason Rejected
//!               goes on from there
//!   approved ─▶ unchanged                       rejected ─▶ unchanged
//!   rejected, expired, or ended otherwise       begun, or ended otherwise ─▶ conflict
//!   ─▶ conflict
//!
//!               cancel
//!   pending ──▶ failed, reason Cancelled
//!   cancelled ─▶ unchanged
//!   begun, or ended otherwise ─▶ conflict
//! ```
//!
//! What has several patches is approved patch by patch: each is a remediation of its own. As long as it has not begun it can
//! be rejected and cancelled as a whole.
//!
//! A decision is one write, guarded by the resourceVersion it was made on. When another writer was
//! faster the object is read and judged again, so of an approval and a rejection one wins, and of a
//! rejection and the pipeline's claim too.
//!
//! An approval is bound to the generation of the spec and to the plan that the caller read: where one of them changed
//! meanwhile nothing is recorded, and where it changes afterwards the approval is void. One that comes before there is
//! a plan is one of the first plan.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta, Time};
use kube::{Api, ResourceExt};

use super::{
    APPROVED, ActionKind, Approval, Decision, Phase, Reason, RemediationStatus, ZenAgentRemediation,
    conditions::{self, Holds},
    shorten, status_write,
};
use crate::{
    deadline::{CALL, within},
    identity::Role,
    kube_events::Events,
};

const ATTEMPTS: usize = 5;
/// Said of what has several patches.
const EACH_PATCH: &str = "it has several patches: each of them is a remediation of its own, which is decided on by itself";

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
    /// The API server refused, could not be reached, or did not answer in time: then the decision may be recorded.
    #[error("the Kubernetes API did not record the decision")]
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
    let (seen, plan) = (object.metadata.generation, object.plan().map(|plan| plan.digest.clone()));
    decide(api, events, object, |object| {
        if is_approved(object) {
            return Ok(None);
        }
        match object.phase() {
            Phase::Pending | Phase::InProgress if object.is_series() => return Err(conflict(object, EACH_PATCH)),
            Phase::Pending => {}
            Phase::InProgress => return Ok(None),
            _ => return Err(conflict(object, "only what has not ended can be approved")),
        }
        if object.condition(APPROVED).is_some_and(|condition| condition.reason == Reason::Rejected.as_str()) {
            return Err(conflict(object, "a rejected remediation cannot be approved"));
        }
        if expired(object).is_some() {
            return Err(conflict(object, "the time in which it could be approved is over"));
        }
        if object.metadata.generation != seen {
            return Err(conflict(object, "its spec was changed meanwhile: read it again, and decide on what it is now"));
        }
        if plan.as_ref().is_some_and(|seen| object.plan().is_none_or(|plan| plan.digest != *seen)) {
            return Err(conflict(object, "its plan was changed meanwhile: read it again, and decide on what it is now"));
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
        if phase == Phase::InProgress && object.is_series() {
            return Err(conflict(object, EACH_PATCH));
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

/// Ends a task that has not begun; `object` is what the caller has read and found to be its tenant's own.
///
/// # Errors
/// [`DecisionError`]; `StateConflict` when it has begun, or has ended otherwise.
pub async fn cancel(
    api: &Api<ZenAgentRemediation>,
    events: &Events,
    object: ZenAgentRemediation,
    by: Decider<'_>,
    reason: Option<&str>,
) -> Result<Decided, DecisionError> {
    decide(api, events, object, |object| {
        let mut status = object.status.clone().unwrap_or_default();
        match object.phase() {
            Phase::Pending => {}
            Phase::Failed if status.reason.as_deref() == Some(Reason::Cancelled.as_str()) => return Ok(None),
            Phase::InProgress if object.is_series() => return Err(conflict(object, EACH_PATCH)),
            _ => return Err(conflict(object, "only what has not begun can be cancelled")),
        }
        status.end(Phase::Failed, Reason::Cancelled, &said("cancelled", by, reason), object.metadata.generation);
        Ok(Some(status))
    })
    .await
}

/// Whether a remediation may run, and who says so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ApprovalState<'a> {
    /// A person approved it, at its creation or since.
    Approved,
    /// The policy lets it run at once.
    Automatic,
    /// It was approved, or automatic, and its spec is another one by now.
    Void,
    /// A person has to decide.
    Waiting,
    /// A person said no: the condition that says so.
    Rejected(&'a Condition),
}

/// What the condition says, which is the truth; before it is there, how the remediation was created.
pub fn state(object: &ZenAgentRemediation) -> ApprovalState<'_> {
    match object.condition(APPROVED) {
        // What has begun keeps its approval.
        Some(_) if object.phase() == Phase::Pending && spec_changed(object) => ApprovalState::Void,
        Some(condition) if conditions::is_true(condition) && condition.reason == Reason::AutomaticPolicy.as_str() => {
            ApprovalState::Automatic
        }
        Some(condition) if conditions::is_true(condition) => ApprovalState::Approved,
        Some(condition) if condition.reason == Reason::Rejected.as_str() => ApprovalState::Rejected(condition),
        Some(_) => ApprovalState::Waiting,
        None if at_creation(object).is_some() => ApprovalState::Approved,
        None if runs_by_itself(object) => ApprovalState::Automatic,
        None => ApprovalState::Waiting,
    }
}

/// Whether the pipeline has said that it waits for a person: until somebody decides, there is nothing to do.
pub fn waits(object: &ZenAgentRemediation) -> bool {
    let judged = object.phase() == Phase::Pending && object.condition(APPROVED).is_some();
    judged && matches!(state(object), ApprovalState::Waiting)
}

/// The time until which it could be approved, where that is over.
pub fn expired(object: &ZenAgentRemediation) -> Option<Timestamp> {
    let deadline = object.status.as_ref()?.approval_deadline.as_ref()?.0;
    (deadline <= Timestamp::now()).then_some(deadline)
}

/// Whether its mode lets this action run without a person.
pub(super) fn runs_by_itself(object: &ZenAgentRemediation) -> bool {
    object.spec.mode.unwrap_or_default().lets_run(object.spec.action_kind())
}

/// Whether what its action removes is gone for good.
pub fn is_destructive(object: &ZenAgentRemediation) -> bool {
    object.spec.action_kind().is_some_and(ActionKind::is_destructive)
}

/// Who approved it before it was created, and when.
pub fn at_creation(object: &ZenAgentRemediation) -> Option<(&str, &Time)> {
    // Whoever changed the spec since may have put the approval there.
    let as_created = object.metadata.generation.is_none_or(|generation| generation == 1);
    object.spec.approved_by.as_deref().zip(object.spec.approved_at.as_ref()).filter(|_| as_created)
}

/// Whether the one who approved it also sent the event or task that it is made from.
pub fn is_by_its_sender(object: &ZenAgentRemediation) -> bool {
    let decided = object.status.as_ref().and_then(|status| status.approval.as_ref()).map(|approval| approval.by.as_str());
    let created = object.condition(APPROVED).is_none_or(|condition| condition.reason == Reason::ApprovedAtCreation.as_str());
    let approver = decided.or_else(|| at_creation(object).filter(|_| created).map(|(by, _)| by));
    approver.is_some_and(|by| is_sender(object, by))
}

/// Whether this subject sent the event or task that the remediation is made from.
pub fn is_sender(object: &ZenAgentRemediation, subject: &str) -> bool {
    object.spec.request.as_ref().and_then(|request| request.subject.as_deref()) == Some(subject)
}

/// Whether the spec is another one by now than the one that was approved.
pub fn spec_changed(object: &ZenAgentRemediation) -> bool {
    let ObjectMeta { generation, deletion_timestamp, .. } = &object.metadata;
    let of_another = |approved: &Condition| conditions::is_true(approved) && !conditions::is_of(approved, *generation);
    // A deletion that waits for dependents counts as another generation too.
    deletion_timestamp.is_none() && object.condition(APPROVED).is_some_and(of_another)
}

/// Whether a person has approved it already; before it begins, that is only what it is now.
fn is_approved(object: &ZenAgentRemediation) -> bool {
    let approval = object.status.as_ref().and_then(|status| status.approval.as_ref());
    let decided = approval.is_some_and(|approval| approval.decision == Decision::Approved);
    decided && (object.phase() != Phase::Pending || state(object) == ApprovalState::Approved)
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
    let message = said(verb, by, reason.as_deref());
    status.set_condition(APPROVED, holds, word, &message, object.metadata.generation);
    status.approval_deadline = None;
    let plan_digest = object.plan().map(|plan| plan.digest.clone());
    status.approval = Some(Approval { decision, by: by.subject.to_owned(), at: Time(Timestamp::now()), reason, plan_digest });
    message
}

/// Who did it, and why.
fn said(verb: &str, by: Decider<'_>, reason: Option<&str>) -> String {
    let who = format!("{verb} by {} ({})", by.subject, by.role.as_str());
    match reason {
        Some(reason) => format!("{who}: {reason}"),
        None => who,
    }
}

pub(super) fn conflict(object: &ZenAgentRemediation, what: &'static str) -> DecisionError {
    let reason = object.status.as_ref().and_then(|status| status.reason.clone());
    DecisionError::StateConflict { phase: object.phase(), reason, what }
}

/// Judges the object and writes the verdict; judges anew when another writer was faster.
pub(super) async fn decide(
    api: &Api<ZenAgentRemediation>,
    events: &Events,
    mut object: ZenAgentRemediation,
    judge: impl Fn(&ZenAgentRemediation) -> Result<Option<RemediationStatus>, DecisionError>,
) -> Result<Decided, DecisionError> {
    for _ in 0..ATTEMPTS {
        let Some(status) = judge(&object)? else { return Ok(Decided { object, wrote: false }) };
        let name = object.name_any();
        let write = status_write::write(api, events, &object, status);
        match within(CALL, write).await {
            Ok(object) => return Ok(Decided { object, wrote: true }),
            Err(kube::Error::Api(status)) if status.is_conflict() => {}
            Err(kube::Error::Api(status)) if status.is_not_found() => return Err(DecisionError::Gone),
            Err(error) => return Err(DecisionError::Api(Box::new(error))),
        }
        let read = within(CALL, api.get_opt(&name)).await;
        // Only the object that the caller was allowed to see: not another of the same name.
        object = match read.map_err(|error| DecisionError::Api(Box::new(error)))? {
            Some(fresh) if fresh.metadata.uid == object.metadata.uid => fresh,
            _ => return Err(DecisionError::Gone),
        };
    }
    Err(DecisionError::Contended)
}
