//! Step 2: whether it may run now.
//!
//! ```text
//!   this spec? ──no──▶ Approved=False SpecChanged, waits for a person
//!   rejected? ──▶ Failed Rejected
//!   stale? ──▶ Failed Stale
//!   approved? ──no──▶ Approved=False, waits for a person
//!      │ yes: a person, at creation, or the policy (automatic; of what removes something for good: automatic-irreversible)
//!   its time? ──no──▶ Held Scheduled          dry run? ──▶ Held DryRun
//!   automatic: within budget and out of cool-down? ──no──▶ Approved=False, waits for a person
//!   target free? ──no──▶ Held TargetBusy
//!      ▼
//!   a Permit, which the claim consumes
//! ```
//!
//! What a person approved is not held to budget and cool-down, nor does it count for them: these two
//! say when a person is needed. An approval holds for the generation of the spec and for the plan that it was given to;
//! whether the plan is still that one the claim looks.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::MutexGuard;

use super::{
    Pipeline,
    api::ApiError,
    recent::Begun,
    run::Run,
    running::{Reservation, Take},
};
use crate::{
    event::Target,
    policy::Budget,
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
    /// The API server did not answer as hoped.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl GateError {
    /// The reason it ends the remediation with; `None` when trying again may help.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Rejected { .. } => Some(Reason::Rejected),
            Self::Stale { .. } => Some(Reason::Stale),
            Self::Api(_) => None,
        }
    }
}

/// The way is free, and stays so while this is held: in this process no other remediation takes
/// the same target, or the same place in the budget.
pub(super) struct Permit<'a> {
    _admission: Option<MutexGuard<'a, ()>>,
    _reservation: Reservation<'a>,
}

/// What the gate says.
pub(super) enum Gate<'a> {
    Open(Permit<'a>),
    /// Not now; look again after this time, or when somebody changes the object.
    Wait(Option<Duration>),
}

/// Who let it run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Approver {
    Person,
    Policy,
}

pub(super) async fn run<'a>(pipeline: &'a Pipeline, run: &mut Run<'_>, target: &Target) -> Result<Gate<'a>, GateError> {
    let Some(approver) = approver(pipeline, run)? else { return Ok(Gate::Wait(None)) };
    if let Some(wait) = run.object.spec.scheduled_time.as_ref().map(|at| until(at.0)).filter(|wait| !wait.is_zero()) {
        run.hold(Reason::Scheduled, "its scheduled time has not come");
        return Ok(Gate::Wait(Some(wait.min(LONGEST_SLEEP))));
    }
    if pipeline.guardrails.dry_run {
        run.hold(Reason::DryRun, "the agent runs in dry-run mode and changes nothing");
        return Ok(Gate::Wait(None));
    }
    let mut admission = None;
    let limited = pipeline.guardrails.budget.is_some() || pipeline.guardrails.cooldown.is_some();
    if approver == Approver::Policy && limited {
        // Two that are judged at the same time would both find the last place of the budget free.
        admission = Some(pipeline.admission.lock().await);
        if let Some((reason, message)) = exceeded(pipeline, run, target).await? {
            propose(run, reason, &message);
            return Ok(Gate::Wait(None));
        }
    }
    match pipeline.running.take(pipeline, target, run).await? {
        Take::Taken(reservation) => Ok(Gate::Open(Permit { _admission: admission, _reservation: reservation })),
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
            propose(run, Reason::SpecChanged, "the spec was changed after it was approved; a person has to approve it as it is now");
            return Ok(None);
        }
        ApprovalState::Rejected(condition) => return Err(GateError::Rejected { message: condition.message.clone() }),
        ApprovalState::Approved => Some(Approver::Person),
        ApprovalState::Automatic => Some(Approver::Policy),
        ApprovalState::Waiting => None,
    };
    fresh(pipeline, &run.object, approver)?;
    bind(run);
    match approver {
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
            propose(run, Reason::Irreversible, why);
        }
        None => propose(run, Reason::WaitingForApproval, "a person has to approve or reject it"),
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

/// Makes it wait for a person.
pub(super) fn propose(run: &mut Run<'_>, reason: Reason, message: &str) {
    run.set_condition(APPROVED, Holds::No, reason, message);
    run.release();
    run.status.explain(reason, message);
}

/// A finding must be fresh when it comes; one that nobody looks at must still be when it runs.
fn fresh(pipeline: &Pipeline, object: &ZenAgentRemediation, approver: Option<Approver>) -> Result<(), GateError> {
    let (Some(limit), Some(seen)) = (pipeline.guardrails.staleness, object.spec.event_time.as_ref()) else { return Ok(()) };
    let came = object.metadata.creation_timestamp.as_ref().map(|at| at.0);
    let judged = if approver == Some(Approver::Policy) { Timestamp::now() } else { came.unwrap_or_else(Timestamp::now) };
    let age = Duration::try_from(judged.duration_since(seen.0)).unwrap_or(Duration::ZERO);
    if age > limit { Err(GateError::Stale { age, limit }) } else { Ok(()) }
}

/// A remediation as another may speak of it: no tenant learns the names of another's.
fn named(other: &Begun, reader: &ZenAgentRemediation) -> String {
    if other.tenant.as_deref() == reader.tenant() { format!("remediation {}", other.key) } else { "another remediation".to_owned() }
}

fn until(time: Timestamp) -> Duration {
    Duration::try_from(time.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO)
}

/// Whether the budget of the target's place or the target's cool-down says that a person is needed.
async fn exceeded(pipeline: &Pipeline, run: &Run<'_>, target: &Target) -> Result<Option<(Reason, String)>, ApiError> {
    let (recent, guardrails) = (&pipeline.recent, &pipeline.guardrails);
    recent.fill(pipeline).await?;
    if let Some(other) = guardrails.cooldown.and_then(|cooldown| recent.changed(target, run.uid(), cooldown)) {
        return Ok(Some((Reason::CoolDown, format!("{} changed the same target a short while ago", named(&other, &run.object)))));
    }
    let Some(Budget { per_namespace, window }) = guardrails.budget else { return Ok(None) };
    let begun = recent.count(target, run.uid(), window);
    if u32::try_from(begun).is_ok_and(|begun| begun < per_namespace) {
        return Ok(None);
    }
    let place = target.namespace.as_deref().unwrap_or("the cluster");
    let message = format!("{per_namespace} automatic remediations began in {place} within {} s", window.as_secs());
    Ok(Some((Reason::BudgetExceeded, message)))
}
