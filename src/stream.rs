//! Reading many objects in little memory: pages, changes, batches, for any resource type.
//!
//! ```text
//!            list limit=n                 410 on a continue token
//!   Start ────────────────▶ page ─▶ …  ───────────────────────────▶ the server's fresh token, else
//!     ▲                      │ continue                             Start, skipping what was seen
//!     └──────────────────────┴─▶ no continue: over
//! ```
//!
//! Label and field selectors go to the server, in the [`ListParams`]. What it cannot select is
//! filtered on top with `TryStreamExt::try_filter`. No more than a page is ever held.

mod watch;

use std::{fmt::Debug, future::Future};

use futures::{Stream, StreamExt, TryStreamExt, stream};
use kube::{
    Api, Resource,
    api::ListParams,
    core::{DeserializeGuard, Status},
};
use serde::de::DeserializeOwned;

pub(crate) use watch::RENEWAL;
pub use watch::{Change, WatchError, watch};

use crate::{
    deadline::{PAGE, within},
    key::ObjectKey,
};

/// How many objects a page holds unless somebody knows better; what client-go uses.
pub const PAGE_SIZE: u32 = 500;

/// How often in a row a listing is resumed that expires before it yields anything new.
const RESUMPTIONS: u32 = 3;

/// What can be listed and watched.
pub trait Listed: Resource + Clone + DeserializeOwned + Debug + Send + 'static {}

impl<K: Resource + Clone + DeserializeOwned + Debug + Send + 'static> Listed for K {}

/// One page of a listing.
#[derive(Clone, Debug)]
pub struct Page<K> {
    /// Its objects, in the order of the listing.
    pub items: Vec<K>,
    /// The version that it shows. A watch that is to miss nothing begins at the FIRST page's: after a
    /// listing was resumed, the later pages show a later version than the first ones did.
    pub resource_version: String,
}

/// The object, unless it does not fit its type: then it is as if it were not there, lest it stop the others.
pub fn well_formed<K: Resource>(DeserializeGuard(object): DeserializeGuard<K>) -> Option<K> {
    object
        .inspect_err(|invalid| {
            let (namespace, name) = (invalid.metadata.namespace.as_deref(), invalid.metadata.name.as_deref());
            tracing::debug!(namespace, name, error = invalid.error, "passing over a malformed object");
        })
        .ok()
}

/// Lists page by page.
///
/// A continue token that expires (the server compacted its history) does not end the listing: it
/// goes on after the last object seen, without skipping or repeating one, on a later version of the
/// rest. Any other error does: the stream yields it and ends.
pub fn pages<K: Listed>(api: Api<K>, params: ListParams, page_size: u32) -> impl Stream<Item = Result<Page<K>, kube::Error>> + Send {
    let params = ListParams { limit: Some(page_size.max(1)), ..params };
    let cursor = Cursor { api, params, next: Next::Start, last: None, skips: false, resumptions: 0 };
    stream::try_unfold(cursor, |mut cursor| async move { Ok(cursor.advance().await?.map(|page| (page, cursor))) })
}

/// Lists object by object, holding one page.
pub fn objects<K: Listed>(api: Api<K>, params: ListParams, page_size: u32) -> impl Stream<Item = Result<K, kube::Error>> + Send {
    pages(api, params, page_size).map_ok(|page| stream::iter(page.items.into_iter().map(Ok))).try_flatten()
}

/// Hands `f` the stream's items in batches of up to `size`, `concurrency` batches at a time.
///
/// # Errors
/// The first error of `f` or of the stream. What the stream yielded before its error is still
/// handed over.
pub async fn for_each_batch<T, E, F, Fut>(items: impl Stream<Item = Result<T, E>>, size: usize, concurrency: usize, f: F) -> Result<(), E>
where
    F: Fn(Vec<T>) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    let batches = items.chunks(size.max(1)).map(Ok);
    batches
        .try_for_each_concurrent(concurrency.max(1), |results| {
            let mut batch = Vec::with_capacity(results.len());
            let failed = results.into_iter().try_for_each(|result| result.map(|item| batch.push(item)));
            let work = (!batch.is_empty()).then(|| f(batch));
            async move {
                if let Some(work) = work {
                    work.await?;
                }
                failed
            }
        })
        .await
}

#[derive(Debug)]
enum Next {
    Start,
    At(String),
    Over,
}

#[derive(Debug)]
struct Cursor<K> {
    api: Api<K>,
    params: ListParams,
    next: Next,
    /// The last object seen, as Kubernetes orders them: by the text `namespace/name`.
    last: Option<String>,
    /// Whether the listing began again, so that what was seen must be skipped.
    skips: bool,
    resumptions: u32,
}

impl<K: Listed> Cursor<K> {
    async fn advance(&mut self) -> Result<Option<Page<K>>, kube::Error> {
        loop {
            self.params.continue_token = match &self.next {
                Next::Start => None,
                Next::At(token) => Some(token.clone()),
                Next::Over => return Ok(None),
            };
            match within(PAGE, self.api.list(&self.params)).await {
                Ok(list) => {
                    self.next = list.metadata.continue_.filter(|token| !token.is_empty()).map_or(Next::Over, Next::At);
                    let page = self.fresh(list.items);
                    if page.is_empty() && self.skips {
                        continue;
                    }
                    return Ok(Some(Page { items: page, resource_version: list.metadata.resource_version.unwrap_or_default() }));
                }
                Err(kube::Error::Api(status)) if self.resumable(&status) => self.resume(&status),
                Err(error) => return Err(error),
            }
        }
    }

    /// The objects that were not seen yet.
    fn fresh(&mut self, mut items: Vec<K>) -> Vec<K> {
        if let Some(last) = self.last.as_ref().filter(|_| self.skips) {
            items.retain(|item| ObjectKey::of(item).to_string() > *last);
        }
        if let Some(item) = items.last() {
            self.last = Some(ObjectKey::of(item).to_string());
            self.resumptions = 0;
        }
        items
    }

    fn resumable(&self, status: &Status) -> bool {
        status.code == 410 && self.params.continue_token.is_some() && self.resumptions < RESUMPTIONS
    }

    /// API servers send a token for the rest with the 410; from others, all is listed again.
    fn resume(&mut self, status: &Status) {
        self.resumptions += 1;
        let token = status.metadata.as_ref().and_then(|meta| meta.continue_.clone()).filter(|token| !token.is_empty());
        self.skips |= token.is_none();
        self.next = token.map_or(Next::Start, Next::At);
        tracing::debug!(after = self.last, "a listing expired and is resumed");
    }
}
