//! Bearer tokens: JWT (RFC 7519) by a known public key.
//!
//! Of its claims `iss`, `aud`, `exp`, `tenant_id`, `cluster_id` and `role` have to be there; `nbf` and `sub` count where they are.
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
use jsonwebtoken::{Algorithm, Validation};
use moka::sync::Cache;
use serde::Deserialize;
use serde_json::Number;
use sha2::{Digest, Sha256};

use super::{CLOCK_SKEW, TokenKeys, headers::single};
use crate::identity::{Role, Tenant};
use crate::problem::{Code, Problem};

/// A token is read up to this many bytes.
const MAX_TOKEN: usize = 8 * 1024;
/// `sub` and `cluster_id`: they are kept with approvals, and written to the audit log.
const MAX_NAME: usize = 253;
const MAX_CACHED: u64 = 10_000;
/// Nothing stays in the cache longer, even if its token lives on: memory is for those who come.
const MAX_IDLE: Duration = Duration::from_secs(3_600);

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
    exp: Number,
    nbf: Option<Number>,
    #[serde(default)]
    sub: String,
    tenant_id: String,
    cluster_id: String,
    role: Role,
}

impl Wire {
    fn read(self) -> Option<Claims> {
        let is_name = |text: &str| text.len() <= MAX_NAME && !text.chars().any(char::is_control);
        // An empty cluster would equal that of nobody.
        if self.cluster_id.is_empty() || !is_name(&self.cluster_id) || !is_name(&self.sub) {
            return None;
        }
        Some(Claims {
            tenant: self.tenant_id.parse().ok()?,
            cluster: self.cluster_id,
            subject: self.sub,
            role: self.role,
            expires: Timestamp::from_second(seconds(&self.exp)?).ok()?,
            not_before: self.nbf.as_ref().map_or(Some(None), |start| seconds(start).map(Some))?,
        })
    }
}

/// A NumericDate (RFC 7519, section 2), which may have a fraction.
fn seconds(date: &Number) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a cast from a float saturates, and no timestamp is that large")]
    date.as_i64().or_else(|| date.as_f64().map(|seconds| seconds.floor() as i64))
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
        keys.candidates(&header).find_map(|key| {
            let mut validation = self.validation.clone();
            validation.algorithms = vec![key.algorithm];
            jsonwebtoken::decode::<Wire>(token, &key.key, &validation).ok()?.claims.read()
        })
    }
}
