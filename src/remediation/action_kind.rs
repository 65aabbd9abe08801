//! The actions there are, without their parameters.

use std::{fmt, str::FromStr};

use super::Action;

/// An action, whatever its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActionKind {
    /// `label`.
    Label,
    /// `network-quarantine`.
    NetworkQuarantine,
    /// `scale`.
    Scale,
}

impl ActionKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Label, Self::NetworkQuarantine, Self::Scale];

    /// The action's name in the API, in settings and in metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::NetworkQuarantine => "network-quarantine",
            Self::Scale => "scale",
        }
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
#[error("an action is label, network-quarantine or scale")]
pub struct NotAnAction;

impl Action {
    /// Which action it is.
    pub const fn kind(&self) -> ActionKind {
        match self {
            Self::Label(_) => ActionKind::Label,
            Self::NetworkQuarantine(_) => ActionKind::NetworkQuarantine,
            Self::Scale(_) => ActionKind::Scale,
        }
    }
}
