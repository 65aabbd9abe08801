//! An API server, one workload, four remediations of it, and who acts on them.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use embedded_kube::{EmbeddedKube, Options};
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
    events::Events,
    lease::Tenure,
    pipeline::{Pipeline, Settings},
    policy::{Guardrails, Live, Policy},
    remediation::{ActionKind, ZenAgentRemediation, crd},
    telemetry::Metrics,
};

use crate::faults::{Fault, Faults};

/// Of these, the even ones run by themselves, and each wants as many replicas as its number.
pub(crate) const REMEDIATIONS: usize = 4;
/// What is wanted of the workload at first; others set four to seven.
pub(crate) const AT_FIRST: i32 = 4;
const SHOP: &str = "shop";
const PATIENCE: Duration = Duration::from_secs(60);

/// How everything stands.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) remediations: Vec<ZenAgentRemediation>,
    pub(crate) replicas: i32,
    pub(crate) uid: String,
}

pub(crate) struct World {
    client: Client,
    pub(crate) events: Events,
    metrics: Metrics,
    faults: Faults,
    leader: Arc<Pipeline>,
    orders: watch::Sender<Option<Order>>,
    emergency: EmergencyStop,
    /// What another party set last.
    pub(crate) theirs: i32,
    _directory: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let client = EmbeddedKube::open(directory.path(), Options::default()).unwrap().client("default");
        let namespace: Namespace = serde_json::from_value(json!({ "metadata": { "name": SHOP } })).unwrap();
        Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        Api::all(client.clone()).create(&PostParams::default(), &crd()).await.unwrap();
        let metrics = Metrics::new();
        let events = Events::start(client.clone(), metrics.clone());
        let (orders, emergency) = EmergencyStop::new();
        orders.send_replace(Some(Order::Proceed));
        let faults = Faults::default();
        let leader = Arc::new(leader(&faults, &client, &events, &metrics, &emergency));
        let world = Self { client, events, metrics, faults, leader, orders, emergency, theirs: AT_FIRST, _directory: directory };
        world.deploy().await;
        for which in 0..REMEDIATIONS {
            let spec = json!({
                "target": { "apiVersion": "apps/v1", "kind": "Deployment", "namespace": SHOP, "name": "web" },
                "action": { "scale": { "replicas": which } }, "mode": if which % 2 == 0 { "automatic" } else { "propose" },
            });
            let remediation = ZenAgentRemediation::new(&name(which), serde_json::from_value(spec).unwrap());
            world.remediations().create(&PostParams::default(), &remediation).await.unwrap();
        }
        world
    }

    async fn deploy(&self) {
        let template =
            json!({ "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [{ "name": "web", "image": "web:1" }] } });
        let spec = json!({ "replicas": AT_FIRST, "selector": { "matchLabels": { "app": "web" } }, "template": template });
        let web = serde_json::from_value(json!({ "metadata": { "name": "web" }, "spec": spec })).unwrap();
        self.deployments().create(&PostParams::default(), &web).await.unwrap();
    }

    pub(crate) fn remediations(&self) -> Api<ZenAgentRemediation> {
        Api::namespaced(self.client.clone(), SHOP)
    }

    fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.client.clone(), SHOP)
    }

    pub(crate) async fn read(&self, which: usize) -> ZenAgentRemediation {
        self.remediations().get(&name(which)).await.unwrap()
    }

    pub(crate) async fn look(&self) -> Look {
        let web = self.deployments().get("web").await.unwrap();
        let mut remediations = Vec::new();
        for which in 0..REMEDIATIONS {
            remediations.push(self.read(which).await);
        }
        Look { remediations, replicas: web.spec.unwrap().replicas.unwrap(), uid: web.metadata.uid.unwrap() }
    }

    pub(crate) async fn pass(&self, which: usize, fault: Option<&Fault>) {
        self.faults.plan(fault, None);
        // Whether it failed, or waits, shows on the object.
        drop(timeout(PATIENCE, self.leader.reconcile(SHOP, &name(which))).await.expect("a pass ends in time"));
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
        self.leader = Arc::new(leader(&self.faults, &self.client, &self.events, &self.metrics, &self.emergency));
    }

    pub(crate) async fn theirs(&mut self, replicas: i32) {
        let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        self.deployments().patch("web", &PatchParams::default(), &patch).await.unwrap();
        self.theirs = replicas;
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

    pub(crate) async fn replace(&mut self) {
        self.deployments().delete("web", &DeleteParams::default()).await.unwrap();
        self.deploy().await;
        self.theirs = AT_FIRST;
    }

    pub(crate) fn stop(&self, stopped: bool) {
        let order = if stopped { Order::Halt(Halt::Ordered { by: None, reason: None }) } else { Order::Proceed };
        self.orders.send_replace(Some(order));
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.emergency.order() != Order::Proceed
    }

    /// Nothing fails any more, the workload follows, and the leader looks until nothing changes.
    pub(crate) async fn calm(&mut self) {
        self.stop(false);
        let calm = async {
            let mut before: Option<Value> = None;
            loop {
                let mut waits = false;
                for which in 0..REMEDIATIONS {
                    self.settle().await;
                    self.faults.plan(None, None);
                    let passed = self.leader.reconcile(SHOP, &name(which)).await;
                    waits |= passed.is_ok_and(|progress| progress.is_some_and(|progress| progress.next.is_some()));
                }
                let versions: Value = self.look().await.remediations.iter().map(|one| json!(one.metadata.resource_version)).collect();
                if !waits && before.as_ref() == Some(&versions) {
                    return;
                }
                before = Some(versions);
                tokio::time::sleep(Duration::from_millis(20)).await; // pacing of a poll with a deadline
            }
        };
        timeout(PATIENCE, calm).await.expect("it comes to rest");
    }
}

fn name(which: usize) -> String {
    format!("r{which}")
}

fn leader(faults: &Faults, client: &Client, events: &Events, metrics: &Metrics, emergency: &EmergencyStop) -> Pipeline {
    let settings = Settings {
        watch_namespace: None,
        actions: BTreeSet::from(ActionKind::ALL),
        validation_timeout: Duration::from_millis(150),
        reach: Default::default(),
    };
    let client = faults.client(client.clone());
    let policy = Live::new(Policy::observing(Guardrails::none()), "zen-agent");
    Pipeline::new(client, settings, policy, events.clone(), metrics.clone(), Tenure::endless(), emergency.clone())
}
