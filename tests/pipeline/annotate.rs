//! `annotate`.

use serde_json::json;
use zen_agent::remediation::Phase;

use super::{actions::executed, crash::die_after};
use crate::support::*;

#[tokio::test]
async fn an_annotation_is_set_and_what_was_there_is_recorded() {
    let world = World::new().await;
    world.change(&web_pod(), json!({ "metadata": { "annotations": { "note": "old" } } })).await;
    let done = world.run("r", automatic(web_pod(), annotate(&[("note", "new"), ("example.com/by", "zen agent")]))).await;
    assert_eq!((done.phase(), reason(&done)), (Phase::Succeeded, "Validated"));
    let annotations = world.state(&web_pod()).await["metadata"]["annotations"].clone();
    assert_eq!(annotations, json!({ "note": "new", "example.com/by": "zen agent" }));
    let previous = serde_json::to_value(done.status.unwrap().previous).unwrap();
    assert_eq!(previous, json!({ "annotate": { "values": { "note": "old" }, "absent": ["example.com/by"] } }));
}

#[tokio::test]
async fn annotations_are_undone_to_the_state_before_field_by_field() {
    let world = World::new().await;
    world.change(&web_pod(), json!({ "metadata": { "annotations": { "a": "old" } } })).await;
    let before = world.state(&web_pod()).await;
    executed(&world, "r", automatic(web_pod(), annotate(&[("a", "new"), ("b", "new")])), 3).await;
    let ended = world.undo("r", "/pods/").await;
    assert_eq!(ended.phase(), Phase::RolledBack, "{}", message(&ended));
    assert_eq!(world.state(&web_pod()).await, before);
}

#[tokio::test]
async fn an_annotation_that_another_party_changed_is_left_alone() {
    let world = World::new().await;
    executed(&world, "r", automatic(web_pod(), annotate(&[("a", "new"), ("b", "new")])), 3).await;
    world.change(&web_pod(), json!({ "metadata": { "annotations": { "a": "theirs" } } })).await;
    let ended = world.drive(&world.pipeline(), "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ValidationFailed"));
    assert_eq!(world.state(&web_pod()).await["metadata"]["annotations"], json!({ "a": "theirs" }));
}

#[tokio::test]
async fn an_annotation_that_is_set_before_a_crash_is_not_written_again() {
    let world = World::new().await;
    world.create("r", automatic(web_pod(), annotate(&[("a", "new")]))).await;
    die_after(&world, "r", 2).await.unwrap_err();
    let written = world.pods("shop").get(&web_pod().name).await.unwrap().metadata.resource_version;
    assert_eq!(world.drive(&world.pipeline(), "r").await.phase(), Phase::Succeeded);
    assert_eq!(world.pods("shop").get(&web_pod().name).await.unwrap().metadata.resource_version, written);
}

#[tokio::test]
async fn an_annotation_of_kubernetes_own_is_refused_before_anybody_is_asked() {
    let world = World::new().await;
    let web = target("apps/v1", "Deployment", "shop", "web");
    let before = world.state(&web).await;
    for (name, spec) in [("automatic", automatic as fn(_, _) -> _), ("proposal", proposal)] {
        let ended = world.run(name, spec(web.clone(), annotate(&[("deployment.kubernetes.io/revision", "9")]))).await;
        assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "Invalid"));
        assert!(message(&ended).contains("deployment.kubernetes.io/revision"), "{}", message(&ended));
    }
    assert_eq!(world.state(&web).await, before);
}
