//! What people ask of remediations that have ended: to be undone, and to be tried again.

use serde_json::json;
use zen_agent::{
    identity::Role,
    policy::{Guardrails, LabelMatch},
    remediation::{
        Phase, StepName, ZenAgentRemediation,
        approval::{Decided, Decider, DecisionError, approve, reject},
        requests::{Asked, retry, rollback},
    },
};

use crate::support::*;

const ADA: Decider<'static> = Decider { subject: "ada", role: Role::Approver };
const POD: &str = "web-6d4cf56db6-x2x7p";

async fn undo(world: &World, name: &str) -> Result<Decided, DecisionError> {
    let asked = Asked { by: ADA, reason: "too much", request: "undo" };
    rollback(&world.remediations(), &world.events, world.get(name).await, asked).await
}

/// Asks for a retry, in a request of its own.
async fn again(world: &World, name: &str) -> Result<Decided, DecisionError> {
    again_by(world, name, &uuid::Uuid::now_v7().to_string()).await
}

async fn again_by(world: &World, name: &str, request: &str) -> Result<Decided, DecisionError> {
    let asked = Asked { by: ADA, reason: "it is back", request };
    retry(&world.remediations(), &world.events, world.get(name).await, asked).await
}

fn is_state_conflict(result: &Result<Decided, DecisionError>) -> bool {
    matches!(result, Err(DecisionError::StateConflict { .. }))
}

/// The labels of a pod.
async fn labels(world: &World, name: &str) -> ZenAgentRemediation {
    world.patch_pod("shop", POD, json!({ "metadata": { "labels": { "a": "old", "b": "old" } } })).await;
    let done = world.run(name, automatic(web_pod(), label(&[("a", "new"), ("b", "new"), ("c", "new")]))).await;
    assert_eq!(done.phase(), Phase::Succeeded, "{}", message(&done));
    done
}

#[tokio::test]
async fn what_succeeded_is_undone_to_the_recorded_state_and_what_another_party_wrote_since_stays() {
    let world = World::new().await;
    labels(&world, "r").await;
    world.patch_pod("shop", POD, json!({ "metadata": { "labels": { "b": "theirs" } } })).await;
    assert!(undo(&world, "r").await.unwrap().wrote);
    let undone = world.drive(&world.pipeline(), "r").await;
    assert_eq!((undone.phase(), reason(&undone)), (Phase::RolledBack, "RollbackRequested"), "{}", message(&undone));
    assert_eq!(condition(&undone, "RollbackRequested"), ("True", "RollbackRequested"));
    assert_eq!(condition(&undone, "Complete"), ("True", "RollbackRequested"));
    assert!(message(&undone).contains("ada (approver)") && message(&undone).contains("too much"), "{}", message(&undone));
    for (key, value) in [("a", Some("old")), ("b", Some("theirs")), ("c", None)] {
        assert_eq!(world.pod_label("shop", POD, key).await.as_deref(), value, "{key}");
    }
    // Asked again, it is answered as it stands, and nothing more is done.
    assert!(!undo(&world, "r").await.unwrap().wrote);
    assert_eq!(world.drive(&world.pipeline(), "r").await.metadata.resource_version, undone.metadata.resource_version);
}

#[tokio::test]
async fn a_quarantine_is_lifted_with_its_policy() {
    let world = World::new().await;
    assert_eq!(world.run("zar-1", automatic(web_pod(), quarantine())).await.phase(), Phase::Succeeded);
    undo(&world, "zar-1").await.unwrap();
    assert_eq!(world.drive(&world.pipeline(), "zar-1").await.phase(), Phase::RolledBack);
    assert_eq!(world.pod_label("shop", POD, "zen.kube-zen.io/quarantine").await, None);
    assert!(world.policies("shop").get_opt("zen-quarantine-zar-1").await.unwrap().is_none());
}

#[tokio::test]
async fn an_undo_waits_for_another_remediation_of_the_same_target_and_then_for_its_turn() {
    let world = World::new().await;
    let pipeline = world.set(patient());
    let web = || target("apps/v1", "Deployment", "shop", "web");
    world.create("labelled", automatic(web(), label(&[("flag", "falco")]))).await;
    assert_eq!(world.drive(&pipeline, "labelled").await.phase(), Phase::Succeeded);
    world.create("scaled", automatic(web(), scale(0))).await;
    pipeline.reconcile(HOME, "scaled").await.unwrap();
    undo(&world, "labelled").await.unwrap();
    let waits = pipeline.reconcile(HOME, "labelled").await.unwrap().unwrap();
    assert!(waits.phase == Phase::Succeeded && waits.next.is_some());
    let held = world.get("labelled").await;
    assert_eq!(condition(&held, "Held"), ("True", "TargetBusy"));
    // Looking again writes nothing, which would have it looked at again.
    pipeline.reconcile(HOME, "labelled").await.unwrap();
    assert_eq!(world.get("labelled").await.metadata.resource_version, held.metadata.resource_version);
    assert_eq!(world.drive(&world.pipeline(), "scaled").await.phase(), Phase::RolledBack);
    let undone = world.drive(&pipeline, "labelled").await;
    assert_eq!((undone.phase(), condition(&undone, "Held").0), (Phase::RolledBack, "False"));
}

#[tokio::test]
async fn what_cannot_be_undone_is_refused_and_so_is_what_has_not_succeeded() {
    let world = World::new().await;
    let gone = world.run("gone", unattended(web_pod(), delete_pod())).await;
    assert_eq!(gone.phase(), Phase::Succeeded, "{}", message(&gone));
    assert!(is_state_conflict(&undo(&world, "gone").await));
    world.run("waiting", proposal(target("v1", "Pod", "jobs", "batch-0"), label(&[("a", "b")]))).await;
    assert!(is_state_conflict(&undo(&world, "waiting").await));
    world.run("failed", automatic(target("v1", "Pod", "shop", "none"), label(&[("a", "b")]))).await;
    assert!(is_state_conflict(&undo(&world, "failed").await));
}

#[tokio::test]
async fn a_target_that_is_protected_by_now_is_left_as_it_is() {
    let world = World::new().await;
    labels(&world, "r").await;
    undo(&world, "r").await.unwrap();
    let pipeline = world.guarded(Guardrails { protected_namespaces: ["shop".to_owned()].into(), ..Guardrails::none() });
    let left = world.drive(&pipeline, "r").await;
    assert_eq!((left.phase(), condition(&left, "RollbackRequested")), (Phase::Succeeded, ("False", "ProtectedNamespace")));
    assert_eq!(world.pod_label("shop", POD, "a").await.as_deref(), Some("new"));
    let dry = world.guarded(Guardrails { dry_run: true, ..Guardrails::none() });
    undo(&world, "r").await.unwrap();
    let held = world.drive(&dry, "r").await;
    assert_eq!((held.phase(), condition(&held, "Held")), (Phase::Succeeded, ("True", "DryRun")));
    let again = world.drive(&dry, "r").await;
    assert_eq!(again.metadata.resource_version, held.metadata.resource_version);
    assert_eq!(world.pod_label("shop", POD, "a").await.as_deref(), Some("new"));
}

#[tokio::test]
async fn a_target_that_carries_a_protected_label_by_now_is_left_as_it_is() {
    let world = World::new().await;
    labels(&world, "r").await;
    world.patch_pod("shop", POD, json!({ "metadata": { "labels": { "keep": "yes" } } })).await;
    undo(&world, "r").await.unwrap();
    let guardrails = Guardrails { protected_labels: vec![LabelMatch { key: "keep".into(), value: None }], ..Guardrails::none() };
    let left = world.drive(&world.guarded(guardrails), "r").await;
    assert_eq!((left.phase(), condition(&left, "RollbackRequested")), (Phase::Succeeded, ("False", "ProtectedLabel")));
    assert_eq!(world.pod_label("shop", POD, "a").await.as_deref(), Some("new"));
}

#[tokio::test]
async fn what_is_tried_again_waits_for_a_person_no_longer_than_what_is_new() {
    let world = World::new().await;
    let guardrails = Guardrails { approval_expiry: Some(std::time::Duration::from_secs(3_600)), ..Guardrails::none() };
    world.create("r", proposal(web_pod(), label(&[("a", "b")]))).await;
    world.drive(&world.guarded(guardrails.clone()), "r").await;
    world.patch_status("r", json!({ "approvalDeadline": "2026-01-01T00:00:00Z" })).await;
    assert_eq!(reason(&world.drive(&world.guarded(guardrails.clone()), "r").await), "ApprovalExpired");
    again(&world, "r").await.unwrap();
    let waits = world.drive(&world.guarded(guardrails.clone()), "r").await;
    let deadline = waits.status.as_ref().unwrap().approval_deadline.clone().unwrap();
    assert!(waits.phase() == Phase::Pending && deadline.0 > jiff::Timestamp::now());
    let later = world.drive(&world.guarded(guardrails), "r").await;
    assert_eq!(later.metadata.resource_version, waits.metadata.resource_version);
}

#[tokio::test]
async fn an_undo_ends_with_the_target_as_before_whatever_write_the_agent_dies_after() {
    for writes in 1.. {
        assert!(writes < 10, "it never comes to an end");
        let world = World::new().await;
        labels(&world, "r").await;
        undo(&world, "r").await.unwrap();
        let survived = super::crash::die_after(&world, "r", writes).await.is_ok();
        let ended = world.drive(&world.pipeline(), "r").await;
        assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "RollbackRequested"), "after {writes} writes");
        for (key, value) in [("a", Some("old")), ("b", Some("old")), ("c", None)] {
            assert_eq!(world.pod_label("shop", POD, key).await.as_deref(), value, "after {writes} writes: {key}");
        }
        if survived {
            return;
        }
    }
}

#[tokio::test]
async fn what_failed_is_tried_again_as_if_it_were_new_and_its_attempts_count_anew() {
    let world = World::new().await;
    let batch = target("v1", "Pod", "jobs", "batch-9");
    world.create("r", automatic(batch, label(&[("flag", "falco")]))).await;
    assert_eq!(world.drive(&world.pipeline(), "r").await.phase(), Phase::Failed);
    let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "batch-9", "namespace": "jobs" },
        "spec": { "containers": [{ "name": "batch", "image": "batch" }] } });
    world.place(pod).await;
    let pending = again(&world, "r").await.unwrap();
    assert!(pending.wrote && pending.object.phase() == Phase::Pending && pending.object.plan().is_none());
    assert!(!again(&world, "r").await.unwrap().wrote, "asked twice, it is as asked once");
    let done = world.drive(&world.pipeline(), "r").await;
    assert_eq!((done.phase(), reason(&done), attempts(&done, StepName::Execute)), (Phase::Succeeded, "Validated", 1), "{}", message(&done));
    assert_eq!(condition(&done, "Retried"), ("True", "RetryRequested"));
    assert_eq!(done.status.as_ref().unwrap().error_message, None);
    assert!(is_state_conflict(&again(&world, "r").await));
}

#[tokio::test]
async fn one_request_has_one_retry_also_when_that_has_failed_by_the_time_it_is_sent_again() {
    let world = World::new().await;
    world.run("r", automatic(target("v1", "Pod", "shop", "none"), label(&[("a", "b")]))).await;
    assert!(again_by(&world, "r", "one").await.unwrap().wrote);
    assert_eq!(world.drive(&world.pipeline(), "r").await.phase(), Phase::Failed);
    let replayed = again_by(&world, "r", "one").await.unwrap();
    assert!(!replayed.wrote && replayed.object.phase() == Phase::Failed);
    assert!(again_by(&world, "r", "two").await.unwrap().wrote);
    assert_eq!(world.drive(&world.pipeline(), "r").await.phase(), Phase::Failed);
    let late = again_by(&world, "r", "one").await.unwrap();
    assert!(!late.wrote && late.object.phase() == Phase::Failed, "it had its retry before the other one");
}

#[tokio::test]
async fn what_was_tried_again_often_enough_is_not_tried_again_any_more() {
    let world = World::new().await;
    world.run("r", automatic(target("v1", "Pod", "shop", "none"), label(&[("a", "b")]))).await;
    for _ in 0..20 {
        assert!(again(&world, "r").await.unwrap().wrote);
        assert_eq!(world.drive(&world.pipeline(), "r").await.phase(), Phase::Failed);
    }
    assert!(is_state_conflict(&again(&world, "r").await));
    assert_eq!(world.get("r").await.status.unwrap().retry_request_ids.len(), 20);
}

#[tokio::test]
async fn what_a_person_had_approved_waits_for_a_person_again() {
    let world = World::new().await;
    let waiting = world.run("r", proposal(web_pod(), scale(0))).await;
    approve(&world.remediations(), &world.events, waiting, ADA, None).await.unwrap();
    super::crash::die_after(&world, "r", 1).await.unwrap_err();
    world.patch_deployment("shop", "web", json!({ "spec": { "replicas": 5 } })).await;
    let failed = world.drive(&world.pipeline(), "r").await;
    assert_eq!((failed.phase(), reason(&failed)), (Phase::Failed, "TargetChanged"));
    again(&world, "r").await.unwrap();
    let waiting = world.drive(&world.pipeline(), "r").await;
    assert_eq!((waiting.phase(), condition(&waiting, "Approved")), (Phase::Pending, ("False", "WaitingForApproval")));
    let status = waiting.status.as_ref().unwrap();
    assert!(status.approval.is_none() && status.completed_at.is_none() && status.action.is_none());
    assert_eq!(json!(waiting.plan().unwrap().previous), json!({ "scale": { "replicas": 5 } }));
    approve(&world.remediations(), &world.events, waiting, ADA, None).await.unwrap();
    world.set(patient()).reconcile(HOME, "r").await.unwrap();
    assert_eq!(world.replicas("shop", "web").await, 0);
}

#[tokio::test]
async fn what_was_edited_since_the_policy_let_it_run_waits_for_a_person_when_it_is_tried_again() {
    let world = World::new().await;
    for name in ["as-judged", "edited"] {
        world.create(name, automatic(web_pod(), label(&[(name, "falco")]))).await;
        super::crash::die_after(&world, name, 1).await.unwrap_err();
        world.patch_pod("shop", POD, json!({ "metadata": { "labels": { name: "theirs" } } })).await;
        let failed = world.drive(&world.pipeline(), name).await;
        assert_eq!((failed.phase(), reason(&failed)), (Phase::Failed, "TargetChanged"), "{}", message(&failed));
    }
    world.patch("edited", json!({ "spec": { "facts": { "seen": "twice" } } })).await;
    for (name, stands) in [("as-judged", (Phase::Succeeded, "True")), ("edited", (Phase::Pending, "False"))] {
        again(&world, name).await.unwrap();
        let again = world.drive(&world.pipeline(), name).await;
        assert_eq!((again.phase(), condition(&again, "Approved").0), stands, "{name}: {}", message(&again));
    }
    assert_eq!(condition(&world.get("edited").await, "Approved").1, "WaitingForApproval");
    assert_eq!(world.pod_label("shop", POD, "edited").await.as_deref(), Some("theirs"));
}

#[tokio::test]
async fn what_was_rejected_or_may_have_left_something_behind_is_not_tried_again() {
    let world = World::new().await;
    let waiting = world.run("rejected", proposal(web_pod(), label(&[("a", "b")]))).await;
    reject(&world.remediations(), &world.events, waiting, ADA, None).await.unwrap();
    assert!(is_state_conflict(&again(&world, "rejected").await));
    for (name, reason) in [("left", json!("RollbackFailed")), ("kept", json!("RollbackUnsupported")), ("theirs", json!(null))] {
        world.run(name, automatic(target("v1", "Pod", "shop", "none"), label(&[("a", "b")]))).await;
        world.patch_status(name, json!({ "reason": reason })).await;
        assert!(is_state_conflict(&again(&world, name).await), "{name}");
    }
    assert_eq!(world.run("done", automatic(web_pod(), label(&[("c", "d")]))).await.phase(), Phase::Succeeded);
    assert!(is_state_conflict(&again(&world, "done").await));
}
