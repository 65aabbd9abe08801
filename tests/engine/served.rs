//! The same promises where a server answers: here the embedded one, in `tests/cluster` a real one.

use std::{num::NonZeroUsize, sync::Mutex, time::Duration};

use futures::{TryStreamExt, future};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use zen_agent::{
    fixtures::{self, Fixtures},
    informer::{Config, Informer, Store, remediations},
    key::ObjectKey,
    queue::Backoff,
    quota::Quota,
    remediation::{Phase, ZenAgentRemediation},
    retention::{Limit, Mode, Retention, Sweep, SweepReport, TerminalPhase},
    stream,
    telemetry::Metrics,
    worker::Backlog,
};

use crate::{server::Server, soon};

/// A quota that is not what a test is about.
pub(crate) fn unlimited() -> Quota {
    Quota::new(NonZeroUsize::MAX, &"own".parse().unwrap(), [])
}

fn config() -> Config {
    let backoff = Backoff { base: Duration::from_millis(5), max: Duration::from_millis(20) };
    Config { page_size: 50, resync: Duration::from_secs(600), backoff }
}

/// Waits until the metric says `expected` of each status, and so does the cache.
async fn counted(metrics: &Metrics, store: &Store<remediations::Summary>, expected: [i64; 6]) {
    let of_metric = |status: &str| metrics.crd_count.with_label_values(&[status]).get();
    let of_cache = |status: &str| store.list("default").iter().filter(|(_, seen)| seen.phase.label() == status).count();
    soon(&format!("{expected:?} are counted"), async {
        while Phase::LABELS.map(of_metric) != expected {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(Phase::LABELS.map(of_cache).map(|count| i64::try_from(count).unwrap()), expected);
}

async fn set_phase(api: &Api<ZenAgentRemediation>, name: &str, phase: &str) {
    let patch = Patch::Merge(json!({ "status": { "phase": phase } }));
    api.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test]
async fn counts_survive_a_restart_of_the_server_and_a_history_that_is_too_short() {
    let server = Server::start().await;
    let api: Api<ZenAgentRemediation> = Api::namespaced(server.client().await, "default");
    for phase in [Phase::Pending, Phase::Succeeded, Phase::Failed] {
        let some = Fixtures::new(1, jiff::Timestamp::now()).batch(phase.label()).status(phase);
        fixtures::create(&api, some.generate(60), 8).await.unwrap();
    }
    let metrics = Metrics::new();
    let backlog = Backlog::new(Backoff::default(), 1, metrics.queue_depth.clone());
    let informer = remediations::informer(Api::all(server.client().await), config(), metrics.clone(), backlog.clone(), unlimited());
    let (store, shutdown) = (informer.store(), CancellationToken::new());
    let running = tokio::spawn(informer.run(shutdown.clone()));
    soon("the cache is synced", store.synced()).await;
    counted(&metrics, &store, [60, 0, 60, 60, 0, 0]).await;

    set_phase(&api, "pending-000000", "in_progress").await;
    api.delete("failed-000000", &DeleteParams::default()).await.unwrap();
    counted(&metrics, &store, [59, 1, 60, 59, 0, 0]).await;
    assert_eq!(backlog.len(), 60);

    server.kill().await;
    server.restart().await;
    // Nobody has told the informer yet, and these are more than the new history holds.
    for index in 0..40 {
        api.delete(&format!("succeeded-{index:06}"), &DeleteParams::default()).await.unwrap();
    }
    set_phase(&api, "pending-000000", "rolled_back").await;
    counted(&metrics, &store, [59, 0, 20, 59, 1, 0]).await;
    shutdown.cancel();
    soon("the informer ends", running).await.unwrap();
}

#[tokio::test]
async fn pods_are_followed_as_remediations_are() {
    let server = Server::start().await;
    let pods: Api<Pod> = Api::namespaced(server.client().await, "default");
    let pod = |name: &str| {
        serde_json::from_value(json!({ "metadata": { "name": name }, "spec": { "containers": [{ "name": name, "image": "i" }] } }))
    };
    pods.create(&PostParams::default(), &pod("first").unwrap()).await.unwrap();
    let informer = Informer::new(Api::all(server.client().await), config(), |pod: &Pod| pod.uid());
    let (store, shutdown) = (informer.store(), CancellationToken::new());
    let running = tokio::spawn(informer.run(shutdown.clone()));
    soon("the cache is synced", store.synced()).await;
    assert!(store.get(&ObjectKey::new("default", "first")).is_some());
    let created = pods.create(&PostParams::default(), &pod("second").unwrap()).await.unwrap();
    soon("the second pod is seen", async {
        while store.len() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(store.get(&ObjectKey::of(&created)).as_deref(), Some(&created.uid()));
    pods.delete("first", &DeleteParams::default()).await.unwrap();
    soon("the first pod is gone", async {
        while store.len() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    shutdown.cancel();
    soon("the informer ends", running).await.unwrap();
}

#[tokio::test]
async fn retention_deletes_two_thousand_page_by_page_and_only_what_it_may() {
    let server = Server::start().await;
    let api: Api<ZenAgentRemediation> = Api::namespaced(server.client().await, "default");
    let old = |phase: Phase| {
        Fixtures::new(1, jiff::Timestamp::now()).batch(phase.label().replace('_', "-")).status(phase).age(Duration::from_secs(7_200))
    };
    for phase in [Phase::Succeeded, Phase::Failed] {
        fixtures::create(&api, old(phase).generate(1_000), 64).await.unwrap();
    }
    for phase in [Phase::Pending, Phase::InProgress] {
        fixtures::create(&api, old(phase).generate(3), 8).await.unwrap();
    }
    fixtures::create(&api, old(Phase::Succeeded).batch("young").age(Duration::ZERO).generate(3), 8).await.unwrap();
    let older = Patch::Merge(json!({ "status": { "phase": null, "state": "failed", "completedAt": "2020-01-01T00:00:00.000000Z" } }));
    api.patch_status("pending-000000", &PatchParams::default(), &older).await.unwrap();

    let own = "own".parse().unwrap();
    let retention = Retention::new(server.client().await, Some("default".to_owned()), own, Metrics::new());
    let sweep = Sweep {
        older_than: Limit::Exactly(Duration::from_secs(3_600)),
        statuses: TerminalPhase::ALL.to_vec(),
        mode: Mode::Delete,
        tenant: Some("own".parse().unwrap()),
    };
    let expected = SweepReport { matched: 2_001, ..SweepReport::default() };
    assert_eq!(retention.sweep(&Sweep { mode: Mode::Preview, ..sweep.clone() }).await, expected);
    assert_eq!(retention.sweep(&sweep).await, SweepReport { deleted: 2_001, ..expected });
    // Those that are deleted go one by one, once the garbage collector has found no dependents.
    let all = api.list(&ListParams::default()).await.unwrap();
    let staying = all.items.iter().filter(|object| object.metadata.deletion_timestamp.is_none());
    assert_eq!(staying.count(), 8);
    assert_eq!(retention.sweep(&sweep).await.matched, 0, "what is on its way is not deleted again");
}

#[tokio::test]
async fn a_listing_whose_snapshot_is_gone_goes_on_without_skipping_or_repeating() {
    let server = Server::start().await;
    let maps: Api<ConfigMap> = Api::namespaced(server.client().await, "default");
    let create = async |name: &str| {
        let map = serde_json::from_value(json!({ "metadata": { "name": name, "labels": { "of": "this" } } })).unwrap();
        maps.create(&PostParams::default(), &map).await.unwrap();
    };
    let mut names = Vec::new();
    for index in 0..30 {
        let name = format!("map-{index:03}");
        create(&name).await;
        names.push(name);
    }
    let params = ListParams::default().labels("of=this");
    let mut listing = Box::pin(stream::pages::<ConfigMap>(maps.clone(), params.clone(), 10));
    let mut listed = Vec::new();
    while let Some(page) = listing.try_next().await.unwrap() {
        listed.extend(page.items.iter().map(ResourceExt::name_any));
        if listed.len() == 10 {
            let token = maps.list(&params.clone().limit(10)).await.unwrap().metadata.continue_;
            server.forget().await;
            // Behind the place of the listing, and before it.
            create("map-000-more").await;
            create("map-029-more").await;
            let expired = maps.list(&params.clone().limit(10).continue_token(&token.unwrap())).await.unwrap_err();
            assert!(matches!(expired, kube::Error::Api(ref status) if status.code == 410), "{expired}");
        }
    }
    names.push("map-029-more".to_owned());
    assert_eq!(listed, names);
}

/// Every third of the failed ones is of falco: what the server selects, and what is filtered on top.
#[tokio::test]
async fn a_filtered_stream_of_thousands_yields_each_once_in_bounded_batches() {
    let server = Server::start().await;
    let api: Api<ZenAgentRemediation> = Api::namespaced(server.client().await, "default");
    for (phase, count) in [(Phase::Succeeded, 2_000), (Phase::Failed, 1_000)] {
        let some = Fixtures::new(1, jiff::Timestamp::now()).batch(phase.label()).status(phase);
        fixtures::create(&api, some.generate(count), 64).await.unwrap();
    }
    let params = ListParams::default().fields("status.phase=failed").labels(&format!("{}=failed", fixtures::BATCH_LABEL));
    let selected = stream::objects(api.clone(), params, 100);
    let of_falco = selected.try_filter(|object| future::ready(object.spec.source.as_deref() == Some("falco")));
    let (sizes, names) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let done = stream::for_each_batch(of_falco, 50, 4, |batch| {
        sizes.lock().unwrap().push(batch.len());
        names.lock().unwrap().extend(batch.iter().map(ResourceExt::name_any));
        future::ok(())
    });
    done.await.unwrap();
    let expected = Fixtures::new(1, jiff::Timestamp::now()).batch("failed").status(Phase::Failed).generate(1_000);
    let expected: Vec<_> =
        expected.filter(|object| object.spec.source.as_deref() == Some("falco")).map(|object| object.name_any()).collect();
    assert!(expected.len() > 200, "{}", expected.len());
    assert_eq!(names.into_inner().unwrap(), expected);
    assert!(sizes.into_inner().unwrap().iter().all(|size| *size <= 50));
}
