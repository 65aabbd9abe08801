//! Connections: one pool and one identity for the clients of all contracts.

use std::time::Duration;

use http_body_util::Limited;
use progenitor_client::{ClientHooks, OperationInfo};
use reqwest::{Request, Response, ResponseBuilderExt as _, StatusCode, Url, redirect::Policy};

use crate::{
    credentials::Credentials,
    request_id,
    retry::{self, Retries},
    saas,
    sign::{Session, SignError, sign},
    v0, v1alpha1,
    version::ContractVersion,
};

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
    pub fn new(credentials: &Credentials, base_url: &str, retries: Retries) -> Result<Self, ClientError> {
        let (http, base_url) = (http(credentials)?, origin(base_url)?);
        let base_url = base_url.as_str();
        let session = |version| Session::new(credentials, version, retries);
        Ok(Self {
            stable: v0::Client::new_with_client(base_url, http.clone(), session(ContractVersion::V0)),
            alpha: v1alpha1::Client::new_with_client(base_url, http, session(ContractVersion::V1Alpha1)),
        })
    }
}

impl saas::Client {
    /// A client with these credentials for the SaaS at `base_url`; it makes each call once.
    ///
    /// # Errors
    /// As of [`Client::new`].
    pub fn of(credentials: &Credentials, base_url: &str) -> Result<Self, ClientError> {
        Ok(Self::new_with_client(&origin(base_url)?, http(credentials)?, Session::new(credentials, ContractVersion::V0, Retries::Never)))
    }

    /// Asks whether there is anybody who takes these credentials: signed like a report, and a GET, which tells nothing.
    ///
    /// # Errors
    /// When it cannot be signed, or there is no answer.
    pub async fn knock(&self) -> Result<StatusCode, KnockError> {
        let url = format!("{}/agent/v1/remediations/doctor/status", self.baseurl);
        let mut request = self.client.get(url).header("x-request-id", request_id()).build()?;
        sign(&self.inner, &mut request).await?;
        let answer = self.client.execute(request).await.map_err(reqwest::Error::without_url)?;
        Ok(answer.status())
    }
}

// What is generated signs, and then calls this.
macro_rules! executes {
    ($($client:ty),*) => {$(
        impl ClientHooks<Session> for $client {
            async fn exec(&self, request: Request, info: &OperationInfo) -> reqwest::Result<Response> {
                let send = |request| self.client.execute(request);
                let answer = retry::execute(&self.inner, info.operation_id, request, send).await?;
                // Those that are read piece by piece.
                let stream = info.operation_id == "watch_remediations" && answer.status().is_success();
                Ok(if stream { answer } else { bounded(answer, MAX_ANSWER) })
            }
        }
    )*};
}

executes!(v0::Client, v1alpha1::Client, saas::Client);

/// An answer of which no more is read.
fn bounded(answer: Response, most: usize) -> Response {
    // Its address is kept beside it, and would be lost.
    let addressed = http::Response::builder().url(answer.url().clone()).body(());
    let (mut parts, body) = http::Response::from(answer).into_parts();
    parts.extensions.extend(addressed.map(|response| response.into_parts().0.extensions).unwrap_or_default());
    http::Response::from_parts(parts, reqwest::Body::wrap(Limited::new(body, most))).into()
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
mod tests {
    use futures::stream;

    use super::*;

    #[tokio::test]
    async fn an_answer_that_never_ends_is_not_read_into_memory() {
        let url: Url = "https://agent.example.org/v0/events".parse().unwrap();
        let body = reqwest::Body::wrap_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1_024])));
        let endless = http::Response::builder().status(502).header("content-type", "text/html").url(url.clone()).body(body).unwrap();
        let bound = bounded(endless.into(), 1 << 20);
        assert_eq!((bound.status().as_u16(), bound.url(), &bound.headers()["content-type"]), (502, &url, &"text/html".parse().unwrap()));
        assert!(bound.bytes().await.is_err());
        let whole = Response::from(http::Response::new("0123456789"));
        assert_eq!(bounded(whole, 10).bytes().await.unwrap(), "0123456789");
    }
}
