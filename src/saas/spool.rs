//! What is to be told, on disk until it is: one entry a remediation, newer replaces older.
//!
//! ```text
//!   put, remove ─▶ writer: what has come meanwhile is one transaction ─▶ fsync ─▶ each is answered
//! ```
//!
//! The file is a database of redb, which keeps checksums and survives a crash at any point ([`disk`](super::disk) opens it,
//! and opens it anew after an error). The objects are the truth: a file that is lost, or cannot be read, is begun anew, and
//! only what was told of deleted objects is lost with it.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};
use tokio::sync::{mpsc, oneshot, watch};

use super::{disk::Disk, entry::Entry};
use crate::{key::ObjectKey, telemetry::Health};

/// Entries that may wait; objects beyond them wait until there is room.
pub(super) const MOST: u64 = 10_000;
/// Writes of one transaction.
const GROUP: usize = 256;
/// By `namespace/name/uid`, as JSON.
pub(super) const ENTRIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("entries");

/// Why the spool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The folder.
    #[error("the spool's folder {path} cannot be used: {source}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("the spool {0} is in use by another process; each replica needs a SPOOL_DIR of its own")]
    InUse(PathBuf),
    /// The disk, or the file.
    #[error("the spool cannot be read or written")]
    Storage(#[source] Box<redb::Error>),
    /// An entry that is none.
    #[error("an entry of the spool cannot be read")]
    Entry(#[from] serde_json::Error),
    /// Its writer has ended.
    #[error("the spool is closed")]
    Closed,
}

impl SpoolError {
    pub(super) fn storage(error: impl Into<redb::Error>) -> Self {
        Self::Storage(Box::new(error.into()))
    }
}

enum Change {
    Put(Entry),
    /// Only if the entry that is stored is still this one.
    Remove(Entry),
}

type Reply = oneshot::Sender<Result<(), Arc<SpoolError>>>;

/// The open spool. Cloning shares it.
#[derive(Clone)]
pub(super) struct Spool {
    disk: Arc<Disk>,
    writer: mpsc::Sender<(Change, Reply)>,
    held: watch::Receiver<u64>,
}

impl Spool {
    /// Opens the spool of a folder, made where it is not there.
    pub(super) fn open(folder: &Path, health: Health) -> Result<Self, SpoolError> {
        Self::on(Disk::of(folder, health)?)
    }

    pub(super) fn on(disk: Disk) -> Result<Self, SpoolError> {
        let disk = Arc::new(disk);
        let (held, shown) = watch::channel(disk.with(count)?);
        let (writer, changes) = mpsc::channel(GROUP);
        tokio::spawn(write(Arc::clone(&disk), changes, held));
        Ok(Self { disk, writer, held: shown })
    }

    /// Stores an entry, unless what is there is newer; on disk when this returns.
    pub(super) async fn put(&self, entry: Entry) -> Result<(), Arc<SpoolError>> {
        self.change(Change::Put(entry)).await
    }

    /// Drops this very entry.
    pub(super) async fn remove(&self, entry: Entry) -> Result<(), Arc<SpoolError>> {
        self.change(Change::Remove(entry)).await
    }

    /// What is to be told of the objects of this name, one after another.
    pub(super) async fn of(&self, key: &ObjectKey) -> Result<Vec<Entry>, SpoolError> {
        let prefix = format!("{}/{}/", key.namespace, key.name);
        let entries = self.read(prefix, readable).await?;
        Ok(entries.into_iter().flatten().collect())
    }

    /// Whom the entries are about.
    pub(super) async fn keys(&self) -> Result<Vec<ObjectKey>, SpoolError> {
        let key = |place: &str, _: &[u8]| {
            let mut parts = place.split('/');
            ObjectKey::new(parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
        };
        self.read(String::new(), key).await
    }

    /// Returns once there is room for more.
    pub(super) async fn room(&self) {
        // Fails only when the writer is gone, which each change then says.
        drop(self.held.clone().wait_for(|held| *held < MOST).await);
    }

    /// Whether there is no room for more.
    pub(super) fn is_full(&self) -> bool {
        *self.held.borrow() >= MOST
    }

    /// How many entries there are.
    pub(super) fn held(&self) -> watch::Receiver<u64> {
        self.held.clone()
    }

    async fn change(&self, change: Change) -> Result<(), Arc<SpoolError>> {
        let (reply, answer) = oneshot::channel();
        let closed = || Arc::new(SpoolError::Closed);
        self.writer.send((change, reply)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// What `item` makes of each entry whose place begins so.
    async fn read<T: Send + 'static>(&self, prefix: String, item: fn(&str, &[u8]) -> T) -> Result<Vec<T>, SpoolError> {
        let disk = Arc::clone(&self.disk);
        let reading = move || {
            disk.with(|database| {
                let reading = database.begin_read().map_err(SpoolError::storage)?;
                let table = reading.open_table(ENTRIES).map_err(SpoolError::storage)?;
                let mut items = Vec::new();
                for row in table.range(prefix.as_str()..).map_err(SpoolError::storage)? {
                    let (place, value) = row.map_err(SpoolError::storage)?;
                    if !place.value().starts_with(&prefix) {
                        break;
                    }
                    items.push(item(place.value(), value.value()));
                }
                Ok(items)
            })
        };
        tokio::task::spawn_blocking(reading).await.unwrap_or(Err(SpoolError::Closed))
    }
}

/// An entry, unless another version wrote it: then the object, which is the truth, says what is to be told.
fn readable(place: &str, value: &[u8]) -> Option<Entry> {
    serde_json::from_slice(value)
        .inspect_err(|error| tracing::error!(place, %error, "an entry of the spool cannot be read, and is left out"))
        .ok()
}

fn place(entry: &Entry) -> String {
    format!("{}/{}/{}", entry.namespace, entry.name, entry.uid)
}

fn count(database: &Database) -> Result<u64, SpoolError> {
    let reading = database.begin_read().map_err(SpoolError::storage)?;
    reading.open_table(ENTRIES).map_err(SpoolError::storage)?.len().map_err(SpoolError::storage)
}

/// Writes what comes, as much in one transaction as has come while the last one was written.
async fn write(disk: Arc<Disk>, mut changes: mpsc::Receiver<(Change, Reply)>, held: watch::Sender<u64>) {
    let mut group = Vec::new();
    while changes.recv_many(&mut group, GROUP).await > 0 {
        let (changes, replies): (Vec<_>, Vec<_>) = group.drain(..).unzip();
        let disk = Arc::clone(&disk);
        let written = tokio::task::spawn_blocking(move || disk.with(|database| commit(database, changes))).await;
        let result = written.unwrap_or(Err(SpoolError::Closed));
        let result = result.map(|count| _ = held.send_replace(count)).map_err(Arc::new);
        for reply in replies {
            // Whoever asked may have gone.
            drop(reply.send(result.clone()));
        }
    }
}

fn commit(database: &Database, changes: Vec<Change>) -> Result<u64, SpoolError> {
    let writing = database.begin_write().map_err(SpoolError::storage)?;
    let count = {
        let mut table = writing.open_table(ENTRIES).map_err(SpoolError::storage)?;
        for change in changes {
            let (Change::Put(entry) | Change::Remove(entry)) = &change;
            let place = place(entry);
            let former = match table.get(place.as_str()).map_err(SpoolError::storage)? {
                // Of another version, which is no reason to keep anybody else's from the disk.
                Some(value) => serde_json::from_slice::<Entry>(value.value()).ok(),
                None => None,
            };
            match (&change, former) {
                (Change::Put(entry), former) if former.as_ref().is_none_or(|former| entry.replaces(former)) => {
                    table.insert(place.as_str(), serde_json::to_vec(entry)?.as_slice()).map_err(SpoolError::storage)?;
                }
                (Change::Remove(entry), Some(former)) if former.request_id == entry.request_id => {
                    table.remove(place.as_str()).map_err(SpoolError::storage)?;
                }
                _ => {}
            }
        }
        table.len().map_err(SpoolError::storage)?
    };
    writing.commit().map_err(SpoolError::storage)?;
    Ok(count)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
