//! Custom types and their schemas.

use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::support::{refusal, said, server, widget, widgets};

async fn create(widgets: &Api<DynamicObject>, name: &str, spec: Value) -> kube::Result<DynamicObject> {
    widgets.create(&PostParams::default(), &widget(name, &spec)).await
}

#[tokio::test]
async fn a_type_that_nobody_defined_is_not_found() {
    let (client, namespace): (Client, String) = server().await;
    let unknown = ApiResource::from_gvk(&GroupVersionKind::gvk("nobody.example.com", "v1", "Thing"));
    let things: Api<DynamicObject> = Api::namespaced_with(client, &namespace, &unknown);
    assert_eq!(refusal(things.list(&ListParams::default()).await).code, 404);
}

#[tokio::test]
async fn unknown_fields_are_dropped_and_defaults_are_set() {
    let widgets = widgets().await;
    let spec = json!({"name": "x", "stray": 1, "mode": null, "note": null, "free": {"any": [1]}, "facts": {"k": "v"}, "port": "http"});
    let created = create(&widgets, "one", spec).await.unwrap();
    let kept = json!({"name": "x", "mode": "propose", "note": null, "free": {"any": [1]}, "facts": {"k": "v"}, "port": "http"});
    assert_eq!(created.data["spec"], kept);
    assert_eq!(widgets.get("one").await.unwrap(), created);
}

#[tokio::test]
async fn a_status_sent_with_a_creation_is_dropped_and_its_default_shows_at_once() {
    let widgets = widgets().await;
    let mut sent = widget("one", &json!({"name": "x"}));
    sent.data["status"] = json!({"phase": "mine"});
    let created = widgets.create(&PostParams::default(), &sent).await.unwrap();
    assert_eq!(created.data["status"], json!({"phase": "pending"}));
    assert_eq!(created.metadata.generation, Some(1));
}

#[tokio::test]
async fn an_object_that_breaks_the_schema_is_invalid_field_by_field() {
    let widgets = widgets().await;
    let status = refusal(create(&widgets, "one", json!({"count": 1})).await);
    assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"));
    assert_eq!(status.message, r#"Widget.conformance.example.com "one" is invalid: spec.name: Required value"#);
    let details = status.details.unwrap();
    assert_eq!((details.group.as_str(), details.kind.as_str(), details.name.as_str()), ("conformance.example.com", "Widget", "one"));
    let cause = &details.causes[0];
    assert_eq!((cause.reason.as_str(), cause.field.as_str()), ("FieldValueRequired", "spec.name"));

    let (_, _, message) = said(create(&widgets, "one", json!({"name": 5})).await);
    assert!(message.ends_with(r#"spec.name: Invalid value: "integer": spec.name in body must be of type string: "integer""#), "{message}");
    let (_, _, message) = said(create(&widgets, "one", json!({"name": "x", "count": -1})).await);
    assert!(message.ends_with("spec.count: Invalid value: -1: spec.count in body should be greater than or equal to 0"), "{message}");
    let (_, _, message) = said(create(&widgets, "one", json!({"name": "x", "mode": "later"})).await);
    assert!(message.ends_with(r#"spec.mode: Unsupported value: "later": supported values: "propose", "automatic""#), "{message}");
    let status = refusal(create(&widgets, "one", json!({"name": 5, "count": "x"})).await);
    assert_eq!(status.details.unwrap().causes.len(), 2);
}

#[tokio::test]
async fn patches_are_held_to_the_schema_too() {
    let widgets = widgets().await;
    create(&widgets, "one", json!({"name": "x"})).await.unwrap();
    let params = PatchParams::default();
    let wrong = Patch::Merge(json!({"status": {"phase": 5}}));
    assert_eq!(refusal(widgets.patch_status("one", &params, &wrong).await).code, 422);
    // A foreign uid is told by built-in types only, here it does not count: the resourceVersion is what protects.
    let stray =
        Patch::Merge(json!({"metadata": {"uid": "another"}, "status": {"phase": "done", "stray": true}, "spec": {"name": "changed"}}));
    let patched = widgets.patch_status("one", &params, &stray).await.unwrap();
    assert_eq!(patched.data, json!({"spec": {"name": "x", "mode": "propose"}, "status": {"phase": "done"}}));
    assert_eq!(patched.metadata.generation, Some(1));
}

#[tokio::test]
async fn a_put_without_a_version_is_invalid() {
    let widgets = widgets().await;
    create(&widgets, "one", json!({"name": "x"})).await.unwrap();
    let (code, _, message) = said(widgets.replace("one", &PostParams::default(), &widget("one", &json!({"name": "y"}))).await);
    assert_eq!(code, 422);
    assert!(message.contains("metadata.resourceVersion: Invalid value: 0"), "{message}");
    assert!(message.ends_with("must be specified for an update"), "{message}");
}

#[tokio::test]
async fn selectable_fields_select() {
    let widgets = widgets().await;
    create(&widgets, "a", json!({"name": "x"})).await.unwrap();
    create(&widgets, "b", json!({"name": "x", "mode": "automatic"})).await.unwrap();
    widgets.patch_status("b", &PatchParams::default(), &Patch::Merge(json!({"status": {"phase": "done"}}))).await.unwrap();
    for (selector, expected) in [("spec.mode=automatic", "b"), ("status.phase=pending", "a"), ("status.phase!=pending", "b")] {
        let found = widgets.list(&ListParams::default().fields(selector)).await.unwrap();
        assert_eq!(found.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), [expected], "{selector}");
    }
    let status = refusal(widgets.list(&ListParams::default().fields("spec.name=x")).await);
    assert_eq!((status.code, status.message.as_str()), (400, "field label not supported: spec.name"));
}

#[tokio::test]
async fn a_strict_creation_names_the_unknown_fields() {
    let widgets = widgets().await;
    let namespace = create(&widgets, "one", json!({"name": "x"})).await.unwrap().namespace().unwrap();
    let body = serde_json::to_vec(&widget("two", &json!({"name": "x", "stray": 1}))).unwrap();
    let path = format!("/apis/conformance.example.com/v1/namespaces/{namespace}/widgets?fieldValidation=Strict");
    let request = http::Request::post(path).header("content-type", "application/json").body(body).unwrap();
    let (code, reason, message) = said(widgets.into_client().request::<DynamicObject>(request).await);
    assert_eq!((code, reason.as_str()), (400, "BadRequest"));
    assert!(message.contains(r#"unknown field "spec.stray""#), "{message}");
}

#[tokio::test]
async fn a_strategic_merge_patch_is_not_for_custom_types() {
    let widgets = widgets().await;
    create(&widgets, "one", json!({"name": "x"})).await.unwrap();
    let patch = Patch::Strategic(json!({"spec": {"name": "y"}}));
    assert_eq!(refusal(widgets.patch("one", &PatchParams::default(), &patch).await).code, 415);
}
