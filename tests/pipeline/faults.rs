//! An API server that refuses, fails, or serves somebody else first.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::FutureExt;
use kube::{
    Client,
    api::{Patch, PatchParams},
    client::Body,
};
use serde_json::json;
use zen_agent::{
    category::Category,
    identity::Role,
    policy::{Budget, Guardrails},
    remediation::{
        Phase, RemediationSpec, StepName,
        approval::{Decider, approve},
        crd,
    },
};

use crate::support::*;

const ADA: Decider<'static> = Decider { subject: "ada", role: Role::Approver };

/// Answers writes to these paths with a code.
fn refuse(part: &'static str, code: u16) -> Tap {
    Arc::new(move |method, path: String| async move { (is_write(&method, &path) && path.contains(part)).then_some(code) }.boxed())
}

/// Answers the first calls to these paths that are, or are not, writes with 403: as an API server does that has not read
/// its roles yet.
fn refuse_at_first(part: &'static str, writes: bool) -> Tap {
    let left = Arc::new(AtomicUsize::new(2));
    Arc::new(move |method, path: String| {
        let meant = path.contains(part) && is_write(&method, &path) == writes;
        let refused = meant && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        async move { refused.then_some(403) }.boxed()
    })
}

/// Says of each permission, when first asked, that it is not granted.
fn denied_at_first(client: Client) -> Client {
    let left = Arc::new(AtomicUsize::new(2));
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let (client, left) = (client.clone(), left.clone());
        async move {
            let denied = request.uri().path().ends_with("accessreviews")
                && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            if !denied {
                return client.send(request).await;
            }
            let review = json!({
                "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "metadata": {}, "spec": {},
                "status": { "allowed": false },
            });
            Ok(http::Response::builder().status(201).body(Body::from(review.to_string().into_bytes())).unwrap())
        }
    });
    Client::new(service, "default")
}

#[tokio::test]
async fn what_is_forbidden_for_a_moment_only_holds_it_up() {
    for (name, part, writes) in [("plan", "/pods/", false), ("execute", "/pods/", true)] {
        let world = World::new().await;
        world.create(name, automatic(web_pod(), label(&[("flag", "falco")]))).await;
        let done = world.drive(&world.tapped(refuse_at_first(part, writes)), name).await;
        assert_eq!((done.phase(), reason(&done)), (Phase::Succeeded, "Validated"), "{name}: {}", message(&done));
        assert_eq!(attempts(&done, StepName::Execute), if writes { 3 } else { 1 }, "{name}");
    }
}

#[tokio::test]
async fn a_claim_that_is_forbidden_for_a_moment_is_made_later() {
    let world = World::new().await;
    world.create("r", proposal(web_pod(), label(&[("flag", "falco")]))).await;
    world.drive(&world.pipeline(), "r").await;
    approve(&world.remediations(), &world.events, world.get("r").await, ADA, None).await.unwrap();
    // The plan is pinned by now: the first to read the target is the claim.
    let pipeline = world.tapped(refuse_at_first("/pods/", false));
    assert!(pipeline.reconcile(HOME, "r").await.unwrap().unwrap().next.is_some());
    let held = world.get("r").await;
    assert_eq!((held.phase(), condition(&held, "Held")), (Phase::Pending, ("True", "Forbidden")), "{}", message(&held));
    let done = world.drive(&pipeline, "r").await;
    assert_eq!((done.phase(), condition(&done, "Held").0), (Phase::Succeeded, "False"), "{}", message(&done));
}

#[tokio::test]
async fn permissions_that_are_denied_for_a_moment_are_asked_for_again() {
    let world = World::new().await;
    world.create("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    let pipeline = world.through(denied_at_first(world.client.clone()));
    assert!(pipeline.reconcile(HOME, "r").await.unwrap().unwrap().next.is_some());
    let held = world.get("r").await;
    assert_eq!((held.phase(), condition(&held, "Held")), (Phase::Pending, ("True", "Forbidden")));
    assert!(message(&held).contains("patch pods in shop"), "{}", message(&held));
    assert_eq!(world.drive(&pipeline, "r").await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn a_look_at_the_effect_that_is_forbidden_for_a_moment_is_not_a_failed_validation() {
    let world = World::new().await;
    world.create("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    super::crash::die_after(&world, "r", 3).await.unwrap_err();
    // Longer than the effect may take to show.
    tokio::time::sleep(settings().validation_timeout).await;
    let done = world.drive(&world.tapped(refuse_at_first("/pods/", false)), "r").await;
    assert_eq!((done.phase(), reason(&done)), (Phase::Succeeded, "Validated"), "{}", message(&done));
}

#[tokio::test]
async fn a_rollback_that_is_forbidden_for_a_moment_is_made_later() {
    let world = World::new().await;
    world.create("r", automatic(web_pod(), scale(0))).await;
    world.set(patient()).reconcile(HOME, "r").await.unwrap();
    let pipeline = world.tapped(refuse_at_first("/deployments/", true));
    while !world.get("r").await.phase().is_terminal() {
        let wait = pipeline.reconcile(HOME, "r").await.ok().and_then(|progress| progress.unwrap().next);
        tokio::time::sleep(wait.unwrap_or_default()).await;
    }
    let ended = world.get("r").await;
    assert_eq!((ended.phase(), attempts(&ended, StepName::Rollback)), (Phase::RolledBack, 3), "{}", message(&ended));
    assert_eq!(world.replicas("shop", "web").await, 3);
}

#[tokio::test]
async fn a_server_that_fails_is_tried_again_and_the_attempts_are_counted() {
    let world = World::new().await;
    world.create("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    super::crash::die_after(&world, "r", 1).await.unwrap_err();
    // As after seven attempts: the wait for the next one is half a minute, longer than anything here takes.
    let mut steps = world.get("r").await.status.unwrap().steps;
    steps.iter_mut().filter(|step| step.name == StepName::Execute).for_each(|step| step.attempts = 7);
    world.patch_status("r", json!({ "steps": steps })).await;
    let broken = world.tapped(refuse("/pods/", 500));
    let error = broken.reconcile(HOME, "r").await.unwrap_err();
    assert_eq!(error.call().map(|call| call.category()), Some(Category::Transient));
    // Not sooner than the backoff allows, whoever asks.
    let progress = broken.reconcile(HOME, "r").await.unwrap().unwrap();
    assert!(progress.phase == Phase::InProgress && progress.next.is_some());
    assert_eq!(attempts(&world.get("r").await, StepName::Execute), 8);
    // Another process does not wait for it.
    let done = world.drive(&world.pipeline(), "r").await;
    assert_eq!((done.phase(), attempts(&done, StepName::Execute)), (Phase::Succeeded, 9));
}

#[tokio::test]
async fn a_rollback_that_keeps_failing_ends_and_says_what_is_left() {
    let world = World::new().await;
    world.create("r", automatic(web_pod(), scale(0))).await;
    world.set(patient()).reconcile(HOME, "r").await.unwrap();
    let broken = world.tapped(refuse("/deployments/", 500));
    while let Ok(progress) = broken.reconcile(HOME, "r").await {
        tokio::time::sleep(progress.unwrap().next.unwrap()).await;
    }
    // As after nine attempts.
    let mut status = world.get("r").await.status.unwrap();
    status.steps.iter_mut().filter(|step| step.name == StepName::Rollback).for_each(|step| step.attempts = 9);
    status.updated_at = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime(jiff::Timestamp::UNIX_EPOCH));
    world.patch_status("r", json!(status)).await;
    let ended = world.drive(&broken, "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "RollbackFailed"));
    assert!(message(&ended).contains("0 replicas on Deployment shop/web"), "{}", message(&ended));
}

#[tokio::test]
async fn a_claim_loses_against_a_writer_that_was_faster_and_wins_the_next_time() {
    let world = World::new().await;
    world.create("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    let remediations = world.remediations();
    let first = Arc::new(AtomicBool::new(true));
    let pipeline = world.tapped(Arc::new(move |_, path: String| {
        let (remediations, first) = (remediations.clone(), first.clone());
        async move {
            if path.ends_with("/status") && first.swap(false, Ordering::SeqCst) {
                let touch = Patch::Merge(json!({ "metadata": { "annotations": { "touched": "yes" } } }));
                remediations.patch("r", &PatchParams::default(), &touch).await.unwrap();
            }
            None
        }
        .boxed()
    }));
    let error = pipeline.reconcile(HOME, "r").await.unwrap_err();
    assert_eq!(error.call().map(|call| call.category()), Some(Category::Conflict));
    assert_eq!(world.pod_label("shop", "web-6d4cf56db6-x2x7p", "flag").await, None);
    assert_eq!(world.drive(&pipeline, "r").await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn two_agents_that_both_think_they_lead_do_it_once() {
    let world = World::new().await;
    world.create("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    let (one, other) = (world.pipeline(), world.pipeline());
    let both = futures::future::join(one.reconcile(HOME, "r"), other.reconcile(HOME, "r")).await;
    assert!(both.0.is_ok() || both.1.is_ok());
    let done = world.drive(&one, "r").await;
    assert_eq!((done.phase(), attempts(&done, StepName::Execute)), (Phase::Succeeded, 1));
}

#[tokio::test]
async fn a_status_that_another_program_wrote_is_left_alone() {
    let world = World::new().await;
    world.create("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    // Also without an action of this agent, and in a status that it knows.
    world.create("patches", RemediationSpec::default()).await;
    for (name, phase) in [("r", "awaiting-window"), ("r", "in_progress"), ("patches", "in_progress")] {
        let written = world.patch_status(name, json!({ "phase": phase })).await;
        let seen = world.drive(&world.pipeline(), name).await;
        assert_eq!(seen.metadata.resource_version, written.metadata.resource_version);
    }
}

#[tokio::test]
async fn a_remediation_that_is_not_there_is_no_error() {
    let world = World::new().await;
    assert_eq!(world.pipeline().reconcile(HOME, "gone").await.unwrap(), None);
}

#[tokio::test]
async fn a_malformed_remediation_in_progress_does_not_stop_the_others() {
    let mut definition = json!(crd());
    let spec = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    spec["ttlSecondsAfterFinished"] = json!({ "x-kubernetes-preserve-unknown-fields": true });
    let world = World::with(serde_json::from_value(definition).unwrap()).await;
    let malformed = json!({
        "metadata": { "name": "malformed" },
        "spec": { "ttlSecondsAfterFinished": "never", "target": web_pod() },
    });
    let resource = kube::api::ApiResource::erase::<zen_agent::remediation::ZenAgentRemediation>(&());
    let objects: kube::Api<kube::api::DynamicObject> = kube::Api::namespaced_with(world.client.clone(), HOME, &resource);
    let mut malformed: kube::api::DynamicObject = serde_json::from_value(malformed).unwrap();
    malformed.types = Some(kube::api::TypeMeta::resource::<zen_agent::remediation::ZenAgentRemediation>());
    objects.create(&Default::default(), &malformed).await.unwrap();
    let claimed = Patch::Merge(json!({ "status": { "phase": "in_progress" } }));
    objects.patch_status("malformed", &PatchParams::default(), &claimed).await.unwrap();
    world.create("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    // Both listings see it: the one of targets that are worked on, and the one that counts the budget.
    let budget = Budget { per_namespace: 5, window: Duration::from_secs(3_600) };
    let pipeline = world.guarded(Guardrails { budget: Some(budget), ..Guardrails::none() });
    assert_eq!(world.drive(&pipeline, "r").await.phase(), Phase::Succeeded);
    assert_eq!(pipeline.reconcile(HOME, "malformed").await.unwrap(), None);
}

#[tokio::test]
async fn a_spec_that_changes_after_the_claim_is_not_carried_out() {
    let world = World::lax().await;
    world.create("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    super::crash::die_after(&world, "r", 1).await.unwrap_err();
    world.patch("r", json!({ "spec": { "action": { "label": { "labels": { "flag": null, "owned": "yes" } } } } })).await;
    let ended = world.drive(&world.pipeline(), "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "SpecChanged"));
    assert_eq!(world.pod_label("shop", "web-6d4cf56db6-x2x7p", "owned").await, None);
}

/// What somebody makes of the action once it is claimed.
fn other_labels() -> serde_json::Value {
    json!({ "spec": { "action": { "label": { "labels": { "flag": null, "more": null, "owned": "yes" } } } } })
}

#[tokio::test]
async fn a_spec_that_changes_once_the_change_is_made_has_no_say_in_whether_it_holds() {
    let world = World::lax().await;
    world.create("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    super::crash::die_after(&world, "r", 3).await.unwrap_err();
    world.patch("r", other_labels()).await;
    let ended = world.drive(&world.pipeline(), "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Succeeded, "Validated"));
    assert_eq!(world.pod_label("shop", "web-6d4cf56db6-x2x7p", "flag").await.as_deref(), Some("falco"));
    assert_eq!(world.pod_label("shop", "web-6d4cf56db6-x2x7p", "owned").await, None);
}

#[tokio::test]
async fn what_is_undone_is_what_was_done_whatever_the_spec_says_by_then() {
    // The target is changed, and the agent dies before and after it writes so.
    for (writes, ends) in [(2, (Phase::Failed, "SpecChanged")), (3, (Phase::RolledBack, "ValidationFailed"))] {
        let world = World::lax().await;
        world.create("r", automatic(web_pod(), label(&[("flag", "falco"), ("more", "yes")]))).await;
        super::crash::die_after(&world, "r", writes).await.unwrap_err();
        assert_eq!(world.pod_label("shop", "web-6d4cf56db6-x2x7p", "flag").await.as_deref(), Some("falco"));
        world.patch("r", other_labels()).await;
        world.patch_pod("shop", "web-6d4cf56db6-x2x7p", json!({ "metadata": { "labels": { "more": "theirs" } } })).await;
        let ended = world.drive(&world.pipeline(), "r").await;
        assert_eq!((ended.phase(), reason(&ended)), ends, "after {writes} writes: {}", message(&ended));
        for (key, value) in [("flag", None), ("more", Some("theirs")), ("owned", None)] {
            assert_eq!(world.pod_label("shop", "web-6d4cf56db6-x2x7p", key).await.as_deref(), value, "after {writes} writes: {key}");
        }
    }
}
