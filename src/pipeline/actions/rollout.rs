//! The rollout that a change of a pod template sets off, as `kubectl rollout status` judges it
//! (k8s.io/kubectl, `pkg/polymorphichelpers/rollout_status.go`).

use kube::api::DynamicObject;
use serde_json::Value;

use super::{ActionError, Permission, Verdict};

/// The workloads that roll out, and the pods and ReplicaSets that lead to them.
pub(super) const PERMISSIONS: &[Permission] = &[
    Permission::to("apps", "deployments", &["get", "patch"]),
    Permission::to("apps", "statefulsets", &["get", "patch"]),
    Permission::to("apps", "daemonsets", &["get", "patch"]),
    Permission::to("apps", "replicasets", &["get"]),
    Permission::to("", "pods", &["get"]),
];

fn unsuitable(why: &str) -> ActionError {
    ActionError::Unsuitable { why: why.to_owned() }
}

/// Refuses a workload whose template could be changed without anything following.
pub(super) fn check(live: &DynamicObject) -> Result<(), ActionError> {
    let spec = &live.data["spec"];
    if spec["paused"] == true {
        return Err(unsuitable("its rollouts are paused (spec.paused); resume them first"));
    }
    if spec["updateStrategy"]["type"] == "OnDelete" {
        return Err(unsuitable("its pods are only replaced when somebody deletes them (spec.updateStrategy is OnDelete)"));
    }
    Ok(())
}

/// How far the rollout is.
pub(super) fn judge(kind: &str, live: &DynamicObject) -> Verdict {
    let (spec, status) = (&live.data["spec"], &live.data["status"]);
    let number = |field: &str| status[field].as_i64().unwrap_or(0);
    if number("observedGeneration") < live.metadata.generation.unwrap_or(0) {
        return Verdict::NotYet("its controller has not seen the change".to_owned());
    }
    let replicas = spec["replicas"].as_i64().unwrap_or(1);
    match kind {
        "StatefulSet" => stateful_set(spec, status, replicas),
        "DaemonSet" => {
            let desired = number("desiredNumberScheduled");
            counted("updatedNumberScheduled", number("updatedNumberScheduled"), desired)
                .or_else(|| counted("numberAvailable", number("numberAvailable"), desired))
                .unwrap_or_else(complete)
        }
        _ if progress(status) == Some("ProgressDeadlineExceeded") => {
            Verdict::Impossible("the Deployment exceeded its progress deadline".to_owned())
        }
        _ => {
            let updated = number("updatedReplicas");
            counted("updatedReplicas", updated, replicas)
                .or_else(|| {
                    let old = number("replicas") - updated;
                    (old > 0).then(|| Verdict::NotYet(format!("{old} old replicas are there yet")))
                })
                .or_else(|| counted("availableReplicas", number("availableReplicas"), updated))
                .unwrap_or_else(complete)
        }
    }
}

fn stateful_set(spec: &Value, status: &Value, replicas: i64) -> Verdict {
    let number = |field: &str| status[field].as_i64().unwrap_or(0);
    if let Some(waits) = counted("readyReplicas", number("readyReplicas"), replicas) {
        return waits;
    }
    // The pods below the partition keep the former template.
    if let Some(partition) = spec["updateStrategy"]["rollingUpdate"]["partition"].as_i64().filter(|partition| *partition > 0) {
        return counted("updatedReplicas", number("updatedReplicas"), replicas - partition).unwrap_or_else(complete);
    }
    if status["updateRevision"] == status["currentRevision"] {
        complete()
    } else {
        Verdict::NotYet("status.currentRevision is not status.updateRevision".to_owned())
    }
}

fn counted(field: &str, is: i64, wanted: i64) -> Option<Verdict> {
    (is < wanted).then(|| Verdict::NotYet(format!("status.{field} is {is}, not {wanted}")))
}

fn complete() -> Verdict {
    Verdict::Holds("the rollout is complete".to_owned())
}

fn progress(status: &Value) -> Option<&str> {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    conditions.find(|condition| condition["type"] == "Progressing")?["reason"].as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judged(kind: &str, spec: Value, mut status: Value) -> Verdict {
        if status["observedGeneration"].is_null() {
            status["observedGeneration"] = 2.into();
        }
        let resource = kube::api::ApiResource::erase::<k8s_openapi::api::apps::v1::Deployment>(&());
        let mut object = DynamicObject::new("web", &resource).data(json!({ "spec": spec, "status": status }));
        object.metadata.generation = Some(2);
        judge(kind, &object)
    }

    fn holds(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Holds(_))
    }

    #[test]
    fn a_deployment_is_rolled_out_when_all_replicas_are_new_and_available_and_no_old_ones_are_left() {
        let of = |status: Value| judged("Deployment", json!({ "replicas": 3 }), status);
        assert!(holds(&of(json!({ "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3 }))));
        for status in [
            json!({ "observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3 }),
            json!({ "replicas": 3, "updatedReplicas": 2, "availableReplicas": 3 }),
            json!({ "replicas": 4, "updatedReplicas": 3, "availableReplicas": 3 }),
            json!({ "replicas": 3, "updatedReplicas": 3, "availableReplicas": 2 }),
            json!({}),
        ] {
            assert!(matches!(of(status.clone()), Verdict::NotYet(_)), "{status}");
        }
        let late = json!({ "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded" });
        assert!(matches!(of(json!({ "replicas": 4, "updatedReplicas": 1, "conditions": [late] })), Verdict::Impossible(_)));
        assert!(holds(&judged("Deployment", json!({ "replicas": 0 }), json!({}))));
    }

    #[test]
    fn a_stateful_set_is_rolled_out_when_its_revision_is_the_new_one_or_all_above_the_partition_are() {
        let of = |status: Value| judged("StatefulSet", json!({ "replicas": 3 }), status);
        assert!(holds(&of(json!({ "readyReplicas": 3, "currentRevision": "b", "updateRevision": "b" }))));
        assert!(!holds(&of(json!({ "readyReplicas": 3, "currentRevision": "a", "updateRevision": "b" }))));
        assert!(!holds(&of(json!({ "readyReplicas": 2, "currentRevision": "b", "updateRevision": "b" }))));
        let parted = json!({ "replicas": 3, "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 1 } } });
        let of = |updated: i64| {
            let status = json!({ "readyReplicas": 3, "updatedReplicas": updated, "currentRevision": "a", "updateRevision": "b" });
            judged("StatefulSet", parted.clone(), status)
        };
        assert!(holds(&of(2)) && !holds(&of(1)));
    }

    #[test]
    fn a_daemon_set_is_rolled_out_when_every_node_has_a_new_available_pod() {
        let of = |updated: i64, available: i64| {
            let status = json!({ "desiredNumberScheduled": 2, "updatedNumberScheduled": updated, "numberAvailable": available });
            judged("DaemonSet", json!({}), status)
        };
        assert!(holds(&of(2, 2)) && !holds(&of(1, 2)) && !holds(&of(2, 1)));
    }
}
