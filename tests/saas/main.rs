//! What the SaaS is told, whatever it answers: on the embedded Kubernetes API, with a real HTTPS stand-in for the SaaS.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

#[path = "../dev/agent.rs"]
#[allow(dead_code, reason = "the tests reach a part of it")]
mod agent;
mod doctor;
mod killed;
mod letters;
#[path = "../support/serve.rs"]
mod serve;
mod standin;
mod telling;

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use embedded_kube::{EmbeddedKube, Options};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zen_agent::{
    dev::credentials::Credentials,
    informer::{self, remediations},
    queue::Backoff,
    quota::Quota,
    remediation::{ZenAgentRemediation, crd},
    saas::{Peer, Saas, Settings, SpoolError},
    telemetry::{Health, Metrics},
    worker::Backlog,
};

use standin::{Answer, StandIn};

const NAMESPACE: &str = "zen-agent";
/// How long anything that a test waits for may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// A cluster, and a SaaS.
struct Ground {
    state: TempDir,
    client: Client,
    saas: StandIn,
}

impl Ground {
    async fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        Credentials::prepare(state.path(), "https://127.0.0.1:0", jiff::Timestamp::now()).unwrap();
        let kube = EmbeddedKube::open(&state.path().join("kubernetes"), Options::default()).unwrap();
        kube.seed(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } })).await.unwrap();
        kube.seed(serde_json::to_value(crd()).unwrap()).await.unwrap();
        let saas = StandIn::start(state.path()).await;
        Self { client: kube.client(NAMESPACE), saas, state }
    }

    /// A leader whose spool is in this folder.
    async fn leader(&self, spool: &str) -> Leader {
        Leader::start(self.client.clone(), self.state.path(), &self.saas.url(), self.spool(spool)).await
    }

    fn spool(&self, name: &str) -> PathBuf {
        self.state.path().join(name)
    }

    fn objects(&self) -> Api<ZenAgentRemediation> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    async fn create(&self, name: &str) {
        self.create_of(name, "dev").await;
    }

    /// A task's remediation of this tenant; the SaaS knows it as `rem-NAME`.
    async fn create_of(&self, name: &str, tenant: &str) {
        let object = json!({
            "apiVersion": "zen.kube-zen.io/v1", "kind": "ZenAgentRemediation",
            "metadata": { "name": name, "labels": { "zen.kube-zen.io/tenant": tenant } },
            "spec": { "remediationId": format!("rem-{name}"), "action": { "scale": { "replicas": 0 } },
                "request": { "id": "i", "digest": "d", "index": 0, "executionId": format!("exec-{name}") } },
        });
        self.objects().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    }

    /// What the pipeline would write.
    async fn set(&self, name: &str, phase: &str) {
        self.set_with(name, phase, json!([])).await;
    }

    async fn set_with(&self, name: &str, phase: &str, steps: Value) {
        let now = k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime(jiff::Timestamp::now());
        let patch = Patch::Merge(json!({ "status": { "phase": phase, "updatedAt": now, "steps": steps } }));
        self.objects().patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }

    async fn delete(&self, name: &str) {
        self.objects().delete(name, &DeleteParams::default()).await.unwrap();
    }

    async fn synced(&self, name: &str) -> Option<bool> {
        self.objects().get(name).await.unwrap().status.and_then(|status| status.synced)
    }

    /// Waits until the object says whether the SaaS knows it.
    async fn until_synced(&self, name: &str, wanted: bool) {
        until(&format!("{name} says that the SaaS knows it: {wanted}"), async || self.synced(name).await == Some(wanted)).await;
    }

    /// Waits until this is the last that came of a remediation.
    async fn until_told(&self, name: &str, status: &str) {
        let id = format!("rem-{name}");
        until(&format!("{name} is told as {status}"), async || self.saas.told(&id).last().is_some_and(|last| last == status)).await;
    }
}

/// The part of a leader that tells the SaaS; it is gone, as by a crash, when it is dropped.
struct Leader {
    metrics: Metrics,
    health: Health,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Leader {
    async fn start(client: Client, state: &Path, base: &str, folder: PathBuf) -> Self {
        let (metrics, health) = (Metrics::new(), Health::default());
        let peer = Peer { base: base.to_owned(), credentials: state.join("client"), ca: None };
        let tenant: zen_agent::identity::Tenant = "dev".parse().unwrap();
        let settings = Settings { peer, folder, cluster: "dev-cluster".into(), tenant: tenant.clone(), namespace: NAMESPACE.into() };
        let saas = open(&settings, &client, &metrics, &health).await;
        let backlog = Backlog::new(Backoff::default(), 1, metrics.queue_depth.clone());
        let quota = Quota::new(NonZeroUsize::MAX, &tenant, []);
        let informer = remediations::informer(Api::all(client), informer::Config::default(), metrics.clone(), backlog, quota);
        let informer = informer.handler(saas.watch());
        let tasks = [tokio::spawn(informer.run(CancellationToken::new())), tokio::spawn(async move { saas.run().await })];
        Self { metrics, health, tasks }
    }

    /// Stops it, and waits until nothing of it runs.
    async fn stop(mut self) {
        for task in &mut self.tasks {
            task.abort();
            drop(task.await);
        }
    }

    /// The value of a metric's line.
    fn metric(&self, line: &str) -> Option<f64> {
        let text = self.metrics.render().unwrap();
        text.lines().find_map(|found| found.strip_prefix(line)?.trim().parse().ok())
    }
}

/// Opens the spool, once the one before has closed it.
async fn open(settings: &Settings, client: &Client, metrics: &Metrics, health: &Health) -> Saas {
    let begun = tokio::time::Instant::now();
    loop {
        match Saas::open(settings.clone(), client.clone(), metrics, health) {
            Err(SpoolError::InUse(_)) if begun.elapsed() < DEADLINE => tokio::time::sleep(Duration::from_millis(20)).await, // pacing
            opened => return opened.unwrap(),
        }
    }
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let begun = tokio::time::Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < DEADLINE, "it does not come to this: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await; // pacing of a poll with a deadline
    }
}

/// The dead letters of a spool, as the command line shows them.
fn listed(spool: &Path) -> Vec<Value> {
    serde_json::from_str(&command(spool, &["list", "-o", "json"])).unwrap()
}

/// Runs `zen-agent spool`.
fn command(spool: &Path, arguments: &[&str]) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_zen-agent"));
    let output = command.arg("spool").args(arguments).arg("--spool-dir").arg(spool).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
