//! One connection, from its first byte to its last.

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc};

use http::{Request, Response, uri::Scheme};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use poem::{
    Addr, Endpoint,
    web::{LocalAddr, RemoteAddr},
};
use rustls::ServerConfig;
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{Duration, sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;

use super::{
    Limits,
    activity::{Activity, Quiet},
};
use crate::{
    audit,
    identity::Tenant,
    telemetry::{Metrics, metrics::Unanswered},
    verify::PeerIdentity,
};

/// The head of a request: a token may have 8 KiB, and there is more beside it. Over HTTP/1.1 this is
/// what is waited for; what came in one read beside it, less than as much again, is taken too.
const MAX_HEAD_BYTES: usize = 32 * 1_024;
const MAX_HEADERS: usize = 64;
const MAX_STREAMS: u32 = 128;
/// Streams that a client opens and resets before it is cut (CVE-2023-44487).
const MAX_RESETS: usize = 20;
/// How often, and for how long, an HTTP/2 client is asked whether it still lives.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// What a connection that is closing may still take: the longest stream, of five minutes, and some.
const LINGER: Duration = Duration::from_secs(360);

/// What every connection shares.
pub(super) struct Service<E> {
    pub(super) endpoint: Arc<E>,
    pub(super) local: SocketAddr,
    pub(super) limits: Limits,
    pub(super) metrics: Metrics,
    pub(super) shutdown: CancellationToken,
    pub(super) tls: watch::Receiver<Arc<ServerConfig>>,
}

// Not derived: that would ask the endpoint to be `Clone`.
impl<E> Clone for Service<E> {
    fn clone(&self) -> Self {
        let Self { endpoint, local, limits, metrics, shutdown, tls } = self;
        let (metrics, shutdown, tls) = (metrics.clone(), shutdown.clone(), tls.clone());
        Self { endpoint: Arc::clone(endpoint), local: *local, limits: *limits, metrics, shutdown, tls }
    }
}

impl<E: Endpoint<Output = poem::Response> + 'static> Service<E> {
    pub(super) async fn run(mut self, socket: TcpStream, remote: SocketAddr) {
        // Answers are written at once; without this a small one may wait for the last one's ACK.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%remote, %error, "cannot set TCP_NODELAY");
        }
        let config = Arc::clone(&self.tls.borrow_and_update());
        let handshake = timeout(self.limits.handshake_timeout, TlsAcceptor::from(config).accept(socket));
        let refused = match self.shutdown.run_until_cancelled(handshake).await {
            None => return,
            Some(Ok(Ok(stream))) => match peer_of(&stream) {
                Some(peer) => return self.speak(stream, remote, Arc::new(peer)).await,
                None => "the client's certificate cannot be read".to_owned(),
            },
            Some(Ok(Err(error))) => error.to_string(),
            Some(Err(_)) => "the handshake took too long".to_owned(),
        };
        audit::unanswered(&self.metrics, remote, None, Unanswered::Handshake, &refused);
    }

    async fn speak(mut self, stream: TlsStream<TcpStream>, remote: SocketAddr, peer: Arc<PeerIdentity>) {
        let http = builder(&stream, &self.limits);
        let activity = Arc::new(Activity::new());
        let certified = Arc::clone(&peer);
        let service = service_fn({
            let (endpoint, activity, local) = (Arc::clone(&self.endpoint), Arc::clone(&activity), LocalAddr(Addr::from(self.local)));
            move |request: Request<Incoming>| {
                let under_way = activity.begin();
                let (endpoint, peer, local) = (Arc::clone(&endpoint), Arc::clone(&peer), local.clone());
                async move {
                    let mut request = poem::Request::from((request, local, RemoteAddr(Addr::from(remote)), Scheme::HTTPS));
                    request.set_data(peer);
                    let response: Response<_> = endpoint.get_response(request).await.into();
                    drop(under_way);
                    Ok::<_, Infallible>(response)
                }
            }
        });
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            ending = self.ending(&activity) => {
                if matches!(ending, Ending::Now) {
                    return;
                }
                connection.as_mut().graceful_shutdown();
                match timeout(LINGER, connection).await {
                    Ok(ended) => ended,
                    Err(_) => return,
                }
            }
        };
        match ended {
            Ok(()) => {}
            Err(error) if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) => {
                let tenant = certified.tenant.as_ref().map(Tenant::as_str);
                audit::unanswered(&self.metrics, remote, tenant, Unanswered::MalformedHttp, &error.to_string());
            }
            Err(error) => tracing::debug!(%remote, error, "a connection ended early"),
        }
    }

    /// Waits for the first reason to end the connection.
    async fn ending(&mut self, activity: &Activity) -> Ending {
        tokio::select! {
            () = self.shutdown.cancelled() => Ending::Gracefully,
            // An error says that nobody will replace the certificates any more, which is no reason to end.
            Ok(()) = self.tls.changed() => Ending::Gracefully,
            () = sleep(self.limits.max_age) => Ending::Gracefully,
            quiet = activity.quiet(self.limits.header_timeout, self.limits.idle_timeout) => match quiet {
                Quiet::Unused => Ending::Now,
                Quiet::Idle => Ending::Gracefully,
            },
        }
    }
}

enum Ending {
    /// There is nothing to finish.
    Now,
    /// Requests under way are answered first.
    Gracefully,
}

/// The version is what ALPN agreed on: to guess it from the first bytes would wait for them without end.
fn builder(stream: &TlsStream<TcpStream>, limits: &Limits) -> auto::Builder<TokioExecutor> {
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut builder = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => builder.http2_only(),
        _ => builder.http1_only(),
    };
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX));
    builder
}

fn peer_of(stream: &TlsStream<TcpStream>) -> Option<PeerIdentity> {
    PeerIdentity::of(stream.get_ref().1.peer_certificates()?.first()?)
}
