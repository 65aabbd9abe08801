//! The identity in a client certificate: CN is the cluster, O the tenant.

use sha2::{Digest, Sha256};
use x509_parser::{
    prelude::{FromDer, X509Certificate},
    x509::AttributeTypeAndValue,
};

use crate::identity::Tenant;

/// Who holds the other end of a connection, by a certificate that the client CA signed.
///
/// A name that is absent, malformed, or there more than once is none: such a certificate gets a
/// connection, as the CA vouches for it, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerIdentity {
    /// The subject's only CN.
    pub cluster: Option<String>,
    /// The subject's only O.
    pub tenant: Option<Tenant>,
    /// SHA-256 of the certificate, which limits are keyed by.
    pub fingerprint: [u8; 32],
}

impl PeerIdentity {
    /// Reads a DER certificate.
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let subject = parsed.subject();
        let cluster = only(subject.iter_common_name()).filter(|name| !name.is_empty() && !name.contains(char::is_control));
        Some(Self {
            cluster: cluster.map(str::to_owned),
            tenant: only(subject.iter_organization()).and_then(|name| name.parse().ok()),
            fingerprint: Sha256::digest(certificate).into(),
        })
    }
}

/// The text of the only attribute.
fn only<'a>(mut attributes: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>) -> Option<&'a str> {
    let value = attributes.next()?.as_str().ok()?;
    attributes.next().is_none().then_some(value)
}
