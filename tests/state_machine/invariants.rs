//! What holds after every step.

use zen_agent::remediation::{APPROVED, Decision, Phase, StepState, ZenAgentRemediation};

use crate::{
    step::Step,
    world::{Look, REMEDIATIONS, World},
};

pub(crate) fn check(before: &Look, now: &Look, world: &World, step: &Step) {
    let said = || format!("after {step:?}\n{:#?}", now.remediations.iter().map(|one| &one.status).collect::<Vec<_>>());
    for (was, is) in before.remediations.iter().zip(&now.remediations) {
        one(was, is, &said);
    }
    // 6. One remediation works on a target at a time.
    let busy = now.remediations.iter().filter(|one| one.phase() == Phase::InProgress && pins(one, &now.uid)).count();
    assert!(busy <= 1, "{busy} work on the same target {}", said());
    // 7. What is wanted of the target was set by another party, or by a remediation that was claimed for it, or put back by one.
    let by_ours = now.remediations.iter().any(|one| pins(one, &now.uid) && was_claimed(one) && wanted(one) == Some(now.replicas));
    let put_back = now.remediations.iter().any(|one| pins(one, &now.uid) && previous(one) == Some(now.replicas));
    assert!(now.replicas == world.theirs || by_ours || put_back, "nobody set {} replicas {}", now.replicas, said());
    // 8. What another party sets while nothing writes stays: only a pass changes it.
    if !matches!(step, Step::Pass(..) | Step::Crash(..) | Step::Rest | Step::Theirs(_) | Step::Replace) {
        assert_eq!((now.replicas, &now.uid), (before.replicas, &before.uid), "{}", said());
    }
    // 9. Nothing is changed while the emergency stop is set.
    if world.is_stopped() && matches!(step, Step::Pass(..) | Step::Crash(..)) {
        assert_eq!(now.replicas, before.replicas, "changed in spite of the stop {}", said());
    }
    // 10. What another party wrote since the state was recorded is overwritten by nobody.
    if matches!(step, Step::Pass(..) | Step::Crash(..)) && now.replicas != before.replicas {
        let knows = |one: &&ZenAgentRemediation| pins(one, &now.uid) && was_claimed(one);
        let forth = |one: &ZenAgentRemediation| previous(one) == Some(before.replicas) && wanted(one) == Some(now.replicas);
        let back = |one: &ZenAgentRemediation| wanted(one) == Some(before.replicas) && previous(one) == Some(now.replicas);
        let explained = now.remediations.iter().filter(knows).any(|one| forth(one) || back(one));
        assert!(explained, "{} replicas became {} {}", before.replicas, now.replicas, said());
    }
}

fn one(was: &ZenAgentRemediation, is: &ZenAgentRemediation, said: &dyn Fn() -> String) {
    let (from, to) = (was.phase(), is.phase());
    // 1. The arrows of the state machine, and no others.
    let legal = match (&from, &to) {
        (from, to) if from == to => true,
        (Phase::Pending, Phase::InProgress | Phase::Failed | Phase::Succeeded | Phase::RolledBack)
        | (Phase::InProgress, Phase::Succeeded | Phase::Failed | Phase::RolledBack) => true,
        _ => false,
    };
    assert!(legal, "{from} became {to} {}", said());
    let (old, new) = (was.status.clone().unwrap_or_default(), is.status.clone().unwrap_or_default());
    // 2. What has ended stays as it is.
    if from.is_terminal() {
        assert_eq!(old, new, "{}", said());
    }
    // 3. What was claimed is not claimed as something else.
    if was_claimed(was) {
        assert_eq!((&old.action, &old.target, &old.previous), (&new.action, &new.target, &new.previous), "{}", said());
    }
    // 4. One step is under way at most, and while it is, the remediation is in progress; attempts are only added.
    let running = new.steps.iter().filter(|step| step.state == StepState::Running).count();
    assert!(running <= 1 && (running == 0 || to == Phase::InProgress), "{}", said());
    for step in &old.steps {
        let now = new.steps.iter().find(|now| now.name == step.name);
        assert!(now.is_some_and(|now| now.attempts >= step.attempts), "{}", said());
    }
    // 5. Nothing begins without an approval, or after a rejection.
    if was_claimed(is) {
        let approved = is.condition(APPROVED).is_some_and(|condition| condition.status == "True");
        let rejected = new.approval.as_ref().is_some_and(|approval| approval.decision == Decision::Rejected);
        assert!(approved && !rejected, "{}", said());
    }
    // What has ended says why, and nothing holds it.
    if to.is_terminal() {
        assert!(new.reason.is_some() && new.completed_at.is_some(), "{}", said());
        assert!(is.condition("Held").is_none_or(|held| held.status == "False"), "{}", said());
    }
}

/// Without faults everything has ended, or waits for a person.
pub(crate) fn at_rest(end: &Look) {
    assert_eq!(end.remediations.len(), REMEDIATIONS);
    for one in &end.remediations {
        let waits = one.phase() == Phase::Pending && one.condition(APPROVED).is_some_and(|condition| condition.status == "False");
        assert!(one.phase().is_terminal() || waits, "it neither ends nor waits: {:#?}", one.status);
    }
    // A remediation that succeeded last is what is wanted now; one that was undone left what it found.
    for one in end.remediations.iter().filter(|one| one.phase() == Phase::RolledBack && pins(one, &end.uid)) {
        assert!(previous(one).is_some(), "{:#?}", one.status);
    }
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
