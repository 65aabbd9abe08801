//! Each action: done, undone, and what another party did left alone.

use std::sync::Arc;

use futures::FutureExt;
use kube::{ResourceExt, api::PostParams};
use serde_json::json;
use zen_agent::{
    event::Target,
    pipeline::{Pipeline, actions::QUARANTINE_LABEL},
    remediation::{Phase, RemediationSpec, StepName, StepState, ZenAgentRemediation},
};

use super::crash::die_after;
use crate::support::*;

const POD: &str = "web-6d4cf56db6-x2x7p";

/// Runs it until execute is done and written, and stops there.
pub(crate) async fn executed(world: &World, name: &str, spec: RemediationSpec, writes: usize) -> ZenAgentRemediation {
    world.create(name, spec).await;
    die_after(world, name, writes).await.unwrap_err();
    let executed = world.get(name).await;
    assert_eq!(executed.step(StepName::Validate).map(|step| step.state), Some(StepState::Running));
    executed
}

#[tokio::test]
async fn label_succeeds_and_records_what_was_there() {
    let world = World::new().await;
    let done = world.run("r", automatic(web_pod(), label(&[("flag", "falco"), ("app", "web")]))).await;
    assert_eq!((done.phase(), reason(&done)), (Phase::Succeeded, "Validated"));
    assert_eq!(condition(&done, "Approved"), ("True", "AutomaticPolicy"));
    assert_eq!(world.pod_label("shop", POD, "flag").await.as_deref(), Some("falco"));
    let status = serde_json::to_value(done.status.unwrap()).unwrap();
    assert_eq!(status["previous"], json!({ "label": { "values": { "app": "web" }, "absent": ["flag"] } }));
    assert!(status["appliedAt"].is_string() && status["startedAt"].is_string() && status["completedAt"].is_string());
    let text = world.metrics.render().unwrap();
    assert!(text.contains(r#"zen_agent_actions_total{action="label",outcome="succeeded"} 1"#));
}

#[tokio::test]
async fn label_is_rolled_back_to_the_former_values_except_where_another_party_wrote() {
    let world = World::new().await;
    world.patch_pod("shop", POD, json!({ "metadata": { "labels": { "a": "old", "b": "old" } } })).await;
    executed(&world, "r", automatic(web_pod(), label(&[("a", "new"), ("b", "new"), ("c", "new")])), 3).await;
    world.patch_pod("shop", POD, json!({ "metadata": { "labels": { "b": "theirs" } } })).await;
    let ended = world.drive(&world.pipeline(), "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ValidationFailed"));
    let pod = world.pods("shop").get(POD).await.unwrap();
    assert_eq!(pod.labels().get("a").map(String::as_str), Some("old"));
    assert_eq!(pod.labels().get("b").map(String::as_str), Some("theirs"));
    assert_eq!(pod.labels().get("c"), None);
}

#[tokio::test]
async fn quarantine_puts_a_policy_in_place_that_denies_both_directions_to_this_pod_alone() {
    let world = World::new().await;
    let done = world.run("zar-1", automatic(web_pod(), quarantine())).await;
    assert_eq!(done.phase(), Phase::Succeeded);
    assert!(message(&done).contains("in place"), "{}", message(&done));
    let policy = world.policies("shop").get("zen-quarantine-zar-1").await.unwrap();
    assert_eq!(policy.labels()["zen.kube-zen.io/remediation"], "zar-1");
    assert_eq!(policy.labels()["app.kubernetes.io/managed-by"], "zen-agent");
    let spec = serde_json::to_value(policy.spec.unwrap()).unwrap();
    assert_eq!(spec, json!({ "podSelector": { "matchLabels": { QUARANTINE_LABEL: "zar-1" } }, "policyTypes": ["Ingress", "Egress"] }));
    assert_eq!(world.pod_label("shop", POD, QUARANTINE_LABEL).await.as_deref(), Some("zar-1"));
    assert_eq!(world.pod_label("shop", "web-6d4cf56db6-h9lqd", QUARANTINE_LABEL).await, None);
}

#[tokio::test]
async fn quarantine_is_rolled_back_to_the_quarantine_that_was_there_before() {
    let world = World::new().await;
    assert_eq!(world.run("zar-1", automatic(web_pod(), quarantine())).await.phase(), Phase::Succeeded);
    executed(&world, "zar-2", automatic(web_pod(), quarantine()), 4).await;
    world.policies("shop").delete("zen-quarantine-zar-2", &kube::api::DeleteParams::default()).await.unwrap();
    let ended = world.drive(&world.pipeline(), "zar-2").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ValidationFailed"));
    assert_eq!(world.pod_label("shop", POD, QUARANTINE_LABEL).await.as_deref(), Some("zar-1"));
    assert!(world.policies("shop").get_opt("zen-quarantine-zar-1").await.unwrap().is_some());
}

#[tokio::test]
async fn quarantine_of_a_pod_that_vanishes_leaves_no_policy_behind() {
    let world = World::new().await;
    executed(&world, "zar-1", automatic(web_pod(), quarantine()), 4).await;
    world.pods("shop").delete(POD, &kube::api::DeleteParams::default()).await.unwrap();
    let ended = world.drive(&world.pipeline(), "zar-1").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "TargetNotFound"));
    assert!(world.policies("shop").get_opt("zen-quarantine-zar-1").await.unwrap().is_none());
}

#[tokio::test]
async fn quarantine_rolls_back_the_label_and_the_policy_when_the_label_was_lost() {
    let world = World::new().await;
    executed(&world, "zar-1", automatic(web_pod(), quarantine()), 4).await;
    world.patch_pod("shop", POD, json!({ "metadata": { "labels": { QUARANTINE_LABEL: "theirs" } } })).await;
    let ended = world.drive(&world.pipeline(), "zar-1").await;
    assert_eq!(ended.phase(), Phase::RolledBack);
    assert_eq!(world.pod_label("shop", POD, QUARANTINE_LABEL).await.as_deref(), Some("theirs"));
    assert!(world.policies("shop").get_opt("zen-quarantine-zar-1").await.unwrap().is_none());
}

#[tokio::test]
async fn a_policy_of_the_same_name_that_is_somebody_elses_is_never_overwritten() {
    let world = World::new().await;
    let theirs = json!({ "metadata": { "name": "zen-quarantine-zar-1", "namespace": "shop" }, "spec": { "podSelector": {} } });
    world.policies("shop").create(&PostParams::default(), &serde_json::from_value(theirs).unwrap()).await.unwrap();
    let ended = world.run("zar-1", automatic(web_pod(), quarantine())).await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "NameTaken"));
    let policy = world.policies("shop").get("zen-quarantine-zar-1").await.unwrap();
    assert!(policy.labels().is_empty() && policy.spec.unwrap().pod_selector.is_none_or(|selector| selector.match_labels.is_none()));
    assert_eq!(world.pod_label("shop", POD, QUARANTINE_LABEL).await, None);
}

#[tokio::test]
async fn a_policy_that_an_earlier_remediation_of_the_same_name_left_is_not_taken_for_its_own() {
    let world = World::new().await;
    let first = world.run("zar-1", automatic(web_pod(), quarantine())).await;
    world.remediations().delete("zar-1", &kube::api::DeleteParams::default()).await.unwrap();
    let again = world.run("zar-1", automatic(web_pod(), quarantine())).await;
    assert_ne!(first.metadata.uid, again.metadata.uid);
    assert_eq!((again.phase(), reason(&again)), (Phase::Failed, "NameTaken"));
    // Whoever asked for the quarantine still has it.
    assert!(world.policies("shop").get_opt("zen-quarantine-zar-1").await.unwrap().is_some());
    assert_eq!(world.pod_label("shop", POD, QUARANTINE_LABEL).await.as_deref(), Some("zar-1"));
}

#[tokio::test]
async fn scale_succeeds_once_the_status_follows() {
    let world = World::new().await;
    let pipeline = world.set(patient());
    world.create("r", automatic(web_pod(), scale(0))).await;
    let progress = pipeline.reconcile(HOME, "r").await.unwrap().unwrap();
    assert!(progress.phase == Phase::InProgress && progress.next.is_some());
    assert_eq!(world.replicas("shop", "web").await, 0);
    world.settle("shop", "web").await;
    assert_eq!(world.drive(&pipeline, "r").await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn scale_is_rolled_back_to_the_former_replicas_when_the_status_does_not_follow() {
    let world = World::new().await;
    let ended = world.run("deployment", automatic(web_pod(), scale(0))).await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ValidationTimedOut"));
    assert_eq!(ended.step(StepName::Validate).map(|step| step.state), Some(StepState::Failed));
    assert_eq!(ended.step(StepName::Rollback).map(|step| step.state), Some(StepState::Succeeded));
    assert_eq!(world.replicas("shop", "web").await, 3);
    let ended = world.run("stateful-set", automatic(target("v1", "Pod", "jobs", "batch-0"), scale(0))).await;
    assert_eq!(ended.phase(), Phase::RolledBack);
    assert_eq!(world.batch_replicas().await, 3);
}

#[tokio::test]
async fn scale_leaves_what_another_party_set_in_the_meantime() {
    let world = World::new().await;
    let pipeline = world.set(patient());
    world.create("r", automatic(web_pod(), scale(0))).await;
    pipeline.reconcile(HOME, "r").await.unwrap();
    world.patch_deployment("shop", "web", json!({ "spec": { "replicas": 5 } })).await;
    let ended = world.drive(&pipeline, "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ValidationFailed"));
    assert_eq!(world.replicas("shop", "web").await, 5);
}

#[tokio::test]
async fn a_change_by_another_party_between_claim_and_execution_is_not_overwritten() {
    let world = World::new().await;
    world.create("r", automatic(web_pod(), scale(0))).await;
    die_after(&world, "r", 1).await.unwrap_err();
    world.patch_deployment("shop", "web", json!({ "spec": { "replicas": 5 } })).await;
    let ended = world.drive(&world.pipeline(), "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "TargetChanged"));
    assert_eq!(world.replicas("shop", "web").await, 5);
}

#[tokio::test]
async fn a_target_that_was_replaced_by_one_of_the_same_name_is_not_touched() {
    let world = World::new().await;
    let batch = target("v1", "Pod", "jobs", "batch-0");
    world.create("r", automatic(Target { ..batch }, label(&[("flag", "falco")]))).await;
    die_after(&world, "r", 1).await.unwrap_err();
    let mut pod = world.pods("jobs").get("batch-0").await.unwrap();
    world.pods("jobs").delete("batch-0", &kube::api::DeleteParams::default()).await.unwrap();
    pod.metadata.uid = None;
    pod.metadata.resource_version = None;
    world.pods("jobs").create(&PostParams::default(), &pod).await.unwrap();
    let ended = world.drive(&world.pipeline(), "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "TargetReplaced"));
    assert_eq!(world.pod_label("jobs", "batch-0", "flag").await, None);
}

#[tokio::test]
async fn a_target_that_changes_between_read_and_write_is_read_again() {
    let world = World::new().await;
    world.create("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    let pods = world.pods("shop");
    let once = Arc::new(tokio::sync::OnceCell::new());
    let pipeline: Pipeline = world.tapped(Arc::new(move |method, path: String| {
        let (pods, once) = (pods.clone(), once.clone());
        async move {
            if method == http::Method::PATCH && path.contains("/pods/") {
                let touch = kube::api::Patch::Merge(json!({ "metadata": { "annotations": { "touched": "yes" } } }));
                once.get_or_init(|| async { pods.patch(POD, &Default::default(), &touch).await.unwrap() }).await;
            }
            None
        }
        .boxed()
    }));
    assert_eq!(world.drive(&pipeline, "r").await.phase(), Phase::Succeeded);
    let pod = world.pods("shop").get(POD).await.unwrap();
    assert_eq!((pod.labels()["flag"].as_str(), pod.annotations()["touched"].as_str()), ("falco", "yes"));
}
