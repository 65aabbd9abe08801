//! Gives a tool's events to the agent, one after the other, until it has them.
//!
//! ```text
//!   the first event ─▶ courier ─┬ taken: leaves the spool
//!                        ▲      ├ refused: dead letter
//!                        │      ├ another tenant's: set aside
//!                        │      └ later: 500 ms doubling to 60 s, of which the last half is random, and not before Retry-After
//!                        │           │ for a quarter of an hour
//!                        │           ▼
//!                        │        suspect: after each attempt one of those behind is sent in its place, or the next
//!                        └── wait ───┤
//!                                    └ three of them get through, and on a last try still not this one: set aside, or dead letter
//!
//!   set aside: the next of them once a minute, and while they are taken at once ─┬ taken, refused: as above
//!                                                                                └ later: stays
//! ```
//!
//! So an agent that is away, or takes nothing, has nothing given up on, however long that lasts; nor is an event that nothing waits
//! behind, since it holds nobody up. Those behind take turns, so that many that never get through hide nothing.
//!
//! | said by | means, while others get through |
//! |---|---|
//! | the agent, 429 or 503 | later, as it says: a report may need more of the quota than there is. Never given up on; set aside |
//! | the forwarder: no credentials, no disk | nothing of the event. Never given up on; set aside |
//! | the agent, anything else, such as 500 | it may be the event. Dead letter, if others become remediations meanwhile: what leads to nothing needs little of the Kubernetes API. After a day any do that are taken |
//! | something in between, or nobody | it may be the event, such as its size. Dead letter |
//!
//! Of all that was said of an event the word counts that says least of it: one 503 among many resets, and it is set aside. Order is
//! given up for what is set aside, and nothing else: it stays in the spool, counts for its tool's share and its age, and is sent
//! until the agent takes it.
//!
//! One that fails as the one before it did, which has left, is a suspect after 5 s, so that many of a kind take a minute each at
//! most. What is known of a suspect outlives a restart ([`suspect`](super::suspect)).

use std::{io, path::Path, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{
    courier::{Later, Outcome, Post, SaidBy},
    event::{Event, Tool},
    metrics::Metrics,
    suspect::{self, Suspect, Verdict},
};
use crate::{
    causes::chain,
    heartbeat::{BEAT, Heartbeat},
    queue::Backoff,
    random::SplitMix64,
    spool::{Letters, Record as _, Spool, SpoolError},
    telemetry::{Health, health::Watching},
};

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(500), max: Duration::from_secs(60) };
/// How many of those behind are sent in a suspect's place, until one gets through.
const OTHERS: usize = 8;
/// How often one of those that were set aside is sent.
const ASIDE: Duration = Duration::from_secs(60);
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
    suspect: Option<Suspect>,
    /// How the last one failed that has left.
    precedent: Option<String>,
    record: suspect::Record,
    /// The places after which the next one is looked for that is sent in the suspect's place, and of those set aside.
    after: String,
    after_aside: String,
    /// When that one is sent.
    aside_due: Instant,
    heartbeat: Heartbeat,
    _watched: Watching,
}

impl<P: Post> Delivery<P> {
    /// `folder` is where it is kept what is known of a suspect.
    pub(super) fn new(
        tool: Tool,
        post: P,
        spool: Spool<Event>,
        letters: Letters<Event>,
        metrics: Metrics,
        health: &Health,
        folder: &Path,
    ) -> Self {
        let (random, heartbeat) = (SplitMix64::new(Uuid::new_v4().as_u64_pair().0), Heartbeat::new());
        let watched = health.watch(tool.as_str(), &heartbeat, SILENCE);
        Self {
            tool,
            post,
            spool,
            letters,
            metrics,
            random,
            suspect: None,
            precedent: None,
            record: suspect::Record::of(folder, tool),
            after: String::new(),
            after_aside: String::new(),
            aside_due: Instant::now(),
            heartbeat,
            _watched: watched,
        }
    }

    /// Until it is dropped, which leaves everything as it is in the spool.
    pub(super) async fn run(mut self) {
        let (mut held, mut failures) = (self.spool.held(), 0);
        (self.suspect, self.precedent) = self.record.read().await;
        loop {
            self.heartbeat.beat();
            held.borrow_and_update();
            if Instant::now() >= self.aside_due {
                self.send_one_aside().await;
            }
            let first = self.spool.first(self.tool.prefix()).await;
            let aside = self.spool.first(self.tool.aside()).await.ok().flatten().map(|event| event.received_at);
            let outcome = match first {
                Ok(Some(event)) => {
                    self.metrics.waits_since(self.tool, aside.into_iter().chain([event.received_at]).min());
                    self.work_on(event).await
                }
                Ok(None) => {
                    self.metrics.waits_since(self.tool, aside);
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
        let later = match self.post.send(&event).await {
            Outcome::Later(later) => later,
            outcome => {
                self.leave(event, outcome).await?;
                return self.forget(None).await;
            }
        };
        let known = self.suspect.take().filter(|suspect| suspect.place == event.place());
        let mut suspect = known.unwrap_or_else(|| Suspect::new(&event, self.precedent.as_deref(), &later));
        let verdict = suspect.failed(&later);
        let result = match verdict {
            Verdict::Park => {
                self.park(event, &format!("it did not get through while others did: {}", later.why)).await?;
                return self.forget(Some(later.why)).await;
            }
            Verdict::SetAside => {
                self.set_aside(event, &later.why).await?;
                return self.forget(Some(later.why)).await;
            }
            Verdict::Wait => Err(later),
            // Its failure is told by the pause that follows.
            Verdict::Compare => self.send_another(&mut suspect).await.and(Err(later)),
        };
        self.record.write(Some(&suspect), self.precedent.as_deref()).await;
        self.suspect = Some(suspect);
        result
    }

    /// The first event is another one: the one before it failed so and left, or was a suspect and got through; what went at once
    /// ends what was known of those before.
    async fn forget(&mut self, why: Option<String>) -> Result<(), Later> {
        let was_suspect = self.suspect.take().is_some();
        let precedent = why.or_else(|| self.precedent.take_if(|_| was_suspect));
        if was_suspect || precedent.is_some() || self.precedent.take().is_some() {
            self.record.write(None, precedent.as_deref()).await;
        }
        self.precedent = precedent;
        Ok(())
    }

    /// Sends some of those behind, until one gets through.
    async fn send_another(&mut self, suspect: &mut Suspect) -> Result<(), Later> {
        for _ in 0..OTHERS {
            let after = self.after.clone().max(suspect.place.clone());
            let Some(other) = self.spool.after(self.tool.prefix(), after).await.map_err(unread)? else {
                // From the beginning again, with what has come meanwhile.
                self.after.clear();
                return Ok(());
            };
            self.heartbeat.beat();
            match self.post.send(&other).await {
                Outcome::Later(later) => {
                    self.after = other.place();
                    if later.said_by == SaidBy::Busy {
                        return Ok(());
                    }
                }
                Outcome::Taken(effect) => {
                    suspect.passed_by(effect);
                    return self.delivered(other).await;
                }
                outcome => self.leave(other, outcome).await?,
            }
        }
        Ok(())
    }

    /// One of those that were set aside, in turn.
    async fn send_one_aside(&mut self) {
        self.aside_due = Instant::now() + ASIDE;
        let after = self.after_aside.clone().max(self.tool.aside());
        let next = match self.spool.after(self.tool.aside(), after).await {
            Ok(None) => self.spool.first(self.tool.aside()).await,
            found => found,
        };
        let Ok(Some(event)) = next else { return };
        self.after_aside = event.place();
        match self.post.send(&event).await {
            Outcome::Later(Later { least, .. }) => self.aside_due = Instant::now() + ASIDE.max(least),
            Outcome::Foreign(_) => {}
            outcome => {
                if self.leave(event, outcome).await.is_ok() {
                    self.aside_due = Instant::now();
                }
            }
        }
    }

    /// What is to be done with an event that need not wait in its place.
    async fn leave(&self, event: Event, outcome: Outcome) -> Result<(), Later> {
        match outcome {
            Outcome::Taken(_) => self.delivered(event).await,
            Outcome::Refused(why) => self.park(event, &why).await,
            Outcome::Foreign(why) => self.set_aside(event, &why).await,
            Outcome::Later(later) => Err(later),
        }
    }

    /// Where it is cut off between the two it is there twice, which is the same request.
    async fn set_aside(&self, event: Event, why: &str) -> Result<(), Later> {
        tracing::warn!(tool = self.tool.as_str(), request_id = event.request_id, why, "an event is set aside, and sent once a minute");
        self.spool.put(event.clone().set_aside()).await.map_err(unwritten)?;
        self.remove(event).await
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
        self.spool.remove(event).await.map_err(unwritten)
    }

    async fn rest(&self, wait: Duration) {
        let until = Instant::now() + wait;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            sleep(left.min(BEAT)).await;
            self.heartbeat.beat();
        }
    }
}

fn unwritten(error: std::sync::Arc<SpoolError>) -> Later {
    Later::here(format!("the spool cannot be written: {}", chain(&*error)))
}

fn unread(error: SpoolError) -> Later {
    Later::here(format!("the spool cannot be read: {}", chain(&error)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
