//! Step 1: finds the object to change, pins it by uid, and says what will be written to it.
//!
//! ```text
//!   spec.action, or spec.patches ─▶ enabled, parameters as they should be?
//!   spec.target ─▶ may it be touched? ─▶ read ─▶ uid as reported? ─▶ the object that the action changes (`resolve`)
//!                                        └─▶ not there, and the action creates it: pinned as absent
//!      ─▶ protected labels? ─▶ permissions, of the action and of its probes? ─▶ its state ─▶ the changes ─▶ small enough?
//!      ─▶ admitted by the server (server-side dry run)? ─▶ `.status.plan`
//! ```
//!
//! It comes before approval, so that a proposal carries what it would do, and one about something that is not there, or
//! that the server would refuse, ends at once.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use kube::{Api, Client, ResourceExt, api::DynamicObject, discovery::Scope};

use super::{
    access,
    actions::{ActionError, Subject, try_out},
    api::{self, ApiError},
    kinds::{self, KindError},
    probes::{self, Reach},
    recent::workload,
    resolve::{self, Level},
};
use crate::{
    category::Category,
    event::Target,
    policy::{Guardrails, LabelMatch},
    remediation::{Action, ActionKind, Change, Operation, Plan, Reason, RemediationSpec, ZenAgentRemediation},
};

/// Bytes of a plan; with it an object stays small, and a person can read it.
const MAX_BYTES: usize = 32 * 1_024;
/// How often a target that changes while its change is tried is read again.
const PASSES: usize = 4;

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
    /// What has to hold afterwards is not as it should be.
    #[error("the verification is not valid: {0}")]
    Verification(String),
    /// A probe asks for what is out of its bounds.
    #[error("the verification is not allowed: {0}")]
    ProbeNotAllowed(String),
    /// The agent may not read what a probe asks for.
    #[error("the probe {probe} needs a permission that the agent does not have: {missing}; grant it, or leave the probe out")]
    ProbeDenied {
        /// The probe's name.
        probe: String,
        /// Verb, resource and namespace.
        missing: String,
    },
    /// What would be written is more than a person can judge.
    #[error("the plan has {bytes} bytes, more than the {MAX_BYTES} that are kept; make several smaller changes of it")]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// The target's state could not be read, does not fit, or the server does not admit the change.
    #[error(transparent)]
    Target(#[from] ActionError),
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
            Self::Parameters(_) | Self::Verification(_) | Self::TooLarge { .. } => Some(Reason::Invalid),
            Self::Denied { .. } | Self::ProbeDenied { .. } => Some(Reason::Forbidden),
            Self::ProbeNotAllowed(_) => Some(Reason::ProbeNotAllowed),
            Self::NoTarget | Self::NotFound { .. } => Some(Reason::TargetNotFound),
            Self::Protected { .. } => Some(Reason::ProtectedNamespace),
            Self::ProtectedLabel { .. } => Some(Reason::ProtectedLabel),
            Self::Replaced { .. } => Some(Reason::TargetReplaced),
            Self::Unsupported { .. } => Some(Reason::UnsupportedTarget),
            Self::Target(error) => error.reason(),
            Self::Kind(error) => error.reason(),
            Self::Api(error) => error.reason(),
        }
    }

    /// The failed call behind it.
    pub(crate) fn call(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) | Self::Kind(KindError::Api(error)) => Some(error),
            Self::Target(error) => error.call(),
            _ => None,
        }
    }
}

/// Whatever is needed to say what would be done.
#[derive(Clone)]
pub struct Planner<'a> {
    /// Reads targets.
    pub client: &'a Client,
    /// The actions that may be carried out.
    pub actions: &'a BTreeSet<ActionKind>,
    /// What probes may reach.
    pub reach: &'a Reach,
    /// What holds whatever the rules say.
    pub guardrails: Arc<Guardrails>,
}

/// A plan, and what else the read that it was made from shows.
pub(super) struct Drawing {
    pub(super) plan: Plan,
    pub(super) workload: Option<String>,
}

impl Planner<'_> {
    /// What would be done now, which no server was asked to admit.
    ///
    /// # Errors
    /// [`PlanError`]; those with a reason would end the remediation.
    pub async fn sketch(&self, remediation: &ZenAgentRemediation) -> Result<Plan, PlanError> {
        let target = self.target(remediation).await?;
        let api = api::of(self.client, &target).await?;
        Ok(self.look(&api, remediation, &target).await?.0)
    }

    /// The plan for a target that is pinned, from a fresh read. The server has admitted its changes, now or as those of `former`.
    pub(super) async fn draw(
        &self,
        remediation: &ZenAgentRemediation,
        target: &Target,
        former: Option<&Plan>,
    ) -> Result<Drawing, PlanError> {
        let api = api::of(self.client, target).await?;
        for _ in 0..PASSES {
            let (plan, live) = self.look(&api, remediation, target).await?;
            let drawing = Drawing { plan, workload: workload(&live) };
            if former.is_some_and(|former| former.digest == drawing.plan.digest) {
                return Ok(drawing);
            }
            match try_out(self.client, &drawing.plan.changes, &live).await {
                Ok(()) => return Ok(drawing),
                // It changed since it was read.
                Err(ActionError::Api(error)) if error.category() == Category::Conflict => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ActionError::Contended.into())
    }

    /// The plan, and the target as it was read for it.
    async fn look(
        &self,
        api: &Api<DynamicObject>,
        remediation: &ZenAgentRemediation,
        target: &Target,
    ) -> Result<(Plan, DynamicObject), PlanError> {
        let (action, subject) = (&*action(&remediation.spec)?, Subject::new(target, remediation));
        let live = subject.read(api).await?;
        permit_labels(&self.guardrails, target, &live)?;
        let previous = action.survey(subject, api, &live).await?;
        let changes = action.plan(subject, &live, &previous)?;
        for change in &changes {
            permit_written(&self.guardrails, change)?;
        }
        let mut permissions = access::needed(self.client, action, target).await?;
        let verification = remediation.spec.verification.as_ref();
        if let Some(verification) = verification {
            permissions.extend(probes::permit(self.client, self.reach, verification, target).await?);
        }
        let plan = Plan::new((action, verification), target, changes, previous, permissions);
        let bytes = plan.size();
        if bytes > MAX_BYTES { Err(PlanError::TooLarge { bytes }) } else { Ok((plan, live)) }
    }

    /// The object to change, pinned.
    pub(super) async fn target(&self, remediation: &ZenAgentRemediation) -> Result<Target, PlanError> {
        let Self { client, guardrails, .. } = self;
        let action = &*action(&remediation.spec)?;
        let named = &*self.named(&remediation.spec, action)?;
        // What was pinned for another spec may not be what this one names.
        let status = remediation.status.as_ref().filter(|status| status.observed_generation == remediation.metadata.generation);
        if let Some(pinned) = status.and_then(|status| status.target.as_ref()) {
            permit(guardrails, pinned)?;
            return Ok(pinned.clone());
        }
        let api = api::of(client, named).await?;
        let scope = kinds::find(client, named).await?.scope;
        let namespace = if scope == Scope::Cluster { None } else { named.namespace.clone() };
        let Some(live) = api::find("read the target", api.get(&named.name)).await? else {
            // What was found with a uid is not to be made anew.
            if action.kind().level() != Level::Manifest || named.uid.is_some() {
                return Err(not_found(named));
            }
            let absent = Target { namespace, ..named.clone() };
            access::check(client, action, &absent).await?;
            return Ok(absent);
        };
        if named.uid.is_some() && live.metadata.uid != named.uid {
            return Err(PlanError::Replaced { kind: named.kind.clone(), name: named.name.clone() });
        }
        permit_labels(guardrails, named, &live)?;
        let named = Target { namespace, uid: live.metadata.uid.clone(), ..named.clone() };
        let (target, live) = resolve::run(client, action, named, live).await?;
        permit(guardrails, &target)?;
        permit_labels(guardrails, &target, &live)?;
        access::check(client, action, &target).await?;
        Ok(target)
    }

    /// The object that is named, as far as it is known without asking anybody that the action may be done to it.
    pub(super) fn named<'a>(&self, spec: &'a RemediationSpec, action: &Action) -> Result<Cow<'a, Target>, PlanError> {
        if !self.actions.contains(&action.kind()) {
            return Err(PlanError::Disabled { action: action.name() });
        }
        if let Some(problem) = action.problem() {
            return Err(PlanError::Parameters(problem));
        }
        let named = spec.wanted_target().ok_or(PlanError::NoTarget)?;
        if let Some(problem) = action.mismatch(&named) {
            return Err(PlanError::Parameters(problem));
        }
        permit(&self.guardrails, &named)?;
        // Before the target is read: the agent may read only what an action can be done to.
        resolve::check(action, &named)?;
        Ok(named)
    }
}

/// The action of a remediation.
pub(super) fn action(spec: &RemediationSpec) -> Result<Cow<'_, Action>, PlanError> {
    let one = "spec.patches has several, each of which is a remediation of its own";
    let hint = if spec.patches.is_empty() { "spec.action says what to do" } else { one };
    spec.wanted_action().ok_or(PlanError::NoAction { hint })
}

/// Refuses what no remediation may touch.
pub(super) fn permit(guardrails: &Guardrails, target: &Target) -> Result<(), PlanError> {
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

/// Refuses to put a label on an object that would keep everybody from touching it again.
fn permit_written(guardrails: &Guardrails, change: &Change) -> Result<(), PlanError> {
    let labels = change.patch.as_ref().map(|patch| &patch["metadata"]["labels"]).filter(|_| change.operation == Operation::Apply);
    let protects = |label: &&LabelMatch| labels.is_some_and(|labels| labels[&label.key].as_str().is_some_and(|value| label.matches(value)));
    match guardrails.protected_labels.iter().find(protects) {
        Some(label) => {
            let Target { kind, name, .. } = &change.object;
            Err(PlanError::ProtectedLabel { kind: kind.clone(), name: name.clone(), label: label.key.clone() })
        }
        None => Ok(()),
    }
}

pub(super) fn not_found(target: &Target) -> PlanError {
    PlanError::NotFound { kind: target.kind.clone(), name: target.name.clone() }
}

pub(super) fn unsupported(action: &Action, target: &Target, why: &'static str) -> PlanError {
    PlanError::Unsupported { action: action.name(), kind: target.kind.clone(), name: target.name.clone(), why }
}
