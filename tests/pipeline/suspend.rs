//! `suspend`.

use serde_json::{Value, json};
use zen_agent::{event::Target, remediation::Phase};

use super::{actions::executed, crash::die_after};
use crate::support::*;

fn nightly() -> Target {
    target("batch/v1", "CronJob", "jobs", "nightly")
}

fn import() -> Target {
    target("batch/v1", "Job", "jobs", "import")
}

fn pod_spec() -> Value {
    json!({ "restartPolicy": "Never", "containers": [{ "name": "job", "image": "job:1" }] })
}

async fn world() -> World {
    let world = World::new().await;
    let job = json!({ "template": { "spec": pod_spec() } });
    let metadata = |name: &str| json!({ "namespace": "jobs", "name": name });
    let schedule = json!({ "schedule": "0 3 * * *", "jobTemplate": { "spec": job } });
    world.place(json!({ "apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata("nightly"), "spec": schedule })).await;
    world.place(json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata("import"), "spec": job })).await;
    world
}

async fn suspended(world: &World, target: &Target) -> Value {
    world.state(target).await["spec"]["suspend"].clone()
}

#[tokio::test]
async fn a_cron_job_and_a_job_are_suspended() {
    let world = world().await;
    for target in [nightly(), import()] {
        let name = target.name.clone();
        let done = world.run(&name, automatic(target.clone(), suspend())).await;
        assert_eq!((done.phase(), reason(&done)), (Phase::Succeeded, "Validated"), "{}", message(&done));
        assert_eq!(suspended(&world, &target).await, json!(true));
        assert!(json!(done.status.unwrap().previous)["suspend"].is_object());
    }
}

#[tokio::test]
async fn a_pod_leads_to_the_job_that_runs_it() {
    let world = world().await;
    let uid = world.objects("batch/v1", "Job", Some("jobs")).get("import").await.unwrap().metadata.uid;
    let owner = json!({ "apiVersion": "batch/v1", "kind": "Job", "name": "import", "uid": uid, "controller": true });
    let metadata = json!({ "namespace": "jobs", "name": "import-1", "ownerReferences": [owner] });
    world.place(json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_spec() })).await;
    let done = world.run("r", automatic(target("v1", "Pod", "jobs", "import-1"), suspend())).await;
    assert_eq!(done.phase(), Phase::Succeeded, "{}", message(&done));
    assert_eq!(suspended(&world, &import()).await, json!(true));
    // A pod of a workload that cannot be suspended.
    let refused = world.run("s", automatic(web_pod(), suspend())).await;
    assert_eq!((refused.phase(), reason(&refused)), (Phase::Failed, "UnsupportedTarget"));
}

#[tokio::test]
async fn a_job_whose_pods_do_not_stop_goes_back_to_the_state_before_field_by_field() {
    let world = world().await;
    world.report(&import(), json!({ "active": 1, "startTime": "2026-01-01T00:00:00Z" })).await;
    let before = world.state(&import()).await;
    let ended = world.run("r", automatic(import(), suspend())).await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ValidationTimedOut"));
    assert!(message(&ended).contains("1 pods of the Job"), "{}", message(&ended));
    assert_eq!(world.state(&import()).await, before);
}

#[tokio::test]
async fn a_cron_job_that_was_suspended_before_stays_so_when_it_is_undone() {
    let world = world().await;
    for (name, before) in [("free", false), ("suspended", true)] {
        world.change(&nightly(), json!({ "spec": { "suspend": before } })).await;
        let state = world.state(&nightly()).await;
        executed(&world, name, automatic(nightly(), suspend()), if before { 2 } else { 3 }).await;
        let ended = world.undo(name, "/cronjobs/").await;
        assert_eq!(ended.phase(), Phase::RolledBack, "{}", message(&ended));
        assert_eq!(world.state(&nightly()).await, state);
    }
}

#[tokio::test]
async fn what_another_party_resumed_is_left_alone() {
    let world = world().await;
    executed(&world, "r", automatic(nightly(), suspend()), 3).await;
    world.change(&nightly(), json!({ "spec": { "suspend": false, "schedule": "0 4 * * *" } })).await;
    let theirs = world.state(&nightly()).await;
    let ended = world.drive(&world.pipeline(), "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ValidationFailed"));
    assert_eq!(world.state(&nightly()).await, theirs);
}

#[tokio::test]
async fn a_suspension_from_before_a_crash_is_not_written_again() {
    let world = world().await;
    let before = world.generation(&nightly()).await;
    world.create("r", automatic(nightly(), suspend())).await;
    die_after(&world, "r", 2).await.unwrap_err();
    assert_eq!(world.drive(&world.pipeline(), "r").await.phase(), Phase::Succeeded);
    assert_eq!(world.generation(&nightly()).await, before + 1);
}

#[tokio::test]
async fn a_job_that_has_ended_is_refused() {
    let world = World::new().await;
    let metadata = json!({ "namespace": "jobs", "name": "import" });
    world
        .place(json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": { "template": { "spec": pod_spec() } } }))
        .await;
    let at = "2026-01-01T00:00:00Z";
    let condition = |type_: &str| json!({ "type": type_, "status": "True", "lastProbeTime": at, "lastTransitionTime": at });
    let conditions = [condition("SuccessCriteriaMet"), condition("Complete")];
    world.report(&import(), json!({ "startTime": at, "completionTime": at, "succeeded": 1, "conditions": conditions })).await;
    let ended = world.run("r", automatic(import(), suspend())).await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "UnsupportedTarget"));
}
