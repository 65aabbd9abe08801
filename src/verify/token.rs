//! Bearer tokens: JWT (RFC 7519) by a known public key.
//!
//! A token that was verified is kept by its SHA-256 until it ends, since its verification costs more
//! than everything else together. Each set of keys has a generation, and what an earlier generation
//! let in does not count: a key that is removed takes its tokens with it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use http::{HeaderMap, header::AUTHORIZATION};
use jiff::Timestamp;
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    jwk::{AlgorithmParameters, EllipticCurve, JwkSet, KeyAlgorithm},
};
use moka::sync::Cache;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{CLOCK_SKEW, Role, SetupError, Tenant, headers::single};
use crate::problem::{Code, Problem};

/// A token is read up to this many bytes.
const MAX_TOKEN: usize = 8 * 1024;
const MAX_CACHED: u64 = 10_000;
/// Nothing stays in the cache longer, even if its token lives on: memory is for those who come.
const MAX_IDLE: Duration = Duration::from_secs(3_600);

/// The public keys that tokens may be signed with.
#[derive(Default)]
pub struct TokenKeys(Vec<Key>);

struct Key {
    /// From a JWKS; a PEM file names none.
    kid: Option<String>,
    /// Of the key, never of the token's header: so `none` and HMAC are refused, whatever a token says.
    algorithm: Algorithm,
    key: DecodingKey,
}

impl TokenKeys {
    /// Adds the keys in a PEM public key or a JWKS document.
    ///
    /// # Errors
    /// [`SetupError::TokenKey`] when it holds none that can be used.
    pub fn add(&mut self, text: &str, origin: &str) -> Result<(), SetupError> {
        let bad = |why: &str| SetupError::TokenKey { origin: origin.to_owned(), why: why.to_owned() };
        if text.trim_start().starts_with('{') {
            let set: JwkSet = serde_json::from_str(text).map_err(|_| bad("not a JWKS document (RFC 7517)"))?;
            let before = self.0.len();
            for jwk in &set.keys {
                // Keys for other purposes, and of other kinds, may stand in the same set.
                let Some(algorithm) = algorithm_of(&jwk.algorithm, jwk.common.key_algorithm) else { continue };
                let key = DecodingKey::from_jwk(jwk).map_err(|_| bad("a key in it is malformed"))?;
                self.0.push(Key { kid: jwk.common.key_id.clone(), algorithm, key });
            }
            return if self.0.len() > before { Ok(()) } else { Err(bad("no key for RS256, ES256 or EdDSA in it")) };
        }
        let pem = text.as_bytes();
        let key = DecodingKey::from_ed_pem(pem)
            .map(|key| (Algorithm::EdDSA, key))
            .or_else(|_| DecodingKey::from_ec_pem(pem).map(|key| (Algorithm::ES256, key)))
            .or_else(|_| DecodingKey::from_rsa_pem(pem).map(|key| (Algorithm::RS256, key)));
        let (algorithm, key) = key.map_err(|_| bad("neither a PEM public key (RSA, P-256, Ed25519) nor a JWKS document"))?;
        self.0.push(Key { kid: None, algorithm, key });
        Ok(())
    }

    /// Whether there is no key, so that no token is accepted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn algorithm_of(parameters: &AlgorithmParameters, declared: Option<KeyAlgorithm>) -> Option<Algorithm> {
    let algorithm = match parameters {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return None,
    };
    let agrees = match declared {
        None => true,
        Some(KeyAlgorithm::RS256) => algorithm == Algorithm::RS256,
        Some(KeyAlgorithm::ES256) => algorithm == Algorithm::ES256,
        Some(KeyAlgorithm::EdDSA) => algorithm == Algorithm::EdDSA,
        Some(_) => false,
    };
    agrees.then_some(algorithm)
}

/// What an accepted token says.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) tenant: Tenant,
    pub(super) cluster: String,
    pub(super) subject: String,
    pub(super) role: Role,
    pub(super) expires: Timestamp,
    not_before: Option<i64>,
}

impl Claims {
    fn is_in_time(&self, now: Timestamp) -> bool {
        let now = now.as_second();
        now <= self.expires.as_second().saturating_add(CLOCK_SKEW)
            && self.not_before.is_none_or(|start| now >= start.saturating_sub(CLOCK_SKEW))
    }
}

#[derive(Deserialize)]
struct Wire {
    exp: i64,
    nbf: Option<i64>,
    #[serde(default)]
    sub: String,
    tenant_id: String,
    cluster_id: String,
    role: Role,
}

struct Generation {
    number: u64,
    keys: TokenKeys,
}

/// Verifies tokens, and remembers those that it verified.
pub(super) struct Tokens {
    validation: Validation,
    generations: AtomicU64,
    current: ArcSwap<Generation>,
    verified: Cache<[u8; 32], (u64, Arc<Claims>)>,
}

impl Tokens {
    pub(super) fn new(issuer: String, audience: String, keys: TokenKeys) -> Self {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        // Time is checked here, by one clock, on every request: also on a token from the cache.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self {
            validation,
            generations: AtomicU64::new(0),
            current: ArcSwap::from_pointee(Generation { number: 0, keys }),
            verified: Cache::builder().max_capacity(MAX_CACHED).time_to_idle(MAX_IDLE).build(),
        }
    }

    pub(super) fn replace(&self, keys: TokenKeys) {
        let number = self.generations.fetch_add(1, Ordering::Relaxed) + 1;
        self.current.store(Arc::new(Generation { number, keys }));
        self.verified.invalidate_all();
    }

    pub(super) fn check(&self, headers: &HeaderMap, now: Timestamp) -> Result<Arc<Claims>, Problem> {
        let refused = |why: &'static str| Problem::new(Code::InvalidToken, why);
        let header = single(headers, &AUTHORIZATION).map_err(|_| refused("Authorization is missing, or there more than once"))?;
        let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
        if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.len() > MAX_TOKEN {
            return Err(refused("Authorization is not of the form Bearer <token>"));
        }
        let digest: [u8; 32] = Sha256::digest(token).into();
        let generation = self.current.load();
        let cached = self.verified.get(&digest).filter(|(number, _)| *number == generation.number);
        let claims = match cached {
            Some((_, claims)) => claims,
            None => {
                let claims = self
                    .decode(&generation.keys, token)
                    .ok_or_else(|| refused("The token is not signed by a known key, or its claims are not those this server asks for"))?;
                let claims = Arc::new(claims);
                if claims.is_in_time(now) {
                    self.verified.insert(digest, (generation.number, Arc::clone(&claims)));
                }
                claims
            }
        };
        if !claims.is_in_time(now) {
            self.verified.invalidate(&digest);
            return Err(refused("The token has expired, or is not valid yet"));
        }
        Ok(claims)
    }

    fn decode(&self, keys: &TokenKeys, token: &str) -> Option<Claims> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        // RFC 7515, section 4.1.11: what is critical and not understood must be refused; nothing is understood here.
        if header.crit.is_some() {
            return None;
        }
        let named = |key: &&Key| header.kid.is_some() && key.kid == header.kid;
        let candidates: Vec<&Key> = match keys.0.iter().filter(named).collect::<Vec<_>>() {
            // A key without an id, from a PEM file, may have signed any token.
            none if none.is_empty() => keys.0.iter().filter(|key| key.kid.is_none() || header.kid.is_none()).collect(),
            named => named,
        };
        candidates.into_iter().filter(|key| key.algorithm == header.alg).find_map(|key| {
            let mut validation = self.validation.clone();
            validation.algorithms = vec![key.algorithm];
            let wire = jsonwebtoken::decode::<Wire>(token, &key.key, &validation).ok()?.claims;
            Some(Claims {
                tenant: wire.tenant_id.parse().ok()?,
                cluster: wire.cluster_id,
                subject: wire.sub,
                role: wire.role,
                expires: Timestamp::from_second(wire.exp).ok()?,
                not_before: wire.nbf,
            })
        })
    }
}
