//! What an API server does by itself, and the embedded one does not: Events go an hour after they came.

use std::time::Duration;

use futures::{TryStreamExt, pin_mut};
use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams},
};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::stream;

/// The default of kube-apiserver's `--event-ttl`.
const LIFE: Duration = Duration::from_secs(3_600);
/// Nothing waits for the first time: a start has better to do.
const FIRST: Duration = Duration::from_secs(60);
const PERIOD: Duration = Duration::from_secs(300);

/// Deletes old Events, now and then, without end.
pub(super) async fn run(client: Client) {
    let mut due = interval_at(Instant::now() + FIRST, PERIOD);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        if let Err(error) = expire(&client, LIFE).await {
            tracing::warn!(%error, "old Events are deleted later");
        }
    }
}

/// Deletes the Events that were made longer ago, however often they were counted up since.
async fn expire(client: &Client, life: Duration) -> Result<(), kube::Error> {
    let old = |event: &Event| {
        let made = event.metadata.creation_timestamp.as_ref().map(|at| Timestamp::now().duration_since(at.0));
        made.is_some_and(|age| age.unsigned_abs() >= life)
    };
    let events = stream::objects(Api::<Event>::all(client.clone()), ListParams::default(), stream::PAGE_SIZE);
    pin_mut!(events);
    while let Some(event) = events.try_next().await? {
        if old(&event) {
            let api: Api<Event> = Api::namespaced(client.clone(), &event.namespace().unwrap_or_default());
            match api.delete(&event.name_any(), &DeleteParams::default()).await {
                Err(kube::Error::Api(status)) if status.is_not_found() => {}
                deleted => drop(deleted?),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
mod tests {
    use super::*;
    use embedded_kube::{EmbeddedKube, Options};
    use k8s_openapi::api::core::v1::{Namespace, Pod};
    use kube::{
        Resource,
        api::PostParams,
        runtime::events::{Event as Published, EventType, Recorder},
    };
    use serde_json::json;

    #[tokio::test]
    async fn old_events_go_and_young_ones_stay() {
        let dir = tempfile::tempdir().unwrap();
        let store = EmbeddedKube::open(dir.path(), Options::default()).unwrap();
        let client = store.client("default");
        let namespace: Namespace = serde_json::from_value(json!({ "metadata": { "name": "shop" } })).unwrap();
        Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        let pod: Pod = serde_json::from_value(json!({ "metadata": { "name": "web", "namespace": "shop" } })).unwrap();
        let event = Published { type_: EventType::Normal, reason: "Tested".into(), note: None, action: "test".into(), secondary: None };
        Recorder::new(client.clone(), "test".into()).publish(&event, &pod.object_ref(&())).await.unwrap();
        let count = async || Api::<Event>::namespaced(client.clone(), "shop").list(&ListParams::default()).await.unwrap().items.len();
        expire(&client, LIFE).await.unwrap();
        assert_eq!(count().await, 1);
        expire(&client, Duration::ZERO).await.unwrap();
        assert_eq!(count().await, 0);
    }
}
