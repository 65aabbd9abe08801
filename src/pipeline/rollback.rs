//! Step 6: undoes what this remediation set and still holds.
//!
//! ```text
//!   undone ──▶ rolled_back, if the change had been made and its effect did not hold, or a person asked for it
//!          └─▶ failed, with the reason why the change was not made, or had nothing left to act on
//!   not undone ──▶ tried again with a backoff ──▶ failed RollbackFailed, and what is left behind
//!   no recorded state, or an action that cannot be undone, and was done ──▶ failed RollbackUnsupported
//! ```

use super::{
    Flow, Pipeline,
    actions::{ActionError, Reversibility, Site},
    api::ApiError,
    run::{Begin, Run},
};
use crate::remediation::{Phase, Reason, StepName, StepState, TEXT_LIMIT};

/// Failed attempts after which the step is given up.
const ATTEMPTS: i32 = 10;
/// Attempts, failed or cut off by a crash, after which it is not begun again.
const BEGUN: i32 = 20;

/// Why it is not undone yet.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// The target could not be written; it is tried again.
    #[error("the change was not undone: {0}")]
    Target(#[source] ActionError),
    /// What was done could not be written to the remediation.
    #[error(transparent)]
    Save(#[from] ApiError),
}

pub(super) async fn run(pipeline: &Pipeline, run: &mut Run<'_>) -> Result<Flow, RollbackError> {
    if let Begin::After(wait) = run.begin(StepName::Rollback).await? {
        return Ok(Flow::Rest(Some(wait)));
    }
    let attempts = run.attempts(StepName::Rollback);
    let cause = run.object.status.as_ref().and_then(|status| status.reason.as_deref()).and_then(Reason::parse);
    let cause = cause.unwrap_or(Reason::ValidationFailed);
    // Half of the place, so that what is left behind is not cut off.
    let why = run.object.status.as_ref().and_then(|status| status.message.as_deref()).unwrap_or_default();
    let why: String = why.chars().take(TEXT_LIMIT / 2).collect();
    let Some((action, target, previous)) = run.recorded() else {
        let message = format!("{why}; no state was recorded to go back to");
        return end(pipeline, run, Phase::Failed, Reason::RollbackUnsupported, StepState::Failed, &message).await;
    };
    let site = Site::new(pipeline, target, &run.object);
    let leftover = action.leftover(site.subject());
    let undone = if attempts > BEGUN { Err(ActionError::Contended) } else { action.rollback(&site, previous).await };
    match undone {
        Ok(left) => {
            let phase = match cause {
                // Of the others there was nothing to undo, and nothing was.
                _ if action.kind().reversibility() != Reversibility::Reversible => Phase::Failed,
                Reason::ValidationTimedOut | Reason::ValidationFailed | Reason::RollbackRequested => Phase::RolledBack,
                Reason::ProbesTimedOut | Reason::ProbeFailed | Reason::ProbeInconclusive | Reason::ProbeError => Phase::RolledBack,
                _ => Phase::Failed,
            };
            run.count_patches(0);
            let undone = "what was changed, and still as this remediation left it, was undone";
            let message = match &left {
                None => format!("{why}; {undone}"),
                Some(left) => format!("{why}; {undone}, which leaves {left}"),
            };
            if left.is_some() && phase == Phase::Failed {
                // Or a retry would take what is left for the state to go back to.
                return end(pipeline, run, phase, Reason::RollbackFailed, StepState::Failed, &message).await;
            }
            end(pipeline, run, phase, cause, StepState::Succeeded, &message).await
        }
        Err(error @ (ActionError::NotRecorded | ActionError::Irreversible)) => {
            let message = format!("{why}; {error}, which may leave {leftover}");
            end(pipeline, run, Phase::Failed, Reason::RollbackUnsupported, StepState::Failed, &message).await
        }
        Err(error) if attempts >= ATTEMPTS => {
            let message = format!("{why}; it could not be undone in {attempts} attempts, which may leave {leftover}: {error}");
            end(pipeline, run, Phase::Failed, Reason::RollbackFailed, StepState::Failed, &message).await
        }
        Err(error) => Err(RollbackError::Target(error)),
    }
}

async fn end(
    pipeline: &Pipeline,
    run: &mut Run<'_>,
    phase: Phase,
    reason: Reason,
    state: StepState,
    message: &str,
) -> Result<Flow, RollbackError> {
    run.status.finish_step(StepName::Rollback, state, Some(message));
    pipeline.end(run, phase.clone(), reason, message).await?;
    pipeline.metrics.processed(&phase, "rollback", run.since_start(StepName::Rollback));
    Ok(Flow::Again)
}
