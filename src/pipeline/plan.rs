//! Step 1: finds the object to change, and pins it by uid.
//!
//! ```text
//!   spec.action ─▶ enabled, parameters as they should be?
//!   spec.target ─▶ may it be touched? ─▶ read ─▶ uid as reported? ─▶ the object that the action changes (`resolve`)
//! ```
//!
//! It comes before approval, so that a proposal about something that is not there ends at once.

use kube::{ResourceExt, api::DynamicObject, discovery::Scope};

use super::{
    Pipeline, access,
    api::{self, ApiError},
    kinds::{self, KindError},
    resolve,
};
use crate::{
    event::Target,
    policy::{Guardrails, LabelMatch},
    remediation::{Action, Reason, ZenAgentRemediation},
};

/// Why there is nothing to change.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No action that this agent has.
    #[error("the remediation has no action that this agent can do; {hint}")]
    NoAction {
        /// What there is instead.
        hint: &'static str,
    },
    /// This agent is not to do it.
    #[error("the action {action} is not enabled on this agent; enable it (ENABLED_ACTIONS), or let the policy ask for another one")]
    Disabled {
        /// The action's name.
        action: &'static str,
    },
    /// Its parameters are none.
    #[error("the action's parameters are not valid: {0}")]
    Parameters(String),
    /// The finding names no object.
    #[error("the remediation names no target")]
    NoTarget,
    /// Out of bounds.
    #[error("the namespace {namespace} is protected: nothing in it is touched")]
    Protected {
        /// Which.
        namespace: String,
    },
    /// It carries a label that keeps it out of bounds.
    #[error("{kind} {name} carries the label {label}, which the policy protects: it is not touched")]
    ProtectedLabel {
        /// Kind.
        kind: String,
        /// Name.
        name: String,
        /// The label's key.
        label: String,
    },
    /// There is no such object.
    #[error("{kind} {name} was not found")]
    NotFound {
        /// Kind.
        kind: String,
        /// Name.
        name: String,
    },
    /// Another object has its name by now.
    #[error("{kind} {name} is not the object that was reported: its uid is another one")]
    Replaced {
        /// Kind.
        kind: String,
        /// Name.
        name: String,
    },
    /// The action cannot be done to it.
    #[error("{action} cannot be done to {kind} {name}: {why}")]
    Unsupported {
        /// The action's name.
        action: &'static str,
        /// Kind.
        kind: String,
        /// Name.
        name: String,
        /// Why, and what it can be done to.
        why: &'static str,
    },
    /// The agent lacks permissions in the cluster.
    #[error("{action} needs permissions that the agent does not have: {missing}; grant them to it (zen-agent rbac prints them)")]
    Denied {
        /// The action's name.
        action: &'static str,
        /// Verbs, resources and namespace.
        missing: String,
    },
    /// The kind leads nowhere.
    #[error(transparent)]
    Kind(#[from] KindError),
    /// The API server did not answer as hoped.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl PlanError {
    /// The reason it ends the remediation with; `None` when trying again may help.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::NoAction { .. } => Some(Reason::ActionUnsupported),
            Self::Disabled { .. } => Some(Reason::ActionDisabled),
            Self::Parameters(_) => Some(Reason::Invalid),
            Self::Denied { .. } => Some(Reason::Forbidden),
            Self::NoTarget | Self::NotFound { .. } => Some(Reason::TargetNotFound),
            Self::Protected { .. } => Some(Reason::ProtectedNamespace),
            Self::ProtectedLabel { .. } => Some(Reason::ProtectedLabel),
            Self::Replaced { .. } => Some(Reason::TargetReplaced),
            Self::Unsupported { .. } => Some(Reason::UnsupportedTarget),
            Self::Kind(error) => error.reason(),
            Self::Api(error) => error.reason(),
        }
    }

    /// The failed call behind it.
    pub(super) fn call(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) | Self::Kind(KindError::Api(error)) => Some(error),
            _ => None,
        }
    }
}

/// The action and the object to change, pinned.
pub(super) async fn run(pipeline: &Pipeline, remediation: &ZenAgentRemediation) -> Result<Target, PlanError> {
    let Pipeline { client, guardrails, settings, .. } = pipeline;
    let action = action(remediation)?;
    if !settings.actions.contains(&action.kind()) {
        return Err(PlanError::Disabled { action: action.name() });
    }
    if let Some(problem) = action.problem() {
        return Err(PlanError::Parameters(problem));
    }
    let named = remediation.spec.target.as_ref().ok_or(PlanError::NoTarget)?;
    permit(guardrails, named)?;
    // Before the target is read: the agent may read only what an action can be done to.
    resolve::check(action, named)?;
    // What was pinned for another spec may not be what this one names.
    let status = remediation.status.as_ref().filter(|status| status.observed_generation == remediation.metadata.generation);
    if let Some(pinned) = status.and_then(|status| status.target.as_ref()) {
        permit(guardrails, pinned)?;
        return Ok(pinned.clone());
    }
    let api = api::of(client, named).await?;
    let live = api::find("read the target", api.get(&named.name)).await?.ok_or_else(|| not_found(named))?;
    if named.uid.is_some() && live.metadata.uid != named.uid {
        return Err(PlanError::Replaced { kind: named.kind.clone(), name: named.name.clone() });
    }
    permit_labels(guardrails, named, &live)?;
    let scope = kinds::find(client, named).await?.scope;
    let namespace = if scope == Scope::Cluster { None } else { named.namespace.clone() };
    let named = Target { namespace, uid: live.metadata.uid.clone(), ..named.clone() };
    let (target, live) = resolve::run(client, action, named, live).await?;
    permit(guardrails, &target)?;
    permit_labels(guardrails, &target, &live)?;
    access::check(client, action, &target).await?;
    Ok(target)
}

/// The action of a remediation.
pub(super) fn action(remediation: &ZenAgentRemediation) -> Result<&Action, PlanError> {
    let spec = &remediation.spec;
    let hint = if spec.patches.is_empty() { "spec.action says what to do" } else { "spec.patches is not supported yet" };
    spec.action.as_ref().ok_or(PlanError::NoAction { hint })
}

/// Refuses what no remediation may touch.
fn permit(guardrails: &Guardrails, target: &Target) -> Result<(), PlanError> {
    kinds::check(target)?;
    match guardrails.protects(target) {
        Some(namespace) => Err(PlanError::Protected { namespace: namespace.to_owned() }),
        None => Ok(()),
    }
}

/// Refuses what carries a label that no remediation may touch.
pub(super) fn permit_labels(guardrails: &Guardrails, target: &Target, live: &DynamicObject) -> Result<(), PlanError> {
    let protects = |label: &&LabelMatch| live.labels().get(&label.key).is_some_and(|value| label.matches(value));
    match guardrails.protected_labels.iter().find(protects) {
        Some(label) => Err(PlanError::ProtectedLabel { kind: target.kind.clone(), name: target.name.clone(), label: label.key.clone() }),
        None => Ok(()),
    }
}

pub(super) fn not_found(target: &Target) -> PlanError {
    PlanError::NotFound { kind: target.kind.clone(), name: target.name.clone() }
}

pub(super) fn unsupported(action: &Action, target: &Target, why: &'static str) -> PlanError {
    PlanError::Unsupported { action: action.name(), kind: target.kind.clone(), name: target.name.clone(), why }
}
