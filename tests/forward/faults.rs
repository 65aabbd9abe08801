//! A flood through everything that goes wrong: the agent killed, silent, slow and cut off, the forwarder killed. Each event that was
//! answered with 202 arrives, as exactly one remediation, and the forwarder's memory does not grow with what passes through it.
//!
//! What a full disk does is in `full`.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    Agent, HTTP, arrived, client, event, everything, forward,
    full::report,
    proxy::{Fault, Proxy},
    until, until_delivered,
};

/// An agent without optimizations takes some dozens a second, and each is asked for again at the end: ten thousand would take a
/// quarter of an hour. What is done to them is the same.
const EVENTS: usize = 720;
/// Every so many is a report of 100 KB: together more than the forwarder may grow.
const REPORTS: usize = 2;
const GROWTH: u64 = 32 << 20;
const SENDERS: usize = 6;

fn tool(number: usize) -> &'static str {
    if number.is_multiple_of(REPORTS) { "trivy" } else { "falco" }
}

fn body(number: usize) -> Vec<u8> {
    if number.is_multiple_of(REPORTS) { report(number) } else { event(number) }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_that_was_acknowledged_arrives_exactly_once_through_everything_that_goes_wrong() {
    let state = tempfile::tempdir().unwrap();
    // What becomes of them is not what this is about.
    let policy = state.path().join("policy.yaml");
    std::fs::write(&policy, "default: { mode: propose, action: { scale: { replicas: 0 } } }").unwrap();
    let policy = policy.to_str().unwrap();
    let mut agent = Agent::dev(state.path(), &["--policy", policy]);
    let address = agent.api.trim_start_matches("https://").to_owned();
    let proxy = Proxy::to(address.parse().unwrap()).await;
    let to = format!("https://{}", proxy.address);
    let mut forwarder = Agent::start(forward(state.path(), &to, &[]));
    let (url, listen) = (forwarder.api.clone(), forwarder.api.trim_start_matches("http://").to_owned());
    let (next, acknowledged) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(BTreeSet::new())));
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (next, acknowledged, url) = (Arc::clone(&next), Arc::clone(&acknowledged), url.clone());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= EVENTS {
                        return;
                    }
                    let request = HTTP.post(format!("{url}/{}", tool(number))).header("content-type", "application/json");
                    match request.body(body(number)).send().await {
                        Ok(answer) if answer.status().as_u16() == 202 => _ = acknowledged.lock().unwrap().insert(number),
                        Ok(answer) => panic!("answered {}", answer.status()),
                        // Nobody is there for a moment after each kill.
                        Err(_) => tokio::time::sleep(Duration::from_millis(100)).await, // pacing
                    }
                }
            })
        })
        .collect();
    let (done, mut kills) = (|| acknowledged.lock().unwrap().len(), 0);
    until("some are acknowledged", async || done() >= SENDERS).await;
    let mut at_first = forwarder.peak_memory();
    let faults = [
        Fault::Latency(Duration::from_millis(50)),
        Fault::Reset,
        Fault::Bandwidth(1_000),
        Fault::Silence,
        Fault::Latency(Duration::from_millis(5)),
        Fault::Reset,
    ];
    for (round, fault) in faults.into_iter().enumerate() {
        let goal = EVENTS * (round + 1) / (faults.len() + 2);
        proxy.set(fault);
        until("more are taken meanwhile", async || next.load(Ordering::Relaxed) >= goal).await;
        if round % 2 == 0 {
            agent.kill();
            agent = Agent::dev(state.path(), &["--policy", policy, "--listen", &address]);
        } else {
            let grown = forwarder.peak_memory().saturating_sub(at_first);
            assert!(grown < GROWTH, "it has grown by {grown} bytes");
            forwarder.kill();
            kills += 1;
            forwarder = Agent::start(forward(state.path(), &to, &["--listen", &listen]));
            at_first = forwarder.peak_memory();
        }
        proxy.set(Fault::None);
    }
    for sender in senders {
        sender.await.unwrap();
    }
    until_delivered(&forwarder).await;
    let grown = forwarder.peak_memory().saturating_sub(at_first);
    assert!(grown < GROWTH, "it has grown by {grown} bytes");
    let client = client(state.path(), &agent);
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(acknowledged.len() > EVENTS / 2, "only {} were acknowledged", acknowledged.len());
    let objects: BTreeSet<_> = everything(&client).await.into_iter().map(|object| object.id).collect();
    let mut names = BTreeSet::new();
    for number in &acknowledged {
        let mut arrived = arrived(&client, tool(*number), &body(*number)).await;
        assert_eq!(arrived.len(), 1, "{number}");
        let name = arrived.remove(0);
        assert!(objects.contains(&name), "{number} had not arrived");
        assert!(names.insert(name), "two events are one remediation");
    }
    // What was on disk, but not acknowledged when it was killed, arrives too; nothing else does.
    assert!(objects.len() <= acknowledged.len() + kills * SENDERS, "{} objects of {} events", objects.len(), acknowledged.len());
}
