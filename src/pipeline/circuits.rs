//! Actions that keep failing: further ones of the kind are held, until one of them succeeds.
//!
//! ```text
//!   claim ──▶ an attempt, by the uid ──▶ ended: succeeded ─┐
//!                                               failed, rolled back ─┴─▶ the action's circuit ([`crate::breaker`])
//! ```
//!
//! Where the short-circuit guardrail asks whether too much fails at once, whatever it is, this asks whether one action still
//! works, and needs no person to find out: when its time is over one remediation of the policy is let through. What a person
//! approved is never held; where the circuit is due for a trial, it is the trial.
//!
//! It is kept in memory: a new leader begins with closed circuits, and counts what it has claimed itself. What ended for a
//! reason that is the target's, or of what the sender had verified, and not the action's, says nothing.
//!
//! All tenants share them: what failed for one of them five times in a row, with no success of anybody's between, is not begun
//! for another without a person until it has been tried.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

use super::run::rounded;
use crate::{
    breaker::Temper,
    circuit::{Attempt, Circuit},
    remediation::{ActionKind, Phase, Reason},
    telemetry::Metrics,
};

const HOUR: Duration = Duration::from_secs(3_600);
/// When an action is left alone, and for how long.
const TEMPER: Temper = Temper { failures: 5, window: HOUR, first: Duration::from_secs(60), longest: HOUR };
/// What has not ended by then was deleted.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3_600);

/// A circuit for each action.
pub(super) struct Circuits {
    by_action: BTreeMap<ActionKind, Circuit>,
    /// By the uid of the remediation.
    under_way: Mutex<HashMap<String, (Attempt, Instant)>>,
    /// The same moment by both clocks, so that a time is told the same whenever it is asked for.
    origin: (Instant, Timestamp),
}

/// An action is left alone.
pub(super) struct Open {
    /// When to look again.
    pub(super) wait: Duration,
    /// Until when, or since when one is tried.
    pub(super) until: Timestamp,
}

impl Circuits {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let circuit = |kind: ActionKind| (kind, Circuit::new(TEMPER, metrics.action_circuit.with_label_values(&[kind.as_str()])));
        Self {
            by_action: ActionKind::ALL.into_iter().map(circuit).collect(),
            under_way: Mutex::default(),
            origin: (Instant::now(), Timestamp::now()),
        }
    }

    /// Whether the remediation of this uid, with this action, may be begun. A former attempt of its own is dropped: it led to no
    /// claim.
    pub(super) fn attempt(&self, uid: &str, kind: ActionKind) -> Result<Option<Attempt>, Open> {
        drop(self.under_way().remove(uid));
        let Some(circuit) = self.by_action.get(&kind) else { return Ok(None) };
        circuit.attempt().map(Some).map_err(|wait| {
            let (instant, time) = self.origin;
            let until = circuit.open_until().map_or(Duration::ZERO, |until| until.saturating_duration_since(instant));
            Open { wait, until: rounded(time.checked_add(until).unwrap_or(time)) }
        })
    }

    /// The remediation of this uid is claimed.
    pub(super) fn begun(&self, uid: &str, attempt: Attempt) {
        let mut under_way = self.under_way();
        under_way.retain(|_, (_, begun)| begun.elapsed() < FORGOTTEN);
        under_way.insert(uid.to_owned(), (attempt, Instant::now()));
    }

    /// The remediation of this uid has ended so.
    pub(super) fn ended(&self, uid: &str, phase: &Phase, reason: Reason) {
        let Some((attempt, _)) = self.under_way().remove(uid) else { return };
        match phase {
            Phase::Succeeded => attempt.succeeded(),
            _ if is_the_targets(reason) => drop(attempt),
            _ => attempt.failed(),
        }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<String, (Attempt, Instant)>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who leads no more knows nothing of the actions.
impl Drop for Circuits {
    fn drop(&mut self) {
        self.by_action.values().for_each(Circuit::reset);
    }
}

/// Whether it ended for a reason that says nothing of the action.
const fn is_the_targets(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::TargetNotFound
            | Reason::TargetReplaced
            | Reason::TargetChanged
            | Reason::SpecChanged
            | Reason::ProtectedNamespace
            | Reason::ProtectedLabel
            | Reason::DeniedKind
            | Reason::UnsupportedTarget
            | Reason::FieldConflict
            | Reason::NameTaken
            | Reason::DisruptionBudget
            // What the sender asked to have verified is the sender's.
            | Reason::ProbesTimedOut
            | Reason::ProbeFailed
            | Reason::ProbeInconclusive
            | Reason::ProbeError
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// Whether an action is left alone of which as many as that takes end for this reason.
    fn opens(reason: Reason, phase: &Phase) -> bool {
        let circuits = Circuits::new(&Metrics::new());
        for uid in 0..TEMPER.failures {
            let uid = uid.to_string();
            circuits.begun(&uid, circuits.attempt(&uid, ActionKind::Label).ok().flatten().unwrap());
            circuits.ended(&uid, phase, reason);
        }
        circuits.attempt("next", ActionKind::Label).is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_that_was_not_written_after_all_does_not_hold_up_its_own_remediation() {
        let circuits = Circuits::new(&Metrics::new());
        let begin = |uid: &str| circuits.begun(uid, circuits.attempt(uid, ActionKind::Label).ok().flatten().unwrap());
        for uid in 0..TEMPER.failures {
            begin(&uid.to_string());
            circuits.ended(&uid.to_string(), &Phase::Failed, Reason::ExecutionFailed);
        }
        tokio::time::advance(TEMPER.first).await;
        begin("trial");
        assert!(circuits.attempt("another", ActionKind::Label).is_err());
        begin("trial");
        circuits.ended("trial", &Phase::Succeeded, Reason::Validated);
        assert!(circuits.attempt("another", ActionKind::Label).is_ok());
    }

    #[test]
    fn what_ends_for_a_reason_that_is_the_targets_opens_no_circuit_and_what_is_the_actions_does() {
        for reason in [
            Reason::TargetNotFound,
            Reason::TargetReplaced,
            Reason::TargetChanged,
            Reason::SpecChanged,
            Reason::ProtectedNamespace,
            Reason::ProtectedLabel,
            Reason::DeniedKind,
            Reason::UnsupportedTarget,
            Reason::FieldConflict,
            Reason::NameTaken,
            Reason::DisruptionBudget,
            Reason::ProbesTimedOut,
            Reason::ProbeFailed,
            Reason::ProbeInconclusive,
            Reason::ProbeError,
        ] {
            assert!(!opens(reason, &Phase::Failed) && !opens(reason, &Phase::RolledBack), "{reason}");
        }
        for reason in [
            Reason::ExecutionFailed,
            Reason::Forbidden,
            Reason::Invalid,
            Reason::ValidationFailed,
            Reason::ValidationTimedOut,
            Reason::RollbackFailed,
        ] {
            assert!(opens(reason, &Phase::Failed) && opens(reason, &Phase::RolledBack), "{reason}");
        }
    }
}
