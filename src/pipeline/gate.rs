//! Step 2: whether it may run now.
//!
//! ```text
//!   this spec? ──no──▶ Approved=False SpecChanged, waits for a person
//!   rejected? ──▶ Failed Rejected           approved by its sender? ──▶ Approved=False SecondPerson, where the policy asks for two
//!   stale? ──▶ Failed Stale                 waited too long? ──▶ Failed ApprovalExpired
//!   approved? ──no──▶ Approved=False, waits for a person
//!      │ yes: a person, at creation, or the policy (automatic; of what removes something for good: automatic-irreversible)
//!   its time? ──no──▶ Held Scheduled     emergency stop? ──▶ Held EmergencyStop     dry run? ──▶ Held DryRun
//!   automatic: window open? ──no──▶ Held OutsideWindow; within the limits (`limits`)? ──no──▶ Approved=False, waits for a person
//!   target free? ──no──▶ Held TargetBusy
//!   automatic: does the action still work? ──no──▶ Held CircuitOpen (`circuits`)
//!      ▼
//!   a Permit, which the claim consumes
//! ```
//!
//! What a person approved is not held to windows and limits, nor does it count for them: these say when a person is
//! needed. An approval holds for the generation of the spec and for the plan that it was given to; that the
//! plan is still that one the claim checks.
//!
//! What waits for a person has a deadline on it, `.status.approvalDeadline`, counted from when it began to wait. Nobody
//! sleeps towards it: the informer brings back what is past it with a resync.

mod limits;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use tokio::sync::MutexGuard;

use super::{
    DRY_RUN, Pipeline,
    actions::{ActionError, Site},
    api::ApiError,
    circuits::Open,
    kinds::KindError,
    run::{Run, rounded},
    running::{Reservation, Take},
};
use crate::{
    circuit::Attempt,
    event::Target,
    remediation::{
        APPROVED, Approval, Decision, Mode, Reason, ZenAgentRemediation,
        approval::{self, ApprovalState},
        conditions::Holds,
    },
};

/// The longest time to sleep towards a schedule, so that a clock that jumps does no harm.
const LONGEST_SLEEP: Duration = Duration::from_secs(3_600);
/// When to look again for a busy target, where nobody says that it is free.
pub(super) const BUSY_WAIT: Duration = Duration::from_secs(10);

/// Why it will never run, or why that cannot be said.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// A person said no.
    #[error("{message}")]
    Rejected {
        /// Who and why.
        message: String,
    },
    /// The finding was too old.
    #[error("the finding was {} s old, more than the {} s that the staleness guardrail allows", age.as_secs(), limit.as_secs())]
    Stale {
        /// Its age.
        age: Duration,
        /// The limit.
        limit: Duration,
    },
    /// Nobody decided.
    #[error("nobody approved it until {deadline}")]
    Expired {
        /// Until when it could be approved.
        deadline: Timestamp,
    },
    /// The target cannot be looked at.
    #[error(transparent)]
    Target(#[from] ActionError),
    /// The API server did not answer as hoped.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl From<KindError> for GateError {
    fn from(error: KindError) -> Self {
        Self::Target(error.into())
    }
}

impl GateError {
    /// The reason it ends the remediation with; `None` when trying again may help.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Rejected { .. } => Some(Reason::Rejected),
            Self::Stale { .. } => Some(Reason::Stale),
            Self::Expired { .. } => Some(Reason::ApprovalExpired),
            Self::Target(error) => error.reason(),
            Self::Api(_) => None,
        }
    }
}

/// The way is free, and stays so while this is held: in this process no other remediation takes
/// the same target, or the same place in the budget.
pub(super) struct Permit<'a> {
    _admission: Option<MutexGuard<'a, ()>>,
    _reservation: Reservation<'a>,
    attempt: Option<Attempt>,
}

impl Permit<'_> {
    /// The claim is written, as far as anybody knows. Without that, what was let through says nothing of the action.
    pub(super) fn begun(mut self, pipeline: &Pipeline, uid: &str) {
        if let Some(attempt) = self.attempt.take() {
            pipeline.circuits.begun(uid, attempt);
        }
    }
}

/// What the gate says.
pub(super) enum Gate<'a> {
    Open(Permit<'a>),
    /// Not now; look again after this time, or when somebody changes the object.
    Wait(Option<Duration>),
}

/// Who let it run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Approver {
    Person,
    Policy,
}

pub(super) async fn run<'a>(pipeline: &'a Pipeline, run: &mut Run<'_>, target: &Target) -> Result<Gate<'a>, GateError> {
    let Some(approver) = approver(pipeline, run)? else { return Ok(Gate::Wait(None)) };
    let now = Timestamp::now();
    if let Some((time, wait)) = run.object.spec.scheduled_time.as_ref().map(|at| (at.0, until(at.0))).filter(|(_, wait)| !wait.is_zero()) {
        run.hold(Reason::Scheduled, &format!("its scheduled time, {}, has not come", rounded(time)));
        return Ok(Gate::Wait(Some(wait.min(LONGEST_SLEEP))));
    }
    let guardrails = pipeline.policy.guardrails();
    if let Some(halt) = pipeline.emergency.order().halt() {
        run.hold(Reason::EmergencyStop, halt.public());
        return Ok(Gate::Wait(None));
    }
    if guardrails.dry_run {
        run.hold(Reason::DryRun, DRY_RUN);
        return Ok(Gate::Wait(None));
    }
    let opens = guardrails.windows.iter().map(|window| window.opens_in(now)).min().filter(|wait| !wait.is_zero());
    if let (Approver::Policy, Some(wait)) = (approver, opens) {
        run.hold(Reason::OutsideWindow, &format!("the next maintenance window opens at {}", at(now, wait)));
        return Ok(Gate::Wait(Some(wait.min(LONGEST_SLEEP))));
    }
    let mut admission = None;
    if approver == Approver::Policy {
        if limits::counts(&guardrails) {
            // Two that are judged at the same time would both find the last place of the budget free.
            admission = Some(pipeline.admission.lock().await);
        }
        let live = Site::new(pipeline, target, &run.object).read().await?;
        let exceeded = match limits::of_target(pipeline, run, target, &live).await? {
            None => limits::of_the_past(pipeline, run, target, &live).await?,
            exceeded => exceeded,
        };
        if let Some((reason, message)) = exceeded {
            propose(pipeline, run, reason, &message);
            return Ok(Gate::Wait(None));
        }
    }
    match pipeline.running.take(pipeline, target, run).await? {
        Take::Taken(reservation) => {
            let attempt = match run.object.spec.action_kind().map(|kind| pipeline.circuits.attempt(run.uid(), kind)) {
                Some(Err(Open { wait, until })) if approver == Approver::Policy => {
                    let message = format!("the action kept failing; by itself it is tried again from {until} on, one at first");
                    run.hold(Reason::CircuitOpen, &message);
                    return Ok(Gate::Wait(Some(wait)));
                }
                attempt => attempt.and_then(Result::ok).flatten(),
            };
            Ok(Gate::Open(Permit { _admission: admission, _reservation: reservation, attempt }))
        }
        Take::Busy => {
            // It names nobody: of many that wait, each would be written anew whenever another one's turn comes.
            run.hold(Reason::TargetBusy, "another remediation works on the same target");
            Ok(Gate::Wait(Some(BUSY_WAIT)))
        }
    }
}

/// Who approved it, as the condition says or as it now comes to say; `None` waits for a person.
fn approver(pipeline: &Pipeline, run: &mut Run<'_>) -> Result<Option<Approver>, GateError> {
    let approver = match approval::state(&run.object) {
        ApprovalState::Void => {
            run.status.approval = None;
            propose(
                pipeline,
                run,
                Reason::SpecChanged,
                "the spec was changed after it was approved; a person has to approve it as it is now",
            );
            return Ok(None);
        }
        ApprovalState::Rejected(condition) => return Err(GateError::Rejected { message: condition.message.clone() }),
        ApprovalState::Approved if pipeline.policy.guardrails().second_person && approval::is_by_its_sender(&run.object) => {
            run.status.approval = None;
            propose(pipeline, run, Reason::SecondPerson, "whoever sent it approved it; the policy asks for another person");
            return Ok(None);
        }
        ApprovalState::Approved => Some(Approver::Person),
        ApprovalState::Automatic => Some(Approver::Policy),
        ApprovalState::Waiting => None,
    };
    fresh(pipeline, &run.object, approver)?;
    bind(run);
    if approver.is_none()
        && let Some(deadline) = approval::expired(&run.object)
    {
        return Err(GateError::Expired { deadline: rounded(deadline) });
    }
    match approver {
        // What is tried again begins to wait anew.
        None if run.object.condition(APPROVED).is_some() && run.status.approval_deadline.is_none() => {
            run.status.approval_deadline = deadline(pipeline);
        }
        _ if run.object.condition(APPROVED).is_some() => {}
        Some(Approver::Person) => {
            if let Some((by, at)) = approval::at_creation(&run.object) {
                let message = format!("approved by {by} before it was created");
                let (by, at) = (by.to_owned(), at.clone());
                run.status.approval = Some(Approval { decision: Decision::Approved, by, at, reason: None, plan_digest: None });
                bind(run);
                run.set_condition(APPROVED, Holds::Yes, Reason::ApprovedAtCreation, &message);
            }
        }
        Some(Approver::Policy) => run.set_condition(APPROVED, Holds::Yes, Reason::AutomaticPolicy, "the policy lets it run at once"),
        None if run.object.spec.mode == Some(Mode::Automatic) && approval::is_destructive(&run.object) => {
            let why = "what it removes is gone for good; a person has to approve it, unless the policy's mode is automatic-irreversible";
            propose(pipeline, run, Reason::Irreversible, why);
        }
        None => propose(pipeline, run, Reason::WaitingForApproval, "a person has to approve or reject it"),
    }
    Ok(approver)
}

/// An approval that came before there was a plan is one of the first plan.
fn bind(run: &mut Run<'_>) {
    let digest = run.status.plan.as_ref().map(|plan| plan.digest.clone());
    if let Some(approval) = run.status.approval.as_mut().filter(|approval| approval.plan_digest.is_none()) {
        approval.plan_digest = digest;
    }
}

/// Makes it wait for a person, for as long as the guardrail allows from now on.
pub(super) fn propose(pipeline: &Pipeline, run: &mut Run<'_>, reason: Reason, message: &str) {
    run.status.approval_deadline = deadline(pipeline);
    run.set_condition(APPROVED, Holds::No, reason, message);
    run.release();
    run.status.explain(reason, message);
}

/// Until when a person may approve what waits from now on.
fn deadline(pipeline: &Pipeline) -> Option<Time> {
    pipeline.policy.guardrails().approval_expiry.and_then(|wait| Timestamp::now().checked_add(wait).ok()).map(Time)
}

/// A finding must be fresh when it comes; one that nobody looks at must still be when it runs.
pub(super) fn fresh(pipeline: &Pipeline, object: &ZenAgentRemediation, approver: Option<Approver>) -> Result<(), GateError> {
    let (Some(limit), Some(seen)) = (pipeline.policy.guardrails().staleness, object.spec.event_time.as_ref()) else { return Ok(()) };
    let came = object.metadata.creation_timestamp.as_ref().map(|at| at.0);
    let judged = if approver == Some(Approver::Policy) { Timestamp::now() } else { came.unwrap_or_else(Timestamp::now) };
    let age = Duration::try_from(judged.duration_since(seen.0)).unwrap_or(Duration::ZERO);
    if age > limit { Err(GateError::Stale { age, limit }) } else { Ok(()) }
}

/// The time so long from now, for people.
fn at(now: Timestamp, wait: Duration) -> Timestamp {
    rounded(now.checked_add(wait).unwrap_or(now))
}

fn until(time: Timestamp) -> Duration {
    Duration::try_from(time.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO)
}
