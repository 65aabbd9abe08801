//! Kubernetes Events: what becomes of a remediation, on the remediation and on its target.
//!
//! ```text
//!   status written ─▶ what changed? ─▶ bounded queue ─▶ one task, slowly ─▶ events.k8s.io/v1
//!                                      full: dropped                        failed: dropped
//! ```
//!
//! | event on the remediation | when |
//! |---|---|
//! | RemediationProposed     | it comes to wait for a person, or for one again |
//! | RemediationApproved     | a person, its creator, or the policy lets it run |
//! | RemediationHeld         | it may run, and something else holds it back |
//! | RemediationStarted      | it is claimed, and its target about to be changed |
//! | RemediationRollingBack  | the change is being undone |
//! | RemediationSucceeded, RemediationFailed, RemediationRolledBack | it ended so |
//!
//! Whoever may read a target's namespace may read its Events; so those say what is done and why in the
//! agent's own words, and leave the texts of people and tools to those on the remediation.
//!
//! They tell people what happened, and nothing is decided by them: the status is the record. A
//! repetition within some minutes counts up the Event that is there ([`Recorder`]). In all there are at
//! most `PER_SECOND`, after a burst of `BURST`: an API server keeps Events for an hour.

use std::num::NonZeroU32;

use governor::{Quota, RateLimiter};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client, Resource,
    runtime::events::{Event, EventType, Recorder},
};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    causes::chain,
    deadline::CALL,
    event::Target,
    remediation::{APPROVED, Action, ActionKind, HELD, Phase, RemediationStatus, StepName, ZenAgentRemediation, conditions},
    telemetry::Metrics,
};

/// Who reports them.
const CONTROLLER: &str = "zen-agent";
/// How many may be recorded each second, lest a flood of findings becomes one of Events.
const PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
/// How many may come at once.
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(199);
/// How many may wait to be recorded.
const QUEUE: usize = 1_024;
/// Bytes of a note (Kubernetes, validation of events.k8s.io/v1).
const NOTE_LIMIT: usize = 1_024;

/// Where transitions are told; cloning shares the queue.
#[derive(Clone)]
pub struct Events {
    queue: mpsc::Sender<(ObjectReference, Event)>,
    metrics: Metrics,
}

impl Events {
    /// Records Events in the name of this host, until the last clone is dropped.
    pub fn start(client: Client, metrics: Metrics) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let recorder = Recorder::new(client, CONTROLLER.into());
        tokio::spawn(record(recorder, waiting, metrics.clone()));
        Self { queue, metrics }
    }

    /// Tells what a write of the status changed; never waits, and never fails.
    pub fn tell(&self, former: Option<&RemediationStatus>, object: &ZenAgentRemediation) {
        let Some(status) = &object.status else { return };
        let remediation = ObjectReference { resource_version: None, ..object.object_ref(&()) };
        let target = status.target.as_ref().map(reference);
        let action = status.action.as_ref().map(Action::kind).or_else(|| object.spec.action_kind()).map_or("none", ActionKind::as_str);
        for Transition { reason, kind, why, message } in transitions(former, status) {
            let event = |note: String, secondary| Event {
                type_: kind,
                reason: reason.to_owned(),
                note: Some(shorten(note)),
                action: action.to_owned(),
                secondary,
            };
            self.enqueue(remediation.clone(), event(format!("{why}: {message}"), target.clone()));
            if let Some(target) = &target {
                self.enqueue(target.clone(), event(format!("{action}: {why}"), Some(remediation.clone())));
            }
        }
    }

    fn enqueue(&self, regarding: ObjectReference, event: Event) {
        if self.queue.try_send((regarding, event)).is_err() {
            self.metrics.events.with_label_values(&["dropped"]).inc();
        }
    }
}

/// Records what waits, one after another and not too fast.
async fn record(recorder: Recorder, mut waiting: mpsc::Receiver<(ObjectReference, Event)>, metrics: Metrics) {
    let limiter = RateLimiter::direct(Quota::per_second(PER_SECOND).allow_burst(BURST));
    while let Some((regarding, event)) = waiting.recv().await {
        limiter.until_ready().await;
        let outcome = match timeout(CALL, recorder.publish(&event, &regarding)).await {
            Ok(Ok(())) => "recorded",
            Ok(Err(error)) => {
                tracing::warn!(error = chain(&error), reason = event.reason, namespace = regarding.namespace, "an Event was not recorded");
                "failed"
            }
            Err(_) => "failed",
        };
        metrics.events.with_label_values(&[outcome]).inc();
    }
}

/// One thing that a write changed.
struct Transition<'a> {
    reason: &'static str,
    kind: EventType,
    /// The word in conditions and `.status.reason`.
    why: &'a str,
    message: &'a str,
}

fn transitions<'a>(former: Option<&RemediationStatus>, now: &'a RemediationStatus) -> Vec<Transition<'a>> {
    let phase = |status: &RemediationStatus| status.phase.clone().unwrap_or_default();
    let was = former.map(phase).unwrap_or_default();
    let (why, message) = (now.reason.as_deref().unwrap_or_default(), now.message.as_deref().unwrap_or_default());
    let ended = |reason, kind| vec![Transition { reason, kind, why, message }];
    match phase(now) {
        same if same == was => {}
        Phase::Succeeded => return ended("RemediationSucceeded", EventType::Normal),
        Phase::Failed => return ended("RemediationFailed", EventType::Warning),
        Phase::RolledBack => return ended("RemediationRolledBack", EventType::Warning),
        Phase::Pending | Phase::InProgress | Phase::Unknown(_) => {}
    }
    let mut told = Vec::new();
    for (type_, if_true, if_false) in
        [(APPROVED, Some("RemediationApproved"), Some("RemediationProposed")), (HELD, Some("RemediationHeld"), None)]
    {
        let find = |status: &'a RemediationStatus| status.conditions.iter().find(|condition| condition.type_ == type_);
        let Some(condition) = find(now) else { continue };
        let former = former.and_then(|former| former.conditions.iter().find(|condition| condition.type_ == type_));
        let changed = former.is_none_or(|former| (&former.status, &former.reason) != (&condition.status, &condition.reason));
        if let Some(reason) = (if conditions::is_true(condition) { if_true } else { if_false }).filter(|_| changed) {
            told.push(Transition { reason, kind: EventType::Normal, why: &condition.reason, message: &condition.message });
        }
    }
    if phase(now) == Phase::InProgress && !matches!(was, Phase::InProgress | Phase::Succeeded) {
        let message = match now.previous {
            Some(_) => "its target is about to be changed; what was there is recorded in .status.previous",
            // Each of several patches has a remediation that records it.
            None => message,
        };
        told.push(Transition { reason: "RemediationStarted", kind: EventType::Normal, why: "Claimed", message });
    }
    let rolls_back = |status: &RemediationStatus| status.steps.iter().any(|step| step.name == StepName::Rollback);
    if rolls_back(now) && !former.is_some_and(rolls_back) {
        told.push(Transition { reason: "RemediationRollingBack", kind: EventType::Warning, why, message });
    }
    told
}

fn reference(target: &Target) -> ObjectReference {
    ObjectReference {
        api_version: Some(target.api_version.clone()),
        kind: Some(target.kind.clone()),
        namespace: target.namespace.clone(),
        name: Some(target.name.clone()),
        uid: target.uid.clone(),
        ..ObjectReference::default()
    }
}

fn shorten(mut note: String) -> String {
    note.truncate(note.floor_char_boundary(NOTE_LIMIT));
    note
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remediation::{Reason, Step, StepState, conditions::Holds};
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    fn told(former: &RemediationStatus, now: &RemediationStatus) -> Vec<(&'static str, String)> {
        transitions(Some(former), now).into_iter().map(|told| (told.reason, told.why.to_owned())).collect()
    }

    #[test]
    fn each_transition_is_told_once_and_a_write_that_changes_none_tells_nothing() {
        let fresh = RemediationStatus { phase: Some(Phase::Pending), ..RemediationStatus::default() };
        let mut waiting = fresh.clone();
        waiting.set_condition(APPROVED, Holds::No, Reason::WaitingForApproval, "", None);
        assert_eq!(told(&fresh, &waiting), [("RemediationProposed", "WaitingForApproval".to_owned())]);
        assert_eq!(told(&waiting, &waiting), []);
        let mut approved = waiting.clone();
        approved.set_condition(APPROVED, Holds::Yes, Reason::Approved, "", None);
        assert_eq!(told(&waiting, &approved), [("RemediationApproved", "Approved".to_owned())]);
        let mut held = approved.clone();
        held.set_condition(HELD, Holds::Yes, Reason::TargetBusy, "", None);
        assert_eq!(told(&approved, &held), [("RemediationHeld", "TargetBusy".to_owned())]);
        let mut begun = held.clone();
        begun.release_held(None);
        begun.phase = Some(Phase::InProgress);
        assert_eq!(told(&held, &begun), [("RemediationStarted", "Claimed".to_owned())]);
        let (mut undoing, at) = (begun.clone(), MicroTime(Timestamp::now()));
        undoing.explain(Reason::ValidationTimedOut, "");
        undoing.steps.push(Step {
            name: StepName::Rollback,
            state: StepState::Running,
            attempts: 1,
            started_at: at,
            finished_at: None,
            message: None,
        });
        assert_eq!(told(&begun, &undoing), [("RemediationRollingBack", "ValidationTimedOut".to_owned())]);
        for (phase, reason) in
            [(Phase::RolledBack, "RemediationRolledBack"), (Phase::Failed, "RemediationFailed"), (Phase::Succeeded, "RemediationSucceeded")]
        {
            let mut ended = undoing.clone();
            ended.end(phase, Reason::ValidationTimedOut, "", None);
            assert_eq!(told(&undoing, &ended), [(reason, "ValidationTimedOut".to_owned())]);
        }
        // What runs at once is approved and claimed in one write.
        let mut automatic = fresh.clone();
        automatic.set_condition(APPROVED, Holds::Yes, Reason::AutomaticPolicy, "", None);
        automatic.phase = Some(Phase::InProgress);
        assert_eq!(
            told(&fresh, &automatic).iter().map(|(reason, _)| *reason).collect::<Vec<_>>(),
            ["RemediationApproved", "RemediationStarted"]
        );
    }

    #[test]
    fn a_note_is_as_long_as_kubernetes_takes_it() {
        assert_eq!(shorten("ä".repeat(600)).len(), 1_024);
        assert_eq!(shorten("x".to_owned() + &"ä".repeat(600)).len(), 1_023);
    }
}
