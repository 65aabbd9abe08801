//! What will be done, for who has to judge it.

use kube::ResourceExt as _;
use serde_json::{Map, Value, json};

use super::Handlers;
use crate::{
    api::view,
    contract::v1alpha1::types,
    pipeline::{ApiError, PlanError, Planner, actions::Reversibility},
    problem::{Code, Problem},
    remediation::{Action, Change, Phase, Plan, ZenAgentRemediation, names},
    verify::Caller,
};

impl Handlers {
    pub(super) async fn plan(&self, caller: &Caller, id: &str) -> Result<types::Plan, Problem> {
        let (_, object) = self.find(caller, id).await?;
        if let Some(plan) = object.plan() {
            return Ok(shown(&object, plan, true));
        }
        if object.is_series() {
            return Err(Problem::new(Code::StateConflict, self.of_each(&object)));
        }
        if object.phase() != Phase::Pending {
            return Err(Problem::new(Code::StateConflict, "No plan was recorded before it began or ended"));
        }
        let planner = Planner { client: &self.client, actions: &self.actions, reach: &self.reach, guardrails: self.policy.guardrails() };
        let plan = planner.sketch(&object).await.map_err(|error| refusal(&error))?;
        Ok(shown(&object, &plan, false))
    }

    /// Where the plans are of what has several patches.
    fn of_each(&self, object: &ZenAgentRemediation) -> String {
        let namespace = object.namespace().unwrap_or_default();
        let made = object.status.as_ref().map(|status| status.patch_remediations.as_slice()).unwrap_or_default();
        let ids: Vec<_> = made.iter().map(|made| names::id(&self.namespace, &namespace, &made.name)).collect();
        match ids.as_slice() {
            [] => "Each of its patches becomes a remediation with a plan of its own, one after the other; none is there yet".to_owned(),
            _ => {
                format!("Each of its patches becomes a remediation with a plan of its own, one after the other. So far: {}", ids.join(", "))
            }
        }
    }
}

fn refusal(error: &PlanError) -> Problem {
    match error.call() {
        Some(ApiError::Failed { source, .. }) if error.reason().is_none() => Problem::of_kubernetes(source),
        Some(_) if error.reason().is_none() => Problem::new(Code::Unavailable, "The Kubernetes API did not answer in time"),
        _ => Problem::new(Code::StateConflict, format!("It cannot be planned: {error}")),
    }
}

fn shown(object: &ZenAgentRemediation, plan: &Plan, recorded: bool) -> types::Plan {
    let status = object.status.as_ref();
    let action = status.and_then(|status| status.action.as_ref()).map(Action::kind).or_else(|| object.spec.action_kind());
    types::Plan {
        digest: plan.digest.clone(),
        recorded,
        action: action.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        target: view::target(&plan.target),
        changes: plan.changes.iter().map(change).collect(),
        previous: map(json!(plan.previous)),
        permissions: plan.permissions.clone(),
        reversibility: match plan.reversibility {
            Reversibility::Reversible => types::PlanReversibility::Reversible,
            Reversibility::Disruptive => types::PlanReversibility::Disruptive,
            Reversibility::Destructive => types::PlanReversibility::Destructive,
        },
        // Its fields have the same names there.
        verification: plan.verification.as_ref().and_then(|verification| serde_json::from_value(json!(verification)).ok()),
    }
}

fn change(change: &Change) -> types::PlannedChange {
    types::PlannedChange {
        operation: change.operation.as_str().to_owned(),
        object: view::target(&change.object),
        subresource: change.subresource.map(|subresource| subresource.as_str().to_owned()),
        former: change.former.clone().map(map).unwrap_or_default(),
        patch: change.patch.clone().map(map).unwrap_or_default(),
    }
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
