//! `cordon`: marks a node unschedulable, as `kubectl cordon` does; pods that run there stay. Undone only where
//! the agent had set the mark.

use kube::api::DynamicObject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Act, ActionError, Level, Permission, Reversibility, Site, Subject, Verdict};
use crate::remediation::Change;

/// Parameters of `cordon`: none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CordonAction {}

/// What a cordon found on the node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PreviousCordon {
    /// Whether it was unschedulable already.
    pub unschedulable: bool,
}

impl Act for CordonAction {
    type Previous = PreviousCordon;

    const LEVEL: Level = Level::Node;
    const PERMISSIONS: &'static [Permission] = &[Permission::to("", "nodes", &["get", "patch"]), Permission::to("", "pods", &["get"])];
    const REVERSIBILITY: Reversibility = Reversibility::Reversible;

    fn problem(&self) -> Option<String> {
        None
    }

    fn prepare(&self, live: &DynamicObject) -> Result<PreviousCordon, ActionError> {
        Ok(PreviousCordon { unschedulable: is_cordoned(live) })
    }

    fn change(&self, subject: Subject<'_>, live: &DynamicObject, _: &PreviousCordon) -> Result<Option<Change>, ActionError> {
        Ok((!is_cordoned(live)).then(|| subject.patch(None, live, patch(true.into()))))
    }

    async fn validate(&self, site: &Site<'_>) -> Result<Verdict, ActionError> {
        let live = site.read().await?;
        Ok(if is_cordoned(&live) {
            Verdict::Holds("the node is unschedulable".to_owned())
        } else {
            Verdict::Impossible("another party made the node schedulable again".to_owned())
        })
    }

    async fn rollback(&self, site: &Site<'_>, previous: &PreviousCordon) -> Result<(), ActionError> {
        // Schedulable is the field's absence: Kubernetes writes no `false`.
        let held = |live: &DynamicObject| is_cordoned(live) && !previous.unschedulable;
        site.revert(|live| Ok(held(live).then(|| site.subject.patch(None, live, patch(Value::Null))))).await
    }

    fn leftover(&self, subject: Subject<'_>) -> String {
        format!("{} unschedulable", subject.named())
    }
}

fn is_cordoned(live: &DynamicObject) -> bool {
    live.data["spec"]["unschedulable"] == true
}

fn patch(unschedulable: Value) -> Value {
    json!({ "spec": { "unschedulable": unschedulable } })
}
