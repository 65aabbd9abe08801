//! Watches, and the reflectors that are built on them.

use futures::{Stream, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::runtime::watcher::{self, Event, watcher};
use serde_json::json;

use crate::support::{DEADLINE, config_map, config_maps};

type Line = (String, String);

/// The next event's type and the object's name. A server may send a bookmark at any time: only that is told which ends
/// the initial events.
async fn next(stream: &mut (impl Stream<Item = kube::Result<WatchEvent<ConfigMap>>> + Unpin)) -> Option<Line> {
    loop {
        let event = tokio::time::timeout(DEADLINE, stream.try_next()).await.unwrap().unwrap()?;
        return Some(match event {
            WatchEvent::Added(map) => ("ADDED".into(), map.name_any()),
            WatchEvent::Modified(map) => ("MODIFIED".into(), map.name_any()),
            WatchEvent::Deleted(map) => ("DELETED".into(), map.name_any()),
            WatchEvent::Bookmark(bookmark) => match bookmark.metadata.annotations.get("k8s.io/initial-events-end") {
                Some(ended) if ended == "true" => ("BOOKMARK".into(), "end".into()),
                _ => continue,
            },
            WatchEvent::Error(status) => ("ERROR".into(), status.code.to_string()),
        });
    }
}

fn line(ty: &str, name: &str) -> Option<Line> {
    Some((ty.into(), name.into()))
}

async fn create(maps: &Api<ConfigMap>, name: &str, labels: serde_json::Value) -> ConfigMap {
    maps.create(&PostParams::default(), &config_map(name, &labels)).await.unwrap()
}

async fn label(maps: &Api<ConfigMap>, name: &str, app: &str) {
    let patch = Patch::Merge(json!({"metadata": {"labels": {"app": app}}}));
    maps.patch(name, &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test]
async fn a_watch_sees_every_change_after_its_version_in_order() {
    let maps = config_maps().await;
    create(&maps, "before", json!({})).await;
    let version = maps.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    create(&maps, "a", json!({})).await;
    let mut stream = maps.watch(&WatchParams::default(), &version).await.unwrap().boxed();
    label(&maps, "a", "x").await;
    let last = maps.delete("a", &DeleteParams::default()).await.unwrap();
    assert!(last.is_right());
    create(&maps, "b", json!({})).await;
    for expected in [line("ADDED", "a"), line("MODIFIED", "a"), line("DELETED", "a"), line("ADDED", "b")] {
        assert_eq!(next(&mut stream).await, expected);
    }
}

#[tokio::test]
async fn a_deletion_bears_a_version_of_its_own() {
    let maps = config_maps().await;
    let created = create(&maps, "a", json!({})).await;
    let version = created.resource_version().unwrap();
    let mut stream = maps.watch(&WatchParams::default(), &version).await.unwrap().boxed();
    maps.delete("a", &DeleteParams::default()).await.unwrap();
    let Some(WatchEvent::Deleted(deleted)) = stream.try_next().await.unwrap() else { panic!("expected the deletion") };
    assert!(deleted.resource_version().unwrap().parse::<u64>().unwrap() > version.parse().unwrap());
    assert_eq!(deleted.data, created.data);
}

#[tokio::test]
async fn a_watch_without_a_version_begins_with_what_is_there() {
    let maps = config_maps().await;
    create(&maps, "a", json!({})).await;
    create(&maps, "b", json!({})).await;
    let mut stream = maps.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    let mut changes = Vec::new();
    while changes.len() < 3 {
        let change = next(&mut stream).await;
        // A server may say that the initial events are over unasked, and what is there may come from a cache that lags.
        if change == line("BOOKMARK", "end") {
            continue;
        }
        changes.push(change);
        if changes.len() == 2 {
            create(&maps, "c", json!({})).await;
        }
    }
    assert_eq!(changes, [line("ADDED", "a"), line("ADDED", "b"), line("ADDED", "c")]);
}

#[tokio::test]
async fn a_selective_watch_sees_objects_come_and_go() {
    let maps = config_maps().await;
    let version = create(&maps, "a", json!({"app": "other"})).await.resource_version().unwrap();
    let params = WatchParams::default().labels("app=web");
    let mut stream = maps.watch(&params, &version).await.unwrap().boxed();
    create(&maps, "never", json!({})).await;
    label(&maps, "a", "web").await;
    maps.patch("a", &PatchParams::default(), &Patch::Merge(json!({"data": {"x": "y"}}))).await.unwrap();
    label(&maps, "a", "other").await;
    maps.delete("a", &DeleteParams::default()).await.unwrap();
    create(&maps, "b", json!({"app": "web"})).await;
    for expected in [line("ADDED", "a"), line("MODIFIED", "a"), line("DELETED", "a"), line("ADDED", "b")] {
        assert_eq!(next(&mut stream).await, expected);
    }
}

#[tokio::test]
async fn initial_events_are_followed_by_a_bookmark_that_says_so() {
    let maps = config_maps().await;
    let version = create(&maps, "a", json!({})).await.resource_version().unwrap();
    let params = WatchParams::default().initial_events();
    // Not older than this: a cache that lags would end its initial events without what was just created.
    let mut stream = maps.watch(&params, &version).await.unwrap().boxed();
    assert_eq!(next(&mut stream).await, line("ADDED", "a"));
    assert_eq!(next(&mut stream).await, line("BOOKMARK", "end"));
    label(&maps, "a", "x").await;
    assert_eq!(next(&mut stream).await, line("MODIFIED", "a"));
}

#[tokio::test]
async fn a_watch_ends_when_its_time_is_over() {
    let maps = config_maps().await;
    let version = create(&maps, "a", json!({})).await.resource_version().unwrap();
    let mut stream = maps.watch(&WatchParams::default().disable_bookmarks().timeout(1), &version).await.unwrap().boxed();
    assert_eq!(next(&mut stream).await, None);
}

#[tokio::test]
async fn a_watch_resumes_where_another_ended() {
    let maps = config_maps().await;
    let version = create(&maps, "a", json!({})).await.resource_version().unwrap();
    create(&maps, "b", json!({})).await;
    let mut stream = maps.watch(&WatchParams::default(), &version).await.unwrap().boxed();
    let Some(WatchEvent::Added(seen)) = stream.try_next().await.unwrap() else { panic!("expected b") };
    drop(stream);
    create(&maps, "c", json!({})).await;
    let mut stream = maps.watch(&WatchParams::default(), &seen.resource_version().unwrap()).await.unwrap().boxed();
    assert_eq!(next(&mut stream).await, line("ADDED", "c"));
}

/// How many of the 30 objects there are the initial list had.
async fn reflected(config: watcher::Config) -> usize {
    let maps = config_maps().await;
    for i in 0..30 {
        create(&maps, &format!("m{i:02}"), json!({})).await;
    }
    let mut events = watcher(maps.clone(), config).boxed();
    let mut seen = Vec::new();
    let mut next = async || tokio::time::timeout(DEADLINE, events.try_next()).await.unwrap().unwrap().unwrap();
    let mut listed = None;
    // A list that is streamed comes from a cache that may lag: what it lacks follows as a change.
    while listed.is_none() || seen.len() < 30 {
        match next().await {
            Event::Init => {}
            Event::InitApply(map) if listed.is_none() => seen.push(map.name_any()),
            Event::Apply(map) if listed.is_some() => seen.push(map.name_any()),
            Event::InitDone => listed = Some(seen.len()),
            other => panic!("unexpected {other:?}"),
        }
    }
    assert_eq!(seen, (0..30).map(|i| format!("m{i:02}")).collect::<Vec<_>>());
    create(&maps, "later", json!({})).await;
    maps.delete("m07", &DeleteParams::default()).await.unwrap();
    assert!(matches!(next().await, Event::Apply(map) if map.name_any() == "later"));
    assert!(matches!(next().await, Event::Delete(map) if map.name_any() == "m07"));
    listed.unwrap()
}

#[tokio::test]
async fn a_reflector_that_lists_and_watches_works() {
    assert_eq!(reflected(watcher::Config::default().page_size(7)).await, 30);
}

#[tokio::test]
async fn a_reflector_that_streams_its_list_works() {
    reflected(watcher::Config::default().streaming_lists()).await;
}
