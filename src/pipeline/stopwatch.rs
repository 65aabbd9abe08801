//! How long a step has been under way, by this process's monotonic clock.
//!
//! The times on the objects were written by some machine's clock, which may be set right, or wrong, at
//! any moment. So they are looked at once, when a step is met that another process began; from then on,
//! and for every step that this process begins, its own clock counts.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::run::elapsed;
use crate::remediation::{Step, StepName, ZenAgentRemediation};

/// By the uid of the remediation. It may be lost at any time: then the written times count again.
#[derive(Default)]
pub(super) struct Stopwatches(Mutex<HashMap<String, Attempt>>);

/// The attempt of a step that was last seen to be under way.
#[derive(Clone, Copy)]
struct Attempt {
    step: StepName,
    number: i32,
    origin: Origin,
    /// How long the step had been under way by then: by what is written, or by what was measured of an earlier attempt.
    before: Duration,
    seen: Instant,
}

/// Who began an attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Here,
    Elsewhere,
}

impl Stopwatches {
    /// This process wrote that the step is under way.
    pub(super) fn wrote(&self, remediation: &ZenAgentRemediation, step: &Step) {
        self.look(remediation, step, Origin::Here, Duration::ZERO);
    }

    /// How long the step has been under way, all its attempts together.
    pub(super) fn under_way(&self, remediation: &ZenAgentRemediation, step: &Step) -> Duration {
        let attempt = self.look(remediation, step, Origin::Elsewhere, elapsed(step.started_at.0));
        attempt.before + attempt.seen.elapsed()
    }

    /// How long ago this process began this attempt; none where another did.
    pub(super) fn begun_here(&self, remediation: &ZenAgentRemediation, step: &Step) -> Option<Duration> {
        let attempt = self.look(remediation, step, Origin::Elsewhere, elapsed(step.started_at.0));
        (attempt.origin == Origin::Here).then(|| attempt.seen.elapsed())
    }

    /// Nothing is under way any more.
    pub(super) fn forget(&self, uid: &str) {
        self.attempts().remove(uid);
    }

    fn look(&self, remediation: &ZenAgentRemediation, step: &Step, origin: Origin, before: Duration) -> Attempt {
        let found = Attempt { step: step.name, number: step.attempts, origin, before, seen: Instant::now() };
        let uid = remediation.metadata.uid.clone().unwrap_or_default();
        let mut attempts = self.attempts();
        let attempt = attempts.entry(uid).or_insert(found);
        if attempt.step != found.step {
            *attempt = found;
        } else if attempt.number != found.number {
            *attempt = Attempt { before: attempt.before + attempt.seen.elapsed(), ..found };
        }
        *attempt
    }

    fn attempts(&self) -> MutexGuard<'_, HashMap<String, Attempt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    use super::*;
    use crate::remediation::StepState;

    const MINUTE: Duration = Duration::from_secs(60);

    fn step(attempts: i32, began: SignedDuration) -> Step {
        let started_at = MicroTime(Timestamp::now() + began);
        Step { name: StepName::Validate, state: StepState::Running, attempts, started_at, finished_at: None, message: None }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_begun_here_is_timed_by_the_own_clock_whatever_is_written() {
        let (watches, object) = (Stopwatches::default(), ZenAgentRemediation::default());
        for (attempt, years) in [(1, -10), (2, 0), (3, 10)] {
            let step = step(attempt, SignedDuration::from_hours(years) * 8_760);
            watches.wrote(&object, &step);
            tokio::time::advance(MINUTE).await;
            let all = MINUTE * attempt.unsigned_abs();
            assert_eq!((watches.under_way(&object, &step), watches.begun_here(&object, &step)), (all, Some(MINUTE)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_begun_elsewhere_is_taken_over_with_the_written_time_once() {
        let (watches, object) = (Stopwatches::default(), ZenAgentRemediation::default());
        let written = step(1, -SignedDuration::from_secs(30));
        let found = watches.under_way(&object, &written);
        let by_now = elapsed(written.started_at.0);
        assert!((Duration::from_secs(30)..=by_now).contains(&found), "{found:?}, and {by_now:?} a moment later");
        tokio::time::advance(MINUTE).await;
        // The clock was set: the same time reads as long ago.
        let set = Step { started_at: MicroTime(written.started_at.0 - SignedDuration::from_hours(24)), ..written.clone() };
        assert_eq!(watches.under_way(&object, &set), found + MINUTE);
        assert_eq!(watches.begun_here(&object, &set), None);
        // A time to come, of a clock that was ahead, is now.
        watches.forget("");
        assert_eq!(watches.under_way(&object, &step(1, SignedDuration::from_hours(1))), Duration::ZERO);
    }
}
