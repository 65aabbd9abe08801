//! The listener over real sockets on loopback.

use std::{io, net::SocketAddr, time::Duration};

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
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;
use zen_agent::serve::{Limits, Listener, TlsError, tls_config};

use super::{
    mint::{Ca, Leaf},
    *,
};

/// For what has to happen; nothing waits this long when it does.
const DEADLINE: Duration = Duration::from_secs(20);
/// For what the listener is to cut.
const SHORT: Duration = Duration::from_millis(150);

/// A listener, its CA and a client's certificate.
struct Server {
    address: SocketAddr,
    ca: Ca,
    client: Leaf,
    tls: watch::Sender<Arc<ServerConfig>>,
    metrics: Metrics,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Server {
    async fn new(limits: Limits, endpoint: impl poem::Endpoint<Output = Response> + 'static) -> Self {
        let ca = Ca::new("ca");
        let (client, config) = (ca.client(mint::CLUSTER, mint::TENANT), server_config(&ca));
        let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let (address, (tls, receiver), stop) = (listener.local_addr(), watch::channel(config), CancellationToken::new());
        let metrics = Metrics::new();
        let serving = tokio::spawn(listener.serve(receiver, endpoint, limits, metrics.clone(), stop.clone()));
        Self { address, ca, client, tls, metrics, stop, serving }
    }

    /// Answers 200 to everybody.
    async fn plain(limits: Limits) -> Self {
        Self::new(limits, make(|_: Request| async { Response::from(StatusCode::OK) })).await
    }

    async fn connect(&self) -> io::Result<TlsStream<TcpStream>> {
        self.connect_as(&self.ca, Some(&self.client)).await
    }

    async fn connect_as(&self, trusted: &Ca, client: Option<&Leaf>) -> io::Result<TlsStream<TcpStream>> {
        let socket = TcpStream::connect(self.address).await?;
        let connector = TlsConnector::from(Arc::new(client_config(trusted, client)));
        connector.connect(ServerName::try_from("localhost").unwrap(), socket).await
    }

    /// Whether a client that presents this gets any byte of HTTP.
    async fn answers(&self, trusted: &Ca, client: Option<&Leaf>) -> bool {
        // Over TLS 1.3 a client believes itself connected until it reads the server's alert.
        let Ok(mut stream) = within(self.connect_as(trusted, client)).await else { return false };
        drop(stream.write_all(GET).await);
        !is_cut(&mut stream).await
    }

    /// Waits until so many connections were refused for this reason.
    async fn refused(&self, reason: &str, count: usize) {
        let counted = format!("zen_agent_rejections_total{{reason=\"{reason}\"}} {count}\n");
        within(async {
            while !self.metrics.render().unwrap().contains(&counted) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    async fn stopped(self) {
        self.stop.cancel();
        within(self.serving).await.unwrap();
    }
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("it takes too long")
}

/// Everything that comes before the connection ends, in whatever way it ends.
async fn read_all(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    drop(within(stream.read_to_end(&mut answer)).await);
    String::from_utf8_lossy(&answer).into_owned()
}

/// One answer without a body of its own, on a connection that stays open.
async fn read_head(stream: &mut TlsStream<TcpStream>) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(stream.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Whether the server ends the connection without a word.
async fn is_cut(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    read_all(stream).await.is_empty()
}

fn server_config(ca: &Ca) -> Arc<ServerConfig> {
    let server = ca.server();
    tls_config(server.cert.as_bytes(), server.key.as_bytes(), ca.pem.as_bytes()).unwrap()
}

fn client_config(trusted: &Ca, client: Option<&Leaf>) -> ClientConfig {
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

#[tokio::test]
async fn without_a_valid_certificate_of_the_client_ca_there_is_no_http_answer() {
    let server = Server::plain(Limits::default()).await;
    let foreign = Ca::new("ca").client(mint::CLUSTER, mint::TENANT);
    let ended = server.ca.client_named(&[], |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let early = server.ca.client_named(&[], |params| params.not_before = rcgen::date_time_ymd(4000, 1, 1));
    let other_use = server.ca.server();
    assert!(server.answers(&server.ca, Some(&server.client)).await);
    for (what, client) in
        [("none", None), ("foreign", Some(&foreign)), ("ended", Some(&ended)), ("early", Some(&early)), ("a server's", Some(&other_use))]
    {
        assert!(!server.answers(&server.ca, client).await, "{what}");
    }
    assert!(server.answers(&server.ca, Some(&server.client)).await, "the others do no harm");
    server.refused("handshake", 5).await;
    server.stopped().await;
}

#[tokio::test]
async fn new_certificates_hold_for_new_connections_and_end_the_old_ones() {
    let server = Server::plain(Limits::default()).await;
    let mut open = server.connect().await.unwrap();
    open.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    assert!(read_head(&mut open).await.starts_with("HTTP/1.1 200"));

    let next = Ca::new("next");
    let client = next.client(mint::CLUSTER, mint::TENANT);
    server.tls.send(server_config(&next)).unwrap();
    assert!(is_cut(&mut open).await, "who came in by the old CA does not stay");
    assert!(server.answers(&next, Some(&client)).await);
    assert!(!server.answers(&next, Some(&server.client)).await, "the old CA's clients are foreign now");
    assert!(!server.answers(&server.ca, Some(&client)).await, "the old CA does not vouch for the server any more");
    server.stopped().await;
}

#[tokio::test]
async fn who_is_slow_to_shake_hands_is_cut() {
    let server = Server::plain(Limits { handshake_timeout: SHORT, ..Limits::default() }).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert!(is_cut(&mut silent).await);
    server.stopped().await;
}

#[tokio::test]
async fn who_is_slow_to_send_a_head_is_cut_whatever_was_agreed_on() {
    let server = Server::plain(Limits { header_timeout: SHORT, ..Limits::default() }).await;
    for begun in [&b""[..], b"GET / HTTP/1.1\r\nhost: loc"] {
        let mut slow = server.connect().await.unwrap();
        slow.write_all(begun).await.unwrap();
        assert!(is_cut(&mut slow).await);
    }
    let mut config = client_config(&server.ca, Some(&server.client));
    config.alpn_protocols = vec![b"h2".to_vec()];
    for begun in [&b""[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"] {
        let socket = TcpStream::connect(server.address).await.unwrap();
        let connector = TlsConnector::from(Arc::new(config.clone()));
        let mut slow = connector.connect(ServerName::try_from("localhost").unwrap(), socket).await.unwrap();
        slow.write_all(begun).await.unwrap();
        // The server says its settings before it cuts; what counts is that it does.
        read_all(&mut slow).await;
    }
    server.stopped().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_one_that_is_too_old_as_well() {
    for limits in [Limits { idle_timeout: SHORT, ..Limits::default() }, Limits { max_age: SHORT, ..Limits::default() }] {
        let server = Server::plain(limits).await;
        let mut open = server.connect().await.unwrap();
        open.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        assert!(read_head(&mut open).await.starts_with("HTTP/1.1 200"));
        assert!(is_cut(&mut open).await);
        server.stopped().await;
    }
}

#[tokio::test]
async fn above_the_cap_a_connection_waits_until_another_ends() {
    let server = Server::plain(Limits { max_connections: 1, ..Limits::default() }).await;
    let mut first = server.connect().await.unwrap();
    let mut second = Box::pin(server.connect());
    let used = async {
        for _ in 0..20 {
            first.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
            assert!(read_head(&mut first).await.starts_with("HTTP/1.1 200"));
        }
    };
    tokio::select! {
        biased;
        _ = &mut second => unreachable!("the only place is taken"),
        () = used => {}
    }
    drop(first);
    assert!(within(second).await.is_ok());
    server.stopped().await;
}

#[tokio::test]
async fn a_listener_that_is_full_can_still_be_stopped() {
    let server = Server::plain(Limits { max_connections: 1, ..Limits::default() }).await;
    let _only = server.connect().await.unwrap();
    server.stopped().await;
}

/// An endpoint that says when a request is there, and answers when it is told to.
fn slow_endpoint() -> (impl poem::Endpoint<Output = Response> + 'static, mpsc::UnboundedReceiver<()>, CancellationToken) {
    let ((there, arrived), release) = (mpsc::unbounded_channel(), CancellationToken::new());
    let released = release.clone();
    let endpoint = make(move |_: Request| {
        let (there, released) = (there.clone(), released.clone());
        async move {
            there.send(()).unwrap();
            released.cancelled().await;
            Response::from(StatusCode::OK)
        }
    });
    (endpoint, arrived, release)
}

#[tokio::test]
async fn on_shutdown_nobody_new_is_let_in_and_what_was_begun_is_answered() {
    let (endpoint, mut arrived, release) = slow_endpoint();
    let server = Server::new(Limits::default(), endpoint).await;
    let mut begun = server.connect().await.unwrap();
    begun.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    within(arrived.recv()).await.unwrap();

    server.stop.cancel();
    // The kernel refuses from the moment the socket is closed.
    within(async { while TcpStream::connect(server.address).await.is_ok() {} }).await;
    assert!(!server.serving.is_finished());
    release.cancel();
    assert!(read_all(&mut begun).await.starts_with("HTTP/1.1 200"));
    server.stopped().await;
}

#[tokio::test]
async fn what_does_not_end_within_the_drain_is_cut() {
    let (endpoint, mut arrived, _never) = slow_endpoint();
    let server = Server::new(Limits { drain: SHORT, ..Limits::default() }, endpoint).await;
    let mut begun = server.connect().await.unwrap();
    begun.write_all(GET).await.unwrap();
    within(arrived.recv()).await.unwrap();
    server.stopped().await;
    assert!(is_cut(&mut begun).await);
}

#[tokio::test]
async fn heads_are_bounded_in_size_and_number() {
    let server = Server::plain(Limits::default()).await;
    let large = |bytes| format!("x-large: {}\r\n", "x".repeat(bytes));
    let many = |count| (0..count).map(|number| format!("x-{number}: 1\r\n")).collect::<String>();
    for (headers, status) in [(large(16_000), 200), (many(60), 200), (large(70_000), 431), (many(65), 431)] {
        let mut stream = server.connect().await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
        // The server may have answered and closed before all of it was written.
        drop(stream.write_all(request.as_bytes()).await);
        drop(stream.flush().await);
        let answer = read_all(&mut stream).await;
        // What was still unread when the server closed may cost the client its answer, never earn it another.
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) || status == 431 && answer.is_empty(), "{answer}");
    }
    server.stopped().await;
}

#[tokio::test]
async fn what_is_no_http_is_refused_by_the_listener_itself_and_counted() {
    let server = Server::plain(Limits::default()).await;
    let heads = [
        ("nonsense\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: a\r\nbad name: 1\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n", "400"),
        ("POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n", "400"),
    ];
    for (sent, (head, status)) in heads.into_iter().enumerate() {
        let answer = exchange(&server, &server.client, head.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.ends_with("\r\n\r\n"), "{head}: {answer}");
        server.refused("malformed_http", sent + 1).await;
    }
    server.stopped().await;
}

/// The verifier behind the listener: 202, or the problem's status with its code as the body.
async fn gated() -> (Server, TokenKey) {
    let key = TokenKey::es256();
    let verifier = Verifier::new(mint::setup(&[&key.public_pem]), Metrics::new()).unwrap();
    let endpoint = make(move |request: Request| {
        let verifier = verifier.clone();
        async move {
            match verifier.verify(&APPROVE, request).await {
                Ok(_) => Response::from(StatusCode::ACCEPTED),
                Err(Refusal { problem, .. }) => Response::builder().status(problem.code.status()).body(problem.code.as_str()),
            }
        }
    });
    (Server::new(Limits::default(), endpoint).await, key)
}

fn fresh() -> Draft {
    let now = Timestamp::now().as_second();
    let mut draft = Draft { timestamp: now, ..Draft::new() };
    (draft.claims["nbf"], draft.claims["exp"]) = (now.into(), (now + 600).into());
    draft
}

async fn exchange(server: &Server, client: &Leaf, bytes: &[u8]) -> String {
    let mut stream = server.connect_as(&server.ca, Some(client)).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    read_all(&mut stream).await
}

#[tokio::test]
async fn a_target_is_verified_as_it_stands_on_the_request_line() {
    let (server, key) = gated().await;
    for target in ["/v0/events", "/v0//events/../events/%2e%2E/a%2Fb", "/v0/events?", "/v0/events?b=2&a=%7E+%20&a", "//double"] {
        let sent = Draft { target: target.into(), ..fresh() }.sent(&key);
        let answer = exchange(&server, &server.client, &sent.http1()).await;
        assert!(answer.starts_with("HTTP/1.1 202"), "{target}: {answer}");
    }
    server.stopped().await;
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_sends_its_whole_body_first_and_the_connection_goes_on() {
    let (server, key) = gated().await;
    let kept = |sent: mint::Sent| String::from_utf8(sent.http1()).unwrap().replacen("connection: close\r\n", "", 1);
    let refused = kept(Draft { body: vec![b' '; 4_000], ..fresh() }.sent(&TokenKey::es256()));
    let (head, body) = refused.split_at(refused.len() - 4_000);
    let mut stream = server.connect_as(&server.ca, Some(&server.client)).await.unwrap();
    for _ in 0..3 {
        stream.write_all(head.as_bytes()).await.unwrap();
        for piece in body.as_bytes().chunks(1_000) {
            stream.write_all(piece).await.unwrap();
            stream.flush().await.unwrap();
            tokio::task::yield_now().await;
        }
        let answer = read_head(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        within(stream.read_exact(&mut [0; "invalid_token".len()])).await.unwrap();
    }
    stream.write_all(kept(fresh().sent(&key)).as_bytes()).await.unwrap();
    let answer = read_head(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    server.stopped().await;
}

#[tokio::test]
async fn the_identity_is_that_of_the_certificate_of_the_connection() {
    let (server, key) = gated().await;
    let sent = fresh().sent(&key).http1();
    for (cluster, tenant, code) in [
        (mint::CLUSTER, "umbrella", "tenant_mismatch"),
        ("cluster-2", mint::TENANT, "cluster_mismatch"),
        (mint::CLUSTER, mint::TENANT, "202"),
    ] {
        let client = server.ca.client(cluster, tenant);
        let answer = exchange(&server, &client, &sent).await;
        assert!(answer.contains(code), "{cluster} {tenant}: {answer}");
    }
    server.stopped().await;
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_whether_it_is_declared_or_chunked() {
    let (server, key) = gated().await;
    let draft = Draft { body: vec![b' '; 4_097], ..fresh() };
    let declared = draft.clone().sent(&key);
    let answer = exchange(&server, &server.client, &declared.http1()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");

    let mut chunked = draft.sent(&key);
    chunked.remove("content-length");
    chunked.add("transfer-encoding", "chunked");
    chunked.body = [b"1001\r\n", &chunked.body[..], b"\r\n0\r\n\r\n"].concat();
    let answer = exchange(&server, &server.client, &chunked.http1()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    server.stopped().await;
}

#[tokio::test]
async fn a_head_that_http_forbids_is_refused_over_the_wire_too() {
    let (server, key) = gated().await;
    let edits: [(After, &str); 3] = [
        (|sent| sent.remove("host"), "missing_header"),
        (|sent| sent.add("host", "other"), "malformed_header"),
        (
            |sent| {
                sent.remove("content-length");
                sent.add("transfer-encoding", "gzip, chunked");
                sent.body = b"0\r\n\r\n".to_vec();
            },
            "malformed_header",
        ),
    ];
    for (edit, code) in edits {
        let mut sent = fresh().sent(&key);
        edit(&mut sent);
        let answer = exchange(&server, &server.client, &sent.http1()).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.ends_with(code), "{answer}");
    }
    server.stopped().await;
}

#[tokio::test]
async fn who_asks_before_sending_a_body_that_is_too_large_need_not_send_it() {
    let (server, key) = gated().await;
    let mut sent = Draft { body: vec![b' '; 4_097], ..fresh() }.sent(&key);
    sent.add("expect", "100-continue");
    sent.body.clear();
    let answer = exchange(&server, &server.client, &sent.http1()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "and no 100 before it: {answer}");
    server.stopped().await;
}

#[tokio::test]
async fn http2_is_served_the_same_way() {
    let (server, key) = gated().await;
    let mut tls = client_config(&server.ca, Some(&server.client));
    tls.alpn_protocols = vec![b"h2".to_vec()];
    drop(aws_lc_rs::default_provider().install_default());
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).build().unwrap();
    let send = async |sent: &Sent| {
        let url = format!("https://localhost:{}{}", server.address.port(), sent.target);
        let mut request = client.post(url).body(sent.body.clone());
        for (name, value) in sent.headers.iter().filter(|(name, _)| name != "content-length" && name != "host") {
            request = request.header(name, value);
        }
        let answer = within(request.send()).await.unwrap();
        (answer.version(), answer.status())
    };
    let sent = Draft { target: "/v0/events?a=%2F".into(), ..fresh() }.sent(&key);
    assert_eq!(send(&sent).await, (http::Version::HTTP_2, StatusCode::ACCEPTED));
    let mut altered = sent;
    altered.body.push(b' ');
    assert_eq!(send(&altered).await, (http::Version::HTTP_2, StatusCode::UNAUTHORIZED));
    server.stopped().await;
}

#[test]
fn certificates_that_cannot_be_used_are_refused_with_the_reason() {
    let (ca, other) = (Ca::new("ca"), Ca::new("other"));
    let (server, stranger) = (ca.server(), other.server());
    let of = |chain: &str, key: &str, client_ca: &str| tls_config(chain.as_bytes(), key.as_bytes(), client_ca.as_bytes()).err();
    assert!(of(&server.cert, &server.key, &ca.pem).is_none());
    assert!(matches!(of("", &server.key, &ca.pem), Some(TlsError::Chain)));
    assert!(matches!(of(&server.cert, "", &ca.pem), Some(TlsError::Key)));
    assert!(matches!(of(&server.cert, &server.key, &server.key), Some(TlsError::ClientCa)));
    assert!(matches!(of(&server.cert, &stranger.key, &ca.pem), Some(TlsError::Pair(_))));
}
