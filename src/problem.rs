//! Problem documents (RFC 9457): what a refused request is told.

mod kubernetes;

pub(crate) use kubernetes::QUOTA_WAIT;

use std::{borrow::Cow, time::Duration};

use http::StatusCode;

use crate::contract::ContractVersion;

/// When to come back if there was no room for a body.
pub const BUSY_WAIT: Duration = Duration::from_secs(1);

/// The stable `code` of a problem; clients branch on it, so a code never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A required header is absent.
    MissingHeader,
    /// A header is there but not well-formed, or there twice.
    MalformedHeader,
    /// The version is none that this server speaks.
    UnsupportedVersion,
    /// The version of the header is not that of the path.
    VersionMismatch,
    /// The token is absent, malformed, expired, or not for this server.
    InvalidToken,
    /// Header, token and certificate do not name the same tenant.
    TenantMismatch,
    /// Token, certificate or body name another cluster.
    ClusterMismatch,
    /// The body's media type is not in the contract.
    UnsupportedMediaType,
    /// The body, the number of values in it, or what would be stored of it, is above the limit.
    BodyTooLarge,
    /// The signature is absent, malformed, out of time, of an unknown key, or wrong.
    InvalidSignature,
    /// The role does not reach.
    InsufficientRole,
    /// The body is no JSON, nor the message that it is said to be.
    InvalidJson,
    /// A path or query parameter breaks the contract.
    InvalidParameter,
    /// The body breaks the contract's schema.
    SchemaViolation,
    /// The request id was used before, with other content.
    RequestIdConflict,
    /// The task's id was used before, with other content.
    ExecutionConflict,
    /// The object is in a state that does not allow this.
    StateConflict,
    /// No such route, or no such object for this tenant.
    NotFound,
    /// The route exists, the method does not.
    MethodNotAllowed,
    /// Too many requests of this identity.
    RateLimited,
    /// Too many stored objects of this tenant.
    QuotaExceeded,
    /// A dependency is away.
    Unavailable,
    /// A defect of the agent.
    Internal,
}

impl Code {
    /// Every code, as the contract's `Problem` declares them.
    pub const ALL: [Self; 23] = [
        Self::MissingHeader,
        Self::MalformedHeader,
        Self::UnsupportedVersion,
        Self::VersionMismatch,
        Self::InvalidToken,
        Self::TenantMismatch,
        Self::ClusterMismatch,
        Self::UnsupportedMediaType,
        Self::BodyTooLarge,
        Self::InvalidSignature,
        Self::InsufficientRole,
        Self::InvalidJson,
        Self::InvalidParameter,
        Self::SchemaViolation,
        Self::RequestIdConflict,
        Self::ExecutionConflict,
        Self::StateConflict,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RateLimited,
        Self::QuotaExceeded,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The code as text, its HTTP status, and its title.
    pub const fn parts(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::MissingHeader => ("missing_header", S::BAD_REQUEST, "A required header is missing"),
            Self::MalformedHeader => ("malformed_header", S::BAD_REQUEST, "A header is malformed"),
            Self::UnsupportedVersion => ("unsupported_version", S::BAD_REQUEST, "The contract version is not supported"),
            Self::VersionMismatch => ("version_mismatch", S::BAD_REQUEST, "Header and path name different contract versions"),
            Self::InvalidToken => ("invalid_token", S::UNAUTHORIZED, "The bearer token is not accepted"),
            Self::TenantMismatch => ("tenant_mismatch", S::FORBIDDEN, "Header, token and certificate name different tenants"),
            Self::ClusterMismatch => ("cluster_mismatch", S::FORBIDDEN, "The request is for another cluster"),
            Self::UnsupportedMediaType => ("unsupported_media_type", S::UNSUPPORTED_MEDIA_TYPE, "The media type is not supported"),
            Self::BodyTooLarge => ("body_too_large", S::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::InvalidSignature => ("invalid_signature", S::UNAUTHORIZED, "The signature is not accepted"),
            Self::InsufficientRole => ("insufficient_role", S::FORBIDDEN, "The role does not allow this operation"),
            Self::InvalidJson => ("invalid_json", S::BAD_REQUEST, "The body cannot be read"),
            Self::InvalidParameter => ("invalid_parameter", S::BAD_REQUEST, "A parameter is not valid"),
            Self::SchemaViolation => ("schema_violation", S::UNPROCESSABLE_ENTITY, "The body does not match the contract"),
            Self::RequestIdConflict => ("request_id_conflict", S::CONFLICT, "The request id was used for another request"),
            Self::ExecutionConflict => ("execution_conflict", S::CONFLICT, "The execution id was used for another task"),
            Self::StateConflict => ("state_conflict", S::CONFLICT, "The remediation is in a state that does not allow this"),
            Self::NotFound => ("not_found", S::NOT_FOUND, "Not found"),
            Self::MethodNotAllowed => ("method_not_allowed", S::METHOD_NOT_ALLOWED, "The method is not allowed here"),
            Self::RateLimited => ("rate_limited", S::TOO_MANY_REQUESTS, "Too many requests"),
            Self::QuotaExceeded => ("quota_exceeded", S::TOO_MANY_REQUESTS, "Too many stored remediations"),
            Self::Unavailable => ("unavailable", S::SERVICE_UNAVAILABLE, "The service cannot answer now"),
            Self::Internal => ("internal", S::INTERNAL_SERVER_ERROR, "The service failed"),
        }
    }

    /// The code as it stands in documents and metric labels.
    pub const fn as_str(self) -> &'static str {
        self.parts().0
    }

    /// The HTTP status it is answered with.
    pub const fn status(self) -> StatusCode {
        self.parts().1
    }
}

/// One place where a body breaks its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// RFC 6901 pointer into the body.
    pub pointer: String,
    /// What the schema asks for there; never the value that was sent.
    pub message: String,
}

/// A refusal, before it is rendered with the request's id and version.
///
/// `detail` goes to the caller: it says what to do, and reveals neither secrets nor internals.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: {detail}", code.as_str())]
pub struct Problem {
    /// What happened, for programs.
    pub code: Code,
    /// What happened and what to do, for people.
    pub detail: Cow<'static, str>,
    /// When to try again, where that is known; whole seconds on the wire, rounded up.
    pub retry_after: Option<Duration>,
    /// The violations of a 422.
    pub violations: Vec<Violation>,
}

impl Problem {
    /// A problem without violations or a time to wait.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), retry_after: None, violations: Vec::new() }
    }

    /// The same, to be tried again after `wait`.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

/// What an answer repeats of its request: that much of it as was well-formed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Echo {
    /// X-Request-Id, as sent.
    pub request_id: Option<String>,
    /// X-Zen-Contract-Version.
    pub version: Option<ContractVersion>,
}
