//! `delete-pod` and `evict`: a pod that goes for good.

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;
use zen_agent::{
    event::Target,
    identity::Role,
    pipeline::Settings,
    remediation::{
        Phase, StepName, StepState,
        approval::{self, Decider},
    },
};

use super::crash::die_after;
use crate::support::*;

/// Puts a pod of the same name into the place of one that is gone.
async fn replace(world: &World) -> String {
    let pods = world.pods("shop");
    let mut pod = pods.get("web-6d4cf56db6-h9lqd").await.unwrap();
    pod.metadata.name = Some(web_pod().name);
    (pod.metadata.uid, pod.metadata.resource_version) = (None, None);
    pods.create(&PostParams::default(), &pod).await.unwrap().metadata.uid.unwrap()
}

async fn uid(world: &World) -> Option<String> {
    world.pods("shop").get_opt(&web_pod().name).await.unwrap().and_then(|pod| pod.metadata.uid)
}

#[tokio::test]
async fn what_is_gone_for_good_waits_for_a_person_although_the_policy_says_automatic() {
    for action in [delete_pod(), evict()] {
        let world = World::new().await;
        world.create("r", automatic(web_pod(), action)).await;
        let waiting = world.drive(&world.pipeline(), "r").await;
        assert_eq!((waiting.phase(), condition(&waiting, "Approved")), (Phase::Pending, ("False", "Irreversible")));
        assert!(message(&waiting).contains("automatic-irreversible"), "{}", message(&waiting));
        assert!(uid(&world).await.is_some());
        let by = Decider { subject: "ann", role: Role::Approver };
        approval::approve(&world.remediations(), &world.events, waiting, by, None).await.unwrap();
        let done = world.drive(&world.set(patient()), "r").await;
        assert_eq!((done.phase(), reason(&done)), (Phase::Succeeded, "Validated"));
        assert_eq!(uid(&world).await, None);
    }
}

#[tokio::test]
async fn a_policy_that_says_so_has_a_pod_removed_without_a_person() {
    for action in [delete_pod(), evict()] {
        let world = World::new().await;
        world.create("r", unattended(web_pod(), action)).await;
        let done = world.drive(&world.set(patient()), "r").await;
        assert_eq!((done.phase(), condition(&done, "Approved")), (Phase::Succeeded, ("True", "AutomaticPolicy")));
        assert_eq!(uid(&world).await, None);
        assert!(world.pods("shop").get_opt("web-6d4cf56db6-h9lqd").await.unwrap().is_some(), "the others stay");
    }
}

#[tokio::test]
async fn a_pod_that_came_in_the_place_of_the_one_that_went_is_left_alone() {
    // The agent dies before it deletes, and after; the pod is replaced meanwhile.
    for (action, writes) in [(delete_pod(), 1), (delete_pod(), 2), (evict(), 1), (evict(), 2)] {
        let world = World::new().await;
        world.create("r", unattended(web_pod(), action)).await;
        die_after(&world, "r", writes).await.unwrap_err();
        if writes == 1 {
            world.pods("shop").delete(&web_pod().name, &DeleteParams::default()).await.unwrap();
        }
        let theirs = replace(&world).await;
        let done = world.drive(&world.set(patient()), "r").await;
        assert_eq!((done.phase(), attempts(&done, StepName::Execute)), (Phase::Succeeded, 2), "{}", message(&done));
        assert!(message(&done).contains("another one has its name"), "{}", message(&done));
        assert_eq!(uid(&world).await, Some(theirs));
    }
}

#[tokio::test]
async fn a_pod_that_does_not_go_ends_failed_and_never_rolled_back() {
    for (action, left) in [(delete_pod(), "deleted"), (evict(), "evicted")] {
        let world = World::new().await;
        world.change(&web_pod(), json!({ "metadata": { "finalizers": ["example.com/hold"] } })).await;
        let ended = world.run("r", unattended(web_pod(), action)).await;
        assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "RollbackUnsupported"));
        assert!(message(&ended).contains(&format!("Pod shop/web-6d4cf56db6-x2x7p {left}")), "{}", message(&ended));
        assert_eq!(ended.step(StepName::Rollback).map(|step| step.state), Some(StepState::Failed));
        // Or nobody could clean up.
        world.change(&web_pod(), json!({ "metadata": { "finalizers": null } })).await;
    }
}

fn budget(name: &str) -> Target {
    target("policy/v1", "PodDisruptionBudget", "shop", name)
}

/// A budget over the pods of the Deployment, which allows so many disruptions.
async fn with_budget(world: &World, name: &str, allowed: i32) {
    let spec = json!({ "minAvailable": 3, "selector": { "matchLabels": { "app": "web" } } });
    let metadata = json!({ "namespace": "shop", "name": name });
    world.place(json!({ "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec })).await;
    allow(world, name, allowed).await;
}

/// What the controller of budgets says once it has counted the pods.
async fn allow(world: &World, name: &str, allowed: i32) {
    let generation = world.generation(&budget(name)).await;
    let counts = json!({ "disruptionsAllowed": allowed, "currentHealthy": 2 + allowed, "desiredHealthy": 3, "expectedPods": 3 });
    let mut status = counts;
    status["observedGeneration"] = generation.into();
    world.report(&budget(name), status).await;
}

#[tokio::test]
async fn an_eviction_that_a_budget_does_not_allow_waits_until_it_does() {
    let world = World::new().await;
    with_budget(&world, "web", 0).await;
    let patient = world.set(Settings { validation_timeout: Duration::from_secs(60), ..settings() });
    world.create("r", unattended(web_pod(), evict())).await;
    for attempts_so_far in 1..4 {
        let progress = patient.reconcile(HOME, "r").await.unwrap().unwrap();
        assert_eq!(progress.phase, Phase::InProgress);
        assert_eq!(attempts(&world.get("r").await, StepName::Execute), attempts_so_far);
        tokio::time::sleep(progress.next.unwrap()).await; // what the pipeline asks for
    }
    let waiting = world.get("r").await;
    assert!(waiting.step(StepName::Execute).unwrap().message.as_ref().unwrap().contains("disruption budget"));
    assert!(uid(&world).await.is_some());
    allow(&world, "web", 1).await;
    let done = world.drive(&patient, "r").await;
    assert_eq!((done.phase(), reason(&done)), (Phase::Succeeded, "Validated"), "{}", message(&done));
    assert_eq!(uid(&world).await, None);
}

#[tokio::test]
async fn an_eviction_that_was_held_back_often_is_not_given_up_for_one_failed_call() {
    let world = World::new().await;
    with_budget(&world, "web", 0).await;
    let patient = || Settings { validation_timeout: Duration::from_secs(60), ..settings() };
    world.create("r", unattended(web_pod(), evict())).await;
    world.set(patient()).reconcile(HOME, "r").await.unwrap().unwrap();
    let mut steps = json!(world.get("r").await.status.unwrap().steps);
    steps.as_array_mut().unwrap().iter_mut().for_each(|step| step["attempts"] = 30.into());
    world.patch_status("r", json!({ "steps": steps })).await;
    let failing =
        tapped(world.client.clone(), Arc::new(|_, path: String| async move { path.ends_with("/eviction").then_some(500) }.boxed()));
    let error = world.set_through(failing, patient()).reconcile(HOME, "r").await.unwrap_err();
    assert!(error.to_string().contains("not made"), "{error}");
    assert_eq!(world.get("r").await.phase(), Phase::InProgress);
    allow(&world, "web", 1).await;
    assert_eq!(world.drive(&world.set(patient()), "r").await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn an_eviction_that_a_budget_never_allows_ends_failed_with_the_pod_as_it_was() {
    let world = World::new().await;
    with_budget(&world, "web", 0).await;
    let before = world.state(&web_pod()).await;
    let ended = world.run("r", unattended(web_pod(), evict())).await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "DisruptionBudget"));
    assert!(message(&ended).contains("disruption budget"), "{}", message(&ended));
    assert_eq!(world.state(&web_pod()).await, before);
    // A deletion does not ask.
    assert_eq!(world.run("s", unattended(web_pod(), delete_pod())).await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn a_pod_with_several_budgets_is_not_evicted_and_the_reason_is_told() {
    let world = World::new().await;
    with_budget(&world, "one", 1).await;
    with_budget(&world, "other", 1).await;
    world.create("r", unattended(web_pod(), evict())).await;
    let error = world.pipeline().reconcile(HOME, "r").await.unwrap_err();
    assert!(error.to_string().contains("more than one PodDisruptionBudget"), "{error}");
    assert!(uid(&world).await.is_some());
}
