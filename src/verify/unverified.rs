//! What is known of a request that was not verified.

use std::sync::Arc;

use poem::Request;

use super::{PeerIdentity, headers::Seen};
use crate::{audit::Sender, identity::Tenant, problem::Echo};

/// Who sent a request, by the certificate and by what its headers say.
#[derive(Debug)]
pub struct Unverified {
    /// Absent where the request did not come over mutual TLS.
    pub(super) peer: Option<Arc<PeerIdentity>>,
    pub(super) seen: Seen,
}

impl Unverified {
    /// Reads a request's certificate and headers.
    pub fn of(request: &Request) -> Self {
        Self { peer: request.data::<Arc<PeerIdentity>>().cloned(), seen: Seen::of(request) }
    }

    /// The sender in the audit log.
    pub fn sender(&self) -> Sender<'_> {
        Sender {
            cluster: self.peer.as_ref().and_then(|peer| peer.cluster.as_deref()),
            tenant: self.peer.as_ref().and_then(|peer| peer.tenant.as_ref()).map(Tenant::as_str),
            claimed_tenant: self.seen.tenant().map(Tenant::as_str),
            subject: None,
            request_id: self.seen.request_id(),
        }
    }

    /// What an answer repeats.
    pub fn echo(&self) -> Echo {
        self.seen.echo()
    }
}
