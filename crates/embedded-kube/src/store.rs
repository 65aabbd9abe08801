//! The file: which tables it has, and consistent views of them.
//!
//! | table    | key                                   | value                                  |
//! |----------|---------------------------------------|----------------------------------------|
//! | objects  | `group/plural/[namespace/]name`       | the object as JSON, without its type   |
//! | counters | empty, or a prefix of object keys     | resourceVersion, or how many there are |
//! | owners   | `owner's uid/` and the dependent's key | nothing                               |
//! | pending  | an owner's uid                        | what the garbage collector has to do   |

use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use redb::{Database, ReadOnlyTable, ReadableDatabase, TableDefinition};

use crate::error::ApiError;

pub(crate) const OBJECTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("objects");
pub(crate) const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("counters");
pub(crate) const OWNERS: TableDefinition<'_, &str, ()> = TableDefinition::new("owners");
pub(crate) const PENDING: TableDefinition<'_, &str, &str> = TableDefinition::new("pending");

/// The counter that is the resourceVersion.
pub(crate) const REVISION: &str = "";
/// Pages kept in memory, whatever the size of the file.
const CACHE_BYTES: usize = 16 << 20;

/// The open file; empty once closed.
#[derive(Debug)]
pub(crate) struct Store(RwLock<Option<Database>>);

impl Store {
    pub(crate) fn open(file: &Path) -> Result<Self, redb::Error> {
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(file)?;
        let creating = database.begin_write()?;
        creating.open_table(OBJECTS)?;
        creating.open_table(COUNTERS)?;
        creating.open_table(OWNERS)?;
        creating.open_table(PENDING)?;
        creating.commit()?;
        Ok(Self(RwLock::new(Some(database))))
    }

    /// The database, kept open for as long as the guard lives.
    pub(crate) fn database(&self) -> RwLockReadGuard<'_, Option<Database>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the transaction under way, then closes the file.
    pub(crate) fn close(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// What is stored now.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, ApiError> {
        let guard = self.database();
        let reading = guard.as_ref().ok_or_else(ApiError::unavailable)?.begin_read()?;
        let counters = reading.open_table(COUNTERS)?;
        let revision = counters.get(REVISION)?.map_or(0, |value| value.value());
        Ok(Snapshot { objects: reading.open_table(OBJECTS)?, counters, revision })
    }
}

/// Everything as it was at one resourceVersion.
pub(crate) struct Snapshot {
    objects: ReadOnlyTable<&'static str, &'static [u8]>,
    counters: ReadOnlyTable<&'static str, u64>,
    /// The resourceVersion.
    pub revision: u64,
}

/// Stored objects in the order of their keys.
pub(crate) struct Objects(redb::Range<'static, &'static str, &'static [u8]>);

impl Snapshot {
    pub(crate) fn get(&self, key: &str) -> Result<Option<Bytes>, ApiError> {
        Ok(self.objects.get(key)?.map(|value| Bytes::copy_from_slice(value.value())))
    }

    /// How many objects have this prefix.
    pub(crate) fn count(&self, prefix: &str) -> Result<u64, ApiError> {
        Ok(self.counters.get(prefix)?.map_or(0, |value| value.value()))
    }

    /// The objects below `prefix`, which ends in a slash, from the key `start` on.
    pub(crate) fn range(&self, prefix: &str, start: &str) -> Result<Objects, ApiError> {
        let end = format!("{}0", prefix.trim_end_matches('/'));
        let start = start.max(prefix);
        // A start beyond the end, from a token of another type, is an empty range.
        let start = if start > end.as_str() { end.as_str() } else { start };
        Ok(Objects(self.objects.range(start..end.as_str())?))
    }
}

impl Snapshot {
    /// The object under this key, if there is one, as a range.
    pub(crate) fn one(&self, key: &str) -> Result<Objects, ApiError> {
        Ok(Objects(self.objects.range(key..=key)?))
    }
}

impl Iterator for Objects {
    type Item = Result<(String, Bytes), ApiError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.0.next()?;
        Some(entry.map_err(ApiError::from).map(|(key, value)| (key.value().to_owned(), Bytes::copy_from_slice(value.value()))))
    }
}
