//! What only the embedded store does: seeding, reopening, bounds and refusals.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use embedded_kube::{EmbeddedKube, OpenError, Options, SeedError};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, PostParams, WatchEvent, WatchParams};
use kube::core::{ApiResource, GroupVersionKind, Status};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(60);

fn open(directory: &tempfile::TempDir) -> EmbeddedKube {
    EmbeddedKube::open(directory.path(), Options::default()).unwrap()
}

fn config_map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}, "data": {"key": "value"}})).unwrap()
}

async fn create(maps: &Api<ConfigMap>, name: &str) -> ConfigMap {
    maps.create(&PostParams::default(), &config_map(name)).await.unwrap()
}

fn refusal<T: std::fmt::Debug>(result: kube::Result<T>) -> Status {
    match result {
        Err(kube::Error::Api(status)) => *status,
        other => panic!("expected a refusal, not {other:?}"),
    }
}

#[tokio::test]
async fn a_seeded_object_keeps_its_uid_and_status_and_is_seeded_once() {
    let directory = tempfile::tempdir().unwrap();
    let kube = open(&directory);
    let pod = |phase: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "default", "uid": "fixed"},
               "spec": {"nodeName": "n"}, "status": {"phase": phase}})
    };
    assert!(kube.seed(pod("Running")).await.unwrap());
    assert!(!kube.seed(pod("Failed")).await.unwrap());
    let stored = Api::<Pod>::default_namespaced(kube.client("default")).get("web").await.unwrap();
    assert_eq!(stored.uid().as_deref(), Some("fixed"));
    assert_eq!(stored.status.unwrap().phase.as_deref(), Some("Running"));

    let unknown = kube.seed(json!({"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "x"}})).await;
    assert!(matches!(unknown, Err(SeedError::UnknownType { .. })));
    let nowhere = kube.seed(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": "nowhere"}})).await;
    assert!(matches!(nowhere, Err(SeedError::Refused(_))));
}

#[tokio::test]
async fn objects_versions_and_custom_types_are_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let kube = open(&directory);
    let definition: CustomResourceDefinition = serde_json::from_value(json!({
        "metadata": {"name": "things.example.com"},
        "spec": {"group": "example.com", "names": {"kind": "Thing", "plural": "things"}, "scope": "Namespaced", "versions": [
            {"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "size": {"type": "integer", "default": 3}}}}}]},
    }))
    .unwrap();
    Api::all(kube.client("default")).create(&PostParams::default(), &definition).await.unwrap();
    let ty = ApiResource::from_gvk(&GroupVersionKind::gvk("example.com", "v1", "Thing"));
    let things: Api<DynamicObject> = Api::default_namespaced_with(kube.client("default"), &ty);
    let before = things.create(&PostParams::default(), &DynamicObject::new("one", &ty)).await.unwrap();
    kube.close();
    assert_eq!(refusal(things.get("one").await).code, 503);
    assert_eq!(refusal(things.create(&PostParams::default(), &DynamicObject::new("two", &ty)).await).code, 503);

    let kube = open(&directory);
    let things: Api<DynamicObject> = Api::default_namespaced_with(kube.client("default"), &ty);
    assert_eq!(things.get("one").await.unwrap(), before);
    let after = things.create(&PostParams::default(), &DynamicObject::new("two", &ty)).await.unwrap();
    assert_eq!(after.data["size"], 3);
    let version = |object: &DynamicObject| object.resource_version().unwrap().parse::<u64>().unwrap();
    assert_eq!(version(&after), version(&before) + 1);
}

#[tokio::test]
async fn a_store_that_is_open_elsewhere_does_not_open_again() {
    let directory = tempfile::tempdir().unwrap();
    let _kube = open(&directory);
    assert!(matches!(EmbeddedKube::open(directory.path(), Options::default()), Err(OpenError::File { .. })));
}

async fn first_event(maps: &Api<ConfigMap>, version: &str) -> WatchEvent<ConfigMap> {
    let mut stream = maps.watch(&WatchParams::default(), version).await.unwrap().boxed();
    tokio::time::timeout(DEADLINE, stream.try_next()).await.unwrap().unwrap().unwrap()
}

#[tokio::test]
async fn a_watch_from_before_the_history_is_told_so_in_its_stream() {
    let directory = tempfile::tempdir().unwrap();
    let kube = EmbeddedKube::open(directory.path(), Options { watch_history: 5, ..Options::default() }).unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(kube.client("default"));
    let first = create(&maps, "first").await.resource_version().unwrap();
    for i in 0..6 {
        create(&maps, &format!("m{i}")).await;
    }
    assert!(matches!(first_event(&maps, &first).await, WatchEvent::Error(status) if status.code == 410 && status.reason == "Expired"));
    let last = maps.get("m5").await.unwrap().resource_version().unwrap();
    kube.close();

    let kube = open(&directory);
    let maps: Api<ConfigMap> = Api::default_namespaced(kube.client("default"));
    let before = (last.parse::<u64>().unwrap() - 1).to_string();
    assert!(matches!(first_event(&maps, &before).await, WatchEvent::Error(status) if status.code == 410));
    create(&maps, "after").await;
    assert!(matches!(first_event(&maps, &last).await, WatchEvent::Added(map) if map.name_any() == "after"));
}

#[tokio::test(start_paused = true)]
async fn a_quiet_watch_is_sent_bookmarks() {
    let directory = tempfile::tempdir().unwrap();
    let kube = open(&directory);
    let maps: Api<ConfigMap> = Api::default_namespaced(kube.client("default"));
    let pods: Api<Pod> = Api::default_namespaced(kube.client("default"));
    let mut stream = pods.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    let version = create(&maps, "elsewhere").await.resource_version().unwrap();
    let Some(WatchEvent::Bookmark(bookmark)) = stream.try_next().await.unwrap() else { panic!("expected a bookmark") };
    assert_eq!(bookmark.metadata.resource_version, version);
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_waits_too_long_expires_and_can_go_on_inconsistently() {
    let directory = tempfile::tempdir().unwrap();
    let kube = open(&directory);
    let maps: Api<ConfigMap> = Api::default_namespaced(kube.client("default"));
    for i in 0..6 {
        create(&maps, &format!("m{i}")).await;
    }
    let token = maps.list(&ListParams::default().limit(2)).await.unwrap().metadata.continue_.unwrap();
    maps.delete("m2", &DeleteParams::default()).await.unwrap();
    tokio::time::advance(Duration::from_secs(301)).await;
    let status = refusal(maps.list(&ListParams::default().limit(2).continue_token(&token)).await);
    assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));
    assert!(status.message.starts_with("The provided continue parameter is too old"));
    let token = status.metadata.unwrap().continue_.unwrap();
    let rest = maps.list(&ListParams::default().continue_token(&token)).await.unwrap();
    assert_eq!(rest.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["m3", "m4", "m5"]);
}

#[tokio::test]
async fn a_listing_does_not_survive_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let kube = open(&directory);
    let maps: Api<ConfigMap> = Api::default_namespaced(kube.client("default"));
    for i in 0..3 {
        create(&maps, &format!("m{i}")).await;
    }
    let token = maps.list(&ListParams::default().limit(1)).await.unwrap().metadata.continue_.unwrap();
    kube.close();
    let maps: Api<ConfigMap> = Api::default_namespaced(open(&directory).client("default"));
    assert_eq!(refusal(maps.list(&ListParams::default().continue_token(&token)).await).code, 410);
}

/// The most memory that this process has used, in KiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_objects_are_paged_through_once_each_in_little_memory() {
    const FILLED: &str = "EMBEDDED_KUBE_FILLED";
    const COUNT: usize = 10_000;
    if let Ok(filled) = std::env::var(FILLED) {
        return paged_through(Path::new(&filled), COUNT).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let kube = EmbeddedKube::open(directory.path(), Options { watch_history: 100, ..Options::default() }).unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(kube.client("default"));
    let filling = "x".repeat(8_000);
    let creating = futures::stream::iter(0..COUNT).map(|i| {
        let (maps, filling) = (maps.clone(), filling.clone());
        async move {
            let mut map = config_map(&format!("m{i:05}"));
            map.data.get_or_insert_default().insert("filling".into(), filling);
            maps.create(&PostParams::default(), &map).await
        }
    });
    creating.buffer_unordered(64).try_for_each(|_| async { Ok(()) }).await.unwrap();
    kube.close();
    // In a process of its own, and with one arena: what is measured is what the store holds, and not what other tests do, or
    // what glibc keeps for reuse in the arena of whichever thread was asked.
    let measured = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ten_thousand_objects_are_paged_through_once_each_in_little_memory", "--nocapture"])
        .env(FILLED, directory.path())
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    assert!(measured.status.success(), "{}", String::from_utf8_lossy(&measured.stderr));
}

/// 80 MB of objects are opened, paged through and streamed within less than that.
async fn paged_through(directory: &Path, count: usize) {
    let before = peak_memory();
    let kube = EmbeddedKube::open(directory, Options::default()).unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(kube.client("default"));
    let (mut token, mut seen, mut pages) = (None::<String>, BTreeSet::new(), 0);
    loop {
        let page = maps.list(&ListParams { limit: Some(250), continue_token: token, ..ListParams::default() }).await.unwrap();
        pages += 1;
        let left = u64::try_from(page.metadata.remaining_item_count.unwrap_or_default()).unwrap();
        assert_eq!(left, (count - 250 * pages) as u64);
        for map in page.items {
            assert!(seen.insert(map.name_any()));
        }
        token = page.metadata.continue_.filter(|token| !token.is_empty());
        if token.is_none() {
            break;
        }
    }
    let request = http::Request::get("/api/v1/configmaps").body(kube::client::Body::empty()).unwrap();
    let mut body = http_body_util::BodyExt::into_data_stream(maps.into_client().send(request).await.unwrap().into_body());
    let mut bytes = 0;
    while let Some(piece) = body.try_next().await.unwrap() {
        bytes += piece.len();
    }
    assert_eq!((seen.len(), pages), (count, count / 250));
    assert!(bytes > 80_000_000);
    assert!(peak_memory() - before < 60_000, "peak memory grew by {} KiB", peak_memory() - before);
}

async fn raw(kube: &EmbeddedKube, method: &str, path: &str, content_type: &str, body: Vec<u8>) -> Status {
    let request = http::Request::builder().method(method).uri(path).header("content-type", content_type).body(body).unwrap();
    refusal(kube.client("default").request::<Value>(request).await)
}

#[tokio::test]
async fn what_is_lacking_is_refused_as_a_server_without_it_would() {
    let directory = tempfile::tempdir().unwrap();
    let kube = open(&directory);
    create(&Api::default_namespaced(kube.client("default")), "one").await;
    let map = "/api/v1/namespaces/default/configmaps/one";
    let empty = || b"{}".to_vec();
    let cases = [
        (raw(&kube, "PATCH", map, "application/apply-patch+yaml", empty()).await, 415, "UnsupportedMediaType"),
        (raw(&kube, "PATCH", map, "application/strategic-merge-patch+json", empty()).await, 415, "UnsupportedMediaType"),
        (raw(&kube, "PUT", map, "application/yaml", empty()).await, 415, "UnsupportedMediaType"),
        (raw(&kube, "POST", map, "application/json", empty()).await, 405, "MethodNotAllowed"),
        (raw(&kube, "DELETE", "/api/v1/namespaces/default/configmaps", "application/json", empty()).await, 405, "MethodNotAllowed"),
        (raw(&kube, "DELETE", "/api/v1/namespaces/default", "application/json", empty()).await, 405, "MethodNotAllowed"),
        (raw(&kube, "POST", "/api/v1/namespaces/default/pods/x/binding", "application/json", empty()).await, 404, "NotFound"),
        (raw(&kube, "GET", "/api/v1/namespaces/default/configmaps/one/status", "", empty()).await, 404, "NotFound"),
        (raw(&kube, "GET", "/api/v1/endpoints", "", empty()).await, 404, "NotFound"),
        (raw(&kube, "GET", "/apis/rbac.authorization.k8s.io/v1/roles", "", empty()).await, 404, "NotFound"),
        (raw(&kube, "GET", "/somewhere", "", empty()).await, 404, "NotFound"),
        (raw(&kube, "PUT", map, "application/json", b"{".to_vec()).await, 400, "BadRequest"),
        (raw(&kube, "PUT", map, "application/json", b"[]".to_vec()).await, 400, "BadRequest"),
        (raw(&kube, "PUT", map, "application/json", vec![b' '; 4 << 20]).await, 413, "RequestEntityTooLarge"),
        (raw(&kube, "GET", "/api/v1/configmaps?limit=x", "", empty()).await, 400, "BadRequest"),
        (raw(&kube, "GET", "/api/v1/configmaps?resourceVersion=999999999", "", empty()).await, 504, "Timeout"),
        (raw(&kube, "GET", "/api/v1/configmaps?resourceVersionMatch=Exact", "", empty()).await, 422, "Invalid"),
        (raw(&kube, "GET", "/api/v1/configmaps?watch=1&sendInitialEvents=true", "", empty()).await, 422, "Invalid"),
    ];
    for (index, (status, code, reason)) in cases.into_iter().enumerate() {
        assert_eq!((status.code, status.reason.as_str()), (code, reason), "case {index}: {}", status.message);
    }
    let mut large = config_map("large");
    large.data.get_or_insert_default().insert("filling".into(), "x".repeat(1_600_000));
    let maps: Api<ConfigMap> = Api::default_namespaced(kube.client("default"));
    assert_eq!(refusal(maps.create(&PostParams::default(), &large).await).code, 413);
}
