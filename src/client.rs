//! The signed clients: what the contracts turn into for those who call the agent, and for the agent when it calls a SaaS.
//!
//! ```text
//!  Client ─▶ v0 / v1alpha1 (generated) ─▶ sign: token, tenant, version, ─▶ mutual TLS ─▶ agent
//!            typed arguments                    X-Signature over the exact bytes
//! ```
//!
//! The types are those of the server ([`crate::contract`]), but for events, which are the bytes that
//! somebody wrote: sent again, also by another client, they are the same request.

mod credentials;
mod patience;
mod sign;

use std::time::Duration;

use http::header;
use http_body_util::Limited;
use progenitor_client::{ClientHooks, ClientInfo as _, OperationInfo};
use reqwest::{StatusCode, Url, redirect::Policy};
use uuid::Uuid;

pub use credentials::{Credentials, CredentialsError};
pub(crate) use patience::retry_after;
pub use sign::{SignError, Signer, sign};

use crate::contract::ContractVersion;

/// Operations of contract v0.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::unwrap_used,
    rustdoc::all,
    reason = "progenitor and the contract's own texts decide"
)]
pub mod v0 {
    include!(concat!(env!("OUT_DIR"), "/v0_client.rs"));
}

/// Operations of contract v1alpha1.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::unwrap_used,
    rustdoc::all,
    reason = "progenitor and the contract's own texts decide"
)]
pub mod v1alpha1 {
    include!(concat!(env!("OUT_DIR"), "/v1alpha1_client.rs"));
}

/// What a SaaS serves.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::unwrap_used,
    rustdoc::all,
    reason = "progenitor and the contract's own texts decide"
)]
pub mod saas {
    include!(concat!(env!("OUT_DIR"), "/saas_client.rs"));
}

/// Where `zen-agent dev` listens.
pub const DEFAULT_BASE_URL: &str = "https://127.0.0.1:8443";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest silence of the agent, which a cleanup of very many remediations needs; streams send a comment every 15 s.
const READ_TIMEOUT: Duration = Duration::from_secs(300);
/// How often, and for how long, an agent that is silent is asked whether it still lives.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest answer that is read into memory; one that never ends would fill it.
const MAX_ANSWER: usize = 64 << 20;

/// Clients of every contract, with one connection pool and one identity.
#[derive(Clone, Debug)]
pub struct Client {
    /// The stable contract.
    pub stable: v0::Client,
    /// The alpha contract.
    pub alpha: v1alpha1::Client,
}

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The certificates do not work together.
    #[error("the client's certificates cannot be used; `zen-agent dev` writes new ones when the folder is removed")]
    Tls(#[from] rustls::Error),
    /// The address is none of a server.
    #[error("the server's address is none; give https://HOST:PORT, without a path")]
    BaseUrl,
    /// The HTTP client cannot start.
    #[error("the HTTP client cannot start")]
    Http(#[from] reqwest::Error),
}

/// Why nobody answered.
#[derive(Debug, thiserror::Error)]
pub enum KnockError {
    /// The request could not be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// It was not answered.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
}

impl Client {
    /// A client with these credentials for the agent at `base_url`, such as [`DEFAULT_BASE_URL`].
    ///
    /// # Errors
    /// When certificate and key do not fit together, or the address is no origin of an https URL.
    pub fn new(credentials: &Credentials, base_url: &str) -> Result<Self, ClientError> {
        let (http, base_url) = (http(credentials)?, origin(base_url)?);
        let base_url = base_url.as_str();
        let signer = |version| Signer::new(credentials, version);
        Ok(Self {
            stable: v0::Client::new_with_client(base_url, http.clone(), signer(ContractVersion::V0)),
            alpha: v1alpha1::Client::new_with_client(base_url, http, signer(ContractVersion::V1Alpha1)),
        })
    }
}

impl saas::Client {
    /// A client with these credentials for the SaaS at `base_url`.
    ///
    /// # Errors
    /// As of [`Client::new`].
    pub fn of(credentials: &Credentials, base_url: &str) -> Result<Self, ClientError> {
        Ok(Self::new_with_client(&origin(base_url)?, http(credentials)?, Signer::new(credentials, ContractVersion::V0)))
    }

    /// Asks whether there is anybody who takes these credentials: signed like a report, and a GET, which tells nothing.
    ///
    /// # Errors
    /// When it cannot be signed, or there is no answer.
    pub async fn knock(&self) -> Result<StatusCode, KnockError> {
        let url = format!("{}/agent/v1/remediations/doctor/status", self.baseurl);
        let mut request = self.client.get(url).header("x-request-id", Uuid::now_v7().to_string()).build()?;
        sign(&self.inner, &mut request).await?;
        let answer = self.client.execute(request).await.map_err(reqwest::Error::without_url)?;
        Ok(answer.status())
    }
}

macro_rules! bounds_answers {
    ($($client:ty),*) => {$(
        impl ClientHooks<Signer> for $client {
            async fn exec(&self, request: reqwest::Request, _info: &OperationInfo) -> reqwest::Result<reqwest::Response> {
                Ok(bounded(self.client().execute(request).await?, MAX_ANSWER))
            }
        }
    )*};
}

bounds_answers!(v0::Client, v1alpha1::Client, saas::Client);

/// An answer of which no more is read, but for one that is read piece by piece.
fn bounded(answer: reqwest::Response, most: usize) -> reqwest::Response {
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
        return answer;
    }
    http::Response::from(answer).map(|body| reqwest::Body::wrap(Limited::new(body, most))).into()
}

fn http(credentials: &Credentials) -> Result<reqwest::Client, ClientError> {
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(credentials.tls_config()?)
        .https_only(true)
        // A redirected request would be signed for another path.
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT);
    Ok(builder.build()?)
}

/// The origin of an address; paths are signed as they are sent, so there is none to add to them.
fn origin(base_url: &str) -> Result<String, ClientError> {
    let origin = |url: &Url| url.scheme() == "https" && url.has_host() && url.path() == "/" && url.query().is_none();
    let bare = |url: &Url| url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    let url = Url::parse(base_url).ok().filter(|url| origin(url) && bare(url));
    Ok(url.ok_or(ClientError::BaseUrl)?.origin().ascii_serialization())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
pub(crate) mod tests;
