//! Step 1: what is stored.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{ListParams, PartialObjectMeta, PostParams},
};
use serde_json::json;
use zen_agent::{
    dev,
    fixtures::{self, Fixtures},
    remediation::{Phase, ZenAgentRemediation, definition},
};

use crate::PATIENCE;

/// Bytes of each as JSON, without the server's own metadata: a remediation made of a Falco event.
const BYTES: usize = 2_048;
const CONCURRENCY: usize = 64;
const DAY: Duration = Duration::from_secs(86_400);

pub(crate) struct Fill {
    api: Api<ZenAgentRemediation>,
    size: usize,
    /// How many ended eight days ago.
    pub(crate) old: usize,
    /// How many failed lately.
    pub(crate) failed: usize,
}

impl Fill {
    pub(crate) async fn prepare(client: Client, size: usize) -> Self {
        definition::install(&client).await.unwrap();
        let namespace: Namespace = serde_json::from_value(json!({ "metadata": { "name": dev::NAMESPACE } })).unwrap();
        Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        Self { api: Api::namespaced(client, dev::NAMESPACE), size, old: size / 2, failed: size / 10 }
    }

    /// Stores all of it; how long that took.
    pub(crate) async fn everything(&self) -> Duration {
        let begun = Instant::now();
        self.old_ones().await;
        self.store("failed", Phase::Failed, Duration::ZERO, self.failed).await;
        self.store("young", Phase::Succeeded, Duration::ZERO, self.size - self.old - self.failed).await;
        begun.elapsed()
    }

    /// Stores those that ended eight days ago.
    pub(crate) async fn old_ones(&self) {
        self.store("old", Phase::Succeeded, 8 * DAY, self.old).await;
    }

    async fn store(&self, batch: &str, phase: Phase, age: Duration, count: usize) {
        let some = Fixtures::new(1, Timestamp::now()).namespace(dev::NAMESPACE).batch(batch).status(phase).age(age).size(BYTES);
        assert_eq!(fixtures::create(&self.api, some.generate(count), CONCURRENCY).await.unwrap(), count);
    }

    /// Waits until the old ones are gone from the server.
    pub(crate) async fn gone(&self) {
        let begun = Instant::now();
        let first = ListParams::default().limit(1);
        loop {
            let page = self.api.list_metadata(&first).await.unwrap();
            let listed = |items: &[PartialObjectMeta<_>]| i64::try_from(items.len()).unwrap();
            let left = listed(&page.items) + page.metadata.remaining_item_count.unwrap_or(0);
            if left == i64::try_from(self.size - self.old).unwrap() {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{left} are left");
            tokio::time::sleep(Duration::from_millis(100)).await; // pacing of a poll with a deadline
        }
    }
}
