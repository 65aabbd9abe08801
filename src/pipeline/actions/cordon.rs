//! `cordon`: marks a node unschedulable, as `kubectl cordon` does; pods that run there stay. Undone only where
//! the agent had set the mark.

use kube::api::DynamicObject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Act, ActionError, Level, Permission, Reversibility, Site, Verdict};

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

    async fn execute(&self, site: &Site<'_>, _: &PreviousCordon) -> Result<(), ActionError> {
        site.converge(|live| Ok((!is_cordoned(live)).then(|| patch(true.into())))).await
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
        site.revert(|live| Ok((is_cordoned(live) && !previous.unschedulable).then(|| patch(Value::Null)))).await
    }

    fn leftover(&self, site: &Site<'_>) -> String {
        format!("{} unschedulable", site.named())
    }
}

fn is_cordoned(live: &DynamicObject) -> bool {
    live.data["spec"]["unschedulable"] == true
}

fn patch(unschedulable: Value) -> Value {
    json!({ "spec": { "unschedulable": unschedulable } })
}
