//! Carries remediations out: plan, gate, claim, execute, validate, and where that fails, roll back.
//!
//! [`Pipeline::reconcile`] reads one object, takes it as far as it goes now, and says when to look
//! again. All that decides what is done is on the object, so whoever calls next goes on from there; waits and counts in memory
//! may be lost:
//!
//! ```text
//!            1 plan     2 gate            3 claim
//!  pending ──────────┬──────────────▶ (one write: action, pinned target, previous state, execute running)
//!     ▲              │ waits: Approved=False, Held      │
//!     │              │ approved, and another plan now: Approved=False
//!     └──────────────┤                                  ▼ in_progress
//!                    │ refused                   4 execute ── cannot ──────────┐
//!                    ▼                                  │ done                 │
//!                  failed                        5 validate ── no, too late ──▶│
//!                                                       │ holds                ▼
//!                                                       ▼                 6 rollback ──▶ rolled_back, failed
//!                                                   succeeded ── a person asked: undo ───▶│
//! ```
//!
//! What failed and left nothing behind becomes pending again where a person asks for it (`remediation::ended`).
//! What has several patches goes another way: each of them is a remediation of its own, which goes this one (`series.rs`).
//!
//! | a crash …                          | leaves                          | and the next pass |
//! |------------------------------------|---------------------------------|-------------------|
//! | before the claim is written        | pending, target untouched       | starts over |
//! | after it, before the target        | `execute` running, `previous`   | executes, attempt 2 |
//! | after the target, before the write | the same, target changed        | finds it changed, goes on |
//! | after `execute` succeeded          | `validate` running              | validates against the same deadline, attempt 2 |
//! | in the middle of a verification    | the same, and its counts        | goes on with it (`verification.rs`), attempt 2 |
//! | after validation, before the write | the same                        | validates again |
//! | before the target is set back      | `rollback` running              | rolls back, attempt 2 |
//! | after it, before the write         | the same, target as before      | finds nothing to undo, ends it |
//! | before an undo that was asked for is written | succeeded, RollbackRequested=True | begins it |
//! | after it                           | `rollback` running              | rolls back, attempt 2 |
//! | after a retry is written           | pending, without a plan         | plans it as if it were new |
//!
//! # Two leaders
//!
//! A leader that was frozen, in the middle of a write too, wakes up beside the next one. What keeps the
//! two from doubling each other's work:
//!
//! - Each write of the status carries the resourceVersion that it was decided on, and none is made once
//!   the lease has lapsed by the own clock. So each attempt of a step is one leader's, and counted.
//! - Each write to a target carries the uid and resourceVersion of a read, and is made only where a read
//!   of the remediation, after that, shows that the writer's attempt is the one under way. Whoever went
//!   on has counted another attempt before it, or has changed the target since: either way the late
//!   write is not made, or refused.
//! - The values are functions of the remediation alone, and what is created has the remediation's name, or is marked with
//!   its uid: whoever finds it knows whose it is, and a second create of it is refused.
//! - A create has no precondition, since nothing is there. So who has made one, or does not know, looks at the remediation
//!   once more, and takes away what it made where that is being undone by now, or has ended; also where its pass was dropped
//!   meanwhile (`actions/create.rs`). Who undoes looks after that, or before: so one of the two sees the object.
//!
//! The client repeats a call by itself, up to 15 times within [`CALL`](crate::deadline::CALL), where the
//! server answers 429, 503 or 504 (`default_retry` of kube's `Config`). The repetitions of a write come after
//! that read, and after a 503 or 504 the write may have been made. They are the same bytes with the same
//! uid and resourceVersion: where the first was made, or anybody else wrote since, the server refuses them
//! (409, of a create too), and a fresh read shows how it stands. A write may so come up to ten seconds after
//! the read, and after the lease was lost, as one of a leader that froze there.
//!
//! Left are these cases, which no precondition covers:
//!
//! - A leader freezes, or its write is under way, between that read and the write, while the next one ends
//!   the remediation without having had to touch the target. The write then holds. Of a create the same is left only where
//!   the leader does not come to look again either: it was killed, or is cut off from the API for minutes, once its create was on
//!   the way; or the create of the last attempt is made after the time of its call.
//! - A claim is under way when the lease changes hands, and the next leader claims another remediation of
//!   the same target: the two are carried out side by side (`running.rs`). Each still writes only to
//!   what it has read, and undoes only what still reads as it set it.
//!
//! # Deleted while in progress
//!
//! There is no finalizer: who deletes a remediation that is `in_progress` (retention and cleanup never do)
//! ends the work on it at once, and takes `.status.previous` with it. What was changed by then stays, is not
//! validated, and is not undone. It ends by itself within minutes, so it is better waited for; or
//! `kubectl get zar NAME -o jsonpath='{.status.action}{.status.target}{.status.previous}'` first says what
//! is to be put back by hand. Afterwards only the Kubernetes Events on the target name it, for an hour; and on what it
//! created, its annotations, for as long as that is there. Of what it applied its field manager, `zen-agent-UID`, keeps hold.
//! A create that is under way when it is deleted is taken away again (as one of a leader that was frozen), and probes are
//! asked no more.
//!
//! # The emergency stop
//!
//! While it is set ([`emergency`](crate::emergency)) nothing is claimed, executed or rolled back. A pass that is under way is
//! dropped where it stands, which the table above calls a crash; when the stop is lifted, it is gone on with by the same rules.
//!
//! # What is tried again
//!
//! What failed and may yet succeed is tried again, on one of these ladders:
//!
//! | what                         | attempts                        | waits |
//! |------------------------------|---------------------------------|-------|
//! | execute, rollback            | counted on the object; given up | in memory: 250 ms doubling to 30 s, by the attempts |
//! | what is forbidden            | for 30 s, but in rollback; given up | in memory (`refusals.rs`) |
//! | a create that is refused since its name is taken | none: what is there is somebody else's | |
//! | probes                       | each interval, until there is one answer too many of a kind, or the timeout; undone | by the interval (`verification.rs`) |
//! | an effect that does not show | until VALIDATION_TIMEOUT; undone | in memory: 250 ms growing to 2 s (`validate.rs`) |
//! | a pod that a disruption budget keeps | counted on the object; given up at VALIDATION_TIMEOUT | as execute |
//! | a target that is busy, a schedule, a window, a circuit | for as long as it takes | 10 s; until its time |
//! | everything else, and a write | by the worker, while it may help | in memory, by [`Category::retry`](crate::category::Category::retry) of the failed call |
//!
//! What no repetition helps is looked at again when the object changes, or at the next resync.
//!
//! A pass that failed in execute or rollback comes back by the worker's ladder as well; where it comes
//! too soon, the step's wait is what counts. What another process began is gone on with at once.

pub(crate) mod access;
pub mod actions;
mod api;
mod circuits;
mod claim;
mod error;
mod execute;
mod gate;
mod kinds;
mod listing;
mod plan;
mod probes;
mod recent;
mod refusals;
mod resolve;
mod rollback;
mod run;
mod running;
mod series;
mod start;
mod stopwatch;
mod undo;
mod validate;
mod verification;

use std::{collections::BTreeSet, time::Duration};

use kube::Client;
use tokio::{sync::Mutex, time::timeout};
use tracing::Instrument;

use circuits::Circuits;
use recent::Recent;
use refusals::Refusals;
use run::{Run, Stage};
use running::Running;
use series::Part;
use stopwatch::Stopwatches;
use verification::Rounds;

pub use api::ApiError;
pub use claim::ClaimError;
pub use error::PipelineError;
pub use execute::ExecuteError;
pub use gate::GateError;
pub use kinds::KindError;
pub(crate) use kinds::is_denied_group;
pub use plan::{PlanError, Planner};
pub use probes::{Reach, SetupError};
pub use resolve::Level;
pub use rollback::RollbackError;
pub use series::SeriesError;
pub use validate::ValidateError;

use crate::{
    deadline::PASS,
    emergency::{EmergencyStop, Order},
    key::ObjectKey,
    kube_events::Events,
    lease::Tenure,
    policy::Live,
    remediation::{ActionKind, Phase, Reason, ZenAgentRemediation},
    telemetry::Metrics,
};

/// Why nothing is changed in dry-run mode.
const DRY_RUN: &str = "the agent runs in dry-run mode and changes nothing";

/// How the pipeline works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The only namespace whose remediations are processed; all of them without one.
    pub watch_namespace: Option<String>,
    /// The actions that may be carried out.
    pub actions: BTreeSet<ActionKind>,
    /// How long an effect may take to show before the change is undone.
    pub validation_timeout: Duration,
    /// What probes may reach.
    pub reach: Reach,
}

/// Where a remediation stands after a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Its status.
    pub phase: Phase,
    /// When to look again; not before the object changes without it.
    pub next: Option<Duration>,
    /// Which other one to look at now: it waited for this one's target.
    pub wakes: Option<ObjectKey>,
}

/// The pipeline, for one term: it remembers which targets it works on, and what ran lately.
pub struct Pipeline {
    client: Client,
    settings: Settings,
    policy: Live,
    events: Events,
    metrics: Metrics,
    running: Running,
    recent: Recent,
    stopwatches: Stopwatches,
    refusals: Refusals,
    circuits: Circuits,
    rounds: Rounds,
    tenure: Tenure,
    emergency: EmergencyStop,
    /// Held from the count of the budget to the claim that uses it.
    admission: Mutex<()>,
}

/// What a step leads to within a pass.
enum Flow {
    /// Something was written: go on from there.
    Again,
    /// Nothing more to do now.
    Rest(Option<Duration>),
}

impl Pipeline {
    /// A pipeline that works with this client's permissions, as long as the tenure holds and nobody stops it.
    pub fn new(
        client: Client,
        settings: Settings,
        policy: Live,
        events: Events,
        metrics: Metrics,
        tenure: Tenure,
        emergency: EmergencyStop,
    ) -> Self {
        Self {
            client,
            settings,
            policy,
            events,
            circuits: Circuits::new(&metrics),
            metrics,
            running: Running::default(),
            recent: Recent::default(),
            stopwatches: Stopwatches::default(),
            refusals: Refusals::default(),
            rounds: Rounds::default(),
            tenure,
            emergency,
            admission: Mutex::new(()),
        }
    }

    /// Takes one remediation as far as it goes now; `None` when there is none of that name.
    ///
    /// # Errors
    /// [`PipelineError`] when the pass was cut short and should be repeated.
    pub async fn reconcile(&self, namespace: &str, name: &str) -> Result<Option<Progress>, PipelineError> {
        loop {
            let order = self.emergency.order();
            let stopped = async {
                // One that begins while the stop is set may find it lifted on its way, and be stopped anew.
                if order != Order::Proceed {
                    self.emergency.other_than(&order).await;
                }
                self.emergency.halted().await;
            };
            tokio::select! {
                biased;
                // As a crash would end it; the pass after it holds what this one would have done.
                () = stopped => {}
                progress = timeout(PASS, Box::pin(self.read_and_pass(namespace, name))) => return progress.map_err(|_| PipelineError::Timeout)?,
            }
        }
    }

    async fn read_and_pass(&self, namespace: &str, name: &str) -> Result<Option<Progress>, PipelineError> {
        let Some(run) = Run::read(self, namespace, name).await.map_err(PipelineError::Read)? else { return Ok(None) };
        let request_id = run.object.spec.request.as_ref().map_or("", |request| request.id.as_str());
        let tenant = run.object.tenant().unwrap_or_default();
        let span = tracing::info_span!("reconcile", remediation = %run.key(), tenant, request_id);
        self.pass(run).instrument(span).await.map(Some)
    }

    async fn pass(&self, mut run: Run<'_>) -> Result<Progress, PipelineError> {
        loop {
            let stage = run.stage();
            if matches!(stage, Stage::Execute | Stage::Validate | Stage::Rollback) {
                self.running.adopt(&run.object);
                self.recent.note(&self.policy.guardrails(), &run.object);
            }
            if let Some((reason, message)) = self.held(stage, &run.object) {
                match run.phase() {
                    Phase::Pending => run.hold(reason, &message),
                    _ => run.hold_step(reason, &message),
                }
                run.save().await.map_err(PipelineError::Save)?;
                return Ok(Progress { phase: run.phase(), next: None, wakes: run.wakes });
            }
            // What is to be undone may be held for reasons of its own (`undo.rs`).
            if matches!(stage, Stage::Execute | Stage::Rollback | Stage::Series(_)) {
                run.release();
            }
            // On the heap, each: what a step keeps while it waits is large, and a thread's stack is not.
            let flow = match stage {
                Stage::Start => Box::pin(self.start(&mut run)).await?,
                Stage::Execute => Box::pin(execute::run(self, &mut run)).await.map_err(PipelineError::Execute)?,
                Stage::Validate => Box::pin(validate::run(self, &mut run)).await.map_err(PipelineError::Validate)?,
                Stage::Rollback => Box::pin(rollback::run(self, &mut run)).await.map_err(PipelineError::Rollback)?,
                Stage::Undo => Box::pin(undo::run(self, &mut run)).await.map_err(PipelineError::Undo)?,
                Stage::Series(part) => Box::pin(series::run(self, &mut run, part)).await.map_err(PipelineError::Series)?,
                Stage::Ended | Stage::NotOurs => Flow::Rest(None),
            };
            if matches!(stage, Stage::Ended | Stage::NotOurs) {
                self.stopwatches.forget(run.uid());
                self.refusals.forget(run.uid());
                self.rounds.forget(run.uid());
            }
            if let Flow::Rest(next) = flow {
                return Ok(Progress { phase: run.phase(), next, wakes: run.wakes });
            }
        }
    }

    /// What holds back the step that is under way, or about to be. A rollback is not held by dry-run mode: it leaves less changed.
    fn held(&self, stage: Stage, object: &ZenAgentRemediation) -> Option<(Reason, String)> {
        let order = self.emergency.order();
        match stage {
            Stage::Execute | Stage::Rollback | Stage::Undo | Stage::Series(_) if let Some(halt) = order.halt() => {
                Some((Reason::EmergencyStop, halt.public().to_owned()))
            }
            // What became of a patch is looked at all the same.
            Stage::Series(Part::Execute) if !series::is_to_make(object) => None,
            Stage::Execute | Stage::Series(Part::Begin | Part::Execute | Part::Undo) if self.policy.guardrails().dry_run => {
                Some((Reason::DryRun, DRY_RUN.to_owned()))
            }
            _ => None,
        }
    }

    /// Ends a remediation, in one write.
    async fn end(&self, run: &mut Run<'_>, phase: Phase, reason: Reason, message: &str) -> Result<(), ApiError> {
        run.end(phase.clone(), reason, message);
        run.save().await?;
        self.recent.note(&self.policy.guardrails(), &run.object);
        run.wakes = self.running.release(&run.object);
        self.circuits.ended(run.uid(), &phase, reason);
        if let Some(action) = run.status.action.as_ref() {
            self.metrics.actions.with_label_values(&[action.name(), phase.label()]).inc();
        }
        tracing::info!(status = %phase, %reason, detail = message, "remediation ended");
        Ok(())
    }
}
