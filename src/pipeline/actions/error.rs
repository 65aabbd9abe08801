//! Why an action cannot go on, and how that ends a remediation.

use crate::{
    category::Category,
    pipeline::{api::ApiError, kinds::KindError},
    remediation::Reason,
};

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
    /// Another field manager holds a field that the manifest sets otherwise.
    #[error("the manifest is at odds with another field manager, and is never forced: {why}")]
    Conflict {
        /// The server's words: which managers, and which fields.
        why: String,
    },
    /// There is no server-side apply.
    #[error("this API server has no server-side apply, which the action needs; the embedded one of `zen-agent dev` has none")]
    NoServerSideApply,
    /// An object of the name that the action needs is not this remediation's.
    #[error("{what} exists and does not belong to this remediation; it is left as it is")]
    NotOurs {
        /// Which object.
        what: String,
    },
    /// The target is of the right kind, and the action cannot be done to it all the same.
    #[error("it cannot be done to this target: {why}")]
    Unsuitable {
        /// Why, and what would have to be otherwise.
        why: String,
    },
    /// The recorded state belongs to another action.
    #[error("the recorded state is not that of this action, so nothing can be undone from it")]
    NotRecorded,
    /// It was done, and nothing brings back what was there.
    #[error("this action cannot be undone")]
    Irreversible,
    /// A disruption budget, or a busy API server, asks for patience.
    #[error("a disruption budget, or a busy API server, does not let the pod be evicted now: {why}")]
    Blocked {
        /// What it said.
        why: String,
    },
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
            Self::Conflict { .. } => Some(Reason::FieldConflict),
            Self::NoServerSideApply => Some(Reason::ActionUnsupported),
            Self::NotOurs { .. } => Some(Reason::NameTaken),
            Self::Unsuitable { .. } => Some(Reason::UnsupportedTarget),
            Self::NotRecorded | Self::Irreversible => Some(Reason::RollbackUnsupported),
            Self::Blocked { .. } | Self::Overtaken | Self::Contended => None,
            Self::Kind(error) => error.reason(),
            Self::Api(error) => error.reason(),
        }
    }

    /// The failed call behind it.
    pub(crate) fn call(&self) -> Option<&ApiError> {
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
