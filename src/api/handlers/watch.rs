//! Changes as server-sent events: first what there is, then what becomes of it.
//!
//! The position of a client is the Kubernetes resourceVersion in the event's `id`. What is listed
//! first carries none, so a client that is cut off within it begins again. A position that the
//! Kubernetes API no longer has does too.

use std::time::Duration;

use futures::{StreamExt, stream as streams};
use kube::{
    Api, ResourceExt,
    api::{ListParams, WatchParams},
};
use poem::web::sse::Event;
use tokio::sync::mpsc::{Sender, channel};

use super::{Handlers, access::call, reads::Filter};
use crate::{
    api::{EventStream, view},
    contract::v1alpha1::{types, watch_remediations},
    identity::Tenant,
    problem::Problem,
    queue::Backoff,
    remediation::ZenAgentRemediation,
    stream::{self, Change, WatchError},
    verify::{CLOCK_SKEW, Verified},
};

/// Events that may wait for a slow client; the watch behind them waits too.
const BUFFER: usize = 64;

impl Handlers {
    pub(super) async fn watch(&self, request: Verified<watch_remediations::Request>) -> Result<EventStream, Problem> {
        let (caller, request) = request.into_parts();
        let watch_remediations::Request { status, namespace, source, severity, timeout_seconds, last_event_id } = request;
        let filter = Filter { status: None, namespace, source, severity };
        let watch = Watch {
            api: self.everywhere(),
            labels: self.tenant_selector(&caller.tenant),
            fields: filter.fields(&self.namespace),
            status,
            tenant: caller.tenant,
            own_tenant: self.own_tenant.clone(),
            namespace: self.namespace.clone(),
        };
        // A first call, so that a Kubernetes API that is away is answered with a problem.
        call(watch.api.list(&ListParams::default().limit(1))).await?;
        let left = caller.token_expires.as_second().saturating_add(CLOCK_SKEW).saturating_sub(jiff::Timestamp::now().as_second());
        let seconds = u64::try_from(timeout_seconds.min(left)).unwrap_or_default();
        let (sender, receiver) = channel(BUFFER);
        let stopping = self.stopping.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
                () = stopping.cancelled() => {}
                () = sender.closed() => {}
                _ = watch.run(&sender, last_event_id) => {}
            }
        });
        Ok(streams::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|event| (event, receiver)) }).boxed())
    }
}

/// The client is gone, or the stream is to end.
struct Gone;

struct Watch {
    api: Api<ZenAgentRemediation>,
    labels: Option<String>,
    /// Only what never changes: an object whose status no longer matches is not deleted.
    fields: Option<String>,
    status: Option<types::Status>,
    tenant: Tenant,
    own_tenant: Tenant,
    namespace: String,
}

impl Watch {
    async fn run(&self, sender: &Sender<Event>, mut position: Option<String>) -> Result<(), Gone> {
        loop {
            let from = match position.take() {
                Some(version) => version,
                None => self.list(sender).await?,
            };
            let params = WatchParams { label_selector: self.labels.clone(), field_selector: self.fields.clone(), ..WatchParams::default() };
            let mut changes = Box::pin(stream::watch(self.api.clone(), params, from, Backoff::default()));
            while let Some(change) = changes.next().await {
                match change {
                    // New, or new to those who began to watch before its first status.
                    Ok(Change::Applied(object)) if object.status.as_ref().is_none_or(|status| status.updated_at.is_none()) => {
                        self.send(sender, &object, types::RemediationChangeType::Added, true).await?;
                    }
                    Ok(Change::Applied(object)) => self.send(sender, &object, types::RemediationChangeType::Changed, true).await?,
                    Ok(Change::Deleted(object)) => self.send(sender, &object, types::RemediationChangeType::Deleted, true).await?,
                    Ok(Change::Alive(_)) => {}
                    Err(WatchError::Expired) => break,
                    Err(error @ WatchError::Broken(_)) => {
                        tracing::debug!(error = &error as &dyn std::error::Error, "a client's watch broke")
                    }
                }
            }
        }
    }

    /// Sends what there is; the version that the watch goes on from.
    async fn list(&self, sender: &Sender<Event>) -> Result<String, Gone> {
        let params = ListParams { label_selector: self.labels.clone(), field_selector: self.fields.clone(), ..ListParams::default() };
        let mut pages = Box::pin(stream::pages(self.api.clone(), params, stream::PAGE_SIZE));
        let mut version = String::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                tracing::warn!(error = &error as &dyn std::error::Error, "a client's watch cannot list");
                Gone
            })?;
            version = page.resource_version;
            for object in &page.items {
                self.send(sender, object, types::RemediationChangeType::Added, false).await?;
            }
        }
        Ok(version)
    }

    async fn send(
        &self,
        sender: &Sender<Event>,
        object: &ZenAgentRemediation,
        type_: types::RemediationChangeType,
        positioned: bool,
    ) -> Result<(), Gone> {
        if object.tenant().unwrap_or(self.own_tenant.as_str()) != self.tenant.as_str() {
            return Ok(());
        }
        let id = crate::remediation::names::id(&self.namespace, &object.namespace().unwrap_or_default(), &object.name_any());
        let remediation = view::remediation(object, id);
        if self.status.is_some_and(|status| status != remediation.status) {
            return Ok(());
        }
        let data = serde_json::to_string(&types::RemediationChange { remediation, type_ }).map_err(|_| Gone)?;
        let event = Event::message(data).event_type(type_.to_string());
        let event = match object.resource_version().filter(|_| positioned) {
            Some(version) => event.id(version),
            None => event,
        };
        sender.send(event).await.map_err(|_| Gone)
    }
}
