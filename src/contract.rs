//! What the contracts (`contracts/`) turn into: the table of operations, the types, the
//! validators, the server traits and the client. All of it is generated; see `build.rs`.

use std::fmt;

use crate::verify::Role;

/// A version of the HTTP contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContractVersion {
    /// Stable: no breaking change ever.
    V0,
    /// Alpha: may change, never silently.
    V1Alpha1,
}

impl ContractVersion {
    /// Every version this server speaks, most stable first.
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

/// One operation of a contract, as the verifier and the dispatcher need to know it.
#[derive(Debug)]
pub struct Operation {
    /// The operationId, the same in every version.
    pub id: &'static str,
    /// The version that stands in the path; `None` where the path takes either (`/api/v1/…`).
    pub version: Option<ContractVersion>,
    /// The least role that may call it (`x-required-role` in the contract).
    pub role: Role,
    /// Media types of the request body; empty when the operation takes none.
    pub media_types: &'static [&'static str],
}
