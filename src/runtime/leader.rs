//! What the leader does, term by term.

use std::time::Duration;

use kube::Client;
use tokio_util::sync::CancellationToken;

use super::process::Reconcile;
use crate::{
    breaker::State,
    circuit::Circuit,
    deadline::SILENCE,
    emergency::EmergencyStop,
    informer::{
        Store,
        remediations::{Rest, Summary},
    },
    key::ObjectKey,
    kube_events::Events,
    lease::{Standing, Tenure},
    pipeline::{self, Pipeline},
    policy,
    queue::Priority,
    remediation::Phase,
    retention::Retention,
    saas::Saas,
    telemetry::{Health, Metrics},
    worker::{self, Backlog, Drained, Pool},
};

/// How long work under way may go on after shutdown began.
const DRAIN: Duration = Duration::from_secs(10);

/// Everything that outlives a term.
pub(super) struct Leader {
    pub(super) client: Client,
    /// How the Kubernetes API is.
    pub(super) kubernetes: Circuit,
    pub(super) settings: pipeline::Settings,
    pub(super) policy: policy::Live,
    pub(super) events: Events,
    pub(super) emergency: EmergencyStop,
    pub(super) workers: worker::Config,
    pub(super) store: Store<Summary>,
    pub(super) backlog: Backlog,
    /// Tells a SaaS, where there is one.
    pub(super) saas: Option<Saas>,
    pub(super) retention: Retention,
    pub(super) retention_interval: Duration,
    pub(super) retention_max_age: Duration,
    pub(super) metrics: Metrics,
    pub(super) health: Health,
}

/// Has every remediation looked at again that may go on: another order may let it run.
fn look_again(store: &Store<Summary>, backlog: &Backlog) {
    add_all(store, backlog, |seen| !seen.rests.holds());
}

/// Also those that wait for a person without end: another policy may say until when.
pub(super) fn look_again_at_all(store: &Store<Summary>, backlog: &Backlog) {
    add_all(store, backlog, |seen| !seen.rests.holds() || (seen.phase == Phase::Pending && seen.rests == Rest::Until(None)));
}

fn add_all(store: &Store<Summary>, backlog: &Backlog, wanted: impl Fn(&Summary) -> bool) {
    for namespace in store.namespaces() {
        for (name, _) in store.list(&namespace).into_iter().filter(|(_, seen)| wanted(seen)) {
            backlog.add(&ObjectKey::new(namespace.as_str(), name), Priority::Normal);
        }
    }
}

/// Hands keys to the workers whenever the Kubernetes API is well, until `stop`. While it is not, they wait; once it is again,
/// everything is to be looked at: the waits that its failures led to say nothing about the objects.
async fn hand_out(pool: &Pool, kubernetes: &Circuit, look_again: impl Fn(), stop: &CancellationToken) {
    let mut state = kubernetes.watch();
    let mut was_unwell = false;
    loop {
        let well = async { state.wait_for(|state| *state == State::Closed).await.is_ok() };
        if stop.run_until_cancelled(well).await != Some(true) {
            return;
        }
        if std::mem::replace(&mut was_unwell, true) {
            look_again();
        }
        let unwell = async { drop(state.wait_for(|state| *state != State::Closed).await) };
        tokio::select! {
            // First, so that no key is handed out that comes after the circuit has opened.
            biased;
            () = unwell => tracing::warn!("the Kubernetes API keeps failing; nothing is worked on until it answers again"),
            () = pool.dispatch(stop) => return,
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

    /// Looks again whenever the emergency stop is set or lifted.
    async fn obey(&self) {
        let mut seen = self.emergency.order();
        // Between two terms of this replica the order may have changed, which no object says.
        look_again(&self.store, &self.backlog);
        loop {
            self.emergency.other_than(&seen).await;
            seen = self.emergency.order();
            look_again(&self.store, &self.backlog);
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
            self.emergency.clone(),
        );
        let pool = Pool::start(self.workers, self.backlog.clone(), self.metrics.clone(), Reconcile(pipeline));
        let _workers: Vec<_> = pool.heartbeats().iter().map(|heartbeat| self.health.watch("workers", heartbeat, SILENCE)).collect();
        let _retention = self.health.watch("retention", self.retention.heartbeat(), SILENCE);
        // 2. What the informer has found while we followed, and finds from now on.
        let dispatch = async {
            let ready = async { tokio::join!(self.store.synced(), self.emergency.known()) };
            if stop.run_until_cancelled(ready).await.is_some() {
                tokio::select! {
                    () = hand_out(&pool, &self.kubernetes, || look_again(&self.store, &self.backlog), stop) => {}
                    () = self.obey() => {}
                }
            }
        };
        let retention = self.retention.run(self.retention_interval, self.retention_max_age, stop.clone());
        let heartbeats = self.saas.iter().flat_map(Saas::heartbeats);
        let _saas: Vec<_> = heartbeats.map(|heartbeat| self.health.watch("saas", heartbeat, SILENCE)).collect();
        let telling = async {
            if let Some(saas) = &self.saas {
                _ = stop.run_until_cancelled(saas.run()).await;
            }
        };
        tokio::select! {
            () = tenure.ended() => {}
            ((), (), ()) = async { tokio::join!(dispatch, retention, telling) } => {}
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::num::NonZeroUsize;

    use tokio::sync::mpsc;

    use super::*;
    use crate::{
        circuit,
        queue::Backoff,
        worker::{Config, Process, ProcessError, Processed},
    };

    struct Tell(mpsc::UnboundedSender<ObjectKey>);

    impl Process for Tell {
        async fn process(&self, key: ObjectKey) -> Result<Option<Processed>, ProcessError> {
            self.0.send(key).unwrap();
            Ok(None)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_circuit_of_the_api_is_not_closed_the_workers_wait_and_then_look_at_everything() {
        let metrics = Metrics::new();
        let kubernetes = Circuit::new(circuit::kubernetes::TEMPER, metrics.circuit.with_label_values(&["kubernetes"]));
        let backlog = Backlog::new(Backoff::default(), 1, metrics.queue_depth.clone());
        let (told, mut worked) = mpsc::unbounded_channel();
        let two = NonZeroUsize::new(2).unwrap();
        let pool = Pool::start(Config { workers: two, queue: two }, backlog.clone(), metrics.clone(), Tell(told));
        let key = |name: &str| ObjectKey::new("zen-agent", name);
        let test = async {
            backlog.add(&key("before"), Priority::Normal);
            backlog.add_after(&key("failed"), Duration::from_secs(3_600));
            assert_eq!(worked.recv().await, Some(key("before")));
            for _ in 0..circuit::kubernetes::TEMPER.failures {
                kubernetes.attempt().unwrap().failed();
            }
            backlog.add(&key("meanwhile"), Priority::Normal);
            let none = tokio::time::timeout(circuit::kubernetes::TEMPER.first, worked.recv()).await;
            assert!(none.is_err(), "{none:?}");
            assert_eq!(backlog.len(), 1, "its key is kept");
            let probe = kubernetes.attempt().unwrap();
            let none = tokio::time::timeout(Duration::from_secs(1), worked.recv()).await;
            assert!(none.is_err(), "half-open, only the probe calls: {none:?}");
            probe.succeeded();
            assert_eq!(worked.recv().await, Some(key("meanwhile")));
            assert_eq!(worked.recv().await, Some(key("failed")), "it does not wait for its hour");
        };
        let stop = CancellationToken::new();
        let look_again = || backlog.add(&key("failed"), Priority::Normal);
        tokio::select! {
            () = hand_out(&pool, &kubernetes, look_again, &stop) => panic!("it ends by itself"),
            () = test => {}
        }
    }
}
