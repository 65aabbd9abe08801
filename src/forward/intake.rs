//! From a request to an event on disk, and its answer.
//!
//! | answer | when |
//! |---|---|
//! | 202 | the event is on disk; the body names its request id |
//! | 400, 415, 413, 422 | no JSON, or none that says one thing (`canonical`); not declared as such; too large; not what the tool's schema has |
//! | 401, 403 | as [`door`](super::door) says |
//! | 404, 405 | another path than `/falco`, `/trivy`, `/kyverno`; another method than POST |
//! | 503 | the tool's share of the spool is full, or the spool cannot be written, or too much is under way: after Retry-After once more |

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, Method, Request, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use jiff::Timestamp;
use poem::Response;
use serde_json::{Value, json};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{interval, sleep, timeout},
};

use super::{
    MAX_BODY, canonical,
    door::Door,
    event::{self, Event, Tool},
    metrics::Metrics,
};
use crate::{
    api::{json::Memory, problem},
    causes::chain,
    identity::Tenant,
    problem::{BUSY_WAIT, Code, Echo, Problem},
    spool::{Letters, Record as _, Spool, SpoolError},
};

/// Requests of one tool at once: fewer than a third of the connections.
const UNDER_WAY: usize = 128;
/// How long one more waits.
const TURN: Duration = Duration::from_secs(2);
/// What bodies of one tool may take that are read, or wait for the disk, at once, in kilobytes.
const BUFFERS: usize = 48 << 10;
/// How long a body waits until there is memory to make values of it.
const MEMORY_WAIT: Duration = Duration::from_secs(10);
/// A body that takes longer holds a connection and memory for nothing.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the rest of a body that is refused is thrown away before the answer, which most clients read only then.
const PATIENCE: Duration = Duration::from_secs(5);
/// When a tool that can is to try again, if the spool is full or broken.
const FULL_WAIT: Duration = Duration::from_secs(10);
/// How often it is looked for dead letters that are to be sent again.
const LOOK: Duration = Duration::from_secs(2);

/// Takes events.
pub(super) struct Intake {
    tenant: Tenant,
    spool: Spool<Event>,
    /// Of the next event.
    number: AtomicU64,
    rooms: [Room; Tool::ALL.len()],
    memory: Memory,
    metrics: Metrics,
}

/// What one tool may take, so that its slow senders hold up nobody else's.
struct Room {
    requests: Semaphore,
    buffers: Semaphore,
}

impl Intake {
    pub(super) async fn new(tenant: Tenant, spool: Spool<Event>, metrics: Metrics) -> Result<Self, SpoolError> {
        let last = spool.places().await?.iter().filter_map(|place| Event::number_at(place)).max();
        let number = AtomicU64::new(last.map_or(0, |last| last + 1));
        let rooms = Tool::ALL.map(|_| Room { requests: Semaphore::new(UNDER_WAY), buffers: Semaphore::new(BUFFERS) });
        Ok(Self { tenant, spool, number, rooms, memory: Memory::new(MAX_BODY), metrics })
    }

    pub(super) async fn answer(&self, door: &Door, certified: bool, request: Request<Incoming>) -> Response {
        match self.handle(door, certified, request).await {
            Ok(request_id) => {
                let body = json!({ "request_id": request_id }).to_string();
                Response::builder().status(StatusCode::ACCEPTED).content_type("application/json").body(body)
            }
            Err(refused) => {
                self.refused(&refused);
                problem::render(&refused, &Echo::default())
            }
        }
    }

    /// Notes that something was not taken.
    pub(super) fn refused(&self, problem: &Problem) {
        self.metrics.refused(problem.code);
        tracing::warn!(code = problem.code.as_str(), "an event was not taken: {}", problem.detail);
    }

    /// Notes that a caller did not come as far as to say something.
    pub(super) fn handshake_failed(&self) {
        self.metrics.handshake_failed();
    }

    async fn handle(&self, door: &Door, certified: bool, request: Request<Incoming>) -> Result<String, Problem> {
        let (head, mut body) = request.into_parts();
        let checked = door.admits(&head.headers, certified).and_then(|()| route(&head.method, head.uri.path()));
        let checked = checked.and_then(|tool| check_type(&head.headers).map(|()| tool));
        let taken = async {
            let tool = checked?;
            let room = &self.rooms[tool as usize];
            let _turn = timeout(TURN, room.requests.acquire()).await.map_err(|_| busy())?.map_err(|_| busy())?;
            let (body, _held) = room.read(&head.headers, &mut body).await?;
            self.take(tool, &body).await
        };
        let taken = taken.await;
        if taken.is_err() {
            discard(body).await;
        }
        taken
    }

    /// Takes an event as its tool wrote it: on disk when this returns its request id.
    pub(super) async fn take(&self, tool: Tool, body: &[u8]) -> Result<String, Problem> {
        self.check_room(tool)?;
        let text = self.read(tool, body).await?;
        self.keep(tool, text).await
    }

    /// The canonical bytes of an event as its tool wrote it.
    pub(super) async fn read(&self, tool: Tool, body: &[u8]) -> Result<String, Problem> {
        check_length(body)?;
        let (value, _share) = self.memory.parse_within(MEMORY_WAIT, body).await?;
        canonical_bytes(tool, value, body)
    }

    /// Keeps an event by its canonical bytes: on disk when this returns its request id.
    pub(super) async fn keep(&self, tool: Tool, text: String) -> Result<String, Problem> {
        self.check_room(tool)?;
        let event = Event::new(&self.tenant, tool, text, self.next_number());
        let request_id = event.request_id.clone();
        self.store(event).await?;
        self.metrics.accepted(tool);
        Ok(request_id)
    }

    /// Returns when it may do to try again what was not taken for now.
    pub(super) async fn turn(&self, tool: Tool, problem: &Problem) {
        let wait = problem.retry_after.unwrap_or(BUSY_WAIT);
        if self.spool.is_full(tool) {
            // By then or sooner; whoever tries finds out.
            drop(timeout(wait, self.spool.room(tool)).await);
        } else {
            sleep(wait).await;
        }
    }

    fn check_room(&self, tool: Tool) -> Result<(), Problem> {
        if self.spool.is_full(tool) {
            let detail = format!("The agent does not take the events of {} fast enough, or not at all; send it again", tool.as_str());
            return Err(Problem::new(Code::Unavailable, detail).retry_after(FULL_WAIT));
        }
        Ok(())
    }

    async fn store(&self, event: Event) -> Result<(), Problem> {
        self.spool.put(event).await.map_err(|error| {
            tracing::error!(error = chain(&*error), "an event cannot be kept on disk");
            Problem::new(Code::Unavailable, "The event cannot be kept on disk now; send it again").retry_after(FULL_WAIT)
        })
    }

    fn next_number(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }
}

impl Room {
    /// The body, and its place among what may be under way.
    async fn read(&self, headers: &HeaderMap, body: &mut Incoming) -> Result<(Bytes, SemaphorePermit<'_>), Problem> {
        let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let length = declared.unwrap_or(MAX_BODY);
        if length > MAX_BODY {
            return Err(too_large());
        }
        let kilobytes = u32::try_from(length.div_ceil(1_024)).unwrap_or(u32::MAX);
        let reading = async {
            let held = self.buffers.acquire_many(kilobytes).await.map_err(|_| busy())?;
            // Into one place: a sender who sends byte by byte would have each kept by itself.
            let mut read = BytesMut::with_capacity(declared.unwrap_or_default());
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|_| Problem::new(Code::InvalidJson, "The body ended before it was complete"))?;
                let data = frame.data_ref().map_or(&[][..], Bytes::as_ref);
                if read.len() + data.len() > MAX_BODY {
                    return Err(too_large());
                }
                read.extend_from_slice(data);
            }
            Ok((read.freeze(), held))
        };
        timeout(READ_TIMEOUT, reading).await.unwrap_or_else(|_| {
            Err(Problem::new(Code::Unavailable, "The body did not arrive within 30 seconds; send it again").retry_after(BUSY_WAIT))
        })
    }
}

fn busy() -> Problem {
    Problem::new(Code::Unavailable, "Too many bodies are under way; send it again").retry_after(BUSY_WAIT)
}

fn check_length(body: &[u8]) -> Result<(), Problem> {
    if body.len() > MAX_BODY { Err(too_large()) } else { Ok(()) }
}

/// The canonical bytes of what a tool wrote as this body, if it is one of its events.
fn canonical_bytes(tool: Tool, value: Value, body: &[u8]) -> Result<String, Problem> {
    canonical::check(body, &value).map_err(|ambiguous| Problem::new(Code::InvalidJson, ambiguous.to_string()))?;
    if let Some(schema) = tool.route().body {
        schema.check(&value, body.len()).map_err(|broken| {
            let detail = format!("This is no event of {}, as its contract has it", tool.as_str());
            Problem { violations: broken.told, ..Problem::new(Code::SchemaViolation, detail) }
        })?;
    }
    let text = canonical::bytes(tool, value);
    // Numbers may be longer than they were written; the agent would refuse them.
    if text.len() > MAX_BODY { Err(too_large()) } else { Ok(text) }
}

/// The request id and the canonical bytes under which what a tool wrote is sent.
///
/// # Errors
/// As the forwarder would answer.
pub(crate) fn one(tenant: &Tenant, tool: Tool, body: &[u8]) -> Result<(String, String), Problem> {
    check_length(body)?;
    let memory = Memory::new(MAX_BODY);
    let (value, _share) = memory.parse(body)?;
    let text = canonical_bytes(tool, value, body)?;
    Ok((event::request_id(tenant, tool, &text), text))
}

fn too_large() -> Problem {
    Problem::new(Code::BodyTooLarge, format!("A body has at most {MAX_BODY} bytes"))
}

fn route(method: &Method, path: &str) -> Result<Tool, Problem> {
    let tool = Tool::of_path(path).ok_or_else(|| Problem::new(Code::NotFound, "Events go to /falco, /trivy or /kyverno"))?;
    if method == Method::POST { Ok(tool) } else { Err(Problem::new(Code::MethodNotAllowed, "Events are sent with POST")) }
}

/// What browsers send unasked, and what would have to be unpacked, is not taken.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let sent = headers.get(CONTENT_TYPE).and_then(|sent| sent.to_str().ok()).unwrap_or_default();
    let essence = sent.split(';').next().unwrap_or_default().trim();
    let plain = headers.get_all(CONTENT_ENCODING).iter().all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    let refused = || Problem::new(Code::UnsupportedMediaType, "Send the body as application/json, without a content encoding");
    (plain && essence.eq_ignore_ascii_case("application/json")).then_some(()).ok_or_else(refused)
}

async fn discard(mut body: Incoming) {
    let mut left = 2 * MAX_BODY;
    let rest = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    };
    // Not in time: then the connection is cut.
    drop(timeout(PATIENCE, rest).await);
}

/// Takes up dead letters that are to be sent again, and shows how much there is.
pub(super) async fn look_after(intake: Arc<Intake>, letters: Letters<Event>) {
    let mut ticks = interval(LOOK);
    loop {
        ticks.tick().await;
        if let Err(error) = take_up(&intake, &letters).await {
            tracing::warn!(%error, "a dead letter cannot be sent again now");
        }
        let at_hand = letters.clone();
        let parked = tokio::task::spawn_blocking(move || {
            if let Err(error) = at_hand.prune(Timestamp::now()) {
                tracing::warn!(%error, "dead letters that are too old cannot be dropped now");
            }
            at_hand.count()
        });
        intake.metrics.holds(parked.await.unwrap_or_default(), letters.dropped());
    }
}

async fn take_up(intake: &Intake, letters: &Letters<Event>) -> std::io::Result<()> {
    loop {
        let at_hand = letters.clone();
        let spool = intake.spool.clone();
        let has_room = move |letter: &str| Event::source_of_letter(letter).is_some_and(|tool| !spool.is_full(tool));
        let replayed = tokio::task::spawn_blocking(move || at_hand.replayed(has_room)).await.map_err(std::io::Error::other)??;
        let Some((name, event)) = replayed else { return Ok(()) };
        intake.store(event.again(intake.next_number())).await.map_err(std::io::Error::other)?;
        letters.taken_up(&name)?;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
