//! `get --watch`: what there is, then what becomes of it, for as long as somebody reads.
//!
//! ```text
//!        ┌──────────── ended: wait, longer after each short one ◀───────────┐
//!        ▼                                                                  │
//!   1 open from the last position ──▶ 2 print what was not shown before ────┘
//!        │ away: wait, longer each time;   busy: as the agent asks (`call`)
//!        └──▶ given up after AWAY
//! ```

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use futures::StreamExt;

use super::{
    Failure,
    connect::{call, jitter, request_id},
    get::Filter,
    output::{self, Format},
    sse::Events,
};
use crate::{
    client::{ByteStream, Client, Error, ResponseValue},
    contract::{
        DateTime,
        v1alpha1::types::{RemediationChange, RemediationChangeType},
    },
    queue::Backoff,
};

/// Waits between streams.
const PACE: Backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_secs(30) };
/// A stream that lasts so long ended for no bad reason.
const STEADY: Duration = Duration::from_secs(10);
/// How long the agent may be away before a watch gives up.
const AWAY: Duration = Duration::from_secs(300);

/// What is watched, and how it is shown.
pub(super) struct Watch<'a> {
    pub(super) filter: &'a Filter,
    /// This one alone.
    pub(super) name: Option<&'a str>,
    pub(super) output: Format,
    pub(super) beginning: Beginning,
}

/// What is shown first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// What there is.
    Everything,
    /// What changes from now on.
    Now,
}

/// Shows changes until it is ended; `begun` is told once the first of them can come.
pub(super) async fn run(watch: &Watch<'_>, client: &Client, begun: impl FnOnce()) -> Result<(), Failure> {
    let mut begun = Some(begun);
    let (mut position, mut shown) = (None, Shown::default());
    let (mut random, mut short) = (jitter(), 0);
    let mut lost: Option<Instant> = None;
    loop {
        let opened = Instant::now();
        // 1. Open.
        match call(open(watch.filter, client, position.clone())).await {
            Ok(mut bytes) => {
                // 2. Print.
                let mut events = Events::default();
                while let Some(Ok(chunk)) = bytes.next().await {
                    let Ok(complete) = events.push(&chunk) else { break };
                    for event in complete {
                        // What follows a reset is a listing, which has a position only at its end.
                        let reset = event.kind.as_deref() == Some("reset");
                        position = event.id.or(if reset { None } else { position });
                        if !reset && !event.data.is_empty() {
                            let known = begun.is_some() && watch.beginning == Beginning::Now;
                            show(watch, &event.data, &mut shown, known)?;
                        }
                        if position.is_some()
                            && let Some(begun) = begun.take()
                        {
                            begun();
                        }
                    }
                }
                lost = Some(Instant::now());
            }
            // An agent that never answered is an error; one that went away may come back.
            Err(Failure::Unreachable(_)) if lost.is_some_and(|since| since.elapsed() < AWAY) => {}
            Err(failure) => return Err(failure),
        }
        // 3. Wait.
        short = if opened.elapsed() < STEADY { short + 1 } else { 0 };
        tokio::time::sleep(PACE.wait(short, &mut random)).await;
    }
}

type Opened = Result<ResponseValue<ByteStream>, Error<crate::contract::v0::types::Problem>>;

async fn open(filter: &Filter, client: &Client, position: Option<String>) -> Opened {
    let Filter { namespace, severity, source, status } = filter;
    let (namespace, source, id) = (namespace.as_deref(), source.as_deref(), request_id());
    client.alpha.watch_remediations(namespace, severity.as_ref(), source, status.as_ref(), None, position.as_deref(), &id).await
}

/// Shows a change, unless it was shown, or is `known`.
fn show(watch: &Watch<'_>, data: &str, shown: &mut Shown, known: bool) -> Result<(), Failure> {
    let Ok(change) = serde_json::from_str::<RemediationChange>(data) else {
        output::note("a change that this version cannot read was left out");
        return Ok(());
    };
    let item = &change.remediation;
    let deleted = change.type_ == RemediationChangeType::Deleted;
    if deleted {
        shown.forget(&item.id);
    }
    let news = deleted || shown.is_new(&item.id, item.updated_at);
    if known || !news || watch.name.is_some_and(|name| name != item.id) {
        return Ok(());
    }
    match watch.output {
        Format::Json => output::print(data),
        Format::Table if deleted => output::print(&format!("{}  deleted", item.id)),
        Format::Table => output::change(item),
    }
}

/// What was printed, since the first listing of a later stream repeats it.
#[derive(Default)]
struct Shown(HashMap<String, DateTime>);

impl Shown {
    /// So many are remembered; beyond that a line may come twice.
    const MAX: usize = 10_000;

    fn is_new(&mut self, id: &str, updated_at: DateTime) -> bool {
        if self.0.len() >= Self::MAX && !self.0.contains_key(id) {
            self.0.clear();
        }
        self.0.insert(id.to_owned(), updated_at) != Some(updated_at)
    }

    /// One of this name that comes again is another one.
    fn forget(&mut self, id: &str) {
        self.0.remove(id);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_a_later_listing_repeats_is_not_shown_again_and_memory_is_bounded() {
        let mut shown = Shown::default();
        let time = |second: i64| DateTime(jiff::Timestamp::from_second(second).unwrap());
        assert!(shown.is_new("a", time(1)));
        assert!(!shown.is_new("a", time(1)));
        assert!(shown.is_new("a", time(2)));
        shown.forget("a");
        assert!(shown.is_new("a", time(2)), "one that came back is new");
        for n in 0..3 * Shown::MAX {
            shown.is_new(&n.to_string(), time(1));
            assert!(shown.0.len() <= Shown::MAX);
        }
    }
}
