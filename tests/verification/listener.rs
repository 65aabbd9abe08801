//! A listener over real sockets on loopback, and its clients.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use http::StatusCode;
use poem::{Request, Response, endpoint::make};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;
use zen_agent::{
    serve::{Limits, Listener, tls_config},
    telemetry::Metrics,
};

use super::mint::{self, Ca, Leaf};

/// For what has to happen; nothing waits this long when it does.
const DEADLINE: Duration = Duration::from_secs(60);
/// For what the listener is to cut.
pub(super) const SHORT: Duration = Duration::from_millis(150);

/// A listener, its CA and a client's certificate.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) ca: Ca,
    pub(super) client: Leaf,
    pub(super) tls: watch::Sender<Arc<ServerConfig>>,
    metrics: Metrics,
    pub(super) stop: CancellationToken,
    pub(super) serving: JoinHandle<()>,
}

impl Server {
    pub(super) async fn new(limits: Limits, endpoint: impl poem::Endpoint<Output = Response> + 'static) -> Self {
        let ca = Ca::new("ca");
        let (client, config) = (ca.client(mint::CLUSTER, mint::TENANT), server_config(&ca));
        let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let (address, (tls, receiver), stop) = (listener.local_addr(), watch::channel(config), CancellationToken::new());
        let metrics = Metrics::new();
        let serving = tokio::spawn(listener.serve(receiver, endpoint, limits, metrics.clone(), stop.clone()));
        Self { address, ca, client, tls, metrics, stop, serving }
    }

    /// Answers 200 to everybody.
    pub(super) async fn plain(limits: Limits) -> Self {
        Self::new(limits, make(|_: Request| async { Response::from(StatusCode::OK) })).await
    }

    pub(super) async fn connect(&self) -> io::Result<TlsStream<TcpStream>> {
        self.connect_as(&self.ca, Some(&self.client)).await
    }

    pub(super) async fn connect_as(&self, trusted: &Ca, client: Option<&Leaf>) -> io::Result<TlsStream<TcpStream>> {
        let socket = TcpStream::connect(self.address).await?;
        let connector = TlsConnector::from(Arc::new(client_config(trusted, client)));
        connector.connect(ServerName::try_from("localhost").unwrap(), socket).await
    }

    /// Whether a client that presents this gets any byte of HTTP.
    pub(super) async fn answers(&self, trusted: &Ca, client: Option<&Leaf>) -> bool {
        // Over TLS 1.3 a client believes itself connected until it reads the server's alert.
        let Ok(mut stream) = within(self.connect_as(trusted, client)).await else { return false };
        drop(stream.write_all(GET).await);
        !is_cut(&mut stream).await
    }

    /// Waits until so many connections were refused for this reason.
    pub(super) async fn refused(&self, reason: &str, count: usize) {
        let counted = format!("zen_agent_rejections_total{{reason=\"{reason}\"}} {count}\n");
        within(async {
            while !self.metrics.render().unwrap().contains(&counted) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    pub(super) async fn stopped(self) {
        self.stop.cancel();
        within(self.serving).await.unwrap();
    }
}

pub(super) const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("it takes too long")
}

/// Everything that comes before the connection ends, in whatever way it ends.
pub(super) async fn read_all(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    drop(within(stream.read_to_end(&mut answer)).await);
    String::from_utf8_lossy(&answer).into_owned()
}

/// One answer without a body of its own, on a connection that stays open.
pub(super) async fn read_head(stream: &mut TlsStream<TcpStream>) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(stream.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Whether the server ends the connection without a word.
pub(super) async fn is_cut(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    read_all(stream).await.is_empty()
}

pub(super) fn server_config(ca: &Ca) -> Arc<ServerConfig> {
    let server = ca.server();
    tls_config(server.cert.as_bytes(), server.key.as_bytes(), ca.pem.as_bytes(), None).unwrap()
}

/// The configuration of this CA, with lists of revoked clients.
pub(super) fn revoking_config(ca: &Ca, server: &Leaf, lists: &str) -> Arc<ServerConfig> {
    tls_config(server.cert.as_bytes(), server.key.as_bytes(), ca.pem.as_bytes(), Some(lists.as_bytes())).unwrap()
}

pub(super) fn client_config(trusted: &Ca, client: Option<&Leaf>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.pem.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    match client {
        None => builder.with_no_client_auth(),
        Some(leaf) => {
            let chain = vec![CertificateDer::from_pem_slice(leaf.cert.as_bytes()).unwrap()];
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap()).unwrap()
        }
    }
}

pub(super) async fn exchange(server: &Server, client: &Leaf, bytes: &[u8]) -> String {
    let mut stream = server.connect_as(&server.ca, Some(client)).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    read_all(&mut stream).await
}
