//! Create, read and change.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::support::{config_map, config_maps, deployment, refusal, said, server};

#[tokio::test]
async fn a_created_object_bears_what_the_server_sets_and_reads_back_the_same() {
    let maps = config_maps().await;
    let mut sent = config_map("one", &json!({"a": "b"}));
    sent.metadata.uid = Some("mine".into());
    let created = maps.create(&PostParams::default(), &sent).await.unwrap();
    assert_eq!(created.data, sent.data);
    assert_eq!(created.labels(), sent.labels());
    assert_ne!(created.uid().as_deref(), Some("mine"));
    assert!(created.creation_timestamp().is_some());
    assert!(created.resource_version().unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!(maps.get("one").await.unwrap(), created);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let maps = config_maps().await;
    let status = refusal(maps.get("absent").await);
    assert_eq!((status.code, status.reason.as_str(), status.message.as_str()), (404, "NotFound", r#"configmaps "absent" not found"#));
    let details = status.details.unwrap();
    assert_eq!((details.name.as_str(), details.kind.as_str()), ("absent", "configmaps"));
}

#[tokio::test]
async fn a_second_creation_of_a_name_is_refused() {
    let maps = config_maps().await;
    maps.create(&PostParams::default(), &config_map("one", &json!({}))).await.unwrap();
    let again = said(maps.create(&PostParams::default(), &config_map("one", &json!({}))).await);
    assert_eq!(again, (409, "AlreadyExists".into(), r#"configmaps "one" already exists"#.into()));
}

#[tokio::test]
async fn of_concurrent_creations_of_a_name_one_succeeds() {
    let maps = config_maps().await;
    let map = config_map("one", &json!({}));
    let params = PostParams::default();
    let outcomes = futures::future::join_all((0..20).map(|_| maps.create(&params, &map))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
}

#[tokio::test]
async fn a_name_is_generated_from_its_beginning() {
    let maps = config_maps().await;
    let mut map = config_map("", &json!({}));
    map.metadata.name = None;
    map.metadata.generate_name = Some("begin-".into());
    let created = maps.create(&PostParams::default(), &map).await.unwrap();
    assert_eq!((created.name_any().len(), created.name_any().starts_with("begin-")), (11, true));
}

#[tokio::test]
async fn metadata_that_breaks_the_rules_is_invalid() {
    let maps = config_maps().await;
    let status = refusal(maps.create(&PostParams::default(), &config_map("Upper_Case", &json!({}))).await);
    assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"));
    assert!(
        status
            .message
            .starts_with(r#"ConfigMap "Upper_Case" is invalid: metadata.name: Invalid value: "Upper_Case": a lowercase RFC 1123"#)
    );
    let causes = status.details.unwrap().causes;
    assert_eq!((causes[0].reason.as_str(), causes[0].field.as_str()), ("FieldValueInvalid", "metadata.name"));

    let status = refusal(maps.create(&PostParams::default(), &config_map("x", &json!({"bad key": "v"}))).await);
    assert_eq!((status.code, status.details.unwrap().causes[0].field.as_str()), (422, "metadata.labels"));
    let mut nameless = config_map("", &json!({}));
    nameless.metadata.name = None;
    let status = refusal(maps.create(&PostParams::default(), &nameless).await);
    assert_eq!((status.code, status.details.unwrap().causes[0].reason.as_str()), (422, "FieldValueRequired"));
}

#[tokio::test]
async fn a_namespace_must_be_there_and_be_the_one_of_the_path() {
    let (client, namespace) = server().await;
    let elsewhere: Api<ConfigMap> = Api::namespaced(client.clone(), "no-such-namespace");
    let refused = said(elsewhere.create(&PostParams::default(), &config_map("one", &json!({}))).await);
    assert_eq!(refused, (404, "NotFound".into(), r#"namespaces "no-such-namespace" not found"#.into()));

    let maps: Api<ConfigMap> = Api::namespaced(client, &namespace);
    let mut map = config_map("one", &json!({}));
    map.metadata.namespace = Some("default".into());
    let (code, reason, message) = said(maps.create(&PostParams::default(), &map).await);
    assert_eq!((code, reason.as_str()), (400, "BadRequest"));
    assert_eq!(message, "the namespace of the provided object does not match the namespace sent on the request");
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let (client, namespace) = server().await;
    let body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}).to_string();
    let request = http::Request::post(format!("/api/v1/namespaces/{namespace}/configmaps"));
    let request = request.header("content-type", "application/json").body(body.into_bytes()).unwrap();
    assert_eq!(refusal(client.request::<ConfigMap>(request).await).code, 400);
}

#[tokio::test]
async fn a_put_of_an_old_version_conflicts() {
    let maps = config_maps().await;
    let first = maps.create(&PostParams::default(), &config_map("one", &json!({}))).await.unwrap();
    let mut second = first.clone();
    second.data.get_or_insert_default().insert("more".into(), "x".into());
    maps.replace("one", &PostParams::default(), &second).await.unwrap();
    let (code, reason, message) = said(maps.replace("one", &PostParams::default(), &second).await);
    assert_eq!((code, reason.as_str()), (409, "Conflict"));
    assert_eq!(
        message,
        r#"Operation cannot be fulfilled on configmaps "one": the object has been modified; please apply your changes to the latest version and try again"#
    );
}

#[tokio::test]
async fn a_put_must_name_the_object_of_the_path_and_its_uid() {
    let maps = config_maps().await;
    let created = maps.create(&PostParams::default(), &config_map("one", &json!({}))).await.unwrap();
    let mut other = created.clone();
    other.metadata.name = Some("two".into());
    let (code, _, message) = said(maps.replace("one", &PostParams::default(), &other).await);
    assert_eq!((code, message.as_str()), (400, "the name of the object (two) does not match the name on the URL (one)"));
    let mut other = created;
    other.metadata.uid = Some("another".into());
    assert_eq!(refusal(maps.replace("one", &PostParams::default(), &other).await).code, 409);
    let (code, ..) = said(maps.replace("absent", &PostParams::default(), &config_map("absent", &json!({}))).await);
    assert_eq!(code, 404);
}

#[tokio::test]
async fn an_update_that_changes_nothing_keeps_the_version() {
    let maps = config_maps().await;
    let created = maps.create(&PostParams::default(), &config_map("one", &json!({"a": "b"}))).await.unwrap();
    let patch = Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}, "data": {"key": "value"}}));
    let patched = maps.patch("one", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(patched.resource_version(), created.resource_version());
    let replaced = maps.replace("one", &PostParams::default(), &created).await.unwrap();
    assert_eq!(replaced.resource_version(), created.resource_version());
}

#[tokio::test]
async fn a_patch_with_a_version_is_checked_and_one_without_never_conflicts() {
    let maps = config_maps().await;
    let created = maps.create(&PostParams::default(), &config_map("one", &json!({}))).await.unwrap();
    let (maps, params) = (&maps, PatchParams::default());
    let patches = (0..20).map(|i| {
        let params = params.clone();
        async move { maps.patch("one", &params, &Patch::Merge(json!({"data": {format!("k{i}"): "v"}}))).await }
    });
    for outcome in futures::future::join_all(patches).await {
        outcome.unwrap();
    }
    assert_eq!(maps.get("one").await.unwrap().data.unwrap().len(), 21);

    let stale = json!({"metadata": {"resourceVersion": created.resource_version()}, "data": {"late": "x"}});
    assert_eq!(refusal(maps.patch("one", &params, &Patch::Merge(stale)).await).code, 409);
}

#[tokio::test]
async fn a_json_patch_applies_as_a_whole_or_not_at_all() {
    let maps = config_maps().await;
    maps.create(&PostParams::default(), &config_map("one", &json!({}))).await.unwrap();
    let send = async |patch: serde_json::Value| {
        let patch = Patch::<ConfigMap>::Json(serde_json::from_value(patch).unwrap());
        maps.patch("one", &PatchParams::default(), &patch).await
    };
    let patched =
        send(json!([{"op": "test", "path": "/data/key", "value": "value"}, {"op": "add", "path": "/data/x", "value": "y"}])).await;
    assert_eq!(patched.unwrap().data.unwrap()["x"], "y");
    let failing = json!([{"op": "remove", "path": "/data/x"}, {"op": "test", "path": "/data/key", "value": "other"}]);
    let status = refusal(send(failing).await);
    assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"));
    assert_eq!(maps.get("one").await.unwrap().data.unwrap()["x"], "y");
}

#[tokio::test]
async fn spec_and_status_are_written_apart_and_only_the_spec_counts_as_a_generation() {
    let (client, namespace) = server().await;
    let deployments: Api<Deployment> = Api::namespaced(client, &namespace);
    let created = deployments.create(&PostParams::default(), &deployment("web")).await.unwrap();
    assert_eq!(created.status.clone().and_then(|status| status.replicas), None);
    assert_eq!(created.metadata.generation, Some(1));

    let params = PatchParams::default();
    let both = Patch::Merge(json!({"spec": {"replicas": 3}, "status": {"replicas": 3, "readyReplicas": 3}}));
    let patched = deployments.patch_status("web", &params, &both).await.unwrap();
    assert_eq!((patched.spec.unwrap().replicas, patched.status.unwrap().ready_replicas), (Some(1), Some(3)));
    assert_eq!(patched.metadata.generation, Some(1));

    let both = Patch::Merge(json!({"spec": {"replicas": 3}, "status": {"readyReplicas": 1}}));
    let patched = deployments.patch("web", &params, &both).await.unwrap();
    assert_eq!((patched.spec.unwrap().replicas, patched.status.unwrap().ready_replicas), (Some(3), Some(3)));
    assert_eq!(patched.metadata.generation, Some(2));

    let labelled = deployments.patch("web", &params, &Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}}))).await.unwrap();
    assert_eq!(labelled.metadata.generation, Some(2));
}

#[tokio::test]
async fn a_dry_run_answers_and_leaves_nothing() {
    let maps = config_maps().await;
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let created = maps.create(&dry, &config_map("one", &json!({}))).await.unwrap();
    assert!(created.uid().is_some());
    assert_eq!(refusal(maps.get("one").await).code, 404);

    let stored = maps.create(&PostParams::default(), &config_map("one", &json!({}))).await.unwrap();
    let patch = Patch::Merge(json!({"data": {"more": "x"}}));
    let patched = maps.patch("one", &PatchParams { dry_run: true, ..PatchParams::default() }, &patch).await.unwrap();
    assert_eq!(patched.data.unwrap()["more"], "x");
    let mut changed = stored.clone();
    changed.data.get_or_insert_default().insert("more".into(), "x".into());
    assert_eq!(maps.replace("one", &dry, &changed).await.unwrap().data, changed.data);
    assert_eq!(maps.get("one").await.unwrap(), stored);
    assert_eq!(said(maps.create(&dry, &config_map("one", &json!({}))).await).1, "AlreadyExists");
    assert_eq!(refusal(maps.create(&dry, &config_map("Not_A_Name", &json!({}))).await).code, 422);
    changed.metadata.resource_version = Some("1".into());
    assert_eq!(refusal(maps.replace("one", &dry, &changed).await).code, 409);
}

#[tokio::test]
async fn a_dry_run_of_the_status_changes_nothing() {
    let (client, namespace) = server().await;
    let deployments: Api<Deployment> = Api::namespaced(client, &namespace);
    let created = deployments.create(&PostParams::default(), &deployment("web")).await.unwrap();
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    let patch = Patch::Merge(json!({"status": {"replicas": 1, "readyReplicas": 1}}));
    let tried = deployments.patch_status("web", &dry, &patch).await.unwrap();
    assert_eq!(tried.status.unwrap().ready_replicas, Some(1));
    assert_eq!(deployments.get("web").await.unwrap(), created);
}

#[tokio::test]
async fn a_patch_that_is_none_is_a_bad_request_and_one_that_does_not_fit_is_invalid() {
    let (client, namespace) = server().await;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    maps.create(&PostParams::default(), &config_map("one", &json!({}))).await.unwrap();
    let send = async |kind: &str, body: &str| {
        let request = http::Request::patch(format!("/api/v1/namespaces/{namespace}/configmaps/one"));
        let request = request.header("content-type", format!("application/{kind}")).body(body.as_bytes().to_vec()).unwrap();
        let status = refusal(client.request::<serde_json::Value>(request).await);
        (status.code, status.reason)
    };
    for (kind, body) in [("merge-patch+json", "{"), ("merge-patch+json", "[]"), ("json-patch+json", "{}"), ("json-patch+json", "[1]")] {
        assert_eq!(send(kind, body).await, (400, "BadRequest".to_owned()), "{kind} {body}");
    }
    for body in [
        r#"[{"op": "invent", "path": "/data/key"}]"#,
        r#"[{"op": "remove"}]"#,
        r#"[{"op": "remove", "path": "/data/absent"}]"#,
        r#"[{"op": "replace", "path": "/absent/deep", "value": "x"}]"#,
        r#"[{"op": "add", "path": "/absent/deep", "value": "x"}]"#,
        r#"[{"op": "move", "from": "/data/absent", "path": "/data/x"}]"#,
        r#"[{"op": "add", "path": "/metadata/labels", "value": 7}]"#,
    ] {
        assert_eq!(send("json-patch+json", body).await, (422, "Invalid".to_owned()), "{body}");
    }
    let made = Patch::<ConfigMap>::Json(serde_json::from_value(json!([{"op": "replace", "path": "/data/absent", "value": "x"}])).unwrap());
    assert_eq!(maps.patch("one", &PatchParams::default(), &made).await.unwrap().data.unwrap()["absent"], "x");
    assert_eq!(send("json-patch+json", r#"[{"op": "replace", "path": "/metadata/name", "value": "two"}]"#).await.0, 400);
    assert_eq!(send("merge-patch+json", r#"{"metadata": {"labels": 7}}"#).await, (422, "Invalid".to_owned()));
}

#[tokio::test]
async fn a_creation_with_a_version_is_refused() {
    let maps = config_maps().await;
    let mut map = config_map("one", &json!({}));
    map.metadata.resource_version = Some("1".into());
    let (code, _, message) = said(maps.create(&PostParams::default(), &map).await);
    assert_eq!((code, message.as_str()), (500, "resourceVersion should not be set on objects to be created"));
}

#[tokio::test]
async fn the_version_and_the_resources_of_a_group_can_be_discovered() {
    let (client, _) = server().await;
    assert_eq!(client.apiserver_version().await.unwrap().major, "1");
    let resources = client.list_api_group_resources("apps/v1").await.unwrap().resources;
    let deployments = resources.iter().find(|resource| resource.name == "deployments").unwrap();
    assert!(deployments.namespaced && deployments.kind == "Deployment");
    assert!(resources.iter().any(|resource| resource.name == "deployments/status"));
    assert!(client.list_core_api_resources("v1").await.unwrap().resources.iter().any(|resource| resource.name == "pods"));
}
