//! kill -9 under load: nothing acknowledged is lost, nothing is doubled, nothing hangs.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::sync::Notify;
use zen_agent::{
    client::Client,
    contract::v0::types::{Outcome, Status},
    random::SplitMix64,
};

use super::{Agent, agent::everything, client, id, sample};

const KILLS: usize = 200;
const SENDERS: usize = 4;
/// What the requirement allows for.
const READY: Duration = Duration::from_secs(5);
/// How long `dev` lets an effect take to show.
const ACTION_DEADLINE: Duration = Duration::from_secs(10);
/// How long it may take until one more is done.
const HANGS: Duration = Duration::from_secs(60);
/// A pause that keeps 200 rounds from storing more than the test can look at.
const PAUSE: Duration = Duration::from_millis(10);

/// Request id → the name that was acknowledged for it.
type Acknowledged = Arc<Mutex<BTreeMap<String, String>>>;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_kills_lose_nothing_that_was_acknowledged() {
    let _alone = super::ALONE.lock().await;
    let state = tempfile::tempdir().unwrap();
    let mut random = SplitMix64::new(0x5EED);
    let acknowledged = Acknowledged::default();
    for round in 0..KILLS {
        let mut agent = Agent::dev_within(state.path(), READY);
        let client = client(state.path(), &agent);
        let under_way = Arc::new(Notify::new());
        let senders: Vec<_> = (0..SENDERS).map(|_| tokio::spawn(send(client.clone(), acknowledged.clone(), under_way.clone()))).collect();
        // Half of the moments are counted from the start, half from when load is under way.
        if round % 2 == 1 {
            tokio::time::timeout(super::DEADLINE, under_way.notified()).await.expect("an event is acknowledged in time");
        }
        tokio::time::sleep(Duration::from_millis(random.below(100))).await; // the random moment, no synchronisation
        agent.kill();
        for sender in senders {
            sender.await.unwrap();
        }
    }
    let agent = Agent::dev(state.path(), &[]);
    let client = client(state.path(), &agent);
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(acknowledged.len() >= KILLS / 2, "only {} were acknowledged: there was no load", acknowledged.len());
    // Every acknowledged request is still the same one object.
    let event = sample("falco-outbound-c2.json");
    for (request, name) in &acknowledged {
        let receipt = client.stable.ingest_falco(request, event.clone()).await.unwrap().into_inner();
        let result = &receipt.results[0];
        assert_eq!((result.outcome, result.remediation.as_ref()), (Outcome::Replayed, Some(name)), "{request}");
    }
    // What was under way at a crash ends within an action's deadline (10 s in `dev`), without the time in which the machine let
    // nobody look.
    let (begun, mut lost) = (Instant::now(), Duration::ZERO);
    let cut_off: Vec<_> =
        everything(&client).await.into_iter().filter(|item| item.status == Status::InProgress).map(|item| item.id).collect();
    for name in &cut_off {
        loop {
            let look = Instant::now();
            let item = client.stable.get_remediation(name, &id()).await.unwrap().into_inner();
            if !matches!(item.status, Status::Pending | Status::InProgress) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await; // pacing of a poll with a deadline
            lost += look.elapsed().saturating_sub(Duration::from_millis(500));
            let under_way = begun.elapsed().saturating_sub(lost);
            assert!(under_way < ACTION_DEADLINE, "{name} is under way for {under_way:?}: {item:?}");
        }
    }
    // What waits for its turn gets it: as long as one after another is done, nothing hangs.
    let (mut least, mut progress) = (usize::MAX, Instant::now());
    loop {
        let items = everything(&client).await;
        let open = items.iter().filter(|item| matches!(item.status, Status::Pending | Status::InProgress)).count();
        if open == 0 {
            let otherwise: Vec<_> = items.iter().filter(|item| item.status != Status::Succeeded).collect();
            assert!(otherwise.is_empty(), "{} of {} ended otherwise: {otherwise:?}", otherwise.len(), items.len());
            return;
        }
        if open < least {
            (least, progress) = (open, Instant::now());
        }
        assert!(progress.elapsed() < HANGS, "{open} of {} are not done", items.len());
        tokio::time::sleep(Duration::from_millis(500)).await; // pacing of a poll with a deadline
    }
}

/// Sends until the agent is gone, and notes what was acknowledged.
async fn send(client: Client, acknowledged: Acknowledged, under_way: Arc<Notify>) {
    let event = sample("falco-outbound-c2.json");
    loop {
        let request = id();
        let Ok(receipt) = client.stable.ingest_falco(&request, event.clone()).await else { return };
        let name = receipt.results[0].remediation.clone().expect("it was created");
        acknowledged.lock().unwrap().insert(request, name);
        under_way.notify_one();
        tokio::time::sleep(PAUSE).await; // pacing
    }
}
