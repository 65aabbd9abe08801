//! `scale`: sets the replicas of the Deployment, StatefulSet or ReplicaSet in charge. Undone by the
//! former number, if the number is still the one that was set. Written is the scale subresource, whose
//! permission changes nothing but that number.

use kube::api::DynamicObject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Act, ActionError, Disruption, Level, Permission, Reversibility, Site, Subject, Verdict};
use crate::remediation::{Change, Subresource};

/// Parameters of `scale`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScaleAction {
    /// The wanted number of replicas.
    #[schemars(range(min = 0, max = 10_000))]
    pub replicas: i32,
}

/// The former replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreviousScale {
    /// How many were wanted before.
    #[schemars(range(min = 0))]
    pub replicas: i32,
}

impl Act for ScaleAction {
    type Previous = PreviousScale;

    const LEVEL: Level = Level::Replicas;
    const PERMISSIONS: &'static [Permission] = &[
        Permission::to("apps", "deployments", &["get"]),
        Permission::to("apps", "deployments/scale", &["patch"]),
        Permission::to("apps", "statefulsets", &["get"]),
        Permission::to("apps", "statefulsets/scale", &["patch"]),
        Permission::to("apps", "replicasets", &["get"]),
        Permission::to("apps", "replicasets/scale", &["patch"]),
        Permission::to("", "pods", &["get"]),
    ];
    const REVERSIBILITY: Reversibility = Reversibility::Reversible;

    fn problem(&self) -> Option<String> {
        (!(0..=10_000).contains(&self.replicas)).then(|| "scale takes 0 to 10000 replicas".to_owned())
    }

    fn disruption(&self) -> Disruption {
        Disruption::AllBut(u32::try_from(self.replicas).unwrap_or_default())
    }

    fn prepare(&self, live: &DynamicObject) -> Result<PreviousScale, ActionError> {
        Ok(PreviousScale { replicas: replicas(live)? })
    }

    fn change(&self, subject: Subject<'_>, live: &DynamicObject, previous: &PreviousScale) -> Result<Option<Change>, ActionError> {
        match replicas(live)? {
            now if now == self.replicas => Ok(None),
            now if now == previous.replicas => Ok(Some(to(subject, live, self.replicas))),
            _ => Err(ActionError::Changed { field: "spec.replicas".to_owned() }),
        }
    }

    async fn validate(&self, site: &Site<'_>) -> Result<Verdict, ActionError> {
        let live = site.read().await?;
        Ok(judge(self.replicas, &live))
    }

    async fn rollback(&self, site: &Site<'_>, previous: &PreviousScale) -> Result<(), ActionError> {
        let previous = previous.replicas;
        // The spec is what is verified: the status of a workload whose controller is away cannot follow.
        let change = |live: &DynamicObject| {
            let held = replicas(live)? == self.replicas && previous != self.replicas;
            Ok(held.then(|| to(site.subject, live, previous)))
        };
        site.revert(change).await
    }

    fn leftover(&self, subject: Subject<'_>) -> String {
        format!("{} replicas on {}", self.replicas, subject.named())
    }
}

fn to(subject: Subject<'_>, live: &DynamicObject, replicas: i32) -> Change {
    subject.patch(Some(Subresource::Scale), live, json!({ "spec": { "replicas": replicas } }))
}

fn replicas(live: &DynamicObject) -> Result<i32, ActionError> {
    match &live.data["spec"]["replicas"] {
        // The API server's default for all three kinds.
        Value::Null => Ok(1),
        number => number
            .as_i64()
            .and_then(|n| i32::try_from(n).ok())
            .ok_or_else(|| ActionError::Unsuitable { why: "it has no spec.replicas".to_owned() }),
    }
}

fn judge(wanted: i32, live: &DynamicObject) -> Verdict {
    match replicas(live) {
        Ok(now) if now == wanted => {}
        Ok(now) => return Verdict::Impossible(format!("another party set spec.replicas to {now}")),
        Err(error) => return Verdict::Impossible(error.to_string()),
    }
    let status = |field: &str| live.data["status"][field].as_i64().unwrap_or(0);
    if status("observedGeneration") < live.metadata.generation.unwrap_or(0) {
        return Verdict::NotYet("its controller has not seen the change".to_owned());
    }
    let counts: &[&str] = if wanted == 0 { &["replicas"] } else { &["replicas", "readyReplicas", "availableReplicas"] };
    match counts.iter().find(|field| status(field) != i64::from(wanted)) {
        None => Verdict::Holds(format!("the workload has {wanted} replicas")),
        Some(field) => Verdict::NotYet(format!("status.{field} is {}, not {wanted}", status(field))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(data: Value) -> DynamicObject {
        let resource = kube::api::ApiResource::erase::<k8s_openapi::api::apps::v1::Deployment>(&());
        let mut object = DynamicObject::new("web", &resource).data(data);
        object.metadata.generation = Some(2);
        object
    }

    #[test]
    fn scaling_holds_only_when_the_controller_saw_it_and_the_counts_follow() {
        let status = |replicas: i32, generation: i64, status: Value| {
            let mut data = json!({ "spec": { "replicas": replicas }, "status": status });
            data["status"]["observedGeneration"] = generation.into();
            deployment(data)
        };
        assert!(matches!(judge(0, &status(0, 2, json!({}))), Verdict::Holds(_)));
        assert!(matches!(judge(0, &status(0, 1, json!({}))), Verdict::NotYet(_)));
        assert!(matches!(judge(0, &status(0, 2, json!({ "replicas": 3 }))), Verdict::NotYet(_)));
        assert!(matches!(
            judge(2, &status(2, 2, json!({ "replicas": 2, "readyReplicas": 1, "availableReplicas": 1 }))),
            Verdict::NotYet(_)
        ));
        assert!(matches!(judge(2, &status(2, 2, json!({ "replicas": 2, "readyReplicas": 2, "availableReplicas": 2 }))), Verdict::Holds(_)));
        assert!(matches!(judge(0, &status(5, 2, json!({}))), Verdict::Impossible(_)));
    }
}
