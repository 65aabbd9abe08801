//! What a verifier is made of.

use std::{collections::BTreeMap, num::NonZeroU32};

use secrecy::SecretString;

use super::TokenKeys;
use crate::identity::Tenant;

/// Keys and limits.
pub struct Setup {
    /// The cluster that is served; certificates and tokens of another are refused.
    pub cluster: String,
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
}
