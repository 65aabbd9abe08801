//! Verification of a request: mTLS, headers, token, tenant, body, signature, role.
//!
//! The order is cheapest and least revealing first, and nothing is parsed before its signature
//! holds. The first check that fails decides the answer:
//!
//! ```text
//!  (TLS handshake: `serve`; no answer at all)
//!   1 rate of the certificate  429
//!   2 headers                  400   present once, well-formed, version supported and the path's;
//!                                    one Host, no transfer coding but chunked
//!   3 token                    401   RS256, ES256 or EdDSA by a known key; iss, aud, exp, nbf
//!   4 tenant, cluster          403   header = token = certificate; the cluster is this one
//!   5 media type, size         415, 413
//!   6 signature                401   known key of the tenant, time within 120 s, HMAC over the exact bytes
//!   7 role                     403
//!   ──▶ Verified<Received>: JSON or Protocol Buffers, schema and handler come after
//! ```
//!
//! Every refusal is counted by its code and leaves one record in the [`audit`] log.

mod body;
mod caller;
mod headers;
mod keys;
mod peer;
mod rate;
mod setup;
mod signature;
mod token;
mod unverified;
mod verified;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Uri, header};
use jiff::Timestamp;
use poem::Request;
use sha2::{Digest, Sha256};

pub use caller::Caller;
pub use keys::TokenKeys;
pub use peer::PeerIdentity;
pub use setup::{Setup, SetupError};
pub use unverified::Unverified;
pub use verified::Verified;

use crate::{
    audit,
    contract::{MediaType, Operation},
    problem::{Code, Echo, Problem},
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
    /// What its body is written in, where the operation takes one.
    pub media_type: Option<MediaType>,
    /// Its body.
    pub body: Bytes,
}

/// A refusal, and what of the request may be echoed beside it.
#[derive(Debug)]
pub struct Refusal {
    /// What the caller is told.
    pub problem: Problem,
    /// What of the request was well-formed.
    pub echo: Echo,
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
    buffers: body::Buffers,
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
            buffers: body::Buffers::new(setup.max_body),
            now: Box::new(now),
            metrics,
        })))
    }

    /// Puts other token keys into force; tokens that were accepted before are verified anew. `serve` does not
    /// watch its key files yet: there, other keys need a restart.
    pub fn replace_token_keys(&self, keys: TokenKeys) {
        self.0.tokens.replace(keys);
    }

    /// The most bytes that a body has.
    pub fn max_body(&self) -> usize {
        self.0.max_body
    }

    /// Verifies one request for one operation.
    ///
    /// # Errors
    /// The first check that failed.
    pub async fn verify(&self, operation: &'static Operation, mut request: Request) -> Result<Verified<Received>, Refusal> {
        let unverified = Unverified::of(&request);
        let sent = request.take_body();
        let mut body = body::Incoming::of(request.headers(), sent);
        match self.check(operation, request, &mut body, &unverified).await {
            Ok(verified) => Ok(verified),
            Err(problem) => {
                audit::refused(&self.0.metrics, &unverified.sender(), operation.id, &problem);
                body.discard(self.0.max_body).await;
                Err(Refusal { problem, echo: unverified.echo() })
            }
        }
    }

    /// Whether the certificate keeps to its rate, of which this is one request.
    ///
    /// # Errors
    /// 429, with the time to wait.
    pub fn check_rate(&self, unverified: &Unverified) -> Result<(), Problem> {
        // Only the mTLS listener serves; without its mark this is a defect of the wiring.
        let peer = unverified.peer.as_ref().ok_or_else(|| Problem::new(Code::Internal, "The connection carries no identity"))?;
        self.0.rates.check(peer)
    }

    async fn check(
        &self,
        operation: &'static Operation,
        mut request: Request,
        incoming: &mut body::Incoming,
        unverified: &Unverified,
    ) -> Result<Verified<Received>, Problem> {
        let this = &*self.0;
        // 1. Rate.
        self.check_rate(unverified)?;
        // 2. Headers.
        let named = unverified.seen.check(operation)?;
        // 3. Token.
        let now = (this.now)();
        let claims = this.tokens.check(request.headers(), now)?;
        // 4. Tenant and cluster.
        let Some(peer) = unverified.peer.as_deref() else { return Err(Problem::new(Code::Internal, "The connection carries no identity")) };
        if named.tenant != claims.tenant || Some(&named.tenant) != peer.tenant.as_ref() {
            return Err(Problem::new(Code::TenantMismatch, "X-Tenant-Id, the token's tenant_id and the certificate's O must be the same"));
        }
        if claims.cluster != this.cluster || Some(&claims.cluster) != peer.cluster.as_ref() {
            let detail = "The token's cluster_id and the certificate's CN must both be the cluster that this agent serves";
            return Err(Problem::new(Code::ClusterMismatch, detail));
        }
        // 5. Media type and size.
        let media_type = body::check_type(request.headers(), operation)?;
        let body = incoming.read(request.headers(), this.max_body, &this.buffers).await?;
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
            subject: if claims.subject.is_empty() { format!("CN={},O={}", claims.cluster, claims.tenant) } else { claims.subject.clone() },
            role: claims.role,
            version: named.version,
            request_id: named.request_id,
            body_digest,
            token_expires: claims.expires,
        };
        let mut headers = std::mem::take(request.headers_mut());
        headers.remove(header::AUTHORIZATION);
        headers.remove(signature::SIGNATURE);
        Ok(Verified::new(caller, Received { uri, headers, media_type, body }))
    }
}
