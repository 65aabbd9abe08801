//! Writes what comes, as much in one transaction as has come while the last one was written.

use std::sync::Arc;

use redb::{Database, ReadableDatabase, ReadableTable};
use tokio::sync::{mpsc, oneshot, watch};

use super::{ENTRIES, Record, Shares, SpoolError, disk::Disk};

/// Writes of one transaction.
pub(super) const GROUP: usize = 256;

pub(super) enum Change<R> {
    Put(R),
    /// Only if the record that is stored is still this one.
    Remove(R),
}

pub(super) type Reply = oneshot::Sender<Result<(), Arc<SpoolError>>>;

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

/// Until all who could ask for something are gone.
pub(super) async fn write<R: Record>(
    disk: Arc<Disk>,
    mut changes: mpsc::Receiver<(Change<R>, Reply)>,
    held: watch::Sender<Shares<R::Source>>,
) {
    let mut group = Vec::new();
    let mut known = Some(held.borrow().clone());
    while changes.recv_many(&mut group, GROUP).await > 0 {
        let (changes, replies): (Vec<_>, Vec<_>) = group.drain(..).unzip();
        let (disk, before) = (Arc::clone(&disk), known.take());
        let written = tokio::task::spawn_blocking(move || disk.with(|database| commit(database, changes, before))).await;
        let result = written.unwrap_or(Err(SpoolError::Closed));
        // After an error the file is another one, it may be.
        known = result.as_ref().ok().cloned();
        let result = result.map(|now| _ = held.send_replace(now)).map_err(Arc::new);
        for reply in replies {
            // Whoever asked may have gone.
            drop(reply.send(result.clone()));
        }
    }
}

/// `known` is how much there is, where that is known.
fn commit<R: Record>(
    database: &Database,
    changes: Vec<Change<R>>,
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
            let (Change::Put(record) | Change::Remove(record)) = &change;
            let place = record.place();
            let source = R::source(&place);
            let (former, taken) = match table.get(place.as_str()).map_err(SpoolError::storage)? {
                // Of another version, which is no reason to keep anybody else's from the disk.
                Some(value) => (serde_json::from_slice::<R>(value.value()).ok(), Some(length(value.value()))),
                None => (None, None),
            };
            match (&change, former) {
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
