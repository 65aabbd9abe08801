//! The TLS side: who the server is, and whose clients it takes.

use std::sync::Arc;

use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::PemObject as _},
    server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier},
    version::{TLS12, TLS13},
};

/// Why a listener cannot have these certificates.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The chain is no PEM, or empty.
    #[error("the server's certificate chain has no usable PEM certificate; put the server's own first, then the intermediates")]
    Chain,
    /// The key is no PEM, or not of a kind that is known.
    #[error("the server's key is no PEM private key (PKCS #8, PKCS #1 or SEC 1)")]
    Key,
    /// The CA file is no PEM, or empty.
    #[error("the client CA has no usable PEM certificate; without one nobody could connect")]
    ClientCa,
    /// The list of revoked certificates is no PEM, or empty.
    #[error("the list of revoked client certificates has no usable PEM list (X509 CRL)")]
    Revoked,
    /// The CA's certificates cannot be trusted as such.
    #[error("the client CA cannot verify clients: {0}")]
    Verifier(#[from] VerifierBuilderError),
    /// Chain and key do not belong together, or are of a kind that is not supported.
    #[error("the server's certificate and key cannot be used together: {0}")]
    Pair(#[from] rustls::Error),
}

/// TLS 1.2 and 1.3 with client certificates of `client_ca_pem` demanded, for HTTP/2 and HTTP/1.1.
///
/// With `client_crl_pem` (RFC 5280, section 5) those on its lists are refused, and so is a client of a CA that has no list there:
/// whether it was revoked is not known. So it is where a list is of another CA of its name, or the CA may not sign lists: they are
/// looked at with each handshake, not when they are read. A list whose time is over stays in force, lest one that was forgotten lock
/// everybody out.
///
/// # Errors
/// [`TlsError`] says which of them cannot be used.
pub fn tls_config(
    cert_chain_pem: &[u8],
    key_pem: &[u8],
    client_ca_pem: &[u8],
    client_crl_pem: Option<&[u8]>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let (chain, key, roots) = (chain(cert_chain_pem)?, key(key_pem)?, client_ca(client_ca_pem)?);
    // Named here, not the process's default: what is linked in elsewhere decides nothing.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let clients = match client_crl_pem {
        Some(pem) => clients.with_crls(revoked(pem)?).build()?,
        None => clients.build()?,
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // A resumed session would not look at the client's certificate again, even if it has ended since.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The server's own certificate and what leads from it to its CA.
pub(crate) fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    certificates(pem).ok_or(TlsError::Chain)
}

/// The server's private key.
pub(crate) fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| TlsError::Key)
}

/// The CAs whose clients are taken.
pub(crate) fn client_ca(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for ca in certificates(pem).ok_or(TlsError::ClientCa)? {
        roots.add(ca).map_err(|_| TlsError::ClientCa)?;
    }
    Ok(roots)
}

/// The lists of those that are taken no more.
pub(crate) fn revoked(pem: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let lists: Vec<_> = CertificateRevocationListDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| TlsError::Revoked)?;
    if lists.is_empty() { Err(TlsError::Revoked) } else { Ok(lists) }
}

/// Every certificate in a PEM text; `None` if one cannot be read, or there is none.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let read: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    (!read.is_empty()).then_some(read)
}
