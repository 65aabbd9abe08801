//! The workers, and the bounded queue before them.
//!
//! ```text
//!   accepting ──drain──▶ draining: the queue is handed back, work under way goes on
//!                           │ all done                │ deadline
//!                           ▼                         ▼
//!                        drained                   the rest is abandoned
//! ```

use std::{
    num::NonZeroUsize,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::FutureExt;
use tokio::{
    sync::{Mutex, mpsc, mpsc::error::TrySendError},
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Backlog, KEEPS_FAILING, Next, Process, ProcessError, Processed};
use crate::{
    category::{Category, Retry},
    causes::chain,
    heartbeat::{BEAT, Heartbeat},
    key::ObjectKey,
    queue::Priority,
    remediation::Phase,
    telemetry::Metrics,
};

/// How long abandoned work may take to notice.
const ABANDON: Duration = Duration::from_secs(1);

/// The sizes of a pool.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// How many workers.
    pub workers: NonZeroUsize,
    /// How many keys wait before them.
    pub queue: NonZeroUsize,
}

/// A key was not taken; it is handed back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Every place before the workers is taken; try later, or wait with `enqueue`.
    #[error("the worker pool's queue is full")]
    Full(ObjectKey),
    /// The pool is draining.
    #[error("the worker pool is shutting down")]
    Closed(ObjectKey),
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Keys that were queued and not begun.
    pub handed_back: usize,
    /// Work that was under way at the deadline.
    pub abandoned: usize,
}

/// What the workers share.
struct Shared {
    backlog: Backlog,
    metrics: Metrics,
    queued: AtomicUsize,
    active: AtomicUsize,
    /// No worker takes another key.
    stop: CancellationToken,
    /// Work under way is dropped.
    abandon: CancellationToken,
}

/// Workers that take keys from a bounded queue. It ends with [`Pool::drain`]; merely dropped, it
/// abandons their work, and its backlog is of no further use.
pub struct Pool {
    shared: Arc<Shared>,
    /// One of each worker.
    heartbeats: Vec<Heartbeat>,
    sender: mpsc::Sender<ObjectKey>,
    receiver: Arc<Mutex<mpsc::Receiver<ObjectKey>>>,
    workers: TaskTracker,
}

impl Pool {
    /// Starts the workers; what they settle goes back to `backlog`.
    pub fn start(config: Config, backlog: Backlog, metrics: Metrics, process: impl Process) -> Self {
        let (sender, receiver) = mpsc::channel(config.queue.get());
        let receiver = Arc::new(Mutex::new(receiver));
        let shared = Arc::new(Shared {
            backlog,
            metrics,
            queued: AtomicUsize::new(0),
            active: AtomicUsize::new(0),
            stop: CancellationToken::new(),
            abandon: CancellationToken::new(),
        });
        let (process, workers) = (Arc::new(process), TaskTracker::new());
        let heartbeats: Vec<_> = (0..config.workers.get()).map(|_| Heartbeat::new()).collect();
        for heartbeat in &heartbeats {
            workers.spawn(work(Arc::clone(&shared), Arc::clone(&receiver), Arc::clone(&process), heartbeat.clone()));
        }
        Self { shared, heartbeats, sender, receiver, workers }
    }

    /// Hands the backlog's keys to the workers, each when it is ready and there is room, until
    /// `shutdown`. For one task at a time.
    pub async fn dispatch(&self, shutdown: &CancellationToken) {
        let feed = async {
            loop {
                self.shared.backlog.ready().await;
                let Ok(room) = self.sender.reserve().await else { return };
                // None when its object was deleted while there was no room.
                if let Some(key) = self.shared.backlog.next() {
                    self.send(room, key);
                }
            }
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            () = self.shared.stop.cancelled() => {}
            () = feed => {}
        }
    }

    /// Queues `key` at once, ahead of the backlog. A key that is being worked on, or queued
    /// already, is not queued twice, but worked on once more.
    ///
    /// # Errors
    /// When there is no room, or the pool is draining.
    pub fn try_enqueue(&self, key: ObjectKey) -> Result<(), Refused> {
        if self.shared.stop.is_cancelled() {
            return Err(Refused::Closed(key));
        }
        match self.sender.try_reserve() {
            Ok(room) => self.claim(room, key),
            Err(TrySendError::Full(())) => return Err(Refused::Full(key)),
            Err(TrySendError::Closed(())) => return Err(Refused::Closed(key)),
        }
        Ok(())
    }

    /// Queues `key` as [`Pool::try_enqueue`] does, once there is room.
    ///
    /// # Errors
    /// When the pool is draining, or begins to.
    pub async fn enqueue(&self, key: ObjectKey) -> Result<(), Refused> {
        let room = self.shared.stop.run_until_cancelled(self.sender.reserve()).await;
        let Some(Ok(room)) = room else { return Err(Refused::Closed(key)) };
        self.claim(room, key);
        Ok(())
    }

    /// How many keys are queued before the workers.
    pub fn queue_size(&self) -> usize {
        self.shared.queued.load(Ordering::Relaxed)
    }

    /// How many workers are busy.
    pub fn active_workers(&self) -> usize {
        self.shared.active.load(Ordering::Relaxed)
    }

    /// One of each worker: beats as long as it is free, or finishes something.
    pub fn heartbeats(&self) -> &[Heartbeat] {
        &self.heartbeats
    }

    /// Takes nothing more, hands back what was not begun, and waits for the work under way; what
    /// is not done within `deadline` is abandoned.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        self.shared.stop.cancel();
        self.workers.close();
        let in_time = timeout(deadline, self.workers.wait()).await.is_ok();
        let abandoned = if in_time { 0 } else { self.active_workers() };
        self.shared.abandon.cancel();
        if !in_time && timeout(ABANDON, self.workers.wait()).await.is_err() {
            tracing::error!(workers = self.active_workers(), "work does not react to its abandonment; leaving it behind");
        }
        let mut receiver = self.receiver.lock().await;
        receiver.close();
        let mut handed_back = 0;
        // Ends only when everybody who had reserved a place has used it or left.
        while let Some(key) = receiver.recv().await {
            self.shared.took();
            self.shared.backlog.put_back(&key);
            handed_back += 1;
        }
        tracing::info!(handed_back, abandoned, "the worker pool is drained");
        Drained { handed_back, abandoned }
    }

    fn claim(&self, room: mpsc::Permit<'_, ObjectKey>, key: ObjectKey) {
        if self.shared.backlog.claim(&key) {
            self.send(room, key);
        }
    }

    fn send(&self, room: mpsc::Permit<'_, ObjectKey>, key: ObjectKey) {
        self.shared.queued.fetch_add(1, Ordering::Relaxed);
        self.shared.metrics.queue_depth.inc();
        room.send(key);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        self.shared.abandon.cancel();
    }
}

/// One worker: takes keys until the pool stops.
async fn work<P: Process>(shared: Arc<Shared>, receiver: Arc<Mutex<mpsc::Receiver<ObjectKey>>>, process: Arc<P>, heartbeat: Heartbeat) {
    let take = || async {
        loop {
            heartbeat.beat();
            // One of the free workers waits for a key, the others wait for their turn; neither may look like being stuck.
            if let Ok(key) = timeout(BEAT, async { receiver.lock().await.recv().await }).await {
                return key;
            }
        }
    };
    while let Some(Some(key)) = shared.stop.run_until_cancelled(take()).await {
        shared.took();
        shared.handle(&*process, key).await;
    }
}

impl Shared {
    /// A key left the queue.
    fn took(&self) {
        self.queued.fetch_sub(1, Ordering::Relaxed);
        self.metrics.queue_depth.dec();
    }

    async fn handle(&self, process: &impl Process, key: ObjectKey) {
        let busy = Busy::begin(self);
        let started = Instant::now();
        // The processor shares nothing mutable with us, so a panic leaves nothing of ours half-done.
        let attempt = AssertUnwindSafe(async { process.process(key.clone()).await }).catch_unwind();
        let Some(outcome) = self.abandon.run_until_cancelled(attempt).await else {
            return self.backlog.put_back(&key);
        };
        if let Some(status) = status(&outcome) {
            self.metrics.worked(status, started.elapsed());
        }
        // Free before the key may come again, or somebody could see more active workers than there are.
        drop(busy);
        if let Ok(Ok(Some(Processed { wakes: Some(other), .. }))) = &outcome {
            self.backlog.add(other, Priority::Normal);
        }
        match outcome {
            Ok(Ok(None | Some(Processed { next: Next::Done, .. }))) => self.backlog.succeeded(&key, None),
            Ok(Ok(Some(Processed { next: Next::After(wait), .. }))) => self.backlog.succeeded(&key, Some(wait)),
            Ok(Err(error)) => self.failed(&key, &error),
            Err(_payload) => {
                self.metrics.panics.inc();
                let failures = self.backlog.retry(&key);
                tracing::error!(%key, failures, "the work on an object panicked: a defect of the agent; it is tried again");
            }
        }
    }

    fn failed(&self, key: &ObjectKey, error: &ProcessError) {
        let (category, source) = (error.category.as_str(), chain(&*error.source));
        match error.category.retry() {
            Retry::Backoff => {
                let failures = self.backlog.retry(key);
                if failures < KEEPS_FAILING {
                    tracing::warn!(%key, category, failures, error = source, "work failed; trying again");
                } else {
                    tracing::error!(%key, category, failures, error = source, "work keeps failing; trying again at the longest wait");
                }
            }
            Retry::Never => {
                self.backlog.succeeded(key, None);
                tracing::warn!(%key, category, error = source, "work failed for good; not trying again before the object changes");
            }
        }
    }
}

/// The status that an attempt counts with. A conflict, which somebody else's progress brought about,
/// and an object that is gone count with none: neither is a failure.
fn status<P>(outcome: &Result<Result<Option<Processed>, ProcessError>, P>) -> Option<&Phase> {
    match outcome {
        Ok(Ok(processed)) => processed.as_ref().map(|processed| &processed.phase),
        Ok(Err(error)) if matches!(error.category, Category::Conflict | Category::NotFound) => None,
        Ok(Err(_)) | Err(_) => Some(&Phase::Failed),
    }
}

/// A worker that is busy, until this is dropped.
struct Busy<'a>(&'a Shared);

impl<'a> Busy<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.active.fetch_add(1, Ordering::Relaxed);
        shared.metrics.workers_active.inc();
        Self(shared)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.workers_active.dec();
    }
}
