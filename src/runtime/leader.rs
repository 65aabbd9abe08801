//! What the leader does, term by term.

use std::time::Duration;

use kube::Client;
use tokio_util::sync::CancellationToken;

use super::process::Reconcile;
use crate::{
    deadline::SILENCE,
    events::Events,
    informer::{Store, remediations::Summary},
    key::ObjectKey,
    lease::{Standing, Tenure},
    pipeline::{self, Pipeline},
    policy,
    queue::Priority,
    remediation::Phase,
    retention::Retention,
    telemetry::{Health, Metrics},
    worker::{self, Backlog, Drained, Pool},
};

/// How long work under way may go on after shutdown began.
const DRAIN: Duration = Duration::from_secs(10);

/// Everything that outlives a term.
pub(super) struct Leader {
    pub(super) client: Client,
    pub(super) settings: pipeline::Settings,
    pub(super) policy: policy::Live,
    pub(super) events: Events,
    pub(super) workers: worker::Config,
    pub(super) store: Store<Summary>,
    pub(super) backlog: Backlog,
    pub(super) retention: Retention,
    pub(super) retention_interval: Duration,
    pub(super) retention_max_age: Duration,
    pub(super) metrics: Metrics,
    pub(super) health: Health,
}

/// Wants everything worked on that waits, except for a person: another policy may let it run, or end it.
pub(super) fn look_again(store: &Store<Summary>, backlog: &Backlog) {
    for namespace in store.namespaces() {
        for (name, seen) in store.list(&namespace) {
            if seen.phase == Phase::Pending && !seen.rests {
                backlog.add(&ObjectKey::new(namespace.clone(), name), Priority::Low);
            }
        }
    }
}

impl Leader {
    /// Works whenever this process leads, until `stop`.
    pub(super) async fn run(self, mut standing: Standing, stop: CancellationToken) {
        while let Some(tenure) = stop.run_until_cancelled(standing.elected()).await {
            self.metrics.leader.set(1);
            self.term(tenure, &stop).await;
            self.metrics.leader.set(0);
        }
    }

    async fn term(&self, tenure: Tenure, stop: &CancellationToken) {
        // 1. A pipeline and a pool that know nothing of an earlier term.
        let pipeline = Pipeline::new(
            self.client.clone(),
            self.settings.clone(),
            self.policy.clone(),
            self.events.clone(),
            self.metrics.clone(),
            tenure.clone(),
        );
        let pool = Pool::start(self.workers, self.backlog.clone(), self.metrics.clone(), Reconcile(pipeline));
        let _workers: Vec<_> = pool.heartbeats().iter().map(|heartbeat| self.health.watch("workers", heartbeat, SILENCE)).collect();
        let _retention = self.health.watch("retention", self.retention.heartbeat(), SILENCE);
        // 2. What the informer has found while we followed, and finds from now on.
        let dispatch = async {
            if stop.run_until_cancelled(self.store.synced()).await.is_some() {
                pool.dispatch(stop).await;
            }
        };
        let retention = self.retention.run(self.retention_interval, self.retention_max_age, stop.clone());
        tokio::select! {
            () = tenure.ended() => {}
            ((), ()) = async { tokio::join!(dispatch, retention) } => {}
        }
        // 3. Stopped, the steps under way may end; without the lease they are another's by now.
        let drained = tokio::select! {
            biased;
            () = tenure.ended() => pool.drain(Duration::ZERO).await,
            drained = pool.drain(DRAIN) => drained,
        };
        let Drained { handed_back, abandoned } = drained;
        tracing::info!(handed_back, abandoned, "the workers have stopped");
    }
}
