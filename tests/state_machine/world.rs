//! An API server, one workload, four remediations of it, and the agent that acts on them.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use embedded_kube::{EmbeddedKube, Options};
use futures::future::BoxFuture;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Namespace};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::watch, time::timeout};
use zen_agent::{
    emergency::{EmergencyStop, Halt, Order},
    kube_events::Events,
    lease::Tenure,
    pipeline::{Pipeline, Settings},
    policy::{Guardrails, Live, Policy},
    remediation::{ActionKind, HELD, Reason, ZenAgentRemediation, crd},
    telemetry::Metrics,
};

use crate::faults::{Fault, Faults};

/// Of these, the even ones run by themselves, and each wants as many replicas as its number.
pub(crate) const REMEDIATIONS: usize = 4;
/// What is wanted of the workload at first; others set four to seven.
const AT_FIRST: i32 = 4;
const SHOP: &str = "shop";
const PATIENCE: Duration = Duration::from_secs(180);

/// How everything stands.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) remediations: Vec<ZenAgentRemediation>,
    pub(crate) replicas: i32,
    pub(crate) uid: String,
    /// What another party set last.
    pub(crate) theirs: i32,
}

/// What is there without the agent.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) client: Client,
    pub(crate) events: Events,
    theirs: Arc<AtomicI32>,
    /// What people have read of each remediation.
    read: Arc<Mutex<Vec<ZenAgentRemediation>>>,
    _directory: Arc<TempDir>,
}

pub(crate) struct World {
    pub(crate) ground: Ground,
    metrics: Metrics,
    faults: Faults,
    leader: Arc<Pipeline>,
    orders: watch::Sender<Option<Order>>,
    emergency: EmergencyStop,
}

impl Ground {
    async fn new(metrics: &Metrics) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let client = EmbeddedKube::open(directory.path(), Options::default()).unwrap().client("default");
        let namespace: Namespace = serde_json::from_value(json!({ "metadata": { "name": SHOP } })).unwrap();
        Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        Api::all(client.clone()).create(&PostParams::default(), &crd()).await.unwrap();
        let events = Events::start(client.clone(), metrics.clone());
        let ground = Self { client, events, theirs: Arc::default(), read: Arc::default(), _directory: directory };
        ground.deploy().await;
        for which in 0..REMEDIATIONS {
            let spec = json!({
                "target": { "apiVersion": "apps/v1", "kind": "Deployment", "namespace": SHOP, "name": "web" },
                "action": { "scale": { "replicas": which } }, "mode": if which % 2 == 0 { "automatic" } else { "propose" },
            });
            let remediation = ZenAgentRemediation::new(&name(which), serde_json::from_value(spec).unwrap());
            let remediation = ground.remediations().create(&PostParams::default(), &remediation).await.unwrap();
            ground.read.lock().unwrap().push(remediation);
        }
        ground
    }

    async fn deploy(&self) {
        let template =
            json!({ "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [{ "name": "web", "image": "web:1" }] } });
        let spec = json!({ "replicas": AT_FIRST, "selector": { "matchLabels": { "app": "web" } }, "template": template });
        let web = serde_json::from_value(json!({ "metadata": { "name": "web" }, "spec": spec })).unwrap();
        self.deployments().create(&PostParams::default(), &web).await.unwrap();
        self.theirs.store(AT_FIRST, Ordering::SeqCst);
    }

    fn remediations(&self) -> Api<ZenAgentRemediation> {
        self.remediations_through(self.client.clone())
    }

    pub(crate) fn remediations_through(&self, client: Client) -> Api<ZenAgentRemediation> {
        Api::namespaced(client, SHOP)
    }

    fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.client.clone(), SHOP)
    }

    async fn read(&self, which: usize) -> ZenAgentRemediation {
        self.remediations().get(&name(which)).await.unwrap()
    }

    /// What a person decides on: what is there, or what was when it was last read for one.
    pub(crate) async fn read_by_a_person(&self, which: usize, late: bool) -> ZenAgentRemediation {
        if !late {
            let now = self.read(which).await;
            self.read.lock().unwrap()[which] = now;
        }
        self.read.lock().unwrap()[which].clone()
    }

    pub(crate) async fn look(&self) -> Look {
        let web = self.deployments().get("web").await.unwrap();
        let mut remediations = Vec::new();
        for which in 0..REMEDIATIONS {
            remediations.push(self.read(which).await);
        }
        let (replicas, theirs) = (web.spec.unwrap().replicas.unwrap(), self.theirs.load(Ordering::SeqCst));
        Look { remediations, replicas, uid: web.metadata.uid.unwrap(), theirs }
    }

    pub(crate) async fn theirs(&self, replicas: i32) {
        let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        self.deployments().patch("web", &PatchParams::default(), &patch).await.unwrap();
        self.theirs.store(replicas, Ordering::SeqCst);
    }

    pub(crate) async fn settle(&self) {
        let web = self.deployments().get("web").await.unwrap();
        let replicas = web.spec.unwrap().replicas;
        let status = json!({ "status": {
            "observedGeneration": web.metadata.generation, "replicas": replicas, "updatedReplicas": replicas,
            "readyReplicas": replicas, "availableReplicas": replicas,
        } });
        self.deployments().patch_status("web", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    }

    pub(crate) async fn replace(&self) {
        self.deployments().delete("web", &DeleteParams::default()).await.unwrap();
        self.deploy().await;
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let metrics = Metrics::new();
        let ground = Ground::new(&metrics).await;
        let (orders, emergency) = EmergencyStop::new();
        orders.send_replace(Some(Order::Proceed));
        let faults = Faults::default();
        let leader = Arc::new(leader(&faults, &ground, &metrics, &emergency));
        Self { ground, metrics, faults, leader, orders, emergency }
    }

    pub(crate) async fn pass(&self, which: usize, fault: Option<&Fault>, deed: Option<(usize, BoxFuture<'static, ()>)>) {
        self.faults.plan(fault, None);
        self.faults.amid(deed);
        // Whether it failed, or waits, shows on the object.
        drop(timeout(PATIENCE, self.leader.reconcile(SHOP, &name(which))).await.expect("a pass ends in time"));
        self.faults.amid(None);
    }

    pub(crate) async fn crash(&mut self, which: usize, call: usize) {
        self.faults.plan(None, Some(call));
        let name = name(which);
        tokio::select! {
            passed = timeout(PATIENCE, self.leader.reconcile(SHOP, &name)) => drop(passed.expect("a pass ends in time")),
            () = self.faults.crashed() => {}
        }
        self.new_leader();
    }

    pub(crate) fn new_leader(&mut self) {
        self.faults = Faults::default();
        self.leader = Arc::new(leader(&self.faults, &self.ground, &self.metrics, &self.emergency));
    }

    pub(crate) fn stop(&self, stopped: bool) {
        let order = if stopped { Order::Halt(Halt::Ordered { by: None, reason: None }) } else { Order::Proceed };
        self.orders.send_replace(Some(order));
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.emergency.order() != Order::Proceed
    }

    /// Nothing fails any more, the workload follows, and the leader looks until nothing changes: how everything stood after each.
    pub(crate) async fn calm(&mut self) -> Vec<Look> {
        self.stop(false);
        let mut looks = Vec::new();
        let calm = async {
            let mut before: Option<Value> = None;
            loop {
                let mut waits = false;
                for which in 0..REMEDIATIONS {
                    self.ground.settle().await;
                    self.faults.plan(None, None);
                    let passed = self.leader.reconcile(SHOP, &name(which)).await;
                    waits |= passed.is_ok_and(|progress| progress.is_some_and(|progress| progress.next.is_some()));
                    looks.push(self.ground.look().await);
                }
                let remediations = self.ground.look().await.remediations;
                let versions: Value = remediations.iter().map(|one| json!(one.metadata.resource_version)).collect();
                if !waits && before.as_ref() == Some(&versions) {
                    return;
                }
                // An action that failed too often is left alone for a minute, but by a leader who knows nothing of it.
                if remediations.iter().any(is_held_by_circuit) {
                    self.new_leader();
                }
                before = Some(versions);
                tokio::time::sleep(Duration::from_millis(20)).await; // pacing of a poll with a deadline
            }
        };
        timeout(PATIENCE, calm).await.expect("it comes to rest");
        looks
    }
}

fn name(which: usize) -> String {
    format!("r{which}")
}

fn is_held_by_circuit(object: &ZenAgentRemediation) -> bool {
    object.condition(HELD).is_some_and(|held| held.status == "True" && held.reason == Reason::CircuitOpen.as_str())
}

fn leader(faults: &Faults, ground: &Ground, metrics: &Metrics, emergency: &EmergencyStop) -> Pipeline {
    let settings = Settings {
        watch_namespace: None,
        actions: BTreeSet::from(ActionKind::ALL),
        validation_timeout: Duration::from_millis(150),
        reach: Default::default(),
    };
    let client = faults.client(ground.client.clone());
    let policy = Live::new(Policy::observing(Guardrails::none()), "zen-agent");
    Pipeline::new(client, settings, policy, ground.events.clone(), metrics.clone(), Tenure::endless(), emergency.clone())
}
