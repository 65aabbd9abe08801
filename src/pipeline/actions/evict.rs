//! `evict`: asks the Eviction API to delete the pod, which disruption budgets may refuse for the time being
//! (<https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/>). It is not undone.

use std::time::Duration;

use k8s_openapi::{
    api::policy::v1::Eviction,
    apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta, Preconditions},
};
use kube::{Api, ResourceExt, api::DynamicObject};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::timeout;

use super::{Act, ActionError, Disruption, Level, Permission, Reversibility, Site, Subject, Verdict, pod};
use crate::{
    pipeline::api::{Effect, call},
    remediation::{Change, Operation},
};

/// How long one request may take. The client sends again by itself what was answered 429, and would hold a worker up;
/// whether a request that was cut off had its effect, the next attempt sees.
const PATIENCE: Duration = Duration::from_secs(2);

/// Parameters of `evict`: none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EvictAction {}

/// Nothing that is recorded would bring a pod back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreviousEvict {}

impl Act for EvictAction {
    type Previous = PreviousEvict;

    const LEVEL: Level = Level::Pod;
    const PERMISSIONS: &'static [Permission] = &[
        // Listed by label: those in quarantine, which `minHealthyReplicas` does not count as healthy.
        Permission::to("", "pods", &["get", "list"]),
        Permission::to("", "pods/eviction", &["create"]),
        // The pod's controller, which says how many replicas are healthy.
        Permission::to("apps", "replicasets", &["get"]),
        Permission::to("apps", "statefulsets", &["get"]),
        Permission::to("apps", "daemonsets", &["get"]),
    ];
    const REVERSIBILITY: Reversibility = Reversibility::Destructive;

    fn problem(&self) -> Option<String> {
        None
    }

    fn disruption(&self) -> Disruption {
        Disruption::Pod
    }

    fn prepare(&self, _: &DynamicObject) -> Result<PreviousEvict, ActionError> {
        Ok(PreviousEvict {})
    }

    fn change(&self, subject: Subject<'_>, live: &DynamicObject, _: &PreviousEvict) -> Result<Option<Change>, ActionError> {
        Ok(pod::removal(Operation::Evict, subject, live))
    }

    async fn execute(&self, site: &Site<'_>, _: &PreviousEvict) -> Result<(), ActionError> {
        pod::remove(Operation::Evict, site).await
    }

    async fn validate(&self, site: &Site<'_>) -> Result<Verdict, ActionError> {
        pod::gone(site).await
    }

    async fn rollback(&self, site: &Site<'_>, _: &PreviousEvict) -> Result<(), ActionError> {
        pod::nothing_to_undo(site).await
    }

    fn leftover(&self, subject: Subject<'_>) -> String {
        format!("{} evicted", subject.named())
    }
}

/// Evicts the pod as it was read. `Api::evict` misnames `deleteOptions`, and so loses the preconditions.
pub(super) async fn evict(pods: &Api<DynamicObject>, live: &DynamicObject, effect: Effect) -> Result<(), ActionError> {
    let name = live.name_any();
    let as_read = Preconditions { uid: live.uid(), resource_version: live.resource_version() };
    let eviction = Eviction {
        metadata: ObjectMeta { name: Some(name.clone()), namespace: live.namespace(), ..ObjectMeta::default() },
        delete_options: Some(DeleteOptions { preconditions: Some(as_read), ..DeleteOptions::default() }),
    };
    let params = effect.post();
    let evicted = call("evict the pod", pods.create_subresource::<_, Value>("eviction", &name, &params, &eviction));
    let evicted = timeout(PATIENCE, evicted).await;
    match evicted {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) if error.status().is_some_and(|status| status.code == 429) => Err(ActionError::Blocked { why: error.to_string() }),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(ActionError::Blocked { why: format!("the API server did not evict it within {} s", PATIENCE.as_secs()) }),
    }
}
