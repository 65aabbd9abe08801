//! What is known of the event that is in the way, also after a restart: `DIR/forward/suspect-TOOL.json`.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::{task::spawn_blocking, time::Instant};

use super::{
    courier::{Effect, Later, SaidBy},
    event::{Event, Tool},
};
use crate::spool::{Record as _, replace_file};

/// How long an event may hold up those behind it before others are sent in its place.
pub(super) const PATIENCE: Duration = Duration::from_secs(900);
/// As [`PATIENCE`], of one that fails just as the one right before it that left.
const PATIENCE_AGAIN: Duration = Duration::from_secs(5);
/// How many others have to get through before it leaves: one may be a coincidence.
const PROOFS: u32 = 3;
/// How long the agent's own word is believed, though it takes others.
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// The first event, which does not get through.
pub(super) struct Suspect {
    pub(super) place: String,
    since: Instant,
    /// Who said so: of all times the one that says least of the event.
    said_by: SaidBy,
    /// How many others got through meanwhile.
    proofs: u32,
    /// Whether the one before it failed in the same way.
    again: bool,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not known that it is the event.
    Wait,
    /// Another one is to be sent in its place.
    Compare,
    /// It is the event, and for now only.
    SetAside,
    /// It is the event.
    Park,
}

impl Suspect {
    pub(super) fn new(event: &Event, precedent: Option<&str>, later: &Later) -> Self {
        let again = precedent == Some(later.why.as_str());
        Self { place: event.place(), since: Instant::now(), said_by: later.said_by, proofs: 0, again }
    }

    /// It has failed once more. The last proof is followed by a last try.
    pub(super) fn failed(&mut self, later: &Later) -> Verdict {
        self.said_by = self.said_by.max(later.said_by);
        let patience = if self.again { PATIENCE_AGAIN } else { PATIENCE };
        match self.said_by {
            _ if self.since.elapsed() < patience => Verdict::Wait,
            _ if self.proofs < PROOFS => Verdict::Compare,
            SaidBy::Another | SaidBy::Agent => Verdict::Park,
            SaidBy::Busy | SaidBy::Forwarder => Verdict::SetAside,
        }
    }

    /// Another one was taken in its place, which may show that nothing but the event is in the way.
    pub(super) fn passed_by(&mut self, effect: Effect) {
        let shown = match self.said_by {
            SaidBy::Agent => effect == Effect::Created || self.since.elapsed() >= DAY,
            SaidBy::Another | SaidBy::Busy | SaidBy::Forwarder => true,
        };
        self.proofs += u32::from(shown);
    }
}

/// What is on disk.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    place: String,
    /// For how long it has failed, by no clock that could be set.
    seconds: u64,
    said_by: SaidBy,
    precedent: Option<String>,
}

/// Where it is kept.
pub(super) struct Record {
    path: PathBuf,
}

impl Record {
    pub(super) fn of(folder: &Path, tool: Tool) -> Self {
        Self { path: folder.join(format!("suspect-{}.json", tool.as_str())) }
    }

    /// The suspect, and how the one before it failed that left. Without a file nothing is known, which costs time and no event.
    pub(super) async fn read(&self) -> (Option<Suspect>, Option<String>) {
        let Ok(text) = tokio::fs::read(&self.path).await else { return (None, None) };
        let Ok(Kept { place, seconds, said_by, precedent }) = serde_json::from_slice(&text) else { return (None, None) };
        // A clock since the machine's start may not go back that far.
        let since = Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap_or_else(Instant::now);
        let suspect = (!place.is_empty()).then_some(Suspect { place, since, said_by, proofs: 0, again: false });
        (suspect, precedent)
    }

    pub(super) async fn write(&self, suspect: Option<&Suspect>, precedent: Option<&str>) {
        let of = |suspect: &Suspect| (suspect.place.clone(), suspect.since.elapsed().as_secs(), suspect.said_by);
        let (place, seconds, said_by) = suspect.map(of).unwrap_or_default();
        let kept = Kept { place, seconds, said_by, precedent: precedent.map(str::to_owned) };
        let path = self.path.clone();
        let writing = move || replace_file(&path, &serde_json::to_vec(&kept).map_err(io::Error::other)?, Timestamp::now());
        if let Err(error) = spawn_blocking(writing).await.map_err(io::Error::other).flatten() {
            tracing::warn!(%error, "what is known of an event that does not get through cannot be kept; a restart forgets it");
        }
    }
}
