//! Group commit: whatever waits is written in one transaction, by one writer at a time.
//!
//! ```text
//!  write(job) ─▶ queue ─▶ first one in starts the drain ─▶ begin ─▶ job, job, job… ─▶ commit (fsync)
//!                                     ▲                                                  │
//!                                     └── more came meanwhile ◀── answers ◀── watches ◀──┘
//! ```
//!
//! The drain is a blocking task of the runtime rather than a thread of its own: it holds the paused
//! clock of a test while a caller waits, and nothing has to be joined at the end. A job that fails
//! has written nothing; a failure of the store itself fails the whole transaction.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::Inner;
use crate::batch::Batch;
use crate::error::ApiError;

/// So many writes may wait; more are told to come again.
const MAX_WAITING: usize = 4096;
/// So many writes share a transaction.
const MAX_GROUP: usize = 256;

type Reply = Box<dyn FnOnce(Result<(), ApiError>) + Send>;
type Job = Box<dyn FnOnce(&mut Batch<'_>) -> Reply + Send>;

/// The writes that wait.
#[derive(Default)]
pub(crate) struct Queue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    draining: bool,
}

/// Whether the caller has to start the drain.
#[derive(PartialEq, Eq)]
enum Pushed {
    First,
    Behind,
}

impl Queue {
    fn push(&self, job: Job) -> Result<Pushed, ApiError> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.jobs.len() >= MAX_WAITING {
            return Err(ApiError::too_many_requests());
        }
        waiting.jobs.push_back(job);
        Ok(if std::mem::replace(&mut waiting.draining, true) { Pushed::Behind } else { Pushed::First })
    }

    /// The next group; when there is none, the drain is over.
    fn pull(&self) -> Option<Vec<Job>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let group = waiting.jobs.len().min(MAX_GROUP);
        if group == 0 {
            waiting.draining = false;
            return None;
        }
        Some(waiting.jobs.drain(..group).collect())
    }

    /// Drops what waits, whose callers get an error, after a drain that did not run to its end.
    fn abandon(&self) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.jobs.clear();
        waiting.draining = false;
    }
}

/// Drains the queue; abandons it when the runtime drops the task or a job panics.
struct Drain {
    inner: Arc<Inner>,
    finished: bool,
}

impl Drain {
    fn run(mut self) {
        while let Some(jobs) = self.inner.queue.pull() {
            self.inner.commit(jobs);
        }
        self.finished = true;
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        if !self.finished {
            self.inner.queue.abandon();
        }
    }
}

impl Inner {
    /// Runs `job` in the next transaction; answers once that is on disk and watches have seen it.
    pub(crate) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        job: impl FnOnce(&mut Batch<'_>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |batch| {
            let outcome = job(batch);
            let reply = move |committed: Result<(), ApiError>| {
                // A caller that went away does not undo its write.
                answer.send(outcome.and_then(|value| committed.map(|()| value))).ok();
            };
            Box::new(reply)
        });
        self.enqueue(job)?;
        answered.await.unwrap_or_else(|_| Err(ApiError::unavailable()))
    }

    /// Runs `job` in the next transaction, and waits for nothing.
    pub(crate) fn leave(self: &Arc<Self>, job: impl FnOnce(&mut Batch<'_>) + Send + 'static) -> Result<(), ApiError> {
        self.enqueue(Box::new(|batch| {
            job(batch);
            Box::new(drop)
        }))
    }

    fn enqueue(self: &Arc<Self>, job: Job) -> Result<(), ApiError> {
        if self.queue.push(job)? == Pushed::First {
            let drain = Drain { inner: self.clone(), finished: false };
            tokio::task::spawn_blocking(move || drain.run());
        }
        Ok(())
    }

    /// The same on the caller's own thread, before there is a runtime; the store is nobody else's yet.
    pub(crate) fn write_now(
        self: &Arc<Self>,
        job: impl FnOnce(&mut Batch<'_>) -> Result<(), ApiError> + Send + 'static,
    ) -> Result<(), ApiError> {
        let outcome = Arc::new(Mutex::new(Ok(())));
        let seen = outcome.clone();
        let job: Job = Box::new(move |batch| {
            let result = job(batch);
            Box::new(move |committed| *seen.lock().unwrap_or_else(PoisonError::into_inner) = result.and(committed))
        });
        self.commit(vec![job]);
        Arc::into_inner(outcome).and_then(|outcome| outcome.into_inner().ok()).unwrap_or_else(|| Err(ApiError::unavailable()))
    }

    fn commit(self: &Arc<Self>, jobs: Vec<Job>) {
        let mut replies = Vec::with_capacity(jobs.len());
        let committed = self.transact(jobs, &mut replies);
        if let Err(error) = &committed {
            tracing::error!(error = error.message(), "a transaction failed; its writes are refused");
        }
        for reply in replies {
            reply(committed.clone());
        }
    }

    fn transact(self: &Arc<Self>, jobs: Vec<Job>, replies: &mut Vec<Reply>) -> Result<(), ApiError> {
        let guard = self.store.database();
        // A closed store drops the jobs, and with them their callers' channels: 503.
        let Some(database) = guard.as_ref() else { return Ok(()) };
        let transaction = database.begin_write()?;
        let changes = {
            let mut batch = Batch::begin(&transaction)?;
            replies.extend(jobs.into_iter().map(|job| job(&mut batch)));
            batch.end()?
        };
        if changes.dirty {
            transaction.commit()?;
        }
        for versions in changes.defined {
            self.types.define(versions);
        }
        self.history.publish(changes.events);
        self.snapshots.expire();
        if changes.collect {
            crate::gc::start(self);
        }
        Ok(())
    }
}
