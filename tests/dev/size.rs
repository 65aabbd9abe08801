//! 10,000 remediations: what is listed, cleaned up and restarted does not cost memory by their number.

use std::time::Duration;

use embedded_kube::{EmbeddedKube, Options};
use kube::Api;
use zen_agent::{dev, fixtures, fixtures::Fixtures, remediation::Phase};

use super::{Agent, client, id};

/// Enough to fill what has a bound: a page, the store's cache, its history of changes.
const FEW: usize = 5_000;
const MANY: usize = 10_000;
/// What as many again may cost: the informer keeps a summary of each, and allocators keep some slack.
const MORE: u64 = 24 << 20;
/// What the requirement allows for a start is five seconds; a build without optimizations, beside other tests, gets three times that.
/// `cargo bench --bench size` measures starts of optimized ones.
const READY: Duration = Duration::from_secs(if cfg!(debug_assertions) { 15 } else { 5 });

struct Seen {
    listed: usize,
    deleted: u64,
    peak: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_cost_hardly_more_memory_than_half_as_many() {
    let _alone = super::ALONE.lock().await;
    let (few, many) = (run(FEW).await, run(MANY).await);
    assert_eq!((few.listed, few.deleted), (FEW, FEW as u64));
    assert_eq!((many.listed, many.deleted), (MANY, MANY as u64));
    assert!(many.peak < few.peak + MORE, "peak {} MiB against {} MiB", many.peak >> 20, few.peak >> 20);
}

async fn run(count: usize) -> Seen {
    let state = tempfile::tempdir().unwrap();
    // The first start prepares the store.
    Agent::dev(state.path(), &[]).kill();
    let store = EmbeddedKube::open(&state.path().join("kubernetes"), Options::default()).unwrap();
    let api = Api::namespaced(store.client(dev::NAMESPACE), dev::NAMESPACE);
    let generated = Fixtures::new(1, jiff::Timestamp::now()).namespace(dev::NAMESPACE).status(Phase::Failed).size(2_048).generate(count);
    assert_eq!(fixtures::create(&api, generated, 32).await.unwrap(), count);
    store.close();
    drop((api, store));

    let agent = Agent::dev_within(state.path(), READY);
    let client = client(state.path(), &agent);
    let (mut listed, mut token) = (0, None::<String>);
    loop {
        let page = client.stable.list_remediations(token.as_deref(), Some(500), None, None, None, None, &id()).await.unwrap().into_inner();
        listed += page.items.len();
        token = page.continue_;
        if token.is_none() {
            break;
        }
    }
    let cleaned = client.stable.cleanup_remediations(None, Some("0s"), None, &id()).await.unwrap().into_inner();
    Seen { listed, deleted: cleaned.deleted, peak: agent.peak_memory() }
}
