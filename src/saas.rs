//! Tells a SaaS what became of remediations. The leader does, where SAAS_API_BASE says whom.
//!
//! ```text
//!                 not told yet                                         taken: synced on the object, where it rests
//!   informer ──▶ watched ──▶ 1 observe ──put, fsync──▶ spool ──▶ sending ──▶ 2 tell ──┤
//!                               reads the object          ▲                  │       └ refused, or too old: dead letter
//!                               what is told: out of it   └── replayed ──────┘ later: 500 ms doubling to 60 s, Retry-After
//! ```
//!
//! `watched` and `sending` are two backlogs (`work::Lane`), one for each step.
//!
//! The objects are the truth, and say by `status.synced` whether the SaaS knows their latest status. So what a leader did
//! not come to tell, the next one does, from the objects. The spool is for what objects cannot keep: the end of a
//! remediation whose object is deleted before it could be told. In it, of one remediation, newer replaces older.
//!
//! - The latest status is told, not each, and of one remediation no two reports are under way at once. A leader that
//!   froze may repeat an older one: reports say when it came to stand there (`updated_at`).
//! - Remediations of the agent's own tenant are told, since the credentials are of one tenant. A task's report goes to its
//!   `remediation_id`, any other's to the remediation's own id: also those of the remediations of its patches, where it has several.
//! - A circuit breaker ([`crate::circuit`]) leaves a SaaS alone that keeps failing: 5 times within 5 minutes, for 5 s doubling to
//!   2 minutes. What nobody took for seven days is a dead letter.
//! - What is deleted before it has ended is not told of any more.
//! - What was refused is sent once more by another replica that comes to lead: dead letters are each replica's own.
//! - What works less well is told by /health: a spool that cannot be written (`saas_spool`, on every replica), and a SaaS that
//!   is left alone (`saas`, on the leader).

pub(crate) mod entry;
mod mark;
mod send;
mod steps;
mod work;

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use kube::Client;

pub(crate) use entry::is_told;
use entry::{Entry, Speaker};
use send::Sender;
pub use send::{Peer, PeerError};
use work::{Lane, Step};

pub use crate::spool::SpoolError;

use crate::{
    breaker::{State, Temper},
    circuit::Circuit,
    heartbeat::Heartbeat,
    identity::Tenant,
    informer::{Handler, remediations::Summary},
    key::ObjectKey,
    queue::Priority,
    spool::{Bounds, Letters, Spool, Unreadable},
    telemetry::{Health, Metrics, health::Degraded},
    worker::Backlog,
};

/// When the SaaS is left alone, and for how long.
const TEMPER: Temper =
    Temper { failures: 5, window: Duration::from_secs(300), first: Duration::from_secs(5), longest: Duration::from_secs(120) };

/// What may wait in the spool; objects beyond that wait until there is room. A report has a kilobyte or two.
const BOUNDS: Bounds = Bounds { records: 10_000, bytes: u64::MAX };

/// Whom to tell, and as whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The SaaS.
    pub peer: Peer,
    /// Folder of the spool and of dead letters; this replica's own.
    pub folder: PathBuf,
    /// The agent's cluster.
    pub cluster: String,
    /// The tenant whose remediations are told.
    pub tenant: Tenant,
    /// The namespace of remediations made from events and tasks.
    pub namespace: String,
}

/// Tells the SaaS, term by term. Cloning shares it.
#[derive(Clone)]
pub struct Saas(Arc<Inner>);

struct Inner {
    client: Client,
    speaker: Speaker,
    tenant: Tenant,
    sender: Sender,
    spool: Spool<Entry>,
    letters: Letters<Entry>,
    watched: Lane,
    sending: Lane,
    caretaker: Heartbeat,
    circuit: Circuit,
    metrics: Metrics,
    health: Health,
}

impl Saas {
    /// Opens the spool.
    ///
    /// # Errors
    /// When the folder cannot be used, or another process uses it.
    pub fn open(settings: Settings, client: Client, metrics: &Metrics, health: &Health) -> Result<Self, SpoolError> {
        let Settings { peer, folder, cluster, tenant, namespace } = settings;
        let seed = u64::from(Timestamp::now().subsec_nanosecond().unsigned_abs());
        let lane = |step, stage| Lane::new(step, seed, metrics.saas_queue.with_label_values(&[stage]));
        health.degraded(Degraded::Saas, None);
        Ok(Self(Arc::new(Inner {
            client,
            speaker: Speaker { cluster, namespace },
            tenant,
            sender: Sender::new(peer),
            spool: Spool::open(&folder, BOUNDS, Unreadable::BeginAnew, health.clone(), Degraded::SaasSpool)?,
            letters: Letters::kept_in(&folder),
            watched: lane(Step::Observe, "observe"),
            sending: lane(Step::Tell, "send"),
            caretaker: Heartbeat::new(),
            circuit: Circuit::new(TEMPER, metrics.circuit.with_label_values(&["saas"])),
            metrics: metrics.clone(),
            health: health.clone(),
        })))
    }

    /// What the informer tells of changes; on every replica, so that a new leader knows what is not told.
    pub fn watch(&self) -> impl Handler<Summary> + use<> {
        Watch(self.0.watched.backlog().clone())
    }

    /// Of each loop that runs while this process leads.
    pub fn heartbeats(&self) -> impl Iterator<Item = &Heartbeat> {
        [self.0.watched.heartbeats(), self.0.sending.heartbeats(), std::slice::from_ref(&self.0.caretaker)].into_iter().flatten()
    }

    /// Closes the spool, at the end.
    pub async fn close(&self) {
        self.0.spool.close().await;
    }

    /// Tells, for as long as this process leads: until it is dropped.
    pub async fn run(&self) {
        let this = &*self.0;
        let _term = Term(this);
        tokio::join!(this.work_off(&this.watched), this.work_off(&this.sending), this.look_after(), this.show());
    }
}

/// Whoever does not lead knows nothing of how the SaaS is.
struct Term<'a>(&'a Inner);

impl Drop for Term<'_> {
    fn drop(&mut self) {
        self.0.circuit.reset();
        self.0.health.degraded(Degraded::Saas, None);
    }
}

impl Inner {
    /// Shows by /health whether the SaaS is left alone.
    async fn show(&self) {
        let mut state = self.circuit.watch();
        loop {
            let why = (*state.borrow_and_update() != State::Closed).then_some("the SaaS keeps failing; what it is to be told waits");
            self.health.degraded(Degraded::Saas, why);
            // Its sender lives as long as `self`.
            if state.changed().await.is_err() {
                return;
            }
        }
    }
}

struct Watch(Backlog);

impl Handler<Summary> for Watch {
    fn on_add(&self, key: &ObjectKey, new: &Arc<Summary>) {
        if !new.told {
            self.0.add(key, Priority::Normal);
        }
    }

    fn on_update(&self, key: &ObjectKey, old: &Arc<Summary>, new: &Arc<Summary>) {
        if new.told {
            // The leader has told it: a replica that follows would keep the key for as long as it follows.
            self.0.remove(key);
        } else if !Arc::ptr_eq(old, new) {
            // In a resync nothing changed, and what failed is tried again anyway.
            self.0.add(key, Priority::Normal);
        }
    }

    fn on_delete(&self, key: &ObjectKey, old: &Arc<Summary>) {
        if old.told {
            self.0.remove(key);
        } else {
            self.0.add(key, Priority::Normal);
        }
    }
}
