//! What the tests have in common.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind, Status};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

/// Longer than anything here may take; a test that waits so long has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A client, and a namespace that is this test's own.
pub(crate) async fn server() -> (Client, String) {
    let client = crate::connect().await;
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"generateName": "conformance-"}})).unwrap();
    let created = Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    (client, created.name_any())
}

pub(crate) fn config_map(name: &str, labels: &Value) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}, "data": {"key": "value"}})).unwrap()
}

pub(crate) async fn config_maps() -> Api<ConfigMap> {
    let (client, namespace) = server().await;
    Api::namespaced(client, &namespace)
}

/// What the server says when it refuses.
pub(crate) fn refusal<T: std::fmt::Debug>(result: kube::Result<T>) -> Status {
    match result {
        Err(kube::Error::Api(status)) => *status,
        other => panic!("expected a refusal, not {other:?}"),
    }
}

/// Code, reason and message of a refusal.
pub(crate) fn said<T: std::fmt::Debug>(result: kube::Result<T>) -> (u16, String, String) {
    let status = refusal(result);
    (status.code, status.reason, status.message)
}

pub(crate) fn widget_type() -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("conformance.example.com", "v1", "Widget"), "widgets")
}

pub(crate) fn widget(name: &str, spec: &Value) -> DynamicObject {
    DynamicObject::new(name, &widget_type()).data(json!({"spec": spec}))
}

/// Widgets, whose definition is created by whichever test comes first.
pub(crate) async fn widgets() -> Api<DynamicObject> {
    let (client, namespace) = server().await;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let created = definitions.create(&PostParams::default(), &serde_json::from_value(definition()).unwrap()).await;
    assert!(created.is_ok() || refusal(created).reason == "AlreadyExists");
    let established = await_condition(definitions, "widgets.conformance.example.com", conditions::is_crd_established());
    tokio::time::timeout(DEADLINE, established).await.unwrap().unwrap();
    Api::namespaced_with(client, &namespace, &widget_type())
}

fn definition() -> Value {
    let spec = json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "maxLength": 20},
            "count": {"type": "integer", "format": "int32", "minimum": 0},
            "mode": {"type": "string", "enum": ["propose", "automatic"], "default": "propose"},
            "note": {"type": "string", "nullable": true},
            "facts": {"type": "object", "additionalProperties": {"type": "string"}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "at": {"type": "string", "format": "date-time"},
            "port": {"x-kubernetes-int-or-string": true},
        },
    });
    let status = json!({"type": "object", "default": {"phase": "pending"}, "properties": {
        "phase": {"type": "string"}, "message": {"type": "string"}}});
    json!({
        "metadata": {"name": "widgets.conformance.example.com"},
        "spec": {
            "group": "conformance.example.com",
            "names": {"kind": "Widget", "plural": "widgets"},
            "scope": "Namespaced",
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}},
                "selectableFields": [{"jsonPath": ".spec.mode"}, {"jsonPath": ".status.phase"}],
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}},
            }],
        },
    })
}
