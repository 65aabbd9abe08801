//! Step 1: what is stored.
//!
//! While it is filled, the definition has no status subresource, so that one write stores an object with its status.

use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, future, stream};
use jiff::Timestamp;
use k8s_openapi::{api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, PartialObjectMeta, PostParams},
};
use serde_json::json;
use zen_agent::{
    dev,
    fixtures::Fixtures,
    remediation::{self, Phase, ZenAgentRemediation, definition},
};

use crate::PATIENCE;

/// Bytes of each as JSON, without the server's own metadata: a remediation made of a Falco event.
const BYTES: usize = 2_048;
const CONCURRENCY: usize = 64;
const DAY: Duration = Duration::from_secs(86_400);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    InOneWrite,
    Subresource,
}

pub(crate) struct Fill {
    definitions: Api<CustomResourceDefinition>,
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
        let (definitions, api) = (Api::all(client.clone()), Api::namespaced(client, dev::NAMESPACE));
        Self { definitions, api, size, old: size / 2, failed: size / 10 }
    }

    /// Stores all of it; how long that took.
    pub(crate) async fn everything(&self) -> Duration {
        let begun = Instant::now();
        self.subresource(Status::InOneWrite).await;
        self.store("old", Phase::Succeeded, 8 * DAY, self.old).await;
        self.store("failed", Phase::Failed, Duration::ZERO, self.failed).await;
        self.store("young", Phase::Succeeded, Duration::ZERO, self.size - self.old - self.failed).await;
        self.subresource(Status::Subresource).await;
        begun.elapsed()
    }

    /// Stores those that ended eight days ago.
    pub(crate) async fn old_ones(&self) {
        self.subresource(Status::InOneWrite).await;
        self.store("old", Phase::Succeeded, 8 * DAY, self.old).await;
        self.subresource(Status::Subresource).await;
    }

    /// Changes the definition, and waits until the server acts on it.
    async fn subresource(&self, status: Status) {
        let (name, wanted) = (remediation::crd().name_any(), status == Status::InOneWrite);
        let mut definition = self.definitions.get(&name).await.unwrap();
        let ours = remediation::crd().spec.versions[0].subresources.clone();
        definition.spec.versions[0].subresources = if wanted { None } else { ours };
        self.definitions.replace(&name, &PostParams::default(), &definition).await.unwrap();
        let probe = self.some("probe", Phase::Failed, Duration::ZERO).generate(1).next().unwrap();
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        let begun = Instant::now();
        while (self.api.create(&dry, &probe).await.unwrap().phase() == Phase::Failed) != wanted {
            assert!(begun.elapsed() < PATIENCE, "the definition is not acted on");
            tokio::time::sleep(Duration::from_millis(100)).await; // pacing of a poll with a deadline
        }
        // The server's own cache begins anew with the definition; until it has read all of them, what selects few is slow, or
        // refused.
        let few = ListParams::default().fields("status.phase=rolled_back").limit(1);
        loop {
            let asked = Instant::now();
            if self.api.list_metadata(&few).await.is_ok() && asked.elapsed() < Duration::from_secs(1) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "the server's cache is not ready");
        }
    }

    fn some(&self, batch: &str, phase: Phase, age: Duration) -> Fixtures {
        Fixtures::new(1, Timestamp::now()).namespace(dev::NAMESPACE).batch(batch).status(phase).age(age).size(BYTES)
    }

    async fn store(&self, batch: &str, phase: Phase, age: Duration, count: usize) {
        let post = PostParams::default();
        let made = stream::iter(self.some(batch, phase, age).generate(count)).map(|object| {
            let (api, post) = (&self.api, &post);
            async move { api.create(post, &object).await.map(drop) }
        });
        made.buffer_unordered(CONCURRENCY).try_for_each(|()| future::ok(())).await.unwrap();
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
