//! Who sent a request.

use jiff::Timestamp;

use crate::{
    contract::ContractVersion,
    identity::{RequestId, Role, Tenant},
};

/// Everything that verification established about the sender of a request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The tenant that header, token and certificate agree on.
    pub tenant: Tenant,
    /// The cluster: the certificate's CN, equal to the token's `cluster_id`.
    pub cluster: String,
    /// SHA-256 of the client certificate, which limits are keyed by.
    pub certificate: [u8; 32],
    /// The token's `sub`, for audit.
    pub subject: String,
    /// What the caller may do.
    pub role: Role,
    /// The version the request speaks.
    pub version: ContractVersion,
    /// The request's id.
    pub request_id: RequestId,
    /// SHA-256 of the raw body.
    pub body_digest: [u8; 32],
    /// When the token ends; a stream ends with it.
    pub token_expires: Timestamp,
}
