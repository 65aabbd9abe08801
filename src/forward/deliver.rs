//! Gives a tool's events to the agent, one after the other, until it has them.
//!
//! ```text
//!   the first event ─▶ courier ─┬ taken: leaves the spool
//!                        ▲      ├ refused: dead letter
//!                        │      └ later: 500 ms doubling to 60 s, of which the last half is random, and not before Retry-After
//!                        │           │ for a quarter of an hour
//!                        │           ▼
//!                        │        suspect: after each attempt one of those behind is sent in its place
//!                        └── wait ───┤
//!                                    └ three of them get through, and still not this one: dead letter
//! ```
//!
//! So an agent that is away, or takes nothing, has nothing given up on, however long that lasts; nor is an event that nothing waits
//! behind, since it holds nobody up. Those behind take turns, so that two that never get through hide nothing.
//!
//! What it takes to get through depends on who said that it is not now. Of something in between, or of silence, any event that is
//! taken shows that it is the event. Of the agent itself (429, 503, 500) one has to become a remediation: what leads to nothing needs
//! no room, and little of the Kubernetes API. After a day any does.

use std::{io, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{
    courier::{Effect, Later, Outcome, Post, SaidBy},
    event::{Event, Tool},
    metrics::Metrics,
};
use crate::{
    causes::chain,
    heartbeat::{BEAT, Heartbeat},
    queue::Backoff,
    random::SplitMix64,
    spool::{Letters, Record as _, Spool},
    telemetry::{Health, health::Watching},
};

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(500), max: Duration::from_secs(60) };
/// How long an event may hold up those behind it before others are sent in its place.
const PATIENCE: Duration = Duration::from_secs(900);
/// How many of them have to get through before it is given up on: one may be a coincidence.
const PROOFS: u32 = 3;
/// How long the agent's own word is believed, though it takes others.
const DAY: Duration = Duration::from_secs(86_400);
/// Longest silence of a loop that is alive.
const SILENCE: Duration = Duration::from_secs(90);

/// The events of one tool.
pub(super) struct Delivery<P> {
    tool: Tool,
    post: P,
    spool: Spool<Event>,
    letters: Letters<Event>,
    metrics: Metrics,
    random: SplitMix64,
    stuck: Option<Stuck>,
    heartbeat: Heartbeat,
    _watched: Watching,
}

/// The first event, which does not get through.
struct Stuck {
    since: Instant,
    /// How many others got through meanwhile.
    proofs: u32,
    /// The place after which the next one is looked for that is sent in its place.
    after: String,
}

impl Stuck {
    /// Whether that another one was taken shows that nothing but the event is in the way.
    fn is_shown_by(&self, later: &Later, effect: Effect) -> bool {
        match later.said_by {
            SaidBy::Another => true,
            SaidBy::Agent => effect == Effect::Created || self.since.elapsed() >= DAY,
        }
    }
}

impl<P: Post> Delivery<P> {
    pub(super) fn new(tool: Tool, post: P, spool: Spool<Event>, letters: Letters<Event>, metrics: Metrics, health: &Health) -> Self {
        let (random, heartbeat) = (SplitMix64::new(Uuid::new_v4().as_u64_pair().0), Heartbeat::new());
        let watched = health.watch(tool.as_str(), &heartbeat, SILENCE);
        Self { tool, post, spool, letters, metrics, random, stuck: None, heartbeat, _watched: watched }
    }

    /// Until it is dropped, which leaves everything as it is in the spool.
    pub(super) async fn run(mut self) {
        let (mut held, mut failures) = (self.spool.held(), 0);
        loop {
            self.heartbeat.beat();
            held.borrow_and_update();
            let first = self.spool.first(self.tool.prefix()).await;
            let outcome = match first {
                Ok(Some(event)) => {
                    self.metrics.waits_since(self.tool, Some(event.received_at));
                    self.work_on(event).await
                }
                Ok(None) => {
                    self.metrics.waits_since(self.tool, None);
                    // Its sender lives as long as the spool; and whatever comes of it, the spool is looked at again.
                    drop(timeout(BEAT, held.changed()).await);
                    Ok(())
                }
                Err(error) => Err(unread(error)),
            };
            match outcome {
                Ok(()) => failures = 0,
                Err(Later { why, least, .. }) => {
                    let wait = BACKOFF.wait(failures, &mut self.random).max(least);
                    failures = failures.saturating_add(1);
                    self.metrics.failed(self.tool);
                    tracing::warn!(
                        tool = self.tool.as_str(),
                        why,
                        wait_ms = wait.as_millis(),
                        "an event was not delivered; it is sent again"
                    );
                    self.rest(wait).await;
                }
            }
        }
    }

    /// Sends an event; or why it stays.
    async fn work_on(&mut self, event: Event) -> Result<(), Later> {
        match self.post.send(&event).await {
            Outcome::Taken(_) => self.delivered(event).await?,
            Outcome::Refused(why) => self.park(event, &why).await?,
            Outcome::Later(later) => {
                if !self.is_the_event(&event, &later).await? {
                    return Err(later);
                }
                let why = format!("it did not get through while others did: {}", later.why);
                self.park(event, &why).await?;
            }
        }
        self.stuck = None;
        Ok(())
    }

    /// Whether it is the event that is in the way, and nothing else: others get through in its place.
    async fn is_the_event(&mut self, event: &Event, later: &Later) -> Result<bool, Later> {
        let mut stuck = self.stuck.take().unwrap_or_else(|| Stuck { since: Instant::now(), proofs: 0, after: event.place() });
        let shown = match stuck.since.elapsed() < PATIENCE {
            true => Ok(()),
            false => self.send_another(&mut stuck, event, later).await,
        };
        let proofs = self.stuck.insert(stuck).proofs;
        shown.map(|()| proofs >= PROOFS)
    }

    async fn send_another(&mut self, stuck: &mut Stuck, event: &Event, later: &Later) -> Result<(), Later> {
        let Some(other) = self.spool.after(self.tool.prefix(), stuck.after.clone()).await.map_err(unread)? else {
            // From the beginning again, with what has come meanwhile.
            stuck.after = event.place();
            return Ok(());
        };
        self.heartbeat.beat();
        match self.post.send(&other).await {
            Outcome::Taken(effect) => {
                self.delivered(other).await?;
                stuck.proofs += u32::from(stuck.is_shown_by(later, effect));
            }
            Outcome::Refused(why) => self.park(other, &why).await?,
            Outcome::Later(_) => stuck.after = other.place(),
        }
        Ok(())
    }

    async fn delivered(&self, event: Event) -> Result<(), Later> {
        self.metrics.delivered(self.tool);
        self.remove(event).await
    }

    async fn park(&self, event: Event, why: &str) -> Result<(), Later> {
        let (letters, buried, reason) = (self.letters.clone(), event.clone(), why.to_owned());
        let put = tokio::task::spawn_blocking(move || letters.put(&buried, &reason, Timestamp::now()));
        put.await.map_err(io::Error::other).flatten().map_err(|error| Later::here(error.to_string()))?;
        self.metrics.parked(self.tool);
        tracing::error!(tool = self.tool.as_str(), request_id = event.request_id, why, "an event was given up on: zen-agent spool list");
        self.remove(event).await
    }

    /// Where that fails the event is sent again, which the agent answers as before.
    async fn remove(&self, event: Event) -> Result<(), Later> {
        self.spool.remove(event).await.map_err(|error| Later::here(format!("the spool cannot be written: {}", chain(&*error))))
    }

    async fn rest(&self, wait: Duration) {
        let until = Instant::now() + wait;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            sleep(left.min(BEAT)).await;
            self.heartbeat.beat();
        }
    }
}

fn unread(error: crate::spool::SpoolError) -> Later {
    Later::here(format!("the spool cannot be read: {}", chain(&error)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
