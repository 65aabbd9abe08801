//! Gives a tool's events to the agent, one after the other, until it has them.
//!
//! | answer | what becomes of the event |
//! |---|---|
//! | 2xx | the agent has it |
//! | `invalid_json`, `schema_violation`, `body_too_large`, `unsupported_media_type`, `request_id_conflict` | dead letter: it would be refused again |
//! | `internal`, twenty times in a row and nothing else in between | dead letter: the agent fails at it |
//! | 401, 403 | later, with credentials that are read anew |
//! | 429, 503 | later: after Retry-After, else as what failed |
//! | anything else, none in time, or one that is not the contract's | later: it says nothing of the event |
//!
//! An event goes to nobody but the tenant that it was taken for: while the credentials are another's, it waits.
//!
//! Later is 500 ms, doubling to 60 s, of which the last half is random.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{
    ForwardError,
    event::{Event, Tool},
    metrics::Metrics,
};
use crate::{
    causes::chain,
    client::{Client, ClientError, Credentials, Error, Retries, retry_after},
    contract::v0::types::{Problem, ProblemCode},
    heartbeat::{BEAT, Heartbeat},
    identity::Tenant,
    queue::Backoff,
    random::SplitMix64,
    spool::{Letters, Spool},
    telemetry::{Health, health::Watching},
};

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(500), max: Duration::from_secs(60) };
/// How long the agent may take.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a client is used until its credentials are read anew, which may have been renewed.
const CREDENTIALS: Duration = Duration::from_secs(60);
/// How often in a row the agent may fail at an event before it is given up on: a quarter of an hour.
const FAILURES: u32 = 20;
/// Longest silence of a loop that is alive.
const SILENCE: Duration = Duration::from_secs(90);

/// What became of an event.
enum Outcome {
    Taken,
    /// It would be refused again.
    Refused(String),
    /// The agent failed, and may fail at this event again.
    Broken,
    /// Not now, for this reason; not before this time.
    Later(String, Duration),
}

/// The events of one tool.
pub(super) struct Delivery {
    tool: Tool,
    courier: Courier,
    spool: Spool<Event>,
    letters: Letters<Event>,
    metrics: Metrics,
    random: SplitMix64,
    /// How often in a row the agent has failed at the first event.
    broken: u32,
    heartbeat: Heartbeat,
    _watched: Watching,
}

impl Delivery {
    pub(super) fn new(
        tool: Tool,
        courier: Courier,
        spool: Spool<Event>,
        letters: Letters<Event>,
        metrics: Metrics,
        health: &Health,
    ) -> Self {
        let (random, heartbeat) = (SplitMix64::new(Uuid::new_v4().as_u64_pair().0), Heartbeat::new());
        let watched = health.watch(tool.as_str(), &heartbeat, SILENCE);
        Self { tool, courier, spool, letters, metrics, random, broken: 0, heartbeat, _watched: watched }
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
                Err(error) => Err((format!("the spool cannot be read: {}", chain(&error)), Duration::ZERO)),
            };
            match outcome {
                Ok(()) => failures = 0,
                Err((why, least)) => {
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

    /// Sends an event; or why it stays, and for how long at least.
    async fn work_on(&mut self, event: Event) -> Result<(), (String, Duration)> {
        let now = |why: String| (why, Duration::ZERO);
        let outcome = self.courier.send(&event).await;
        self.broken = if matches!(outcome, Outcome::Broken) { self.broken + 1 } else { 0 };
        match outcome {
            Outcome::Taken => self.metrics.delivered(self.tool),
            Outcome::Refused(why) => self.park(&event, &why).await.map_err(|error| now(error.to_string()))?,
            Outcome::Broken if self.broken >= FAILURES => {
                let why = format!("the agent failed at it {FAILURES} times in a row");
                self.park(&event, &why).await.map_err(|error| now(error.to_string()))?;
                self.broken = 0;
            }
            Outcome::Broken => return Err(now("the agent failed".to_owned())),
            Outcome::Later(why, least) => return Err((why, least)),
        }
        // Where that fails the event is sent again, which the agent answers as before.
        self.spool.remove(event).await.map_err(|error| now(format!("the spool cannot be written: {}", chain(&*error))))
    }

    async fn park(&self, event: &Event, why: &str) -> io::Result<()> {
        let (letters, buried, reason) = (self.letters.clone(), event.clone(), why.to_owned());
        let put = tokio::task::spawn_blocking(move || letters.put(&buried, &reason, Timestamp::now()));
        put.await.map_err(io::Error::other).flatten()?;
        self.metrics.parked(self.tool);
        tracing::error!(tool = self.tool.as_str(), request_id = event.request_id, why, "an event was given up on: zen-agent spool list");
        Ok(())
    }

    async fn rest(&self, wait: Duration) {
        let until = Instant::now() + wait;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            sleep(left.min(BEAT)).await;
            self.heartbeat.beat();
        }
    }
}

/// Sends events, with the credentials as they are now.
pub(super) struct Courier {
    to: String,
    credentials: PathBuf,
    client: Option<Made>,
}

/// A client, whose it is, and since when.
struct Made {
    client: Client,
    tenant: Tenant,
    at: Instant,
}

impl Courier {
    pub(super) fn new(to: &str, credentials: &Path) -> Self {
        Self { to: to.to_owned(), credentials: credentials.to_owned(), client: None }
    }

    /// Whether a client can be made.
    pub(super) fn check(&self) -> Result<(), ForwardError> {
        Client::new(&Credentials::read(&self.credentials)?, &self.to, Retries::Never)?;
        Ok(())
    }

    async fn send(&mut self, event: &Event) -> Outcome {
        let client = match self.client().await {
            Ok(Made { tenant, .. }) if tenant.as_str() != event.tenant => {
                let why = format!("it is an event of the tenant {}, and the credentials are those of {tenant}", event.tenant);
                self.client = None;
                return Outcome::Later(why, Duration::ZERO);
            }
            Ok(made) => made.client.stable.clone(),
            Err(error) => return Outcome::Later(format!("no client of the agent: {}", chain(&error)), Duration::ZERO),
        };
        let (id, body) = (&event.request_id, Bytes::copy_from_slice(event.body.as_bytes()));
        let sending = async {
            match event.tool {
                Tool::Falco => client.ingest_falco(id, body).await,
                Tool::Trivy => client.ingest_trivy(id, body).await,
                Tool::Kyverno => client.ingest_kyverno(id, body).await,
            }
        };
        let outcome = match timeout(ANSWER, sending).await {
            Ok(Ok(_)) => Outcome::Taken,
            Ok(Err(error)) => judge(error),
            Err(_) => Outcome::Later(format!("no answer within {} s", ANSWER.as_secs()), Duration::ZERO),
        };
        if matches!(outcome, Outcome::Later(..)) {
            // A token or a certificate that has ended, it may be.
            self.client = None;
        }
        outcome
    }

    async fn client(&mut self) -> Result<&Made, ForwardError> {
        let made = match self.client.take().filter(|made| made.at.elapsed() < CREDENTIALS) {
            Some(made) => made,
            None => {
                let (to, folder) = (self.to.clone(), self.credentials.clone());
                // A handful of small files; read where reading may block.
                let making = tokio::task::spawn_blocking(move || {
                    let credentials = Credentials::read(&folder)?;
                    let client = Client::new(&credentials, &to, Retries::Never)?;
                    Ok::<_, ForwardError>(Made { client, tenant: credentials.tenant().clone(), at: Instant::now() })
                });
                making.await.map_err(|_| ClientError::BaseUrl)??
            }
        };
        Ok(self.client.insert(made))
    }
}

fn judge(error: Error<Problem>) -> Outcome {
    use ProblemCode as Code;
    let later = |why: String| Outcome::Later(why, Duration::ZERO);
    match error {
        Error::ErrorResponse(problem) => {
            let why = format!("the agent answered {} {}", problem.status().as_u16(), problem.code);
            match problem.code {
                Code::InvalidJson | Code::SchemaViolation | Code::BodyTooLarge | Code::UnsupportedMediaType | Code::RequestIdConflict => {
                    Outcome::Refused(why)
                }
                Code::Internal => Outcome::Broken,
                _ => Outcome::Later(why, retry_after(problem.headers(), Timestamp::now()).unwrap_or_default()),
            }
        }
        Error::UnexpectedResponse(response) => {
            let wait = retry_after(response.headers(), Timestamp::now()).unwrap_or_default();
            Outcome::Later(format!("answered {}, which is none of the contract's", response.status().as_u16()), wait)
        }
        Error::CommunicationError(error) => later(chain(&error)),
        // Its text may hold what was sent, or the credentials.
        _ => later("the request could not be made, or its answer not be read".to_owned()),
    }
}
