//! The server's side of mutual TLS.

use std::sync::Arc;

use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    server::{VerifierBuilderError, WebPkiClientVerifier},
};

/// Why certificates cannot be served with.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The text is not PEM of the right kind.
    #[error("the {what} is not PEM")]
    Pem {
        /// Which.
        what: &'static str,
        /// Why.
        source: pem::Error,
    },
    /// The text holds none.
    #[error("there is no {0}")]
    Empty(&'static str),
    /// Chain and key do not fit together, or a CA cannot be one.
    #[error("{0}; check that certificate, key and client CA belong together")]
    Rustls(#[from] rustls::Error),
    /// The client CA.
    #[error("the client CA cannot be used: {0}")]
    ClientCa(#[from] VerifierBuilderError),
}

/// TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1, and a client certificate of `client_ca` on every connection.
///
/// # Errors
/// [`TlsError`] says which of the three PEM texts is wrong.
pub fn tls_config(chain: &[u8], key: &[u8], client_ca: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(chain, "certificate chain")?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|source| TlsError::Pem { what: "private key", source })?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates(client_ca, "client CA")? {
        roots.add(certificate)?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|source| TlsError::Pem { what, source })?;
    if found.is_empty() { Err(TlsError::Empty(what)) } else { Ok(found) }
}
