//! The identity in a client certificate: CN is the cluster, O the tenant.

use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

/// Who holds the other end of a connection, by a certificate that the client CA signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerIdentity {
    /// The subject's CN.
    pub cluster: String,
    /// The subject's O.
    pub tenant: String,
    /// SHA-256 of the certificate, which limits are keyed by.
    pub fingerprint: [u8; 32],
}

impl PeerIdentity {
    /// Reads a DER certificate. A name that is absent, or there twice, is left empty, which equals
    /// no tenant's and no cluster's, so that such a certificate is refused.
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let subject = parsed.subject();
        Some(Self {
            cluster: only(subject, X509Name::iter_common_name).unwrap_or_default(),
            tenant: only(subject, X509Name::iter_organization).unwrap_or_default(),
            fingerprint: Sha256::digest(certificate).into(),
        })
    }
}

fn only<'a, I>(subject: &'a X509Name<'a>, attributes: impl FnOnce(&'a X509Name<'a>) -> I) -> Option<String>
where
    I: Iterator<Item = &'a x509_parser::x509::AttributeTypeAndValue<'a>>,
{
    let mut values = attributes(subject);
    let value = values.next()?.as_str().ok()?;
    values.next().is_none().then(|| value.to_owned())
}
