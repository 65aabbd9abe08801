//! `delete-pod`: deletes the pod, with the grace period that it has; whoever controls it may start another one.
//!
//! It is not undone. A deletion that is repeated finds the pod gone, or on its way: its name with another uid is
//! not the pod that was pinned.

use kube::api::DynamicObject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Act, ActionError, Disruption, Level, Permission, Reversibility, Site, Subject, Verdict, pod};
use crate::remediation::{Change, Operation};

/// Parameters of `delete-pod`: none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeletePodAction {}

/// Nothing that is recorded would bring a pod back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreviousDeletePod {}

impl Act for DeletePodAction {
    type Previous = PreviousDeletePod;

    const LEVEL: Level = Level::Pod;
    const PERMISSIONS: &'static [Permission] = &[
        // Listed by label: those in quarantine, which `minHealthyReplicas` does not count as healthy.
        Permission::to("", "pods", &["get", "list", "delete"]),
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

    fn prepare(&self, _: &DynamicObject) -> Result<PreviousDeletePod, ActionError> {
        Ok(PreviousDeletePod {})
    }

    fn change(&self, subject: Subject<'_>, live: &DynamicObject, _: &PreviousDeletePod) -> Result<Option<Change>, ActionError> {
        Ok(pod::removal(Operation::Delete, subject, live))
    }

    async fn execute(&self, site: &Site<'_>, _: &PreviousDeletePod) -> Result<(), ActionError> {
        pod::remove(Operation::Delete, site).await
    }

    async fn validate(&self, site: &Site<'_>) -> Result<Verdict, ActionError> {
        pod::gone(site).await
    }

    async fn rollback(&self, site: &Site<'_>, _: &PreviousDeletePod) -> Result<(), ActionError> {
        pod::nothing_to_undo(site).await
    }

    fn leftover(&self, subject: Subject<'_>) -> String {
        format!("{} deleted", subject.named())
    }
}
