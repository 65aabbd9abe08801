//! The work queue: de-duplicating, rate-limited, pure.
//!
//! It works as client-go's workqueue does, for the same two promises: a key is never handed to two
//! workers at once, and nothing that was added is lost. It knows neither a runtime nor a clock;
//! whoever drives it says what time it is.
//!
//! ```text
//!                add                        next
//!   (absent) ──────────▶ ready ───────────────────────▶ processing ──done──▶ (absent), or ready
//!      │                   ▲                              │     │            when added meanwhile
//!      │ add_after, retry  │ its time has come            │ add │
//!      └───────────────▶ waiting                          ▼     ▼
//!                                                       processing, dirty
//! ```
//!
//! Waiting is independent of the rest: a key may wait for a later time and be ready or processed
//! now. What is ready is handed out by [`Priority`], as in controller-runtime, and in the order of its addition. Of two times
//! to wait for, the earlier one holds, as in client-go: what is added is worked
//! on after that and by the time it asks for.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
    time::{Duration, Instant},
};

use crate::random::SplitMix64;

/// How long to wait after failures in a row: `base`, doubling, at most `max`; of each wait the last
/// half is random, so that what failed together does not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub base: Duration,
    /// The longest wait.
    pub max: Duration,
}

impl Default for Backoff {
    /// Half a second to five minutes: the tenth failure reaches the longest wait.
    fn default() -> Self {
        Self { base: Duration::from_millis(500), max: Duration::from_secs(300) }
    }
}

impl Backoff {
    /// The wait after `failures` failures in a row, before this one.
    pub fn wait(&self, failures: u32, random: &mut SplitMix64) -> Duration {
        let factor = 2_u32.checked_pow(failures).unwrap_or(u32::MAX);
        let full = self.base.saturating_mul(factor).min(self.max);
        let half = u64::try_from(full.as_micros() / 2).unwrap_or(u64::MAX);
        full.saturating_sub(Duration::from_micros(random.below(half.saturating_add(1))))
    }
}

/// What goes first among the ready. A key that is added twice has the higher one of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Work that was begun.
    High,
    /// What is new, or has changed.
    #[default]
    Normal,
    /// What is looked at for safety's sake. It waits as long as there is anything else.
    Low,
}

/// A place among the ready.
type Ticket = (Priority, u64);

/// What the queue knows about one key; a key it knows nothing about has no entry.
#[derive(Debug, Default)]
struct Entry {
    /// Its place among the ready.
    ready: Option<Ticket>,
    /// Its place among the waiting.
    waiting: Option<(Instant, u64)>,
    processing: bool,
    /// Added while it was processed.
    dirty: Option<Priority>,
    /// Failures in a row.
    failures: u32,
}

impl Entry {
    const fn is_idle(&self) -> bool {
        self.ready.is_none() && self.waiting.is_none() && !self.processing && self.failures == 0
    }
}

/// The queue of keys that want work.
#[derive(Debug)]
pub struct Queue<K> {
    entries: HashMap<K, Entry>,
    ready: BTreeMap<Ticket, K>,
    waiting: BTreeMap<(Instant, u64), K>,
    tickets: u64,
    backoff: Backoff,
    random: SplitMix64,
}

impl<K: Clone + Eq + Hash> Queue<K> {
    /// An empty queue; the seed decides the random part of the waits.
    pub fn new(backoff: Backoff, seed: u64) -> Self {
        Self {
            entries: HashMap::new(),
            ready: BTreeMap::new(),
            waiting: BTreeMap::new(),
            tickets: 0,
            backoff,
            random: SplitMix64::new(seed),
        }
    }

    /// Wants `key` worked on: now, or once more after the work that is under way.
    pub fn add(&mut self, key: &K, priority: Priority) {
        let entry = entry(&mut self.entries, key);
        if entry.processing {
            entry.dirty = Some(entry.dirty.map_or(priority, |dirty| dirty.min(priority)));
            return;
        }
        if entry.ready.is_some_and(|(ready, _)| ready <= priority) {
            return;
        }
        if let Some(lower) = entry.ready.take() {
            self.ready.remove(&lower);
        }
        self.tickets += 1;
        entry.ready = Some((priority, self.tickets));
        self.ready.insert((priority, self.tickets), key.clone());
    }

    /// Wants `key` worked on at `at`, or earlier where it waits for an earlier time already.
    pub fn add_after(&mut self, key: &K, at: Instant) {
        let entry = entry(&mut self.entries, key);
        if entry.waiting.is_some_and(|(earlier, _)| earlier <= at) {
            return;
        }
        if let Some(later) = entry.waiting.take() {
            self.waiting.remove(&later);
        }
        self.tickets += 1;
        entry.waiting = Some((at, self.tickets));
        self.waiting.insert((at, self.tickets), key.clone());
    }

    /// Wants a failed `key` worked on after its backoff, and answers how many failures in a row
    /// this one makes.
    pub fn retry(&mut self, key: &K, now: Instant) -> u32 {
        let entry = entry(&mut self.entries, key);
        let wait = self.backoff.wait(entry.failures, &mut self.random);
        entry.failures = entry.failures.saturating_add(1);
        let failures = entry.failures;
        self.add_after(key, now + wait);
        failures
    }

    /// The next key to work on; it is processing until [`Queue::done`].
    pub fn next(&mut self, now: Instant) -> Option<K> {
        self.mature(now);
        let (_, key) = self.ready.pop_first()?;
        let entry = entry(&mut self.entries, &key);
        entry.ready = None;
        entry.processing = true;
        Some(key)
    }

    /// Takes `key` for work at once, past the others, unless it is being worked on: then it is
    /// worked on once more afterwards, and this answers false.
    pub fn claim(&mut self, key: &K) -> bool {
        let entry = entry(&mut self.entries, key);
        if entry.processing {
            entry.dirty = Some(Priority::High);
            return false;
        }
        if let Some(ticket) = entry.ready.take() {
            self.ready.remove(&ticket);
        }
        entry.processing = true;
        true
    }

    /// The work on `key` ended, whatever came of it.
    pub fn done(&mut self, key: &K) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.processing = false;
        if let Some(priority) = entry.dirty.take() {
            self.add(key, priority);
        } else {
            self.tidy(key);
        }
    }

    /// Forgets the failures of `key`, since the work on it succeeded.
    pub fn forget(&mut self, key: &K) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.failures = 0;
            self.tidy(key);
        }
    }

    /// Drops everything about `key`, since its object is gone. Work under way goes on.
    pub fn remove(&mut self, key: &K) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let (ready, waiting) = (entry.ready.take(), entry.waiting.take());
        entry.dirty = None;
        entry.failures = 0;
        if let Some(ticket) = ready {
            self.ready.remove(&ticket);
        }
        if let Some(place) = waiting {
            self.waiting.remove(&place);
        }
        self.tidy(key);
    }

    /// How many keys are ready.
    pub fn len(&self) -> usize {
        self.ready.len()
    }

    /// Whether no key is ready.
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// When the next waiting key becomes ready.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Makes the waiting keys ready whose time has come.
    pub fn mature(&mut self, now: Instant) {
        while let Some(due) = self.waiting.first_entry().filter(|first| first.key().0 <= now) {
            let key = due.remove();
            entry(&mut self.entries, &key).waiting = None;
            self.add(&key, Priority::Normal);
        }
    }

    fn tidy(&mut self, key: &K) {
        if self.entries.get(key).is_some_and(Entry::is_idle) {
            self.entries.remove(key);
        }
    }
}

/// The entry of a key, made where there is none. A function of the map alone, so that the queue's
/// other fields stay free to change beside it.
fn entry<'a, K: Clone + Eq + Hash>(entries: &'a mut HashMap<K, Entry>, key: &K) -> &'a mut Entry {
    entries.entry(key.clone()).or_default()
}

#[cfg(test)]
mod tests;
