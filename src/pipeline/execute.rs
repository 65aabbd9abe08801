//! Step 4: makes the change, and writes that it is made.
//!
//! A change that a disruption budget holds back is no failure: it is asked for again until the time is over that
//! an effect may take to show.

use super::{
    Flow, Pipeline,
    actions::{ActionError, Site},
    api::ApiError,
    plan::{self, PlanError},
    run::{Begin, Run, now_seconds},
};
use crate::{
    event::Target,
    remediation::{Phase, Reason, StepName, StepState, approval},
};

/// Failed attempts after which the step is given up.
const ATTEMPTS: i32 = 10;

/// Why the change is not made yet; a change that cannot be made is undone instead.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The target could not be written; it is tried again.
    #[error("the change was not made: {0}")]
    Target(#[source] ActionError),
    /// What was done could not be written to the remediation.
    #[error(transparent)]
    Save(#[from] ApiError),
}

pub(super) async fn run(pipeline: &Pipeline, run: &mut Run<'_>) -> Result<Flow, ExecuteError> {
    if let Begin::After(wait) = run.begin(StepName::Execute).await? {
        return Ok(Flow::Rest(Some(wait)));
    }
    if approval::spec_changed(&run.object) {
        return give_up(pipeline, run, Reason::SpecChanged, "the spec was changed after it was approved").await;
    }
    let made = match run.recorded() {
        Some((action, target, previous)) => {
            let site = Site::new(pipeline, target, &run.object);
            match protected(pipeline, &site, target).await {
                Ok(None) => action.execute(&site, previous).await,
                Ok(Some(error)) => {
                    let (reason, message) = (error.reason().unwrap_or(Reason::Invalid), error.to_string());
                    return give_up(pipeline, run, reason, &message).await;
                }
                Err(error) => Err(error),
            }
        }
        None => Err(ActionError::NotRecorded),
    };
    match made {
        Ok(()) => {
            run.status.finish_step(StepName::Execute, StepState::Succeeded, None);
            run.status.applied_at = Some(now_seconds());
            run.count_patches(1);
            run.start(StepName::Validate);
            run.save().await?;
            pipeline.metrics.processed(&Phase::InProgress, "execute", run.since_start(StepName::Execute));
            Ok(Flow::Again)
        }
        Err(ActionError::Blocked { .. }) if run.time_under_way() < pipeline.settings.validation_timeout => {
            Ok(Flow::Rest(Some(run.backoff(StepName::Execute))))
        }
        Err(error @ ActionError::Blocked { .. }) => give_up(pipeline, run, Reason::DisruptionBudget, &error.to_string()).await,
        Err(error) => {
            let given_up = (run.attempts(StepName::Execute) >= ATTEMPTS).then_some(Reason::ExecutionFailed);
            let Some(reason) = error.reason().or(given_up) else { return Err(ExecuteError::Target(error)) };
            if let Some(wait) = run.refused(reason, &error) {
                return Ok(Flow::Rest(Some(wait)));
            }
            give_up(pipeline, run, reason, &error.to_string()).await
        }
    }
}

/// What keeps the target out of bounds by now: between the claim and this attempt there may have been a crash, a stop, or
/// another policy.
async fn protected(pipeline: &Pipeline, site: &Site<'_>, target: &Target) -> Result<Option<PlanError>, ActionError> {
    let guardrails = pipeline.policy.guardrails();
    if let Err(error) = plan::permit(&guardrails, target) {
        return Ok(Some(error));
    }
    if guardrails.protected_labels.is_empty() {
        return Ok(None);
    }
    match site.read().await {
        Ok(live) => Ok(plan::permit_labels(&guardrails, target, &live).err()),
        // Done by an earlier attempt, perhaps: the action says what that means.
        Err(ActionError::Gone { .. } | ActionError::Replaced { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Goes over to undoing: part of it may have been done, by this attempt or by one before it.
async fn give_up(pipeline: &Pipeline, run: &mut Run<'_>, reason: Reason, message: &str) -> Result<Flow, ExecuteError> {
    run.undo(StepName::Execute, reason, message);
    run.save().await?;
    // What was not made ends failed, whatever becomes of the rollback.
    pipeline.metrics.processed(&Phase::Failed, "execute", run.since_start(StepName::Execute));
    Ok(Flow::Again)
}
