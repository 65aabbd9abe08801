//! Serves an endpoint over mutual TLS: nobody without a certificate of the client CA gets an answer.
//!
//! ```text
//!  accept ─▶ place free? ─▶ handshake (5 s, client certificate) ─▶ HTTP/1.1 or HTTP/2 ─▶ endpoint
//!    ▲        no: wait         fails: closed, no answer              headers within 10 s
//!    └── until shutdown: then idle connections close, and what was begun is answered
//! ```
//!
//! poem's own listener never shows the peer's certificate to an endpoint, and has no time limits;
//! this loop puts a [`PeerIdentity`] into each request's extensions.

mod tls;

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use poem::{
    Addr, Endpoint, Response,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub use tls::{TlsError, tls_config};

use crate::verify::PeerIdentity;

/// How long to wait when the process has no file descriptor left, rather than ask again at once.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Bounds of the listener.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections; more wait in the kernel's queue.
    pub max_connections: usize,
    /// From accept to the end of the handshake.
    pub handshake_timeout: Duration,
    /// From the first byte of a request to the end of its headers; also how long HTTP/1.1 stays idle.
    pub header_timeout: Duration,
    /// Bytes of a request's headers.
    pub max_header_bytes: u32,
    /// Requests under way on one HTTP/2 connection.
    pub max_streams: u32,
    /// How long requests in flight may take once shutdown began.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 1_024,
            handshake_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(10),
            max_header_bytes: 32 * 1_024,
            max_streams: 128,
            drain: Duration::from_secs(15),
        }
    }
}

/// A bound address that is not served yet.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds.
    ///
    /// # Errors
    /// When the address is taken, or not ours.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        Ok(Self { address: socket.local_addr()?, socket })
    }

    /// The address, with the port that was chosen.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown`, and then until requests in flight are answered, or `drain` is over.
    ///
    /// A new value in `tls` holds for connections that come after it.
    pub async fn serve<E>(self, tls: watch::Receiver<Arc<rustls::ServerConfig>>, endpoint: E, limits: Limits, shutdown: CancellationToken)
    where
        E: Endpoint<Output = Response> + 'static,
    {
        let places = Arc::new(Semaphore::new(limits.max_connections));
        let (server, graceful) = (Arc::new(Server { endpoint, limits, local: self.address }), GracefulShutdown::new());
        loop {
            // The place is taken within the select, or a full server would never stop.
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                accepted = accept(&self.socket, &places) => accepted,
            };
            match accepted {
                Ok((stream, remote, place)) => {
                    let acceptor = TlsAcceptor::from(Arc::clone(&tls.borrow()));
                    let (server, watcher, stop) = (Arc::clone(&server), graceful.watcher(), shutdown.clone());
                    tokio::spawn(async move {
                        tokio::select! {
                            biased;
                            handshaken = timeout(limits.handshake_timeout, handshake(acceptor, stream)) => match handshaken {
                                Ok(Ok((stream, peer))) => server.connection(stream, remote, peer, watcher).await,
                                Ok(Err(error)) => tracing::debug!(%remote, %error, "a handshake failed"),
                                Err(_) => tracing::debug!(%remote, "a handshake took too long"),
                            },
                            () = stop.cancelled() => {}
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(EXHAUSTED).await;
                }
            }
        }
        drop(self.socket);
        if timeout(limits.drain, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests were still in flight when the time to answer them was over");
        }
    }
}

async fn accept(socket: &TcpListener, places: &Arc<Semaphore>) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, remote) = socket.accept().await?;
    Ok((stream, remote, place))
}

type Tls = tokio_rustls::server::TlsStream<TcpStream>;

async fn handshake(acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<(Tls, Arc<PeerIdentity>)> {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let peer = certificate.and_then(|certificate| PeerIdentity::of(certificate));
    let peer = peer.ok_or_else(|| io::Error::other("the client certificate cannot be read"))?;
    Ok((stream, Arc::new(peer)))
}

struct Server<E> {
    endpoint: E,
    limits: Limits,
    local: SocketAddr,
}

impl<E: Endpoint<Output = Response> + 'static> Server<E> {
    async fn connection(
        self: Arc<Self>,
        stream: Tls,
        remote: SocketAddr,
        peer: Arc<PeerIdentity>,
        watcher: hyper_util::server::graceful::Watcher,
    ) {
        let server = Arc::clone(&self);
        let service = service_fn(move |mut request: http::Request<Incoming>| {
            let (server, peer) = (Arc::clone(&server), Arc::clone(&peer));
            async move {
                request.extensions_mut().insert(peer);
                let addresses = (LocalAddr(Addr::SocketAddr(server.local)), RemoteAddr(Addr::SocketAddr(remote)));
                let request = poem::Request::from((request, addresses.0, addresses.1, Scheme::HTTPS));
                Ok::<http::Response<_>, Infallible>(server.endpoint.get_response(request).await.into())
            }
        });
        let limits = self.limits;
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_buf_size(usize::try_from(limits.max_header_bytes).unwrap_or(usize::MAX).max(8_192));
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.max_streams)
            .max_header_list_size(limits.max_header_bytes)
            .keep_alive_interval(Some(limits.header_timeout))
            .keep_alive_timeout(limits.header_timeout);
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%remote, error = &*error as &dyn std::error::Error, "a connection ended early");
        }
    }
}
