//! What a verifier is made of.

use std::{collections::BTreeMap, fs, num::NonZeroU32, path::PathBuf};

use secrecy::SecretString;

use super::{Tenant, TokenKeys};
use crate::config::Config;

/// Keys and limits.
pub struct Setup {
    /// The HMAC secrets, by tenant and key id, in `whsec_` form.
    pub secrets: BTreeMap<Tenant, BTreeMap<String, SecretString>>,
    /// The only accepted `iss`.
    pub issuer: String,
    /// The only accepted `aud`.
    pub audience: String,
    /// The keys of tokens.
    pub keys: TokenKeys,
    /// Bytes of a body.
    pub max_body: usize,
    /// Requests a second of one client certificate.
    pub requests_per_second: NonZeroU32,
}

/// Why a verifier cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A secret cannot be used; the text never repeats it.
    #[error("HMAC key {kid} of tenant {tenant}: {why}")]
    Secret {
        /// Whose.
        tenant: Tenant,
        /// Which.
        kid: String,
        /// Why.
        why: String,
    },
    /// Nobody could sign a request.
    #[error("no tenant has an HMAC key; give at least one")]
    NoSecret,
    /// Nobody could have a token.
    #[error("there is no key to verify tokens with; give a PEM public key or a JWKS")]
    NoTokenKey,
    /// A file with keys of tokens cannot be used.
    #[error("token keys in {origin}: {why}")]
    TokenKey {
        /// Which file.
        origin: String,
        /// Why.
        why: String,
    },
    /// A file cannot be read.
    #[error("token keys in {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Setup {
    /// Reads the files that the configuration names.
    ///
    /// # Errors
    /// [`SetupError`], for the first file that cannot be used.
    pub fn from_config(config: &Config) -> Result<Self, SetupError> {
        let mut keys = TokenKeys::default();
        for path in &config.jwt.key_files {
            let text = fs::read_to_string(path).map_err(|source| SetupError::File { path: path.clone(), source })?;
            keys.add(&text, &path.display().to_string())?;
        }
        Ok(Self {
            secrets: config.hmac.clone(),
            issuer: config.jwt.issuer.clone(),
            audience: config.jwt.audience.clone(),
            keys,
            max_body: config.limits.max_body_bytes,
            requests_per_second: NonZeroU32::new(config.limits.requests_per_second).unwrap_or(NonZeroU32::MIN),
        })
    }
}
