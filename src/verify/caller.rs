//! Who sent a request.

use jiff::Timestamp;

use crate::{
    audit::Sender,
    contract::ContractVersion,
    identity::{RequestId, Role, Tenant},
    problem::Echo,
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
    /// The token's `sub`, or the certificate's names where it has none: no decision is anonymous.
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

impl Caller {
    /// The caller in the audit log.
    pub fn sender(&self) -> Sender<'_> {
        let tenant = Some(self.tenant.as_str());
        Sender {
            cluster: Some(&self.cluster),
            tenant,
            claimed_tenant: tenant,
            subject: Some(&self.subject),
            request_id: Some(self.request_id.as_sent()),
        }
    }

    /// What answers repeat.
    pub fn echo(&self) -> Echo {
        Echo { request_id: Some(self.request_id.as_sent().to_owned()), version: Some(self.version) }
    }
}
