//! The informer's cache, indexed by namespace, and what others may ask of it.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, RandomState},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use tokio::sync::watch;

use crate::{heartbeat::Heartbeat, key::ObjectKey};

/// What tells one state of an object from another.
pub(super) struct Object<'a> {
    pub(super) uid: &'a str,
    pub(super) version: &'a str,
}

/// What an object did to the cache.
pub(super) enum Applied<V> {
    Added,
    Updated(Arc<V>),
    /// An object of another uid stood under its name.
    Replaced(Arc<V>),
    Unchanged,
}

struct Entry<V> {
    state: Fingerprint,
    /// The last listing that showed it.
    listing: u64,
    value: Arc<V>,
}

/// An object's uid and version, hashed: they are only ever compared with those that come next under the same name.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Fingerprint {
    uid: u64,
    version: u64,
}

struct Cache<V> {
    namespaces: HashMap<String, BTreeMap<Box<str>, Entry<V>>>,
    len: usize,
    listing: u64,
    hasher: RandomState,
}

struct Inner<V> {
    // A lock that is never held across a call to others: nothing can panic under it.
    cache: RwLock<Cache<V>>,
    synced: watch::Sender<bool>,
    contact: Heartbeat,
}

/// The cached projections of all objects. Cloning shares them.
pub struct Store<V>(Arc<Inner<V>>);

impl<V> Clone for Store<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<V> Store<V> {
    pub(super) fn new() -> Self {
        let cache = RwLock::new(Cache { namespaces: HashMap::new(), len: 0, listing: 0, hasher: RandomState::new() });
        Self(Arc::new(Inner { cache, synced: watch::Sender::new(false), contact: Heartbeat::new() }))
    }

    /// The object of this key.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<V>> {
        self.read().namespaces.get(&key.namespace)?.get(key.name.as_str()).map(|entry| Arc::clone(&entry.value))
    }

    /// The names and objects of one namespace (the empty one, for cluster-scoped types), by name.
    pub fn list(&self, namespace: &str) -> Vec<(String, Arc<V>)> {
        let cache = self.read();
        let objects = cache.namespaces.get(namespace).into_iter().flatten();
        objects.map(|(name, entry)| (name.to_string(), Arc::clone(&entry.value))).collect()
    }

    /// The namespaces that hold objects, in no order.
    pub fn namespaces(&self) -> Vec<String> {
        self.read().namespaces.keys().cloned().collect()
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.read().len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns once the cache holds everything that the first listing showed.
    pub async fn synced(&self) {
        // Fails only when the sender is gone, and `self` holds it.
        if self.0.synced.subscribe().wait_for(|synced| *synced).await.is_err() {
            tracing::error!("the informer's cache is gone while it is in use");
        }
    }

    /// How long ago the API server was last heard of: a page, an event, a bookmark or a renewed
    /// watch. With a healthy server this stays below [`Store::CONTACT`].
    pub fn silence(&self) -> Duration {
        self.0.contact.age()
    }

    /// The longest silence that is no sign of trouble: a watch lasts two minutes and is renewed.
    pub const CONTACT: Duration = Duration::from_secs(crate::stream::RENEWAL.as_secs() + 30);

    pub(super) fn contact(&self) {
        self.0.contact.beat();
    }

    pub(super) fn synced_now(&self) {
        self.0.synced.send_replace(true);
    }

    pub(super) fn begin_listing(&self) {
        self.write().listing += 1;
    }

    /// Drops, and answers, what the listing did not show.
    pub(super) fn end_listing(&self) -> Vec<(ObjectKey, Arc<V>)> {
        let mut cache = self.write();
        let (listing, mut gone) = (cache.listing, Vec::new());
        for (namespace, objects) in &mut cache.namespaces {
            let vanished = objects.extract_if(.., |_, entry| entry.listing != listing);
            gone.extend(vanished.map(|(name, entry)| (ObjectKey::new(namespace.as_str(), name), entry.value)));
        }
        cache.namespaces.retain(|_, objects| !objects.is_empty());
        cache.len -= gone.len();
        gone
    }

    pub(super) fn apply(&self, key: &ObjectKey, object: &Object<'_>, value: Arc<V>) -> Applied<V> {
        let mut guard = self.write();
        let cache = &mut *guard;
        let listing = cache.listing;
        let state = Fingerprint { uid: cache.hasher.hash_one(object.uid), version: cache.hasher.hash_one(object.version) };
        if let Some(entry) = cache.namespaces.get_mut(&key.namespace).and_then(|objects| objects.get_mut(key.name.as_str())) {
            entry.listing = listing;
            if entry.state == state {
                return Applied::Unchanged;
            }
            let old = std::mem::replace(entry, Entry { state, listing, value });
            return if old.state.uid == state.uid { Applied::Updated(old.value) } else { Applied::Replaced(old.value) };
        }
        cache.namespaces.entry(key.namespace.clone()).or_default().insert(key.name.as_str().into(), Entry { state, listing, value });
        cache.len += 1;
        Applied::Added
    }

    pub(super) fn remove(&self, key: &ObjectKey) -> Option<Arc<V>> {
        let mut guard = self.write();
        let cache = &mut *guard;
        let objects = cache.namespaces.get_mut(&key.namespace)?;
        let entry = objects.remove(key.name.as_str())?;
        if objects.is_empty() {
            cache.namespaces.remove(&key.namespace);
        }
        cache.len -= 1;
        Some(entry.value)
    }

    fn read(&self) -> RwLockReadGuard<'_, Cache<V>> {
        self.0.cache.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Cache<V>> {
        self.0.cache.write().unwrap_or_else(PoisonError::into_inner)
    }
}
