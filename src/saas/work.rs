//! Who works: some workers a step, none of which works on a remediation that another one has.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures::{FutureExt as _, future::join_all};
use prometheus::IntGauge;
use tokio::time::timeout;

use super::{Inner, steps::Trouble};
use crate::{
    causes::chain,
    deadline::PASS,
    heartbeat::{BEAT, Heartbeat},
    key::ObjectKey,
    queue::Backoff,
    worker::Backlog,
};

/// Workers of each step.
const WIDTH: usize = 8;
/// Between one attempt to tell of a remediation and the next.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(500), max: Duration::from_secs(60) };

/// The two steps.
#[derive(Clone, Copy)]
pub(super) enum Step {
    Observe,
    Tell,
}

/// When to work on a key again.
pub(super) enum Again {
    Done,
    After(Duration),
    Backoff,
}

/// The keys that want a step, and who works on them.
pub(super) struct Lane {
    step: Step,
    backlog: Backlog,
    /// The backlog is waited for by one at a time.
    turn: tokio::sync::Mutex<()>,
    heartbeats: [Heartbeat; WIDTH],
}

impl Lane {
    pub(super) fn new(step: Step, seed: u64, depth: IntGauge) -> Self {
        let heartbeats = [(); WIDTH].map(|()| Heartbeat::new());
        Self { step, backlog: Backlog::new(BACKOFF, seed, depth), turn: tokio::sync::Mutex::default(), heartbeats }
    }

    pub(super) fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    pub(super) fn heartbeats(&self) -> &[Heartbeat] {
        &self.heartbeats
    }
}

impl Inner {
    /// Works on a lane's keys, some at a time and none twice at once, until it is dropped.
    pub(super) async fn work_off(&self, lane: &Lane) {
        join_all(lane.heartbeats.iter().map(|heartbeat| self.worker(lane, heartbeat))).await;
    }

    async fn worker(&self, lane: &Lane, heartbeat: &Heartbeat) {
        loop {
            heartbeat.beat();
            let Ok(mut held) = timeout(BEAT, self.next(lane)).await else { continue };
            let key = held.key.clone();
            // What is shared is locked for single steps, so a panic leaves nothing half-done, and neither does a step that is cut off.
            let attempt = AssertUnwindSafe(timeout(PASS, self.step(lane.step, &key))).catch_unwind();
            let again = match attempt.await {
                Ok(Ok(Ok(again))) => again,
                Ok(Ok(Err(trouble))) => {
                    tracing::warn!(%key, error = chain(&trouble), "what became of a remediation could not be told yet; trying again");
                    Again::Backoff
                }
                Ok(Err(_)) => {
                    tracing::warn!(%key, seconds = PASS.as_secs(), "telling of a remediation was cut off; trying again");
                    Again::Backoff
                }
                Err(_payload) => {
                    self.metrics.panics.inc();
                    tracing::error!(%key, "telling of a remediation panicked: a defect of the agent; it is tried again");
                    Again::Backoff
                }
            };
            held.done(&again);
        }
    }

    async fn next<'a>(&self, lane: &'a Lane) -> Held<'a> {
        let _turn = lane.turn.lock().await;
        loop {
            if matches!(lane.step, Step::Observe) {
                self.spool.room(()).await;
            }
            lane.backlog.ready().await;
            if let Some(key) = lane.backlog.next() {
                return Held { backlog: &lane.backlog, key, done: false };
            }
        }
    }

    async fn step(&self, step: Step, key: &ObjectKey) -> Result<Again, Trouble> {
        match step {
            Step::Observe => self.observe(key).await,
            Step::Tell => self.tell(key).await,
        }
    }
}

/// A key that is worked on; where that is cut off it goes back.
struct Held<'a> {
    backlog: &'a Backlog,
    key: ObjectKey,
    done: bool,
}

impl Held<'_> {
    fn done(&mut self, again: &Again) {
        self.done = true;
        match again {
            Again::Done => self.backlog.succeeded(&self.key, None),
            Again::After(wait) => self.backlog.succeeded(&self.key, Some(*wait)),
            Again::Backoff => _ = self.backlog.retry(&self.key),
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.backlog.put_back(&self.key);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::path::Path;

    use futures::future::try_join_all;
    use serde_json::json;

    use super::*;
    use crate::{
        contract::saas::types::ReportedStatus,
        deadline::SILENCE,
        saas::{
            BOUNDS, Peer, Saas, Settings, SpoolError,
            entry::{Entry, an_entry},
        },
        spool::{Spool, Unreadable},
        telemetry::{Health, Metrics, health::Degraded},
        test_api::TestApi,
    };

    fn settings(folder: &Path) -> Settings {
        let peer = Peer { base: "https://127.0.0.1:1".into(), credentials: folder.into(), ca: None };
        let (cluster, tenant) = ("cluster-1".into(), "acme".parse().unwrap());
        Settings { peer, folder: folder.join("spool"), cluster, tenant, namespace: "zen-agent".into() }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_fills_the_spool_at_the_start_is_sent() {
        let (api, folder) = (TestApi::start().await, tempfile::tempdir().unwrap());
        let (metrics, settings) = (Metrics::new(), settings(folder.path()));
        let former = Spool::open(&settings.folder, BOUNDS, Unreadable::BeginAnew, Health::default(), Degraded::SaasSpool).unwrap();
        let puts = (0..BOUNDS.records).map(|n| former.put(an_entry(&format!("r{n}"))));
        try_join_all(puts).await.unwrap();
        drop(former);
        let opened = async {
            loop {
                match Saas::open(settings.clone(), api.client(), &metrics, &Health::default()) {
                    Ok(saas) => break saas,
                    // The writer of the former one has not ended yet.
                    Err(SpoolError::InUse(_)) => tokio::time::sleep(Duration::from_millis(10)).await, // pacing of a poll with a deadline
                    Err(error) => panic!("{error}"),
                }
            }
        };
        let saas = timeout(Duration::from_secs(60), opened).await.unwrap();
        let tried = async {
            while metrics.render().unwrap().contains("zen_agent_saas_reports_total{outcome=\"failed\"} 0\n") {
                tokio::time::sleep(Duration::from_millis(20)).await; // pacing of a poll with a deadline
            }
        };
        let deadline = Duration::from_secs(60);
        tokio::select! {
            () = saas.run() => panic!("it ends by itself"),
            tried = timeout(deadline, tried) => tried.unwrap(),
        }
    }

    #[tokio::test]
    async fn what_is_told_by_now_is_not_told_again_and_what_is_not_is() {
        let (api, folder) = (TestApi::start().await, tempfile::tempdir().unwrap());
        let saas = Saas::open(settings(folder.path()), api.client(), &Metrics::new(), &Health::default()).unwrap();
        api.create("a", None, json!({})).await;
        api.set_status("a", json!({ "phase": "failed" })).await;
        // As it was observed: not told yet.
        let observed = Entry::of(&api.object("a").await, &saas.0.speaker).unwrap();
        let spooled = async || saas.0.spool.of(&observed.key()).await.unwrap().len();
        saas.0.spool.put(observed.clone()).await.unwrap();
        assert!(matches!(saas.0.tell(&observed.key()).await.unwrap(), Again::Backoff), "nobody is there whom it could be told");
        assert_eq!(spooled().await, 1);
        api.set_status("a", json!({ "synced": true })).await;
        assert!(matches!(saas.0.tell(&observed.key()).await.unwrap(), Again::Done));
        assert_eq!(spooled().await, 0);
        // Another object of that name, and another status, are not known because of that.
        let of_another = Entry { uid: "another".into(), ..observed.clone() };
        let mut earlier = observed.clone();
        earlier.report.status = ReportedStatus::Running;
        for entry in [of_another, earlier] {
            saas.0.spool.put(entry.clone()).await.unwrap();
            assert!(matches!(saas.0.tell(&observed.key()).await.unwrap(), Again::Backoff));
            saas.0.spool.remove(entry).await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn loops_that_have_nothing_to_do_do_not_look_like_being_stuck() {
        let (api, folder) = (TestApi::start().await, tempfile::tempdir().unwrap());
        let saas = Saas::open(settings(folder.path()), api.client(), &Metrics::new(), &Health::default()).unwrap();
        assert!(timeout(SILENCE * 10, saas.run()).await.is_err());
        let ages: Vec<_> = saas.heartbeats().map(Heartbeat::age).collect();
        assert_eq!(ages.len(), 2 * WIDTH + 1);
        assert!(ages.iter().all(|age| *age < SILENCE), "{ages:?}");
    }
}
