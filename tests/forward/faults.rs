//! A flood through everything that goes wrong: the agent killed, silent, slow and cut off, the forwarder killed, its disk full. Each
//! event that was answered with 202 arrives, as exactly one remediation, and the forwarder's memory does not grow with what passes
//! through it.
//!
//! FORWARD_EVENTS is how many come: `FORWARD_EVENTS=10000 cargo test --test forward everything_that_goes_wrong -- --nocapture`.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    Agent, DEADLINE, HTTP, arrived, client, event, everything, forward,
    full::{on_a_small_disk, report},
    metric,
    proxy::{Fault, Proxy},
    until_within,
};

/// An agent without optimizations takes some dozens a second, and each is asked for again at the end: ten thousand take a quarter of
/// an hour. What is done to them is the same.
const EVENTS: usize = 720;
/// Every so many is a report of 100 KB: together more than the forwarder may grow.
const REPORTS: usize = 2;
const GROWTH: u64 = 32 << 20;
const SENDERS: usize = 6;
/// What may be written once the disk gets full, in kilobytes.
const LEFT: u32 = 1 << 10;

fn tool(number: usize) -> &'static str {
    if number.is_multiple_of(REPORTS) { "trivy" } else { "falco" }
}

/// By how much it has grown since, which is less than went through it.
fn grown(forwarder: &Agent, at_first: u64) -> u64 {
    let grown = forwarder.peak_memory().saturating_sub(at_first);
    assert!(grown < GROWTH, "it has grown by {grown} bytes");
    grown
}

fn body(number: usize) -> Vec<u8> {
    if number.is_multiple_of(REPORTS) { report(number) } else { event(number) }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_that_was_acknowledged_arrives_exactly_once_through_everything_that_goes_wrong() {
    let wanted = std::env::var("FORWARD_EVENTS").map_or(EVENTS, |events| events.parse().expect("FORWARD_EVENTS is a number"));
    let patience = DEADLINE * u32::try_from(wanted.div_ceil(EVENTS)).unwrap();
    let until = async |what: &str, holds: &dyn Fn() -> bool| until_within(patience, what, async || holds()).await;
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
    let (no_room, refused, over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (next, acknowledged, url) = (Arc::clone(&next), Arc::clone(&acknowledged), url.clone());
            let (no_room, refused, over) = (Arc::clone(&no_room), Arc::clone(&refused), Arc::clone(&over));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= wanted && over.load(Ordering::Relaxed) {
                        return;
                    }
                    let may_be_full = no_room.load(Ordering::Relaxed);
                    let request = HTTP.post(format!("{url}/{}", tool(number))).header("content-type", "application/json");
                    match request.body(body(number)).send().await {
                        Ok(answer) if answer.status().as_u16() == 202 => _ = acknowledged.lock().unwrap().insert(number),
                        Ok(answer) if answer.status().as_u16() == 503 && may_be_full => {
                            refused.fetch_add(1, Ordering::Relaxed);
                            tokio::time::sleep(Duration::from_millis(100)).await; // pacing
                        }
                        Ok(answer) => panic!("answered {}", answer.status()),
                        // Nobody is there for a moment after each kill.
                        Err(_) => tokio::time::sleep(Duration::from_millis(100)).await, // pacing
                    }
                }
            })
        })
        .collect();
    let (done, mut kills, mut peak) = (|| acknowledged.lock().unwrap().len(), 0, 0);
    until("some are acknowledged", &|| done() >= SENDERS).await;
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
        let goal = wanted * (round + 1) / (faults.len() + 2);
        proxy.set(fault);
        until("more are taken meanwhile", &|| next.load(Ordering::Relaxed) >= goal).await;
        if round % 2 == 0 {
            agent.kill();
            agent = Agent::dev(state.path(), &["--policy", policy, "--listen", &address]);
        } else {
            peak = peak.max(grown(&forwarder, at_first));
            forwarder.kill();
            kills += 1;
            forwarder = Agent::start(forward(state.path(), &to, &["--listen", &listen]));
            at_first = forwarder.peak_memory();
        }
        proxy.set(Fault::None);
    }
    // The disk gets full while nothing leaves it.
    proxy.set(Fault::Silence);
    no_room.store(true, Ordering::Relaxed);
    for small in [true, false] {
        peak = peak.max(grown(&forwarder, at_first));
        forwarder.kill();
        kills += 1;
        let size = std::fs::metadata(state.path().join("forward/spool.redb")).unwrap().len().div_ceil(1_024);
        let command = forward(state.path(), &to, &["--listen", &listen]);
        let command = if small { on_a_small_disk(&command, u32::try_from(size).unwrap() + LEFT) } else { command };
        forwarder = Agent::start(command);
        at_first = forwarder.peak_memory();
        if small {
            until("no more of them fit onto the disk", &|| refused.load(Ordering::Relaxed) > SENDERS).await;
        }
    }
    no_room.store(false, Ordering::Relaxed);
    proxy.set(Fault::None);
    over.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }
    let nothing_waits = async || metric(&forwarder, "zen_agent_forward_spool_events").await == 0.0;
    until_within(patience, "nothing is left in the spool", nothing_waits).await;
    peak = peak.max(grown(&forwarder, at_first));
    let client = client(state.path(), &agent);
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(acknowledged.len() > wanted / 2, "only {} were acknowledged", acknowledged.len());
    let objects: BTreeSet<_> = everything(&client).await.into_iter().map(|object| object.id).collect();
    let mut names = BTreeSet::new();
    for number in &acknowledged {
        let mut arrived = arrived(&client, tool(*number), &body(*number)).await;
        assert_eq!(arrived.len(), 1, "{number}");
        let name = arrived.remove(0);
        assert!(objects.contains(&name), "{number} had not arrived");
        assert!(names.insert(name), "two events are one remediation");
    }
    println!(
        "{} events acknowledged, {} refused by a full disk, {} remediations; the forwarder, killed {kills} times, grew by {} KiB at most, to {} KiB",
        acknowledged.len(),
        refused.load(Ordering::Relaxed),
        objects.len(),
        peak >> 10,
        forwarder.peak_memory() >> 10,
    );
    // What was on disk, but not acknowledged when it was killed, arrives too; nothing else does.
    assert!(objects.len() <= acknowledged.len() + kills * SENDERS, "{} objects of {} events", objects.len(), acknowledged.len());
}
