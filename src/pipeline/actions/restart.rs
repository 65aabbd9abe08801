//! `restart`: has the workload replace its pods, by an annotation on its pod template, as
//! `kubectl rollout restart` does.
//!
//! The annotation's value is the remediation's uid and not the time, so that whoever executes it again
//! after a crash starts no second rollout. It is not undone: taking the annotation away would be another restart.

use kube::api::DynamicObject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Act, ActionError, Level, Permission, Reversibility, Site, Subject, Verdict, rollout};
use crate::remediation::Change;

/// Annotation on a pod template: the remediation that restarted its workload last.
const RESTARTED_BY: &str = "zen.kube-zen.io/restarted-by";

/// Parameters of `restart`: none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RestartAction {}

/// What a restart found on the pod template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PreviousRestart {
    /// The uid of the remediation that restarted it before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarted_by: Option<String>,
}

impl Act for RestartAction {
    type Previous = PreviousRestart;

    const LEVEL: Level = Level::Rollout;
    const PERMISSIONS: &'static [Permission] = rollout::PERMISSIONS;
    const REVERSIBILITY: Reversibility = Reversibility::Disruptive;

    fn problem(&self) -> Option<String> {
        None
    }

    fn prepare(&self, live: &DynamicObject) -> Result<PreviousRestart, ActionError> {
        rollout::check(live)?;
        Ok(PreviousRestart { restarted_by: restarted_by(live).map(str::to_owned) })
    }

    fn change(&self, subject: Subject<'_>, live: &DynamicObject, previous: &PreviousRestart) -> Result<Option<Change>, ActionError> {
        match restarted_by(live) {
            now if now == subject.uid => Ok(None),
            now if now == previous.restarted_by.as_deref() => Ok(Some(subject.patch(None, live, patch(subject.uid)))),
            _ => Err(ActionError::Changed { field: format!("the annotation {RESTARTED_BY} of its pod template") }),
        }
    }

    async fn validate(&self, site: &Site<'_>) -> Result<Verdict, ActionError> {
        let live = site.read().await?;
        if restarted_by(&live) != site.subject.uid {
            return Ok(Verdict::Impossible("another party changed the pod template back, or restarted it again".to_owned()));
        }
        Ok(rollout::judge(&site.subject.target.kind, &live))
    }

    async fn rollback(&self, site: &Site<'_>, _: &PreviousRestart) -> Result<(), ActionError> {
        match site.read().await {
            Ok(live) if restarted_by(&live) == site.subject.uid => Err(ActionError::Irreversible),
            // It was not begun, or is over with the workload.
            Ok(_) | Err(ActionError::Gone { .. } | ActionError::Replaced { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn leftover(&self, subject: Subject<'_>) -> String {
        format!("a rollout of {}", subject.named())
    }
}

fn restarted_by(live: &DynamicObject) -> Option<&str> {
    live.data["spec"]["template"]["metadata"]["annotations"][RESTARTED_BY].as_str()
}

fn patch(by: Option<&str>) -> Value {
    json!({ "spec": { "template": { "metadata": { "annotations": { RESTARTED_BY: by } } } } })
}
