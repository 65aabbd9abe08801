//! WATCH: a stream of events, one JSON object a line.
//!
//! ```text
//!  resourceVersion N ───────────────────────────────────▶ live: events after N ─▶ timeout: the stream ends
//!  none, or 0 ─▶ initial: ADDED for what is there ──────▶   │  ▲ (bookmarks)
//!  sendInitialEvents ─▶ the same, then a bookmark ──────▶   └──┘
//!                                                           └─▶ compacted: ERROR 410, the stream ends
//! ```

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, Stream};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::Inner;
use crate::error::{ApiError, FieldError};
use crate::form::Form;
use crate::history::{Change, Event, Read};
use crate::list::PIECE_BYTES;
use crate::object::Object;
use crate::path::{Query, VersionMatch};
use crate::selector::Selector;
use crate::store::Objects;
use crate::types::ResourceType;

/// How long a watch lasts that does not say; a real API server takes 30 to 60 minutes.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1800);

/// A watch under way.
struct Watch {
    inner: Arc<Inner>,
    ty: Arc<ResourceType>,
    form: Form,
    prefix: String,
    selector: Selector,
    /// What is still to be sent of the initial state.
    initial: Option<Objects>,
    /// Whether the end of the initial state is marked.
    marks_initial_end: bool,
    /// Everything up to here was sent.
    position: u64,
    grown: watch::Receiver<()>,
    ends: Instant,
    /// When the next bookmark is due; `None` when none are wanted.
    bookmark: Option<Instant>,
}

/// WATCH; answers with the body's lines.
pub(crate) fn watch(
    inner: &Arc<Inner>,
    ty: Arc<ResourceType>,
    namespace: Option<&str>,
    query: &Query,
    form: Form,
) -> Result<impl Stream<Item = Result<Bytes, ApiError>> + Send + use<>, ApiError> {
    check(query)?;
    let selector = Selector::parse(&ty, query)?;
    let prefix = ty.prefix(namespace);
    let wanted = query.resource_version.unwrap_or(0);
    let grown = inner.history.subscribe();
    let wants_state = query.send_initial_events.unwrap_or(wanted == 0);
    let (initial, position) = if wants_state {
        let snapshot = inner.store.snapshot()?;
        if wanted > snapshot.revision {
            return Err(ApiError::too_new(wanted, snapshot.revision));
        }
        (Some(snapshot.range(&prefix, &prefix)?), snapshot.revision)
    } else {
        (None, if wanted == 0 { inner.history.last() } else { wanted })
    };
    let now = Instant::now();
    let watch = Watch {
        inner: inner.clone(),
        ty,
        form,
        prefix,
        selector,
        initial,
        marks_initial_end: query.send_initial_events == Some(true) && query.allow_bookmarks,
        position,
        grown,
        ends: now + query.timeout_seconds.filter(|seconds| *seconds > 0).map_or(DEFAULT_TIMEOUT, Duration::from_secs),
        bookmark: query.allow_bookmarks.then(|| now + inner.options.bookmark_interval),
    };
    Ok(stream::try_unfold(Some(watch), |watch| async move {
        match watch {
            Some(watch) => watch.next().await,
            None => Ok(None),
        }
    }))
}

/// # Errors
/// 422 for parameters that do not go together, in upstream's words.
fn check(query: &Query) -> Result<(), ApiError> {
    let field = "resourceVersionMatch";
    let mut errors = Vec::new();
    if query.send_initial_events.is_some() && query.version_match != Some(VersionMatch::NotOlderThan) {
        errors.push(FieldError::forbidden(field, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
    }
    if query.version_match.is_some() && query.send_initial_events.is_none() {
        errors.push(FieldError::forbidden(field, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
    }
    if errors.is_empty() { Ok(()) } else { Err(ApiError::invalid_options("ListOptions", &errors)) }
}

type Step = Option<(Bytes, Option<Watch>)>;

impl Watch {
    /// The next lines; `None` at the end.
    async fn next(mut self) -> Result<Step, ApiError> {
        if self.initial.is_some() {
            let read = tokio::task::spawn_blocking(move || self.read_initial()).await;
            let (lines, watch) = read.map_err(ApiError::internal)??;
            return Ok(Some((lines.into(), Some(watch))));
        }
        loop {
            let now = Instant::now();
            if now >= self.ends {
                return Ok(None);
            }
            if self.bookmark.is_some_and(|due| now >= due) {
                self.bookmark = Some(now + self.inner.options.bookmark_interval);
                let line = line("BOOKMARK", &self.bookmark_object(false)?);
                return Ok(Some((line.into(), Some(self))));
            }
            self.grown.borrow_and_update();
            match self.inner.history.read(self.position, &self.prefix) {
                Read::Closed => return Ok(None),
                Read::Compacted { oldest } => {
                    let error = ApiError::expired(format!("too old resource version: {} ({oldest})", self.position), None);
                    return Ok(Some((line("ERROR", error.status().to_string().as_bytes()).into(), None)));
                }
                Read::Events(events, position) => {
                    let full = !events.is_empty();
                    self.position = position;
                    let mut lines = Vec::new();
                    for event in events {
                        self.add(&event, &mut lines)?;
                    }
                    if !lines.is_empty() {
                        return Ok(Some((lines.into(), Some(self))));
                    }
                    if full {
                        continue;
                    }
                }
            }
            let wake = self.bookmark.map_or(self.ends, |due| due.min(self.ends));
            tokio::select! {
                changed = self.grown.changed() => if changed.is_err() { return Ok(None) },
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Part of the initial state; at its end, the mark.
    fn read_initial(mut self) -> Result<(Vec<u8>, Self), ApiError> {
        let mut lines = Vec::new();
        while let (Some(objects), true) = (&mut self.initial, lines.len() < PIECE_BYTES) {
            match objects.next().transpose()? {
                Some((_, object)) => {
                    if self.selector.matches(&object)? {
                        lines.extend(line("ADDED", &self.form.single(&self.ty, &object)?));
                    }
                }
                None => {
                    self.initial = None;
                    if self.marks_initial_end {
                        lines.extend(line("BOOKMARK", &self.bookmark_object(true)?));
                    }
                }
            }
        }
        Ok((lines, self))
    }

    fn bookmark_object(&self, initial_end: bool) -> Result<Bytes, ApiError> {
        let mut metadata = json!({"resourceVersion": self.position.to_string()});
        if initial_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        self.form.single(&self.ty, json!({"metadata": metadata}).to_string().as_bytes())
    }

    /// Adds an event as this watch's selector sees it.
    fn add(&self, event: &Event, lines: &mut Vec<u8>) -> Result<(), ApiError> {
        let matches = self.selector.matches(&event.object)?;
        let (ty, object) = match &event.change {
            Change::Created if matches => ("ADDED", event.object.clone()),
            Change::Deleted if matches => ("DELETED", event.object.clone()),
            Change::Created | Change::Deleted => return Ok(()),
            Change::Modified(former) => match (self.selector.matches(former)?, matches) {
                (true, true) => ("MODIFIED", event.object.clone()),
                (false, true) => ("ADDED", event.object.clone()),
                (true, false) => ("DELETED", left(former, event.revision)?),
                (false, false) => return Ok(()),
            },
        };
        lines.extend(line(ty, &self.form.single(&self.ty, &object)?));
        Ok(())
    }
}

/// The last state that matched, under the resourceVersion of the change that ended it.
fn left(former: &[u8], revision: u64) -> Result<Bytes, ApiError> {
    let mut object = Object::from_stored(former)?;
    object.meta.resource_version = Some(revision.to_string());
    object.stored()
}

fn line(ty: &str, object: &[u8]) -> Vec<u8> {
    let mut line = format!(r#"{{"type":"{ty}","object":"#).into_bytes();
    line.extend_from_slice(object);
    line.extend_from_slice(b"}\n");
    line
}
