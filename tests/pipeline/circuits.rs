//! An action that keeps failing is left alone, and tried again.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;
use zen_agent::{
    event::Target,
    pipeline::Pipeline,
    remediation::{Phase, RemediationSpec, ZenAgentRemediation},
};

use crate::support::*;

const POD: &str = "web-6d4cf56db6-x2x7p";

fn web() -> Target {
    target("apps/v1", "Deployment", "shop", "web")
}

async fn run(world: &World, pipeline: &Pipeline, name: &str, spec: RemediationSpec) -> ZenAgentRemediation {
    world.create(name, spec).await;
    world.drive(pipeline, name).await
}

fn circuit(world: &World, action: &str) -> i64 {
    world.metrics.action_circuit.with_label_values(&[action]).get()
}

/// Somebody else sets each back, so each is rolled back.
async fn fail(world: &World, pipeline: &Pipeline) {
    for n in 0..5 {
        let name = format!("fails-{n}");
        world.create(&name, automatic(web(), scale(1))).await;
        assert_eq!(pipeline.reconcile(HOME, &name).await.unwrap().unwrap().phase, Phase::InProgress);
        world.patch_deployment("shop", "web", json!({ "spec": { "replicas": 3 } })).await;
        let undone = world.drive(pipeline, &name).await;
        assert_eq!((undone.phase(), reason(&undone)), (Phase::RolledBack, "ValidationFailed"), "{}", message(&undone));
    }
}

/// One pass over what is held.
async fn held(world: &World, pipeline: &Pipeline, name: &str) -> Duration {
    let progress = pipeline.reconcile(HOME, name).await.unwrap().unwrap();
    let held = world.get(name).await;
    assert_eq!((held.phase(), condition(&held, "Held")), (Phase::Pending, ("True", "CircuitOpen")), "{}", message(&held));
    progress.next.unwrap()
}

/// As if so much time had passed.
async fn later(wait: Duration) {
    tokio::time::pause();
    tokio::time::advance(wait).await;
    tokio::time::resume();
}

#[tokio::test]
async fn an_action_that_keeps_failing_is_held_and_others_and_what_a_person_approved_are_not() {
    let world = World::new().await;
    let pipeline = world.pipeline();
    fail(&world, &pipeline).await;
    assert_eq!((circuit(&world, "scale"), circuit(&world, "label")), (2, 0));
    world.create("held", automatic(web(), scale(1))).await;
    let wait = held(&world, &pipeline, "held").await;
    assert!(wait <= Duration::from_secs(60), "{wait:?}");
    let said = world.get("held").await;
    assert!(message(&said).contains("by itself it is tried again from 2"), "it says when: {}", message(&said));
    held(&world, &pipeline, "held").await;
    let again = world.get("held").await;
    assert_eq!(again.metadata.resource_version, said.metadata.resource_version, "looking again writes nothing");
    assert_eq!(world.replicas("shop", "web").await, 3);
    let pod = target("v1", "Pod", "shop", POD);
    assert_eq!(run(&world, &pipeline, "other", automatic(pod, label(&[("flag", "x")]))).await.phase(), Phase::Succeeded);
    let at = Some(Time(Timestamp::now()));
    let approved = RemediationSpec { approved_by: Some("ada".into()), approved_at: at, ..proposal(web(), scale(1)) };
    assert_eq!(run(&world, &pipeline, "approved", approved).await.phase(), Phase::RolledBack);
}

#[tokio::test]
async fn one_that_succeeds_when_its_time_is_over_closes_it_for_the_others() {
    let world = World::new().await;
    let pipeline = world.set(patient());
    fail(&world, &pipeline).await;
    for name in ["probe", "other"] {
        world.create(name, automatic(web(), scale(1))).await;
    }
    let wait = held(&world, &pipeline, "probe").await;
    later(wait).await;
    // The probe is under way, and is the only one.
    let progress = pipeline.reconcile(HOME, "probe").await.unwrap().unwrap();
    assert_eq!((progress.phase, circuit(&world, "scale")), (Phase::InProgress, 1));
    let elsewhere = target("apps/v1", "StatefulSet", "jobs", "batch");
    world.create("elsewhere", automatic(elsewhere, scale(1))).await;
    held(&world, &pipeline, "elsewhere").await;
    world.settle("shop", "web").await;
    assert_eq!(world.drive(&pipeline, "probe").await.phase(), Phase::Succeeded);
    assert_eq!(circuit(&world, "scale"), 0);
    let other = world.drive(&pipeline, "other").await;
    assert_eq!((other.phase(), condition(&other, "Held").0 == "True"), (Phase::Succeeded, false), "{}", message(&other));
}

#[tokio::test]
async fn one_that_fails_when_its_time_is_over_holds_the_others_for_twice_as_long() {
    let world = World::new().await;
    let pipeline = world.pipeline();
    fail(&world, &pipeline).await;
    world.create("probe", automatic(web(), scale(1))).await;
    let wait = held(&world, &pipeline, "probe").await;
    later(wait).await;
    assert_eq!(world.drive(&pipeline, "probe").await.phase(), Phase::RolledBack);
    world.create("held", automatic(web(), scale(1))).await;
    let wait = held(&world, &pipeline, "held").await;
    assert!((Duration::from_secs(61)..=Duration::from_secs(120)).contains(&wait), "{wait:?}");
    // A new leader knows nothing of it, and shows nothing of it.
    drop(pipeline);
    assert_eq!(circuit(&world, "scale"), 0);
    assert_eq!(world.drive(&world.pipeline(), "held").await.phase(), Phase::RolledBack);
}
