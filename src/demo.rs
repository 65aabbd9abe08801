//! Sample workloads for embedded mode, and a stand-in for the controllers that would run them.
//!
//! ```text
//!   Deployment ──replicas──▶ ReplicaSet ──▶ pods come and go, status follows
//!                            StatefulSet ─▶ the same
//! ```
//!
//! Without [`run_controllers`] the workloads are frozen: their spec can be changed, their status
//! never follows, and what waits for it runs into its deadline.

use embedded_kube::EmbeddedKube;
use futures::StreamExt;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{Deployment, ReplicaSet, StatefulSet},
        core::v1::Pod,
    },
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
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
    let follow_all = async {
        tokio::join!(
            watch(&client, async |deployment: Deployment| follow_deployment(&client, &deployment).await),
            watch(&client, async |set: ReplicaSet| {
                let replicas = set.spec.as_ref().and_then(|spec| spec.replicas);
                follow(&client, &set, replicas.unwrap_or(1)).await
            }),
            watch(&client, async |set: StatefulSet| {
                let replicas = set.spec.as_ref().and_then(|spec| spec.replicas);
                follow(&client, &set, replicas.unwrap_or(1)).await
            }),
        );
    };
    _ = shutdown.run_until_cancelled(follow_all).await;
}

/// Calls `follow` with each sample workload of a kind, now and whenever it changes.
async fn watch<K>(client: &Client, follow: impl AsyncFn(K) -> Result<(), kube::Error>)
where
    K: Workload + Send + 'static,
{
    let changes = watcher(Api::<K>::all(client.clone()), watcher::Config::default().labels(LABEL)).default_backoff().applied_objects();
    let mut changes = std::pin::pin!(changes);
    while let Some(change) = changes.next().await {
        let followed = match change {
            Ok(workload) => follow(workload).await,
            Err(error) => {
                tracing::debug!(%error, "the demo's watch is restarted");
                Ok(())
            }
        };
        // A workload that cannot follow now does so at its next change: good enough for a stand-in.
        if let Err(error) = followed {
            tracing::warn!(%error, kind = %K::kind(&()), "a sample workload does not follow");
        }
    }
}

/// What the stand-in needs of a kind.
trait Workload: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + std::fmt::Debug + DeserializeOwned {}
impl<K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + std::fmt::Debug + DeserializeOwned> Workload for K {}

fn api<K: Workload>(client: &Client, beside: &impl Resource<DynamicType = ()>) -> Api<K> {
    Api::namespaced(client.clone(), beside.meta().namespace.as_deref().unwrap_or_default())
}

fn is_owned_by(object: &impl ResourceExt, owner: &impl ResourceExt) -> bool {
    object.owner_references().iter().any(|reference| Some(&reference.uid) == owner.meta().uid.as_ref())
}

/// A Deployment hands its replicas on to its ReplicaSet.
async fn follow_deployment(client: &Client, deployment: &Deployment) -> Result<(), kube::Error> {
    let replicas = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let sets = api::<ReplicaSet>(client, deployment);
    for set in sets.list(&ListParams::default().labels(LABEL)).await?.items.iter().filter(|set| is_owned_by(*set, deployment)) {
        let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        sets.patch(&set.name_any(), &PatchParams::default(), &patch).await?;
    }
    report(client, deployment, replicas).await
}

/// Pods go and come back until there are as many as wanted; then the status says so.
async fn follow<K: Workload>(client: &Client, owner: &K, replicas: i32) -> Result<(), kube::Error> {
    let pods = api::<Pod>(client, owner);
    let listed = pods.list(&ListParams::default().labels(LABEL)).await?.items;
    let owned: Vec<_> = listed.iter().filter(|pod| is_owned_by(*pod, owner)).map(ResourceExt::name_any).collect();
    let wanted = usize::try_from(replicas).unwrap_or(0);
    for name in owned.iter().skip(wanted) {
        ignore_code(404, pods.delete(name, &DeleteParams::default()).await)?;
    }
    // Only those that were seeded come back: the stand-in makes up no others.
    let seeded = workloads().unwrap_or_default();
    let seeded = seeded.into_iter().filter_map(|object| serde_json::from_value::<Pod>(object).ok());
    let missing = seeded.filter(|pod| pod.metadata.name.is_some() && is_owned_by(pod, owner) && !owned.contains(&pod.name_any()));
    for mut pod in missing.take(wanted.saturating_sub(owned.len())) {
        pod.metadata.uid = None;
        ignore_code(409, pods.create(&PostParams::default(), &pod).await)?;
    }
    report(client, owner, replicas).await
}

fn ignore_code<T>(code: u16, result: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match result {
        Err(kube::Error::Api(status)) if status.code == code => Ok(()),
        other => other.map(|_| ()),
    }
}

async fn report<K: Workload>(client: &Client, workload: &K, replicas: i32) -> Result<(), kube::Error> {
    let status = json!({
        "observedGeneration": workload.meta().generation,
        "replicas": replicas,
        "readyReplicas": replicas,
        "availableReplicas": replicas,
    });
    let patch = Patch::Merge(json!({ "status": status }));
    ignore_code(404, api::<K>(client, workload).patch_status(&workload.name_any(), &PatchParams::default(), &patch).await)
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
