//! Tells a SaaS what became of remediations. The leader does, where SAAS_API_BASE says whom.
//!
//! ```text
//!                 not told yet                                         taken: synced on the object, where it rests
//!   informer ──▶ watched ──▶ 1 observe ──put, fsync──▶ spool ──▶ sending ──▶ 2 tell ──┤
//!                               reads the object          ▲                  │       └ refused, or too old: dead letter
//!                               what is told: out of it   └── replayed ──────┘ later: 500 ms doubling to 60 s, Retry-After
//! ```
//!
//! The objects are the truth, and say by `status.synced` whether the SaaS knows their latest status. So what a leader did
//! not come to tell, the next one does, from the objects. The spool is for what objects cannot keep: the end of a
//! remediation whose object is deleted before it could be told.
//!
//! - The latest status is told, not each, and of one remediation no two reports are under way at once. A leader that
//!   froze may repeat an older one: reports say when it came to stand there (`updated_at`).
//! - Remediations of the agent's own tenant are told, since the credentials are of one tenant. A task's report goes to its
//!   `remediation_id`, any other's to the remediation's own id.
//! - A circuit breaker ([`crate::breaker`]) leaves a SaaS alone that keeps failing.
//! - What is deleted before it has ended is not told of any more.
//! - A new leader sends once more what was refused.

mod dead;
mod entry;
mod mark;
mod send;
mod spool;

use std::{
    io,
    panic::AssertUnwindSafe,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{FutureExt as _, future::join_all};
use jiff::{SignedDuration, Timestamp};
use kube::{Api, Client, core::DeserializeGuard};
use tokio::time::{Instant, interval};

pub(crate) use dead::{Letter, Letters};
pub(crate) use entry::is_told;
use entry::{Entry, Speaker, new_request};
use send::{Outcome, Sender};
pub use send::{Peer, PeerError};
use spool::Spool;
pub use spool::SpoolError;

use crate::{
    breaker::{Admission, Breaker},
    causes::chain,
    deadline::{CALL, within},
    identity::Tenant,
    informer::{Handler, remediations::Summary},
    key::ObjectKey,
    queue::{Backoff, Priority},
    remediation::ZenAgentRemediation,
    stream::well_formed,
    telemetry::{Metrics, metrics::Told},
    worker::Backlog,
};

/// Objects that are read at once, and reports that are under way at once.
const WIDTH: usize = 8;
/// Between one attempt to tell of a remediation and the next.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(500), max: Duration::from_secs(60) };
/// How long a report is tried.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How often it is looked for dead letters that are to be sent again.
const LOOK: Duration = Duration::from_secs(2);

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
    spool: Spool,
    letters: Letters,
    watched: Backlog,
    sending: Backlog,
    breaker: Mutex<Breaker>,
    metrics: Metrics,
}

#[derive(Clone, Copy)]
enum Step {
    Observe,
    Tell,
}

/// When to work on a key again.
enum Again {
    Done,
    After(Duration),
    Backoff,
}

/// Why a step did not come to its end; it is tried again.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the Kubernetes API did not answer as hoped")]
    Kubernetes(#[from] kube::Error),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Shared(#[from] Arc<SpoolError>),
    #[error("a dead letter was not written")]
    Letter(#[from] io::Error),
}

impl Saas {
    /// Opens the spool.
    ///
    /// # Errors
    /// When the folder cannot be used, or another process uses it.
    pub fn open(settings: Settings, client: Client, metrics: &Metrics) -> Result<Self, SpoolError> {
        let Settings { peer, folder, cluster, tenant, namespace } = settings;
        let seed = u64::from(Timestamp::now().subsec_nanosecond().unsigned_abs());
        let lane = |stage| Backlog::new(BACKOFF, seed, metrics.saas_queue.with_label_values(&[stage]));
        Ok(Self(Arc::new(Inner {
            client,
            speaker: Speaker { cluster, namespace },
            tenant,
            sender: Sender::new(peer),
            spool: Spool::open(&folder)?,
            letters: Letters::of(&folder),
            watched: lane("observe"),
            sending: lane("send"),
            breaker: Mutex::default(),
            metrics: metrics.clone(),
        })))
    }

    /// What the informer tells of changes; on every replica, so that a new leader knows what is not told.
    pub fn watch(&self) -> impl Handler<Summary> + use<> {
        Watch(self.0.watched.clone())
    }

    /// Tells, for as long as this process leads: until it is dropped.
    pub async fn run(&self) {
        let this = &*self.0;
        // What was spooled in another term may be told by now, or be about nothing any more.
        match this.spool.keys() {
            Ok(keys) => keys.iter().for_each(|key| this.watched.add(key, Priority::Normal)),
            Err(error) => tracing::error!(error = chain(&error), "what was to be told of deleted remediations cannot be read"),
        }
        tokio::join!(this.work_off(Step::Observe), this.work_off(Step::Tell), this.look_after());
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

impl Inner {
    /// Works on the keys of a step, some at a time and none twice at once, until it is dropped.
    async fn work_off(&self, step: Step) {
        // The backlog is waited for by one at a time.
        let turn = tokio::sync::Mutex::new(());
        join_all((0..WIDTH).map(|_| self.worker(step, &turn))).await;
    }

    async fn worker(&self, step: Step, turn: &tokio::sync::Mutex<()>) {
        loop {
            let mut held = self.next(step, turn).await;
            let key = held.key.clone();
            // What is shared is locked for single steps, so a panic leaves nothing half-done.
            let again = match AssertUnwindSafe(self.step(step, &key)).catch_unwind().await {
                Ok(Ok(again)) => again,
                Ok(Err(trouble)) => {
                    tracing::warn!(%key, error = chain(&trouble), "what became of a remediation could not be told yet; trying again");
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

    async fn next(&self, step: Step, turn: &tokio::sync::Mutex<()>) -> Held<'_> {
        let _turn = turn.lock().await;
        let backlog = match step {
            Step::Observe => &self.watched,
            Step::Tell => &self.sending,
        };
        loop {
            if matches!(step, Step::Observe) {
                self.spool.room().await;
            }
            backlog.ready().await;
            if let Some(key) = backlog.next() {
                return Held { backlog, key, done: false };
            }
        }
    }

    async fn step(&self, step: Step, key: &ObjectKey) -> Result<Again, Trouble> {
        match step {
            Step::Observe => self.observe(key).await,
            Step::Tell => self.tell(key).await,
        }
    }

    /// Step 1: what the object says goes to the spool, and what is superseded leaves it.
    async fn observe(&self, key: &ObjectKey) -> Result<Again, Trouble> {
        let object = self.read(key).await?;
        let uid = object.as_ref().and_then(|object| object.metadata.uid.as_deref());
        for former in self.spool.of(key)? {
            let superseded = match &object {
                Some(object) if Some(former.uid.as_str()) == uid => is_told(object),
                // Gone; of what has ended nobody but the spool knows.
                _ => !former.has_ended(),
            };
            if superseded {
                self.spool.remove(former).await?;
            }
        }
        let untold = object.as_ref().filter(|object| !is_told(object)).and_then(|object| Entry::of(object, &self.speaker));
        // That it was refused is noted on the object, which is a change of it, and no reason to send it again.
        if let Some(entry) = untold.filter(|entry| !self.letters.holds(entry)) {
            self.spool.put(entry).await?;
        }
        if !self.spool.of(key)?.is_empty() {
            self.sending.add(key, Priority::Normal);
        }
        Ok(Again::Done)
    }

    /// Step 2: what the spool has of this name is sent, and what came of it is noted.
    async fn tell(&self, key: &ObjectKey) -> Result<Again, Trouble> {
        for entry in self.spool.of(key)? {
            if Timestamp::now().duration_since(entry.queued_at) > LONGEST {
                self.bury(&entry, "nobody took it for seven days", Told::Expired).await?;
                continue;
            }
            if let Admission::Wait(wait) = self.breaker(|breaker| breaker.admit(Instant::now().into_std())) {
                return Ok(Again::After(wait));
            }
            let outcome = self.sender.send(&entry).await;
            let now = Instant::now().into_std();
            match outcome {
                Outcome::Taken => {
                    self.breaker(Breaker::succeeded);
                    self.note(&entry, true).await?;
                    self.spool.remove(entry).await?;
                    self.metrics.told(Told::Taken);
                }
                Outcome::Refused(status) => {
                    self.breaker(Breaker::succeeded);
                    self.bury(&entry, &format!("the SaaS answered {}", status.as_u16()), Told::Refused).await?;
                }
                Outcome::Later(Some(wait)) => {
                    self.breaker(|breaker| {
                        breaker.succeeded();
                        breaker.pause(now, wait);
                    });
                    self.metrics.told(Told::Later);
                    return Ok(if wait.is_zero() { Again::Backoff } else { Again::After(wait) });
                }
                Outcome::Later(None) => {
                    self.breaker(|breaker| breaker.failed(now));
                    self.metrics.told(Told::Failed);
                    tracing::warn!(%key, "the SaaS does not accept the agent's credentials; they are read anew, and the report is sent again");
                    return Ok(Again::Backoff);
                }
                Outcome::Failed(why) => {
                    self.breaker(|breaker| breaker.failed(now));
                    self.metrics.told(Told::Failed);
                    tracing::warn!(%key, why, "the SaaS was not told; the report is sent again");
                    return Ok(Again::Backoff);
                }
            }
        }
        Ok(Again::Done)
    }

    /// Gives a report up, for a person to look at.
    async fn bury(&self, entry: &Entry, why: &str, told: Told) -> Result<(), Trouble> {
        self.letters.put(entry, why, Timestamp::now())?;
        self.note(entry, false).await?;
        self.spool.remove(entry.clone()).await?;
        self.metrics.told(told);
        tracing::error!(remediation = %entry.key(), status = %entry.report.status, why, "a report to the SaaS was given up on: zen-agent spool list");
        Ok(())
    }

    async fn note(&self, told: &Entry, taken: bool) -> Result<(), Trouble> {
        let Some(object) = self.read(&told.key()).await? else { return Ok(()) };
        let Some(now) = Entry::of(&object, &self.speaker).filter(|now| now.uid == told.uid) else { return Ok(()) };
        let api = Api::namespaced(self.client.clone(), &told.namespace);
        Ok(mark::note(&api, &object, told, &now, taken).await?)
    }

    /// The object, if it is there and its tenant the one whose remediations are told.
    async fn read(&self, key: &ObjectKey) -> Result<Option<ZenAgentRemediation>, kube::Error> {
        let api: Api<DeserializeGuard<ZenAgentRemediation>> = Api::namespaced(self.client.clone(), &key.namespace);
        let found = within(CALL, api.get_opt(&key.name)).await?.and_then(well_formed);
        Ok(found.filter(|object| object.tenant().unwrap_or(self.tenant.as_str()) == self.tenant.as_str()))
    }

    /// Takes up what is to be sent again, and shows how much there is.
    async fn look_after(&self) {
        let mut ticks = interval(LOOK);
        loop {
            ticks.tick().await;
            if let Err(trouble) = self.take_up().await {
                tracing::warn!(error = chain(&trouble), "a dead letter cannot be sent again now");
            }
            self.metrics.saas_spool.set(i64::try_from(*self.spool.held().borrow()).unwrap_or(i64::MAX));
            self.metrics.saas_dead_letters.set(i64::try_from(self.letters.count()).unwrap_or(i64::MAX));
        }
    }

    async fn take_up(&self) -> Result<(), Trouble> {
        for (name, entry) in self.letters.replayed()? {
            let key = entry.key();
            self.spool.put(Entry { request_id: new_request(), queued_at: Timestamp::now(), ..entry }).await?;
            self.letters.taken_up(&name)?;
            self.watched.add(&key, Priority::High);
        }
        Ok(())
    }

    fn breaker<R>(&self, use_it: impl FnOnce(&mut Breaker) -> R) -> R {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let result = use_it(&mut breaker);
        self.metrics.circuit.with_label_values(&["saas"]).set(breaker.state().value());
        result
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
