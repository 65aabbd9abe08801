//! Other forms of the same objects: metadata alone, tables, scale; and what discovery tells clients.

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::core::PartialObjectMeta;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::support::{config_map, defined, deployment, refusal, said, server, thing};

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

async fn get(client: &Client, accept: &str, path: &str) -> kube::Result<Value> {
    let request = http::Request::get(path).header("accept", accept).body(Vec::new()).unwrap();
    client.request(request).await
}

#[tokio::test]
async fn metadata_alone_is_got_listed_and_watched() {
    let (client, namespace) = server().await;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    let created = maps.create(&PostParams::default(), &config_map("one", &json!({"app": "web"}))).await.unwrap();
    let one = maps.get_metadata("one").await.unwrap();
    assert_eq!((one.uid(), one.labels()), (created.uid(), created.labels()));
    assert_eq!(one.types.unwrap().kind, "PartialObjectMetadata");
    let list = maps.list_metadata(&ListParams::default().labels("app=web")).await.unwrap();
    assert_eq!(list.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["one"]);

    let version = list.metadata.resource_version.unwrap();
    let mut watch = maps.watch_metadata(&WatchParams::default(), &version).await.unwrap().boxed();
    maps.create(&PostParams::default(), &config_map("two", &json!({}))).await.unwrap();
    let Some(WatchEvent::Added(added)) = watch.try_next().await.unwrap() else { panic!("expected the creation") };
    let added: PartialObjectMeta<ConfigMap> = added;
    assert_eq!((added.name_any(), added.types.unwrap().kind), ("two".to_owned(), "PartialObjectMetadata".to_owned()));

    let path = format!("/api/v1/namespaces/{namespace}/configmaps");
    let list = get(&client, "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", &path).await.unwrap();
    assert_eq!((&list["kind"], &list["apiVersion"]), (&json!("PartialObjectMetadataList"), &json!("meta.k8s.io/v1")));
    assert!(list["items"].as_array().unwrap().iter().all(|item| item.get("data").is_none()));
}

#[tokio::test]
async fn a_form_that_nobody_knows_is_not_acceptable() {
    let (client, namespace) = server().await;
    let path = format!("/api/v1/namespaces/{namespace}/configmaps");
    for accept in ["application/json;as=Poem;g=meta.k8s.io;v=v1", "text/html"] {
        assert_eq!(refusal(get(&client, accept, &path).await).code, 406, "{accept}");
    }
    get(&client, "text/html, application/json", &path).await.unwrap();
}

#[tokio::test]
async fn a_table_has_the_columns_that_a_definition_names() {
    let schema = json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {"size": {"type": "integer"}, "note": {"type": "string"}}},
        "status": {"type": "object", "properties": {"parts": {"type": "array", "items": {"type": "object", "properties": {
            "type": {"type": "string"}, "state": {"type": "string"}}}}}}}});
    let columns = json!([
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size", "description": "How large"},
        {"name": "Note", "type": "string", "jsonPath": ".spec.note", "priority": 1},
        {"name": "Ready", "type": "string", "jsonPath": r#".status.parts[?(@.type=="Ready")].state"#},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]);
    let mut definition = crate::support::definition("Column", "columns", &schema);
    definition["spec"]["versions"][0]["additionalPrinterColumns"] = columns;
    let things = crate::support::served("Column", "columns", definition).await;
    let created = things.create(&PostParams::default(), &thing("Column", "columns", "one", &json!({"size": 3}))).await.unwrap();
    things
        .patch_status("one", &PatchParams::default(), &Patch::Merge(json!({"status": {"parts": [{"type": "Ready", "state": "yes"}]}})))
        .await
        .unwrap();
    let path = format!("/apis/conformance.example.com/v1/namespaces/{}/columns", created.namespace().unwrap());
    let client = things.into_client();
    let table = get(&client, TABLE, &path).await.unwrap();
    assert_eq!((&table["kind"], &table["apiVersion"]), (&json!("Table"), &json!("meta.k8s.io/v1")));
    let definitions = table["columnDefinitions"].as_array().unwrap();
    let shown: Vec<_> = definitions
        .iter()
        .map(|column| (column["name"].as_str().unwrap(), column["type"].as_str().unwrap(), column["priority"].as_i64().unwrap()))
        .collect();
    assert_eq!(shown, [("Name", "string", 0), ("Size", "integer", 0), ("Note", "string", 1), ("Ready", "string", 0), ("Age", "date", 0)]);
    let row = &table["rows"][0];
    assert_eq!(row["cells"].as_array().unwrap()[..4], [json!("one"), json!(3), Value::Null, json!("yes")]);
    assert!(row["cells"][4].as_str().unwrap().ends_with('s'), "{row}");
    assert_eq!((&row["object"]["kind"], &row["object"]["metadata"]["name"]), (&json!("PartialObjectMetadata"), &json!("one")));

    let one = get(&client, TABLE, &format!("{path}/one")).await.unwrap();
    assert_eq!(one["rows"].as_array().unwrap().len(), 1);
    let whole = get(&client, TABLE, &format!("{path}?includeObject=Object")).await.unwrap();
    assert_eq!(whole["rows"][0]["object"]["spec"], json!({"size": 3}));
    let none = get(&client, TABLE, &format!("{path}?includeObject=None")).await.unwrap();
    assert!(none["rows"][0]["object"].is_null());
}

#[tokio::test]
async fn a_table_pages_like_a_list() {
    let things = defined("Row", "rows", &json!({"type": "object", "properties": {"spec": {"type": "object"}}})).await;
    for i in 0..5 {
        things.create(&PostParams::default(), &thing("Row", "rows", &format!("r{i}"), &json!({}))).await.unwrap();
    }
    let namespace = things.get("r0").await.unwrap().namespace().unwrap();
    let path = format!("/apis/conformance.example.com/v1/namespaces/{namespace}/rows?limit=3");
    let client = things.into_client();
    let first = get(&client, TABLE, &path).await.unwrap();
    assert_eq!((first["rows"].as_array().unwrap().len(), &first["metadata"]["remainingItemCount"]), (3, &json!(2)));
    let token = first["metadata"]["continue"].as_str().unwrap();
    let second = get(&client, TABLE, &format!("{path}&continue={token}")).await.unwrap();
    let names: Vec<_> = second["rows"].as_array().unwrap().iter().map(|row| row["cells"][0].as_str().unwrap()).collect();
    assert_eq!(names, ["r3", "r4"]);
}

#[tokio::test]
async fn built_in_types_have_tables_too() {
    let (client, namespace) = server().await;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), &namespace);
    deployments.create(&PostParams::default(), &deployment("web")).await.unwrap();
    let table = get(&client, TABLE, &format!("/apis/apps/v1/namespaces/{namespace}/deployments")).await.unwrap();
    let names: Vec<_> = table["columnDefinitions"].as_array().unwrap().iter().map(|column| column["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Name", "Ready", "Up-to-date", "Available", "Age", "Containers", "Images", "Selector"]);
    assert_eq!(table["rows"][0]["cells"].as_array().unwrap()[..4], [json!("web"), json!("0/1"), json!(0), json!(0)]);
}

#[tokio::test]
async fn the_scale_of_a_workload_is_read_and_changed() {
    let (client, namespace) = server().await;
    let deployments: Api<Deployment> = Api::namespaced(client, &namespace);
    let created = deployments.create(&PostParams::default(), &deployment("web")).await.unwrap();
    let scale = deployments.get_scale("web").await.unwrap();
    assert_eq!((scale.spec.clone().unwrap().replicas, scale.status.clone().unwrap().selector.as_deref()), (Some(1), Some("app=web")));
    assert_eq!((scale.metadata.uid.clone(), scale.metadata.resource_version.clone()), (created.uid(), created.resource_version()));

    let patched = deployments.patch_scale("web", &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": 3}}))).await.unwrap();
    assert_eq!(patched.spec.unwrap().replicas, Some(3));
    let changed = deployments.get("web").await.unwrap();
    assert_eq!((changed.spec.unwrap().replicas, changed.metadata.generation), (Some(3), Some(2)));

    assert_eq!(refusal(deployments.replace_scale("web", &PostParams::default(), &scale).await).code, 409);
    let mut fresh = deployments.get_scale("web").await.unwrap();
    fresh.spec.get_or_insert_default().replicas = Some(2);
    deployments.replace_scale("web", &PostParams::default(), &fresh).await.unwrap();
    assert_eq!(deployments.get("web").await.unwrap().spec.unwrap().replicas, Some(2));
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    let tried = deployments.patch_scale("web", &dry, &Patch::Merge(json!({"spec": {"replicas": 9}}))).await.unwrap();
    assert_eq!(tried.spec.unwrap().replicas, Some(9));
    assert_eq!(deployments.get("web").await.unwrap().spec.unwrap().replicas, Some(2));

    let (code, reason, _) =
        said(deployments.patch_scale("web", &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": -1}}))).await);
    assert_eq!((code, reason.as_str()), (422, "Invalid"));
    assert_eq!(refusal(deployments.get_scale("absent").await).code, 404);
}

#[tokio::test]
async fn a_patch_of_the_scale_holds_only_for_the_workload_as_it_was_read() {
    let (client, namespace) = server().await;
    let deployments: Api<Deployment> = Api::namespaced(client, &namespace);
    let read = deployments.create(&PostParams::default(), &deployment("web")).await.unwrap();
    let as_read = |version: Option<String>, uid: Option<String>, replicas: i32| {
        Patch::Merge(json!({"metadata": {"uid": uid, "resourceVersion": version}, "spec": {"replicas": replicas}}))
    };
    let params = PatchParams::default();
    let patched = deployments.patch_scale("web", &params, &as_read(read.resource_version(), read.uid(), 3)).await.unwrap();
    assert_eq!((patched.metadata.uid.clone(), patched.spec.unwrap().replicas), (read.uid(), Some(3)));

    // Its own write has made what it read stale; and so does anybody else's.
    let stale = refusal(deployments.patch_scale("web", &params, &as_read(read.resource_version(), read.uid(), 4)).await);
    assert_eq!((stale.code, stale.reason.as_str()), (409, "Conflict"));
    let label = Patch::Merge(json!({"metadata": {"labels": {"by": "another"}}}));
    deployments.patch("web", &params, &label).await.unwrap();
    let stale = refusal(deployments.patch_scale("web", &params, &as_read(patched.metadata.resource_version, read.uid(), 4)).await);
    assert_eq!((stale.code, stale.reason.as_str()), (409, "Conflict"));

    let fresh = deployments.get("web").await.unwrap();
    let replaced = Some("00000000-0000-4000-8000-000000000000".to_owned());
    assert_eq!(refusal(deployments.patch_scale("web", &params, &as_read(fresh.resource_version(), replaced, 4)).await).code, 409);
    assert_eq!(deployments.get("web").await.unwrap().spec.unwrap().replicas, Some(3));
}

#[tokio::test]
async fn documents_name_the_types_and_that_fields_can_be_validated() {
    let (client, _) = server().await;
    let index = get(&client, "application/json", "/openapi/v3").await.unwrap();
    let url = index["paths"]["api/v1"]["serverRelativeURL"].as_str().unwrap();
    let document = get(&client, "application/json", url).await.unwrap();
    let patch = &document["paths"]["/api/v1/namespaces/{namespace}/configmaps/{name}"]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"], json!({"group": "", "version": "v1", "kind": "ConfigMap"}));
    assert!(patch["parameters"].as_array().unwrap().iter().any(|parameter| parameter["name"] == "fieldValidation"), "{patch}");
    let resources = client.list_api_group_resources("apps/v1").await.unwrap().resources;
    let scale = resources.iter().find(|resource| resource.name == "deployments/scale").unwrap();
    assert_eq!((scale.kind.as_str(), scale.group.as_deref()), ("Scale", Some("autoscaling")));
    let deployments = resources.iter().find(|resource| resource.name == "deployments").unwrap();
    assert_eq!(
        (deployments.short_names.as_deref(), deployments.categories.as_deref()),
        (Some(&["deploy".to_owned()][..]), Some(&["all".to_owned()][..]))
    );
}
