//! `suspend`: suspends a CronJob, which then starts no further Jobs, or a Job, whose pods are then stopped.
//! Undone by the former value, if the value is still the one that was set.

use kube::api::DynamicObject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Act, ActionError, Level, Permission, Reversibility, Site, Subject, Verdict};
use crate::remediation::Change;

/// Parameters of `suspend`: none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SuspendAction {}

/// What a suspension found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PreviousSuspend {
    /// The former value of `spec.suspend`, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

impl Act for SuspendAction {
    type Previous = PreviousSuspend;

    const LEVEL: Level = Level::Job;
    const PERMISSIONS: &'static [Permission] = &[
        Permission::to("batch", "cronjobs", &["get", "patch"]),
        Permission::to("batch", "jobs", &["get", "patch"]),
        Permission::to("", "pods", &["get"]),
    ];
    const REVERSIBILITY: Reversibility = Reversibility::Reversible;

    fn problem(&self) -> Option<String> {
        None
    }

    fn prepare(&self, live: &DynamicObject) -> Result<PreviousSuspend, ActionError> {
        let mut conditions = live.data["status"]["conditions"].as_array().into_iter().flatten();
        let over = |condition: &Value| ["Complete", "Failed"].contains(&condition["type"].as_str().unwrap_or_default());
        if conditions.any(|condition| over(condition) && condition["status"] == "True") {
            return Err(ActionError::Unsuitable { why: "the Job has ended".to_owned() });
        }
        Ok(PreviousSuspend { suspend: suspended(live) })
    }

    fn change(&self, subject: Subject<'_>, live: &DynamicObject, previous: &PreviousSuspend) -> Result<Option<Change>, ActionError> {
        match suspended(live) {
            Some(true) => Ok(None),
            now if now == previous.suspend => Ok(Some(subject.patch(None, live, patch(Some(true))))),
            _ => Err(ActionError::Changed { field: "spec.suspend".to_owned() }),
        }
    }

    async fn validate(&self, site: &Site<'_>) -> Result<Verdict, ActionError> {
        let live = site.read().await?;
        if suspended(&live) != Some(true) {
            return Ok(Verdict::Impossible("another party set spec.suspend back".to_owned()));
        }
        // A number for a Job; a CronJob has a list there, of Jobs that run to their end.
        Ok(match live.data["status"]["active"].as_u64() {
            Some(active) if active > 0 => Verdict::NotYet(format!("{active} pods of the Job are running yet")),
            _ => Verdict::Holds("it is suspended".to_owned()),
        })
    }

    async fn rollback(&self, site: &Site<'_>, previous: &PreviousSuspend) -> Result<(), ActionError> {
        let change = |live: &DynamicObject| {
            let held = suspended(live) == Some(true) && previous.suspend != Some(true);
            Ok(held.then(|| site.subject.patch(None, live, patch(previous.suspend))))
        };
        site.revert(change).await
    }

    fn leftover(&self, subject: Subject<'_>) -> String {
        format!("{} suspended", subject.named())
    }
}

fn suspended(live: &DynamicObject) -> Option<bool> {
    live.data["spec"]["suspend"].as_bool()
}

fn patch(suspend: Option<bool>) -> Value {
    json!({ "spec": { "suspend": suspend } })
}
