//! Memory does not grow with the number of objects that are listed and deleted.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

use embedded_kube::{EmbeddedKube, Options};
use futures::{StreamExt, TryStreamExt, future, stream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, PostParams, Preconditions};
use kube::{Client, ResourceExt};
use serde_json::json;

/// Enough to fill what has a bound: a page, the store's cache, its history of changes.
const FEW: usize = 4_000;
const MANY: usize = 12_000;
/// What 8,000 more objects of 2 KB, 16 MB in all, may cost.
const MORE_KIB: u64 = 4 << 10;
const COUNT: &str = "EMBEDDED_KUBE_MEMORY_COUNT";

fn open(directory: &tempfile::TempDir) -> (EmbeddedKube, Client) {
    let kube = EmbeddedKube::open(directory.path(), Options::default()).unwrap();
    let client = kube.client("default");
    (kube, client)
}

/// The most memory that this process has used so far, in KiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Pages through `count` objects and deletes each if it is still what was read, as a cleanup does.
async fn deleted(count: usize) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let (kube, client) = open(&directory);
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let creating = stream::iter(0..count).map(|i| {
        let map = json!({"metadata": {"name": format!("m{i:05}")}, "data": {"filling": "x".repeat(2_000)}});
        let maps = maps.clone();
        async move { maps.create(&PostParams::default(), &serde_json::from_value(map).unwrap()).await }
    });
    creating.buffer_unordered(64).try_for_each(|_| future::ok(())).await.unwrap();
    kube.close();

    let (_kube, client) = open(&directory);
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let (mut token, mut gone) = (None::<String>, 0);
    loop {
        let page = maps.list(&ListParams { limit: Some(500), continue_token: token, ..ListParams::default() }).await.unwrap();
        gone += page.items.len();
        let deleting = stream::iter(page.items).map(|map| {
            let maps = maps.clone();
            let preconditions = Preconditions { uid: map.uid(), resource_version: map.resource_version() };
            async move { maps.delete(&map.name_any(), &DeleteParams::foreground().preconditions(preconditions)).await }
        });
        deleting.buffer_unordered(16).try_for_each(|_| future::ok(())).await.unwrap();
        token = page.metadata.continue_.filter(|token| !token.is_empty());
        if token.is_none() {
            break gone;
        }
    }
}

/// The peak of a process of its own, in KiB.
fn peak_of(count: usize) -> u64 {
    let name = "twelve_thousand_are_deleted_in_the_memory_of_four_thousand";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(COUNT, count.to_string())
        // What is measured is what the store holds. With its usual arena a thread, glibc keeps up to
        // twice as much for reuse, and which thread allocates is a matter of chance.
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let peak = printed.lines().find_map(|line| line.strip_prefix("peak ")).expect(&printed);
    peak.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_thousand_are_deleted_in_the_memory_of_four_thousand() {
    if let Ok(count) = std::env::var(COUNT) {
        let count = count.parse().unwrap();
        assert_eq!(deleted(count).await, count);
        println!("\npeak {}", peak_memory());
        return;
    }
    let (few, many) = (peak_of(FEW), peak_of(MANY));
    assert!(many < few + MORE_KIB, "peak {many} KiB against {few} KiB");
}
