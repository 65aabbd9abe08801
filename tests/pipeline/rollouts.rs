//! `set-image` and `restart`: what changes a pod template, and waits for the rollout.

use serde_json::{Value, json};
use zen_agent::{
    event::Target,
    remediation::{Action, Phase, StepName, StepState},
};

use super::{actions::executed, crash::die_after};
use crate::support::*;

const NEW: &str = "docker.io/library/nginx:1.28";
const OLD: &str = "docker.io/library/nginx:1.27";

fn web() -> Target {
    target("apps/v1", "Deployment", "shop", "web")
}

fn new_image() -> Action {
    set_image(&[("web", NEW)], &[])
}

/// The Deployment with a second container, and one that runs before.
async fn with_more_containers(world: &World) {
    let container = |name: &str, image: &str| json!({ "name": name, "image": image });
    let containers = [container("web", OLD), container("proxy", "envoy:1")];
    let spec = json!({ "containers": containers, "initContainers": [container("init", "busybox:1")] });
    world.change(&web(), json!({ "spec": { "template": { "spec": spec } } })).await;
}

async fn image(world: &World, list: &str, index: usize) -> Value {
    world.state(&web()).await["spec"]["template"]["spec"][list][index]["image"].clone()
}

async fn restarted_by(world: &World, target: &Target) -> Value {
    world.state(target).await["spec"]["template"]["metadata"]["annotations"]["zen.kube-zen.io/restarted-by"].clone()
}

#[tokio::test]
async fn images_are_set_on_the_controller_of_the_pod_and_succeed_once_the_rollout_is_complete() {
    let world = World::new().await;
    with_more_containers(&world).await;
    let pipeline = world.set(patient());
    world.create("r", automatic(web_pod(), set_image(&[("web", NEW)], &[("init", "busybox:2")]))).await;
    let progress = pipeline.reconcile(HOME, "r").await.unwrap().unwrap();
    assert!(progress.phase == Phase::InProgress && progress.next.is_some());
    assert_eq!((image(&world, "containers", 0).await, image(&world, "containers", 1).await), (json!(NEW), json!("envoy:1")));
    assert_eq!(image(&world, "initContainers", 0).await, json!("busybox:2"));
    world.settle("shop", "web").await;
    let done = world.drive(&pipeline, "r").await;
    assert_eq!((done.phase(), message(&done)), (Phase::Succeeded, "the rollout is complete"));
    let previous = json!(done.status.unwrap().previous);
    assert_eq!(previous, json!({ "setImage": { "containers": { "web": OLD }, "initContainers": { "init": "busybox:1" } } }));
}

#[tokio::test]
async fn images_go_back_to_the_state_before_field_by_field_when_the_rollout_does_not_complete() {
    let world = World::new().await;
    with_more_containers(&world).await;
    let before = world.state(&web()).await;
    let ended = world.run("r", automatic(web_pod(), set_image(&[("web", NEW), ("proxy", "envoy:2")], &[("init", "busybox:2")]))).await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ValidationTimedOut"), "{}", message(&ended));
    assert_eq!(world.state(&web()).await, before);
}

#[tokio::test]
async fn a_rollout_that_exceeded_its_progress_deadline_is_undone_without_waiting_any_longer() {
    let world = World::new().await;
    world.create("r", automatic(web_pod(), new_image())).await;
    let patient = world.set(patient());
    patient.reconcile(HOME, "r").await.unwrap();
    let late = json!({ "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded" });
    world.report(&web(), json!({ "observedGeneration": world.generation(&web()).await, "conditions": [late] })).await;
    let ended = world.drive(&patient, "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ValidationFailed"));
    assert!(message(&ended).contains("progress deadline"), "{}", message(&ended));
    assert_eq!(image(&world, "containers", 0).await, json!(OLD));
}

#[tokio::test]
async fn an_image_that_another_party_set_is_left_and_the_others_go_back() {
    let world = World::new().await;
    with_more_containers(&world).await;
    executed(&world, "r", automatic(web_pod(), set_image(&[("web", NEW), ("proxy", "envoy:2")], &[])), 3).await;
    let mut theirs = world.state(&web()).await["spec"]["template"]["spec"]["containers"].clone();
    theirs[0]["image"] = "theirs:1".into();
    world.change(&web(), json!({ "spec": { "template": { "spec": { "containers": theirs } } } })).await;
    let ended = world.drive(&world.pipeline(), "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ValidationFailed"));
    assert_eq!((image(&world, "containers", 0).await, image(&world, "containers", 1).await), (json!("theirs:1"), json!("envoy:1")));
}

#[tokio::test]
async fn what_was_done_before_a_crash_is_not_done_again() {
    for (action, name) in [(new_image(), "set-image"), (restart(), "restart")] {
        let world = World::new().await;
        let before = world.generation(&web()).await;
        world.create(name, automatic(web_pod(), action)).await;
        die_after(&world, name, 2).await.unwrap_err();
        assert_eq!(world.generation(&web()).await, before + 1);
        world.settle("shop", "web").await;
        let done = world.drive(&world.pipeline(), name).await;
        assert_eq!((done.phase(), attempts(&done, StepName::Execute)), (Phase::Succeeded, 2), "{name}");
        assert_eq!(world.generation(&web()).await, before + 1, "{name}: no second rollout");
    }
}

#[tokio::test]
async fn a_container_that_is_not_there_is_refused_with_nothing_changed() {
    let world = World::new().await;
    let before = world.state(&web()).await;
    let ended = world.run("r", automatic(web_pod(), set_image(&[("web", NEW), ("absent", NEW)], &[]))).await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "UnsupportedTarget"));
    assert!(message(&ended).contains("no container absent"), "{}", message(&ended));
    assert_eq!(world.state(&web()).await, before);
}

#[tokio::test]
async fn a_workload_that_would_not_roll_out_is_refused_with_nothing_changed() {
    let world = World::new().await;
    world.change(&web(), json!({ "spec": { "paused": true } })).await;
    let before = world.state(&web()).await;
    for (name, action) in [("restart", restart()), ("set-image", new_image())] {
        let ended = world.run(name, automatic(web_pod(), action)).await;
        assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "UnsupportedTarget"));
        assert!(message(&ended).contains("paused"), "{}", message(&ended));
    }
    assert_eq!(world.state(&web()).await, before);
}

#[tokio::test]
async fn a_restart_succeeds_once_the_rollout_is_complete_and_changes_nothing_but_one_annotation() {
    let world = World::new().await;
    let pipeline = world.set(patient());
    let mut before = world.state(&web()).await;
    let created = world.create("r", automatic(web_pod(), restart())).await;
    pipeline.reconcile(HOME, "r").await.unwrap();
    world.settle("shop", "web").await;
    let done = world.drive(&pipeline, "r").await;
    assert_eq!(done.phase(), Phase::Succeeded, "{}", message(&done));
    let after = world.state(&web()).await;
    before["spec"]["template"]["metadata"]["annotations"]["zen.kube-zen.io/restarted-by"] = json!(created.metadata.uid);
    assert_eq!(after["spec"], before["spec"]);
}

#[tokio::test]
async fn a_restart_that_does_not_complete_ends_failed_since_it_cannot_be_undone() {
    let world = World::new().await;
    let created = world.create("r", automatic(web_pod(), restart())).await;
    let ended = world.drive(&world.pipeline(), "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "RollbackUnsupported"));
    assert!(message(&ended).contains("a rollout of Deployment shop/web"), "{}", message(&ended));
    assert_eq!(ended.step(StepName::Rollback).map(|step| step.state), Some(StepState::Failed));
    assert_eq!(restarted_by(&world, &web()).await, json!(created.metadata.uid));
}

#[tokio::test]
async fn a_restart_that_another_party_took_back_is_not_begun_again() {
    let world = World::new().await;
    executed(&world, "r", automatic(web_pod(), restart()), 3).await;
    world.change(&web(), json!({ "spec": { "template": { "metadata": { "annotations": null } } } })).await;
    let ended = world.drive(&world.pipeline(), "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "ValidationFailed"));
    assert_eq!(restarted_by(&world, &web()).await, Value::Null);
}

#[tokio::test]
async fn a_stateful_set_and_a_daemon_set_restart_by_way_of_a_pod_of_theirs() {
    let world = World::new().await;
    let logs = target("apps/v1", "DaemonSet", "shop", "logs");
    let template =
        json!({ "metadata": { "labels": { "app": "logs" } }, "spec": { "containers": [{ "name": "logs", "image": "logs:1" }] } });
    let spec = json!({ "selector": { "matchLabels": { "app": "logs" } }, "template": template });
    let placed = world
        .place(json!({ "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "namespace": "shop", "name": "logs" }, "spec": spec }))
        .await;
    let owner = json!({ "apiVersion": "apps/v1", "kind": "DaemonSet", "name": "logs", "uid": placed.metadata.uid, "controller": true });
    let mut pod = template.clone();
    (pod["apiVersion"], pod["kind"]) = ("v1".into(), "Pod".into());
    pod["metadata"] = json!({ "namespace": "shop", "name": "logs-1", "ownerReferences": [owner] });
    world.place(pod).await;
    let batch = target("apps/v1", "StatefulSet", "jobs", "batch");
    for (workload, pod, status) in [
        (
            logs,
            target("v1", "Pod", "shop", "logs-1"),
            json!({ "desiredNumberScheduled": 2, "currentNumberScheduled": 2, "numberMisscheduled": 0, "numberReady": 2, "updatedNumberScheduled": 2, "numberAvailable": 2 }),
        ),
        (
            batch,
            target("v1", "Pod", "jobs", "batch-0"),
            json!({ "replicas": 3, "readyReplicas": 3, "updatedReplicas": 3, "currentRevision": "b", "updateRevision": "b" }),
        ),
    ] {
        let (name, pipeline) = (workload.name.clone(), world.set(patient()));
        let created = world.create(&name, automatic(pod, restart())).await;
        assert_eq!(pipeline.reconcile(HOME, &name).await.unwrap().unwrap().phase, Phase::InProgress);
        assert_eq!(restarted_by(&world, &workload).await, json!(created.metadata.uid));
        let mut status = status;
        status["observedGeneration"] = world.generation(&workload).await.into();
        world.report(&workload, status).await;
        let done = world.drive(&pipeline, &name).await;
        assert_eq!(done.phase(), Phase::Succeeded, "{name}: {}", message(&done));
    }
}
