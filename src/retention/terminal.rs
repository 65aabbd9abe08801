//! The statuses that may be cleaned up.

use std::str::FromStr;

use crate::remediation::Phase;

/// A status that nothing leaves. There is no way to ask a sweep for any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TerminalPhase {
    /// Executed and validated.
    Succeeded,
    /// Ended without the wanted effect.
    Failed,
    /// Undone.
    RolledBack,
}

impl TerminalPhase {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Succeeded, Self::Failed, Self::RolledBack];

    /// This phase, if it is terminal.
    pub const fn of(phase: &Phase) -> Option<Self> {
        match phase {
            Phase::Succeeded => Some(Self::Succeeded),
            Phase::Failed => Some(Self::Failed),
            Phase::RolledBack => Some(Self::RolledBack),
            Phase::Pending | Phase::InProgress | Phase::Unknown(_) => None,
        }
    }

    /// Reads a list, separated by commas; each status is in it once.
    ///
    /// # Errors
    /// At the first element that is no terminal status, also an empty one.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, NotTerminal> {
        let mut statuses = Vec::new();
        for status in text.split(',') {
            let status = status.parse()?;
            if !statuses.contains(&status) {
                statuses.push(status);
            }
        }
        Ok(statuses)
    }

    /// The text on the object.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::RolledBack => "rolled_back",
        }
    }
}

impl FromStr for TerminalPhase {
    type Err = NotTerminal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::of(&Phase::parse(text)).ok_or_else(|| NotTerminal(text.chars().take(32).collect()))
    }
}

/// The text is no terminal status; holds its beginning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} cannot be cleaned up; the statuses that can are succeeded, failed and rolled_back")]
pub struct NotTerminal(pub String);
