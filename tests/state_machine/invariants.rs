//! What holds after every step.

use std::collections::HashSet;

use zen_agent::remediation::{
    APPROVED, Decision, HELD, Mode, Phase, Reason, RemediationStatus, StepState, ZenAgentRemediation, requests::is_to_be_undone,
};

use crate::{
    ask::Wish,
    step::{Deed, Step},
    world::{Look, REMEDIATIONS, World},
};

/// What was asked for so far.
#[derive(Default)]
pub(crate) struct Invariants {
    retried: HashSet<(usize, &'static str)>,
}

impl Invariants {
    pub(crate) fn check(&mut self, before: &Look, now: &Look, world: &World, step: &Step) {
        let said = || format!("after {step:?}\n{:#?}", now.remediations.iter().map(|one| &one.status).collect::<Vec<_>>());
        for (which, (was, is)) in before.remediations.iter().zip(&now.remediations).enumerate() {
            one(was, is, step, step.wish(which), &said);
            on_the_target(was, is, now, &said);
            // 11. One request has one retry, however often and however late it is sent.
            if was.phase() == Phase::Failed
                && is.phase() == Phase::Pending
                && let Some(Wish::Retry(request)) = step.wish(which)
            {
                assert!(self.retried.insert((which, request)), "the request {request} retried {which} twice {}", said());
            }
        }
        target(before, now, world, step, &said);
    }
}

/// One remediation, from one look to the next.
fn one(was: &ZenAgentRemediation, is: &ZenAgentRemediation, step: &Step, wish: Option<Wish>, said: &dyn Fn() -> String) {
    let (from, to) = (was.phase(), is.phase());
    let (old, new) = (was.status.clone().unwrap_or_default(), is.status.clone().unwrap_or_default());
    let retried = from == Phase::Failed && to == Phase::Pending;
    // 1. The arrows of the state machine, and no others.
    let legal = match (&from, &to) {
        (from, to) if from == to => true,
        (Phase::Pending, Phase::InProgress | Phase::Succeeded | Phase::RolledBack) | (Phase::InProgress, _) => {
            step.is_the_agents() && to.is_terminal() | (to == Phase::InProgress)
        }
        (Phase::Pending, Phase::Failed) => step.is_the_agents() || matches!(wish, Some(Wish::Reject | Wish::Cancel)),
        // Only a person's word leads out of what has ended.
        (Phase::Failed, Phase::Pending) => matches!(wish, Some(Wish::Retry(_))),
        (Phase::Succeeded, Phase::InProgress | Phase::RolledBack | Phase::Failed) => step.is_the_agents() && is_to_be_undone(was),
        _ => false,
    };
    assert!(legal, "{from} became {to} {}", said());
    // 2. What has ended stays as it is, but for what a person asked for.
    let asked = wish == Some(Wish::Rollback) && from == Phase::Succeeded;
    if from.is_terminal() && !retried && !asked && !is_to_be_undone(was) {
        assert_eq!(old, new, "{}", said());
    }
    if asked {
        let but_for_the_request = |mut status: RemediationStatus| {
            status.conditions.clear();
            status.updated_at = None;
            status
        };
        assert_eq!(but_for_the_request(old.clone()), but_for_the_request(new.clone()), "{}", said());
    }
    // 3. What was claimed is not claimed as something else.
    if was_claimed(was) && !retried {
        assert_eq!((&old.action, &old.target, &old.previous), (&new.action, &new.target, &new.previous), "{}", said());
    }
    // 4. One step is under way at most, and while it is, the remediation is in progress; attempts are only added.
    let running = new.steps.iter().filter(|step| step.state == StepState::Running).count();
    assert!(running <= 1 && (running == 0 || to == Phase::InProgress), "{}", said());
    for step in old.steps.iter().filter(|_| !retried) {
        let now = new.steps.iter().find(|now| now.name == step.name);
        assert!(now.is_some_and(|now| now.attempts >= step.attempts), "{}", said());
    }
    // 5. Nothing begins without an approval, or after a rejection; what was rejected or cancelled had not begun.
    let rejected = new.approval.as_ref().is_some_and(|approval| approval.decision == Decision::Rejected);
    if was_claimed(is) {
        let approved = is.condition(APPROVED).is_some_and(|condition| condition.status == "True");
        assert!(approved && !rejected && !ended_as(is, &[Reason::Cancelled, Reason::Rejected]), "{}", said());
    }
    // What is tried again is as if it were new, and was left by nobody's no and with nothing behind.
    if retried {
        assert!(!ended_as(was, &[Reason::Rejected, Reason::RollbackFailed, Reason::RollbackUnsupported]), "{}", said());
        assert!(new.steps.is_empty() && new.plan.is_none() && new.action.is_none() && new.previous.is_none(), "{}", said());
        let waits = is.condition(APPROVED).is_some_and(|condition| condition.status == "False");
        assert!(new.approval.is_none() && (waits || is.spec.mode == Some(Mode::Automatic)), "{}", said());
    }
    // What has ended says why, and nothing holds it.
    if to.is_terminal() {
        assert!(new.reason.is_some() && new.completed_at.is_some(), "{}", said());
        assert!(is_to_be_undone(is) || is.condition(HELD).is_none_or(|held| held.status == "False"), "{}", said());
    }
}

/// 6. Where one ends, the target is as remediated or as before; what another party set meanwhile stays.
fn on_the_target(was: &ZenAgentRemediation, is: &ZenAgentRemediation, now: &Look, said: &dyn Fn() -> String) {
    let set = wanted(is) == Some(now.replicas);
    match is.phase() {
        to if to == was.phase() || !pins(is, &now.uid) || !was_claimed(is) => {}
        Phase::Succeeded => assert!(set || now.replicas == now.theirs, "it succeeded with {} replicas {}", now.replicas, said()),
        Phase::Failed if ended_as(is, &[Reason::RollbackFailed, Reason::RollbackUnsupported]) => {}
        Phase::RolledBack | Phase::Failed => assert!(!set || previous(is) == wanted(is), "it left {} replicas {}", now.replicas, said()),
        _ => {}
    }
}

/// What becomes of the target.
fn target(before: &Look, now: &Look, world: &World, step: &Step, said: &dyn Fn() -> String) {
    // 7. One remediation works on a target at a time.
    let busy = now.remediations.iter().filter(|one| one.phase() == Phase::InProgress && pins(one, &now.uid)).count();
    assert!(busy <= 1, "{busy} work on the same target {}", said());
    // 8. What is wanted of the target was set by another party, or by a remediation that was claimed for it, or put back by one.
    let by_ours = now.remediations.iter().any(|one| pins(one, &now.uid) && was_claimed(one) && wanted(one) == Some(now.replicas));
    let put_back = now.remediations.iter().any(|one| pins(one, &now.uid) && previous(one) == Some(now.replicas));
    assert!(now.replicas == now.theirs || by_ours || put_back, "nobody set {} replicas {}", now.replicas, said());
    // Only the agent and other parties change it; a decision does not.
    if !step.is_the_agents() && !matches!(step, Step::Deed(Deed::Theirs(_) | Deed::Replace)) {
        assert_eq!((now.replicas, &now.uid), (before.replicas, &before.uid), "{}", said());
    }
    // 9. Nothing is changed while the emergency stop is set.
    if world.is_stopped() && step.is_the_agents() {
        assert_eq!(now.replicas, before.replicas, "changed in spite of the stop {}", said());
    }
    // 10. What another party wrote since the state was recorded is overwritten by nobody.
    if step.is_the_agents() && now.replicas != before.replicas {
        let knows = |one: &&ZenAgentRemediation| pins(one, &now.uid) && was_claimed(one);
        let forth = |one: &ZenAgentRemediation| previous(one) == Some(before.replicas) && wanted(one) == Some(now.replicas);
        let back = |one: &ZenAgentRemediation| wanted(one) == Some(before.replicas) && previous(one) == Some(now.replicas);
        let explained = now.remediations.iter().filter(knows).any(|one| forth(one) || back(one));
        assert!(explained, "{} replicas became {} {}", before.replicas, now.replicas, said());
    }
}

/// Without faults everything has ended, or waits for a person.
pub(crate) fn at_rest(end: &Look) {
    assert_eq!(end.remediations.len(), REMEDIATIONS);
    for one in &end.remediations {
        let waits = one.phase() == Phase::Pending && one.condition(APPROVED).is_some_and(|condition| condition.status == "False");
        assert!(one.phase().is_terminal() || waits, "it neither ends nor waits: {:#?}", one.status);
        assert!(!is_to_be_undone(one), "it was to be undone: {:#?}", one.status);
    }
    // A remediation that succeeded last is what is wanted now; one that was undone left what it found.
    for one in end.remediations.iter().filter(|one| one.phase() == Phase::RolledBack && pins(one, &end.uid)) {
        assert!(previous(one).is_some(), "{:#?}", one.status);
    }
}

fn ended_as(one: &ZenAgentRemediation, reasons: &[Reason]) -> bool {
    let reason = one.status.as_ref().and_then(|status| status.reason.as_deref()).and_then(Reason::parse);
    one.phase().is_terminal() && reason.is_some_and(|reason| reasons.contains(&reason))
}

fn was_claimed(one: &ZenAgentRemediation) -> bool {
    one.status.as_ref().is_some_and(|status| status.started_at.is_some())
}

fn pins(one: &ZenAgentRemediation, uid: &str) -> bool {
    one.status.as_ref().and_then(|status| status.target.as_ref()?.uid.as_deref()) == Some(uid)
}

fn wanted(one: &ZenAgentRemediation) -> Option<i32> {
    let action = serde_json::to_value(one.spec.action.as_ref()?).ok()?;
    action["scale"]["replicas"].as_i64().and_then(|replicas| i32::try_from(replicas).ok())
}

fn previous(one: &ZenAgentRemediation) -> Option<i32> {
    let previous = serde_json::to_value(one.status.as_ref()?.previous.as_ref()?).ok()?;
    previous["scale"]["replicas"].as_i64().and_then(|replicas| i32::try_from(replicas).ok())
}
