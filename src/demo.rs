//! Sample workloads to act on, and a stand-in for the controllers that would run them.
//!
//! ```text
//!   Deployment ──replicas──▶ ReplicaSet ──▶ pods come and go, status follows
//!                            StatefulSet ─▶ the same
//!
//! A changed pod template is rolled out by saying so: status follows, and the pods stay.
//! ```
//!
//! Without [`run_controllers`] the workloads are frozen: their spec can be changed, their status
//! never follows, and what waits for it runs into its deadline.
//!
//! The embedded store takes the workloads with the uids that the sample events name ([`seed`]). A real API server
//! gives uids of its own ([`create()`]), so that an event that was recorded elsewhere pins an object that is not there, and
//! ends `failed` with TargetReplaced, as it must; [`Created::samples`] are the same events as recorded here.

mod create;

pub use create::{CreateError, Created, create};

use std::{fmt::Debug, future::Future, pin::pin};

use embedded_kube::EmbeddedKube;
use futures::StreamExt;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{Deployment, ReplicaSet, StatefulSet},
        core::v1::Pod,
    },
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions},
    runtime::{WatchStreamExt, watcher},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const WORKLOADS: &str = include_str!("demo/workloads.yaml");
/// Label on everything that is seeded; the stand-in looks at nothing else.
const LABEL: &str = "zen.kube-zen.io/demo=true";

/// Why the workloads were not seeded.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The built-in file is no YAML: a defect.
    #[error("the built-in workloads cannot be read")]
    Workloads(#[from] serde_yaml_ng::Error),
    /// The store refused one.
    #[error("the store does not take a sample workload")]
    Store(#[from] embedded_kube::SeedError),
}

/// The sample workloads, namespaces first, owners before what they own.
fn workloads() -> Result<Vec<Value>, serde_yaml_ng::Error> {
    serde_yaml_ng::Deserializer::from_str(WORKLOADS).map(Value::deserialize).collect()
}

/// Puts the sample workloads into the store, with their fixed uids; those that are there stay as they are.
///
/// # Errors
/// [`SeedError`].
pub async fn seed(store: &EmbeddedKube) -> Result<(), SeedError> {
    for object in workloads()? {
        store.seed(object).await?;
    }
    Ok(())
}

/// Lets the sample workloads' status follow their spec, until `shutdown`.
pub async fn run_controllers(client: Client, shutdown: CancellationToken) {
    let follow_all = async { tokio::join!(watch::<Deployment>(&client), watch::<ReplicaSet>(&client), watch::<StatefulSet>(&client)) };
    _ = shutdown.run_until_cancelled(follow_all).await;
}

/// A kind that the stand-in runs.
trait Workload: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + Sync + 'static {
    /// Does what the spec says, and says so in the status.
    fn follow(&self, client: &Client) -> impl Future<Output = Result<(), kube::Error>> + Send;
}

/// A Deployment hands its replicas on to its ReplicaSet.
impl Workload for Deployment {
    async fn follow(&self, client: &Client) -> Result<(), kube::Error> {
        let replicas = self.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        let sets = beside::<ReplicaSet>(client, self);
        for set in sets.list(&ListParams::default().labels(LABEL)).await?.items.iter().filter(|set| is_owned_by(*set, self)) {
            let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
            sets.patch(&set.name_any(), &PatchParams::default(), &patch).await?;
        }
        report(client, self, replicas).await
    }
}

impl Workload for ReplicaSet {
    async fn follow(&self, client: &Client) -> Result<(), kube::Error> {
        let replicas = self.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        run_pods(client, self, replicas).await?;
        report(client, self, replicas).await
    }
}

impl Workload for StatefulSet {
    async fn follow(&self, client: &Client) -> Result<(), kube::Error> {
        let replicas = self.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        run_pods(client, self, replicas).await?;
        report(client, self, replicas).await
    }
}

/// Lets each sample workload of a kind follow, now and whenever it changes.
async fn watch<K: Workload>(client: &Client) {
    let workloads = Api::<K>::all(client.clone());
    let mut changes = pin!(watcher(workloads, watcher::Config::default().labels(LABEL)).default_backoff().applied_objects());
    while let Some(change) = changes.next().await {
        match change {
            // A workload that cannot follow now does so at its next change: good enough for a stand-in.
            Ok(workload) => {
                if let Err(error) = workload.follow(client).await {
                    tracing::warn!(%error, kind = %K::kind(&()), "a sample workload does not follow");
                }
            }
            Err(error) => tracing::debug!(%error, "the watch of the sample workloads is restarted"),
        }
    }
}

fn beside<K>(client: &Client, other: &impl Resource<DynamicType = ()>) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    Api::namespaced(client.clone(), other.meta().namespace.as_deref().unwrap_or_default())
}

fn is_owned_by(object: &impl ResourceExt, owner: &impl ResourceExt) -> bool {
    object.owner_references().iter().any(|reference| Some(&reference.uid) == owner.meta().uid.as_ref())
}

/// Pods go and come back until there are as many as wanted.
async fn run_pods<K: Workload>(client: &Client, owner: &K, replicas: i32) -> Result<(), kube::Error> {
    let pods = beside::<Pod>(client, owner);
    let listed = pods.list(&ListParams::default().labels(LABEL)).await?.items;
    let owned: Vec<_> = listed.iter().filter(|pod| is_owned_by(*pod, owner)).map(|pod| (pod.name_any(), pod.uid())).collect();
    let wanted = usize::try_from(replicas).unwrap_or(0);
    for (name, uid) in owned.iter().skip(wanted) {
        // Not the one that came in its place.
        let exactly = DeleteParams::default().preconditions(Preconditions { uid: uid.clone(), resource_version: None });
        ignore_code(404, ignore_code(409, pods.delete(name, &exactly).await))?;
    }
    // Only those that were seeded come back: the stand-in makes up no others.
    let seeded = workloads().unwrap_or_default();
    let seeded = seeded.into_iter().filter_map(|object| serde_json::from_value::<Pod>(object).ok());
    let missing = seeded.filter(|pod| is_template_of(pod, owner) && !owned.iter().any(|(name, _)| *name == pod.name_any()));
    for mut pod in missing.take(wanted.saturating_sub(owned.len())) {
        pod.metadata.uid = None;
        pod.metadata.owner_references = owner.controller_owner_ref(&()).map(|reference| vec![reference]);
        ignore_code(409, pods.create(&PostParams::default(), &pod).await)?;
    }
    Ok(())
}

/// Whether a pod of the built-in file belongs to this workload, whatever uid the server gave it.
fn is_template_of<K: Workload>(pod: &Pod, owner: &K) -> bool {
    let owner_name = owner.name_any();
    let names = |reference: &OwnerReference| reference.kind == K::kind(&()) && reference.name == owner_name;
    pod.metadata.namespace == owner.meta().namespace && pod.owner_references().iter().any(names)
}

fn ignore_code<T>(code: u16, result: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match result {
        Err(kube::Error::Api(status)) if status.code == code => Ok(()),
        other => other.map(|_| ()),
    }
}

/// All replicas are there, and of the latest template: a rollout is over at once.
async fn report<K: Workload>(client: &Client, workload: &K, replicas: i32) -> Result<(), kube::Error> {
    let mut status = json!({
        "observedGeneration": workload.meta().generation,
        "replicas": replicas,
        "readyReplicas": replicas,
        "availableReplicas": replicas,
    });
    if K::kind(&()) != ReplicaSet::kind(&()) {
        status["updatedReplicas"] = replicas.into();
    }
    // Of a workload that has changed since, there is another event to come; also where another replica plays the same part.
    let seen = json!({ "uid": workload.meta().uid, "resourceVersion": workload.meta().resource_version });
    let patch = Patch::Merge(json!({ "metadata": seen, "status": status }));
    let reported = beside::<K>(client, workload).patch_status(&workload.name_any(), &PatchParams::default(), &patch).await;
    ignore_code(404, ignore_code(409, reported))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_owner_reference_of_the_workloads_names_an_object_of_that_uid_in_the_same_namespace() {
        let workloads = workloads().unwrap();
        assert_eq!(workloads.len(), 2 + 2 * 5 + 4);
        for object in &workloads {
            for owner in object["metadata"]["ownerReferences"].as_array().into_iter().flatten() {
                let matches = |other: &&Value| {
                    other["metadata"]["uid"] == owner["uid"]
                        && other["metadata"]["name"] == owner["name"]
                        && other["kind"] == owner["kind"]
                        && other["metadata"]["namespace"] == object["metadata"]["namespace"]
                };
                assert_eq!(workloads.iter().filter(matches).count(), 1, "{}", object["metadata"]["name"]);
            }
        }
    }
}
