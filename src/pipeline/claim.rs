//! Step 3: the one write that makes a remediation this agent's to carry out.
//!
//! It holds everything that the steps after it need: the action, the pinned target, and its state before
//! the change. From then on the spec has no say in what is done, validated and undone. Only one of several
//! writers gets it through, by the resourceVersion of the object it was decided on.
//!
//! ```text
//!   the plan, drawn anew from a fresh read ── as approved, or let run by the policy ──▶ claimed
//!                                          └─ another than a person approved ────────▶ Approved=False PlanChanged, a proposal again
//! ```

use super::{
    Pipeline,
    api::ApiError,
    gate::{self, Permit},
    plan,
    run::{Drawn, Run, now},
};
use crate::{
    event::Target,
    remediation::{
        Phase, Plan, Reason, StepName, ZenAgentRemediation,
        approval::{self, ApprovalState},
    },
};

/// Why it was not claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// There is nothing that this agent could do.
    #[error(transparent)]
    Plan(#[from] plan::PlanError),
    /// The claim was not written; another writer may have been faster.
    #[error(transparent)]
    Save(ApiError),
}

impl ClaimError {
    /// The reason it ends the remediation with; `None` when trying again may help.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Plan(error) => error.reason(),
            Self::Save(_) => None,
        }
    }
}

/// What became of the claim.
pub(super) enum Claim {
    /// It is written.
    Made,
    /// It is a proposal again.
    PlanChanged,
}

pub(super) async fn run(
    pipeline: &Pipeline,
    run: &mut Run<'_>,
    target: &Target,
    drawn: Drawn,
    permit: Permit<'_>,
) -> Result<Claim, ClaimError> {
    let action = plan::action(&run.object.spec)?.into_owned();
    // Also where it was drawn a moment ago: by the time that the target was free another remediation may have changed it.
    let drawing = pipeline.planner().draw(&run.object, target, run.status.plan.as_ref()).await?;
    run.status.workload = drawing.workload;
    if matches!(drawn, Drawn::Now) {
        // Nobody has seen the one before.
        run.status.plan = Some(drawing.plan.clone());
    }
    let (previous, approved) = (drawing.plan.previous.clone(), is_approved(run, &drawing.plan));
    run.status.plan = Some(drawing.plan);
    if !approved {
        run.status.approval = None;
        let why = "what would be done is not what was approved, since the target has changed; a person has to approve it as it is now";
        gate::propose(pipeline, run, Reason::PlanChanged, why);
        run.save().await.map_err(ClaimError::Save)?;
        return Ok(Claim::PlanChanged);
    }
    run.status.action = Some(action);
    run.status.previous = Some(previous);
    run.status.target = Some(target.clone());
    run.status.phase = Some(Phase::InProgress);
    run.count_patches(0);
    run.status.started_at = Some(now());
    run.status.reason = None;
    run.status.message = None;
    run.release();
    run.start(StepName::Execute);
    // Counted before it is written, since nobody knows of a write without an answer whether it was.
    let claimed = ZenAgentRemediation { status: Some(run.status.clone()), ..run.object.clone() };
    pipeline.recent.note(&pipeline.policy.guardrails(), &claimed);
    let saved = run.save().await;
    if saved.as_ref().is_err_and(|error| !error.may_have_happened()) {
        pipeline.recent.forget(run.uid());
    } else {
        permit.begun(pipeline, run.uid());
    }
    saved.map(|()| Claim::Made).map_err(ClaimError::Save)
}

/// Whether this plan may be carried out: where a person approved one, that one.
fn is_approved(run: &Run<'_>, plan: &Plan) -> bool {
    let status = &run.status;
    let approved = status.approval.as_ref().and_then(|approval| approval.plan_digest.as_ref());
    // Who approved it by the condition alone has seen what was recorded.
    let approved = approved.or(status.plan.as_ref().map(|plan| &plan.digest));
    approval::state(&run.object) != ApprovalState::Approved || approved == Some(&plan.digest)
}
