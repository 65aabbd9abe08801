//! Several patches, which only a real API server applies: one after the other, and undone together.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::FutureExt;
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams},
};
use serde_json::{Value, json};
use zen_agent::{
    identity::Role,
    pipeline::{Pipeline, PipelineError},
    policy::Guardrails,
    remediation::{
        Mode, Phase, RemediationSpec, StepName, StepState, ZenAgentRemediation,
        approval::{self, Decider, DecisionError},
        requests::{self, Asked},
    },
};

use crate::{
    apply::{config, found, free, held, settings_of},
    soon,
    support::*,
};

const BY: Decider<'_> = Decider { subject: "ann", role: Role::Approver };

/// Several patches of the family's definition, each of a ConfigMap.
fn series(mode: Mode, patches: &[(&str, Value)]) -> RemediationSpec {
    let patch = |(name, data): &(&str, Value)| json!({ "apiVersion": "v1", "kind": "ConfigMap", "namespace": "shop", "name": name, "patch": json!({ "data": data }).to_string() });
    let patches: Vec<_> = patches.iter().map(patch).collect();
    RemediationSpec { mode: Some(mode), ..serde_json::from_value(json!({ "patches": patches })).unwrap() }
}

fn names(series: &ZenAgentRemediation) -> Vec<String> {
    series.status.iter().flat_map(|status| &status.patch_remediations).map(|made| made.name.clone()).collect()
}

fn counts(series: &ZenAgentRemediation) -> (Option<i32>, Option<i32>) {
    let status = series.status.as_ref().unwrap();
    (status.applied_patches, status.total_patches)
}

/// Everything that was made for a series, whatever it says of that.
async fn made(world: &World, series: &ZenAgentRemediation) -> Vec<ZenAgentRemediation> {
    let all = world.remediations().list(&ListParams::default()).await.unwrap().items;
    all.into_iter().filter(|one| one.owner_references().iter().any(|owner| Some(&owner.uid) == series.metadata.uid.as_ref())).collect()
}

/// Looks at a series and at what it made, as workers do, until nothing changes any more.
async fn work(world: &World, pipeline: &Pipeline, name: &str) -> Result<ZenAgentRemediation, PipelineError> {
    let all = async {
        loop {
            let before = world.get(name).await;
            let mut changed = false;
            let mut next = pipeline.reconcile(HOME, name).await?.unwrap().next;
            for child in names(&world.get(name).await) {
                let version = async || world.remediations().get_opt(&child).await.unwrap().and_then(|child| child.resource_version());
                let former = version().await;
                let wait = pipeline.reconcile(HOME, &child).await?.and_then(|progress| progress.next);
                changed |= version().await != former;
                next = next.min(wait).or(next).or(wait);
            }
            changed |= world.get(name).await.resource_version() != before.resource_version();
            match next.filter(|wait| *wait < Duration::from_secs(5)) {
                _ if changed => {}
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Ok(world.get(name).await),
            }
        }
    };
    soon("the series rests", Box::pin(all)).await
}

async fn worked(world: &World, name: &str) -> ZenAgentRemediation {
    work(world, &world.pipeline(), name).await.unwrap()
}

async fn data(world: &World, name: &str) -> Option<Value> {
    found(world, name).await.map(|config| config.data["data"].clone())
}

#[tokio::test]
async fn patches_are_applied_in_their_order_each_once_the_one_before_has_succeeded() {
    let world = World::new().await;
    held(&world, "a", json!({ "same": "s" })).await;
    let spec = series(Mode::Automatic, &[("a", json!({ "x": "1" })), ("b", json!({ "x": "2" })), ("a", json!({ "x": "1", "y": "3" }))]);
    world.create("r", spec).await;
    world.patch("r", json!({ "metadata": { "labels": { "zen.kube-zen.io/tenant": "t" } } })).await;
    let pipeline = world.pipeline();
    for applied in 0..3 {
        let progress = pipeline.reconcile(HOME, "r").await.unwrap().unwrap();
        assert!(progress.next.is_some(), "it looks again by itself");
        let waits = world.get("r").await;
        assert_eq!((waits.phase(), counts(&waits)), (Phase::InProgress, (Some(applied), Some(3))));
        let children = names(&waits);
        assert_eq!(children.len(), made(&world, &waits).await.len());
        assert_eq!(children.len(), usize::try_from(applied).unwrap() + 1, "the next one is made when the one before has succeeded");
        let newest = children.last().unwrap();
        assert_eq!(progress.wakes.map(|key| key.name).as_ref(), Some(newest));
        assert!(message(&waits).contains(newest.as_str()), "{}", message(&waits));
        let child = world.drive(&pipeline, newest).await;
        assert_eq!((child.phase(), child.tenant()), (Phase::Succeeded, Some("t")), "{}", message(&child));
    }
    let done = worked(&world, "r").await;
    assert_eq!((done.phase(), reason(&done), counts(&done)), (Phase::Succeeded, "Validated", (Some(3), Some(3))), "{}", message(&done));
    assert_eq!(data(&world, "a").await, Some(json!({ "same": "s", "x": "1", "y": "3" })));
    assert_eq!(data(&world, "b").await, Some(json!({ "x": "2" })));
    // It is over: nothing is made again, also of what is not kept any more.
    world.remediations().delete(&names(&done)[0], &DeleteParams::default()).await.unwrap();
    assert_eq!(worked(&world, "r").await, done);
    // Whoever deletes it takes the others along.
    world.remediations().delete("r", &DeleteParams::default()).await.unwrap();
    let gone = async {
        while !made(&world, &done).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await; // pacing of a poll with a deadline
        }
    };
    soon("the garbage collector takes the patches' remediations", gone).await;
}

#[tokio::test]
async fn where_a_patch_does_not_succeed_those_before_it_are_undone_and_those_after_it_never_made() {
    let world = World::new().await;
    free(&world, "a", json!({ "x": "1", "keep": "k" })).await;
    held(&world, "theirs", json!({ "x": "1" })).await;
    let before = [world.state(&settings_of("a")).await, world.state(&settings_of("theirs")).await];
    let spec =
        [("a", json!({ "x": "2", "y": "2" })), ("b", json!({ "x": "2" })), ("theirs", json!({ "x": "2" })), ("c", json!({ "x": "2" }))];
    world.create("r", series(Mode::Automatic, &spec)).await;
    let ended = worked(&world, "r").await;
    assert_eq!(
        (ended.phase(), reason(&ended), counts(&ended)),
        (Phase::RolledBack, "PatchFailed", (Some(0), Some(4))),
        "{}",
        message(&ended)
    );
    let children = names(&ended);
    assert_eq!((children.len(), made(&world, &ended).await.len()), (3, 3));
    let third = format!("patch 3 of 4, the remediation {}, is failed", children[2]);
    assert!(message(&ended).contains(&third) && message(&ended).contains(".data.x"), "{}", message(&ended));
    assert_eq!([world.state(&settings_of("a")).await, world.state(&settings_of("theirs")).await], before);
    assert_eq!((data(&world, "b").await, data(&world, "c").await), (None, None));
    let phases = [world.get(&children[0]).await.phase(), world.get(&children[1]).await.phase(), world.get(&children[2]).await.phase()];
    assert_eq!(phases, [Phase::RolledBack, Phase::RolledBack, Phase::Failed]);
}

#[tokio::test]
async fn what_cannot_be_undone_is_left_with_all_before_it_and_the_status_says_so() {
    let world = World::new().await;
    free(&world, "b", json!({ "x": "1", "keep": "k" })).await;
    held(&world, "theirs", json!({ "x": "1" })).await;
    let spec = [("a", json!({ "x": "2" })), ("b", json!({ "x": "2" })), ("c", json!({ "x": "2" })), ("theirs", json!({ "x": "2" }))];
    world.create("r", series(Mode::Automatic, &spec)).await;
    let pipeline = world.pipeline();
    for applied in 1..=3 {
        pipeline.reconcile(HOME, "r").await.unwrap();
        let newest = names(&world.get("r").await).pop().unwrap();
        assert_eq!(world.drive(&pipeline, &newest).await.phase(), Phase::Succeeded);
        pipeline.reconcile(HOME, "r").await.unwrap();
        assert_eq!(counts(&world.get("r").await).0, Some(applied));
    }
    // Kept no longer: it is not made again, and what it did cannot be undone.
    let children = names(&world.get("r").await);
    world.remediations().delete(&children[1], &DeleteParams::default()).await.unwrap();
    let ended = worked(&world, "r").await;
    assert_eq!(
        (ended.phase(), reason(&ended), counts(&ended)),
        (Phase::Failed, "RollbackFailed", (Some(2), Some(4))),
        "{}",
        message(&ended)
    );
    assert!(message(&ended).contains("patch 2, which is left in place, as all before it"), "{}", message(&ended));
    assert!(message(&ended).contains(&children[1]) && message(&ended).contains(&children[3]), "{}", message(&ended));
    assert_eq!(data(&world, "a").await, Some(json!({ "x": "2" })));
    assert_eq!(data(&world, "b").await, Some(json!({ "x": "2", "keep": "k" })));
    assert_eq!(data(&world, "c").await, None);
    assert!(matches!(retry(&world, "r", "again").await, Err(DecisionError::StateConflict { .. })), "what is left is put back by hand");
}

async fn retry(world: &World, name: &str, request: &str) -> Result<bool, DecisionError> {
    let asked = Asked { by: BY, reason: "fixed", request };
    requests::retry(&world.remediations(), &world.events, world.get(name).await, asked).await.map(|decided| decided.wrote)
}

async fn roll_back(world: &World, name: &str) -> Result<bool, DecisionError> {
    let asked = Asked { by: BY, reason: "a mistake", request: "r" };
    requests::rollback(&world.remediations(), &world.events, world.get(name).await, asked).await.map(|decided| decided.wrote)
}

#[tokio::test]
async fn a_proposal_waits_patch_by_patch_and_each_is_decided_on_by_itself() {
    let world = World::new().await;
    free(&world, "a", json!({ "x": "1", "keep": "k" })).await;
    let before = world.state(&settings_of("a")).await;
    world.create("r", series(Mode::Propose, &[("a", json!({ "x": "2" })), ("b", json!({ "x": "2" }))])).await;
    for patch in 0..2 {
        let waits = worked(&world, "r").await;
        let children = names(&waits);
        assert_eq!((waits.phase(), reason(&waits), children.len()), (Phase::InProgress, "WaitingForApproval", patch + 1));
        assert!(message(&waits).contains(&children[patch]), "{}", message(&waits));
        assert_eq!(data(&world, "b").await, None);
        let (api, child) = (world.remediations(), world.get(&children[patch]).await);
        assert!(child.plan().is_some(), "each patch has its plan");
        let whole = approval::approve(&api, &world.events, waits, BY, None).await;
        assert!(matches!(whole, Err(DecisionError::StateConflict { .. })), "{whole:?}");
        if patch == 0 {
            approval::approve(&api, &world.events, child, BY, None).await.unwrap();
        } else {
            approval::reject(&api, &world.events, child, BY, Some("no")).await.unwrap();
        }
    }
    let ended = worked(&world, "r").await;
    assert_eq!(
        (ended.phase(), reason(&ended), counts(&ended)),
        (Phase::RolledBack, "PatchFailed", (Some(0), Some(2))),
        "{}",
        message(&ended)
    );
    assert!(message(&ended).contains("rejected by ann"), "{}", message(&ended));
    assert_eq!((world.state(&settings_of("a")).await, data(&world, "b").await), (before, None));
}

#[tokio::test]
async fn what_was_approved_as_a_whole_before_it_was_created_runs_through_and_only_as_it_was_created() {
    let world = World::lax().await;
    let spec = |name| RemediationSpec {
        approved_by: Some("alice".to_owned()),
        approved_at: serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap(),
        ..series(Mode::Propose, &[(name, json!({ "x": "2" })), ("b", json!({ "x": "2" }))])
    };
    world.create("r", spec("a")).await;
    assert_eq!(worked(&world, "r").await.phase(), Phase::Succeeded);
    // Who changes it before it begins has each patch wait; who does later has them undone.
    world.create("early", spec("early")).await;
    world.patch("early", json!({ "spec": { "severity": "low" } })).await;
    let waits = worked(&world, "early").await;
    assert_eq!((waits.phase(), reason(&waits), data(&world, "early").await), (Phase::InProgress, "WaitingForApproval", None));
    world.create("late", spec("late")).await;
    world.pipeline().reconcile(HOME, "late").await.unwrap();
    world.patch("late", json!({ "spec": { "patches": [] } })).await;
    let ended = worked(&world, "late").await;
    assert_eq!((ended.phase(), reason(&ended), data(&world, "late").await), (Phase::Failed, "SpecChanged", None), "{}", message(&ended));
    assert!(message(&ended).contains("the spec was changed"), "{}", message(&ended));
}

#[tokio::test]
async fn whoever_takes_the_patches_back_while_the_last_one_waits_has_those_in_place_undone() {
    let world = World::new().await;
    free(&world, "a", json!({ "x": "1", "keep": "k" })).await;
    let before = world.state(&settings_of("a")).await;
    world.create("r", series(Mode::Propose, &[("a", json!({ "x": "2" })), ("b", json!({ "x": "2" }))])).await;
    let first = world.get(&names(&worked(&world, "r").await)[0]).await;
    approval::approve(&world.remediations(), &world.events, first, BY, None).await.unwrap();
    let waits = worked(&world, "r").await;
    assert_eq!((counts(&waits), names(&waits).len()), ((Some(1), Some(2)), 2));
    world.patch("r", json!({ "spec": { "patches": [] } })).await;
    let ended = worked(&world, "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "PatchFailed"), "{}", message(&ended));
    assert!(message(&ended).contains("the spec was changed"), "{}", message(&ended));
    let last = world.get(&names(&ended)[1]).await;
    assert_eq!((last.phase(), reason(&last)), (Phase::Failed, "SeriesEnded"), "nobody can approve it any more");
    assert_eq!((world.state(&settings_of("a")).await, data(&world, "b").await), (before, None));
}

#[tokio::test]
async fn what_is_in_place_is_undone_although_its_namespace_is_protected_and_nothing_is_to_be_begun_by_now() {
    let world = World::new().await;
    free(&world, "a", json!({ "x": "1", "keep": "k" })).await;
    let before = world.state(&settings_of("a")).await;
    world.create("r", series(Mode::Automatic, &[("a", json!({ "x": "2" })), ("b", json!({ "x": "2" }))])).await;
    let pipeline = world.pipeline();
    pipeline.reconcile(HOME, "r").await.unwrap();
    let first = names(&world.get("r").await).remove(0);
    // A first pass finds that it is waited for, a second one carries it out.
    assert_eq!(world.drive(&pipeline, &first).await.phase(), Phase::Succeeded);
    pipeline.reconcile(HOME, "r").await.unwrap();
    assert_eq!((counts(&world.get("r").await), data(&world, "a").await.unwrap()["x"].clone()), ((Some(1), Some(2)), json!("2")));
    let strict = Guardrails { protected_namespaces: ["shop".to_owned()].into(), dry_run: true, ..Guardrails::none() };
    let ended = work(&world, &world.guarded(strict), "r").await.unwrap();
    assert_eq!((ended.phase(), reason(&ended), counts(&ended).0), (Phase::RolledBack, "PatchFailed", Some(0)), "{}", message(&ended));
    assert_eq!((world.state(&settings_of("a")).await, data(&world, "b").await), (before, None));
}

#[tokio::test]
async fn a_series_whose_first_patch_is_not_there_any_more_is_not_undone_by_half() {
    let world = World::new().await;
    world.create("r", series(Mode::Automatic, &[("a", json!({ "x": "2" })), ("b", json!({ "x": "2" }))])).await;
    let done = worked(&world, "r").await;
    assert_eq!(done.phase(), Phase::Succeeded, "{}", message(&done));
    world.remediations().delete(&names(&done)[0], &DeleteParams::default()).await.unwrap();
    assert!(roll_back(&world, "r").await.unwrap());
    let stays = worked(&world, "r").await;
    assert_eq!((stays.phase(), condition(&stays, "RollbackRequested")), (Phase::Succeeded, ("False", "RollbackUnsupported")));
    assert_eq!((data(&world, "a").await.is_some(), data(&world, "b").await.is_some()), (true, true));
}

#[tokio::test]
async fn a_series_that_failed_is_tried_again_with_remediations_of_its_own_and_one_that_succeeded_can_be_undone() {
    let world = World::new().await;
    free(&world, "b", json!({ "x": "1", "keep": "k" })).await;
    held(&world, "theirs", json!({ "x": "1" })).await;
    let before = world.state(&settings_of("b")).await;
    world.create("r", series(Mode::Automatic, &[("theirs", json!({ "x": "2" })), ("b", json!({ "x": "2" }))])).await;
    let failed = worked(&world, "r").await;
    assert_eq!(
        (failed.phase(), reason(&failed), counts(&failed)),
        (Phase::Failed, "FieldConflict", (Some(0), Some(2))),
        "{}",
        message(&failed)
    );
    assert!(matches!(roll_back(&world, "r").await, Err(DecisionError::StateConflict { .. })));
    // They let go of it.
    world.change(&settings_of("theirs"), json!({ "data": { "x": null } })).await;
    assert!(retry(&world, "r", "again").await.unwrap());
    let done = worked(&world, "r").await;
    assert_eq!((done.phase(), counts(&done)), (Phase::Succeeded, (Some(2), Some(2))), "{}", message(&done));
    assert!(names(&done).iter().all(|name| !names(&failed).contains(name)));
    assert_eq!(data(&world, "theirs").await, Some(json!({ "x": "2" })));
    // One by hand before, which does no harm.
    assert!(roll_back(&world, &names(&done)[0]).await.unwrap());
    assert_eq!(world.drive(&world.pipeline(), &names(&done)[0]).await.phase(), Phase::RolledBack);
    assert!(roll_back(&world, "r").await.unwrap());
    let undone = worked(&world, "r").await;
    assert_eq!((undone.phase(), reason(&undone), counts(&undone)), (Phase::RolledBack, "RollbackRequested", (Some(0), Some(2))));
    assert_eq!(world.state(&settings_of("b")).await, before);
    assert!(matches!(roll_back(&world, "r").await, Ok(false)), "sent again, it is answered as it stands");
}

/// Works on a series with an agent that dies after so many writes; whether it needed no more of them.
async fn dies_after(world: &World, name: &str, writes: usize) -> bool {
    let count = Arc::new(AtomicUsize::new(0));
    let pipeline = world.tapped(Arc::new(move |method, path: String| {
        let count = count.clone();
        async move {
            // The write after which it dies is made; of what follows nothing is, and nothing is read.
            let made = if is_write(&method, &path) { count.fetch_add(1, Ordering::SeqCst) } else { count.load(Ordering::SeqCst) };
            (made >= writes).then_some(500)
        }
        .boxed()
    }));
    work(world, &pipeline, name).await.is_ok()
}

/// Dies after each write in turn, and looks at how it ends.
async fn dies_anywhere(last: &str, ends: (Phase, i32), check: impl AsyncFn(&World, &str)) {
    let world = World::new().await;
    held(&world, "theirs", json!({ "x": "1" })).await;
    for writes in 1.. {
        assert!(writes < 64, "it never comes to an end");
        let (name, first) = (format!("r-{writes}"), format!("a-{writes}"));
        free(&world, &first, json!({ "x": "1", "keep": "k" })).await;
        let last = if last == "theirs" { last.to_owned() } else { format!("{last}-{writes}") };
        world.create(&name, series(Mode::Automatic, &[(&first, json!({ "x": "2" })), (&last, json!({ "x": "2" }))])).await;
        let survived = dies_after(&world, &name, writes).await;
        let begun = made(&world, &world.get(&name).await).await;
        let ended = worked(&world, &name).await;
        assert_eq!((ended.phase(), counts(&ended).0), (ends.0.clone(), Some(ends.1)), "after {writes} writes: {}", message(&ended));
        let children = made(&world, &ended).await;
        assert_eq!((children.len(), names(&ended).len()), (2, 2), "after {writes} writes");
        assert!(begun.iter().all(|begun| children.iter().any(|child| child.uid() == begun.uid())), "after {writes} writes");
        for child in &children {
            let cut_off = begun.iter().filter(|begun| begun.uid() == child.uid()).filter_map(|begun| begun.step(StepName::Execute));
            let again = cut_off.filter(|step| step.state == StepState::Running).count();
            assert!(attempts(child, StepName::Execute) <= 1 + i32::try_from(again).unwrap(), "after {writes} writes");
        }
        check(&world, &writes.to_string()).await;
        if survived {
            return;
        }
    }
}

#[tokio::test]
async fn whatever_write_the_agent_dies_after_each_patch_is_applied_once() {
    dies_anywhere("b", (Phase::Succeeded, 2), async |world, run| {
        assert_eq!(data(world, &format!("a-{run}")).await, Some(json!({ "x": "2", "keep": "k" })));
        assert_eq!(data(world, &format!("b-{run}")).await, Some(json!({ "x": "2" })));
    })
    .await;
}

#[tokio::test]
async fn whatever_write_the_agent_dies_after_a_series_that_fails_is_undone() {
    dies_anywhere("theirs", (Phase::RolledBack, 0), async |world, run| {
        assert_eq!(data(world, &format!("a-{run}")).await, Some(json!({ "x": "1", "keep": "k" })));
        assert_eq!(data(world, "theirs").await, Some(json!({ "x": "1" })));
    })
    .await;
}

#[tokio::test]
async fn a_single_patch_is_no_series() {
    let world = World::new().await;
    world.create("r", series(Mode::Automatic, &[("a", json!({ "x": "1" }))])).await;
    let done = world.drive(&world.pipeline(), "r").await;
    assert_eq!((done.phase(), names(&done).len(), counts(&done)), (Phase::Succeeded, 0, (Some(1), Some(1))), "{}", message(&done));
    assert_eq!(found(&world, "a").await.unwrap().data["data"], config("a", json!({ "x": "1" }))["data"]);
}
