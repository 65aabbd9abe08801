//! The latest changes, for watches: a ring bounded by number and by bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

/// However many events may be kept, they hold no more than this.
const MAX_BYTES: usize = 8 << 20;
/// A reader is given at most so many events at once.
const READ_AT_ONCE: usize = 256;

/// One committed change.
#[derive(Debug)]
pub(crate) struct Event {
    pub revision: u64,
    pub key: String,
    /// As stored; of a deletion, the last state with the deletion's resourceVersion.
    pub object: Bytes,
    pub change: Change,
}

#[derive(Debug)]
pub(crate) enum Change {
    Created,
    /// Holds the former state, for selectors that no longer match.
    Modified(Bytes),
    Deleted,
}

impl Event {
    fn size(&self) -> usize {
        let former = if let Change::Modified(former) = &self.change { former.len() } else { 0 };
        self.key.len() + self.object.len() + former
    }
}

/// What a reader gets.
#[derive(Debug)]
pub(crate) enum Read {
    /// Events after the reader's position, and its next position.
    Events(Vec<Arc<Event>>, u64),
    /// The position is older than the oldest event.
    Compacted { oldest: u64 },
    /// The store is closed; nothing more will come.
    Closed,
}

#[derive(Debug)]
struct Ring {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    /// Events up to this resourceVersion are gone.
    floor: u64,
    last: u64,
    closed: bool,
}

/// The ring, and a signal whenever it grows.
#[derive(Debug)]
pub(crate) struct History {
    ring: Mutex<Ring>,
    capacity: usize,
    grown: watch::Sender<()>,
}

impl History {
    /// Knows nothing of what happened up to `revision`.
    pub(crate) fn new(capacity: usize, revision: u64) -> Self {
        let ring = Ring { events: VecDeque::new(), bytes: 0, floor: revision, last: revision, closed: false };
        Self { ring: Mutex::new(ring), capacity, grown: watch::Sender::new(()) }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is signalled when there is something new to read.
    pub(crate) fn subscribe(&self) -> watch::Receiver<()> {
        self.grown.subscribe()
    }

    /// Adds what was committed, in the order of resourceVersion.
    pub(crate) fn publish(&self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let mut ring = self.ring();
        for event in events {
            ring.last = event.revision;
            ring.bytes += event.size();
            ring.events.push_back(Arc::new(event));
        }
        while ring.events.len() > self.capacity || ring.bytes > MAX_BYTES {
            let Some(oldest) = ring.events.pop_front() else { break };
            ring.bytes -= oldest.size();
            ring.floor = oldest.revision;
        }
        drop(ring);
        self.grown.send_replace(());
    }

    /// The events after resourceVersion `after` whose key has this prefix.
    pub(crate) fn read(&self, after: u64, prefix: &str) -> Read {
        let ring = self.ring();
        if ring.closed {
            return Read::Closed;
        }
        if after < ring.floor {
            return Read::Compacted { oldest: ring.floor };
        }
        let start = ring.events.partition_point(|event| event.revision <= after);
        let mut found = Vec::new();
        for event in ring.events.range(start..) {
            if event.key.starts_with(prefix) {
                found.push(event.clone());
                if found.len() == READ_AT_ONCE {
                    return Read::Events(found, event.revision);
                }
            }
        }
        Read::Events(found, ring.last.max(after))
    }

    /// The latest resourceVersion that watches have seen.
    pub(crate) fn last(&self) -> u64 {
        self.ring().last
    }

    /// Ends all watches.
    pub(crate) fn close(&self) {
        self.ring().closed = true;
        self.grown.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(revision: u64, key: &str) -> Event {
        Event { revision, key: key.into(), object: Bytes::from_static(b"{}"), change: Change::Created }
    }

    fn revisions(read: Read) -> Option<Vec<u64>> {
        match read {
            Read::Events(events, _) => Some(events.iter().map(|event| event.revision).collect()),
            Read::Compacted { .. } | Read::Closed => None,
        }
    }

    #[test]
    fn a_reader_gets_what_came_after_its_position_and_has_its_prefix() {
        let history = History::new(10, 5);
        history.publish(vec![event(6, "/pods/a/x"), event(7, "/pods/b/y"), event(8, "/pods/a/z")]);
        assert_eq!(revisions(history.read(5, "/pods/a/")), Some(vec![6, 8]));
        assert_eq!(revisions(history.read(6, "/pods/")), Some(vec![7, 8]));
        assert_eq!(revisions(history.read(8, "/pods/")), Some(vec![]));
    }

    #[test]
    fn a_reader_older_than_the_ring_is_told_so() {
        let history = History::new(2, 5);
        assert_eq!(revisions(history.read(4, "/")), None);
        history.publish(vec![event(6, "/a"), event(7, "/b"), event(8, "/c")]);
        assert_eq!(revisions(history.read(5, "/")), None);
        assert_eq!(revisions(history.read(6, "/")), Some(vec![7, 8]));
    }
}
