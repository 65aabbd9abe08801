//! kill -9 of the forwarder in the middle of a flood: each event that was answered with 202 arrives, exactly once.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{Agent, HTTP, arrived, client, event, everything, forward, until, until_delivered};

const EVENTS: usize = 1_000;
const SENDERS: usize = 8;
/// How many are acknowledged between one kill and the next.
const BETWEEN_KILLS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn each_event_that_was_acknowledged_arrives_exactly_once_whenever_the_forwarder_is_killed() {
    let state = tempfile::tempdir().unwrap();
    // What becomes of them is not what this is about.
    let policy = state.path().join("policy.yaml");
    std::fs::write(&policy, "default: { mode: propose, action: { scale: { replicas: 0 } } }").unwrap();
    let agent = Agent::dev(state.path(), &["--policy", policy.to_str().unwrap()]);
    let mut forwarder = Agent::start(forward(state.path(), &agent.api, &[]));
    let address = forwarder.api.clone();
    let listen = address.trim_start_matches("http://").to_owned();
    let (next, acknowledged) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(BTreeSet::new())));
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (next, acknowledged, address) = (Arc::clone(&next), Arc::clone(&acknowledged), address.clone());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= EVENTS {
                        return;
                    }
                    // As the tools do, which try once; nobody is there for a moment after each kill.
                    let request = HTTP.post(format!("{address}/falco")).header("content-type", "application/json");
                    match request.body(event(number)).send().await {
                        Ok(answer) if answer.status().as_u16() == 202 => _ = acknowledged.lock().unwrap().insert(number),
                        Ok(answer) => panic!("answered {}", answer.status()),
                        Err(_) => tokio::time::sleep(Duration::from_secs(1)).await, // pacing
                    }
                }
            })
        })
        .collect();
    let mut kills = 0;
    let done = || acknowledged.lock().unwrap().len();
    while next.load(Ordering::Relaxed) < EVENTS {
        let goal = done() + BETWEEN_KILLS;
        until("some are acknowledged", async || done() >= goal || next.load(Ordering::Relaxed) >= EVENTS).await;
        if next.load(Ordering::Relaxed) >= EVENTS {
            break;
        }
        forwarder.kill();
        kills += 1;
        forwarder = Agent::start(forward(state.path(), &agent.api, &["--listen", &listen]));
    }
    for sender in senders {
        sender.await.unwrap();
    }
    assert!(kills > 0, "it was never killed");
    until_delivered(&forwarder).await;
    let client = client(state.path(), &agent);
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(acknowledged.len() > EVENTS / 2, "only {} were acknowledged", acknowledged.len());
    let objects: BTreeSet<_> = everything(&client).await.into_iter().map(|object| object.id).collect();
    let mut names = BTreeSet::new();
    for number in &acknowledged {
        let name = arrived(&client, "falco", &event(*number)).await.remove(0);
        assert!(objects.contains(&name), "{number} had not arrived");
        assert!(names.insert(name), "two events are one remediation");
    }
    // What was on disk, but not acknowledged when it was killed, arrives too; nothing else does.
    assert!(objects.len() <= acknowledged.len() + kills * SENDERS, "{} objects of {} events", objects.len(), acknowledged.len());
}
