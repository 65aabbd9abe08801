//! Decisions of people.

use futures::future::join;
use serde_json::json;
use zen_agent::{
    identity::Role,
    remediation::{
        Decision, Phase, StepName, StepState, ZenAgentRemediation,
        approval::{Decided, Decider, DecisionError, approve, reject},
    },
};

use crate::support::*;

const ADA: Decider<'static> = Decider { subject: "ada", role: Role::Approver };

async fn waiting(world: &World) -> ZenAgentRemediation {
    world.run("r", proposal(web_pod(), label(&[("flag", "falco")]))).await
}

fn is_state_conflict(result: &Result<Decided, DecisionError>) -> bool {
    matches!(result, Err(DecisionError::StateConflict { .. }))
}

#[tokio::test]
async fn an_approved_proposal_runs() {
    let world = World::new().await;
    let approved = approve(&world.remediations(), &world.events, waiting(&world).await, ADA, Some("seen it")).await.unwrap().object;
    assert_eq!((approved.phase(), condition(&approved, "Approved")), (Phase::Pending, ("True", "Approved")));
    let approval = approved.status.unwrap().approval.unwrap();
    assert_eq!((approval.decision, approval.by.as_str(), approval.reason.as_deref()), (Decision::Approved, "ada", Some("seen it")));
    let done = world.drive(&world.pipeline(), "r").await;
    assert_eq!(done.phase(), Phase::Succeeded);
    assert_eq!(condition(&done, "Approved"), ("True", "Approved"));
}

#[tokio::test]
async fn approving_again_is_harmless_before_and_after_it_ran() {
    let world = World::new().await;
    let object = waiting(&world).await;
    let once = approve(&world.remediations(), &world.events, object.clone(), ADA, None).await.unwrap();
    // Decided on a state that is old by now.
    let twice = approve(&world.remediations(), &world.events, object, ADA, None).await.unwrap();
    assert!(once.wrote && !twice.wrote);
    assert_eq!(once.object.metadata.resource_version, twice.object.metadata.resource_version);
    let done = world.drive(&world.pipeline(), "r").await;
    let after = approve(&world.remediations(), &world.events, done, ADA, None).await.unwrap();
    assert_eq!((after.object.phase(), after.wrote), (Phase::Succeeded, false));
}

#[tokio::test]
async fn an_approval_before_the_pipeline_saw_the_object_counts() {
    let world = World::new().await;
    let fresh = world.create("r", proposal(web_pod(), label(&[("flag", "falco")]))).await;
    approve(&world.remediations(), &world.events, fresh, ADA, None).await.unwrap();
    assert_eq!(world.drive(&world.pipeline(), "r").await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn a_rejection_ends_it_for_good() {
    let world = World::new().await;
    let rejected = reject(&world.remediations(), &world.events, waiting(&world).await, ADA, Some("a test")).await.unwrap().object;
    assert_eq!((rejected.phase(), reason(&rejected)), (Phase::Failed, "Rejected"));
    assert!(message(&rejected).contains("ada") && message(&rejected).contains("a test"));
    assert!(rejected.status.as_ref().unwrap().completed_at.is_some());
    let seen = world.drive(&world.pipeline(), "r").await;
    assert_eq!(seen.metadata.resource_version, rejected.metadata.resource_version);
    assert!(is_state_conflict(&approve(&world.remediations(), &world.events, seen.clone(), ADA, None).await));
    assert!(!reject(&world.remediations(), &world.events, seen, ADA, None).await.unwrap().wrote);
}

#[tokio::test]
async fn what_has_begun_or_ended_takes_no_other_decision() {
    let world = World::new().await;
    world.create("running", automatic(web_pod(), scale(0))).await;
    world.set(patient()).reconcile(HOME, "running").await.unwrap();
    let running = world.get("running").await;
    assert_eq!(running.phase(), Phase::InProgress);
    assert!(is_state_conflict(&reject(&world.remediations(), &world.events, running, ADA, None).await));
    let ended = world.drive(&world.pipeline(), "running").await;
    assert!(is_state_conflict(&reject(&world.remediations(), &world.events, ended.clone(), ADA, None).await));
    assert!(is_state_conflict(&approve(&world.remediations(), &world.events, ended, ADA, None).await));
}

#[tokio::test]
async fn of_an_approval_and_a_rejection_at_the_same_time_one_wins() {
    let world = World::new().await;
    let object = waiting(&world).await;
    let api = world.remediations();
    let (approved, rejected) =
        join(approve(&api, &world.events, object.clone(), ADA, None), reject(&api, &world.events, object, ADA, None)).await;
    let ended = world.drive(&world.pipeline(), "r").await;
    // A rejection of what is approved and not begun is possible, an approval of what is rejected is not.
    match ended.phase() {
        Phase::Failed => assert!(rejected.is_ok()),
        Phase::Succeeded => assert!(approved.is_ok() && is_state_conflict(&rejected)),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_decision_about_an_object_that_was_replaced_is_not_recorded_on_the_new_one() {
    let world = World::new().await;
    let object = waiting(&world).await;
    world.remediations().delete("r", &kube::api::DeleteParams::default()).await.unwrap();
    world.create("r", proposal(web_pod(), label(&[("flag", "falco")]))).await;
    assert!(matches!(approve(&world.remediations(), &world.events, object, ADA, None).await, Err(DecisionError::Gone)));
    assert_eq!(condition(&world.get("r").await, "Approved"), ("", ""));
}

#[tokio::test]
async fn an_approval_holds_for_the_spec_that_was_approved_and_for_no_other() {
    let world = World::lax().await;
    approve(&world.remediations(), &world.events, waiting(&world).await, ADA, None).await.unwrap();
    let labels = json!({ "flag": null, "owned": "yes" });
    let pod = json!({ "name": "web-6d4cf56db6-h9lqd" });
    world.patch("r", json!({ "spec": { "action": { "label": { "labels": labels } }, "target": pod } })).await;
    let waiting = world.drive(&world.pipeline(), "r").await;
    assert_eq!((waiting.phase(), condition(&waiting, "Approved")), (Phase::Pending, ("False", "SpecChanged")));
    assert_eq!(waiting.status.as_ref().unwrap().approval, None);
    assert_eq!(world.pod_label("shop", "web-6d4cf56db6-x2x7p", "owned").await, None);
    // Approved as it is now, it is that which runs, on that which it names.
    assert!(approve(&world.remediations(), &world.events, waiting, ADA, None).await.unwrap().wrote);
    assert_eq!(world.drive(&world.pipeline(), "r").await.phase(), Phase::Succeeded);
    assert_eq!(world.pod_label("shop", "web-6d4cf56db6-x2x7p", "owned").await, None);
    assert_eq!(world.pod_label("shop", "web-6d4cf56db6-h9lqd", "owned").await.as_deref(), Some("yes"));
}

#[tokio::test]
async fn a_void_approval_is_given_anew_before_the_pipeline_has_seen_that_it_is_void() {
    let world = World::lax().await;
    approve(&world.remediations(), &world.events, waiting(&world).await, ADA, None).await.unwrap();
    let changed = world.patch("r", json!({ "spec": { "action": { "label": { "labels": { "flag": "ada" } } } } })).await;
    assert!(approve(&world.remediations(), &world.events, changed, ADA, None).await.unwrap().wrote);
    assert_eq!(world.drive(&world.pipeline(), "r").await.phase(), Phase::Succeeded);
    assert_eq!(world.pod_label("shop", "web-6d4cf56db6-x2x7p", "flag").await.as_deref(), Some("ada"));
}

#[tokio::test]
async fn an_approval_of_what_the_person_did_not_see_is_not_recorded() {
    let world = World::lax().await;
    let seen = waiting(&world).await;
    world.patch("r", json!({ "spec": { "action": { "label": { "labels": { "owned": "yes" } } } } })).await;
    assert!(is_state_conflict(&approve(&world.remediations(), &world.events, seen, ADA, None).await));
    assert_eq!(condition(&world.get("r").await, "Approved"), ("False", "WaitingForApproval"));
}

#[tokio::test]
async fn an_approval_that_a_later_change_brought_is_none_at_creation() {
    let world = World::new().await;
    world.create("r", proposal(web_pod(), label(&[("flag", "falco")]))).await;
    world.patch("r", json!({ "spec": { "approvedBy": "eve", "approvedAt": "2026-01-01T00:00:00Z" } })).await;
    let waiting = world.drive(&world.pipeline(), "r").await;
    assert_eq!((waiting.phase(), condition(&waiting, "Approved")), (Phase::Pending, ("False", "WaitingForApproval")));
}

#[tokio::test]
async fn the_plan_step_says_when_it_was_planned_not_when_it_was_claimed() {
    let world = World::new().await;
    let planned = waiting(&world).await.step(StepName::Plan).cloned().unwrap();
    assert!(planned.state == StepState::Succeeded && planned.finished_at.is_some());
    approve(&world.remediations(), &world.events, world.get("r").await, ADA, None).await.unwrap();
    let done = world.drive(&world.pipeline(), "r").await;
    assert_eq!((done.phase(), done.step(StepName::Plan)), (Phase::Succeeded, Some(&planned)));
}
