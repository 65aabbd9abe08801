//! The definition of this project's own resource, as it is generated for review.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::wait::{await_condition, conditions};
use serde_json::{Value, json};

use crate::support::{DEADLINE, causes, refusal, server};

const DEFINITION: &str = include_str!("../../../../generated/crd.yaml");

fn kind() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("zen.kube-zen.io", "v1", "ZenAgentRemediation"))
}

async fn remediations() -> Api<DynamicObject> {
    let (client, namespace) = server().await;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let definition: CustomResourceDefinition = serde_yaml_ng::from_str(DEFINITION).unwrap();
    match definitions.create(&PostParams::default(), &definition).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => {}
        created => drop(created.unwrap()),
    }
    let established = await_condition(definitions, "zenagentremediations.zen.kube-zen.io", conditions::is_crd_established());
    tokio::time::timeout(DEADLINE, established).await.unwrap().unwrap();
    Api::namespaced_with(client, &namespace, &kind())
}

async fn created(spec: Value) -> Api<DynamicObject> {
    let remediations = remediations().await;
    let object = DynamicObject::new("one", &kind()).data(json!({"spec": spec}));
    let stored = remediations.create(&PostParams::default(), &object).await.unwrap();
    assert_eq!(stored.data["status"], json!({"phase": "pending"}));
    remediations
}

async fn change(remediations: &Api<DynamicObject>, spec: Value) -> kube::Result<DynamicObject> {
    remediations.patch("one", &PatchParams::default(), &Patch::Merge(json!({"spec": spec}))).await
}

fn ours() -> Value {
    json!({
        "source": "falco",
        "target": {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web"},
        "action": {"label": {"labels": {"flag": "yes"}}},
        "request": {"id": "01JD0000000000000000000000", "digest": "sha256:00", "index": 0},
    })
}

#[tokio::test]
async fn what_was_judged_and_approved_stays_as_it_was_created() {
    let remediations = created(ours()).await;
    let cases = [
        ("source", json!({"source": "trivy"})),
        ("source", json!({"source": null})),
        ("target", json!({"target": {"name": "other"}})),
        ("target", json!({"target": {"uid": "u"}})),
        ("target", json!({"target": null})),
        ("action", json!({"action": {"label": {"labels": {"flag": "no"}}}})),
        ("action", json!({"action": {"label": null, "scale": {"replicas": 0}}})),
        ("action", json!({"action": null})),
        ("request", json!({"request": {"digest": "sha256:11"}})),
        ("request", json!({"request": null})),
        ("mode", json!({"mode": "automatic"})),
    ];
    for (field, patch) in cases {
        let status = refusal(change(&remediations, patch.clone()).await);
        assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"), "{patch}");
        let message = format!(r#"Invalid value: "object": {field} does not change once the remediation is created"#);
        assert_eq!(causes(status), [("FieldValueInvalid".to_owned(), message, format!("spec.{field}"))], "{patch}");
    }
    let changed =
        change(&remediations, json!({"mode": "propose", "facts": {"seen": "twice"}, "ttlSecondsAfterFinished": 60})).await.unwrap();
    assert_eq!(changed.metadata.generation, Some(2));
    let status = Patch::Merge(json!({"status": {"phase": "in_progress"}}));
    assert_eq!(remediations.patch_status("one", &PatchParams::default(), &status).await.unwrap().data["spec"]["action"], ours()["action"]);
}

#[tokio::test]
async fn the_patches_of_the_family_are_taken_back_or_stay_as_they_were_created_however_large() {
    let patch = |text: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "namespace": "shop", "patch": text});
    let large = "x".repeat(100_000);
    let whole = json!([patch(&large), patch("data: {b: c}"), {"name": "a"}]);
    let remediations = created(json!({"patches": whole})).await;
    for other in [json!([patch(&large), patch("data: {b: d}"), {"name": "a"}]), json!([patch("data: {b: c}")]), json!([{"name": "b"}])] {
        let status = refusal(change(&remediations, json!({"patches": other})).await);
        assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"));
        let message = r#"Invalid value: "object": patches does not change once the remediation is created"#;
        assert_eq!(causes(status), [("FieldValueInvalid".to_owned(), message.to_owned(), "spec.patches".to_owned())]);
    }
    change(&remediations, json!({"patches": whole, "priority": "low"})).await.unwrap();
    for none in [json!([]), json!(null)] {
        change(&remediations, json!({"patches": none})).await.unwrap();
        assert_eq!(refusal(change(&remediations, json!({"patches": whole})).await).code, 422);
    }
}

#[tokio::test]
async fn what_was_not_there_is_not_added() {
    let remediations = created(json!({"rule": "r"})).await;
    for (field, value) in ours().as_object().unwrap() {
        assert_eq!(refusal(change(&remediations, json!({field: value})).await).code, 422, "{field}");
    }
}

#[tokio::test]
async fn an_object_of_the_family_is_taken_and_may_change() {
    let spec = json!({
        "remediationId": "r-1", "type": "patch", "priority": "high", "scheduledTime": "2030-01-01T00:00:00Z",
        "patches": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "shop", "patch": "{}"}],
        "approvedBy": "ada", "approvedAt": "2024-01-01T00:00:00Z", "approvalSource": "ui", "pullRequestUrl": "https://example.com/1",
    });
    let remediations = created(spec).await;
    change(&remediations, json!({"priority": "low", "scheduledTime": null, "patches": []})).await.unwrap();
    let status = json!({"status": {"phase": "applied-by-somebody", "synced": true, "appliedPatches": 1, "totalPatches": 2,
        "appliedAt": "2024-01-01T00:00:00Z", "lastSyncAttempt": "2024-01-01T00:00:00Z", "errorMessage": "none"}});
    remediations.patch_status("one", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    created(json!({})).await;
}
