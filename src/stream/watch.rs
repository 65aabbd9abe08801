//! Changes from a version on, without loading what is there.
//!
//! ```text
//!   connect ──Alive──▶ connected ──event, bookmark──▶ (the version moves on)
//!      ▲  │                 │
//!      │  │ fails           │ ends, breaks, or is silent for too long
//!      └──┴──── wait ◀──────┘
//!   a version that is no longer there (410), or not yet (a restored server): Expired, and over
//! ```
//!
//! kube's own `watcher` keeps bookmarks and reconnections to itself, so a quiet watch and a dead one
//! look alike, and it never lets go of a version that a server refuses with a plain 410.

use std::time::Duration;

use futures::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use kube::{
    Api,
    api::{WatchEvent, WatchParams},
    core::Status,
};
use tokio::time::{Instant, timeout};

use super::Listed;
use crate::{queue::Backoff, random::SplitMix64};

/// After this time the server ends a watch, and it is renewed.
pub(crate) const RENEWAL: Duration = Duration::from_secs(120);
/// How much later than that a silent connection counts as dead.
const MARGIN: Duration = Duration::from_secs(5);
/// How long the server may take to begin its answer; it may queue a request for a minute.
const ANSWER: Duration = Duration::from_secs(65);
/// A connection that ends sooner, without a word, counts as a failure.
const BRIEF: Duration = Duration::from_secs(1);

/// What a watch tells.
#[derive(Clone, Debug)]
pub enum Change<K> {
    /// The server answers, and nothing has changed up to this version.
    Alive(String),
    /// Created or changed.
    Applied(K),
    /// Gone; its last state.
    Deleted(K),
}

/// Why a watch stopped, for now or for good.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The stream is over: list again, and watch from there.
    #[error("the server no longer has the version to watch from; list again")]
    Expired,
    /// The connection failed; polled again, the stream waits its backoff and reconnects.
    #[error("the watch broke off, and is tried again")]
    Broken(#[source] kube::Error),
}

/// Watches from `resource_version` on, with the selectors of `params` applied by the server.
///
/// It reconnects by itself, from the last version seen. It ends after [`WatchError::Expired`] only.
pub fn watch<K: Listed>(
    api: Api<K>,
    params: WatchParams,
    resource_version: String,
    backoff: Backoff,
) -> impl Stream<Item = Result<Change<K>, WatchError>> + Send {
    let seconds = params.timeout.unwrap_or(u32::try_from(RENEWAL.as_secs()).unwrap_or(u32::MAX));
    // Of all replicas, each gets its own waits: the seed is the time of its start.
    let random = SplitMix64::new(u64::from(jiff::Timestamp::now().subsec_nanosecond().unsigned_abs()));
    let watch = Watch {
        api,
        params: WatchParams { timeout: Some(seconds), bookmarks: true, ..params },
        silence: Duration::from_secs(seconds.into()) + MARGIN,
        version: resource_version,
        connection: Connection::Off,
        failures: 0,
        backoff,
        random,
    };
    stream::unfold(watch, |mut watch| async move { watch.advance().await.map(|item| (item, watch)) })
}

enum Connection<K> {
    Off,
    /// Off, after a failure.
    Waiting,
    On {
        events: BoxStream<'static, Result<WatchEvent<K>, kube::Error>>,
        since: Instant,
        silent: bool,
    },
    Over,
}

struct Watch<K> {
    api: Api<K>,
    params: WatchParams,
    silence: Duration,
    version: String,
    connection: Connection<K>,
    /// In a row.
    failures: u32,
    backoff: Backoff,
    random: SplitMix64,
}

impl<K: Listed> Watch<K> {
    async fn advance(&mut self) -> Option<Result<Change<K>, WatchError>> {
        loop {
            match &mut self.connection {
                Connection::Over => return None,
                Connection::Waiting => {
                    let wait = self.backoff.wait(self.failures, &mut self.random);
                    tokio::time::sleep(wait).await;
                    self.failures = self.failures.saturating_add(1);
                    self.connection = Connection::Off;
                }
                Connection::Off => return Some(self.connect().await),
                Connection::On { events, since, silent } => match timeout(self.silence, events.next()).await {
                    Ok(Some(Ok(event))) => {
                        *silent = false;
                        self.failures = 0;
                        return Some(self.take(event));
                    }
                    Ok(Some(Err(error))) => return Some(Err(self.broken(error))),
                    Ok(None) if *silent && since.elapsed() < BRIEF => self.connection = Connection::Waiting,
                    Ok(None) => self.connection = Connection::Off,
                    Err(elapsed) => return Some(Err(self.broken(kube::Error::Service(Box::new(elapsed))))),
                },
            }
        }
    }

    async fn connect(&mut self) -> Result<Change<K>, WatchError> {
        match timeout(ANSWER, self.api.watch(&self.params, &self.version)).await {
            Ok(Ok(events)) => {
                self.connection = Connection::On { events: events.boxed(), since: Instant::now(), silent: true };
                Ok(Change::Alive(self.version.clone()))
            }
            Ok(Err(error)) => Err(self.broken(error)),
            Err(elapsed) => Err(self.broken(kube::Error::Service(Box::new(elapsed)))),
        }
    }

    fn take(&mut self, event: WatchEvent<K>) -> Result<Change<K>, WatchError> {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                self.seen(&object);
                Ok(Change::Applied(object))
            }
            WatchEvent::Deleted(object) => {
                self.seen(&object);
                Ok(Change::Deleted(object))
            }
            WatchEvent::Bookmark(bookmark) => {
                self.version.clone_from(&bookmark.metadata.resource_version);
                Ok(Change::Alive(bookmark.metadata.resource_version))
            }
            WatchEvent::Error(status) => Err(self.broken(kube::Error::Api(status))),
        }
    }

    fn seen(&mut self, object: &K) {
        if let Some(version) = object.meta().resource_version.as_ref().filter(|version| !version.is_empty()) {
            self.version.clone_from(version);
        }
    }

    fn broken(&mut self, error: kube::Error) -> WatchError {
        let expired = matches!(&error, kube::Error::Api(status) if is_expired(status));
        self.connection = if expired { Connection::Over } else { Connection::Waiting };
        if expired { WatchError::Expired } else { WatchError::Broken(error) }
    }
}

/// Whether the server has lost the version, or, restored from a backup, has not reached it.
fn is_expired(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    status.code == 410 || causes.into_iter().any(|cause| cause.reason == "ResourceVersionTooLarge")
}
