//! The actions, one file each: parameters, permissions, preconditions, and how to do and to undo it.
//!
//! A new one is a file, its `mod`, and a line in `actions!`, which makes of that line all that the rest of the
//! agent knows of actions: the schema of remediations, policies, permissions, settings and metrics. Whether it
//! is on where nobody says so is the default of ENABLED_ACTIONS, and of `enabledActions` in the chart.
//!
//! An action says what it needs, and how to go from one state to the other:
//!
//! ```text
//!   problem ── parameters ───▶ what is wrong with them, before anybody is asked
//!   prepare ── live target ──▶ what is there, stored on the remediation before anything changes (or `survey`, which asks the server)
//!   change ─── while a field reads as it did, sets it; as wanted, leaves it; else: TargetChanged
//!   plan ───── live target ──▶ all that is going to be written; what a person judges
//!   execute ── writes it, change by change, each from a fresh read
//!   validate ─ fresh read ───▶ Holds │ NotYet │ Impossible
//!   rollback ─ while a field reads as this remediation set it, sets it back; else leaves it
//! ```
//!
//! Execute and rollback end only when a fresh read shows nothing left to do, so each sees for itself,
//! and both may be repeated after a crash at any point.
//!
//! | reversibility | actions | rollback |
//! |---|---|---|
//! | Reversible | most | the former state |
//! | Disruptive | restart | none; nothing is lost either |
//! | Destructive | delete-pod, evict | none; a person approves it, unless the policy says `automatic-irreversible` |

mod annotate;
mod apply;
mod cordon;
mod create;
mod delete_pod;
mod error;
mod evict;
mod label;
mod network_quarantine;
mod pod;
mod restart;
mod rollout;
mod scale;
mod set_image;
mod site;
mod suspend;
mod texts;
mod write;

use std::{
    fmt,
    future::{Future, ready},
    str::FromStr,
};

use kube::{Api, api::DynamicObject};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use apply::VERBS as APPLY_VERBS;
pub(crate) use apply::bounded;
pub use error::ActionError;
pub use network_quarantine::QUARANTINE_LABEL;
pub(super) use site::{Site, Subject};
pub(super) use write::try_out;

use super::resolve::Level;
use crate::{event::Target, permissions::Permission, remediation::Change};

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

/// Whether what an action does can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reversibility {
    /// The former state is recorded, and restored where the effect does not hold.
    Reversible,
    /// It is not undone, and leaves nothing that would have to be.
    Disruptive,
    /// What it removes is gone for good: a person has to approve it, unless the policy says otherwise.
    Destructive,
}

/// What an action takes from the healthy replicas of a workload, beside what the workload's own rollout allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disruption {
    /// Nothing.
    None,
    /// The target, which is a pod.
    Pod,
    /// All but so many.
    AllBut(u32),
}

/// One action's way of doing it.
trait Act: Sized + Sync {
    /// What is recorded before the change.
    type Previous: Send + Sync;

    const LEVEL: Level;
    const PERMISSIONS: &'static [Permission];
    const REVERSIBILITY: Reversibility;

    fn problem(&self) -> Option<String>;
    fn disruption(&self) -> Disruption {
        Disruption::None
    }
    /// What is wrong with this target's being asked for.
    fn mismatch(&self, _named: &Target) -> Option<String> {
        None
    }
    /// What is recorded; of an action, this or `survey`.
    fn prepare(&self, _live: &DynamicObject) -> Result<Self::Previous, ActionError> {
        Err(ActionError::NotRecorded)
    }
    /// The same, where only the server can say what the change would touch.
    fn survey(
        &self,
        _subject: Subject<'_>,
        _api: &Api<DynamicObject>,
        live: &DynamicObject,
    ) -> impl Future<Output = Result<Self::Previous, ActionError>> + Send {
        ready(self.prepare(live))
    }
    /// The write to the target that is left to be made, if any.
    fn change(&self, subject: Subject<'_>, live: &DynamicObject, previous: &Self::Previous) -> Result<Option<Change>, ActionError>;
    /// All that is going to be written, where more than the target is.
    fn plan(&self, subject: Subject<'_>, live: &DynamicObject, previous: &Self::Previous) -> Result<Vec<Change>, ActionError> {
        Ok(self.change(subject, live, previous)?.into_iter().collect())
    }
    fn execute(&self, site: &Site<'_>, previous: &Self::Previous) -> impl Future<Output = Result<(), ActionError>> + Send {
        site.converge(|live| self.change(site.subject, live, previous))
    }
    fn validate(&self, site: &Site<'_>) -> impl Future<Output = Result<Verdict, ActionError>> + Send;
    fn rollback(&self, site: &Site<'_>, previous: &Self::Previous) -> impl Future<Output = Result<(), ActionError>> + Send;
    /// What is left behind of what was made, once it is rolled back, since others use it by now; for people.
    fn left_behind(
        &self,
        _site: &Site<'_>,
        _previous: &Self::Previous,
    ) -> impl Future<Output = Result<Option<String>, ActionError>> + Send {
        ready(Ok(None))
    }
    /// What may be left on the cluster where it could not be undone, for people.
    fn leftover(&self, subject: Subject<'_>) -> String;
}

/// Makes everything that has a case for each action from one line for each.
macro_rules! actions {
    ($($(#[$doc:meta])* $Action:ident = $name:literal: $module:ident::$Parameters:ident, $Previous:path;)*) => {
        $(pub use $module::$Parameters;)*

        /// What to do; exactly one.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub enum Action {
            $($(#[$doc])* $Action($Parameters),)*
        }

        /// The state that an action is about to change, enough to undo it.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub enum Previous {
            $(#[doc = concat!("Of `", $name, "`.")] $Action($Previous),)*
        }

        /// An action, whatever its parameters.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum ActionKind {
            $($(#[$doc])* $Action,)*
        }

        impl ActionKind {
            /// All of them.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$Action),*];

            /// The action's name in the API, in settings and in metric labels.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Action => $name,)*
                }
            }

            /// The object that the action changes.
            pub const fn level(self) -> Level {
                match self {
                    $(Self::$Action => $Parameters::LEVEL,)*
                }
            }

            /// What the agent must be allowed to do for this action, in a target's namespace or in the cluster.
            pub const fn permissions(self) -> &'static [Permission] {
                match self {
                    $(Self::$Action => $Parameters::PERMISSIONS,)*
                }
            }

            /// Whether it can be undone.
            pub const fn reversibility(self) -> Reversibility {
                match self {
                    $(Self::$Action => $Parameters::REVERSIBILITY,)*
                }
            }
        }

        impl Action {
            /// Which action it is.
            pub const fn kind(&self) -> ActionKind {
                match self {
                    $(Self::$Action(_) => ActionKind::$Action,)*
                }
            }

            fn read(kind: ActionKind, parameters: Value) -> serde_json::Result<Self> {
                match kind {
                    $(ActionKind::$Action => serde_json::from_value(parameters).map(Self::$Action),)*
                }
            }

            fn parameters(&self) -> Value {
                match self {
                    $(Self::$Action(action) => serde_json::to_value(action).unwrap_or_default(),)*
                }
            }

            /// What is wrong with the parameters.
            pub fn problem(&self) -> Option<String> {
                match self {
                    $(Self::$Action(action) => action.problem(),)*
                }
            }

            /// What it takes from the healthy replicas of a workload.
            pub fn disruption(&self) -> Disruption {
                match self {
                    $(Self::$Action(action) => action.disruption(),)*
                }
            }

            /// What is wrong with doing it to this target.
            pub fn mismatch(&self, named: &Target) -> Option<String> {
                match self {
                    $(Self::$Action(action) => action.mismatch(named),)*
                }
            }

            /// What is there before the change.
            pub(super) async fn survey(
                &self,
                subject: Subject<'_>,
                api: &Api<DynamicObject>,
                live: &DynamicObject,
            ) -> Result<Previous, ActionError> {
                match self {
                    $(Self::$Action(action) => action.survey(subject, api, live).await.map(Previous::$Action),)*
                }
            }

            /// What is going to be written to a target that reads so.
            pub(super) fn plan(&self, subject: Subject<'_>, live: &DynamicObject, previous: &Previous) -> Result<Vec<Change>, ActionError> {
                match (self, previous) {
                    $((Self::$Action(action), Previous::$Action(previous)) => action.plan(subject, live, previous),)*
                    _ => Err(ActionError::NotRecorded),
                }
            }

            /// Makes the change, or finds it made.
            pub(super) async fn execute(&self, site: &Site<'_>, previous: &Previous) -> Result<(), ActionError> {
                match (self, previous) {
                    $((Self::$Action(action), Previous::$Action(previous)) => action.execute(site, previous).await,)*
                    _ => Err(ActionError::NotRecorded),
                }
            }

            /// Looks whether the effect is there.
            pub(super) async fn validate(&self, site: &Site<'_>) -> Result<Verdict, ActionError> {
                match self {
                    $(Self::$Action(action) => action.validate(site).await,)*
                }
            }

            /// Undoes what is still as this remediation left it; says what of it is left behind all the same.
            pub(super) async fn rollback(&self, site: &Site<'_>, previous: &Previous) -> Result<Option<String>, ActionError> {
                match (self, previous) {
                    $((Self::$Action(action), Previous::$Action(previous)) => {
                        action.rollback(site, previous).await?;
                        action.left_behind(site, previous).await
                    })*
                    _ => Err(ActionError::NotRecorded),
                }
            }

            /// What may be left on the cluster where it could not be undone, for people.
            pub(super) fn leftover(&self, subject: Subject<'_>) -> String {
                match self {
                    $(Self::$Action(action) => action.leftover(subject),)*
                }
            }
        }
    };
}

actions! {
    /// Sets labels on the target.
    Label = "label": label::LabelAction, texts::PreviousTexts;
    /// Sets annotations on the target.
    Annotate = "annotate": annotate::AnnotateAction, texts::PreviousTexts;
    /// Cuts the pod off the network by a NetworkPolicy.
    NetworkQuarantine = "network-quarantine": network_quarantine::NetworkQuarantineAction, network_quarantine::PreviousQuarantine;
    /// Sets the replicas of the target's controller.
    Scale = "scale": scale::ScaleAction, scale::PreviousScale;
    /// Sets container images of the target's controller.
    SetImage = "set-image": set_image::SetImageAction, set_image::PreviousImages;
    /// Replaces the pods of the target's controller, one after another.
    Restart = "restart": restart::RestartAction, restart::PreviousRestart;
    /// Suspends the CronJob or Job.
    Suspend = "suspend": suspend::SuspendAction, suspend::PreviousSuspend;
    /// Deletes the pod.
    DeletePod = "delete-pod": delete_pod::DeletePodAction, delete_pod::PreviousDeletePod;
    /// Deletes the pod as soon as its disruption budget allows.
    Evict = "evict": evict::EvictAction, evict::PreviousEvict;
    /// Keeps new pods off the node.
    Cordon = "cordon": cordon::CordonAction, cordon::PreviousCordon;
    /// Applies a manifest to the target, or creates it.
    Apply = "apply": apply::ApplyAction, apply::PreviousManifest;
}

impl ActionKind {
    /// Whether what it removes is gone for good.
    pub fn is_destructive(self) -> bool {
        self.reversibility() == Reversibility::Destructive
    }
}

impl Action {
    /// The action with these parameters, as a task gives them.
    ///
    /// # Errors
    /// A parameter that is missing, or is none of this action's, or what is wrong with one.
    pub fn of(kind: ActionKind, parameters: Map<String, Value>) -> Result<Self, String> {
        let given: Vec<String> = parameters.keys().cloned().collect();
        let action = Self::read(kind, Value::Object(parameters)).map_err(|error| format!("{kind}: {error}"))?;
        if let Some(problem) = action.problem() {
            return Err(problem);
        }
        let taken = action.parameters();
        match given.iter().find(|name| taken.get(*name).is_none()) {
            Some(name) => Err(format!("{kind} has no parameter {name}")),
            None => Ok(action),
        }
    }

    /// The action's name in the API, in policies and in metric labels.
    pub const fn name(&self) -> &'static str {
        self.kind().as_str()
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ActionKind {
    type Err = NotAnAction;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(NotAnAction)
    }
}

/// The text names no action.
#[derive(Debug, thiserror::Error)]
#[error("the actions are {}", ActionKind::ALL.map(ActionKind::as_str).join(", "))]
pub struct NotAnAction;
