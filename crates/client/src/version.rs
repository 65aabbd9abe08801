//! The versions of the HTTP contract.

use std::fmt;

/// A version of the HTTP contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContractVersion {
    /// Stable: no breaking change ever.
    V0,
    /// Alpha: may change, never silently.
    V1Alpha1,
}

impl ContractVersion {
    /// Every version that there is, most stable first.
    pub const ALL: [Self; 2] = [Self::V0, Self::V1Alpha1];

    /// The version as it stands in paths and in `X-Zen-Contract-Version`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0 => "v0",
            Self::V1Alpha1 => "v1alpha1",
        }
    }

    /// Reads the exact text of a version; anything else is not supported.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == text)
    }
}

impl fmt::Display for ContractVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
