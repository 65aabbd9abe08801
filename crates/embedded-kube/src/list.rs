//! LIST: a stream of items from one snapshot, written out as they are read.
//!
//! ```text
//!  query ─▶ snapshot (fresh, or the token's) ─▶ {"kind":…,"items":[ ─▶ item, item, item… ─▶ ],"metadata":{…}}
//! ```
//!
//! `metadata` comes last: only then is it known whether there is more. Neither the objects nor the
//! answer are ever in memory as a whole.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, Stream};
use serde_json::{Map, Value};

use crate::Inner;
use crate::error::{ApiError, FieldError};
use crate::form::Form;
use crate::path::{Query, VersionMatch};
use crate::selector::Selector;
use crate::snapshots::Token;
use crate::store::{Objects, Snapshot};
use crate::types::ResourceType;

/// The answer is handed out in pieces of about this size.
pub(crate) const PIECE_BYTES: usize = 64 << 10;

/// A listing under way.
struct Listing {
    inner: Arc<Inner>,
    ty: Arc<ResourceType>,
    form: Form,
    snapshot: Arc<Snapshot>,
    objects: Objects,
    selector: Selector,
    /// How many items are left of the page; `None` without a limit.
    left: Option<usize>,
    /// How many objects there are in all, when that is to be said.
    total: Option<u64>,
    seen: Option<u64>,
    last_key: String,
    separator: &'static str,
}

/// LIST; answers with the body's pieces.
pub(crate) fn list(
    inner: &Arc<Inner>,
    ty: &Arc<ResourceType>,
    namespace: Option<&str>,
    query: &Query,
    form: Form,
) -> Result<impl Stream<Item = Result<Bytes, ApiError>> + Send + use<>, ApiError> {
    check(query)?;
    let selector = Selector::parse(ty, query)?;
    let prefix = ty.prefix(namespace);
    let (snapshot, after, seen) = match &query.continue_token {
        Some(token) => resume(inner, Token::decode(token)?)?,
        None => (at_version(inner, query)?, String::new(), Some(0)),
    };
    let objects = match selector.only_name().filter(|_| namespace.is_some() || !ty.is_namespaced()) {
        Some(name) if after.is_empty() => snapshot.one(&format!("{prefix}{name}"))?,
        _ => snapshot.range(&prefix, &if after.is_empty() { prefix.clone() } else { format!("{after}\0") })?,
    };
    let total = if selector.is_empty() { Some(snapshot.count(&prefix)?) } else { None };
    let listing = Listing {
        inner: inner.clone(),
        ty: ty.clone(),
        form,
        snapshot,
        objects,
        selector,
        left: (query.limit > 0).then_some(query.limit),
        total,
        seen,
        last_key: after,
        separator: "",
    };
    let head = form.list_head(ty);
    Ok(stream::try_unfold((Some(listing), head.into_bytes()), |(listing, piece)| async move {
        let Some(listing) = listing else { return Ok(None) };
        let read = tokio::task::spawn_blocking(move || listing.read(piece)).await;
        let (piece, listing) = read.map_err(ApiError::internal)??;
        Ok(Some((Bytes::from(piece), (listing, Vec::new()))))
    }))
}

/// # Errors
/// 400 or 422 for parameters that do not go together, in upstream's words.
fn check(query: &Query) -> Result<(), ApiError> {
    let field = "resourceVersionMatch";
    let mut errors = Vec::new();
    if let Some(wanted) = query.version_match {
        if query.resource_version.is_none() {
            errors.push(FieldError::forbidden(field, "resourceVersionMatch is forbidden unless resourceVersion is provided"));
        }
        if query.continue_token.is_some() {
            errors.push(FieldError::forbidden(field, "resourceVersionMatch is forbidden when continue is provided"));
        }
        if wanted == VersionMatch::Exact && query.resource_version == Some(0) {
            errors.push(FieldError::forbidden(field, "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""));
        }
    }
    if query.send_initial_events.is_some() {
        errors.push(FieldError::forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
    }
    if !errors.is_empty() {
        return Err(ApiError::invalid_options("ListOptions", &errors));
    }
    if query.continue_token.is_some() && query.resource_version.is_some_and(|version| version > 0) {
        return Err(ApiError::bad_request("specifying resource version is not allowed when using continue"));
    }
    Ok(())
}

/// The snapshot for a first page.
fn at_version(inner: &Inner, query: &Query) -> Result<Arc<Snapshot>, ApiError> {
    let now = Arc::new(inner.store.snapshot()?);
    let wanted = query.resource_version.unwrap_or(0);
    // Without a match, a version together with a limit means exactly that version.
    let exact = query.version_match == Some(VersionMatch::Exact) || (query.version_match.is_none() && query.limit > 0);
    match wanted {
        0 => Ok(now),
        future if future > now.revision => Err(ApiError::too_new(future, now.revision)),
        past if exact && past < now.revision => {
            let gone = || ApiError::expired("The resourceVersion for the provided list is too old.", None);
            inner.snapshots.get(past).ok_or_else(gone)
        }
        _ => Ok(now),
    }
}

type Position = (Arc<Snapshot>, String, Option<u64>);

/// The snapshot for a later page.
fn resume(inner: &Inner, token: Token) -> Result<Position, ApiError> {
    match token.revision {
        Some(revision) => match inner.snapshots.get(revision) {
            Some(snapshot) => Ok((snapshot, token.after, token.seen)),
            None => Err(token.expired()),
        },
        None => Ok((Arc::new(inner.store.snapshot()?), token.after, None)),
    }
}

impl Listing {
    /// Adds items to a piece until it is full or the page is; then the listing is over.
    fn read(mut self, mut piece: Vec<u8>) -> Result<(Vec<u8>, Option<Self>), ApiError> {
        while piece.len() < PIECE_BYTES {
            let more = self.left == Some(0);
            let Some(next) = self.objects.next().transpose()? else { return self.end(piece, false) };
            if more {
                return self.end(piece, true);
            }
            let (key, object) = next;
            self.last_key = key;
            self.seen = self.seen.map(|seen| seen + 1);
            if !self.selector.matches(&object)? {
                continue;
            }
            piece.extend_from_slice(self.separator.as_bytes());
            self.form.add_item(&self.ty, &object, &mut piece)?;
            self.separator = ",";
            self.left = self.left.map(|left| left - 1);
        }
        Ok((piece, Some(self)))
    }

    fn end(self, mut piece: Vec<u8>, more: bool) -> Result<(Vec<u8>, Option<Self>), ApiError> {
        let mut metadata = Map::new();
        metadata.insert("resourceVersion".into(), self.snapshot.revision.to_string().into());
        if more {
            let token = Token::new(Some(self.snapshot.revision), self.last_key, self.seen);
            metadata.insert("continue".into(), token.encode()?.into());
            if let (Some(total), Some(seen)) = (self.total, self.seen) {
                metadata.insert("remainingItemCount".into(), total.saturating_sub(seen).into());
            }
            self.inner.snapshots.keep(self.snapshot);
        }
        piece.extend_from_slice(format!(r#"],"metadata":{}}}"#, Value::Object(metadata)).as_bytes());
        Ok((piece, None))
    }
}
