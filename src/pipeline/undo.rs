//! Begins to undo what has succeeded, where a person asked for it.
//!
//! ```text
//!   may the target be touched, still? ──no──▶ RollbackRequested=False, as it was
//!   emergency stop? ──▶ Held EmergencyStop     dry run? ──▶ Held DryRun     target free? ──no──▶ Held TargetBusy
//!      ▼
//!   one write: in_progress, rollback running ─▶ step 6 (`rollback.rs`)
//! ```
//!
//! Budget, cool-down and schedule say nothing here: a person asked, for now. The lock on the target is that of a claim. What is
//! undone since another patch of the same series did not succeed is part of a rollback that is under way: as there, neither what
//! may be touched nor dry run is asked.

use super::{
    DRY_RUN, Flow, Pipeline,
    actions::{ActionError, Site},
    api::ApiError,
    gate::BUSY_WAIT,
    kinds::KindError,
    plan,
    run::Run,
    running::Take,
};
use crate::remediation::{COMPLETE, HELD, Phase, ROLLBACK_REQUESTED, Reason, StepName, conditions::Holds};

pub(super) async fn run(pipeline: &Pipeline, run: &mut Run<'_>) -> Result<Flow, ApiError> {
    let Some((_, target, _)) = run.recorded().filter(|_| run.object.metadata.deletion_timestamp.is_none()) else {
        return Ok(Flow::Rest(None));
    };
    let target = target.clone();
    let guardrails = pipeline.policy.guardrails();
    let of_series = run.object.condition(ROLLBACK_REQUESTED).is_some_and(|asked| asked.reason == Reason::PatchFailed.as_str());
    let permitted = match Site::new(pipeline, &target, &run.object).read().await {
        _ if of_series => Ok(()),
        Ok(live) => plan::permit(&guardrails, &target).and_then(|()| plan::permit_labels(&guardrails, &target, &live)),
        Err(ActionError::Api(error) | ActionError::Kind(KindError::Api(error))) => return Err(error),
        // Of what is gone there is nothing to undo, which the rollback finds.
        Err(_) => plan::permit(&guardrails, &target),
    };
    if let Err(error) = permitted {
        run.set_condition(ROLLBACK_REQUESTED, Holds::No, error.reason().unwrap_or(Reason::Invalid), &error.to_string());
        run.release();
        run.save().await?;
        return Ok(Flow::Again);
    }
    if guardrails.dry_run && !of_series {
        run.set_condition(HELD, Holds::Yes, Reason::DryRun, DRY_RUN);
        run.save().await?;
        return Ok(Flow::Rest(None));
    }
    let Take::Taken(reservation) = pipeline.running.take(pipeline, &target, run).await? else {
        run.set_condition(HELD, Holds::Yes, Reason::TargetBusy, "another remediation works on the same target");
        run.save().await?;
        return Ok(Flow::Rest(Some(BUSY_WAIT)));
    };
    begin(run).await?;
    drop(reservation);
    Ok(Flow::Again)
}

/// The write that begins it.
pub(super) async fn begin(run: &mut Run<'_>) -> Result<(), ApiError> {
    let message = run.object.condition(ROLLBACK_REQUESTED).map(|condition| condition.message.clone()).unwrap_or_default();
    run.status.phase = Some(Phase::InProgress);
    run.status.completed_at = None;
    run.set_condition(COMPLETE, Holds::No, Reason::RollbackRequested, &message);
    run.release();
    run.status.explain(Reason::RollbackRequested, &message);
    run.start(StepName::Rollback);
    run.save().await
}
