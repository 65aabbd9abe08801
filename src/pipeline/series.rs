//! Several patches: a remediation of each, one after the other, and those that are in place undone where one does not succeed.
//!
//! ```text
//!   pending ── a patch that cannot be, or too many ──▶ failed, and nothing was made
//!      │ one write: in_progress, execute running, appliedPatches=0
//!      ▼
//!   execute: patch appliedPatches+1 ─ create its remediation ─ write down its uid ─ wait
//!      ▲                                                                             ├─ succeeded: appliedPatches+1 ─▶ all? succeeded
//!      └──────────────────────────── not all ◀───────────────────────────────────────┘        │ a person asked: undo
//!                                                            failed, undone, or gone ─┐        │
//!                                                                                     ▼        ▼
//!   rollback (`series/rollback.rs`): of those in place the last one ─ have it undone ─ wait ─ appliedPatches-1 ─▶ none left:
//!                                                             └─ cannot be ──▶ failed RollbackFailed        rolled_back, failed
//! ```
//!
//! The remediation of a patch is one as any other, with a plan, an approval, guardrails and a validation of its own. The series
//! repeats in its own status what that one waits for. A patch's spec is copied from the series, without what is only of the whole
//! (`series/child.rs`). It may begin, or begin again, only while the series waits for it:
//!
//! | a crash, or a frozen leader …                  | and then |
//! |------------------------------------------------|----------|
//! | before the remediation of a patch is created   | it is created |
//! | after it, before its uid is written            | it waits; its name is taken, by itself: its uid is written |
//! | creates it late: it ended, and was deleted     | its uid is not the one that is written: it ends SeriesEnded |
//! | after it succeeded, before that is counted     | it is counted |
//! | after its undo was asked for                   | that is asked for already |
//!
//! Before it undoes anything, the series reads once more the patch that it waited for: if a person had that tried again meanwhile
//! and it began, it is waited for and undone too.
//!
//! While the emergency stop is set nothing of a series goes on, its undoing neither; in dry-run mode nothing more is made, and an
//! undoing that is under way goes on. What its patches do is held by the same rules. Retention keeps them as long as the series.
//!
//! A series whose patch waits counts as pending in the metrics: nothing is under way. Who wants it to end rejects, or cancels,
//! the patch that it waits for, which the series names; of the whole there is nothing to reject once it has begun.
//!
//! The verification of the whole is asked once the last patch is in place; where it does not hold, all of them are undone. A finding
//! has to be fresh when the whole begins and, where its patches run by themselves, when each of them does.
//!
//! A policy's budget, cool-down and the like count each patch: a second one of the same object may so wait for a person. What
//! a tenant may have in all (`quota`) is asked when the series is sent: its patches, at most `MAX_PATCHES`, come on top.
//!
//! A remediation of a patch that is deleted before its success is counted may have left its change: then the others are undone, and the series
//! ends RollbackFailed. One that is deleted later was counted, and is not made again; but it cannot be undone any more. Who
//! deletes the one that has the patches ends the series as it stands: what has begun ends by itself, or is taken away with it,
//! as everything that is deleted while it is in progress. A person may undo the remediation of a single patch; that is
//! not noticed before the whole is to be undone.

mod child;
mod rollback;

use std::time::Duration;

use kube::{ResourceExt, api::PostParams};

pub(super) use child::{Admission, admit};

use super::{
    Flow, Pipeline,
    api::{ApiError, call, find},
    gate::{self, Approver},
    plan::{self, PlanError},
    run::{self, Run, now},
    undo,
};
use crate::{
    key::ObjectKey,
    remediation::{
        APPROVED, MAX_PATCHES, PatchRemediation, Phase, ROLLBACK_REQUESTED, Reason, StepName, StepState, TEXT_LIMIT, ZenAgentRemediation,
        approval::{self, ApprovalState},
        conditions::{self, Holds},
        requests,
    },
};

/// When to look again, where nobody says that a patch's remediation has changed.
const LOOK: Duration = Duration::from_secs(30);

/// Why a series did not go on.
#[derive(Debug, thiserror::Error)]
pub enum SeriesError {
    /// The API server did not answer as hoped.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A patch's remediation was written by others, every time.
    #[error("the remediation of a patch changes too fast to have it undone; it is tried again")]
    Contended,
    /// The definition of remediations is one of an older version.
    #[error("the cluster's definition of remediations does not keep status.patchRemediations; bring it up to date (zen-agent crd)")]
    NotKept,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing is made yet.
    Begin,
    /// The patches are carried out.
    Execute,
    /// All are in place, and a person asked for them to be undone.
    Undo,
    /// Those in place are being undone.
    Rollback,
}

pub(super) async fn run(pipeline: &Pipeline, run: &mut Run<'_>, part: Part) -> Result<Flow, SeriesError> {
    // Of what is being deleted nothing is gone on with.
    if run.object.metadata.deletion_timestamp.is_some() {
        return Ok(Flow::Rest(None));
    }
    match part {
        Part::Begin => begin(pipeline, run).await,
        Part::Execute => execute(pipeline, run).await,
        Part::Undo => {
            match gone(pipeline, run).await? {
                None => undo::begin(run).await?,
                Some(gone) => {
                    let message = format!("the remediation {} was deleted, and with it the state to go back to", gone.name);
                    run.set_condition(ROLLBACK_REQUESTED, Holds::No, Reason::RollbackUnsupported, &message);
                    run.save().await?;
                }
            }
            Ok(Flow::Again)
        }
        Part::Rollback => rollback::run(pipeline, run).await,
    }
}

/// The first of the remediations of its patches that is not there any more.
async fn gone(pipeline: &Pipeline, run: &Run<'_>) -> Result<Option<PatchRemediation>, ApiError> {
    for made in &run.status.patch_remediations {
        if read(pipeline, run, made).await?.is_none() {
            return Ok(Some(made.clone()));
        }
    }
    Ok(None)
}

async fn begin(pipeline: &Pipeline, run: &mut Run<'_>) -> Result<Flow, SeriesError> {
    let total = run.object.spec.patches.len();
    if total > MAX_PATCHES {
        let message = format!("it has {total} patches, more than the {MAX_PATCHES} that one may have; make several of it");
        pipeline.end(run, Phase::Failed, Reason::Invalid, &message).await?;
        return Ok(Flow::Again);
    }
    let refused = (0..total).find_map(|index| check(pipeline, &run.object, index).err().map(|error| (index, error)));
    if let Some((index, error)) = refused {
        let message = format!("patch {} of {total}: {error}", index + 1);
        pipeline.end(run, Phase::Failed, error.reason().unwrap_or(Reason::Invalid), &message).await?;
        return Ok(Flow::Again);
    }
    let state = approval::state(&run.object);
    if let ApprovalState::Rejected(rejected) = state {
        let message = rejected.message.clone();
        pipeline.end(run, Phase::Failed, Reason::Rejected, &message).await?;
        return Ok(Flow::Again);
    }
    if let Err(error) = gate::fresh(pipeline, &run.object, (state == ApprovalState::Automatic).then_some(Approver::Policy)) {
        pipeline.end(run, Phase::Failed, error.reason().unwrap_or(Reason::Stale), &error.to_string()).await?;
        return Ok(Flow::Again);
    }
    let (holds, reason, message) = match state {
        ApprovalState::Approved if let Some((by, _)) = approval::at_creation(&run.object) => {
            (Holds::Yes, Reason::ApprovedAtCreation, format!("approved by {by} before it was created"))
        }
        ApprovalState::Automatic => (Holds::Yes, Reason::AutomaticPolicy, "the policy lets its patches run at once".to_owned()),
        _ => (Holds::No, Reason::WaitingForApproval, "a person has to approve or reject each of its patches".to_owned()),
    };
    run.set_condition(APPROVED, holds, reason, &message);
    run.status.phase = Some(Phase::InProgress);
    run.status.started_at = Some(now());
    run.status.total_patches = i32::try_from(total).ok();
    run.status.applied_patches = Some(0);
    run.status.patch_remediations.clear();
    run.status.explain(Reason::PatchUnderWay, &format!("its {total} patches are carried out one after the other"));
    run.start(StepName::Execute);
    run.save().await?;
    Ok(Flow::Again)
}

/// Refuses what is known to end the remediation of a patch.
fn check(pipeline: &Pipeline, object: &ZenAgentRemediation, index: usize) -> Result<(), PlanError> {
    let spec = child::spec(object, index).filter(|spec| spec.patches.iter().any(|patch| patch.patch.is_some()));
    let spec = spec.ok_or(PlanError::NoAction { hint: "a patch has to say in its text what to apply" })?;
    let action = plan::action(&spec)?;
    pipeline.planner().named(&spec, &action).map(drop)
}

/// Whether what it does next is to make a remediation.
pub(super) fn is_to_make(object: &ZenAgentRemediation) -> bool {
    object.status.as_ref().is_none_or(|status| status.patch_remediations.len() <= object.applied_patches())
}

async fn execute(pipeline: &Pipeline, run: &mut Run<'_>) -> Result<Flow, SeriesError> {
    run.take_over(StepName::Execute).await?;
    if is_changed(&run.object) {
        return give_up(run, Reason::SpecChanged, "the spec was changed after it had begun").await;
    }
    let index = run.object.applied_patches();
    let made = run.status.patch_remediations.get(index).cloned();
    match made {
        Some(made) => look(pipeline, run, index, &made).await,
        None => make(pipeline, run, index).await,
    }
}

/// Makes the remediation of the next patch, or finds it made, and writes down which it is.
async fn make(pipeline: &Pipeline, run: &mut Run<'_>, index: usize) -> Result<Flow, SeriesError> {
    let what = "make the remediation of a patch";
    let Some(wanted) = child::object(&run.object, index) else {
        return give_up(run, Reason::SpecChanged, "the spec was changed after it had begun").await;
    };
    if !pipeline.tenure.holds() {
        return Err(ApiError::NotLeading { what }.into());
    }
    let name = wanted.name_any();
    let made = match call(what, run.api.create(&PostParams::default(), &wanted)).await {
        Ok(made) => made,
        Err(error) if error.status().is_some_and(|status| status.is_already_exists()) => {
            match find("read the remediation of a patch", run.api.get(&name)).await? {
                Some(there) if child::is_as_made(&there, &wanted) => there,
                Some(_) => {
                    let message = format!("{}: another object has the name of its remediation, {name}", place(run, index));
                    return give_up(run, Reason::NameTaken, &message).await;
                }
                None => return Err(error.into()),
            }
        }
        Err(error) => {
            let Some(reason) = error.reason() else { return Err(error.into()) };
            if let Some(wait) = run.refused(reason, &error) {
                return Ok(Flow::Rest(Some(wait)));
            }
            let message = format!("{}: {error}", place(run, index));
            return give_up(run, reason, &message).await;
        }
    };
    run.granted();
    run.status.patch_remediations.push(PatchRemediation { name, uid: made.metadata.uid.clone().unwrap_or_default() });
    run.save().await?;
    if run.status.patch_remediations.len() <= index {
        return Err(SeriesError::NotKept);
    }
    run.wakes = Some(ObjectKey::of(&made));
    Ok(Flow::Again)
}

/// Looks how far the remediation of a patch is.
async fn look(pipeline: &Pipeline, run: &mut Run<'_>, index: usize, made: &PatchRemediation) -> Result<Flow, SeriesError> {
    let which = format!("{}, the remediation {}", place(run, index), made.name);
    let Some(child) = read(pipeline, run, made).await? else {
        let message = format!("{which}, was deleted, or cannot be read, before it was seen to succeed, and what it has left is not known");
        return give_up(run, Reason::RollbackFailed, &message).await;
    };
    let (reason, message) = said(&child);
    match child.phase() {
        Phase::Succeeded if !requests::is_to_be_undone(&child) => succeeded(pipeline, run, index + 1).await,
        phase @ (Phase::Failed | Phase::RolledBack) => {
            let message = format!("{which}, is {phase}: {message}");
            let reason = if rollback::left(&child) { Reason::RollbackFailed } else { reason.unwrap_or(Reason::PatchFailed) };
            give_up(run, reason, &message).await
        }
        Phase::Pending if let Some(reason) = reason => {
            run.status.explain(reason, &format!("{which}, waits: {message}"));
            run.save().await?;
            // Whatever a person decides, the informer tells.
            Ok(Flow::Rest((!approval::waits(&child)).then_some(LOOK)))
        }
        Phase::Succeeded | Phase::Pending | Phase::InProgress | Phase::Unknown(_) => {
            run.status.explain(Reason::PatchUnderWay, &format!("{which}, is being carried out"));
            run.save().await?;
            Ok(Flow::Rest(Some(LOOK)))
        }
    }
}

/// Counts a patch that is in place; the last one ends it.
async fn succeeded(pipeline: &Pipeline, run: &mut Run<'_>, applied: usize) -> Result<Flow, SeriesError> {
    run.status.applied_patches = i32::try_from(applied).ok();
    if run.status.applied_patches < run.status.total_patches {
        run.status.explain(Reason::PatchUnderWay, &format!("{applied} of its patches are in place"));
        run.save().await?;
        return Ok(Flow::Again);
    }
    let message = format!("all of its {applied} patches have succeeded");
    if run.object.condition(APPROVED).is_none_or(|judged| !conditions::is_true(judged)) {
        run.set_condition(APPROVED, Holds::Yes, Reason::Approved, "each of its patches was approved");
    }
    run.status.finish_step(StepName::Execute, StepState::Succeeded, Some(&message));
    pipeline.end(run, Phase::Succeeded, Reason::Validated, &message).await?;
    Ok(Flow::Again)
}

/// Goes over to undoing what is in place. Where nothing is, it ends for the reason that the patch did.
async fn give_up(run: &mut Run<'_>, reason: Reason, message: &str) -> Result<Flow, SeriesError> {
    let reason = if run.object.applied_patches() > 0 && reason != Reason::RollbackFailed { Reason::PatchFailed } else { reason };
    run.undo(StepName::Execute, reason, message);
    run.save().await?;
    Ok(Flow::Again)
}

/// The remediation that was made of a patch, if it is still there.
async fn read(pipeline: &Pipeline, run: &Run<'_>, made: &PatchRemediation) -> Result<Option<ZenAgentRemediation>, ApiError> {
    let namespace = run.object.namespace().unwrap_or_default();
    let there = run::read(&pipeline.client, &namespace, &made.name).await?;
    Ok(there.filter(|there| there.metadata.uid.as_ref() == Some(&made.uid)))
}

/// `patch 2 of 3`.
fn place(run: &Run<'_>, index: usize) -> String {
    format!("patch {} of {}", index + 1, run.status.total_patches.unwrap_or_default())
}

/// Why a patch's remediation stands where it stands, half of the text so that there is place for more.
fn said(child: &ZenAgentRemediation) -> (Option<Reason>, String) {
    let status = child.status.as_ref();
    let reason = status.and_then(|status| status.reason.as_deref()).and_then(Reason::parse);
    let message = status.and_then(|status| status.message.as_deref()).unwrap_or_default();
    (reason, message.chars().take(TEXT_LIMIT / 2).collect())
}

/// Whether the spec is another one by now than the one that was begun with.
fn is_changed(object: &ZenAgentRemediation) -> bool {
    object.condition(APPROVED).is_none_or(|judged| !conditions::is_of(judged, object.metadata.generation))
}
