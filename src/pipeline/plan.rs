//! Step 1: finds the object to change, and pins it by uid.
//!
//! ```text
//!   spec.target ─▶ may it be touched? ─▶ read ─▶ uid as reported? ─▶ the action's level
//!                                                                    Itself   the object
//!                                                                    Pod      the object, if a Pod
//!                                                                    Replicas Pod ▸ ReplicaSet ▸ Deployment
//!                                                                             Pod ▸ StatefulSet, by the
//!                                                                             controller's uid at each hop
//! ```
//!
//! It comes before approval, so that a proposal about something that is not there ends at once.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Client, ResourceExt, api::DynamicObject, discovery::Scope};

use super::{
    Pipeline, access,
    actions::{self, Level},
    api::{self, ApiError},
    kinds::{self, KindError},
};
use crate::{
    event::Target,
    policy::Guardrails,
    remediation::{Action, Reason, ZenAgentRemediation},
};

/// Hops from a pod to the controller in charge.
const HOPS: usize = 3;

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
    /// The finding names no object.
    #[error("the remediation names no target")]
    NoTarget,
    /// Out of bounds.
    #[error("the namespace {namespace} is protected: nothing in it is touched")]
    Protected {
        /// Which.
        namespace: String,
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
            Self::Denied { .. } => Some(Reason::Forbidden),
            Self::NoTarget | Self::NotFound { .. } => Some(Reason::TargetNotFound),
            Self::Protected { .. } => Some(Reason::ProtectedNamespace),
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
    let named = remediation.spec.target.as_ref().ok_or(PlanError::NoTarget)?;
    permit(guardrails, named)?;
    // Before the target is read: the agent may read only what an action can be done to.
    is_supported(action, named)?;
    // What was pinned for another spec may not be what this one names.
    let status = remediation.status.as_ref().filter(|status| status.observed_generation == remediation.metadata.generation);
    if let Some(pinned) = status.and_then(|status| status.target.as_ref()) {
        permit(guardrails, pinned)?;
        return Ok(pinned.clone());
    }
    let live = read(client, named).await?.ok_or_else(|| not_found(named))?;
    if named.uid.is_some() && live.metadata.uid != named.uid {
        return Err(PlanError::Replaced { kind: named.kind.clone(), name: named.name.clone() });
    }
    let scope = kinds::find(client, named).await?.scope;
    let namespace = if scope == Scope::Cluster { None } else { named.namespace.clone() };
    let named = Target { namespace, uid: live.metadata.uid.clone(), ..named.clone() };
    let target = resolve(client, action, named, live).await?;
    permit(guardrails, &target)?;
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

async fn read(client: &Client, target: &Target) -> Result<Option<DynamicObject>, PlanError> {
    let api = api::of(client, target).await?;
    Ok(api::find("read the target", api.get(&target.name)).await?)
}

fn not_found(target: &Target) -> PlanError {
    PlanError::NotFound { kind: target.kind.clone(), name: target.name.clone() }
}

const NEEDS_REPLICAS: &str = "it needs a Deployment, StatefulSet or ReplicaSet, or a Pod of one";

/// Refuses a kind that the action cannot be done to.
fn is_supported(action: &Action, named: &Target) -> Result<(), PlanError> {
    let kind = (named.api_version.as_str(), named.kind.as_str());
    match actions::level(action) {
        Level::Itself => Ok(()),
        Level::Pod if kind == ("v1", "Pod") => Ok(()),
        Level::Pod => Err(unsupported(action, named, "it needs a Pod")),
        Level::Replicas if matches!(kind, ("v1", "Pod") | ("apps/v1", "Deployment" | "StatefulSet" | "ReplicaSet")) => Ok(()),
        Level::Replicas => Err(unsupported(action, named, NEEDS_REPLICAS)),
    }
}

fn unsupported(action: &Action, target: &Target, why: &'static str) -> PlanError {
    PlanError::Unsupported { action: action.name(), kind: target.kind.clone(), name: target.name.clone(), why }
}

/// Goes from the named object to the one that the action changes.
async fn resolve(client: &Client, action: &Action, named: Target, live: DynamicObject) -> Result<Target, PlanError> {
    let unsupported = |target: &Target, why| unsupported(action, target, why);
    match actions::level(action) {
        Level::Itself | Level::Pod => return Ok(named),
        Level::Replicas => {}
    }
    let (mut target, mut live) = (named, live);
    for _ in 0..HOPS {
        let owner = controller(&live);
        match (target.api_version.as_str(), target.kind.as_str(), owner) {
            ("apps/v1", "Deployment" | "StatefulSet", _) | ("apps/v1", "ReplicaSet", None) => return Ok(target),
            ("apps/v1", "ReplicaSet", Some(owner)) if is_apps(owner, &["Deployment"]) => {
                (target, live) = climb(client, &target, owner).await?;
            }
            ("apps/v1", "ReplicaSet", Some(_)) => return Err(unsupported(&target, "its controller is not a Deployment")),
            ("v1", "Pod", Some(owner)) if is_apps(owner, &["ReplicaSet", "StatefulSet"]) => {
                (target, live) = climb(client, &target, owner).await?;
            }
            ("v1", "Pod", _) => return Err(unsupported(&target, "no ReplicaSet or StatefulSet controls it")),
            _ => return Err(unsupported(&target, NEEDS_REPLICAS)),
        }
    }
    Err(unsupported(&target, "its controllers do not end"))
}

fn controller(live: &DynamicObject) -> Option<&OwnerReference> {
    live.owner_references().iter().find(|owner| owner.controller == Some(true))
}

fn is_apps(owner: &OwnerReference, kinds: &[&str]) -> bool {
    owner.api_version == "apps/v1" && kinds.contains(&owner.kind.as_str())
}

/// The controller itself, if it still is the one that the reference means.
async fn climb(client: &Client, from: &Target, owner: &OwnerReference) -> Result<(Target, DynamicObject), PlanError> {
    let target = Target {
        api_version: owner.api_version.clone(),
        kind: owner.kind.clone(),
        namespace: from.namespace.clone(),
        name: owner.name.clone(),
        uid: Some(owner.uid.clone()),
    };
    let live = read(client, &target).await?.ok_or_else(|| not_found(&target))?;
    if live.metadata.uid != target.uid {
        return Err(PlanError::Replaced { kind: target.kind, name: target.name });
    }
    Ok((target, live))
}
