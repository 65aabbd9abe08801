//! A small, durable, in-process Kubernetes API behind `kube::Client`.
//!
//! ```text
//!        kube::Client ─┬▶ server ─▶ create, update, delete ─▶ writer (group commit, fsync) ─▶ store ─▶ history ─▶ watch
//!  kubectl ─▶ listener ┘      └───▶ get, list ◀── snapshots ◀──────────────────────────────────┘
//! ```
//!
//! What is answered to a write is on disk: a crash at any moment loses nothing that was acknowledged.
//! Memory does not grow with the number of objects: lists and watches read pages from the file and
//! write them out as they go.
//!
//! It answers as a real API server (1.34) does, with the same codes, reasons and messages. It is for
//! development and tests, not for production.
//!
//! # What is lacking
//!
//! | what | answer, or behaviour |
//! |---|---|
//! | authentication, authorization, admission | everybody may do everything; only the existence of namespaces is checked |
//! | server-side apply, strategic merge patch | 415 |
//! | protobuf, CBOR, YAML bodies | 415; in `Accept`: 406 |
//! | deletion of a collection, of a namespace, of a CustomResourceDefinition | 405 |
//! | subresources other than `status`, `scale` and `eviction` (binding, log, token…) | 404 |
//! | types other than those of the built-in table and of CustomResourceDefinitions; OpenAPI v2 | 404 |
//! | OpenAPI v3 | names all types; schemas of custom types only |
//! | PUT that creates (Lease and a few other built-in types) | 404 |
//! | built-in types | no schema, no defaults, no `stringData`; only type, metadata, phase of pods and namespaces; in tables, the most useful columns |
//! | controllers | none but the garbage collector; it does not look for owners that never existed |
//! | Events of v1 and of events.k8s.io/v1 | two collections: one is found where it was written; they do not go after an hour |
//! | graceful deletion of pods | they are gone at once |
//! | custom types: scale, conversion by webhook, printer columns beyond fields, indexes and `[?(@.a=="b")]` | 422 on the definition |
//! | custom types: rules (CEL) with `messageExpression` or `optionalOldSelf`, of functions that Kubernetes adds to CEL, of times, durations, bytes, int-or-string, free-form values and lists of the types `set` and `map` as a whole, of `null`, of fields of computed values, of more than two nested macros; rules within `allOf` and the like | 422 on the definition |
//! | custom types: types within rules, and their cost | are not checked beforehand: what does not fit fails when a rule is asked |
//! | custom types: embedded resources' own rules | not enforced |
//! | custom types: defaults of a changed schema | show after the next write of an object |
//! | `managedFields` | never kept |
//! | `fieldValidation=Warn` | unknown fields are dropped without a warning; `Strict` works for custom types |
//! | watch from a resourceVersion before the last start, or more than 4,096 changes or 8 MiB ago | 410: the history is in memory |
//! | listing continued after 5 minutes, after 64 newer listings or after a restart | 410, with a token that goes on inconsistently |

mod batch;
mod columns;
mod crd;
mod create;
mod delete;
mod discovery;
mod error;
mod evict;
mod form;
mod gc;
mod history;
mod list;
mod listener;
mod meta;
mod object;
mod openapi;
mod patch;
mod path;
mod scale;
mod schema;
mod selector;
mod server;
mod snapshots;
mod store;
mod types;
mod update;
mod watch;
mod writer;

use std::convert::Infallible;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::{Value, json};

pub use crate::listener::{ServeError, is_from_here};

use crate::create::Origin;
use crate::error::ApiError;
use crate::object::Object;
use crate::path::{DryRun, FieldValidation};
use crate::types::{DEFINITIONS, NAMESPACES};

/// The file in the store's directory.
const FILE: &str = "kube.redb";
/// The namespaces that every cluster has.
const NAMES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// What may be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many events a watch may lag behind before it is told 410; all together take at most 8 MiB.
    pub watch_history: usize,
    /// How often a watch that allows them is sent bookmarks.
    pub bookmark_interval: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { watch_history: 4096, bookmark_interval: Duration::from_secs(60) }
    }
}

/// Why a store does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory is not there and cannot be made.
    #[error("cannot create the directory {path}; check its parent and its permissions")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file cannot be opened: in use by another process, not writable, or none of ours.
    #[error("cannot open {path}; another process may be using it, or it is not a store of this program")]
    File {
        /// The file.
        path: PathBuf,
        /// What the database says.
        source: Box<redb::Error>,
    },
    /// The file was opened, but what is in it cannot be read.
    #[error("cannot read {path}: {what}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What cannot be read, and why.
        what: String,
    },
}

/// Why an object is not seeded.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The object does not say what it is, or is of a type that is not served.
    #[error("no type {kind:?} in {api_version:?} is served; create its definition first")]
    UnknownType {
        /// `apiVersion` of the object.
        api_version: String,
        /// `kind` of the object.
        kind: String,
    },
    /// The object is refused as a creation of it would be.
    #[error("{0}")]
    Refused(String),
}

/// A Kubernetes API in this process; cheap to clone, all clones are the same store.
#[derive(Clone)]
pub struct EmbeddedKube(Arc<Inner>);

impl std::fmt::Debug for EmbeddedKube {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedKube").field("options", &self.0.options).finish_non_exhaustive()
    }
}

struct Inner {
    options: Options,
    store: store::Store,
    types: types::Types,
    queue: writer::Queue,
    history: history::History,
    snapshots: snapshots::Snapshots,
    collector: gc::Collector,
}

impl EmbeddedKube {
    /// Opens the store in a directory, which is created if it is not there.
    ///
    /// The objects stay on disk; only definitions of custom types are read.
    ///
    /// # Errors
    /// When the directory or the file cannot be used, for instance because another process has it open.
    pub fn open(directory: &Path, options: Options) -> Result<Self, OpenError> {
        std::fs::create_dir_all(directory).map_err(|source| OpenError::Directory { path: directory.into(), source })?;
        let path = directory.join(FILE);
        let store = store::Store::open(&path).map_err(|source| OpenError::File { path: path.clone(), source: Box::new(source) })?;
        let unreadable = |error: ApiError| OpenError::Content { path: path.clone(), what: error.message().to_owned() };
        let revision = store.snapshot().map_err(unreadable)?.revision;
        let inner = Inner {
            history: history::History::new(options.watch_history, revision),
            options,
            store,
            types: types::Types::built_in(),
            queue: writer::Queue::default(),
            snapshots: snapshots::Snapshots::default(),
            collector: gc::Collector::default(),
        };
        let kube = Self(Arc::new(inner));
        kube.define_stored().map_err(unreadable)?;
        kube.create_namespaces().map_err(unreadable)?;
        Ok(kube)
    }

    fn define_stored(&self) -> Result<(), ApiError> {
        let prefix = format!("apiextensions.k8s.io/{DEFINITIONS}/");
        for found in self.0.store.snapshot()?.range(&prefix, &prefix)? {
            let (key, definition) = found?;
            let versions = crd::versions(&Object::from_stored(&definition)?);
            self.0.types.define(versions.map_err(|errors| ApiError::internal(format!("{key}: {errors:?}")))?);
        }
        Ok(())
    }

    fn create_namespaces(&self) -> Result<(), ApiError> {
        let Some(ty) = self.0.types.get("", "v1", NAMESPACES) else { return Ok(()) };
        self.0.write_now(move |batch| {
            for name in NAMES {
                if !batch.exists(&create::namespace_key(name))? {
                    let object = Object::decode(&ty, json!({"metadata": {"name": name}}))?;
                    let prepared = create::prepare(&ty, None, object, Origin::Client, FieldValidation::Drop)?;
                    create::insert(batch, &ty, prepared, DryRun::No)?;
                }
            }
            Ok(())
        })
    }

    /// A client of this API; no socket is involved.
    ///
    /// Must be called within a tokio runtime. The store stays open for as long as a client or a watch
    /// of one lives, or until [`EmbeddedKube::close`].
    pub fn client(&self, default_namespace: &str) -> kube::Client {
        // Work that a crash interrupted.
        gc::start(&self.0);
        let inner = self.0.clone();
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let inner = inner.clone();
            let request = request.map(|body| body.map_err(std::io::Error::other).boxed_unsync());
            async move { Ok::<_, Infallible>(server::answer(inner, request).await) }
        });
        kube::Client::new(service, default_namespace)
    }

    /// Serves this API over plain HTTP/1.1 on a loopback address, until `shutdown`; then open connections,
    /// also watches, are cut.
    ///
    /// # Errors
    /// When the listener's address can be reached from elsewhere.
    pub async fn serve(&self, listener: tokio::net::TcpListener, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        gc::start(&self.0);
        listener::serve(&self.0, listener, shutdown).await
    }

    /// Creates an object beside the API: its uid and status are kept, which no API server would do.
    ///
    /// Answers whether it was created; one of the same name that is there already stays as it is.
    ///
    /// # Errors
    /// When its type is not served, or the object is not valid.
    pub async fn seed(&self, object: Value) -> Result<bool, SeedError> {
        let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        let ty = self.0.types.by_kind(&api_version, &kind).ok_or(SeedError::UnknownType { api_version, kind })?;
        self.seed_as(ty, object).await.map_err(|error| SeedError::Refused(error.message().to_owned()))
    }

    async fn seed_as(&self, ty: Arc<types::ResourceType>, object: Value) -> Result<bool, ApiError> {
        let object = Object::decode(&ty, object)?;
        let namespace = object.meta.namespace.clone().or_else(|| ty.is_namespaced().then(|| "default".to_owned()));
        let prepared =
            create::prepare(&ty, namespace.filter(|_| ty.is_namespaced()).as_deref(), object, Origin::Seed, FieldValidation::Drop)?;
        let job = move |batch: &mut batch::Batch<'_>| {
            let key = ty.key(prepared.object.meta.namespace.as_deref(), prepared.object.name());
            if batch.exists(&key)? {
                return Ok(false);
            }
            create::insert(batch, &ty, prepared, DryRun::No).map(|_| true)
        };
        self.0.write(job).await
    }

    /// Waits for the transaction under way, ends all watches, and closes the file, so that it can be
    /// opened again. Requests after that are answered 503.
    pub fn close(&self) {
        self.0.snapshots.clear();
        self.0.store.close();
        self.0.history.close();
    }
}
