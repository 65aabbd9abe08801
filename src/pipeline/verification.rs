//! The second half of step 5: asks probes, once the action's effect is there, until they have passed for long enough.
//!
//! ```text
//!   effect seen ─▶ `.status.verification` written ─▶ initial delay ─▶ a round: all probes at once ◀── interval ──┐
//!     over a limit, or the timeout ──▶ Verified=False, rollback                │                                 │
//!     all pass, for the soak time ───▶ Verified=True, succeeded ◀──────────────┴─ not yet, or within its limits ─┘
//! ```
//!
//! Each round begins with a look at the action's effect, which has to hold all the while as well.
//!
//! The soak time is counted by this process's own clock, from one round in which all passed to the next: a pause in which
//! nobody asked counts as two intervals at most. It is written every [`CHECKPOINT`], or quarter of it, whichever is longer, and
//! where it begins anew; counts of other answers at once. So a process that goes on knows what was forgiven already, and has to
//! see the rest of the soak time itself:
//!
//! | a crash …                           | the next pass |
//! |-------------------------------------|---------------|
//! | before an answer is written         | asks again |
//! | in the middle of the soak time      | asks at once, attempt 2, and goes on from what was last written of it |
//! | after the last round, before the end | the same: it sees what was not written of it once more |
//!
//! Answers whose write is refused, since somebody else wrote to the remediation, are counted in the next pass.
//!
//! The timeout undoes nothing that nobody has asked about: what comes back to a verification whose time is over asks once
//! more. If then all pass, and no answer was ever another one, the time went by without anybody to ask, and the rest of the
//! soak time is seen.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Flow, Pipeline, probes,
    run::Run,
    validate::{self, ValidateError},
};
use crate::remediation::{Answer, Excess, Phase, Reason, StepName, VERIFIED, Verification, VerificationStatus, conditions::Holds};

/// How often it is written at most that all probes pass.
const CHECKPOINT: Duration = Duration::from_secs(10);

/// What this process has seen of verifications, by the uid of the remediation.
#[derive(Default)]
pub(super) struct Rounds(Mutex<HashMap<String, Round>>);

#[derive(Clone, Default)]
struct Round {
    /// When the last one began.
    begun: Option<Instant>,
    /// When the last one began in which all passed, and the one before it was no other.
    passed: Option<Instant>,
    /// For how long all have passed.
    soaked: Duration,
    /// What the last one was answered, as long as that is not written.
    unwritten: Option<Vec<Answer>>,
}

impl Rounds {
    /// How long until the next one.
    fn wait(&self, uid: &str, interval: Duration) -> Option<Duration> {
        let begun = self.all().get(uid)?.begun?;
        interval.checked_sub(begun.elapsed()).filter(|left| !left.is_zero())
    }

    /// One begins, in a verification of which so much was written.
    fn begin(&self, uid: &str, written: Duration) {
        let fresh = Round { soaked: written, ..Round::default() };
        self.all().entry(uid.to_owned()).or_insert(fresh).begun = Some(Instant::now());
    }

    /// The one that has begun is answered.
    fn answered(&self, uid: &str, answers: &[Answer]) {
        self.all().entry(uid.to_owned()).or_default().unwritten = Some(answers.to_vec());
    }

    /// The answers that are still to be counted.
    fn unwritten(&self, uid: &str) -> Option<Vec<Answer>> {
        self.all().get(uid)?.unwritten.clone()
    }

    /// They are.
    fn written(&self, uid: &str) {
        if let Some(round) = self.all().get_mut(uid) {
            round.unwritten = None;
        }
    }

    /// All passed in the one that has begun: for how long they have.
    fn passed(&self, uid: &str, interval: Duration) -> Duration {
        let mut all = self.all();
        let Some(round) = all.get_mut(uid) else { return Duration::ZERO };
        if let (Some(begun), Some(before)) = (round.begun, round.passed) {
            round.soaked += begun.saturating_duration_since(before).min(interval * 2);
        }
        round.passed = round.begun;
        round.soaked
    }

    /// Something did not hold.
    fn broken(&self, uid: &str) {
        let mut all = self.all();
        let round = all.entry(uid.to_owned()).or_default();
        (round.passed, round.soaked) = (None, Duration::ZERO);
    }

    /// It is over.
    pub(super) fn forget(&self, uid: &str) {
        self.all().remove(uid);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Round>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What has to hold, as it was planned.
pub(super) fn wanted(run: &Run<'_>) -> Option<Verification> {
    run.object.status.as_ref()?.plan.as_ref()?.verification.clone()
}

/// How long the validation may still take: until the effect shows, or from then on.
pub(super) fn left(pipeline: &Pipeline, run: &Run<'_>, elapsed: Duration) -> Duration {
    let begun = run.object.status.as_ref().and_then(|status| status.verification.as_ref());
    match (wanted(run), begun) {
        (Some(wanted), Some(begun)) => (began(begun) + wanted.timeout()).saturating_sub(elapsed),
        _ => pipeline.settings.validation_timeout.saturating_sub(elapsed),
    }
}

/// The effect does not show any more, or could not be looked at: the soak time begins anew.
pub(super) async fn broken(pipeline: &Pipeline, run: &mut Run<'_>) -> Result<(), ValidateError> {
    if let Some(status) = run.status.verification.as_mut() {
        status.soaked_seconds = 0;
        pipeline.rounds.broken(run.uid());
        run.save().await?;
    }
    Ok(())
}

/// Goes on with a verification whose action's effect is there, as seen just now.
pub(super) async fn run(
    pipeline: &Pipeline,
    run: &mut Run<'_>,
    wanted: &Verification,
    effect: &str,
    elapsed: Duration,
) -> Result<Flow, ValidateError> {
    if run.status.verification.is_none() {
        let effect_after_millis = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
        run.status.verification = Some(VerificationStatus { effect_after_millis, ..VerificationStatus::default() });
        run.save().await?;
    }
    let Some(status) = run.status.verification.clone() else { return Ok(Flow::Rest(None)) };
    let since = elapsed.saturating_sub(began(&status));
    let left = wanted.timeout().saturating_sub(since);
    let written = Duration::from_secs(status.soaked_seconds.max(0).unsigned_abs().into());
    let answers = match pipeline.rounds.unwritten(run.uid()) {
        Some(answers) => answers,
        None => {
            if let Some(delay) = wanted.initial_delay().checked_sub(since).filter(|delay| !delay.is_zero()) {
                return Ok(Flow::Rest(Some(delay)));
            }
            match pipeline.rounds.wait(run.uid(), wanted.interval()) {
                Some(_) if left.is_zero() && !status.probes.is_empty() => return time_out(pipeline, run, wanted, elapsed).await,
                Some(wait) => return Ok(Flow::Rest(Some(until(wait, left)))),
                None => {}
            }
            let Some(target) = run.recorded().map(|(_, target, _)| target.clone()) else { return Ok(Flow::Rest(None)) };
            pipeline.rounds.begin(run.uid(), written);
            let answers = probes::ask(&pipeline.client, &pipeline.settings.reach, wanted, &target).await;
            for (probe, answer) in wanted.probes.iter().zip(&answers) {
                pipeline.metrics.probe_answers.with_label_values(&[probe.check.kind().as_str(), answer.label()]).inc();
            }
            pipeline.rounds.answered(run.uid(), &answers);
            answers
        }
    };
    if let Some((reason, message)) = count(run, wanted, &answers) {
        return give_up(pipeline, run, reason, &message, elapsed).await;
    }
    let soaked = if answers.iter().all(|answer| *answer == Answer::Pass) {
        let soaked = pipeline.rounds.passed(run.uid(), wanted.interval());
        if soaked >= wanted.soak() {
            let message = format!("{effect}; {}", passed(wanted));
            run.set_condition(VERIFIED, Holds::Yes, Reason::Validated, &message);
            return validate::succeed(pipeline, run, &message, elapsed).await;
        }
        soaked
    } else {
        pipeline.rounds.broken(run.uid());
        Duration::ZERO
    };
    if let Some(status) = run.status.verification.as_mut() {
        if left.is_zero() && !status.probes.is_empty() {
            return time_out(pipeline, run, wanted, elapsed).await;
        }
        // Less than was written where it was broken, and that could not be.
        if soaked < written || soaked - written >= (wanted.soak() / 4).max(CHECKPOINT) {
            status.soaked_seconds = i32::try_from(soaked.as_secs()).unwrap_or(i32::MAX);
        }
    }
    run.save().await?;
    pipeline.rounds.written(run.uid());
    let wait = pipeline.rounds.wait(run.uid(), wanted.interval()).unwrap_or_default();
    Ok(Flow::Rest(Some(until(wait, left))))
}

/// How long to wait for the next round, and no longer than until the timeout, if that is still to come.
fn until(wait: Duration, left: Duration) -> Duration {
    if left.is_zero() { wait } else { wait.min(left) }
}

/// When the effect was seen, from the beginning of the step.
fn began(status: &VerificationStatus) -> Duration {
    Duration::from_millis(status.effect_after_millis.max(0).unsigned_abs())
}

/// Counts the answers; of those that are one too many, the first.
fn count(run: &mut Run<'_>, wanted: &Verification, answers: &[Answer]) -> Option<(Reason, String)> {
    let status = run.status.verification.as_mut()?;
    let mut over = None;
    for (probe, answer) in wanted.probes.iter().zip(answers) {
        let Some(excess) = status.count(&probe.name, answer, wanted.limits()) else { continue };
        let (reason, said) = match excess {
            Excess::Failures => (Reason::ProbeFailed, "failed"),
            Excess::Inconclusive => (Reason::ProbeInconclusive, "could not tell"),
            Excess::Errors => (Reason::ProbeError, "could not be asked"),
        };
        let why = status.probes.iter().find(|status| status.name == probe.name).map(|status| status.message.as_str());
        over.get_or_insert((reason, format!("probe {} {said}: {}", probe.name, why.unwrap_or_default())));
    }
    over
}

fn passed(wanted: &Verification) -> String {
    let names: Vec<_> = wanted.probes.iter().map(|probe| probe.name.as_str()).collect();
    match wanted.soak().as_secs() {
        0 => format!("the probes passed: {}", names.join(", ")),
        soak => format!("the probes passed for {soak} s: {}", names.join(", ")),
    }
}

async fn time_out(pipeline: &Pipeline, run: &mut Run<'_>, wanted: &Verification, elapsed: Duration) -> Result<Flow, ValidateError> {
    let probes = run.status.verification.as_ref().map(|status| status.probes.as_slice()).unwrap_or_default();
    let last = probes.iter().map(|probe| format!("; probe {}: {}", probe.name, probe.message)).collect::<String>();
    let message = format!("the probes did not pass for {} s within {} s{last}", wanted.soak().as_secs(), wanted.timeout().as_secs());
    give_up(pipeline, run, Reason::ProbesTimedOut, &message, elapsed).await
}

async fn give_up(pipeline: &Pipeline, run: &mut Run<'_>, reason: Reason, message: &str, elapsed: Duration) -> Result<Flow, ValidateError> {
    run.set_condition(VERIFIED, Holds::No, reason, message);
    run.undo(StepName::Validate, reason, message);
    run.save().await?;
    pipeline.rounds.written(run.uid());
    pipeline.metrics.processed(&Phase::InProgress, "validate", elapsed);
    Ok(Flow::Again)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn the_soak_time_is_what_was_seen_and_a_pause_in_which_nobody_asked_counts_as_two_intervals() {
        let rounds = Rounds::default();
        let round = || {
            rounds.begin("a", SECOND * 3);
            rounds.passed("a", SECOND)
        };
        // What another process has seen counts, and the time until the first round here does not.
        assert_eq!(round(), SECOND * 3);
        tokio::time::advance(SECOND).await;
        assert_eq!(round(), SECOND * 4);
        assert_eq!(rounds.wait("a", SECOND), Some(SECOND));
        tokio::time::advance(SECOND * 60).await;
        assert_eq!(round(), SECOND * 6);
        // Begun anew, whatever is written.
        rounds.broken("a");
        tokio::time::advance(SECOND).await;
        assert_eq!(round(), Duration::ZERO);
        tokio::time::advance(SECOND).await;
        assert_eq!(round(), SECOND);
    }
}
