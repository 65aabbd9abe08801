//! The API on a port: HTTP/1.1 on a loopback address, for `kubectl` and other processes of this machine.
//!
//! ```text
//!  accept ─▶ one task a connection ─▶ from this machine's own programs? ─▶ server
//!                                         no: 403
//! ```
//!
//! Nobody is asked who he is, so nobody else may come: only loopback addresses are listened on, and a
//! browser that a foreign page steers here is turned away, by its `Origin`, or by a `Host` that is not this
//! machine's (DNS rebinding).

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::error::ApiError;
use crate::{Inner, server};

/// Open connections; further ones wait in the kernel's backlog. Each watch takes one.
const MAX_CONNECTIONS: usize = 256;
/// How long a connection may take to say what it wants.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait when the process has no file descriptor left for a connection.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(500);

/// Why the API is not served on an address.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Others than this machine could reach it.
    #[error(
        "the embedded Kubernetes API asks nobody who he is, so it is served on loopback addresses only, not on {0}; use 127.0.0.1 or [::1]"
    )]
    NotLoopback(IpAddr),
    /// The listener's address cannot be read.
    #[error("the listener has no address: {0}")]
    Listener(#[from] std::io::Error),
}

pub(crate) async fn serve(inner: &Arc<Inner>, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback(address.ip()));
    }
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    let accepting = async {
        // The semaphore is never closed.
        while let Ok(permit) = permits.clone().acquire_owned().await {
            let socket = match listener.accept().await {
                Ok((socket, _)) => socket,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection to the embedded Kubernetes API");
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                    continue;
                }
            };
            let inner = inner.clone();
            connections.spawn(async move {
                let service = service_fn(|request| answer(&inner, request));
                let http = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD_TIMEOUT)
                    .serve_connection(TokioIo::new(socket), service);
                if let Err(error) = http.await {
                    tracing::debug!(%error, "a connection to the embedded Kubernetes API ended early");
                }
                drop(permit);
            });
            while connections.try_join_next().is_some() {}
        }
    };
    tokio::select! {
        () = accepting => {}
        () = shutdown => {}
    }
    // Watches would never end by themselves.
    connections.shutdown().await;
    Ok(())
}

async fn answer(inner: &Arc<Inner>, request: Request<Incoming>) -> Result<server::Answer, Infallible> {
    if !is_from_here(request.headers()) {
        return Ok(server::refuse(&ApiError::forbidden("only programs of this machine may ask")));
    }
    Ok(server::answer(inner.clone(), request.map(|body| body.map_err(std::io::Error::other).boxed_unsync())).await)
}

/// Whether a request comes from a program of this machine, and not from a page in a browser: no `Origin`, and a `Host` of this machine.
pub fn is_from_here(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())).map_or(host, |(name, _)| name);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let is_ours = name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    is_ours && !headers.contains_key(ORIGIN)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn only_programs_of_this_machine_are_listened_to() {
        let from = |host: &str, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            headers.extend(origin.map(|origin| (ORIGIN, origin.parse().unwrap())));
            is_from_here(&headers)
        };
        for host in ["127.0.0.1:8001", "localhost:8001", "LocalHost", "[::1]:8001", "127.0.0.1"] {
            assert!(from(host, None), "{host}");
        }
        for host in ["evil.example:8001", "10.0.0.1:8001", "localhost.evil.example", "", "127.0.0.1.evil.example:80"] {
            assert!(!from(host, None), "{host}");
        }
        assert!(!from("127.0.0.1:8001", Some("https://evil.example")));
        assert!(!is_from_here(&HeaderMap::new()));
    }
}
