//! Changes as server-sent events: first what there is, then what becomes of it.
//!
//! ```text
//!            without a position: reset, added…, the last with an id ─┐
//!                 ▲                                                  ▼
//!   wait ────▶ list ─────────────── first page's version ────────▶ follow: added, changed, deleted, each with an id
//!     ▲           │ breaks                                           │ the version has expired
//!     └───────────┴──────────────────────────────────────────────────┘
//! ```
//!
//! The position of a client is a Kubernetes resourceVersion, the `id` of an event. What is listed has
//! one only at its end, so a client that is cut off within the list begins again. Where nothing
//! happens for long, an event of nothing but an `id` moves the position on, lest it expire.
//!
//! A client that keeps a table clears it at `reset`, puts in what is `added` or `changed`, and takes
//! out what is `deleted`, or what is no longer of the status that it filters by: the server tells a
//! watch with a selector only that an object has left it, so what became of it is read, and sent as
//! `changed` with the status that it has now.

use std::time::Duration;

use futures::{StreamExt, stream as streams};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, WatchParams},
};
use poem::web::sse::Event;
use tokio::sync::mpsc::{Sender, channel};

use super::{
    Handlers,
    access::{Guarded, Visibility, call},
    filter::Filter,
};
use crate::{
    api::{EventStream, view},
    causes::chain,
    contract::v1alpha1::{types, watch_remediations},
    problem::Problem,
    queue::Backoff,
    random::SplitMix64,
    remediation::{ZenAgentRemediation, names},
    stream::{self, Change, WatchError},
    verify::{CLOCK_SKEW, Verified},
};

/// Events that may wait for a slow client; the watch behind them waits too.
const BUFFER: usize = 64;
/// Between one listing, or one connection of the watch, and the next.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(500), max: Duration::from_secs(30) };

impl Handlers {
    pub(super) async fn watch(&self, request: Verified<watch_remediations::Request>) -> Result<EventStream, Problem> {
        let (caller, request) = request.into_parts();
        let watch_remediations::Request { status, namespace, source, severity, timeout_seconds, last_event_id } = request;
        // 1. A place among the streams.
        let place = self.places.take(caller.certificate)?;
        // 2. A first call, so that a Kubernetes API that is away is answered with a problem.
        let api = self.everywhere();
        let newest = call(api.list(&ListParams::default().limit(1))).await?.metadata.resource_version;
        let position = last_event_id.filter(|position| has_been(position, newest.as_deref()));
        // 3. The stream, until its time, the token or the process ends, or the client goes.
        let left = caller.token_expires.as_second().saturating_add(CLOCK_SKEW).saturating_sub(jiff::Timestamp::now().as_second());
        let seconds = u64::try_from(timeout_seconds.min(left)).unwrap_or_default();
        let watch = Watch {
            api,
            client: self.client.clone(),
            visibility: self.visibility(&caller),
            filter: Filter { status, namespace, source, severity },
            namespace: self.namespace.clone(),
        };
        let (sender, receiver) = channel(BUFFER);
        let stopping = self.stopping.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
                () = stopping.cancelled() => {}
                () = sender.closed() => {}
                Gone = watch.run(&sender, position) => {}
            }
            drop(place);
        });
        Ok(streams::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|event| (event, receiver)) }).boxed())
    }
}

/// Whether a position can be of this store: one beyond its newest version was given by another, and a
/// watch from there would be silent until the versions have come that far. Versions compare as numbers.
fn has_been(position: &str, newest: Option<&str>) -> bool {
    let number = |version: &str| version.parse::<u128>().ok();
    match (number(position), newest.and_then(number)) {
        (Some(position), Some(newest)) => position <= newest,
        _ => true,
    }
}

/// The client is gone, or has to come back at its position.
struct Gone;

struct Watch {
    api: Api<Guarded>,
    client: Client,
    visibility: Visibility,
    filter: Filter,
    /// The agent's own.
    namespace: String,
}

impl Watch {
    async fn run(&self, sender: &Sender<Event>, mut position: Option<String>) -> Gone {
        let mut random = SplitMix64::new(u64::from(jiff::Timestamp::now().subsec_nanosecond().unsigned_abs()));
        let mut failures = 0;
        loop {
            let from = match position.take() {
                Some(version) => Ok(Some(version)),
                None => self.list(sender).await,
            };
            let told = match from {
                Ok(Some(version)) => self.follow(sender, version).await,
                Ok(None) => Ok(false),
                Err(gone) => return gone,
            };
            match told {
                Ok(true) => failures = 0,
                Ok(false) => {}
                Err(gone) => return gone,
            }
            tokio::time::sleep(BACKOFF.wait(failures, &mut random)).await;
            failures = failures.saturating_add(1);
        }
    }

    /// Sends what there is; the version to go on from, which is the first page's, or none where the list broke.
    async fn list(&self, sender: &Sender<Event>) -> Result<Option<String>, Gone> {
        let params = ListParams {
            label_selector: self.visibility.selector(),
            field_selector: self.filter.selector(&self.namespace),
            ..ListParams::default()
        };
        let mut pages = Box::pin(stream::pages(self.api.clone(), params, stream::PAGE_SIZE));
        let mut version = None;
        // Held back until it is known whether it is the last, which has the position.
        let mut held = Event::message("{}").event_type("reset");
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "a client's watch cannot list, and tries again");
                    return Ok(None);
                }
            };
            version.get_or_insert(page.resource_version);
            for object in page.items.into_iter().filter_map(stream::well_formed) {
                if self.visibility.sees(&object) && self.filter.matches(&object, &self.namespace) {
                    let next = self.event(&object, types::RemediationChangeType::Added);
                    send(sender, std::mem::replace(&mut held, next)).await?;
                }
            }
        }
        // There is a first page, even of nothing.
        let version = version.unwrap_or_default();
        send(sender, held.id(&version)).await?;
        Ok(Some(version))
    }

    /// Sends what changes, until the version has expired; whether there was anything to tell.
    async fn follow(&self, sender: &Sender<Event>, version: String) -> Result<bool, Gone> {
        let (mut told, mut position) = (false, version.clone());
        let params = WatchParams {
            label_selector: self.visibility.selector(),
            field_selector: self.filter.selector(&self.namespace),
            ..WatchParams::default()
        };
        let mut changes = Box::pin(stream::watch(self.api.clone(), params, version, BACKOFF));
        while let Some(change) = changes.next().await {
            let event = match change {
                Ok(Change::Applied(object)) => stream::well_formed(object).and_then(|object| self.applied(&object)),
                Ok(Change::Deleted(object)) => match stream::well_formed(object) {
                    Some(object) => self.left(&object).await?,
                    None => None,
                },
                Ok(Change::Alive(version)) => {
                    let moved = version != position;
                    position.clone_from(&version);
                    moved.then(|| Event::message("").id(version))
                }
                Err(WatchError::Expired) => break,
                Err(error @ WatchError::Broken(_)) => {
                    tracing::debug!(error = chain(&error), "a client's watch broke");
                    None
                }
            };
            if let Some(event) = event {
                send(sender, event).await?;
                told = true;
            }
        }
        Ok(told)
    }

    /// What to tell of an object that was created or changed.
    fn applied(&self, object: &ZenAgentRemediation) -> Option<Event> {
        use types::RemediationChangeType as Type;
        if !self.visibility.owns(object) || !self.filter.matches_but_status(object, &self.namespace) {
            return None;
        }
        let matches = self.filter.matches(object, &self.namespace);
        let type_ = match &object.status {
            _ if object.metadata.deletion_timestamp.is_some() => Type::Deleted,
            // New, or new to those who began to watch before its first status.
            status if matches && status.as_ref().is_none_or(|status| status.updated_at.is_none()) => Type::Added,
            _ => Type::Changed,
        };
        Some(self.positioned(object, object, type_))
    }

    /// What to tell of an object that is gone, or no longer of the status that is filtered by.
    async fn left(&self, last: &ZenAgentRemediation) -> Result<Option<Event>, Gone> {
        use types::RemediationChangeType as Type;
        if !self.visibility.owns(last) || !self.filter.matches_but_status(last, &self.namespace) {
            return Ok(None);
        }
        if self.filter.status.is_none() {
            // Told already when its deletion began.
            return Ok(last.metadata.deletion_timestamp.is_none().then(|| self.positioned(last, last, Type::Deleted)));
        }
        let api: Api<Guarded> = Api::namespaced(self.client.clone(), &last.namespace().unwrap_or_default());
        // Without an answer the stream ends, and the client comes back at the position before this.
        let found = call(api.get_opt(&last.name_any())).await.map_err(|_| Gone)?;
        let now = found.and_then(stream::well_formed).filter(|now| now.metadata.uid == last.metadata.uid && self.visibility.sees(now));
        Ok(Some(match now {
            Some(now) => self.positioned(&now, last, Type::Changed),
            None => self.positioned(last, last, Type::Deleted),
        }))
    }

    /// The event, whose position is the version of the object that the watch brought.
    fn positioned(&self, object: &ZenAgentRemediation, brought: &ZenAgentRemediation, type_: types::RemediationChangeType) -> Event {
        let event = self.event(object, type_);
        match brought.resource_version() {
            Some(version) => event.id(version),
            None => event,
        }
    }

    fn event(&self, object: &ZenAgentRemediation, type_: types::RemediationChangeType) -> Event {
        let id = names::id(&self.namespace, &object.namespace().unwrap_or_default(), &object.name_any());
        let change = types::RemediationChange { remediation: view::remediation(object, id), type_ };
        // A type of strings, numbers and maps of strings always has a JSON form.
        Event::message(serde_json::to_string(&change).unwrap_or_default()).event_type(type_.to_string())
    }
}

async fn send(sender: &Sender<Event>, event: Event) -> Result<(), Gone> {
    sender.send(event).await.map_err(|_| Gone)
}
