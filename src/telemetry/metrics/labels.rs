//! The values of labels that are nobody else's words.

use crate::remediation::Phase;

/// Phases of processing: the `phase` label of the processing duration.
pub const PROCESSING_PHASES: [&str; 3] = ["execute", "validate", "rollback"];

/// The statuses that an action can end in: the `outcome` label of the actions.
pub(super) const OUTCOMES: [Phase; 3] = [Phase::Succeeded, Phase::Failed, Phase::RolledBack];
/// The `result` label of the policy's reloads.
pub(super) const RELOADS: [&str; 2] = ["failure", "success"];
/// What a request that no operation takes is answered with.
pub(super) const UNROUTED: [u16; 4] = [404, 405, 429, 500];

/// Why a connection got no answer of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// The TLS handshake failed.
    Handshake,
    /// What came is no HTTP, or more of it than is read.
    MalformedHttp,
}

impl Unanswered {
    pub(super) const ALL: [Self; 2] = [Self::Handshake, Self::MalformedHttp];

    /// The reason in metric labels and log lines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::MalformedHttp => "malformed_http",
        }
    }
}

/// What became of a report to the SaaS: the `outcome` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The SaaS took it.
    Taken,
    /// It asked for patience.
    Later,
    /// It did not answer, or by a failure; it is sent again.
    Failed,
    /// It refused; a dead letter.
    Refused,
    /// It was tried for too long; a dead letter.
    Expired,
}

impl Told {
    pub(super) const ALL: [Self; 5] = [Self::Taken, Self::Later, Self::Failed, Self::Refused, Self::Expired];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Later => "later",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }
}
