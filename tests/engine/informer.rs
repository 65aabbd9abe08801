use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use zen_agent::{
    informer::{Config, Handler, Informer, Store, remediations},
    key::ObjectKey,
    queue::Backoff,
    remediation::Phase,
    telemetry::Metrics,
    worker::Backlog,
};

use crate::{fake::Fake, log::Log, soon};

const REMEDIATIONS: &str = "zenagentremediations";

fn config() -> Config {
    let backoff = Backoff { base: Duration::from_millis(5), max: Duration::from_millis(20) };
    Config { page_size: 2, resync: Duration::ZERO, backoff }
}

/// Tells the test what it is told.
struct Recorder(mpsc::UnboundedSender<String>);

impl<V: Send + Sync + 'static> Handler<V> for Recorder {
    fn on_add(&self, key: &ObjectKey, _: &Arc<V>) {
        self.0.send(format!("+{key}")).unwrap();
    }

    fn on_update(&self, key: &ObjectKey, old: &Arc<V>, new: &Arc<V>) {
        let sign = if Arc::ptr_eq(old, new) { '=' } else { '~' };
        self.0.send(format!("{sign}{key}")).unwrap();
    }

    fn on_delete(&self, key: &ObjectKey, _: &Arc<V>) {
        self.0.send(format!("-{key}")).unwrap();
    }
}

/// A running informer, what it tells, and what ends it.
struct Running<V> {
    store: Store<V>,
    told: mpsc::UnboundedReceiver<String>,
    _shutdown: tokio_util::sync::DropGuard,
}

impl<V: Send + Sync + 'static> Running<V> {
    async fn start<K>(informer: Informer<K, V>) -> Self
    where
        K: kube::Resource + Clone + serde::de::DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
    {
        let (sender, told) = mpsc::unbounded_channel();
        let shutdown = CancellationToken::new();
        let informer = informer.handler(Recorder(sender));
        let store = informer.store();
        tokio::spawn(informer.run(shutdown.clone()));
        soon("the cache is synced", store.synced()).await;
        Self { store, told, _shutdown: shutdown.drop_guard() }
    }

    /// The next things it tells, in alphabetical order.
    async fn told(&mut self, count: usize) -> Vec<String> {
        let mut told = Vec::new();
        for _ in 0..count {
            told.push(soon("the handler is told", self.told.recv()).await.unwrap());
        }
        told.sort_unstable();
        told
    }
}

async fn pods(fake: &Fake, config: Config) -> Running<String> {
    let image = |pod: &Pod| pod.spec.iter().flat_map(|spec| &spec.containers).map(|c| c.name.clone()).collect();
    Running::start(Informer::new(Api::all(fake.client()), config, image)).await
}

fn pod(container: &str) -> serde_json::Value {
    json!({ "spec": { "containers": [{ "name": container }] } })
}

fn remediation(phase: &str) -> serde_json::Value {
    json!({ "spec": {}, "status": { "phase": phase } })
}

/// What the metric says of each status.
fn counts(metrics: &Metrics) -> Vec<i64> {
    Phase::LABELS.iter().map(|status| metrics.crd_count.with_label_values(&[status]).get()).collect()
}

/// What the cache says of each status.
fn recount(store: &Store<remediations::Summary>) -> Vec<i64> {
    let all: Vec<_> = store.namespaces().iter().flat_map(|namespace| store.list(namespace)).collect();
    let count = |status: &&str| i64::try_from(all.iter().filter(|(_, summary)| summary.phase.label() == *status).count()).unwrap();
    Phase::LABELS.iter().map(count).collect()
}

#[tokio::test]
async fn the_cache_holds_projections_of_any_type_by_namespace_and_key() {
    let fake = Fake::new();
    for name in ["x", "y", "z"] {
        fake.put("pods", "a", name, pod(name));
    }
    fake.put("pods", "b", "x", pod("other"));
    let mut pods = pods(&fake, config()).await;
    assert_eq!(pods.told(4).await, ["+a/x", "+a/y", "+a/z", "+b/x"]);
    assert_eq!(pods.store.len(), 4);
    assert_eq!(pods.store.get(&ObjectKey::new("b", "x")).as_deref(), Some(&"other".to_owned()));
    assert_eq!(pods.store.get(&ObjectKey::new("b", "y")), None);
    let names: Vec<_> = pods.store.list("a").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["x", "y", "z"]);
    fake.put("pods", "a", "x", pod("changed"));
    fake.remove("pods", "b/x");
    assert_eq!(pods.told(2).await, ["-b/x", "~a/x"]);
    assert_eq!(pods.store.namespaces(), ["a"]);
    assert_eq!(fake.state().largest_page, 2);
}

#[tokio::test]
async fn a_watch_that_breaks_goes_on_where_it_was_without_another_listing() {
    let fake = Fake::new();
    fake.put("pods", "a", "x", pod("x"));
    let mut pods = pods(&fake, config()).await;
    pods.told(1).await;
    fake.state().away = true;
    fake.cut();
    fake.put("pods", "a", "y", pod("y"));
    fake.remove("pods", "a/x");
    soon("it tries again", async {
        while fake.count("watch=true") < 3 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    fake.state().away = false;
    assert_eq!(pods.told(2).await, ["+a/y", "-a/x"]);
    assert_eq!(fake.count("GET /api/v1/pods?&limit"), 1, "{:?}", fake.state().requests);
}

#[tokio::test]
async fn what_was_missed_while_the_history_was_lost_is_found_by_listing_again() {
    for plain_410 in [false, true] {
        let fake = Fake::new();
        for name in ["gone", "recreated", "changed", "same"] {
            fake.put("pods", "a", name, pod(name));
        }
        let mut pods = pods(&fake, config()).await;
        pods.told(4).await;
        fake.state().away = true;
        fake.cut();
        for key in ["a/gone", "a/recreated"] {
            fake.remove("pods", key);
        }
        for name in ["recreated", "changed", "new"] {
            fake.put("pods", "a", name, pod("late"));
        }
        fake.compact();
        fake.state().refused_watches = usize::from(plain_410);
        fake.state().away = false;
        assert_eq!(pods.told(5).await, ["+a/new", "+a/recreated", "-a/gone", "-a/recreated", "~a/changed"]);
        assert_eq!(pods.store.len(), 4);
        assert_eq!(pods.store.get(&ObjectKey::new("a", "recreated")).as_deref(), Some(&"late".to_owned()));
    }
}

#[tokio::test]
async fn a_malformed_object_is_skipped_and_counts_as_absent() {
    let fake = Fake::new();
    fake.put("pods", "a", "bad", json!({ "spec": { "containers": "none" } }));
    fake.put("pods", "a", "good", pod("good"));
    let mut pods = pods(&fake, config()).await;
    assert_eq!(pods.told(1).await, ["+a/good"]);
    fake.put("pods", "a", "good", json!({ "spec": 7 }));
    assert_eq!(pods.told(1).await, ["-a/good"]);
    fake.put("pods", "a", "bad", pod("repaired"));
    assert_eq!(pods.told(1).await, ["+a/bad"]);
}

#[tokio::test]
async fn a_thousand_malformed_objects_cost_a_dozen_lines_of_log() {
    let (log, _guard) = Log::start();
    let fake = Fake::new();
    for index in 0..1_000 {
        fake.put("pods", "a", &format!("bad-{index}"), json!({ "spec": { "containers": "none" } }));
    }
    let pods = pods(&fake, Config { page_size: 500, ..config() }).await;
    assert_eq!(pods.store.len(), 0);
    let log = log.text();
    let warned: Vec<&str> = log.lines().filter(|line| line.contains(r#""level":"WARN""#)).collect();
    assert_eq!(warned.iter().filter(|line| line.contains("skipping a malformed object")).count(), 10, "{warned:?}");
    assert_eq!(warned.iter().filter(|line| line.contains("malformed")).count(), 11, "{warned:?}");
}

#[tokio::test]
async fn a_resync_delivers_every_object_again() {
    let fake = Fake::new();
    fake.put("pods", "a", "x", pod("x"));
    fake.put("pods", "b", "y", pod("y"));
    let mut pods = pods(&fake, Config { resync: Duration::from_millis(10), ..config() }).await;
    assert_eq!(pods.told(2).await, ["+a/x", "+b/y"]);
    assert_eq!(pods.told(2).await, ["=a/x", "=b/y"]);
    assert_eq!(pods.told(2).await, ["=a/x", "=b/y"]);
    assert!(pods.store.silence() < Store::<String>::CONTACT);
}

#[tokio::test]
async fn the_counts_follow_every_change_and_equal_the_cache_after_a_lost_history() {
    let (fake, metrics) = (Fake::new(), Metrics::new());
    let backlog = Backlog::new(Backoff::default(), 1, metrics.queue_depth.clone());
    for (name, phase) in [("a", "pending"), ("b", "in_progress"), ("c", "succeeded"), ("d", "succeeded"), ("e", "odd")] {
        fake.put(REMEDIATIONS, "zen", name, remediation(phase));
    }
    let informer = remediations::informer(Api::all(fake.client()), config(), metrics.clone(), backlog.clone(), crate::served::unlimited());
    let mut running = Running::start(informer).await;
    running.told(5).await;
    assert_eq!(counts(&metrics), [1, 1, 2, 0, 0, 1]);
    assert_eq!(backlog.len(), 3, "terminal ones are no work");

    fake.put(REMEDIATIONS, "zen", "a", remediation("in_progress"));
    fake.remove(REMEDIATIONS, "zen/b");
    fake.put(REMEDIATIONS, "zen", "c", remediation("succeeded"));
    running.told(3).await;
    assert_eq!(counts(&metrics), [0, 1, 2, 0, 0, 1]);
    assert_eq!(backlog.len(), 2, "a deleted one is forgotten");

    fake.state().away = true;
    fake.cut();
    fake.remove(REMEDIATIONS, "zen/c");
    fake.remove(REMEDIATIONS, "zen/e");
    fake.put(REMEDIATIONS, "zen", "a", remediation("failed"));
    fake.put(REMEDIATIONS, "zen", "f", remediation("rolled_back"));
    fake.compact();
    fake.state().away = false;
    running.told(4).await;
    assert_eq!(counts(&metrics), [0, 0, 1, 1, 1, 0]);
    assert_eq!(counts(&metrics), recount(&running.store));

    let text = metrics.render().unwrap();
    let recorded = |status: &str| {
        let series = format!("zen_agent_crd_age_seconds_count{{status=\"{status}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(series.as_str()).map(str::to_owned)).unwrap()
    };
    assert_eq!(recorded("succeeded"), "2", "an update that keeps the status records nothing");
    assert_eq!(recorded("in_progress"), "2");
    assert_eq!(recorded("rolled_back"), "1");

    drop(running);
    soon("an informer that ends takes its counts along", async {
        while counts(&metrics) != [0; 6] {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn whatever_becomes_of_a_patch_has_the_remediation_looked_at_that_has_it() {
    let (fake, metrics) = (Fake::new(), Metrics::new());
    let backlog = Backlog::new(Backoff::default(), 1, metrics.queue_depth.clone());
    let patch = |phase: &str| {
        let mut patch = remediation(phase);
        let owner =
            json!({ "apiVersion": "zen.kube-zen.io/v1", "kind": "ZenAgentRemediation", "name": "all", "uid": "u", "controller": true });
        patch["metadata"] = json!({ "ownerReferences": [owner], "annotations": { "zen.kube-zen.io/patch-of": "u" } });
        patch
    };
    fake.put(REMEDIATIONS, "zen", "all", remediation("in_progress"));
    fake.put(REMEDIATIONS, "zen", "first", patch("pending"));
    let quota = crate::served::unlimited();
    let informer = remediations::informer(Api::all(fake.client()), config(), metrics.clone(), backlog.clone(), quota);
    let mut running = Running::start(informer).await;
    running.told(2).await;
    let settled = |what: &str| {
        assert_eq!(backlog.len(), 1, "{what}");
        backlog.remove(&ObjectKey::new("zen", "all"));
        assert!(backlog.is_empty(), "{what}");
    };
    backlog.remove(&ObjectKey::new("zen", "first"));
    settled("what is in progress is work by itself");
    fake.put(REMEDIATIONS, "zen", "first", patch("succeeded"));
    running.told(1).await;
    settled("a patch has ended");
    fake.remove(REMEDIATIONS, "zen/first");
    running.told(1).await;
    settled("a patch is deleted");
}

#[tokio::test]
async fn a_malformed_remediation_is_counted_as_unknown_and_is_no_work() {
    let (fake, metrics) = (Fake::new(), Metrics::new());
    let backlog = Backlog::new(Backoff::default(), 1, metrics.queue_depth.clone());
    fake.put(
        REMEDIATIONS,
        "zen",
        "never",
        json!({ "spec": { "scheduledTime": "9999-12-31T23:59:59Z" }, "status": { "phase": "succeeded" } }),
    );
    fake.put(REMEDIATIONS, "zen", "fine", remediation("succeeded"));
    let quota = crate::served::unlimited();
    let informer = remediations::informer(Api::all(fake.client()), config(), metrics.clone(), backlog.clone(), quota);
    let mut running = Running::start(informer).await;
    running.told(2).await;
    assert_eq!((counts(&metrics), counts(&metrics)), (vec![0, 0, 1, 0, 0, 1], recount(&running.store)));
    fake.put(REMEDIATIONS, "zen", "never", remediation("failed"));
    running.told(1).await;
    assert_eq!((counts(&metrics), counts(&metrics)), (vec![0, 0, 1, 1, 0, 0], recount(&running.store)));
    assert!(backlog.is_empty(), "what has ended is no work");
}

#[test]
fn the_recorded_size_is_that_of_the_json() {
    let object = zen_agent::fixtures::Fixtures::new(3, jiff::Timestamp::now()).size(3_000).generate(1).next().unwrap();
    assert_eq!(remediations::Summary::of(&object, &crate::served::unlimited()).bytes, 3_000, "{}", object.name_any());
}
