//! What a client needs, in a folder as `zen-agent dev` leaves it.
//!
//! | file | holds |
//! |---|---|
//! | `ca.crt` | the CA that the agent's certificate is checked against |
//! | `tls.crt`, `tls.key` | the client's own certificate chain and key |
//! | `token` | the bearer token |
//! | `hmac.key`, `hmac.kid` | the signing secret (`whsec_` and base64) and its key id |
//! | `tenant` | the tenant |

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
};
use secrecy::{SecretSlice, SecretString};

use crate::{
    signature::{self, SecretError},
    tenant::{NotATenant, Tenant},
};

/// A client's identity and secrets. They are wiped when dropped, and never printed.
#[derive(Debug)]
pub struct Credentials {
    roots: RootCertStore,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    pub(crate) token: SecretString,
    pub(crate) secret: SecretSlice<u8>,
    pub(crate) kid: String,
    pub(crate) tenant: Tenant,
}

/// Why a folder holds no credentials; names the file, never its content.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file is missing, not readable, or no text.
    #[error("{} cannot be read; `zen-agent dev` writes it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Certificate or key.
    #[error("{} is not the PEM file that it should be", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// A certificate that no CA can have.
    #[error("{} holds a certificate that cannot be trusted", path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// `hmac.key`.
    #[error("hmac.key holds no signing secret")]
    Secret(#[from] SecretError),
    /// `hmac.kid`.
    #[error("hmac.kid holds no key id: 1 to 64 letters, digits, '.', '_' or '-'")]
    Kid,
    /// `tenant`.
    #[error("tenant holds no tenant")]
    Tenant(#[from] NotATenant),
}

impl Credentials {
    /// Reads the files of a folder.
    ///
    /// # Errors
    /// Names the first file that is missing or malformed.
    pub fn read(folder: &Path) -> Result<Self, CredentialsError> {
        Self::read_trusting(folder, &folder.join("ca.crt"))
    }

    /// Reads the files of a folder, but for the CA, which is another file's.
    ///
    /// # Errors
    /// Names the first file that is missing or malformed.
    pub fn read_trusting(folder: &Path, ca: &Path) -> Result<Self, CredentialsError> {
        let text = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|source| CredentialsError::Read { path, source })
        };
        let certificates = |path: PathBuf| {
            let pem = fs::read_to_string(&path).map_err(|source| CredentialsError::Read { path: path.clone(), source })?;
            let certificates = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
            let certificates = certificates.and_then(|found| if found.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(found) });
            certificates.map_err(|source| CredentialsError::Pem { path, source })
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(ca.to_owned())? {
            roots.add(certificate).map_err(|source| CredentialsError::Ca { path: ca.to_owned(), source })?;
        }
        let key = SecretString::from(text("tls.key")?);
        let key = PrivateKeyDer::from_pem_slice(secrecy::ExposeSecret::expose_secret(&key).as_bytes())
            .map_err(|source| CredentialsError::Pem { path: folder.join("tls.key"), source })?;
        let kid = text("hmac.kid")?.trim().to_owned();
        if !signature::is_kid(&kid) {
            return Err(CredentialsError::Kid);
        }
        Ok(Self {
            roots,
            chain: certificates(folder.join("tls.crt"))?,
            key,
            token: text("token")?.trim().into(),
            secret: signature::read_secret(secrecy::ExposeSecret::expose_secret(&SecretString::from(text("hmac.key")?)))?,
            kid,
            tenant: text("tenant")?.trim().parse()?,
        })
    }

    /// The tenant that they are of.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The client's side of mutual TLS.
    pub(crate) fn tls_config(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.roots.clone())
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key())?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// Credentials for tests that reach nobody.
#[cfg(test)]
pub(crate) fn test_credentials() -> Credentials {
    Credentials {
        roots: RootCertStore::empty(),
        chain: Vec::new(),
        key: PrivateKeyDer::Pkcs8(Vec::new().into()),
        token: "token".into(),
        secret: vec![7; 32].into(),
        kid: "key-1".to_owned(),
        tenant: "acme".parse().unwrap_or_else(|_| unreachable!("a label's value")),
    }
}
