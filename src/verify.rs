//! Verification of a request: mTLS, headers, token, tenant, body, signature, role.
//!
//! The order is cheapest and least revealing first, and nothing is parsed before its signature
//! holds. The first check that fails decides the answer:
//!
//! ```text
//!  (TLS handshake: `serve`; no answer at all)
//!   1 rate of the certificate  429
//!   2 headers                  400   present once, well-formed, version supported and the path's
//!   3 token                    401   RS256, ES256 or EdDSA by a known key; iss, aud, exp, nbf
//!   4 tenant, cluster          403   header = token = certificate; the cluster is this one
//!   5 media type, size         415, 413
//!   6 signature                401   known key of the tenant, time within 120 s, HMAC over the exact bytes
//!   7 role                     403
//!   ──▶ Verified<Received>: JSON, schema and handler come after
//! ```
//!
//! Every refusal is counted by its code and leaves one `audit` record that names who and why, and
//! never a token, a signature or a secret.

mod body;
mod caller;
mod headers;
mod keys;
mod peer;
mod rate;
mod setup;
mod signature;
mod token;
mod verified;

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use http::{HeaderMap, Uri, header};
use jiff::Timestamp;
use poem::Request;
use sha2::{Digest, Sha256};

pub use caller::Caller;
pub use keys::TokenKeys;
pub use peer::PeerIdentity;
pub use setup::{Setup, SetupError};
pub use verified::Verified;

use crate::{
    contract::{ContractVersion, Operation},
    identity::Tenant,
    problem::{Code, Problem},
    telemetry::Metrics,
};

/// How far clocks may differ, in seconds, in both directions: of signatures, and of tokens.
pub const CLOCK_SKEW: i64 = 120;

/// What was received, once verified and before it is parsed.
#[derive(Debug, Clone)]
pub struct Received {
    /// The request's target, as sent.
    pub uri: Uri,
    /// Its headers, without the token and the signature: they have done their work.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// A refusal, and what of the request may be echoed beside it.
#[derive(Debug)]
pub struct Refusal {
    /// What the caller is told.
    pub problem: Problem,
    /// X-Request-Id, where it was well-formed.
    pub request_id: Option<String>,
    /// X-Zen-Contract-Version, where it was supported.
    pub version: Option<ContractVersion>,
}

/// Verifies requests. Cloning shares keys, limits and cache.
#[derive(Clone)]
pub struct Verifier(Arc<Parts>);

struct Parts {
    cluster: String,
    rates: rate::Rates,
    tokens: token::Tokens,
    secrets: signature::Secrets,
    max_body: usize,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    metrics: Metrics,
}

impl Verifier {
    /// A verifier with these keys and limits.
    ///
    /// # Errors
    /// [`SetupError`] names the key that cannot be used.
    pub fn new(setup: Setup, metrics: Metrics) -> Result<Self, SetupError> {
        Self::with_clock(setup, metrics, Timestamp::now)
    }

    /// The same, with a clock of the caller's.
    ///
    /// # Errors
    /// [`SetupError`] names the key that cannot be used.
    pub fn with_clock(setup: Setup, metrics: Metrics, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Result<Self, SetupError> {
        if setup.keys.is_empty() {
            return Err(SetupError::NoTokenKey);
        }
        Ok(Self(Arc::new(Parts {
            cluster: setup.cluster,
            rates: rate::Rates::new(setup.requests_per_second),
            tokens: token::Tokens::new(setup.issuer, setup.audience, setup.keys),
            secrets: signature::Secrets::read(&setup.secrets)?,
            max_body: setup.max_body,
            now: Box::new(now),
            metrics,
        })))
    }

    /// Puts other token keys into force; tokens that were accepted before are verified anew.
    pub fn replace_token_keys(&self, keys: TokenKeys) {
        self.0.tokens.replace(keys);
    }

    /// Verifies one request for one operation.
    ///
    /// # Errors
    /// The first check that failed.
    pub async fn verify(&self, operation: &'static Operation, request: Request) -> Result<Verified<Received>, Refusal> {
        let mut seen = headers::Seen::of(request.headers());
        let (peer, begun) = (request.data::<Arc<PeerIdentity>>().cloned(), Instant::now());
        match self.check(operation, request, peer.as_deref(), &mut seen).await {
            Ok(verified) => Ok(verified),
            Err(problem) => {
                self.0.metrics.rejected(problem.code);
                let claimed_tenant = seen.tenant().map(|tenant| tenant.as_str().to_owned());
                let (request_id, version) = seen.echo();
                let cluster = peer.as_deref().and_then(|peer| peer.cluster.as_deref());
                let tenant = peer.as_deref().and_then(|peer| peer.tenant.as_ref()).map(Tenant::as_str);
                tracing::warn!(
                    target: "audit", code = problem.code.as_str(), operation = operation.id, cluster, tenant,
                    claimed_tenant, request_id, took = ?begun.elapsed(), "refused: {}", problem.detail
                );
                Err(Refusal { problem, request_id, version })
            }
        }
    }

    async fn check(
        &self,
        operation: &'static Operation,
        mut request: Request,
        peer: Option<&PeerIdentity>,
        seen: &mut headers::Seen,
    ) -> Result<Verified<Received>, Problem> {
        let this = &*self.0;
        let Some(peer) = peer else {
            // Only the mTLS listener serves operations; without its mark this is a defect of the wiring.
            return Err(Problem::new(Code::Internal, "The connection carries no identity"));
        };
        // 1. Rate.
        this.rates.check(peer)?;
        // 2. Headers.
        let named = seen.check(operation)?;
        // 3. Token.
        let now = (this.now)();
        let claims = this.tokens.check(request.headers(), now)?;
        // 4. Tenant and cluster.
        if named.tenant != claims.tenant || Some(&named.tenant) != peer.tenant.as_ref() {
            return Err(Problem::new(Code::TenantMismatch, "X-Tenant-Id, the token's tenant_id and the certificate's O must be the same"));
        }
        if claims.cluster != this.cluster || Some(&claims.cluster) != peer.cluster.as_ref() {
            let detail = "The token's cluster_id and the certificate's CN must both be the cluster that this agent serves";
            return Err(Problem::new(Code::ClusterMismatch, detail));
        }
        // 5. Media type and size.
        body::check_type(request.headers(), operation)?;
        let sent = request.take_body();
        let body = body::read(request.headers(), sent, this.max_body).await?;
        let body_digest: [u8; 32] = Sha256::digest(&body).into();
        // 6. Signature.
        let uri = request.original_uri().clone();
        let signed = signature::Signed { method: request.method(), uri: &uri, named: &named, body_digest: &body_digest };
        this.secrets.check(request.headers(), &signed, now)?;
        // 7. Role.
        if claims.role < operation.role {
            return Err(Problem::new(Code::InsufficientRole, format!("This operation needs the role {}", operation.role.as_str())));
        }
        let caller = Caller {
            tenant: named.tenant,
            cluster: claims.cluster.clone(),
            certificate: peer.fingerprint,
            subject: claims.subject.clone(),
            role: claims.role,
            version: named.version,
            request_id: named.request_id,
            body_digest,
            token_expires: claims.expires,
        };
        let mut headers = std::mem::take(request.headers_mut());
        headers.remove(header::AUTHORIZATION);
        headers.remove(signature::SIGNATURE);
        Ok(Verified::new(caller, Received { uri, headers, body }))
    }
}
