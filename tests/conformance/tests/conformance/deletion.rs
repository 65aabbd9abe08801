//! Deletion, preconditions, finalizers, and what becomes of dependents.

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Resource, ResourceExt};
use serde_json::json;

use crate::support::{DEADLINE, causes, config_map, config_maps, refusal, widget, widgets};

async fn create(maps: &Api<ConfigMap>, name: &str) -> ConfigMap {
    maps.create(&PostParams::default(), &config_map(name, &json!({}))).await.unwrap()
}

#[tokio::test]
async fn a_deleted_object_is_gone_and_the_answer_says_which_it_was() {
    let maps = config_maps().await;
    let created = maps.create(&PostParams::default(), &config_map("one", &json!({}))).await.unwrap();
    let status = maps.delete("one", &DeleteParams::default()).await.unwrap().right().unwrap();
    let details = status.details.clone().unwrap();
    assert!(status.is_success());
    assert_eq!((details.name, details.kind, Some(details.uid)), ("one".into(), "configmaps".into(), created.uid()));
    assert_eq!(refusal(maps.get("one").await).code, 404);
    assert_eq!(refusal(maps.delete("one", &DeleteParams::default()).await).code, 404);
}

#[tokio::test]
async fn preconditions_that_do_not_hold_keep_the_object() {
    let maps = config_maps().await;
    let created = maps.create(&PostParams::default(), &config_map("one", &json!({}))).await.unwrap();
    let only = |uid: Option<String>, resource_version: Option<String>| {
        let preconditions = Some(Preconditions { uid, resource_version });
        DeleteParams { preconditions, ..DeleteParams::default() }
    };
    let status = refusal(maps.delete("one", &only(Some("another".into()), None)).await);
    assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
    assert_eq!(refusal(maps.delete("one", &only(None, Some("1".into()))).await).code, 409);
    maps.delete("one", &only(created.uid(), created.resource_version())).await.unwrap();
    assert_eq!(refusal(maps.get("one").await).code, 404);
}

#[tokio::test]
async fn a_finalizer_keeps_a_deleted_object_until_it_is_removed() {
    let widgets = widgets().await;
    let mut sent = widget("one", &json!({"name": "x"}));
    sent.metadata.finalizers = Some(vec!["example.com/hold".into()]);
    let created = widgets.create(&PostParams::default(), &sent).await.unwrap();

    let marked = widgets.delete("one", &DeleteParams::background()).await.unwrap().left().unwrap();
    assert!(marked.metadata.deletion_timestamp.is_some());
    assert_eq!((marked.metadata.deletion_grace_period_seconds, marked.metadata.generation), (Some(0), Some(2)));
    assert_ne!(marked.resource_version(), created.resource_version());
    let again = widgets.delete("one", &DeleteParams::background()).await.unwrap().left().unwrap();
    assert_eq!(again.resource_version(), marked.resource_version());

    let params = PatchParams::default();
    let more = Patch::Merge(json!({"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}));
    let status = refusal(widgets.patch("one", &params, &more).await);
    assert_eq!((status.code, status.details.unwrap().causes[0].reason.as_str()), (422, "FieldValueForbidden"));

    widgets.patch("one", &params, &Patch::Merge(json!({"metadata": {"finalizers": null}}))).await.unwrap();
    assert_eq!(refusal(widgets.get("one").await).code, 404);
}

#[tokio::test]
async fn a_dry_deletion_answers_and_deletes_nothing() {
    let maps = config_maps().await;
    let created = create(&maps, "one").await;
    for params in [DeleteParams::background(), DeleteParams::foreground(), DeleteParams::orphan()] {
        maps.delete("one", &params.clone().dry_run()).await.unwrap();
        assert_eq!(maps.get("one").await.unwrap(), created, "{params:?}");
    }
    let precondition = Preconditions { uid: Some("another".into()), resource_version: None };
    assert_eq!(refusal(maps.delete("one", &DeleteParams::default().dry_run().preconditions(precondition)).await).code, 409);
    assert_eq!(refusal(maps.delete("absent", &DeleteParams::default().dry_run()).await).code, 404);
}

#[tokio::test]
async fn a_dry_removal_of_the_last_finalizer_removes_nothing() {
    let widgets = widgets().await;
    let mut sent = widget("one", &json!({"name": "x"}));
    sent.metadata.finalizers = Some(vec!["example.com/hold".into()]);
    widgets.create(&PostParams::default(), &sent).await.unwrap();
    widgets.delete("one", &DeleteParams::default()).await.unwrap();
    let params = PatchParams { dry_run: true, ..PatchParams::default() };
    widgets.patch("one", &params, &Patch::Merge(json!({"metadata": {"finalizers": null}}))).await.unwrap();
    assert_eq!(widgets.get("one").await.unwrap().finalizers(), ["example.com/hold"]);
}

async fn dependent(maps: &Api<ConfigMap>, name: &str, owners: &[&ConfigMap], blocks: bool) -> ConfigMap {
    let mut map = config_map(name, &json!({}));
    let reference = |owner: &&ConfigMap| OwnerReference { block_owner_deletion: Some(blocks), ..owner.owner_ref(&()).unwrap() };
    map.metadata.owner_references = Some(owners.iter().map(reference).collect());
    maps.create(&PostParams::default(), &map).await.unwrap()
}

async fn gone(maps: &Api<ConfigMap>, object: &ConfigMap) {
    let (name, uid) = (object.name_any(), object.uid().unwrap());
    let waiting = await_condition(maps.clone(), &name, conditions::is_deleted(&uid));
    tokio::time::timeout(DEADLINE, waiting).await.unwrap().unwrap();
}

#[tokio::test]
async fn dependents_of_a_deleted_owner_are_deleted_unless_another_owner_lives() {
    let maps = config_maps().await;
    let (owner, other) = (create(&maps, "owner").await, create(&maps, "other").await);
    let child = dependent(&maps, "child", &[&owner], false).await;
    let grandchild = dependent(&maps, "grandchild", &[&child], false).await;
    let two_controllers = [&owner, &other].map(|owner| owner.controller_owner_ref(&()).unwrap());
    let mut refused = config_map("refused", &json!({}));
    refused.metadata.owner_references = Some(two_controllers.to_vec());
    assert_eq!(causes(refusal(maps.create(&PostParams::default(), &refused).await))[0].2, "metadata.ownerReferences");
    let shared = dependent(&maps, "shared", &[&owner, &other], false).await;
    maps.delete("owner", &DeleteParams::background()).await.unwrap();
    gone(&maps, &child).await;
    gone(&maps, &grandchild).await;
    let let_go = |map: Option<&ConfigMap>| map.is_some_and(|map| map.owner_references().len() == 1);
    let waiting = await_condition(maps.clone(), "shared", let_go);
    tokio::time::timeout(DEADLINE, waiting).await.unwrap().unwrap();
    assert_eq!(maps.get("shared").await.unwrap().owner_references()[0].uid, other.uid().unwrap());
    assert_ne!(shared.resource_version(), maps.get("shared").await.unwrap().resource_version());
}

#[tokio::test]
async fn a_foreground_deletion_waits_for_the_dependents_that_block_it() {
    let maps = config_maps().await;
    let owner = create(&maps, "owner").await;
    let child = dependent(&maps, "child", &[&owner], true).await;
    let hold = Patch::Merge(json!({"metadata": {"finalizers": ["example.com/hold"]}}));
    maps.patch("child", &PatchParams::default(), &hold).await.unwrap();

    let marked = maps.delete("owner", &DeleteParams::foreground()).await.unwrap().left().unwrap();
    assert_eq!(marked.finalizers(), ["foregroundDeletion"]);
    let is_marked = |map: Option<&ConfigMap>| map.is_some_and(|map| map.metadata.deletion_timestamp.is_some());
    let waiting = await_condition(maps.clone(), "child", is_marked);
    tokio::time::timeout(DEADLINE, waiting).await.unwrap().unwrap();
    maps.get("owner").await.unwrap();

    maps.patch("child", &PatchParams::default(), &Patch::Merge(json!({"metadata": {"finalizers": null}}))).await.unwrap();
    gone(&maps, &child).await;
    gone(&maps, &owner).await;
}

#[tokio::test]
async fn orphans_stay_and_name_their_owner_no_more() {
    let maps = config_maps().await;
    let owner = create(&maps, "owner").await;
    dependent(&maps, "child", &[&owner], true).await;
    maps.delete("owner", &DeleteParams::orphan()).await.unwrap();
    gone(&maps, &owner).await;
    assert!(maps.get("child").await.unwrap().owner_references().is_empty());
}
