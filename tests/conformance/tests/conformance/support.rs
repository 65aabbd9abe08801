//! What the tests have in common.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
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

pub(crate) fn deployment(name: &str) -> Deployment {
    let template = json!({"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let spec = json!({"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template});
    serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec, "status": {"replicas": 9}})).unwrap()
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

/// Reason, message and field of each cause of a refusal, in the order of the field: upstream's is of chance.
pub(crate) fn causes(status: Status) -> Vec<(String, String, String)> {
    let causes = status.details.map(|details| details.causes).unwrap_or_default();
    let mut causes: Vec<_> = causes.into_iter().map(|cause| (cause.reason, cause.message, cause.field)).collect();
    causes.sort_by(|a, b| (&a.2, &a.1).cmp(&(&b.2, &b.1)));
    causes
}

/// Asks again until the answer is yes.
pub(crate) async fn eventually(ask: impl AsyncFn() -> bool) {
    let asking = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(50)).await; // pacing of a poll with a deadline
        }
    };
    tokio::time::timeout(DEADLINE, asking).await.unwrap();
}

/// A custom type of this suite.
pub(crate) fn custom(kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("conformance.example.com", "v1", kind), plural)
}

/// An object of a custom type.
pub(crate) fn thing(kind: &str, plural: &str, name: &str, spec: &Value) -> DynamicObject {
    DynamicObject::new(name, &custom(kind, plural)).data(json!({"spec": spec}))
}

pub(crate) fn definition(kind: &str, plural: &str, schema: &Value) -> Value {
    json!({
        "metadata": {"name": format!("{plural}.conformance.example.com")},
        "spec": {
            "group": "conformance.example.com",
            "names": {"kind": kind, "plural": plural},
            "scope": "Namespaced",
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": schema},
            }],
        },
    })
}

/// Objects of a custom type, which is defined by whichever test comes first, in a namespace that is this test's own.
pub(crate) async fn defined(kind: &str, plural: &str, schema: &Value) -> Api<DynamicObject> {
    served(kind, plural, definition(kind, plural, schema)).await
}

pub(crate) async fn served(kind: &str, plural: &str, definition: Value) -> Api<DynamicObject> {
    let (client, namespace) = server().await;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let definition: CustomResourceDefinition = serde_json::from_value(definition).unwrap();
    match definitions.create(&PostParams::default(), &definition).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => {}
        created => drop(created.unwrap()),
    }
    let name = definition.name_any();
    let established = await_condition(definitions, &name, conditions::is_crd_established());
    tokio::time::timeout(DEADLINE, established).await.unwrap().unwrap();
    Api::namespaced_with(client, &namespace, &custom(kind, plural))
}

pub(crate) fn widget(name: &str, spec: &Value) -> DynamicObject {
    thing("Widget", "widgets", name, spec)
}

pub(crate) async fn widgets() -> Api<DynamicObject> {
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
    let schema = json!({"type": "object", "properties": {"spec": spec, "status": status}});
    let mut definition = definition("Widget", "widgets", &schema);
    definition["spec"]["versions"][0]["selectableFields"] = json!([{"jsonPath": ".spec.mode"}, {"jsonPath": ".status.phase"}]);
    served("Widget", "widgets", definition).await
}
