//! Deletion, preconditions and finalizers.

use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use serde_json::json;

use crate::support::{config_map, config_maps, refusal, widget, widgets};

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
