//! What says that a person is needed, of a remediation that the policy would let run by itself.
//!
//! ```text
//!   the target, as it is now ─▶ owned by a GitOps tool? ─▶ too few healthy replicas left? ─┐
//!   what ran a while ago ────▶ cool-down ─▶ recurrence ─▶ budget ─▶ short-circuit ─────────┴─▶ a proposal that says so
//! ```
//!
//! What is counted is kept in the remediations themselves ([`recent`](super::super::recent)): it cannot be lost, or fail open.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    api::{DynamicObject, ListParams},
    core::PartialObjectMeta,
};

use super::GateError;
use crate::{
    event::Target,
    pipeline::{
        Pipeline,
        actions::{ActionError, Disruption, QUARANTINE_LABEL},
        api, plan,
        recent::{Begun, Finding, SETTLE, workload},
        resolve::{above, controller},
        run::{Run, rounded},
    },
    policy::{Budget, Guardrails, Recurrence, ShortCircuit},
    remediation::{Reason, ZenAgentRemediation},
};

/// Annotations by which Argo CD and Helm know what is theirs.
const OWNER_ANNOTATIONS: [(&str, &str); 2] = [("argocd.argoproj.io/tracking-id", "Argo CD"), ("meta.helm.sh/release-name", "Helm")];
/// Labels by which Argo CD and Flux do.
const OWNER_LABELS: [(&str, &str); 3] =
    [("argocd.argoproj.io/instance", "Argo CD"), ("kustomize.toolkit.fluxcd.io/name", "Flux"), ("helm.toolkit.fluxcd.io/name", "Flux")];
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Field managers by which Argo CD and Flux apply, whatever they track theirs by (argo-cd `common.ArgoCDSSAManager` and the name of
/// its binary; fluxcd's controllers): Argo CD's label may be one that anybody sets.
const OWNER_MANAGERS: [(&str, &str); 4] = [
    ("argocd-controller", "Argo CD"),
    ("argocd-application-controller", "Argo CD"),
    ("kustomize-controller", "Flux"),
    ("helm-controller", "Flux"),
];

/// A guardrail that says that a person is needed, and why.
pub(super) type Exceeded = Option<(Reason, String)>;

/// Whether the target itself asks for a person.
pub(super) async fn of_target(pipeline: &Pipeline, run: &Run<'_>, target: &Target, live: &DynamicObject) -> Result<Exceeded, GateError> {
    let guardrails = pipeline.policy.guardrails();
    if let (true, Some(owner)) = (guardrails.git_ops, owner(live)) {
        let message =
            format!("{owner} owns the target, and would undo the change or be at odds with it; a person has to decide, or change it there");
        return Ok(Some((Reason::GitOpsOwned, message)));
    }
    let Some(least) = guardrails.min_healthy_replicas else { return Ok(None) };
    let Some(left) = left(pipeline, &guardrails, run, target, live).await? else { return Ok(None) };
    if left >= usize::try_from(least).unwrap_or(usize::MAX) {
        return Ok(None);
    }
    let message = format!(
        "it would leave {left} healthy replicas of the workload, less than the {least} that the policy asks for; a person has to decide"
    );
    Ok(Some((Reason::MinHealthyReplicas, message)))
}

/// Who owns an object, if it is a GitOps tool or Helm. What a controller made is that controller's to make anew.
fn owner(live: &DynamicObject) -> Option<&'static str> {
    if controller(live).is_some() {
        return None;
    }
    let annotated = OWNER_ANNOTATIONS.iter().find(|(key, _)| live.annotations().contains_key(*key));
    let labelled = OWNER_LABELS.iter().find(|(key, _)| live.labels().contains_key(*key));
    let managed = live.labels().get(MANAGED_BY).is_some_and(|by| by == "Helm").then_some(&("", "Helm"));
    let manager = |name: &str| live.managed_fields().iter().any(|entry| entry.manager.as_deref() == Some(name));
    let applied = OWNER_MANAGERS.iter().find(|(name, _)| manager(name));
    annotated.or(labelled).or(managed).or(applied).map(|(_, owner)| *owner)
}

/// How many healthy replicas of its workload the action leaves; `None` where it takes none.
async fn left(
    pipeline: &Pipeline,
    guardrails: &Guardrails,
    run: &Run<'_>,
    target: &Target,
    live: &DynamicObject,
) -> Result<Option<usize>, GateError> {
    let count = |number: &serde_json::Value| number.as_u64().and_then(|number| usize::try_from(number).ok());
    match plan::action(&run.object.spec).map(|action| action.disruption()) {
        Err(_) | Ok(Disruption::None) => Ok(None),
        Ok(Disruption::AllBut(wanted)) => {
            let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
            Ok((wanted < count(&live.data["spec"]["replicas"]).unwrap_or(1)).then_some(wanted))
        }
        Ok(Disruption::Pod) => {
            if !is_ready(live) {
                return Ok(None);
            }
            // Of a pod without a controller that counts its replicas, it is the only one.
            let ready = match controller(live).filter(|owner| owner.api_version == "apps/v1") {
                None => 1,
                Some(owner) => {
                    let owner = above(target, owner);
                    let api = api::of(&pipeline.client, &owner).await?;
                    let found = api::find("read the pod's controller", api.get(&owner.name)).await.map_err(ActionError::from)?;
                    let status =
                        found.filter(|found| found.metadata.uid == owner.uid).map(|found| found.data["status"].clone()).unwrap_or_default();
                    count(&status["readyReplicas"]).or_else(|| count(&status["numberReady"])).unwrap_or(0)
                }
            };
            pipeline.recent.fill(pipeline, guardrails).await?;
            let workload = workload(live);
            let mut taken = pipeline.recent.pods_taken(workload.as_deref(), run.uid(), SETTLE);
            taken.extend(quarantined(pipeline, target, workload.as_deref()).await?);
            taken.extend(live.uid());
            Ok(Some(ready.saturating_sub(taken.len())))
        }
    }
}

/// The uids of a workload's pods that are cut off, whoever had that done: each still counts as ready there.
async fn quarantined(pipeline: &Pipeline, target: &Target, workload: Option<&str>) -> Result<Vec<String>, GateError> {
    let pods: Api<Pod> = Api::namespaced(pipeline.client.clone(), target.namespace.as_deref().unwrap_or_default());
    let labelled = ListParams::default().labels(QUARANTINE_LABEL);
    let found = api::call("list the pods in quarantine", pods.list_metadata(&labelled)).await.map_err(ActionError::from)?;
    let of_workload = |pod: &PartialObjectMeta<Pod>| {
        pod.owner_references().iter().any(|owner| owner.controller == Some(true) && Some(owner.uid.as_str()) == workload)
    };
    Ok(found.items.iter().filter(|pod| of_workload(pod)).filter_map(ResourceExt::uid).collect())
}

fn is_ready(pod: &DynamicObject) -> bool {
    let conditions = pod.data["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True"))
}

/// Whether anything is counted.
pub(super) const fn counts(guardrails: &Guardrails) -> bool {
    let Guardrails { budget, cooldown, recurrence, short_circuit, min_healthy_replicas, .. } = guardrails;
    budget.is_some() || cooldown.is_some() || recurrence.is_some() || short_circuit.is_some() || min_healthy_replicas.is_some()
}

/// Whether what ran a while ago says that a person is needed.
pub(super) async fn of_the_past(pipeline: &Pipeline, run: &Run<'_>, target: &Target, live: &DynamicObject) -> Result<Exceeded, GateError> {
    let (recent, guardrails) = (&pipeline.recent, pipeline.policy.guardrails());
    recent.fill(pipeline, &guardrails).await?;
    if let Some((other, cooldown)) = guardrails.cooldown.and_then(|cooldown| Some((recent.changed(target, run.uid(), cooldown)?, cooldown)))
    {
        let until = until(other.last, cooldown);
        return Ok(Some((
            Reason::CoolDown,
            format!(
                "{} changed the same target a short while ago; until {until} a person has to decide on what changes it again",
                named(&other, &run.object)
            ),
        )));
    }
    if let Some(Recurrence { max, window }) = guardrails.recurrence
        && let Some(finding) = Finding::of(&run.object, target, live)
        && reached(recent.same(&finding, run.uid(), window), max)
    {
        let message = format!(
            "the same finding led to the same action on this workload {max} times within {} s, and came back: it does not help",
            window.as_secs()
        );
        return Ok(Some((Reason::Recurring, message)));
    }
    if let Some(Budget { per_namespace, window }) = guardrails.budget
        && reached(recent.count(target, run.uid(), window), per_namespace)
    {
        let place = target.namespace.as_deref().unwrap_or("the cluster");
        let message = format!("{per_namespace} automatic remediations began in {place} within {} s", window.as_secs());
        return Ok(Some((Reason::BudgetExceeded, message)));
    }
    Ok(guardrails.short_circuit.and_then(|bounds| tripped(&bounds, pipeline, run)))
}

fn reached(count: usize, most: u32) -> bool {
    u32::try_from(count).unwrap_or(u32::MAX) >= most
}

fn tripped(bounds: &ShortCircuit, pipeline: &Pipeline, run: &Run<'_>) -> Exceeded {
    let ShortCircuit { window, max_targets, max_failed } = *bounds;
    let tally = pipeline.recent.tally(run.uid(), window);
    let seconds = window.as_secs();
    if max_targets.is_some_and(|most| reached(tally.targets, most)) {
        return Some((
            Reason::ShortCircuit,
            format!("{} targets were taken up within {seconds} s: so many at once have another cause", tally.targets),
        ));
    }
    let failed = max_failed.is_some_and(|most| most.is_exceeded(tally.failed, tally.ended));
    let message = || format!("{} of {} automatic remediations that ended within {seconds} s did not succeed", tally.failed, tally.ended);
    failed.then(|| (Reason::ShortCircuit, message()))
}

/// A remediation as another may speak of it: no tenant learns the names of another's.
fn named(other: &Begun, reader: &ZenAgentRemediation) -> String {
    if other.tenant.as_deref() == reader.tenant() { format!("remediation {}", other.key) } else { "another remediation".to_owned() }
}

fn until(since: Timestamp, wait: Duration) -> Timestamp {
    rounded(since.checked_add(wait).unwrap_or(since))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn who_applies_for_a_git_ops_tool_is_known_by_the_manager_of_its_fields() {
        let applied_by = |manager: &str, owners: serde_json::Value| {
            let metadata =
                json!({ "name": "web", "managedFields": [{ "manager": manager, "operation": "Apply" }], "ownerReferences": owners });
            owner(&from_value(json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata })).unwrap())
        };
        assert_eq!(applied_by("argocd-controller", json!([])), Some("Argo CD"));
        assert_eq!(applied_by("argocd-application-controller", json!([])), Some("Argo CD"));
        assert_eq!(applied_by("kustomize-controller", json!([])), Some("Flux"));
        assert_eq!(applied_by("helm-controller", json!([])), Some("Flux"));
        assert_eq!(applied_by("kubectl-client-side-apply", json!([])), None);
        let owners = json!([{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "a", "uid": "u", "controller": true }]);
        assert_eq!(applied_by("argocd-controller", owners), None, "what a controller made");
    }
}
