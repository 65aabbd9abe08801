//! A local view of all objects of one type, kept current by list and watch.
//!
//! ```text
//!            ┌──────── wait, after an error ────────┐
//!            ▼                                      │
//!   list, page by page ──▶ drop what the list ──▶ synced: watch ──▶ resync: every object again
//!            ▲             no longer shows          │                as an update
//!            └─────────── 410: version gone ────────┘
//! ```
//!
//! The cache holds a projection `V` of each object, so its memory is what the handlers need and no
//! more. Every listing has a number, and each object carries that of the last one that showed it;
//! so a deletion that happened while nobody watched is found at the end of the next listing.
//!
//! An object that does not fit its type is skipped with a warning: it must not stop the others. It is as if it were not there,
//! or what [`Informer::malformed`] makes of its metadata. Of many, each listing and resync warns of a few.

pub mod remediations;
mod store;

use std::{fmt::Debug, sync::Arc, time::Duration};

use futures::StreamExt;
use kube::{
    Api, Resource,
    api::{ListParams, ObjectMeta, WatchParams},
    core::DeserializeGuard,
};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

pub use store::Store;
use store::{Applied, Object};

use crate::{
    category::Category,
    causes::chain,
    deadline::{PAGE, within},
    key::ObjectKey,
    queue::Backoff,
    random::SplitMix64,
    stream::{self, Change, WatchError},
};

/// Told about every change, in order, once the cache shows it. It runs on the informer's task: it
/// must not wait for anything.
pub trait Handler<V>: Send + Sync + 'static {
    /// An object appeared: in the first listing, or later.
    fn on_add(&self, key: &ObjectKey, new: &Arc<V>);
    /// An object changed. In a resync nothing did, and `old` and `new` are one value (`Arc::ptr_eq`).
    fn on_update(&self, key: &ObjectKey, old: &Arc<V>, new: &Arc<V>);
    /// An object is gone.
    fn on_delete(&self, key: &ObjectKey, old: &Arc<V>);
    /// Everything that a listing showed was delivered.
    fn on_sync(&self) {}
}

/// How an informer behaves.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Objects a page of the listing.
    pub page_size: u32,
    /// How often every cached object is delivered again; never, when zero.
    pub resync: Duration,
    /// The waits between attempts to reach the API.
    pub backoff: Backoff,
}

impl Default for Config {
    fn default() -> Self {
        let backoff = Backoff { base: Duration::from_millis(800), max: Duration::from_secs(30) };
        Self { page_size: stream::PAGE_SIZE, resync: Duration::from_secs(600), backoff }
    }
}

/// How many malformed objects are warned of by name, between two listings or resyncs.
const WARNINGS: u32 = 10;

type Project<K, V> = dyn Fn(&K) -> V + Send + Sync;
type Salvage<V> = dyn Fn(&ObjectMeta) -> Option<V> + Send + Sync;

/// The informer of one resource type, before and while it runs.
pub struct Informer<K, V> {
    api: Api<DeserializeGuard<K>>,
    config: Config,
    project: Box<Project<K, V>>,
    salvage: Box<Salvage<V>>,
    handlers: Vec<Box<dyn Handler<V>>>,
    store: Store<V>,
    /// Malformed objects seen since the last listing or resync began.
    malformed: u32,
}

impl<K, V> Informer<K, V>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// An informer of what `api` lists; `project` picks what the cache keeps of an object.
    pub fn new(api: Api<DeserializeGuard<K>>, config: Config, project: impl Fn(&K) -> V + Send + Sync + 'static) -> Self {
        let (project, salvage) = (Box::new(project), Box::new(|_: &ObjectMeta| None));
        Self { api, config, project, salvage, handlers: Vec::new(), store: Store::new(), malformed: 0 }
    }

    /// Registers a handler, beside those that are there.
    #[must_use]
    pub fn handler(mut self, handler: impl Handler<V>) -> Self {
        self.handlers.push(Box::new(handler));
        self
    }

    /// Keeps this of an object that does not fit its type.
    #[must_use]
    pub fn malformed(self, salvage: impl Fn(&ObjectMeta) -> V + Send + Sync + 'static) -> Self {
        Self { salvage: Box::new(move |metadata| Some(salvage(metadata))), ..self }
    }

    /// The cache, for those who read it.
    pub fn store(&self) -> Store<V> {
        self.store.clone()
    }

    /// Keeps the cache current until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        shutdown.run_until_cancelled_owned(self.follow()).await;
    }

    async fn follow(&mut self) {
        let mut random = SplitMix64::new(u64::from(jiff::Timestamp::now().subsec_nanosecond().unsigned_abs()));
        let mut failures = 0;
        loop {
            match self.list().await {
                Ok(version) => {
                    failures = 0;
                    self.handlers.iter().for_each(|handler| handler.on_sync());
                    self.store.synced_now();
                    self.watch(version).await;
                }
                Err(error) => {
                    let category = Category::of(&error).as_str();
                    tracing::warn!(resource = self.api.resource_url(), category, error = chain(&error), "cannot list; trying again");
                }
            }
            // After an expired watch too: a server that expires every watch is not to be hammered.
            tokio::time::sleep(self.config.backoff.wait(failures, &mut random)).await;
            failures = failures.saturating_add(1);
        }
    }

    /// Brings the cache to the state of a fresh listing, and answers its version.
    ///
    /// All its pages show one version, that of the first; so an expired listing begins anew rather
    /// than going on at a later version, which would hide changes to its first part.
    async fn list(&mut self) -> Result<String, kube::Error> {
        self.store.begin_listing();
        self.malformed = 0;
        let mut params = ListParams::default().limit(self.config.page_size.max(1));
        loop {
            let list = within(PAGE, self.api.list(&params)).await?;
            self.store.contact();
            for object in list.items {
                self.apply(object);
            }
            params.continue_token = list.metadata.continue_.filter(|token| !token.is_empty());
            if params.continue_token.is_none() {
                for (key, old) in self.store.end_listing() {
                    self.handlers.iter().for_each(|handler| handler.on_delete(&key, &old));
                }
                return Ok(list.metadata.resource_version.unwrap_or_default());
            }
        }
    }

    /// Follows the changes from `version` on, until the server has forgotten where we are.
    async fn watch(&mut self, version: String) {
        let mut changes = Box::pin(stream::watch(self.api.clone(), WatchParams::default(), version, self.config.backoff));
        let resync = self.config.resync;
        let mut resync_at = Instant::now() + resync;
        loop {
            tokio::select! {
                change = changes.next() => match change {
                    Some(Ok(change)) => {
                        self.store.contact();
                        match change {
                            Change::Alive(_) => {}
                            Change::Applied(object) => self.apply(object),
                            Change::Deleted(object) => self.delete(&ObjectKey::of(&object)),
                        }
                    }
                    Some(Err(WatchError::Broken(error))) => {
                        let category = Category::of(&error).as_str();
                        tracing::warn!(resource = self.api.resource_url(), category, error = chain(&error), "a watch broke off; reconnecting");
                    }
                    Some(Err(WatchError::Expired)) | None => {
                        tracing::info!(resource = self.api.resource_url(), "a watch expired; listing again");
                        return;
                    }
                },
                () = sleep_until(resync_at), if !resync.is_zero() => {
                    self.malformed = 0;
                    self.redeliver().await;
                    resync_at = Instant::now() + resync;
                }
            }
        }
    }

    fn apply(&mut self, DeserializeGuard(object): DeserializeGuard<K>) {
        let (meta, new) = match &object {
            Ok(object) => (object.meta(), Some((self.project)(object))),
            Err(invalid) => {
                let key = key_of(&invalid.metadata);
                self.malformed = self.malformed.saturating_add(1);
                let resource = self.api.resource_url();
                match self.malformed {
                    ..=WARNINGS => tracing::warn!(resource, %key, error = invalid.error, "skipping a malformed object"),
                    n if n == WARNINGS + 1 => tracing::warn!(resource, "there are more malformed objects; they are skipped without a word"),
                    _ => tracing::debug!(resource, %key, error = invalid.error, "skipping a malformed object"),
                }
                (&invalid.metadata, (self.salvage)(&invalid.metadata))
            }
        };
        let key = key_of(meta);
        let Some(new) = new.map(Arc::new) else { return self.delete(&key) };
        let entry = Object { uid: meta.uid.as_deref().unwrap_or_default(), version: meta.resource_version.as_deref().unwrap_or_default() };
        match self.store.apply(&key, &entry, Arc::clone(&new)) {
            Applied::Unchanged => {}
            Applied::Added => self.handlers.iter().for_each(|handler| handler.on_add(&key, &new)),
            Applied::Updated(old) => self.handlers.iter().for_each(|handler| handler.on_update(&key, &old, &new)),
            // Deleted and created again while nobody watched: another object of the same name.
            Applied::Replaced(old) => {
                self.handlers.iter().for_each(|handler| handler.on_delete(&key, &old));
                self.handlers.iter().for_each(|handler| handler.on_add(&key, &new));
            }
        }
    }

    fn delete(&self, key: &ObjectKey) {
        if let Some(old) = self.store.remove(key) {
            self.handlers.iter().for_each(|handler| handler.on_delete(key, &old));
        }
    }

    async fn redeliver(&self) {
        for namespace in self.store.namespaces() {
            for (name, value) in self.store.list(&namespace) {
                let key = ObjectKey::new(namespace.as_str(), name);
                self.handlers.iter().for_each(|handler| handler.on_update(&key, &value, &value));
                tokio::task::consume_budget().await;
            }
        }
    }
}

fn key_of(meta: &ObjectMeta) -> ObjectKey {
    ObjectKey::new(meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}
