//! What will be done is on the object before anybody approves it, and an approval is one of that.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures::FutureExt;
use serde_json::json;
use zen_agent::{
    identity::Role,
    policy::Guardrails,
    remediation::{
        Action, Operation, Phase, Plan, StepName, ZenAgentRemediation,
        approval::{Decider, DecisionError, approve},
    },
};

use crate::support::*;

const ADA: Decider<'static> = Decider { subject: "ada", role: Role::Approver };

fn plan(remediation: &ZenAgentRemediation) -> &Plan {
    remediation.plan().expect("it is planned")
}

async fn proposed(world: &World, name: &str, action: Action) -> ZenAgentRemediation {
    world.create(name, proposal(web_pod(), action)).await;
    world.drive(&world.pipeline(), name).await
}

#[tokio::test]
async fn a_proposal_carries_what_it_would_do_and_changes_nothing() {
    let world = World::new().await;
    let waiting = proposed(&world, "r", scale(0)).await;
    let plan = plan(&waiting);
    assert_eq!((plan.target.kind.as_str(), plan.target.uid.is_some()), ("Deployment", true));
    let [change] = plan.changes.as_slice() else { panic!("one write: {:?}", plan.changes) };
    assert_eq!(change.operation, Operation::Patch);
    assert_eq!(change.former, Some(json!({ "spec": { "replicas": 3 } })));
    assert_eq!(change.patch, Some(json!({ "spec": { "replicas": 0 } })));
    assert_eq!(json!(plan.previous), json!({ "scale": { "replicas": 3 } }));
    assert_eq!(plan.permissions, ["patch deployments/scale.apps in shop"]);
    assert_eq!(json!(plan.reversibility), "reversible");
    assert!(waiting.step(StepName::Execute).is_none() && waiting.status.as_ref().unwrap().previous.is_none());
    assert_eq!(world.replicas("shop", "web").await, 3);
}

#[tokio::test]
async fn what_is_carried_out_is_what_was_planned_for_every_action() {
    let world = World::new().await;
    for (name, action) in [("label", label(&[("flag", "falco")])), ("annotate", annotate(&[("note", "x")])), ("quarantine", quarantine())] {
        let waiting = proposed(&world, name, action).await;
        assert!(!plan(&waiting).changes.is_empty());
        let before = world.state(&web_pod()).await;
        approve(&world.remediations(), &world.events, waiting.clone(), ADA, None).await.unwrap();
        let done = world.drive(&world.pipeline(), name).await;
        assert_eq!((done.phase(), plan(&done)), (Phase::Succeeded, plan(&waiting)), "{name}: {}", message(&done));
        assert_eq!(done.status.as_ref().unwrap().previous.as_ref(), Some(&plan(&waiting).previous));
        let mut as_planned = before;
        let patch = plan(&waiting).changes.iter().rfind(|change| change.operation == Operation::Patch).unwrap().patch.clone().unwrap();
        for field in ["labels", "annotations"] {
            for (key, value) in patch["metadata"][field].as_object().into_iter().flatten() {
                as_planned["metadata"][field][key] = value.clone();
            }
        }
        assert_eq!(world.state(&web_pod()).await, as_planned, "{name}");
    }
    let created = plan(&world.get("quarantine").await).changes[0].clone();
    let policy = world.policies("shop").get(&created.object.name).await.unwrap();
    assert_eq!(json!(policy.spec), created.patch.unwrap()["spec"]);
}

#[tokio::test]
async fn what_the_server_would_refuse_ends_before_anybody_is_asked_in_its_words() {
    let world = World::new().await;
    for (name, action, part) in [
        ("label", label(&[("flag", "falco")]), "/pods/"),
        ("scale", scale(0), "/deployments/web/scale"),
        ("quarantine", quarantine(), "/networkpolicies"),
        ("delete", delete_pod(), "/pods/"),
        ("evict", evict(), "/eviction"),
    ] {
        let tap: Tap = Arc::new(move |_, path: String| async move { path.contains(part).then_some(422) }.boxed());
        world.create(name, proposal(web_pod(), action)).await;
        let ended = world.drive(&world.through(tapped_trials(world.client.clone(), tap)), name).await;
        assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "Invalid"), "{name}: {}", message(&ended));
        assert!(message(&ended).contains("the tap refuses it"), "{}", message(&ended));
    }
}

#[tokio::test]
async fn a_server_that_fails_to_try_it_is_asked_again() {
    let world = World::new().await;
    world.create("r", proposal(web_pod(), label(&[("flag", "falco")]))).await;
    let tap: Tap = Arc::new(|_, _| async { Some(500) }.boxed());
    assert!(world.through(tapped_trials(world.client.clone(), tap)).reconcile(HOME, "r").await.is_err());
    assert_eq!(world.get("r").await.phase(), Phase::Pending);
    assert!(world.drive(&world.pipeline(), "r").await.plan().is_some());
}

#[tokio::test]
async fn a_plan_that_changed_after_its_approval_is_a_proposal_again() {
    let world = World::new().await;
    let waiting = proposed(&world, "r", scale(0)).await;
    approve(&world.remediations(), &world.events, waiting.clone(), ADA, None).await.unwrap();
    world.patch_deployment("shop", "web", json!({ "spec": { "replicas": 5 } })).await;
    let again = world.drive(&world.pipeline(), "r").await;
    assert_eq!((again.phase(), condition(&again, "Approved")), (Phase::Pending, ("False", "PlanChanged")), "{}", message(&again));
    assert_eq!(again.status.as_ref().unwrap().approval, None);
    assert_eq!(json!(plan(&again).previous), json!({ "scale": { "replicas": 5 } }));
    assert_ne!(plan(&again).digest, plan(&waiting).digest);
    assert_eq!(world.replicas("shop", "web").await, 5);
    // Who has read the former plan approves nothing.
    assert!(matches!(approve(&world.remediations(), &world.events, waiting, ADA, None).await, Err(DecisionError::StateConflict { .. })));
    approve(&world.remediations(), &world.events, again, ADA, None).await.unwrap();
    world.set(patient()).reconcile(HOME, "r").await.unwrap();
    assert_eq!(world.replicas("shop", "web").await, 0);
}

#[tokio::test]
async fn an_approval_that_came_before_the_plan_is_one_of_the_first_plan() {
    let world = World::new().await;
    let spec = json!({ "approvedBy": "eve", "approvedAt": jiff::Timestamp::now().to_string() });
    let mut object = serde_json::to_value(proposal(web_pod(), scale(0))).unwrap();
    object.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    world.create("r", serde_json::from_value(object).unwrap()).await;
    world.guarded(Guardrails { dry_run: true, ..Guardrails::none() }).reconcile(HOME, "r").await.unwrap();
    let held = world.get("r").await;
    assert_eq!(condition(&held, "Held"), ("True", "DryRun"));
    assert_eq!(held.status.as_ref().unwrap().approval.as_ref().unwrap().plan_digest.as_ref(), Some(&plan(&held).digest));
    world.patch_deployment("shop", "web", json!({ "spec": { "replicas": 5 } })).await;
    let again = world.drive(&world.pipeline(), "r").await;
    assert_eq!((again.phase(), condition(&again, "Approved")), (Phase::Pending, ("False", "PlanChanged")), "{}", message(&again));
    assert_eq!(world.replicas("shop", "web").await, 5);
}

#[tokio::test]
async fn what_runs_by_itself_takes_the_plan_as_it_is_when_it_begins() {
    let world = World::new().await;
    // Held until the other one has ended, and the target changes meanwhile.
    world.create("first", automatic(web_pod(), scale(1))).await;
    let pipeline = world.set(patient());
    pipeline.reconcile(HOME, "first").await.unwrap();
    world.create("second", automatic(web_pod(), scale(0))).await;
    pipeline.reconcile(HOME, "second").await.unwrap();
    assert_eq!(json!(plan(&world.get("second").await).previous), json!({ "scale": { "replicas": 1 } }));
    assert_eq!(condition(&world.get("second").await, "Held"), ("True", "TargetBusy"));
    // Nothing settles, so it is rolled back to three.
    assert_eq!(world.drive(&world.pipeline(), "first").await.phase(), Phase::RolledBack);
    pipeline.reconcile(HOME, "second").await.unwrap();
    let begun = world.get("second").await;
    assert_eq!((begun.phase(), condition(&begun, "Approved")), (Phase::InProgress, ("True", "AutomaticPolicy")));
    assert_eq!(json!(plan(&begun).previous), json!({ "scale": { "replicas": 3 } }));
}

#[tokio::test]
async fn a_plan_that_nobody_could_judge_is_refused() {
    let world = World::new().await;
    let ended = world.run("r", proposal(web_pod(), annotate(&[("note", &"x".repeat(40_000))]))).await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "Invalid"), "{}", message(&ended));
    assert!(message(&ended).contains("smaller"), "{}", message(&ended));
}

#[tokio::test]
async fn what_another_remediation_has_changed_since_the_plan_was_drawn_is_where_the_next_begins() {
    let world = Arc::new(World::new().await);
    for name in ["first", "second"] {
        world.create(name, automatic(web_pod(), quarantine())).await;
    }
    // The second has read the target and tried its plan out, both writes of it: now the first comes to its end, and leaves it free.
    let (tried, within) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&world));
    let counted = Arc::clone(&tried);
    let trials: Tap = Arc::new(move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { None }.boxed()
    });
    let others: Tap = Arc::new(move |_, _| {
        let world = Arc::clone(&within);
        let is_now = tried.compare_exchange(2, usize::MAX / 2, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        async move {
            if is_now {
                let first = world.drive(&world.pipeline(), "first").await;
                assert_eq!(first.phase(), Phase::Succeeded, "{}", message(&first));
            }
            None
        }
        .boxed()
    });
    let client = tapped(tapped_trials(world.client.clone(), trials), others);
    let second = world.drive(&world.through(client), "second").await;
    assert_eq!(world.get("first").await.phase(), Phase::Succeeded, "it came in between");
    assert_eq!(second.phase(), Phase::Succeeded, "{} {}", reason(&second), message(&second));
}
