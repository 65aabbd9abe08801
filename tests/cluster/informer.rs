//! The informer in bad weather: whatever happens between it and the objects, afterwards its cache, its counts and the
//! server say the same.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use controlplane::{ControlPlane, Program};
use http::Request;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    client::Body,
};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zen_agent::{
    fixtures::{self, Fixtures},
    informer::{Config, Informer, Store, remediations},
    queue::Backoff,
    remediation::{Phase, ZenAgentRemediation},
    telemetry::Metrics,
    worker::Backlog,
};

use crate::{engine::unlimited, ground::Ground, proxy::Proxy, soon};

const SPACE: &str = "default";

fn config() -> Config {
    let backoff = Backoff { base: Duration::from_millis(20), max: Duration::from_millis(200) };
    Config { page_size: 7, resync: Duration::from_secs(600), backoff }
}

/// Two informers, of different types, by way of a proxy.
struct Weather {
    ground: Ground,
    proxy: Proxy,
    pods: Store<String>,
    remediations: Store<remediations::Summary>,
    metrics: Metrics,
    shutdown: CancellationToken,
    running: [JoinHandle<()>; 2],
    created: usize,
}

impl Weather {
    async fn fair() -> Self {
        let ground = Ground::clean().await;
        let address = endpoint(ground.control_plane()).await;
        let proxy = Proxy::before(address.parse().unwrap()).await;
        let client = proxy.client(&ground.control_plane().kubeconfig()).await;
        let (metrics, shutdown) = (Metrics::new(), CancellationToken::new());
        let backlog = Backlog::new(Backoff::default(), 1, metrics.queue_depth.clone());
        let of_pods = Informer::new(Api::namespaced(client.clone(), SPACE), config(), |pod: &Pod| pod.resource_version().unwrap());
        let of_remediations = remediations::informer(Api::namespaced(client, SPACE), config(), metrics.clone(), backlog, unlimited());
        let (pods, remediations) = (of_pods.store(), of_remediations.store());
        let running = [tokio::spawn(of_pods.run(shutdown.clone())), tokio::spawn(of_remediations.run(shutdown.clone()))];
        let mut weather = Self { ground, proxy, pods, remediations, metrics, shutdown, running, created: 0 };
        weather.change().await;
        weather.change().await;
        weather.agrees("from the start").await;
        weather
    }

    /// Creates, changes and deletes some of both.
    async fn change(&mut self) {
        let (pods, remediations) = (Api::<Pod>::namespaced(self.ground.client.clone(), SPACE), self.api());
        let batch = self.created;
        self.created += 1;
        let some = Fixtures::new(1, Timestamp::now()).batch(format!("batch-{batch}")).status(Phase::Pending);
        fixtures::create(&remediations, some.generate(10), 4).await.unwrap();
        for index in 0..10 {
            let pod = json!({ "metadata": { "name": format!("batch-{batch}-{index:06}") }, "spec": { "containers": [{ "name": "c", "image": "i" }] } });
            pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
        }
        for phase in ["in_progress", "succeeded", "failed"] {
            let index = ["in_progress", "succeeded", "failed"].iter().position(|other| *other == phase).unwrap();
            let (name, patch) = (format!("batch-{batch}-{index:06}"), Patch::Merge(json!({ "status": { "phase": phase } })));
            remediations.patch_status(&name, &PatchParams::default(), &patch).await.unwrap();
            let touched = Patch::Merge(json!({ "metadata": { "labels": { "touched": phase } } }));
            pods.patch(&name, &PatchParams::default(), &touched).await.unwrap();
        }
        // Of this batch, and of the one before, if there is one: that one has been seen.
        for batch in [Some(batch), batch.checked_sub(1)].into_iter().flatten() {
            for index in [5 + self.created % 2, 8] {
                let name = format!("batch-{batch}-{index:06}");
                for gone in [
                    remediations.delete(&name, &DeleteParams::default()).await.err(),
                    pods.delete(&name, &DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() }).await.err(),
                ] {
                    assert!(gone.is_none() || matches!(gone, Some(kube::Error::Api(ref status)) if status.is_not_found()), "{gone:?}");
                }
            }
        }
    }

    fn api(&self) -> Api<ZenAgentRemediation> {
        Api::namespaced(self.ground.client.clone(), SPACE)
    }

    /// Waits until caches and counts are what the server lists.
    async fn agrees(&self, when: &str) {
        let pods = Api::<Pod>::namespaced(self.ground.client.clone(), SPACE);
        let (mut seen, mut wanted) = (None, None);
        let agreed = async {
            loop {
                let listed = (
                    listing(&pods, |pod| pod.resource_version().unwrap()).await,
                    listing(&self.api(), |object| object.phase().label().to_owned()).await,
                );
                let cached = (cached(&self.pods, String::clone), cached(&self.remediations, |summary| summary.phase.label().to_owned()));
                let counted = Phase::LABELS.map(|status| self.metrics.crd_count.with_label_values(&[status]).get());
                let count = |status: &str| listed.1.values().filter(|phase| *phase == status).count();
                let expected = Phase::LABELS.map(|status| i64::try_from(count(status)).unwrap());
                (seen, wanted) = (Some((cached, counted)), Some((listed, expected)));
                if seen == wanted {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await; // pacing of a poll with a deadline
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(60), agreed).await;
        assert!(in_time.is_ok(), "{when}: the informers say {seen:?}, the server {wanted:?}");
    }

    async fn control(&self, what: impl FnOnce(&ControlPlane) + Send + 'static) {
        let control_plane = self.ground.control_plane();
        tokio::task::spawn_blocking(move || what(control_plane)).await.unwrap();
    }

    async fn ends(self) {
        self.shutdown.cancel();
        for running in self.running {
            soon("the informer ends", running).await.unwrap();
        }
    }
}

async fn listing<K: Resource + Clone + DeserializeOwned + Debug>(api: &Api<K>, of: impl Fn(&K) -> String) -> BTreeMap<String, String> {
    api.list(&ListParams::default()).await.unwrap().items.iter().map(|object| (object.meta().name.clone().unwrap(), of(object))).collect()
}

fn cached<V>(store: &Store<V>, of: impl Fn(&V) -> String) -> BTreeMap<String, String> {
    store.list(SPACE).into_iter().map(|(name, value)| (name, of(&value))).collect()
}

/// Host and port of the API server.
async fn endpoint(control_plane: &ControlPlane) -> String {
    let kubeconfig = kube::config::Kubeconfig::read_from(control_plane.kubeconfig()).unwrap();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await.unwrap();
    config.cluster_url.authority().unwrap().to_string()
}

#[tokio::test]
async fn connections_that_are_reset_and_a_server_that_is_out_of_reach() {
    let mut weather = Weather::fair().await;
    for round in 0..5 {
        weather.proxy.cut();
        weather.proxy.open();
        weather.change().await;
        weather.agrees(&format!("after reset {round}")).await;
        weather.proxy.cut();
        weather.change().await;
        weather.change().await;
        weather.proxy.open();
        weather.agrees(&format!("after absence {round}")).await;
    }
    weather.ends().await;
}

#[tokio::test]
async fn an_api_server_that_is_killed_and_has_lost_its_history_while_objects_were_deleted() {
    let mut weather = Weather::fair().await;
    weather.control(|it| it.kill(Program::ApiServer)).await;
    // The informers come back later than the server: what happened until then, they missed.
    weather.proxy.cut();
    weather.control(|it| it.restart(Program::ApiServer)).await;
    weather.change().await;
    weather.proxy.open();
    weather.agrees("after the restart").await;
    weather.change().await;
    weather.agrees("and on").await;
    weather.ends().await;
}

#[tokio::test]
async fn an_etcd_that_is_killed_and_an_api_server_that_freezes() {
    let mut weather = Weather::fair().await;
    weather.control(|it| it.kill(Program::Etcd)).await;
    weather.control(|it| it.restart(Program::Etcd)).await;
    weather.control(soon_ready).await;
    weather.change().await;
    weather.agrees("after etcd's restart").await;
    weather.control(|it| it.pause(Program::ApiServer)).await;
    // It says nothing for a while, with all connections standing.
    tokio::time::sleep(Duration::from_secs(5)).await; // how long it is frozen
    weather.control(|it| it.resume(Program::ApiServer)).await;
    weather.change().await;
    weather.agrees("after it was frozen").await;
    weather.ends().await;
}

/// Waits until the API server answers again.
fn soon_ready(control_plane: &ControlPlane) {
    let begun = std::time::Instant::now();
    while !control_plane.kubectl().args(["get", "--raw", "/readyz"]).output().unwrap().status.success() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the API server is not ready");
        std::thread::sleep(Duration::from_millis(100)); // pacing of a poll with a deadline
    }
}

/// A listing whose snapshot is thrown away between its pages.
#[tokio::test]
async fn a_listing_that_expires_in_the_middle() {
    let weather = Weather::fair().await;
    let expired = Arc::new(AtomicUsize::new(0));
    let (direct, seen, control_plane) = (weather.ground.client.clone(), expired.clone(), weather.ground.control_plane());
    let first = Arc::new(AtomicUsize::new(0));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (direct, seen, first) = (direct.clone(), seen.clone(), first.clone());
        async move {
            if request.uri().query().is_some_and(|query| query.contains("continue=")) && first.fetch_add(1, Ordering::SeqCst) == 0 {
                tokio::task::spawn_blocking(|| control_plane.forget()).await.unwrap();
            }
            let answer = direct.send(request).await?;
            seen.fetch_add(usize::from(answer.status() == 410), Ordering::SeqCst);
            Ok::<_, kube::Error>(answer)
        }
    });
    let informer =
        Informer::new(Api::namespaced(Client::new(service, SPACE), SPACE), config(), |pod: &Pod| pod.resource_version().unwrap());
    let (store, shutdown) = (informer.store(), CancellationToken::new());
    let running = tokio::spawn(informer.run(shutdown.clone()));
    soon("the cache is synced", store.synced()).await;
    assert_eq!(expired.load(Ordering::SeqCst), 1, "the listing did expire");
    let pods = Api::<Pod>::namespaced(weather.ground.client.clone(), SPACE);
    assert_eq!(cached(&store, String::clone), listing(&pods, |pod| pod.resource_version().unwrap()).await);
    shutdown.cancel();
    soon("the informer ends", running).await.unwrap();
    weather.ends().await;
}
