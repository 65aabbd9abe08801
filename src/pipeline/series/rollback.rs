//! Undoes the patches that are in place, the last one first.
//!
//! ```text
//!   the one that was waited for: begun after all ──▶ waited for; succeeded ──▶ undone as well
//!   the last of those in place ── its undo is asked for ── undone ──▶ appliedPatches-1, the one before it
//!                                                      └── cannot be: it and those before it stay ──▶ failed RollbackFailed
//!   none left ──▶ rolled_back; failed, where a patch left something behind, or as the first patch, where none was ever in place
//! ```

use kube::ResourceExt;

use super::{LOOK, SeriesError, place, read, said};
use crate::{
    key::ObjectKey,
    pipeline::{Flow, Pipeline, api::ApiError, run::Run},
    remediation::{
        PatchRemediation, Phase, ROLLBACK_REQUESTED, Reason, StepName, StepState, TEXT_LIMIT, ZenAgentRemediation,
        approval::DecisionError,
        requests::{self, is_to_be_undone},
    },
};

/// How far the undo of a patch is.
enum Undone {
    Yes,
    NotYet,
    /// It stays; why.
    Never(String),
}

pub(super) async fn run(pipeline: &Pipeline, run: &mut Run<'_>) -> Result<Flow, SeriesError> {
    run.take_over(StepName::Rollback).await?;
    let applied = run.object.applied_patches();
    let mut phase = Phase::Failed;
    if let Some(made) = run.status.patch_remediations.get(applied).cloned()
        && let Some(child) = read(pipeline, run, &made).await?
    {
        phase = child.phase();
        if phase == Phase::Pending {
            run.wakes = Some(ObjectKey::of(&child));
        }
        if phase == Phase::Failed && left(&child) && cause(run).0 != Reason::RollbackFailed {
            let message = format!("{}, the remediation {}: {}", place(run, applied), made.name, said(&child).1);
            run.status.explain(Reason::RollbackFailed, &message);
        }
        // What has failed changed nothing that is there still, or left something that nobody can undo.
        let undone = if phase == Phase::Failed { Undone::Yes } else { undo(pipeline, run, &child).await? };
        if let Some(flow) = not_yet(pipeline, run, applied, &made, undone).await? {
            return Ok(flow);
        }
    }
    let Some(last) = applied.checked_sub(1) else { return end(pipeline, run, phase).await };
    let Some(made) = run.status.patch_remediations.get(last).cloned() else {
        return stay(pipeline, run, last, "which it was is not written down").await;
    };
    let undone = match read(pipeline, run, &made).await? {
        Some(child) => undo(pipeline, run, &child).await?,
        None => Undone::Never("it was deleted, and with it the state to go back to".to_owned()),
    };
    if let Some(flow) = not_yet(pipeline, run, last, &made, undone).await? {
        return Ok(flow);
    }
    run.status.applied_patches = i32::try_from(last).ok();
    run.save().await?;
    Ok(Flow::Again)
}

/// Asks for a patch to be undone, if nobody has.
async fn undo(pipeline: &Pipeline, run: &Run<'_>, child: &ZenAgentRemediation) -> Result<Undone, SeriesError> {
    let is_being_deleted = child.metadata.deletion_timestamp.is_some();
    match child.phase() {
        Phase::RolledBack => return Ok(Undone::Yes),
        // Nothing is begun any more.
        Phase::Pending if is_being_deleted => return Ok(Undone::Yes),
        Phase::Failed => return Ok(Undone::Never(said(child).1)),
        Phase::Succeeded if is_being_deleted => return Ok(Undone::Never("it is being deleted".to_owned())),
        Phase::Succeeded if is_to_be_undone(child) => return Ok(Undone::NotYet),
        Phase::Succeeded => {}
        Phase::Pending | Phase::InProgress => return Ok(Undone::NotYet),
        Phase::Unknown(_) => return Ok(Undone::Never("its status is one that this agent does not know".to_owned())),
    }
    let reason = if cause(run).0 == Reason::RollbackRequested { Reason::RollbackRequested } else { Reason::PatchFailed };
    // What a person asked for may be refused; that was this request, or another.
    if let Some(denied) = child.condition(ROLLBACK_REQUESTED).filter(|_| reason == Reason::RollbackRequested) {
        return Ok(Undone::Never(denied.message.clone()));
    }
    let what = "ask for a patch to be undone";
    if !pipeline.tenure.holds() {
        return Err(ApiError::NotLeading { what }.into());
    }
    let message = format!("the remediation {}, whose patch it is, is being undone", run.object.name_any());
    match requests::undo(&run.api, &pipeline.events, child.clone(), reason, &message).await {
        Ok(_) => Ok(Undone::NotYet),
        Err(error @ DecisionError::StateConflict { .. }) => Ok(Undone::Never(error.to_string())),
        Err(DecisionError::Gone | DecisionError::Contended) => Err(SeriesError::Contended),
        Err(DecisionError::Api(source)) => Err(ApiError::Failed { what, source }.into()),
    }
}

/// What follows where a patch is not undone.
async fn not_yet(
    pipeline: &Pipeline,
    run: &mut Run<'_>,
    index: usize,
    made: &PatchRemediation,
    undone: Undone,
) -> Result<Option<Flow>, SeriesError> {
    match undone {
        Undone::Yes => Ok(None),
        Undone::NotYet => {
            let message = format!("{}, the remediation {}, is being undone", place(run, index), made.name);
            run.status.note_step(StepName::Rollback, &message);
            run.save().await?;
            Ok(Some(Flow::Rest(Some(LOOK))))
        }
        Undone::Never(why) => {
            stay(pipeline, run, index, &format!("its remediation, {}, could not be undone: {why}", made.name)).await.map(Some)
        }
    }
}

/// Ends it with the patch at `index`, and those before it, in place.
async fn stay(pipeline: &Pipeline, run: &mut Run<'_>, index: usize, why: &str) -> Result<Flow, SeriesError> {
    let (_, cause) = cause(run);
    let message = match index {
        0 => format!("{cause}; patch 1, which is left in place: {why}"),
        _ => format!("{cause}; patch {}, which is left in place, as all before it: {why}", index + 1),
    };
    run.status.finish_step(StepName::Rollback, StepState::Failed, Some(&message));
    pipeline.end(run, Phase::Failed, Reason::RollbackFailed, &message).await?;
    Ok(Flow::Again)
}

/// Ends it with nothing in place; `first` is how the first patch ended.
async fn end(pipeline: &Pipeline, run: &mut Run<'_>, first: Phase) -> Result<Flow, SeriesError> {
    let (reason, cause) = cause(run);
    let (phase, state) = match reason {
        Reason::RollbackFailed => (Phase::Failed, StepState::Failed),
        Reason::PatchFailed | Reason::RollbackRequested => (Phase::RolledBack, StepState::Succeeded),
        _ if first == Phase::RolledBack => (Phase::RolledBack, StepState::Succeeded),
        _ => (Phase::Failed, StepState::Succeeded),
    };
    let message = match reason {
        Reason::RollbackFailed => format!("{cause}; no other of its patches is in place"),
        // What a patch could not be freed of, as what others have changed since, its own remediation says.
        _ => format!("{cause}; none of its patches is in place, but for what the remediations of those say was left"),
    };
    run.status.finish_step(StepName::Rollback, state, Some(&message));
    pipeline.end(run, phase, reason, &message).await?;
    Ok(Flow::Again)
}

/// Why it is being undone; of the text as much as leaves place for what became of that.
fn cause(run: &Run<'_>) -> (Reason, String) {
    let reason = run.status.reason.as_deref().and_then(Reason::parse).unwrap_or(Reason::PatchFailed);
    (reason, run.status.message.iter().flat_map(|why| why.chars()).take(TEXT_LIMIT * 3 / 4).collect())
}

/// Whether what has ended may have left something on its target.
pub(super) fn left(child: &ZenAgentRemediation) -> bool {
    let failed = child.phase() == Phase::Failed;
    failed && said(child).0.is_none_or(|reason| matches!(reason, Reason::RollbackFailed | Reason::RollbackUnsupported))
}
