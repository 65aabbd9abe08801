//! `evict`: asks the Eviction API to delete the pod, which disruption budgets may refuse for the time being
//! (<https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/>). It is not undone.

use k8s_openapi::{
    api::policy::v1::Eviction,
    apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta, Preconditions},
};
use kube::{
    Api, ResourceExt,
    api::{DynamicObject, PostParams},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Act, ActionError, Level, Permission, Reversibility, Site, Verdict, pod};
use crate::pipeline::api::call;

/// Parameters of `evict`: none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EvictAction {}

/// Nothing that is recorded would bring a pod back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreviousEvict {}

impl Act for EvictAction {
    type Previous = PreviousEvict;

    const LEVEL: Level = Level::Pod;
    const PERMISSIONS: &'static [Permission] = &[Permission::to("", "pods", &["get"]), Permission::to("", "pods/eviction", &["create"])];
    const REVERSIBILITY: Reversibility = Reversibility::Destructive;

    fn problem(&self) -> Option<String> {
        None
    }

    fn prepare(&self, _: &DynamicObject) -> Result<PreviousEvict, ActionError> {
        Ok(PreviousEvict {})
    }

    async fn execute(&self, site: &Site<'_>, _: &PreviousEvict) -> Result<(), ActionError> {
        pod::remove(site, evict).await
    }

    async fn validate(&self, site: &Site<'_>) -> Result<Verdict, ActionError> {
        pod::gone(site).await
    }

    async fn rollback(&self, site: &Site<'_>, _: &PreviousEvict) -> Result<(), ActionError> {
        pod::nothing_to_undo(site).await
    }

    fn leftover(&self, site: &Site<'_>) -> String {
        format!("{} evicted", site.named())
    }
}

/// Evicts the pod as it was read. `Api::evict` misnames `deleteOptions`, and so loses the preconditions.
async fn evict(pods: &Api<DynamicObject>, live: &DynamicObject) -> Result<(), ActionError> {
    let name = live.name_any();
    let as_read = Preconditions { uid: live.uid(), resource_version: live.resource_version() };
    let eviction = Eviction {
        metadata: ObjectMeta { name: Some(name.clone()), namespace: live.namespace(), ..ObjectMeta::default() },
        delete_options: Some(DeleteOptions { preconditions: Some(as_read), ..DeleteOptions::default() }),
    };
    let params = PostParams::default();
    let evicted = call("evict the pod", pods.create_subresource::<_, Value>("eviction", &name, &params, &eviction)).await;
    match evicted {
        // Of a pod with several budgets the API server says so within a 201.
        Ok(status) if status["status"] == "Failure" => {
            Err(ActionError::Unsuitable { why: status["message"].as_str().unwrap_or("the API server does not evict it").to_owned() })
        }
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some(429) => Err(ActionError::Blocked(error)),
        Err(error) => Err(error.into()),
    }
}
