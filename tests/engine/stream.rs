use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, TryStreamExt, future, stream::iter};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    api::{ListParams, WatchParams},
    core::{DynamicObject, GroupVersionKind, PartialObjectMeta},
    discovery::ApiResource,
};
use serde_json::json;
use zen_agent::{
    queue::Backoff,
    stream::{Change, WatchError, for_each_batch, objects, pages, watch},
};

use crate::{
    fake::{Expiry, Fake},
    soon,
};

/// Pods in namespaces whose order tells `namespace/name` from a pair of the two.
fn filled(count: usize) -> (Fake, Vec<String>) {
    let (fake, mut keys) = (Fake::new(), Vec::new());
    for index in 0..count {
        let (namespace, name) = (["a", "a-b", "ab"][index % 3], format!("pod-{index:03}"));
        fake.put("pods", namespace, &name, json!({ "metadata": { "labels": { "odd": (index % 2).to_string() } } }));
        keys.push(format!("{namespace}/{name}"));
    }
    keys.sort();
    (fake, keys)
}

fn key(object: &impl ResourceExt) -> String {
    format!("{}/{}", object.namespace().unwrap(), object.name_any())
}

#[tokio::test]
async fn a_listing_holds_one_page_at_a_time_and_yields_everything_once() {
    let (fake, keys) = filled(100);
    let listed: Vec<Pod> = objects(Api::all(fake.client()), ListParams::default(), 7).try_collect().await.unwrap();
    assert_eq!(listed.iter().map(key).collect::<Vec<_>>(), keys);
    assert_eq!(fake.state().largest_page, 7);
    let sizes: Vec<usize> =
        pages::<Pod>(Api::all(fake.client()), ListParams::default(), 40).map_ok(|page| page.items.len()).try_collect().await.unwrap();
    assert_eq!(sizes, [40, 40, 20]);
}

#[tokio::test]
async fn an_expired_listing_goes_on_without_skipping_or_repeating() {
    for expiries in [vec![Expiry::WithToken; 3], vec![Expiry::Bare; 3], vec![Expiry::Bare, Expiry::WithToken, Expiry::Bare]] {
        let (fake, keys) = filled(60);
        let listing = objects::<Pod>(Api::all(fake.client()), ListParams::default(), 8);
        fake.state().expiries = expiries.into();
        let listed: Vec<Pod> = listing.try_collect().await.unwrap();
        assert_eq!(listed.iter().map(key).collect::<Vec<_>>(), keys);
        assert!(fake.state().expiries.is_empty());
    }
}

#[tokio::test]
async fn a_listing_that_expires_for_ever_ends_with_the_error() {
    let (fake, _) = filled(20);
    fake.state().expiries = vec![Expiry::Bare; 100].into();
    let results: Vec<_> = objects::<Pod>(Api::all(fake.client()), ListParams::default(), 8).collect().await;
    assert_eq!(results.len(), 9, "one page, and the error");
    assert!(matches!(results.last(), Some(Err(kube::Error::Api(status))) if status.code == 410));
}

#[tokio::test]
async fn the_server_selects_and_the_client_filters_on_top_for_every_kind_of_object() {
    let (fake, _) = filled(30);
    let params = ListParams::default().labels("odd=1");
    let selected = objects::<Pod>(Api::namespaced(fake.client(), "a"), params.clone(), 4)
        .try_filter(|pod| future::ready(*pod.name_any() > *"pod-010"))
        .map_ok(|pod| pod.name_any());
    assert_eq!(selected.try_collect::<Vec<_>>().await.unwrap(), ["pod-015", "pod-021", "pod-027"]);
    let pods = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Pod"));
    let dynamic = objects::<DynamicObject>(Api::all_with(fake.client(), &pods), params.clone(), 4).count().await;
    assert_eq!(dynamic, 15);
    let metadata = objects::<PartialObjectMeta<Pod>>(Api::all(fake.client()), params, 4).count().await;
    assert_eq!(metadata, 15);
}

#[tokio::test]
async fn a_watch_begins_at_a_version_loads_nothing_and_says_when_it_must_end() {
    let (fake, _) = filled(10);
    let backoff = Backoff { base: Duration::from_millis(5), max: Duration::from_millis(20) };
    let mut changes = Box::pin(watch::<Pod>(Api::all(fake.client()), WatchParams::default(), "8".to_owned(), backoff));
    let mut seen = Vec::new();
    while seen.len() < 3 {
        match soon("a change", changes.next()).await.unwrap().unwrap() {
            Change::Alive(version) => seen.push(format!("alive at {version}")),
            Change::Applied(pod) => seen.push(pod.name_any()),
            Change::Deleted(pod) => seen.push(format!("-{}", pod.name_any())),
        }
    }
    assert_eq!(seen, ["alive at 8", "pod-008", "pod-009"]);
    fake.remove("pods", "a/pod-000");
    assert!(matches!(soon("the deletion", changes.next()).await, Some(Ok(Change::Deleted(pod))) if pod.name_any() == "pod-000"));
    fake.cut();
    assert!(matches!(soon("the reconnection", changes.next()).await, Some(Ok(Change::Alive(version))) if version == "11"));
    fake.state().refused_watches = 1;
    fake.cut();
    assert!(matches!(soon("the end", changes.next()).await, Some(Err(WatchError::Expired))));
    assert!(changes.next().await.is_none());
    assert_eq!(fake.count("limit"), 0);
}

#[tokio::test]
async fn batches_are_bounded_in_size_and_number() {
    let (running, most, sizes) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let items = iter((0..25).map(Ok::<_, &str>));
    let result = for_each_batch(items, 4, 2, |batch| {
        sizes.lock().unwrap().push(batch.len());
        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        async {
            tokio::task::yield_now().await;
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        }
    })
    .await;
    assert_eq!(result, Ok(()));
    assert_eq!(most.into_inner(), 2);
    assert_eq!(sizes.into_inner().unwrap(), [4, 4, 4, 4, 4, 4, 1]);
}

#[tokio::test]
async fn what_came_before_an_error_is_still_handed_over() {
    let handed = Mutex::new(Vec::new());
    let items = iter([Ok(1), Ok(2), Ok(3), Err("broken")]);
    let result = for_each_batch(items, 2, 1, |batch| {
        handed.lock().unwrap().extend(batch);
        future::ok(())
    })
    .await;
    assert_eq!(result, Err("broken"));
    assert_eq!(handed.into_inner().unwrap(), [1, 2, 3]);
}
