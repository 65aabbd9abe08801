//! The eviction subresource of pods: a deletion that disruption budgets may put off.
//!
//! ```text
//!  POST …/eviction ─▶ pending, ended or on its way? ──────────────────────────────────────────▶ marked, deleted
//!                     └▶ budgets that select it: none ─────────────────────────────────────────────▲
//!                                                one ─▶ not ready, and enough others are? ─────────┤
//!                                                       a disruption left? ─▶ taken from it ───────┘
//!                                                       none, or not counted yet ─▶ 429
//!                                                more ─▶ 500
//! ```
//!
//! After `pkg/registry/core/pod/storage/eviction.go` of Kubernetes. Nobody counts pods here: what the budgets allow is
//! what their status says.

use std::sync::Arc;

use bytes::Bytes;
use k8s_openapi::api::policy::v1::Eviction;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::{Map, Value, json};

use crate::Inner;
use crate::batch::Batch;
use crate::delete::{self, Propagation};
use crate::error::ApiError;
use crate::object::Object;
use crate::path::{DryRun, Query};
use crate::selector::Selector;
use crate::types::ResourceType;

/// How many evictions a budget may wait to see confirmed.
const MAX_DISRUPTED_PODS: usize = 2_000;

/// POST of an eviction; answers with a `Status`.
pub(crate) async fn evict(
    inner: &Arc<Inner>,
    ty: Arc<ResourceType>,
    namespace: Option<String>,
    name: String,
    body: Value,
    query: &Query,
) -> Result<Bytes, ApiError> {
    let eviction = decode(body)?;
    if eviction.metadata.name.as_deref() != Some(&name) {
        return Err(ApiError::bad_request("name in URL does not match name in Eviction object"));
    }
    if eviction.metadata.namespace.is_some() && eviction.metadata.namespace != namespace {
        return Err(ApiError::bad_request("the namespace of the provided object does not match the namespace sent on the request"));
    }
    let options = eviction.delete_options.unwrap_or_default();
    let dry_run = match options.dry_run.as_deref() {
        Some([value, ..]) => DryRun::parse(value)?,
        _ => query.dry_run,
    };
    let propagation = delete::propagation(&options, query)?;
    let job = move |batch: &mut Batch<'_>| {
        let key = ty.key(namespace.as_deref(), &name);
        let (pod, bytes) = batch.get(&key)?.ok_or_else(|| ApiError::not_found(&ty, &name))?;
        if !is_on_its_way(&pod) {
            let budgets = budgets_of(batch, namespace.as_deref(), &bytes)?;
            if budgets.len() > 1 {
                let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
                return Err(ApiError::unknown(message));
            }
            if let Some((key, budget, bytes)) = budgets.into_iter().next()
                && !spares(&pod, &budget)
            {
                let taken = take(&budget, &name)?;
                if dry_run == DryRun::No {
                    batch.put(&key, Some((&budget, bytes)), &mut { taken })?;
                }
            }
        }
        remove(batch, &ty, &key, &pod, bytes, &options, (dry_run, propagation))?;
        Ok(json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}))
    };
    Ok(inner.write(job).await?.to_string().into())
}

fn decode(mut body: Value) -> Result<Eviction, ApiError> {
    if let Some(map) = body.as_object_mut() {
        map.entry("apiVersion").or_insert_with(|| "policy/v1".into());
        map.entry("kind").or_insert_with(|| "Eviction".into());
        // Some clients leave its type out, which the generated type would take for another one.
        if let Some(options) = map.get_mut("deleteOptions").and_then(Value::as_object_mut) {
            options.remove("apiVersion");
            options.remove("kind");
        }
    }
    serde_json::from_value(body)
        .map_err(|error| ApiError::bad_request(format!("Eviction in version \"v1\" cannot be handled as a Eviction: {error}")))
}

fn status(object: &Object) -> &Value {
    object.rest.get("status").unwrap_or(&Value::Null)
}

/// Whether its disruption has happened, or is none.
fn is_on_its_way(pod: &Object) -> bool {
    pod.meta.deletion_timestamp.is_some() || ["Succeeded", "Failed", "Pending"].iter().any(|phase| status(pod)["phase"] == *phase)
}

/// The budgets that select the pod.
fn budgets_of(batch: &mut Batch<'_>, namespace: Option<&str>, pod: &[u8]) -> Result<Vec<(String, Object, Bytes)>, ApiError> {
    let mut found = Vec::new();
    for (key, budget, bytes) in batch.below(&format!("policy/poddisruptionbudgets/{}/", namespace.unwrap_or_default()))? {
        let selector = budget.rest.get("spec").and_then(|spec| Selector::of_labels(spec.get("selector")?));
        if selector.map(|selector| selector.matches(pod)).transpose()? == Some(true) {
            found.push((key, budget, bytes));
        }
    }
    Ok(found)
}

/// Whether the pod does not count for the budget, since it is not ready.
fn spares(pod: &Object, budget: &Object) -> bool {
    let ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
    let is_ready = status(pod)["conditions"].as_array().is_some_and(|conditions| conditions.iter().any(ready));
    let always = budget.rest.get("spec").is_some_and(|spec| spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow");
    let number = |field: &str| status(budget)[field].as_i64().unwrap_or_default();
    let enough = number("currentHealthy") >= number("desiredHealthy") && number("desiredHealthy") > 0;
    !is_ready && (always || enough)
}

/// The budget with a disruption less.
///
/// # Errors
/// 429 when there is none left, or when it is not known how many there are.
fn take(budget: &Object, pod: &str) -> Result<Object, ApiError> {
    let (name, status) = (budget.name(), status(budget));
    let number = |field: &str| status[field].as_i64().unwrap_or_default();
    if number("observedGeneration") < budget.meta.generation.unwrap_or_default() {
        return Err(ApiError::disruption(&format!("The disruption budget {name} is still being processed by the server."), 10));
    }
    let forbidden = |why: &str| Err(ApiError::forbidden(&format!("poddisruptionbudget.policy {name:?} is forbidden: {why}")));
    if number("disruptionsAllowed") < 0 {
        return forbidden("pdb disruptions allowed is negative");
    }
    if status["disruptedPods"].as_object().is_some_and(|pods| pods.len() > MAX_DISRUPTED_PODS) {
        return forbidden("DisruptedPods map too big - too many evictions not confirmed by PDB controller");
    }
    if number("disruptionsAllowed") == 0 {
        let (needs, has) = (number("desiredHealthy"), number("currentHealthy"));
        return Err(ApiError::disruption(&format!("The disruption budget {name} needs {needs} healthy pods and has {has} currently"), 0));
    }
    let (mut taken, now) = (budget.clone(), jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let mut new = status.clone();
    new["disruptionsAllowed"] = (number("disruptionsAllowed") - 1).into();
    if new["disruptedPods"].is_null() {
        new["disruptedPods"] = Map::new().into();
    }
    new["disruptedPods"][pod] = now.as_str().into();
    if new["disruptionsAllowed"] == 0 {
        let reason = json!({"reason": "InsufficientPods", "message": "", "observedGeneration": new["observedGeneration"]});
        set_condition(&mut new, "DisruptionAllowed", "False", &now, reason);
    }
    taken.rest.insert("status".into(), new);
    Ok(taken)
}

/// Marks the pod as evicted, and deletes it.
fn remove(
    batch: &mut Batch<'_>,
    ty: &ResourceType,
    key: &str,
    pod: &Object,
    bytes: Bytes,
    options: &DeleteOptions,
    (dry_run, propagation): (DryRun, Propagation),
) -> Result<(), ApiError> {
    delete::check(ty, pod, options)?;
    if dry_run == DryRun::All {
        return Ok(());
    }
    let (mut marked, now) = (pod.clone(), jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let mut new = status(pod).clone();
    let reason = json!({"reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting"});
    set_condition(&mut new, "DisruptionTarget", "True", &now, reason);
    marked.rest.insert("status".into(), new);
    let bytes = batch.put(key, Some((pod, bytes)), &mut marked)?;
    delete::delete_now(batch, key, &marked, bytes, propagation).map(drop)
}

/// Sets a condition, whose time is that of its last change.
fn set_condition(status: &mut Value, type_: &str, holds: &str, now: &str, mut condition: Value) {
    let Some(conditions) = status.as_object_mut().map(|status| status.entry("conditions").or_insert_with(|| json!([]))) else { return };
    let Some(conditions) = conditions.as_array_mut() else { return };
    let former = conditions.iter().position(|former| former["type"] == type_).map(|index| conditions.remove(index));
    let since = former.filter(|former| former["status"] == holds).map_or_else(|| now.into(), |former| former["lastTransitionTime"].clone());
    (condition["type"], condition["status"], condition["lastTransitionTime"]) = (type_.into(), holds.into(), since);
    conditions.push(condition);
}
