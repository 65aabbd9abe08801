//! One pass over one remediation: the object as it was read, and the status as it is to be written.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use kube::{Api, Client, ResourceExt};

use super::{
    Pipeline,
    api::{ApiError, call, find},
    plan::Drawing,
    series::Part,
};
use crate::{
    event::Target,
    key::ObjectKey,
    remediation::{
        Action, HELD, Phase, Plan, Previous, Reason, RemediationStatus, Step, StepName, StepState, ZenAgentRemediation, conditions::Holds,
        requests, status_write,
    },
    stream,
};

/// The wait before the second attempt of a step; doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The pass.
pub(super) struct Run<'a> {
    pipeline: &'a Pipeline,
    pub(super) api: Api<ZenAgentRemediation>,
    /// As last read or written.
    pub(super) object: ZenAgentRemediation,
    /// As it will be, once saved.
    pub(super) status: RemediationStatus,
    /// The step that this pass itself began, as opposed to one that an earlier pass left running.
    begun: Option<StepName>,
    /// Who may go on, now that this one has ended.
    pub(super) wakes: Option<ObjectKey>,
}

/// Where the pipeline goes on: a function of what is written, and of nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Start,
    Execute,
    Validate,
    Rollback,
    /// It has succeeded, and a person asked for it to be undone.
    Undo,
    /// It has several patches.
    Series(Part),
    Ended,
    /// The status is text that this agent does not know, or in progress without a step that this agent
    /// began: another program's to go on with.
    NotOurs,
}

/// When the plan was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drawn {
    /// In this pass.
    Now,
    /// In an earlier one.
    Before,
}

/// Whether a step may be begun again.
pub(super) enum Begin {
    Now,
    After(Duration),
}

/// The remediation as it is now, unless it is gone or malformed.
pub(super) async fn read(client: &Client, namespace: &str, name: &str) -> Result<Option<ZenAgentRemediation>, ApiError> {
    let guarded = Api::namespaced(client.clone(), namespace);
    Ok(find("read the remediation", guarded.get(name)).await?.and_then(stream::well_formed))
}

/// The step that is under way.
pub(super) fn under_way(object: &ZenAgentRemediation) -> Option<&Step> {
    let running = |name| object.step(name).filter(|step| step.state == StepState::Running);
    let last_first = [StepName::Rollback, StepName::Validate, StepName::Execute];
    (object.phase() == Phase::InProgress).then(|| last_first.into_iter().find_map(running)).flatten()
}

impl<'a> Run<'a> {
    pub(super) async fn read(pipeline: &'a Pipeline, namespace: &str, name: &str) -> Result<Option<Self>, ApiError> {
        let Some(object) = read(&pipeline.client, namespace, name).await? else { return Ok(None) };
        let api = Api::namespaced(pipeline.client.clone(), namespace);
        let status = object.status.clone().unwrap_or_default();
        Ok(Some(Self { pipeline, api, object, status, begun: None, wakes: None }))
    }

    /// Writes the status if it differs, in one write that fails if the object changed since it was read.
    pub(super) async fn save(&mut self) -> Result<(), ApiError> {
        if self.object.status.as_ref() == Some(&self.status) {
            return Ok(());
        }
        let what = "write the remediation's status";
        if !self.pipeline.tenure.holds() {
            return Err(ApiError::NotLeading { what });
        }
        self.status.observed_generation = self.object.metadata.generation;
        let write = status_write::write(&self.api, &self.pipeline.events, &self.object, self.status.clone());
        self.object = call(what, write).await?;
        self.status = self.object.status.clone().unwrap_or_default();
        if let Some(step) = under_way(&self.object) {
            self.pipeline.stopwatches.wrote(&self.object, step);
        }
        Ok(())
    }

    pub(super) fn phase(&self) -> Phase {
        self.object.phase()
    }

    pub(super) fn stage(&self) -> Stage {
        let of = |one, part| if self.object.is_series() { Stage::Series(part) } else { one };
        match (self.phase(), under_way(&self.object).map(|step| step.name)) {
            (Phase::Pending, _) => of(Stage::Start, Part::Begin),
            (Phase::Succeeded, _) if requests::is_to_be_undone(&self.object) => of(Stage::Undo, Part::Undo),
            (Phase::Succeeded | Phase::Failed | Phase::RolledBack, _) => Stage::Ended,
            (Phase::InProgress, Some(StepName::Execute)) => of(Stage::Execute, Part::Execute),
            (Phase::InProgress, Some(StepName::Validate)) => Stage::Validate,
            (Phase::InProgress, Some(StepName::Rollback)) => of(Stage::Rollback, Part::Rollback),
            (Phase::InProgress | Phase::Unknown(_), _) => Stage::NotOurs,
        }
    }

    pub(super) fn uid(&self) -> &str {
        self.object.metadata.uid.as_deref().unwrap_or_default()
    }

    /// `namespace/name`, for logs.
    pub(super) fn key(&self) -> String {
        format!("{}/{}", self.object.namespace().unwrap_or_default(), self.object.name_any())
    }

    pub(super) fn set_condition(&mut self, type_: &str, holds: Holds, reason: Reason, message: &str) {
        self.status.set_condition(type_, holds, reason, message, self.object.metadata.generation);
    }

    /// When to ask again for what the API server refuses; `None` for other reasons, and for a refusal that has lasted.
    pub(super) fn refused(&self, reason: Reason, error: &dyn std::error::Error) -> Option<Duration> {
        let wait = match reason {
            Reason::Forbidden => self.pipeline.refusals.again(self.uid())?,
            _ => return None,
        };
        tracing::warn!(%error, wait = wait.as_secs_f64(), "the agent is not permitted to go on; it asks again");
        Some(wait)
    }

    /// What the API server may have refused before is permitted.
    pub(super) fn granted(&self) {
        self.pipeline.refusals.forget(self.uid());
    }

    /// Holds back what may otherwise run.
    pub(super) fn hold(&mut self, reason: Reason, message: &str) {
        self.set_condition(HELD, Holds::Yes, reason, message);
        self.status.explain(reason, message);
    }

    /// Holds back the step that is under way, whose reason stays the one that it was begun for.
    pub(super) fn hold_step(&mut self, reason: Reason, message: &str) {
        self.set_condition(HELD, Holds::Yes, reason, message);
    }

    /// Says that nothing holds it back any more.
    pub(super) fn release(&mut self) {
        self.status.release_held(self.object.metadata.generation);
    }

    /// The plan for this target that is on the object, made for the spec as it is now.
    pub(super) fn plan_for(&self, target: &Target) -> Option<&Plan> {
        self.object.plan().filter(|plan| plan.target == *target)
    }

    /// This will be done, by a plan that began then.
    pub(super) fn planned(&mut self, Drawing { plan, workload }: Drawing, began: MicroTime) {
        self.granted();
        self.release();
        self.status.target = Some(plan.target.clone());
        self.status.plan = Some(plan);
        self.status.workload = workload;
        self.status.steps.retain(|step| step.name != StepName::Plan);
        let (name, state) = (StepName::Plan, StepState::Succeeded);
        self.status.steps.push(Step { name, state, attempts: 1, started_at: began, finished_at: Some(now()), message: None });
    }

    /// Starts a step: its first attempt.
    pub(super) fn start(&mut self, name: StepName) {
        self.begun = Some(name);
        self.granted();
        self.status.steps.retain(|step| step.name != name);
        self.status.steps.push(Step { name, state: StepState::Running, attempts: 1, started_at: now(), finished_at: None, message: None });
    }

    pub(super) fn attempts(&self, name: StepName) -> i32 {
        self.object.step(name).map_or(0, |step| step.attempts)
    }

    /// Whether the step says that it was held back.
    pub(super) fn was_noted(&self, name: StepName) -> bool {
        self.object.step(name).is_some_and(|step| step.message.is_some())
    }

    /// How long ago the step was first begun, by what is written.
    pub(super) fn since_start(&self, name: StepName) -> Duration {
        self.object.step(name).map_or(Duration::ZERO, |step| elapsed(step.started_at.0))
    }

    /// How long the step has been under way, by a clock that nobody sets.
    pub(super) fn time_under_way(&self) -> Duration {
        under_way(&self.object).map_or(Duration::ZERO, |step| self.pipeline.stopwatches.under_way(&self.object, step))
    }

    /// The wait between an attempt of a step and the next one.
    pub(super) fn backoff(&self, name: StepName) -> Duration {
        let doublings = u32::try_from(self.attempts(name).clamp(1, 8) - 1).unwrap_or(0);
        FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT)
    }

    /// Counts another attempt of a step that an earlier pass left running, no sooner than its backoff allows.
    ///
    /// The status write of an attempt wakes the informer up, so the wait is measured from there:
    /// neither a worker's retry nor an update can hurry it. What was cut off by the end of another
    /// process, or term, did not fail, and is begun again at once.
    pub(super) async fn begin(&mut self, name: StepName) -> Result<Begin, ApiError> {
        if self.begun == Some(name) {
            return Ok(Begin::Now);
        }
        let wait = self.backoff(name);
        let since = self.object.step(name).and_then(|step| self.pipeline.stopwatches.begun_here(&self.object, step));
        if let Some(left) = since.and_then(|since| wait.checked_sub(since)).filter(|left| !left.is_zero()) {
            return Ok(Begin::After(left));
        }
        self.count_attempt(name);
        self.begun = Some(name);
        self.save().await?;
        Ok(Begin::Now)
    }

    /// Counts another attempt of a step that another process, or term, began; what it has waited for counts on.
    pub(super) async fn take_over(&mut self, name: StepName) -> Result<(), ApiError> {
        let step = self.object.step(name);
        if step.is_some_and(|step| self.pipeline.stopwatches.begun_here(&self.object, step).is_none()) {
            self.count_attempt(name);
            self.save().await?;
        }
        Ok(())
    }

    fn count_attempt(&mut self, name: StepName) {
        if let Some(step) = self.status.steps.iter_mut().find(|step| step.name == name) {
            step.attempts = step.attempts.saturating_add(1);
        }
    }

    /// Gives a running step up, and goes over to undoing what it may have done.
    pub(super) fn undo(&mut self, step: StepName, reason: Reason, message: &str) {
        self.status.finish_step(step, StepState::Failed, Some(message));
        self.status.explain(reason, message);
        self.start(StepName::Rollback);
    }

    /// What the claim recorded: the action, the pinned target, and its state before.
    pub(super) fn recorded(&self) -> Option<(&Action, &Target, &Previous)> {
        let status = self.object.status.as_ref()?;
        Some((status.action.as_ref()?, status.target.as_ref()?, status.previous.as_ref()?))
    }

    /// Says how many of the family's patches are in place, where it is made of them.
    pub(super) fn count_patches(&mut self, applied: i32) {
        if self.object.spec.patch().is_some() {
            self.status.total_patches = Some(1);
            self.status.applied_patches = Some(applied);
        }
    }

    /// Ends the remediation; takes effect when saved.
    pub(super) fn end(&mut self, phase: Phase, reason: Reason, message: &str) {
        self.status.end(phase, reason, message, self.object.metadata.generation);
    }
}

pub(super) fn now() -> MicroTime {
    MicroTime(Timestamp::now())
}

pub(super) fn now_seconds() -> Time {
    Time(Timestamp::now())
}

/// A time as people read it: to the second.
pub(super) fn rounded(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// Time since then; none for a time to come.
pub(super) fn elapsed(since: Timestamp) -> Duration {
    Duration::try_from(Timestamp::now().duration_since(since)).unwrap_or(Duration::ZERO)
}
