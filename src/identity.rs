//! The names in a request: tenant, role and the request's own id, each a type that holds only what is well-formed.

use std::str::FromStr;

use serde::Deserialize;
use ulid::Ulid;
use uuid::Uuid;
pub use zen_agent_client::{NotATenant, Tenant};

/// What a caller may do; each role includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads, and posts events. Where the policy lets a remediation run at once, an event is an order: with such
    /// a policy a viewer has changes made that no person approves.
    Viewer,
    /// Decides on proposals, has tasks carried out or taken back, asks for retries and rollbacks, and sets the emergency stop.
    Approver,
    /// Deletes old remediations, and lifts the emergency stop.
    Admin,
}

impl Role {
    /// The role as it stands in the token's `role` claim.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }
}

/// `X-Request-Id`: a UUID or ULID, kept as sent; it correlates, and it is the idempotency key of mutations.
#[derive(Clone, Debug)]
pub struct RequestId {
    sent: String,
    canonical: String,
}

impl RequestId {
    /// As the caller sent it, for echoes and logs.
    pub fn as_sent(&self) -> &str {
        &self.sent
    }

    /// Lower-case UUID or upper-case ULID: two spellings of one id are one request.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

impl FromStr for RequestId {
    type Err = NotARequestId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // `Uuid` also reads braced, simple and URN forms; a request id has the hyphenated one only.
        let canonical = match text.len() {
            36 => Uuid::try_parse(text).map_err(|_| NotARequestId)?.hyphenated().to_string(),
            // Above 7 the first character would overflow 128 bits, and two texts would be one id.
            26 if text.as_bytes()[0] <= b'7' => Ulid::from_string(text).map_err(|_| NotARequestId)?.to_string(),
            _ => return Err(NotARequestId),
        };
        Ok(Self { sent: text.to_owned(), canonical })
    }
}

/// The text is neither a UUID nor a ULID.
#[derive(Debug, thiserror::Error)]
#[error("a request id is a hyphenated UUID (RFC 9562) or a ULID")]
pub struct NotARequestId;
