//! Step 3: the one write that makes a remediation this agent's to carry out.
//!
//! It holds everything that the steps after it need: the action, the pinned target, and its state before
//! the change. From then on the spec has no say in what is done, validated and undone. Only one of several
//! writers gets it through, by the resourceVersion of the object it was decided on.

use super::{
    Pipeline,
    actions::{ActionError, Site},
    api::ApiError,
    gate::Permit,
    plan,
    recent::workload,
    run::{Run, now},
};
use crate::{
    category::Category,
    event::Target,
    remediation::{Phase, Reason, StepName, ZenAgentRemediation},
};

/// Why it was not claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// There is nothing that this agent could do.
    #[error(transparent)]
    Plan(#[from] plan::PlanError),
    /// The target's state could not be recorded.
    #[error(transparent)]
    Target(#[from] ActionError),
    /// The claim was not written; another writer may have been faster.
    #[error(transparent)]
    Save(ApiError),
}

impl ClaimError {
    /// The reason it ends the remediation with; `None` when trying again may help.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Plan(error) => error.reason(),
            Self::Target(error) => error.reason(),
            Self::Save(_) => None,
        }
    }
}

pub(super) async fn run(pipeline: &Pipeline, run: &mut Run<'_>, target: &Target, permit: Permit<'_>) -> Result<(), ClaimError> {
    let action = plan::action(&run.object)?.clone();
    let live = Site::new(pipeline, target, &run.object).read().await?;
    plan::permit_labels(&pipeline.guardrails, target, &live)?;
    let previous = action.prepare(&live)?;
    run.status.action = Some(action);
    run.status.previous = Some(previous);
    run.status.target = Some(target.clone());
    run.status.workload = workload(&live);
    run.status.phase = Some(Phase::InProgress);
    run.status.started_at = Some(now());
    run.status.reason = None;
    run.status.message = None;
    run.release();
    run.start(StepName::Execute);
    // Counted before it is written, since nobody knows of a write without an answer whether it was.
    pipeline.recent.note(pipeline, &ZenAgentRemediation { status: Some(run.status.clone()), ..run.object.clone() });
    let saved = run.save().await;
    if saved.as_ref().is_err_and(|error| !matches!(error.category(), Category::Timeout | Category::Transient)) {
        pipeline.recent.forget(run.uid());
    }
    drop(permit);
    saved.map_err(ClaimError::Save)
}
