//! How a remediation looks in the API: a schema of its own, not the custom resource.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime};
use kube::ResourceExt;

use crate::{
    contract::{DateTime, v0::types},
    event,
    remediation::{APPROVED, Decision, Mode, Phase, RemediationStatus, Step, StepName, StepState, ZenAgentRemediation},
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
        action: spec.action.as_ref().map(|action| action.name().to_owned()),
        // What was asked for until it is found, then what was found, with its uid.
        target: status.target.as_ref().or(spec.target.as_ref()).map(target),
        approval: approval(object, status),
        reason: status.reason.clone(),
        message: status.message.clone(),
        request_id: spec.request.as_ref().map(|request| request.id.clone()),
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

fn target(target: &event::Target) -> types::Target {
    types::Target {
        api_version: target.api_version.clone(),
        kind: target.kind.clone(),
        namespace: target.namespace.clone(),
        name: target.name.clone(),
        uid: target.uid.clone(),
    }
}

/// A person's decision where there is one; otherwise what the condition and the mode say.
fn approval(object: &ZenAgentRemediation, status: &RemediationStatus) -> types::Approval {
    if let Some(decided) = &status.approval {
        let state = match decided.decision {
            Decision::Approved => types::ApprovalState::Approved,
            Decision::Rejected => types::ApprovalState::Rejected,
        };
        return types::Approval { state, by: Some(decided.by.clone()), at: Some(decided.at.0.into()), reason: decided.reason.clone() };
    }
    // An automatic remediation that a guardrail holds back waits for a person too.
    let held = object.condition(APPROVED).is_some_and(|condition| condition.status == "False");
    let automatic = object.spec.mode == Some(Mode::Automatic) && !held;
    let state = if automatic { types::ApprovalState::NotRequired } else { types::ApprovalState::Waiting };
    types::Approval { state, by: None, at: None, reason: None }
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
