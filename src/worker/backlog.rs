//! The work queue as tasks share it: [`Queue`] with a clock, a lock and a way to wait.
//!
//! On a replica that does not lead nothing is taken from it: its depth is what would be looked at by a new leader.

use std::{
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus::IntGauge;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::{
    key::ObjectKey,
    queue::{Backoff, Priority, Queue},
};

struct Inner {
    queue: Mutex<Queue<ObjectKey>>,
    changed: Notify,
    depth: IntGauge,
}

/// The objects that want work, bounded by their number. Cloning shares it.
#[derive(Clone)]
pub struct Backlog(Arc<Inner>);

impl Backlog {
    /// An empty backlog, whose ready keys `depth` counts; the seed decides the random part of the waits.
    pub fn new(backoff: Backoff, seed: u64, depth: IntGauge) -> Self {
        let queue = Mutex::new(Queue::new(backoff, seed));
        Self(Arc::new(Inner { queue, changed: Notify::new(), depth }))
    }

    /// Wants `key` worked on.
    pub fn add(&self, key: &ObjectKey, priority: Priority) {
        self.with(|queue| queue.add(key, priority));
    }

    /// Wants `key` worked on after this time.
    pub fn add_after(&self, key: &ObjectKey, wait: Duration) {
        self.with(|queue| queue.add_after(key, now() + wait));
    }

    /// Drops `key`, since its object is gone.
    pub fn remove(&self, key: &ObjectKey) {
        self.with(|queue| queue.remove(key));
    }

    /// How many keys wait for room in the pool.
    pub fn len(&self) -> usize {
        self.with(|queue| queue.len())
    }

    /// Whether no key waits for room in the pool.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns once a key is ready. For one task at a time.
    pub(crate) async fn ready(&self) {
        loop {
            let (ready, deadline) = self.with(|queue| {
                queue.mature(now());
                (!queue.is_empty(), queue.next_deadline())
            });
            if ready {
                return;
            }
            let due = async {
                match deadline {
                    Some(at) => sleep_until(Instant::from_std(at)).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = self.0.changed.notified() => {}
                () = due => {}
            }
        }
    }

    pub(crate) fn next(&self) -> Option<ObjectKey> {
        self.with(|queue| queue.next(now()))
    }

    pub(crate) fn claim(&self, key: &ObjectKey) -> bool {
        self.with(|queue| queue.claim(key))
    }

    /// The work on `key` was not begun, or was abandoned: somebody else may have it.
    pub(crate) fn put_back(&self, key: &ObjectKey) {
        self.with(|queue| {
            queue.add(key, Priority::High);
            queue.done(key);
        });
    }

    pub(crate) fn succeeded(&self, key: &ObjectKey, again: Option<Duration>) {
        self.with(|queue| {
            queue.forget(key);
            if let Some(wait) = again {
                queue.add_after(key, now() + wait);
            }
            queue.done(key);
        });
    }

    /// Answers how many failures in a row this one makes.
    pub(crate) fn retry(&self, key: &ObjectKey) -> u32 {
        self.with(|queue| {
            let failures = queue.retry(key, now());
            queue.done(key);
            failures
        })
    }

    fn with<R>(&self, change: impl FnOnce(&mut Queue<ObjectKey>) -> R) -> R {
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let (len, deadline) = (queue.len(), queue.next_deadline());
        let result = change(&mut queue);
        // The pool counts what it holds into the same gauge, so it is moved rather than set.
        self.0.depth.add(gauge(queue.len()) - gauge(len));
        if queue.len() > len || queue.next_deadline() != deadline {
            self.0.changed.notify_one();
        }
        result
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

fn gauge(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}
