//! A freshly started agent is told of thousands of old remediations, and of requests that were answered before: it repeats
//! nothing.

use std::{collections::BTreeMap, path::Path, time::Instant};

use embedded_kube::{EmbeddedKube, Options};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt, api::ListParams};
use serde_json::json;
use zen_agent::{
    client::Client,
    contract::v0::types::{Outcome, Status},
    dev, fixtures,
    fixtures::Fixtures,
    remediation::{Phase, ZenAgentRemediation},
};

use super::{Agent, DEADLINE, client, ended, id};

const BATCHES: usize = 5;
const EVENTS: usize = 100;
const OLD: usize = 3_000;
const PODS: [(&str, &str); 5] = [
    ("shop", "web-6d4cf56db6-x2x7p"),
    ("shop", "web-6d4cf56db6-h9lqd"),
    ("shop", "web-6d4cf56db6-t4zvk"),
    ("jobs", "batch-0"),
    ("jobs", "batch-1"),
];

/// The same request whenever it is asked for.
fn batch(number: usize) -> (String, String) {
    let events: Vec<_> = (0..EVENTS)
        .map(|index| {
            let (namespace, name) = PODS[index % PODS.len()];
            let target = json!({ "apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": name });
            json!({ "source": "falco", "rule": "old", "severity": "high", "time": "2026-11-23T10:00:00Z", "target": target })
        })
        .collect();
    let request = format!("01890000-0000-7000-8000-{number:012}");
    (request, json!({ "cluster_id": "dev-cluster", "events": events }).to_string())
}

async fn send_all(client: &Client, expected: Outcome) {
    for number in 0..BATCHES {
        let (request, body) = batch(number);
        let receipt = client.stable.ingest_events(&request, body).await.unwrap().into_inner();
        assert_eq!(receipt.results.len(), EVENTS);
        assert!(receipt.results.iter().all(|result| result.outcome == expected), "{receipt:?}");
    }
}

/// The version of every remediation, and of every pod that they may have been about.
async fn versions(state: &Path, prepare: bool) -> BTreeMap<String, String> {
    let store = EmbeddedKube::open(&state.join("kubernetes"), Options::default()).unwrap();
    let kube = store.client(dev::NAMESPACE);
    let remediations: Api<ZenAgentRemediation> = Api::default_namespaced(kube.clone());
    if prepare {
        let old = Fixtures::new(1, jiff::Timestamp::now()).namespace(dev::NAMESPACE).status(Phase::Succeeded).generate(OLD);
        assert_eq!(fixtures::create(&remediations, old, 32).await.unwrap(), OLD);
    }
    let remediations = remediations.list(&ListParams::default()).await.unwrap().items;
    let pods = Api::<Pod>::all(kube).list(&ListParams::default()).await.unwrap().items;
    let pods = pods.into_iter().filter(|pod| PODS.iter().any(|(_, name)| *name == pod.name_any()));
    let all = remediations
        .iter()
        .map(|one| (one.name_any(), one.resource_version()))
        .chain(pods.map(|pod| (pod.name_any(), pod.resource_version())));
    let all = all.map(|(name, version)| (name, version.unwrap())).collect();
    store.close();
    all
}

async fn all_succeeded(client: &Client) {
    let begun = Instant::now();
    loop {
        let moving = |status| async move {
            client.stable.list_remediations(None, Some(1), None, None, None, Some(&status), &id()).await.unwrap().items.len()
        };
        if moving(Status::Pending).await + moving(Status::InProgress).await == 0 {
            return;
        }
        assert!(begun.elapsed() < 3 * DEADLINE, "they do not end");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await; // pacing of a poll with a deadline
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_agent_repeats_nothing_of_thousands_of_old_remediations_and_events() {
    let _alone = super::ALONE.lock().await;
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::dev(state.path(), &[]);
    let first = client(state.path(), &agent);
    send_all(&first, Outcome::Created).await;
    all_succeeded(&first).await;
    agent.kill();
    let before = versions(state.path(), true).await;
    assert_eq!(before.len(), OLD + BATCHES * EVENTS + PODS.len());

    let mut agent = Agent::dev(state.path(), &[]);
    let second = client(state.path(), &agent);
    send_all(&second, Outcome::Replayed).await;
    // Something new is done, so the workers have been at what came before it.
    let target = json!({ "apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": "nginx-6d4cf56db6-7bzkm" });
    let event = json!({ "source": "falco", "rule": "new", "severity": "high", "time": "2026-11-23T10:00:00Z", "target": target });
    let body = json!({ "cluster_id": "dev-cluster", "events": [event] }).to_string();
    let receipt = second.stable.ingest_events(&id(), body).await.unwrap().into_inner();
    let new = receipt.results[0].remediation.clone().unwrap();
    assert_eq!(ended(&second, &new).await.status, Status::Succeeded);
    all_succeeded(&second).await;
    agent.kill();
    let mut after = versions(state.path(), false).await;
    assert!(after.remove(&new).is_some());
    assert_eq!(after, before);
}
