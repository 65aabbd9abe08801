//! Three control planes, each for one test at a time, and clean: most of the time tests wait, for leases and backoffs.

use std::{collections::BTreeSet, sync::OnceLock, time::Duration};

use controlplane::ControlPlane;
use k8s_openapi::{api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, PostParams},
    runtime::{
        conditions,
        wait::{await_condition, delete::delete_and_finalize},
    },
};
use serde_json::json;
use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};
use zen_agent::{demo, dev, remediation};

use crate::soon;

/// What tests leave behind, owners before what they own.
const KINDS: [(&str, &str, &str); 13] = [
    ("zen.kube-zen.io", "v1", "ZenAgentRemediation"),
    ("apps", "v1", "Deployment"),
    ("apps", "v1", "StatefulSet"),
    ("apps", "v1", "DaemonSet"),
    ("batch", "v1", "CronJob"),
    ("batch", "v1", "Job"),
    ("apps", "v1", "ReplicaSet"),
    ("", "v1", "Pod"),
    ("", "v1", "ConfigMap"),
    ("policy", "v1", "PodDisruptionBudget"),
    ("networking.k8s.io", "v1", "NetworkPolicy"),
    ("coordination.k8s.io", "v1", "Lease"),
    ("events.k8s.io", "v1", "Event"),
];

/// How many tests run at once.
const PLACES: usize = 3;

/// A control plane, started when its first test begins.
struct Place {
    control_plane: OnceLock<ControlPlane>,
    turn: Mutex<()>,
}

impl Place {
    const fn new() -> Self {
        Self { control_plane: OnceLock::new(), turn: Mutex::const_new(()) }
    }

    fn control_plane(&self) -> &ControlPlane {
        self.control_plane.get_or_init(|| ControlPlane::start(&[]))
    }
}

/// A turn on a control plane. What was killed or frozen in it comes back at its end.
pub(crate) struct Ground {
    pub(crate) client: Client,
    turn: Turn,
}

/// Given back in this order, so that whoever is let in finds a free place.
struct Turn {
    place: &'static Place,
    _guard: MutexGuard<'static, ()>,
    _permit: SemaphorePermit<'static>,
}

impl Turn {
    async fn take() -> Self {
        static FREE: Semaphore = Semaphore::const_new(PLACES);
        static ALL: [Place; PLACES] = [const { Place::new() }; PLACES];
        let permit = FREE.acquire().await.unwrap();
        let free = |place: &'static Place| place.turn.try_lock().ok().map(|guard| (place, guard));
        let (place, guard) = ALL.iter().find_map(free).expect("there are as many permits as places");
        tokio::task::spawn_blocking(|| place.control_plane()).await.unwrap();
        Self { place, _guard: guard, _permit: permit }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.place.control_plane().revive();
    }
}

impl Ground {
    /// With remediations defined, and nothing there but the agent's namespace.
    pub(crate) async fn clean() -> Self {
        let turn = Turn::take().await;
        let client = turn.place.control_plane().client().await;
        let ground = Self { client, turn };
        ground.define(&remediation::crd()).await;
        clean(&ground.client).await;
        let namespace = serde_json::from_value(json!({ "metadata": { "name": dev::NAMESPACE } })).unwrap();
        match Api::<Namespace>::all(ground.client.clone()).create(&PostParams::default(), &namespace).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            created => drop(created.unwrap()),
        }
        ground
    }

    /// With this definition of remediations, and the sample workloads.
    pub(crate) async fn with(definition: &CustomResourceDefinition) -> Self {
        let ground = Self::clean().await;
        ground.define(definition).await;
        demo::create(&ground.client).await.unwrap();
        ground
    }

    pub(crate) fn control_plane(&self) -> &'static ControlPlane {
        self.turn.place.control_plane()
    }

    /// Makes this the definition of remediations. Another one goes first: the API server would serve it for a while yet.
    pub(crate) async fn define(&self, definition: &CustomResourceDefinition) {
        let definitions: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let name = definition.name_any();
        let present = definitions.get_opt(&name).await.unwrap();
        if present.is_some_and(|present| present.spec.versions == definition.spec.versions) {
            return;
        }
        self.undefine().await;
        definitions.create(&PostParams::default(), definition).await.unwrap();
        let established = await_condition(definitions, &name, conditions::is_crd_established());
        soon("the definition is established", established).await.unwrap();
    }

    /// Takes away the definition of remediations, and all of them.
    pub(crate) async fn undefine(&self) {
        let definitions: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let name = remediation::crd().name_any();
        if definitions.get_opt(&name).await.unwrap().is_some() {
            soon("the definition is gone", delete_and_finalize(definitions, &name, &DeleteParams::default())).await.unwrap();
        }
    }
}

async fn clean(client: &Client) {
    for (group, version, kind) in KINDS {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let everywhere: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        let there = everywhere.list_metadata(&ListParams::default()).await.unwrap().items;
        let namespaces: BTreeSet<_> = there.iter().filter_map(ResourceExt::namespace).filter(|name| !name.starts_with("kube-")).collect();
        let objects = namespaces.iter().map(|name| delete_all(Api::namespaced_with(client.clone(), name, &resource)));
        soon(&format!("every {kind} is gone"), futures::future::join_all(objects)).await;
    }
    let nodes = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Node"));
    let nodes: Api<DynamicObject> = Api::all_with(client.clone(), &nodes);
    if !is_empty(&nodes).await {
        soon("every Node is gone", delete_all(nodes)).await;
    }
}

async fn delete_all(objects: Api<DynamicObject>) {
    // A pod that was placed on a node would wait for the kubelet there.
    let at_once = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::background() };
    objects.delete_collection(&at_once, &ListParams::default()).await.unwrap();
    // Those that wait for the garbage collector go one by one.
    while !is_empty(&objects).await {
        tokio::time::sleep(Duration::from_millis(20)).await; // pacing of a poll with a deadline
    }
}

async fn is_empty(objects: &Api<DynamicObject>) -> bool {
    objects.list(&ListParams::default().limit(1)).await.unwrap().items.is_empty()
}
