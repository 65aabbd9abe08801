//! Writes what comes, as much in one transaction as has come while the last one was written.
//!
//! ```text
//!   puts, removes ─▶ one transaction ─┬ written
//!                                     ├ no room on the disk: the removes alone, which make room; then full
//!                                     └ any other error: none of them
//!   full: puts are refused at once, removes are written ── every 10 s: room for 30 KiB? ──▶ well
//! ```
//!
//! After an error the file is opened anew, and looked through, which no put is made to wait for: it is tried with a page of no use
//! ([`PROBE`]), and for a tenth of the time at most. So what leaves goes on leaving.

use std::{sync::Arc, time::Duration};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};

use super::{ENTRIES, Record, Shares, SpoolError, disk::Disk};

/// Writes of one transaction.
pub(super) const GROUP: usize = 256;
/// How often it is tried whether a disk that was full or broken can be written again.
const LOOK: Duration = Duration::from_secs(10);
/// How many times as long as it takes nothing is tried after that.
const REST: u32 = 10;
/// What is written to see whether something can be.
const PROBE: TableDefinition<'_, (), &[u8]> = TableDefinition::new("probe");
static PROBE_BYTES: [u8; 30 << 10] = [0; 30 << 10];

pub(super) enum Change<R> {
    /// Unless what is there is newer.
    Put(R),
    /// Only if the record that is stored is still this one.
    Remove(R),
}

pub(super) type Reply = oneshot::Sender<Result<(), Arc<SpoolError>>>;

/// Some changes, and who waits for them.
struct Batch<R> {
    changes: Arc<Vec<Change<R>>>,
    replies: Vec<Reply>,
}

impl<R> Default for Batch<R> {
    fn default() -> Self {
        Self { changes: Arc::default(), replies: Vec::new() }
    }
}

impl<R> Batch<R> {
    fn of(asked: Vec<(Change<R>, Reply)>) -> Self {
        let (changes, replies): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        Self { changes: Arc::new(changes), replies }
    }

    /// Whoever asked may have gone.
    fn answer(self, result: &Result<(), Arc<SpoolError>>) {
        self.replies.into_iter().for_each(|reply| drop(reply.send(result.clone())));
    }
}

pub(super) struct Writer<R: Record> {
    disk: Arc<Disk>,
    held: watch::Sender<Shares<R::Source>>,
    /// How much there is, where that is known.
    known: Option<Shares<R::Source>>,
    full: bool,
    /// When it is tried whether a disk that is unwell can be written again.
    look: Instant,
}

impl<R: Record> Writer<R> {
    pub(super) fn new(disk: Arc<Disk>, held: watch::Sender<Shares<R::Source>>) -> Self {
        let known = Some(held.borrow().clone());
        Self { disk, held, known, full: false, look: Instant::now() + LOOK }
    }

    /// Until all who could ask for something are gone.
    pub(super) async fn run(mut self, mut changes: mpsc::Receiver<(Change<R>, Reply)>) {
        let mut asked = Vec::new();
        loop {
            if Instant::now() >= self.look {
                self.look().await;
            }
            match timeout_at(self.look, changes.recv_many(&mut asked, GROUP)).await {
                Ok(0) => return,
                Ok(_) => self.write(std::mem::take(&mut asked)).await,
                Err(_) => {}
            }
        }
    }

    async fn write(&mut self, asked: Vec<(Change<R>, Reply)>) {
        let (puts, removes) = asked.into_iter().partition(|(change, _)| matches!(change, Change::Put(_)));
        let (mut puts, removes) = (Batch::of(puts), Batch::of(removes));
        if self.full {
            std::mem::take(&mut puts).answer(&Err(Arc::new(SpoolError::Full)));
            if removes.changes.is_empty() {
                return;
            }
        }
        let begun = Instant::now();
        let mut result = self.commit(&removes, &puts).await;
        if !puts.changes.is_empty() && result.as_ref().is_err_and(|error| error.is_want_of_room()) {
            let refused = std::mem::take(&mut puts);
            let why = std::mem::replace(&mut result, self.commit(&removes, &puts).await);
            // Also where there was none to remove: a file that cannot be opened any more is broken, and not full.
            self.full = result.is_ok();
            self.rest_since(begun);
            refused.answer(&why);
        }
        removes.answer(&result);
        puts.answer(&result);
    }

    async fn commit(&mut self, removes: &Batch<R>, puts: &Batch<R>) -> Result<(), Arc<SpoolError>> {
        let (disk, before) = (Arc::clone(&self.disk), self.known.take());
        let (removes, puts) = (Arc::clone(&removes.changes), Arc::clone(&puts.changes));
        let work = move || {
            let now = disk.with(|database| commit(database, removes.iter().chain(puts.iter()), before));
            if now.is_ok() && !puts.is_empty() {
                disk.well();
            }
            now
        };
        let written = tokio::task::spawn_blocking(work).await.unwrap_or(Err(SpoolError::Closed));
        // After an error the file is another one, it may be.
        self.known = written.as_ref().ok().cloned();
        written.map(|now| _ = self.held.send_replace(now)).map_err(Arc::new)
    }

    /// Whether a disk that was unwell can be written again.
    async fn look(&mut self) {
        let (begun, disk) = (Instant::now(), Arc::clone(&self.disk));
        let probing = move || !disk.is_unwell() || disk.with(probe).map(|()| disk.well()).is_ok();
        let well = tokio::task::spawn_blocking(probing).await.unwrap_or(false);
        // Where it cannot be written it may be full, or broken.
        self.full = !well && self.commit(&Batch::default(), &Batch::default()).await.is_ok();
        self.rest_since(begun);
    }

    fn rest_since(&mut self, begun: Instant) {
        self.look = Instant::now() + LOOK.max(begun.elapsed() * REST);
    }
}

fn probe(database: &Database) -> Result<(), SpoolError> {
    let writing = database.begin_write().map_err(SpoolError::storage)?;
    writing.open_table(PROBE).map_err(SpoolError::storage)?.insert((), PROBE_BYTES.as_slice()).map_err(SpoolError::storage)?;
    writing.commit().map_err(SpoolError::storage)
}

pub(super) fn measure<R: Record>(database: &Database) -> Result<Shares<R::Source>, SpoolError> {
    let reading = database.begin_read().map_err(SpoolError::storage)?;
    shares::<R>(&reading.open_table(ENTRIES).map_err(SpoolError::storage)?)
}

fn shares<R: Record>(table: &impl ReadableTable<&'static str, &'static [u8]>) -> Result<Shares<R::Source>, SpoolError> {
    let mut shares = Shares::default();
    for row in table.iter().map_err(SpoolError::storage)? {
        let (place, value) = row.map_err(SpoolError::storage)?;
        shares.add(R::source(place.value()), length(value.value()));
    }
    Ok(shares)
}

fn length(value: &[u8]) -> u64 {
    u64::try_from(value.len()).unwrap_or(u64::MAX)
}

/// `known` is how much there is, where that is known.
fn commit<'a, R: Record>(
    database: &Database,
    changes: impl Iterator<Item = &'a Change<R>>,
    known: Option<Shares<R::Source>>,
) -> Result<Shares<R::Source>, SpoolError> {
    let writing = database.begin_write().map_err(SpoolError::storage)?;
    let held = {
        let mut table = writing.open_table(ENTRIES).map_err(SpoolError::storage)?;
        let mut all = match known {
            Some(known) => known,
            None => shares::<R>(&table)?,
        };
        for change in changes {
            let (Change::Put(record) | Change::Remove(record)) = change;
            let place = record.place();
            let source = R::source(&place);
            let (former, taken) = match table.get(place.as_str()).map_err(SpoolError::storage)? {
                // Of another version, which is no reason to keep anybody else's from the disk.
                Some(value) => (serde_json::from_slice::<R>(value.value()).ok(), Some(length(value.value()))),
                None => (None, None),
            };
            match (change, former) {
                (Change::Put(record), former) if former.as_ref().is_none_or(|former| record.replaces(former)) => {
                    let text = serde_json::to_vec(record)?;
                    table.insert(place.as_str(), text.as_slice()).map_err(SpoolError::storage)?;
                    taken.into_iter().for_each(|taken| all.take(source, taken));
                    all.add(source, length(&text));
                }
                (Change::Remove(record), Some(former)) if former.is(record) => {
                    table.remove(place.as_str()).map_err(SpoolError::storage)?;
                    taken.into_iter().for_each(|taken| all.take(source, taken));
                }
                _ => {}
            }
        }
        all
    };
    writing.commit().map_err(SpoolError::storage)?;
    Ok(held)
}
