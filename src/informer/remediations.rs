//! The informer of remediations: feeds the metrics and the work queue.
//!
//! | change | count | size and age | queue |
//! |---|---|---|---|
//! | add | +1 | recorded | key added |
//! | update | moved when the status changed | recorded when it did | key added |
//! | resync | | | key added, of low priority, unless it waits for a person, whose time is not over |
//! | delete | −1 | | key forgotten |
//!
//! A change or deletion of what is a patch of another one adds the key of that one too, which waits for it.
//!
//! In a terminal status the key is forgotten instead of added, since there is no work, unless a person has asked for it to be
//! undone. What is in progress goes first, since somebody was interrupted at it; last goes what was found waiting for a
//! person. A malformed one is counted, as unknown. So neither 100,000 that are kept for a week, nor as many proposals that nobody decides on, keep a new leader
//! from what is urgent, or are read from the API with every resync for nothing.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use kube::{Api, Resource, core::ObjectMeta};

use super::{Config, Handler, Informer};
use crate::{
    key::ObjectKey,
    queue::Priority,
    quota::{Account, Quota},
    remediation::{Phase, Reason, StepName, StepState, ZenAgentRemediation, approval, requests},
    saas,
    telemetry::Metrics,
    worker::Backlog,
};

/// What the cache keeps of a remediation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Where it stands; the text of an unknown status is not kept.
    pub phase: Phase,
    /// Its size as JSON.
    pub bytes: usize,
    /// When it was created.
    pub created: Timestamp,
    /// The tenant whose cap it counts towards.
    pub account: Option<Account>,
    /// Whether, and until when, there is nothing to do before it changes.
    pub rests: Rest,
    /// Whether the SaaS knows its latest status, or is not to.
    pub told: bool,
    /// The name of the one that it is a patch of.
    pub patch_of: Option<Box<str>>,
}

/// Whether a remediation may be left alone until it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// There may be something to do.
    No,
    /// It has ended, the pipeline has said that it waits for a person, for so long where that has an end, or it is malformed.
    Until(Option<Timestamp>),
}

impl Rest {
    /// Whether there is nothing to do now.
    pub fn holds(self) -> bool {
        matches!(self, Self::Until(end) if end.is_none_or(|end| Timestamp::now() < end))
    }
}

impl Summary {
    /// The summary of this remediation.
    pub fn of(object: &ZenAgentRemediation, quota: &Quota) -> Self {
        let phase = match object.phase() {
            Phase::Unknown(_) => Phase::Unknown(String::new()),
            _ if waits_for_a_patch(object) => Phase::Pending,
            known => known,
        };
        let deadline = || object.status.as_ref().and_then(|status| status.approval_deadline.as_ref()).map(|deadline| deadline.0);
        let rests = match approval::waits(object) {
            true => Rest::Until(deadline()),
            false if phase.is_terminal() && !requests::is_to_be_undone(object) => Rest::Until(None),
            false => Rest::No,
        };
        let created = object.meta().creation_timestamp.as_ref().map_or_else(Timestamp::now, |time| time.0);
        Self {
            phase,
            bytes: json_size(object),
            created,
            account: quota.account(&object.metadata),
            rests,
            told: saas::is_told(object) || !quota.owns(&object.metadata),
            patch_of: object.patch_of().map(|owner| owner.name.as_str().into()),
        }
    }

    /// What is known of one that is malformed: it is there, in an unknown status.
    fn malformed(meta: &ObjectMeta, quota: &Quota) -> Self {
        let created = meta.creation_timestamp.as_ref().map_or_else(Timestamp::now, |time| time.0);
        let (phase, account) = (Phase::Unknown(String::new()), quota.account(meta));
        Self { phase, bytes: 0, created, account, rests: Rest::Until(None), told: true, patch_of: None }
    }

    fn age(&self) -> Duration {
        Duration::try_from(Timestamp::now().duration_since(self.created)).unwrap_or_default()
    }
}

/// Whether it is a series of which nothing is under way: its patch waits, for a person or for what itself comes back from, and says so
/// when it does not any more.
fn waits_for_a_patch(object: &ZenAgentRemediation) -> bool {
    let executes = object.step(StepName::Execute).is_some_and(|step| step.state == StepState::Running);
    let reason = object.status.as_ref().and_then(|status| status.reason.as_deref());
    object.phase() == Phase::InProgress && object.is_series() && executes && reason != Some(Reason::PatchUnderWay.as_str())
}

/// The informer of the remediations that `api` lists, counted in `metrics` and `quota`, and worked off by
/// way of `backlog`.
pub fn informer(
    api: Api<kube::core::DeserializeGuard<ZenAgentRemediation>>,
    config: Config,
    metrics: Metrics,
    backlog: Backlog,
    quota: Quota,
) -> Informer<ZenAgentRemediation, Summary> {
    let counts = quota.clone();
    let (project, salvage) = (quota.clone(), quota);
    Informer::new(api, config, move |object: &ZenAgentRemediation| Summary::of(object, &project))
        .malformed(move |meta| Summary::malformed(meta, &salvage))
        .handler(counts)
        .handler(Feed { metrics, backlog, tally: Mutex::default() })
}

struct Feed {
    metrics: Metrics,
    backlog: Backlog,
    /// What this informer added to each count: the number of its cached objects, by status.
    tally: Mutex<BTreeMap<&'static str, i64>>,
}

impl Feed {
    fn count(&self, phase: &Phase, change: i64) {
        *self.tally.lock().unwrap_or_else(PoisonError::into_inner).entry(phase.label()).or_default() += change;
        self.metrics.crd_count.with_label_values(&[phase.label()]).add(change);
    }

    fn record(&self, seen: &Summary) {
        self.metrics.seen(&seen.phase, seen.bytes, seen.age());
    }

    fn tell(&self, key: &ObjectKey, seen: &Summary) {
        if let Some(series) = seen.patch_of.as_deref() {
            self.backlog.add(&ObjectKey::new(key.namespace.as_str(), series), Priority::Normal);
        }
    }

    fn queue(&self, key: &ObjectKey, seen: &Summary, otherwise: Priority) {
        match seen.phase {
            _ if seen.phase.is_terminal() && seen.rests.holds() => self.backlog.remove(key),
            Phase::InProgress => self.backlog.add(key, Priority::High),
            _ => self.backlog.add(key, otherwise),
        }
    }
}

/// An informer that ends takes its counts along, so that the next one begins at zero.
impl Drop for Feed {
    fn drop(&mut self) {
        for (status, count) in std::mem::take(self.tally.get_mut().unwrap_or_else(PoisonError::into_inner)) {
            self.metrics.crd_count.with_label_values(&[status]).sub(count);
        }
    }
}

impl Handler<Summary> for Feed {
    fn on_add(&self, key: &ObjectKey, new: &Arc<Summary>) {
        self.count(&new.phase, 1);
        self.record(new);
        self.queue(key, new, if new.rests.holds() { Priority::Low } else { Priority::Normal });
    }

    fn on_update(&self, key: &ObjectKey, old: &Arc<Summary>, new: &Arc<Summary>) {
        if old.phase != new.phase {
            self.count(&old.phase, -1);
            self.count(&new.phase, 1);
            self.record(new);
        }
        match Arc::ptr_eq(old, new) {
            true if new.rests.holds() => {}
            true => self.queue(key, new, Priority::Low),
            false => {
                self.queue(key, new, Priority::Normal);
                self.tell(key, new);
            }
        }
    }

    fn on_delete(&self, key: &ObjectKey, old: &Arc<Summary>) {
        self.count(&old.phase, -1);
        self.backlog.remove(key);
        self.tell(key, old);
    }
}

/// The size of the object as JSON, without making the JSON.
fn json_size(object: &ZenAgentRemediation) -> usize {
    struct Counter(usize);
    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // It came as JSON, so it can be written as JSON; what could not would count as far as it got.
    if let Err(error) = serde_json::to_writer(&mut counter, object) {
        tracing::debug!(%error, "a remediation has no JSON form");
    }
    counter.0
}
