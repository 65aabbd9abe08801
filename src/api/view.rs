//! How a remediation looks in the API: a schema of its own, not the custom resource.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime};
use kube::ResourceExt;

use crate::{
    contract::{DateTime, v0::types},
    event,
    remediation::{
        Decision, Phase, RemediationStatus, Step, StepName, StepState, ZenAgentRemediation,
        approval::{self, ApprovalState},
    },
};

/// The object as callers see it.
pub fn remediation(object: &ZenAgentRemediation, id: String) -> types::Remediation {
    let (spec, none) = (&object.spec, RemediationStatus::default());
    let status = object.status.as_ref().unwrap_or(&none);
    let created_at = object.metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    types::Remediation {
        id,
        name: object.name_any(),
        namespace: object.namespace().unwrap_or_default(),
        status: self::status(object),
        source: spec.source.clone(),
        rule: spec.rule.clone(),
        severity: spec.severity.as_deref().and_then(|text| text.parse().ok()),
        action: spec.action_kind().map(|kind| kind.as_str().to_owned()),
        // What was asked for until it is found, then what was found, with its uid.
        target: status.target.as_ref().map(target).or_else(|| spec.wanted_target().as_deref().map(target)),
        approval: approval(object, status),
        reason: status.reason.clone(),
        message: status.message.clone(),
        plan_digest: object.plan().map(|plan| plan.digest.clone()),
        request_id: spec.request.as_ref().map(|request| request.id.clone()),
        execution_id: object.execution_id().map(str::to_owned),
        remediation_id: spec.remediation_id.clone(),
        policy_rule: spec.policy_rule.clone(),
        facts: spec.facts.clone(),
        created_at: created_at.into(),
        updated_at: time(status.updated_at.as_ref()).unwrap_or(created_at.into()),
        completed_at: time(status.completed_at.as_ref()),
        steps: status.steps.iter().map(step).collect(),
        conditions: status.conditions.iter().map(condition).collect(),
    }
}

/// Where the object stands, in the contract's words.
pub fn status(object: &ZenAgentRemediation) -> types::Status {
    match object.phase() {
        Phase::Pending => types::Status::Pending,
        Phase::InProgress => types::Status::InProgress,
        Phase::Succeeded => types::Status::Succeeded,
        Phase::Failed => types::Status::Failed,
        Phase::RolledBack => types::Status::RolledBack,
        Phase::Unknown(_) => types::Status::Unknown,
    }
}

pub(super) fn target(target: &event::Target) -> types::Target {
    types::Target {
        api_version: target.api_version.clone(),
        kind: target.kind.clone(),
        namespace: target.namespace.clone(),
        name: target.name.clone(),
        uid: target.uid.clone(),
    }
}

fn approval(object: &ZenAgentRemediation, status: &RemediationStatus) -> types::Approval {
    use types::ApprovalState as State;
    let state = match approval::state(object) {
        ApprovalState::Approved => State::Approved,
        ApprovalState::Automatic => State::NotRequired,
        ApprovalState::Void | ApprovalState::Waiting => State::Waiting,
        ApprovalState::Rejected(_) => State::Rejected,
    };
    // Who decided, where it is that decision that holds.
    let decided = status.approval.as_ref().filter(|approval| {
        matches!((approval.decision, state), (Decision::Approved, State::Approved) | (Decision::Rejected, State::Rejected))
    });
    let (by, at, reason) = match (decided, approval::at_creation(object)) {
        (Some(approval), _) => (Some(approval.by.clone()), Some(approval.at.0.into()), approval.reason.clone()),
        (None, Some((by, at))) if state == State::Approved => (Some(by.to_owned()), Some(at.0.into()), None),
        _ => (None, None, None),
    };
    types::Approval { state, by, at, reason }
}

fn step(step: &Step) -> types::Step {
    types::Step {
        name: match step.name {
            StepName::Plan => types::StepName::Plan,
            StepName::Execute => types::StepName::Execute,
            StepName::Validate => types::StepName::Validate,
            StepName::Rollback => types::StepName::Rollback,
        },
        state: match step.state {
            StepState::Running => types::StepState::Running,
            StepState::Succeeded => types::StepState::Succeeded,
            StepState::Failed => types::StepState::Failed,
        },
        attempts: u64::try_from(step.attempts).unwrap_or_default(),
        started_at: step.started_at.0.into(),
        finished_at: time(step.finished_at.as_ref()),
        message: step.message.clone(),
    }
}

fn condition(condition: &Condition) -> types::RemediationCondition {
    types::RemediationCondition {
        type_: condition.type_.clone(),
        status: condition.status.parse().unwrap_or(types::RemediationConditionStatus::Unknown),
        reason: Some(condition.reason.clone()),
        message: Some(condition.message.clone()),
        last_transition_time: Some(condition.last_transition_time.0.into()),
    }
}

fn time(time: Option<&MicroTime>) -> Option<DateTime> {
    time.map(|time| time.0.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The approval of an object of generation 2 with this condition, as status, reason and generation, this
    /// decision and this mode.
    fn seen(
        phase: &str,
        condition: Option<(&str, &str, i64)>,
        decision: Option<&str>,
        mode: Option<&str>,
        approved_by: Option<&str>,
    ) -> Value {
        let at = "2026-07-01T12:00:00Z";
        let condition = condition.map(|(status, reason, generation)| {
            json!([{ "type": "Approved", "status": status, "reason": reason, "message": "", "observedGeneration": generation, "lastTransitionTime": at }])
        });
        let object = json!({
            "apiVersion": "zen.kube-zen.io/v1", "kind": "ZenAgentRemediation",
            "metadata": { "name": "a", "generation": if approved_by.is_some() { 1 } else { 2 } },
            "spec": { "mode": mode, "approvedBy": approved_by, "approvedAt": approved_by.map(|_| at) },
            "status": { "phase": phase, "conditions": condition.unwrap_or(json!([])),
                "approval": decision.map(|decision| json!({ "decision": decision, "by": "ann", "at": at })) },
        });
        let object: ZenAgentRemediation = serde_json::from_value(object).unwrap();
        let approval = approval(&object, object.status.as_ref().unwrap());
        json!([approval.state.to_string(), approval.by])
    }

    #[test]
    fn the_condition_is_the_truth_and_before_it_the_mode_as_for_the_pipeline() {
        let conditions = [
            (None, None),
            (Some(("True", "Approved", 2)), Some("approved")),
            (Some(("True", "ApprovedAtCreation", 2)), Some("approved")),
            (Some(("True", "AutomaticPolicy", 2)), Some("not_required")),
            (Some(("True", "Approved", 1)), Some("waiting")),
            (Some(("True", "AutomaticPolicy", 1)), Some("waiting")),
            (Some(("False", "WaitingForApproval", 2)), Some("waiting")),
            (Some(("False", "BudgetExceeded", 2)), Some("waiting")),
            (Some(("False", "CoolDown", 2)), Some("waiting")),
            (Some(("False", "SpecChanged", 2)), Some("waiting")),
            (Some(("False", "Rejected", 2)), Some("rejected")),
            (Some(("False", "Rejected", 1)), Some("rejected")),
            (Some(("Unknown", "Other", 2)), Some("waiting")),
        ];
        for (condition, said) in conditions {
            for decision in [None, Some("approved"), Some("rejected")] {
                for mode in [None, Some("propose"), Some("automatic")] {
                    let state = said.unwrap_or(if mode == Some("automatic") { "not_required" } else { "waiting" });
                    let by = decision.filter(|decision| *decision == state).map(|_| "ann");
                    assert_eq!(seen("pending", condition, decision, mode, None), json!([state, by]), "{condition:?} {decision:?} {mode:?}");
                }
            }
        }
    }

    #[test]
    fn what_has_begun_keeps_its_approval_whatever_becomes_of_the_spec() {
        for phase in ["in_progress", "succeeded", "failed", "rolled_back"] {
            assert_eq!(seen(phase, Some(("True", "Approved", 1)), Some("approved"), None, None), json!(["approved", "ann"]), "{phase}");
            assert_eq!(
                seen(phase, Some(("True", "AutomaticPolicy", 1)), None, Some("automatic"), None),
                json!(["not_required", null]),
                "{phase}"
            );
        }
    }

    #[test]
    fn an_approval_at_creation_counts_from_the_beginning() {
        assert_eq!(seen("pending", None, None, None, Some("eve")), json!(["approved", "eve"]));
        assert_eq!(seen("pending", Some(("True", "ApprovedAtCreation", 1)), None, None, Some("eve")), json!(["approved", "eve"]));
        assert_eq!(seen("pending", Some(("False", "Rejected", 1)), Some("rejected"), None, Some("eve")), json!(["rejected", "ann"]));
    }
}
