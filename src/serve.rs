//! The API's listener: mutual TLS, HTTP/1.1 and HTTP/2, every wait and every number bounded.
//!
//! ```text
//!  permit ─▶ accept ─▶ task: handshake ─▶ PeerIdentity ─▶ HTTP ─▶ endpoint
//!    │         │             5 s            once a         head within 10 s; closed
//!    │         │             no certificate, connection    when idle, old, or when
//!    │         │             foreign CA:                   certificates change
//!    │         │             cut, no HTTP answer
//!    │         └ EMFILE and the like: wait a second, so as not to spin
//!    └ at the cap nobody is accepted; the kernel's backlog waits
//!
//!  shutdown ─▶ accept no more ─▶ finish what is under way ─▶ after `drain`, cut what is left
//! ```
//!
//! What HTTP leaves open, and who closes it:
//!
//! | request | answer | by |
//! |---|---|---|
//! | a head that is no HTTP, or too large; a Content-Length that is no number; a transfer coding that does not end in `chunked` | an empty 400 or 431, counted and audited as `malformed_http` | hyper |
//! | no Host or two, a transfer coding beside `chunked` | 400 `malformed_header`, `missing_header` | [`verify`](crate::verify) |
//! | Content-Length beside Transfer-Encoding | read as chunks (RFC 9112, section 6.3) | hyper |
//!
//! The last is no way to smuggle a request: TLS ends here, a connection is one client's, and the bytes
//! of a body are signed. hyper's own answers cannot be problem documents, since there is no request yet.
//!
//! Certificates are read anew for each connection from a `watch` channel. When they change, the
//! connections that are open finish what they do and close: a CA that is removed lets nobody stay.

pub(crate) mod activity;
mod connection;
pub(crate) mod tls;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use poem::{Endpoint, Response};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

pub use tls::{TlsError, tls_config};

use crate::telemetry::Metrics;

/// How long to wait when the process has no file descriptor or memory left for a connection.
const EXHAUSTED_PAUSE: Duration = Duration::from_secs(1);

/// What a client may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections; further ones wait in the kernel's backlog.
    pub max_connections: usize,
    /// Time for the TLS handshake.
    pub handshake_timeout: Duration,
    /// Time from the handshake to the first request. Over HTTP/1.1 the next one has to begin, and its
    /// head to end, within the same time: hyper has one timer for both.
    pub header_timeout: Duration,
    /// Time without a request after which a connection is closed; over HTTP/1.1, `header_timeout` may come first.
    pub idle_timeout: Duration,
    /// Age at which a connection is closed, so that a certificate that ended does not live on in it.
    pub max_age: Duration,
    /// Time for requests under way once the listener stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 1_024,
            handshake_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            max_age: Duration::from_secs(3_600),
            drain: Duration::from_secs(10),
        }
    }
}

/// A socket that listens.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address is taken, or not ours.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        Ok(Self { address: socket.local_addr()?, socket })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves `endpoint` until `shutdown`, then ends what is under way, within [`Limits::drain`].
    pub async fn serve<E>(
        self,
        tls: watch::Receiver<Arc<ServerConfig>>,
        endpoint: E,
        limits: Limits,
        metrics: Metrics,
        shutdown: CancellationToken,
    ) where
        E: Endpoint<Output = Response> + 'static,
    {
        let permits = Arc::new(Semaphore::new(limits.max_connections));
        let service =
            connection::Service { endpoint: Arc::new(endpoint), local: self.address, limits, metrics, shutdown: shutdown.clone(), tls };
        let mut connections = JoinSet::new();
        // The permit comes first, and inside the select: a listener that is full can still be stopped.
        while let Some(Ok(permit)) = shutdown.run_until_cancelled(Arc::clone(&permits).acquire_owned()).await {
            let Some((socket, remote)) = shutdown.run_until_cancelled(self.accept()).await else { break };
            let service = service.clone();
            connections.spawn(async move {
                service.run(socket, remote).await;
                drop(permit);
            });
            while let Some(ended) = connections.try_join_next() {
                report(ended);
            }
        }
        // Whoever connects from here on is refused by the kernel, and can try another replica.
        drop(self.socket);
        let all_ended = async {
            while let Some(ended) = connections.join_next().await {
                report(ended);
            }
        };
        if timeout(limits.drain, all_ended).await.is_err() {
            tracing::warn!(left = connections.len(), "connections that did not end in time are cut");
            connections.shutdown().await;
        }
    }

    async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.socket.accept().await {
                Ok(accepted) => return accepted,
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections; check the limit of open files");
                    sleep(EXHAUSTED_PAUSE).await;
                }
            }
        }
    }
}

/// Whether only the connection that was being accepted is lost.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::ConnectionAborted | Kind::ConnectionReset | Kind::ConnectionRefused | Kind::Interrupted)
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a connection's task panicked; the other connections go on");
    }
}
