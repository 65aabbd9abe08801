//! The worker pool: how keys become work, a bounded number at a time.
//!
//! ```text
//!  handlers ──add──▶ backlog ──dispatch──▶ bounded queue ──▶ worker 1..n ──▶ Process::process
//!   of the           (de-duplicated,        (try_enqueue,                        │
//!   informer          rate-limited)          enqueue)                            │
//!                        ▲                                                       │
//!                        └── done · after a while · after a backoff · never ◀────┘
//! ```
//!
//! The backlog is [`crate::queue`], shared by tasks; the bounded queue is another, of the few keys that wait for a free worker.
//!
//! A key stays in the backlog until there is room, so that its changes fall together and a deleted
//! object costs nothing. The backlog outlives the pool: what a pool did not begin, or did not finish,
//! goes back to it for the next one.

mod backlog;
mod pool;

use std::{fmt, future::Future, time::Duration};

use crate::{category::Category, key::ObjectKey, remediation::Phase};

pub use backlog::Backlog;
pub use pool::{Config, Drained, Pool, Refused};

/// From this many failures in a row on, when the wait has about reached the longest backoff, each is logged
/// as an error. It is no limit: what [`Retry`](crate::category::Retry) says is done however often it failed.
pub const KEEPS_FAILING: u32 = 10;

/// What the workers do with a key.
pub trait Process: Send + Sync + 'static {
    /// Does the work on one object; `None` when there is none of that name any more. May be dropped at any await, when the pool stops; must bound
    /// its own time.
    fn process(&self, key: ObjectKey) -> impl Future<Output = Result<Option<Processed>, ProcessError>> + Send;
}

/// What came of the work on an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processed {
    /// The status it was left in.
    pub phase: Phase,
    /// Whether to come back.
    pub next: Next,
    /// Another object that now wants work, since it waited for this one.
    pub wakes: Option<ObjectKey>,
}

/// When to work on an object again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// When it changes.
    Done,
    /// After this time, or when it changes.
    After(Duration),
}

/// The work failed, and the status on the object does not say so.
#[derive(Debug)]
pub struct ProcessError {
    /// Decides when it is tried again.
    pub category: Category,
    /// Why.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the work on an object failed ({})", self.category.as_str())
    }
}

impl std::error::Error for ProcessError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}
