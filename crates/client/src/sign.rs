//! Signs each request just before it leaves, over the bytes that leave.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, header};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use sha2::{Digest as _, Sha256};

use crate::{credentials::Credentials, retry::Retries, signature, tenant::Tenant, version::ContractVersion};

/// Who calls: what signing needs, and how patient it is. Cloning shares it; nothing secret is printed.
#[derive(Clone, Debug)]
pub struct Session(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    token: SecretString,
    secret: SecretSlice<u8>,
    kid: String,
    tenant: Tenant,
    version: ContractVersion,
    retries: Retries,
}

/// Why a request cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// There is no X-Request-Id.
    #[error("a request needs an X-Request-Id of visible ASCII")]
    RequestId,
    /// The body's bytes are not known before it is sent.
    #[error("a body that is streamed cannot be signed; send it as bytes")]
    StreamedBody,
    /// A token that no header can hold.
    #[error("the token holds characters that no header can hold; get a new one")]
    Header(#[from] http::header::InvalidHeaderValue),
}

impl Session {
    pub(crate) fn new(credentials: &Credentials, version: ContractVersion, retries: Retries) -> Self {
        Self(Arc::new(Parts {
            token: credentials.token.clone(),
            secret: credentials.secret.clone(),
            kid: credentials.kid.clone(),
            tenant: credentials.tenant.clone(),
            version,
            retries,
        }))
    }

    pub(crate) fn retries(&self) -> Retries {
        self.0.retries
    }
}

/// The generated clients call this with every request.
///
/// # Errors
/// When there is no request id, or no body that can be hashed.
pub async fn sign(session: &Session, request: &mut reqwest::Request) -> Result<(), SignError> {
    sign_at(session, request, Timestamp::now().as_second())
}

fn sign_at(session: &Session, request: &mut reqwest::Request, timestamp: i64) -> Result<(), SignError> {
    let Parts { token, secret, kid, tenant, version, .. } = &*session.0;
    let body = match request.body() {
        None => &[],
        Some(body) => body.as_bytes().ok_or(SignError::StreamedBody)?,
    };
    let digest: [u8; 32] = Sha256::digest(body).into();
    let request_id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).ok_or(SignError::RequestId)?;
    let url = request.url();
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let base = signature::base_string(timestamp, request.method().as_str(), &path, version.as_str(), tenant.as_str(), request_id, &digest);
    let signature = signature::sign(secret.expose_secret(), kid, timestamp, &base);

    let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))?;
    bearer.set_sensitive(true);
    let has_body = request.body().is_some();
    let headers = request.headers_mut();
    if has_body {
        // Whoever gives bytes gives JSON; of Protocol Buffers this client knows nothing.
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    headers.insert(header::AUTHORIZATION, bearer);
    headers.insert(HeaderName::from_static("x-zen-contract-version"), HeaderValue::from_static(version.as_str()));
    headers.insert(HeaderName::from_static("x-tenant-id"), HeaderValue::from_str(tenant.as_str())?);
    headers.insert(HeaderName::from_static("x-signature"), HeaderValue::try_from(signature)?);
    Ok(())
}
