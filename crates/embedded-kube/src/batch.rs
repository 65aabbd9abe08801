//! The transaction as the jobs of one group see it.
//!
//! A job reads and writes objects; resourceVersions, counts, the index of dependents and the events
//! for watches follow by themselves.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use redb::{ReadableTable, Table, WriteTransaction};

use crate::error::ApiError;
use crate::history::{Change, Event};
use crate::object::Object;
use crate::store::{COUNTERS, OBJECTS, OWNERS, PENDING, REVISION};
use crate::types::ResourceType;

/// What a transaction leads to once it is on disk.
#[derive(Default)]
pub(crate) struct Changes {
    pub events: Vec<Event>,
    pub defined: Vec<Vec<Arc<ResourceType>>>,
    /// Whether there is anything to commit.
    pub dirty: bool,
    /// Whether the garbage collector has to look.
    pub collect: bool,
}

/// The transaction as jobs see it.
pub(crate) struct Batch<'t> {
    objects: Table<'t, &'static str, &'static [u8]>,
    counters: Table<'t, &'static str, u64>,
    owners: Table<'t, &'static str, ()>,
    pending: Table<'t, &'static str, &'static str>,
    counts: HashMap<String, i64>,
    revision: u64,
    changes: Changes,
    broken: Option<ApiError>,
}

impl<'t> Batch<'t> {
    /// Opens the tables.
    pub(crate) fn begin(transaction: &'t WriteTransaction) -> Result<Self, ApiError> {
        let counters = transaction.open_table(COUNTERS)?;
        let revision = counters.get(REVISION)?.map_or(0, |value| value.value());
        Ok(Self {
            objects: transaction.open_table(OBJECTS)?,
            counters,
            owners: transaction.open_table(OWNERS)?,
            pending: transaction.open_table(PENDING)?,
            counts: HashMap::new(),
            revision,
            changes: Changes::default(),
            broken: None,
        })
    }

    /// Writes the counters; fails if the store failed any job.
    pub(crate) fn end(mut self) -> Result<Changes, ApiError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        if self.changes.dirty {
            self.counters.insert(REVISION, self.revision)?;
        }
        for (prefix, change) in self.counts {
            let count = self.counters.get(prefix.as_str())?.map_or(0, |value| value.value());
            self.counters.insert(prefix.as_str(), count.saturating_add_signed(change))?;
        }
        Ok(self.changes)
    }

    /// Remembers that the store itself failed, so that the transaction is not committed by halves.
    fn keep<T, E: Into<ApiError>>(&mut self, result: Result<T, E>) -> Result<T, ApiError> {
        result.map_err(|error| {
            let error = error.into();
            self.broken = Some(error.clone());
            error
        })
    }

    /// The object under a key, parsed and as it is stored.
    pub(crate) fn get(&mut self, key: &str) -> Result<Option<(Object, Bytes)>, ApiError> {
        let found = self.objects.get(key).map(|found| found.map(|value| Bytes::copy_from_slice(value.value())));
        let Some(bytes) = self.keep(found)? else { return Ok(None) };
        let object = Object::from_stored(&bytes);
        Ok(Some((self.keep(object)?, bytes)))
    }

    /// The objects whose keys begin with a prefix that ends in a slash: key, object, and as it is stored.
    pub(crate) fn below(&mut self, prefix: &str) -> Result<Vec<(String, Object, Bytes)>, ApiError> {
        let end = format!("{}0", prefix.trim_end_matches('/'));
        let found = self.objects.range(prefix..end.as_str()).and_then(|range| {
            range.map(|entry| entry.map(|(key, value)| (key.value().to_owned(), Bytes::copy_from_slice(value.value())))).collect()
        });
        let found: Vec<(String, Bytes)> = self.keep(found)?;
        let parsed = found.into_iter().map(|(key, bytes)| Ok((key, Object::from_stored(&bytes)?, bytes))).collect();
        self.keep::<_, ApiError>(parsed)
    }

    pub(crate) fn exists(&mut self, key: &str) -> Result<bool, ApiError> {
        let found = self.objects.get(key).map(|found| found.is_some());
        self.keep(found)
    }

    /// Stores an object under the next resourceVersion, in place of `old` if there was one.
    pub(crate) fn put(&mut self, key: &str, old: Option<(&Object, Bytes)>, new: &mut Object) -> Result<Bytes, ApiError> {
        new.meta.resource_version = Some((self.revision + 1).to_string());
        let bytes = new.stored()?;
        self.revision += 1;
        self.changes.dirty = true;
        let inserted = self.objects.insert(key, bytes.as_ref()).map(drop);
        self.keep(inserted)?;
        if old.is_none() {
            self.count(key, 1);
        }
        self.index(key, old.as_ref().map(|(old, _)| *old), Some(new))?;
        let change = old.map_or(Change::Created, |(_, bytes)| Change::Modified(bytes));
        self.changes.events.push(Event { revision: self.revision, key: key.into(), object: bytes.clone(), change });
        Ok(bytes)
    }

    /// Removes an object; answers with its last state, under the deletion's resourceVersion.
    pub(crate) fn remove(&mut self, key: &str, object: &Object) -> Result<Bytes, ApiError> {
        let mut last = object.clone();
        last.meta.resource_version = Some((self.revision + 1).to_string());
        let bytes = last.stored()?;
        self.revision += 1;
        self.changes.dirty = true;
        let removed = self.objects.remove(key).map(drop);
        self.keep(removed)?;
        self.count(key, -1);
        self.index(key, Some(object), None)?;
        self.changes.events.push(Event { revision: self.revision, key: key.into(), object: bytes.clone(), change: Change::Deleted });
        Ok(bytes)
    }

    /// Counts an object for its type, and for its namespace if it has one.
    fn count(&mut self, key: &str, by: i64) {
        for (index, _) in key.match_indices('/').skip(1) {
            *self.counts.entry(key[..=index].to_owned()).or_default() += by;
        }
    }

    /// Keeps the index of dependents, and tells the collector when a dependent is gone.
    fn index(&mut self, key: &str, old: Option<&Object>, new: Option<&Object>) -> Result<(), ApiError> {
        let uids = |object: Option<&Object>| -> Vec<String> {
            object.into_iter().flat_map(|object| object.meta.owner_references.iter().flatten()).map(|owner| owner.uid.clone()).collect()
        };
        let (before, after) = (uids(old), uids(new));
        for uid in after.iter().filter(|uid| !before.contains(uid)) {
            let inserted = self.owners.insert(format!("{uid}/{key}").as_str(), ()).map(drop);
            self.keep(inserted)?;
        }
        for uid in before.iter().filter(|uid| !after.contains(uid)) {
            self.forget_dependent(uid, key)?;
            self.changes.collect = true;
        }
        Ok(())
    }

    /// Takes a dependent off an owner's list.
    pub(crate) fn forget_dependent(&mut self, uid: &str, key: &str) -> Result<(), ApiError> {
        let removed = self.owners.remove(format!("{uid}/{key}").as_str()).map(drop);
        self.changes.dirty = true;
        self.keep(removed)
    }

    /// The keys of up to `limit` objects that name this owner.
    pub(crate) fn dependents(&mut self, uid: &str, limit: usize) -> Result<Vec<String>, ApiError> {
        let (start, end) = (format!("{uid}/"), format!("{uid}0"));
        let skip = start.len();
        let found = self.owners.range(start.as_str()..end.as_str()).and_then(|range| {
            range.take(limit).map(|entry| entry.map(|(key, _)| key.value()[skip..].to_owned())).collect::<Result<Vec<_>, _>>()
        });
        self.keep(found)
    }

    /// Leaves work to the garbage collector, durably.
    pub(crate) fn leave_to_collector(&mut self, uid: &str, work: &str) -> Result<(), ApiError> {
        let inserted = self.pending.insert(uid, work).map(drop);
        self.changes.dirty = true;
        self.changes.collect = true;
        self.keep(inserted)
    }

    /// Has the garbage collector take another step.
    pub(crate) fn look_again(&mut self) {
        self.changes.collect = true;
    }

    /// Work left to the garbage collector, after the entry of uid `after`.
    pub(crate) fn next_work(&mut self, after: &str) -> Result<Option<(String, String)>, ApiError> {
        let start = format!("{after}\0");
        let found = self.pending.range(start.as_str()..).and_then(|mut range| range.next().transpose());
        let found = found.map(|entry| entry.map(|(uid, work)| (uid.value().to_owned(), work.value().to_owned())));
        self.keep(found)
    }

    pub(crate) fn work_done(&mut self, uid: &str) -> Result<(), ApiError> {
        let removed = self.pending.remove(uid).map(drop);
        self.changes.dirty = true;
        self.keep(removed)
    }

    /// Serves these versions of a resource once the transaction is on disk.
    pub(crate) fn define(&mut self, versions: Vec<Arc<ResourceType>>) {
        self.changes.defined.push(versions);
    }
}
