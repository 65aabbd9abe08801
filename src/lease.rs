//! Leader election: of several replicas, one works; by a Lease, as client-go's leaderelection does it.
//!
//! ```text
//!                free, released, or unchanged for its duration
//!   candidate ─────────────────────────────────────────────────▶ write ──409──▶ candidate
//!     ▲  looks every 2 s                                           │
//!     │                                                            ▼
//!     └── not renewed for 10 s, or another's name on it ──────── leader, renews every 2 s
//!                                                                  │ shutdown, once its work has stopped
//!                                                                  ▼
//!                                                               released: nobody's name on it
//! ```
//!
//! Every write is a compare-and-swap by resourceVersion. Time is measured by this process's monotonic
//! clock alone: a candidate counts from the moment it saw the record change, a leader from the moment
//! it sent the renewal that was acknowledged. What is written as `renewTime` is for people. So a leader
//! gives up 5 s before anybody else may take over, whatever their clocks say.
//!
//! A Lease fences nothing: a process that is frozen in the middle of a write finishes it when it wakes
//! up. That this does no harm is the pipeline's business.

mod elector;

use std::{env, future::pending, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, api::PostParams};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{category::Category, causes::chain, heartbeat::Heartbeat};
use elector::{Elector, Verdict};

/// The Lease's name.
pub const NAME: &str = "zen-agent";
/// How long the release of the lease may take; after that the others wait until it runs out.
const RELEASE: Duration = Duration::from_secs(2);

/// The times of an election; the same for all replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long others leave an unchanged lease to its holder; whole seconds.
    pub duration: Duration,
    /// How long the holder goes on without a renewal; less than `duration`.
    pub renew_deadline: Duration,
    /// The time between two looks, or two renewals.
    pub retry: Duration,
}

impl Default for Timing {
    /// Those of client-go: 15 s, 10 s and 2 s.
    fn default() -> Self {
        Self { duration: Duration::from_secs(15), renew_deadline: Duration::from_secs(10), retry: Duration::from_secs(2) }
    }
}

/// A name for this process on the Lease: its pod's, and a random part, so that no other process has it.
pub fn identity() -> String {
    let host = env::var("HOSTNAME").ok().filter(|host| !host.is_empty());
    format!("{}_{}", host.as_deref().unwrap_or(NAME), Uuid::new_v4())
}

/// The right to work as the leader, for one term. Cloning shares it.
///
/// It lapses by itself, by the clock: also where the election is stuck, or the process was frozen.
#[derive(Clone, Debug)]
pub struct Tenure(watch::Receiver<Instant>);

impl Tenure {
    /// A right that does not end: of somebody who is known to be alone.
    pub fn endless() -> Self {
        // As far away as clocks go with certainty; nobody runs for thirty years.
        Self(watch::channel(Instant::now() + Duration::from_secs(30 * 365 * 86_400)).1)
    }

    /// Whether it holds now.
    pub fn holds(&self) -> bool {
        Instant::now() < *self.0.borrow()
    }

    /// Returns when it does not hold any more.
    pub async fn ended(&self) {
        let mut until = self.0.clone();
        loop {
            let at = *until.borrow_and_update();
            if at <= Instant::now() {
                return;
            }
            tokio::select! {
                () = sleep_until(at) => {}
                // Without the election nobody prolongs it.
                changed = until.changed() => if changed.is_err() { return sleep_until(at).await },
            }
        }
    }
}

/// Who leads, as far as it concerns this process.
#[derive(Clone, Debug)]
pub struct Standing(watch::Receiver<Option<Tenure>>);

impl Standing {
    /// Returns once this process leads.
    pub async fn elected(&mut self) -> Tenure {
        match self.0.wait_for(|tenure| tenure.as_ref().is_some_and(Tenure::holds)).await.map(|tenure| tenure.clone()) {
            Ok(Some(tenure)) => tenure,
            // The election is over.
            Ok(None) | Err(_) => pending().await,
        }
    }
}

/// This process's part in the election.
pub struct Election {
    api: Api<Lease>,
    elector: Elector,
    timing: Timing,
    heartbeat: Heartbeat,
    standing: watch::Sender<Option<Tenure>>,
    /// Prolongs the tenure that `standing` shows.
    until: Option<watch::Sender<Instant>>,
    failures: u32,
}

impl Election {
    /// A candidate of this name for the Lease in `namespace`.
    pub fn new(client: Client, namespace: &str, identity: String, timing: Timing) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            elector: Elector::new(identity, timing),
            timing,
            heartbeat: Heartbeat::new(),
            standing: watch::Sender::new(None),
            until: None,
            failures: 0,
        }
    }

    /// Tells whether this process leads.
    pub fn standing(&self) -> Standing {
        Standing(self.standing.subscribe())
    }

    /// Beats as long as [`Election::run`] turns, whether the API answers or not.
    pub fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }

    /// Takes part until `shutdown`, then releases the lease: cancel it when the work of the term has stopped.
    pub async fn run(mut self, shutdown: CancellationToken) {
        // 1. A turn: look, and write where the lease is ours or free.
        while let Some(turn) = shutdown.run_until_cancelled(self.turn()).await {
            self.heartbeat.beat();
            self.note(turn);
            // 2. Say what it means for the work.
            self.publish();
            // 3. Until the next one; a tenure that ends sooner is noticed then.
            let next = Instant::now() + self.timing.retry;
            let next = self.elector.leads_until(now()).map_or(next, |until| next.min(Instant::from_std(until)));
            if shutdown.run_until_cancelled(sleep_until(next)).await.is_none() {
                break;
            }
        }
        // 4. Let the others have it at once.
        self.revoke();
        match timeout(RELEASE, self.release()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = chain(&error), "the lease is not released; it runs out by itself"),
            Err(_) => tracing::warn!("the lease is not released in time; it runs out by itself"),
        }
    }

    async fn turn(&mut self) -> Result<(), kube::Error> {
        // As long as nobody else writes, the record is as we left it, and a renewal is one call.
        if self.elector.leads_until(now()).is_none() {
            self.look().await?;
        }
        if self.elector.verdict(now()) == Verdict::Taken {
            return Ok(());
        }
        let (sent, wanted) = (now(), self.elector.claim(Timestamp::now()));
        match self.call(self.write(&wanted)).await {
            Ok(written) => self.elector.wrote(written, sent),
            // Another was faster, or an earlier write of ours took effect without an answer; the next turn goes on from there.
            Err(error) if matches!(Category::of(&error), Category::Conflict | Category::NotFound) => self.look().await?,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<(), kube::Error> {
        let seen = self.call(self.api.get_opt(NAME)).await?;
        self.elector.saw(seen, now());
        Ok(())
    }

    async fn write(&self, lease: &Lease) -> Result<Lease, kube::Error> {
        match lease.metadata.resource_version {
            Some(_) => self.api.replace(NAME, &PostParams::default(), lease).await,
            None => self.api.create(&PostParams::default(), lease).await,
        }
    }

    /// Bounds a call: a leader must know before its tenure ends.
    async fn call<T>(&self, call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, kube::Error> {
        let patience = self.timing.renew_deadline / 2;
        let now = now();
        let left = self.elector.leads_until(now).map_or(patience, |until| until - now);
        timeout(patience.min(left), call).await.map_err(|elapsed| kube::Error::Service(Box::new(elapsed))).flatten()
    }

    /// The first failure in a row is worth a warning.
    fn note(&mut self, turn: Result<(), kube::Error>) {
        let Err(error) = turn else {
            self.failures = 0;
            return;
        };
        let category = Category::of(&error).as_str();
        if self.failures == 0 {
            tracing::warn!(
                lease = self.api.resource_url(),
                category,
                error = chain(&error),
                "cannot take part in the election; trying again"
            );
        } else {
            tracing::debug!(category, error = chain(&error), "still cannot take part in the election");
        }
        self.failures = self.failures.saturating_add(1);
    }

    fn publish(&mut self) {
        // A tenure that has lapsed is never prolonged: who held it may have seen it lapse.
        let current = self.until.as_ref().filter(|until| Instant::now() < *until.borrow());
        match (current, self.elector.leads_until(now()).map(Instant::from_std)) {
            (Some(current), Some(until)) => _ = current.send_replace(until),
            (None, Some(until)) => {
                let (sender, tenure) = watch::channel(until);
                self.until = Some(sender);
                self.standing.send_replace(Some(Tenure(tenure)));
                tracing::info!(identity = self.elector.me(), "elected: this replica works");
            }
            (_, None) => {
                if self.revoke() {
                    tracing::warn!(holder = self.elector.holder(), "the lease is lost: this replica works no more");
                }
            }
        }
    }

    /// Ends the tenure that is published, and says whether there was one.
    fn revoke(&mut self) -> bool {
        if let Some(until) = self.until.take() {
            until.send_replace(Instant::now());
        }
        self.standing.send_replace(None).is_some()
    }

    /// Takes our name off the lease, if it is on it: also where a write of ours went unanswered.
    async fn release(&mut self) -> Result<(), kube::Error> {
        let seen = self.api.get_opt(NAME).await?;
        self.elector.saw(seen, now());
        if let Some(released) = self.elector.release(Timestamp::now()) {
            self.write(&released).await?;
            tracing::info!("the lease is released");
        }
        Ok(())
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
