#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use embedded_kube::{EmbeddedKube, Options};
use http::{Request, Response};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api, Client,
    api::{DeleteParams, ObjectMeta, PostParams},
    client::Body,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;

const LONG: Duration = Duration::from_secs(20);

struct Watched {
    client: Client,
    stop: EmergencyStop,
    metrics: Metrics,
    _ended: tokio_util::sync::DropGuard,
    _directory: TempDir,
}

async fn watched() -> Watched {
    let directory = tempfile::tempdir().unwrap();
    let client = EmbeddedKube::open(directory.path(), Options::default()).unwrap().client("default");
    let namespace = Namespace { metadata: ObjectMeta { name: Some("own".into()), ..ObjectMeta::default() }, ..Namespace::default() };
    Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    let metrics = Metrics::new();
    let (watcher, stop) = Watcher::new(client.clone(), "own", &metrics);
    let ended = CancellationToken::new();
    tokio::spawn(watcher.run(ended.clone()));
    Watched { client, stop, metrics, _ended: ended.drop_guard(), _directory: directory }
}

fn map(data: serde_json::Value) -> ConfigMap {
    serde_json::from_value(json!({ "metadata": { "name": NAME }, "data": data })).unwrap()
}

#[test]
fn anything_but_false_halts() {
    assert_eq!(order(None), Order::Proceed);
    for proceed in [json!({}), json!({ "stop": "false" }), json!({ "stop": " " }), json!({ "other": "true" })] {
        assert_eq!(order(Some(&map(proceed))), Order::Proceed);
    }
    for halt in ["true", "True", "yes", "1", "FALSE", "no", "off"] {
        assert!(order(Some(&map(json!({ "stop": halt })))).halt().is_some(), "{halt}");
    }
    let said = order(Some(&map(json!({ "stop": "true", "by": "ada", "reason": "an incident" }))));
    assert_eq!(said.halt().unwrap().to_string(), "the emergency stop is set by ada: an incident");
}

#[tokio::test(start_paused = true)]
async fn switching_it_is_found_within_seconds_and_counted() {
    let watched = watched().await;
    let switch = Switch::new(watched.client.clone(), "own");
    timeout(LONG, watched.stop.known()).await.unwrap();
    assert_eq!((watched.stop.order(), watched.metrics.emergency_stop.get()), (Order::Proceed, 0));
    for _ in 0..2 {
        let switched = switch.stop("ada", "an incident").await.unwrap();
        assert_eq!(switched, Switched { stopped: true, by: "ada".into(), reason: "an incident".into() });
        timeout(LONG, watched.stop.halted()).await.unwrap();
        let halted = watched.stop.order();
        assert_eq!(
            (halted.halt().unwrap().to_string().as_str(), watched.metrics.emergency_stop.get()),
            ("the emergency stop is set by ada: an incident", 1)
        );
        assert!(!switch.resume("eve", "over").await.unwrap().stopped);
        timeout(LONG, watched.stop.other_than(&halted)).await.unwrap();
        assert_eq!((watched.stop.order(), watched.metrics.emergency_stop.get()), (Order::Proceed, 0));
    }
    // As kubectl does it.
    let maps: Api<ConfigMap> = Api::namespaced(watched.client.clone(), "own");
    maps.delete(NAME, &DeleteParams::default()).await.unwrap();
    maps.create(&PostParams::default(), &map(json!({ "stop": "yes" }))).await.unwrap();
    timeout(LONG, watched.stop.halted()).await.unwrap();
}

/// A server that refuses.
fn forbidding() -> Client {
    let answer = |_: Request<Body>| async {
        let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 403, "reason": "Forbidden", "message": "no" });
        Ok::<_, std::convert::Infallible>(Response::builder().status(403).body(Body::from(status.to_string().into_bytes())).unwrap())
    };
    Client::new(tower::service_fn(answer), "default")
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_counts_as_set_after_a_while() {
    let (watcher, stop) = Watcher::new(forbidding(), "own", &Metrics::new());
    let ended = CancellationToken::new();
    let task = tokio::spawn(watcher.run(ended.clone()));
    assert!(timeout(PATIENCE - Duration::from_secs(2), stop.known()).await.is_err());
    timeout(Duration::from_secs(10), stop.known()).await.unwrap();
    assert_eq!(stop.order(), Order::Halt(Halt::Unknown));
    ended.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn before_it_is_known_nothing_may_be_changed() {
    let (_orders, stop) = EmergencyStop::new();
    assert_eq!(stop.order(), Order::Halt(Halt::Unknown));
    timeout(LONG, stop.halted()).await.unwrap();
}
