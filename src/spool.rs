//! What is to be sent, on disk until it is: what the agent tells a SaaS ([`saas`](crate::saas)), and what the tools gave to a
//! forwarder ([`forward`](crate::forward)).
//!
//! ```text
//!   put, remove ─▶ writer: what has come meanwhile is one transaction ─▶ fsync ─▶ each is answered
//!   given up on ─▶ dead letters ─ zen-agent spool replay ─▶ whoever has the spool open puts it there again
//! ```
//!
//! The file is a database of redb, which keeps checksums and survives a crash at any point ([`disk`] opens it, and opens it anew
//! after an error). What is to become of one that cannot be read is for who opens it to say ([`Unreadable`]).

mod dead;
mod disk;
mod files;
mod writer;

use std::{
    collections::BTreeMap,
    io,
    ops::Bound,
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::{ReadableDatabase, TableDefinition};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) use dead::{Letter, Letters};
use disk::Disk;
pub(crate) use files::replace_file;
use writer::{Change, GROUP, Reply, Writer, measure};

use crate::telemetry::{Health, health::Degraded};

/// By place, as JSON.
const ENTRIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("entries");

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
    #[error("the spool {0} is in use by another process; each needs a folder of its own (SPOOL_DIR, or --state-dir of `forward`)")]
    InUse(PathBuf),
    /// The disk, or the file.
    #[error("the spool cannot be read or written")]
    Storage(#[source] Box<redb::Error>),
    /// The file is damaged, and what it holds is nowhere else.
    #[error("the spool {path} cannot be read; move it away to begin anew, which gives up what was acknowledged and not delivered")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How.
        source: Box<redb::Error>,
    },
    /// An entry that is none.
    #[error("an entry of the spool cannot be read")]
    Entry(#[from] serde_json::Error),
    /// Nothing more fits on the disk, which is not tried with each record.
    #[error("the disk of the spool is full")]
    Full,
    /// Its writer has ended.
    #[error("the spool is closed")]
    Closed,
}

impl SpoolError {
    fn storage(error: impl Into<redb::Error>) -> Self {
        Self::Storage(Box::new(error.into()))
    }

    /// Whether it would be another thing if the disk were larger.
    fn is_want_of_room(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match self {
            Self::Full => true,
            Self::Storage(error) => {
                matches!(&**error, redb::Error::Io(error) if matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge))
            }
            _ => false,
        }
    }
}

/// What a spool keeps.
pub(crate) trait Record: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Who has a share of the spool to itself, which nobody else's records fill.
    type Source: Copy + Ord + Send + Sync + 'static;

    /// Where it stands, one a place; records are read in the order of their places.
    fn place(&self) -> String;

    /// Whose share a record at this place takes; of one that another version wrote it may be nobody's.
    fn source(place: &str) -> Option<Self::Source>;

    /// The name of its dead letter: one of a kind, and at most 250 bytes of what a file's name may have.
    fn letter(&self) -> String;

    /// Whose dead letter has this name.
    fn source_of_letter(name: &str) -> Option<Self::Source>;

    /// Whether it is to stand where `former` does.
    fn replaces(&self, former: &Self) -> bool;

    /// Whether it is this very one, and not another one of the same place.
    fn is(&self, other: &Self) -> bool;
}

/// What becomes of a file that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is put aside, and another one begun: all of it can be made anew of what is elsewhere.
    BeginAnew,
    /// It stays, and nothing is taken: it is the only copy.
    Refuse,
}

/// How much of one source may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

/// How much of one source there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

impl Held {
    /// Whether there is no room for more.
    const fn fills(&self, bounds: &Bounds) -> bool {
        self.records >= bounds.records || self.bytes >= bounds.bytes
    }
}

/// How much of each source there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shares<S>(BTreeMap<S, Held>);

impl<S> Default for Shares<S> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<S: Copy + Ord> Shares<S> {
    pub(crate) fn of(&self, source: S) -> Held {
        self.0.get(&source).copied().unwrap_or_default()
    }

    fn add(&mut self, source: Option<S>, bytes: u64) {
        if let Some(source) = source {
            let held = self.0.entry(source).or_default();
            *held = Held { records: held.records + 1, bytes: held.bytes + bytes };
        }
    }

    fn take(&mut self, source: Option<S>, bytes: u64) {
        if let Some(held) = source.and_then(|source| self.0.get_mut(&source)) {
            *held = Held { records: held.records.saturating_sub(1), bytes: held.bytes.saturating_sub(bytes) };
        }
    }
}

/// The open spool. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Spool<R: Record> {
    disk: Arc<Disk>,
    writer: mpsc::Sender<(Change<R>, Reply)>,
    held: watch::Receiver<Shares<R::Source>>,
    bounds: Bounds,
}

impl<R: Record> Spool<R> {
    /// Opens the spool of a folder, made where it is not there; while it cannot be used, `health` says so by this name.
    pub(crate) fn open(folder: &Path, bounds: Bounds, unreadable: Unreadable, health: Health, name: Degraded) -> Result<Self, SpoolError> {
        Self::on(Disk::of(folder, unreadable, health, name)?, bounds)
    }

    fn on(disk: Disk, bounds: Bounds) -> Result<Self, SpoolError> {
        let disk = Arc::new(disk);
        let (held, shown) = watch::channel(disk.with(measure::<R>)?);
        let (writer, changes) = mpsc::channel(GROUP);
        tokio::spawn(Writer::new(Arc::clone(&disk), held).run(changes));
        Ok(Self { disk, writer, held: shown, bounds })
    }

    /// Stores a record, unless what is there is newer; on disk when this returns. Also where there is no room: whoever asks
    /// others to wait looks before, or waits himself.
    pub(crate) async fn put(&self, record: R) -> Result<(), Arc<SpoolError>> {
        self.change(Change::Put(record)).await
    }

    /// Drops this very record.
    pub(crate) async fn remove(&self, record: R) -> Result<(), Arc<SpoolError>> {
        self.change(Change::Remove(record)).await
    }

    /// The records whose places begin so, in order.
    pub(crate) async fn beginning(&self, prefix: String) -> Result<Vec<R>, SpoolError> {
        self.read(prefix, usize::MAX, readable).await
    }

    /// The first of the records whose places begin so.
    pub(crate) async fn first(&self, prefix: String) -> Result<Option<R>, SpoolError> {
        Ok(self.read(prefix, 1, readable).await?.pop())
    }

    /// The first record after this place, of those whose places begin so.
    pub(crate) async fn after(&self, prefix: String, place: String) -> Result<Option<R>, SpoolError> {
        Ok(self.read_from(Bound::Excluded(place), prefix, 1, readable).await?.pop())
    }

    /// All places, in order.
    pub(crate) async fn places(&self) -> Result<Vec<String>, SpoolError> {
        self.read(String::new(), usize::MAX, |place, _| Some(place.to_owned())).await
    }

    /// Returns once there is room for more of this source.
    pub(crate) async fn room(&self, source: R::Source) {
        // Fails only when the writer is gone, which each change then says.
        drop(self.held.clone().wait_for(|held| !held.of(source).fills(&self.bounds)).await);
    }

    /// Whether there is no room for more of this source.
    pub(crate) fn is_full(&self, source: R::Source) -> bool {
        self.held.borrow().of(source).fills(&self.bounds)
    }

    /// How much there is.
    pub(crate) fn held(&self) -> watch::Receiver<Shares<R::Source>> {
        self.held.clone()
    }

    /// Closes the file, once nobody uses it any more: the next who opens it need not look through all of it. What is asked of the
    /// spool afterwards fails.
    pub(crate) async fn close(&self) {
        let disk = Arc::clone(&self.disk);
        if tokio::task::spawn_blocking(move || disk.close()).await.is_err() {
            tracing::warn!("the spool could not be closed; the next start looks through all of it");
        }
    }

    async fn change(&self, change: Change<R>) -> Result<(), Arc<SpoolError>> {
        let (reply, answer) = oneshot::channel();
        let closed = || Arc::new(SpoolError::Closed);
        self.writer.send((change, reply)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// What `item` makes of the records whose places begin so, of the first `most` of which it makes something.
    async fn read<T: Send + 'static>(&self, prefix: String, most: usize, item: fn(&str, &[u8]) -> Option<T>) -> Result<Vec<T>, SpoolError> {
        self.read_from(Bound::Included(prefix.clone()), prefix, most, item).await
    }

    async fn read_from<T: Send + 'static>(
        &self,
        from: Bound<String>,
        prefix: String,
        most: usize,
        item: fn(&str, &[u8]) -> Option<T>,
    ) -> Result<Vec<T>, SpoolError> {
        let disk = Arc::clone(&self.disk);
        let reading = move || {
            disk.with(|database| {
                let reading = database.begin_read().map_err(SpoolError::storage)?;
                let table = reading.open_table(ENTRIES).map_err(SpoolError::storage)?;
                let mut items = Vec::new();
                for row in table.range::<&str>((from.as_ref().map(String::as_str), Bound::Unbounded)).map_err(SpoolError::storage)? {
                    let (place, value) = row.map_err(SpoolError::storage)?;
                    if items.len() == most || !place.value().starts_with(&prefix) {
                        break;
                    }
                    items.extend(item(place.value(), value.value()));
                }
                Ok(items)
            })
        };
        tokio::task::spawn_blocking(reading).await.unwrap_or(Err(SpoolError::Closed))
    }
}

/// A record, unless another version wrote it.
fn readable<R: Record>(place: &str, value: &[u8]) -> Option<R> {
    serde_json::from_slice(value)
        .inspect_err(|error| tracing::error!(place, %error, "an entry of the spool cannot be read, and is left out"))
        .ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
