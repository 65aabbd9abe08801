//! The actions, one file each.
//!
//! A new one also has a line in `each!` and [`permissions`]; its parameters, kind and former state in
//! [`remediation`](crate::remediation) (`action`, `action_kind`, `Previous`), from which the definition of
//! remediations follows; what a policy checks of it in `policy/file.rs`; its name in the default of
//! ENABLED_ACTIONS; and its switch in the chart. What was left out in Rust does not compile.
//!
//! An action says what it needs (`level`, `permissions`), and how to go from one state to the other:
//!
//! ```text
//!   prepare ── live target ──▶ Previous, stored on the remediation before anything changes
//!   execute ── while a field reads as in Previous, sets it; as wanted, leaves it; else: TargetChanged
//!   validate ─ fresh read ───▶ Holds │ NotYet │ Impossible
//!   rollback ─ while a field reads as this remediation set it, sets it back; else leaves it
//! ```
//!
//! Execute and rollback end only when a fresh read shows nothing left to do, so both are verified,
//! and both may be repeated after a crash at any point.

mod label;
mod network_quarantine;
mod scale;

pub use network_quarantine::QUARANTINE_LABEL;

use std::future::Future;

use kube::{
    Api, Client,
    api::{DynamicObject, ObjectMeta},
};
use serde_json::Value;

use super::{
    Pipeline,
    api::{self, ApiError, Part},
    kinds::KindError,
    run,
};
use crate::{
    category::Category,
    event::Target,
    lease::Tenure,
    permissions::Permission,
    remediation::{
        Action, ActionKind, LabelAction, NetworkQuarantineAction, Phase, Previous, Reason, ScaleAction, Step, ZenAgentRemediation,
    },
};

/// How often a write is tried again because the object changed between read and write.
const PASSES: usize = 8;

/// What a validation found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The effect is there; what was seen.
    Holds(String),
    /// Not yet; what is missing.
    NotYet(String),
    /// It cannot come any more; why.
    Impossible(String),
}

/// The object that an action changes, relative to the one that the finding names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The object itself.
    Itself,
    /// The object itself, which must be a Pod.
    Pod,
    /// The controller that decides over replicas: pod → ReplicaSet → Deployment, or a StatefulSet.
    Replicas,
}

/// Why an action cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// The target was deleted.
    #[error("{kind} {name} is not there any more")]
    Gone {
        /// Kind.
        kind: String,
        /// Name.
        name: String,
    },
    /// Another object has the target's name.
    #[error("{kind} {name} is not the object that was pinned: its uid is another one")]
    Replaced {
        /// Kind.
        kind: String,
        /// Name.
        name: String,
    },
    /// The field is neither as it was nor as this action sets it.
    #[error("{field} was changed by another party after its state was recorded; it is left as it is")]
    Changed {
        /// Which field.
        field: String,
    },
    /// An object of the name that the action needs is not this remediation's.
    #[error("{what} exists and does not belong to this remediation; it is left as it is")]
    NotOurs {
        /// Which object.
        what: String,
    },
    /// The target lacks the field that the action is about.
    #[error("the target has no {field}")]
    NoField {
        /// Which field.
        field: &'static str,
    },
    /// The recorded state belongs to another action.
    #[error("the recorded state is not that of this action, so nothing can be undone from it")]
    NotRecorded,
    /// The step is not this attempt's any more.
    #[error("another attempt went on with this remediation meanwhile; this one changes nothing more")]
    Overtaken,
    /// The object changed between read and write, every time.
    #[error("the target changes too fast to be written safely; it is tried again")]
    Contended,
    /// The kind leads nowhere.
    #[error(transparent)]
    Kind(#[from] KindError),
    /// The API server did not do it.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl ActionError {
    /// The reason it ends the remediation with; `None` when trying again may help.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Gone { .. } => Some(Reason::TargetNotFound),
            Self::Replaced { .. } => Some(Reason::TargetReplaced),
            Self::Changed { .. } => Some(Reason::TargetChanged),
            Self::NotOurs { .. } => Some(Reason::NameTaken),
            Self::NoField { .. } => Some(Reason::UnsupportedTarget),
            Self::NotRecorded => Some(Reason::RollbackUnsupported),
            Self::Overtaken | Self::Contended => None,
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

impl KindError {
    /// The reason it ends the remediation with; `None` when trying again may help.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Denied { .. } => Some(Reason::DeniedKind),
            Self::Malformed { .. } | Self::NoNamespace { .. } => Some(Reason::Invalid),
            Self::Unknown { .. } => Some(Reason::TargetNotFound),
            Self::Api(error) => error.reason(),
        }
    }
}

impl ApiError {
    /// The reason it ends the remediation with; `None` when trying again may help.
    pub fn reason(&self) -> Option<Reason> {
        match self.category() {
            Category::NotFound => Some(Reason::TargetNotFound),
            Category::Forbidden => Some(Reason::Forbidden),
            Category::Validation | Category::Permanent => Some(Reason::Invalid),
            Category::Conflict | Category::Transient | Category::Timeout => None,
        }
    }
}

/// One action's way of doing it.
trait Act: Sized {
    const LEVEL: Level;
    const PERMISSIONS: &'static [Permission];

    fn prepare(&self, live: &DynamicObject) -> Result<Previous, ActionError>;
    fn execute(&self, site: &Site<'_>, previous: &Previous) -> impl Future<Output = Result<(), ActionError>> + Send;
    fn validate(&self, site: &Site<'_>) -> impl Future<Output = Result<Verdict, ActionError>> + Send;
    fn rollback(&self, site: &Site<'_>, previous: &Previous) -> impl Future<Output = Result<(), ActionError>> + Send;
    fn leftover(&self, site: &Site<'_>) -> String;
}

/// Does the same with whichever action it is.
macro_rules! each {
    ($action:expr, $a:ident => $do:expr) => {
        match $action {
            Action::Label($a) => $do,
            Action::NetworkQuarantine($a) => $do,
            Action::Scale($a) => $do,
        }
    };
}

/// The object that the action changes.
pub fn level(action: &Action) -> Level {
    const fn of<A: Act>(_: &A) -> Level {
        A::LEVEL
    }
    each!(action, a => of(a))
}

/// What the agent must be allowed to do, in a target's namespace, for this action.
pub const fn permissions(kind: ActionKind) -> &'static [Permission] {
    match kind {
        ActionKind::Label => LabelAction::PERMISSIONS,
        ActionKind::NetworkQuarantine => NetworkQuarantineAction::PERMISSIONS,
        ActionKind::Scale => ScaleAction::PERMISSIONS,
    }
}

/// What is there before the change.
pub(super) fn prepare(action: &Action, live: &DynamicObject) -> Result<Previous, ActionError> {
    each!(action, a => a.prepare(live))
}

/// Makes the change, or finds it made.
pub(super) async fn execute(action: &Action, site: &Site<'_>, previous: &Previous) -> Result<(), ActionError> {
    each!(action, a => a.execute(site, previous).await)
}

/// Looks whether the effect is there.
pub(super) async fn validate(action: &Action, site: &Site<'_>) -> Result<Verdict, ActionError> {
    each!(action, a => a.validate(site).await)
}

/// Undoes what is still as this remediation left it.
pub(super) async fn rollback(action: &Action, site: &Site<'_>, previous: &Previous) -> Result<(), ActionError> {
    each!(action, a => a.rollback(site, previous).await)
}

/// What may be left on the cluster where it could not be undone, for people.
pub(super) fn leftover(action: &Action, site: &Site<'_>) -> String {
    each!(action, a => a.leftover(site))
}

/// Where an action acts, and for which remediation.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) client: &'a Client,
    tenure: &'a Tenure,
    /// The pinned target.
    pub(super) target: &'a Target,
    /// What of it is written.
    part: Part,
    /// The remediation's namespace.
    pub(super) namespace: &'a str,
    /// The remediation's name.
    pub(super) name: &'a str,
    /// The remediation's uid.
    pub(super) uid: Option<&'a str>,
    /// The attempt that acts.
    attempt: Option<&'a Step>,
}

/// What a fresh read shows of the remediation.
enum Standing {
    /// The attempt that acts is the one under way.
    Ours,
    /// Another attempt is, or another step.
    Overtaken,
    /// Nothing is under way any more.
    Over,
}

impl<'a> Site<'a> {
    pub(super) fn new(pipeline: &'a Pipeline, target: &'a Target, remediation: &'a ZenAgentRemediation) -> Self {
        let ObjectMeta { namespace, name, uid, .. } = &remediation.metadata;
        Self {
            client: &pipeline.client,
            tenure: &pipeline.tenure,
            target,
            part: Part::Whole,
            namespace: namespace.as_deref().unwrap_or_default(),
            name: name.as_deref().unwrap_or_default(),
            uid: uid.as_deref(),
            attempt: run::under_way(remediation),
        }
    }

    /// The same, where only the number of replicas is written, which is a permission of its own.
    const fn scale(self) -> Self {
        Self { part: Part::Scale, ..self }
    }

    async fn standing(&self) -> Result<Standing, ApiError> {
        let fresh = run::read(self.client, self.namespace, self.name).await?;
        let Some(fresh) = fresh.filter(|fresh| fresh.metadata.uid.as_deref() == self.uid) else { return Ok(Standing::Over) };
        Ok(match (run::under_way(&fresh), self.attempt) {
            (Some(now), Some(attempt))
                if (now.name, now.attempts, &now.started_at) == (attempt.name, attempt.attempts, &attempt.started_at) =>
            {
                Standing::Ours
            }
            _ if fresh.phase() == Phase::InProgress => Standing::Overtaken,
            _ => Standing::Over,
        })
    }

    /// Stands between the read that a write to the cluster is decided on, and that write.
    ///
    /// # Errors
    /// When the attempt that acts is not the one under way: this process was frozen meanwhile, or has
    /// lost the lease, and another goes on.
    async fn still_ours(&self) -> Result<(), ActionError> {
        if !self.tenure.holds() {
            return Err(ActionError::Overtaken);
        }
        match self.standing().await? {
            Standing::Ours => Ok(()),
            Standing::Overtaken | Standing::Over => Err(ActionError::Overtaken),
        }
    }

    async fn api(&self) -> Result<Api<DynamicObject>, ActionError> {
        Ok(api::of(self.client, self.target).await?)
    }

    /// The target, for people.
    fn named(&self) -> String {
        let Target { kind, namespace, name, .. } = self.target;
        format!("{kind} {}{name}", namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default())
    }

    /// The target as it is now, if it still is the one that was pinned.
    pub(super) async fn read(&self) -> Result<DynamicObject, ActionError> {
        self.read_from(&self.api().await?).await
    }

    async fn read_from(&self, api: &Api<DynamicObject>) -> Result<DynamicObject, ActionError> {
        let Target { kind, name, uid, .. } = self.target;
        match api::find("read the target", api.get(name)).await? {
            None => Err(ActionError::Gone { kind: kind.clone(), name: name.clone() }),
            Some(live) if live.metadata.uid != *uid => Err(ActionError::Replaced { kind: kind.clone(), name: name.clone() }),
            Some(live) => Ok(live),
        }
    }

    /// Reads and writes until a fresh read leaves nothing to write.
    async fn converge(&self, change: impl Fn(&DynamicObject) -> Result<Option<Value>, ActionError>) -> Result<(), ActionError> {
        let api = self.api().await?;
        for _ in 0..PASSES {
            let live = self.read_from(&api).await?;
            let Some(patch) = change(&live)? else { return Ok(()) };
            self.still_ours().await?;
            match api::patch_as_read(&api, self.part, &live, patch).await {
                Ok(()) => {}
                // Somebody else wrote, deleted or replaced it since: the next read shows which.
                Err(error) if matches!(error.category(), Category::Conflict | Category::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ActionError::Contended)
    }
}

/// Treats a target that is gone as one that needs no undoing.
fn gone_is_undone(result: Result<(), ActionError>) -> Result<(), ActionError> {
    match result {
        Err(ActionError::Gone { .. } | ActionError::Replaced { .. }) => Ok(()),
        other => other,
    }
}
