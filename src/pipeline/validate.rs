//! Step 5: looks whether the effect is there, again and again until the deadline.
//!
//! Nothing blocks: each look is one pass. The deadline is counted by this process's own clock; what is
//! written on the object says where to begin, where another process made the change. What could not be
//! checked is never success. Where probes are to be asked as well, `verification.rs` goes on from there.

use std::time::Duration;

use super::{
    Flow, Pipeline,
    actions::{ActionError, Site, Verdict},
    api::ApiError,
    run::Run,
    verification,
};
use crate::remediation::{Phase, Reason, StepName, StepState};

const SHORTEST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Why the look led to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// The target could not be read. It is tried again, by the worker, and looked at once more after the deadline.
    #[error("the effect could not be checked: {0}")]
    Target(#[source] ActionError),
    /// What was found could not be written to the remediation.
    #[error(transparent)]
    Save(#[from] ApiError),
}

pub(super) async fn run(pipeline: &Pipeline, run: &mut Run<'_>) -> Result<Flow, ValidateError> {
    run.take_over(StepName::Validate).await?;
    let seen = match run.recorded() {
        Some((action, target, _)) => action.validate(&Site::new(pipeline, target, &run.object)).await,
        None => Err(ActionError::NotRecorded),
    };
    if seen.is_ok() {
        run.granted();
    }
    let elapsed = run.time_under_way();
    let left = verification::left(pipeline, run, elapsed);
    if !matches!(seen, Ok(Verdict::Holds(_))) {
        verification::broken(pipeline, run).await?;
    }
    let (reason, message) = match seen {
        Ok(Verdict::Holds(message)) => match verification::wanted(run) {
            Some(wanted) => return verification::run(pipeline, run, &wanted, &message, elapsed).await,
            None => return succeed(pipeline, run, &message, elapsed).await,
        },
        Ok(Verdict::Impossible(message)) => (Reason::ValidationFailed, message),
        Ok(Verdict::NotYet(message)) if left.is_zero() => (Reason::ValidationTimedOut, message),
        Ok(Verdict::NotYet(_)) => {
            let wait = (elapsed / 2).clamp(SHORTEST_WAIT, LONGEST_WAIT);
            return Ok(Flow::Rest(Some(wait.min(left))));
        }
        Err(error) => match error.reason() {
            Some(reason @ (Reason::TargetNotFound | Reason::TargetReplaced | Reason::RollbackUnsupported)) => (reason, error.to_string()),
            Some(reason) if let Some(wait) = run.refused(reason, &error) => return Ok(Flow::Rest(Some(wait))),
            _ if left.is_zero() => (Reason::ValidationTimedOut, error.to_string()),
            _ => return Err(ValidateError::Target(error)),
        },
    };
    run.undo(StepName::Validate, reason, &message);
    run.save().await?;
    pipeline.metrics.processed(&Phase::InProgress, "validate", elapsed);
    Ok(Flow::Again)
}

/// Ends what was seen to hold.
pub(super) async fn succeed(pipeline: &Pipeline, run: &mut Run<'_>, message: &str, elapsed: Duration) -> Result<Flow, ValidateError> {
    run.status.finish_step(StepName::Validate, StepState::Succeeded, Some(message));
    pipeline.end(run, Phase::Succeeded, Reason::Validated, message).await?;
    pipeline.metrics.processed(&Phase::Succeeded, "validate", elapsed);
    Ok(Flow::Again)
}
