//! A stand-in for the SaaS: a real HTTPS server with mutual TLS, which answers as a test tells it to.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use zen_agent::signature;

use super::DEADLINE;

/// How the stand-in answers.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// This status.
    Status(u16),
    /// This status, and when to come back.
    After(u16, &'static str),
    /// A success that is not the contract's, with a page of HTML.
    Garbage,
    /// The connection breaks before there is an answer.
    Close,
    /// 204, so late.
    Late(Duration),
}

/// A report, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) path: String,
    pub(crate) request_id: String,
    pub(crate) body: Value,
    pub(crate) at: Instant,
}

impl Report {
    pub(crate) fn status(&self) -> &str {
        self.body["status"].as_str().unwrap()
    }
}

struct Shared {
    reports: Mutex<Vec<Report>>,
    script: Mutex<VecDeque<Answer>>,
    usual: Mutex<Answer>,
    /// By path, what goes before the others.
    about: Mutex<BTreeMap<String, Answer>>,
    connections: watch::Sender<usize>,
    /// What was wrong with a request.
    wrong: Mutex<Vec<String>>,
    secret: Vec<u8>,
}

/// The running stand-in; it stops when it is dropped.
pub(crate) struct StandIn {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl StandIn {
    /// One with the server's certificate of `dev` in `state`, which lets clients of its CA in.
    pub(crate) async fn start(state: &Path) -> Self {
        let (server, client) = (state.join("server"), state.join("client"));
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(client.join("ca.crt")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
        let mut tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(
                vec![CertificateDer::from_pem_file(server.join("tls.crt")).unwrap()],
                PrivateKeyDer::from_pem_file(server.join("tls.key")).unwrap(),
            )
            .unwrap();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let secret = std::fs::read_to_string(client.join("hmac.key")).unwrap();
        let shared = Arc::new(Shared {
            reports: Mutex::default(),
            script: Mutex::default(),
            usual: Mutex::new(Answer::Status(204)),
            about: Mutex::default(),
            connections: watch::Sender::new(0),
            wrong: Mutex::default(),
            secret: signature::read_secret(&secret).unwrap().expose_secret().to_vec(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(tls)), Arc::clone(&shared)));
        Self { address, shared, server }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Answers so whatever no script says.
    pub(crate) fn usually(&self, answer: Answer) {
        *self.shared.usual.lock().unwrap() = answer;
    }

    /// Answers the next ones so.
    pub(crate) fn then(&self, answers: impl IntoIterator<Item = Answer>) {
        self.shared.script.lock().unwrap().extend(answers);
    }

    /// Answers so whatever comes about one remediation, until [`StandIn::as_usual`].
    pub(crate) fn about(&self, id: &str, answer: Answer) {
        self.shared.about.lock().unwrap().insert(path_of(id), answer);
    }

    /// Answers what comes about one remediation like the others.
    pub(crate) fn as_usual(&self, id: &str) {
        self.shared.about.lock().unwrap().remove(&path_of(id));
    }

    /// Waits until nobody is connected, so that nothing that was sent is still to come.
    pub(crate) async fn until_left(&self) {
        let mut connections = self.shared.connections.subscribe();
        let left = timeout(DEADLINE, connections.wait_for(|count| *count == 0)).await.map(drop);
        left.expect("whoever is gone is connected no more");
    }

    /// Everything that came, in the order that it came, whatever it was answered.
    pub(crate) fn reports(&self) -> Vec<Report> {
        assert_eq!(*self.shared.wrong.lock().unwrap(), [""; 0], "every request holds to the contract");
        self.shared.reports.lock().unwrap().clone()
    }

    /// The statuses that came of one remediation.
    pub(crate) fn told(&self, id: &str) -> Vec<String> {
        let path = path_of(id);
        self.reports().into_iter().filter(|report| report.path == path).map(|report| report.status().to_owned()).collect()
    }
}

fn path_of(id: &str) -> String {
    format!("/agent/v1/remediations/{id}/status")
}

/// One that is counted as long as it lasts.
struct Connection(Arc<Shared>);

impl Connection {
    fn of(shared: Arc<Shared>) -> Self {
        shared.connections.send_modify(|count| *count += 1);
        Self(shared)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.connections.send_modify(|count| *count -= 1);
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else { return };
        let (tls, shared, connection) = (tls.clone(), Arc::clone(&shared), Connection::of(Arc::clone(&shared)));
        tokio::spawn(async move {
            let _connection = connection;
            let Ok(stream) = tls.accept(socket).await else { return };
            let service = service_fn(move |request| answer(Arc::clone(&shared), request));
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    if let Err(what) = check(&shared, &head.method, head.uri.path(), &text, &body) {
        shared.wrong.lock().unwrap().push(what);
    }
    let (path, request_id) = (head.uri.path().to_owned(), text("x-request-id"));
    let report = Report { path, request_id, body: serde_json::from_slice(&body).unwrap_or_default(), at: Instant::now() };
    shared.reports.lock().unwrap().push(report);
    let about = shared.about.lock().unwrap().get(head.uri.path()).cloned();
    let scripted = about.or_else(|| shared.script.lock().unwrap().pop_front());
    let wanted = scripted.unwrap_or_else(|| shared.usual.lock().unwrap().clone());
    let mut response = Response::new(Full::default());
    match wanted {
        Answer::Status(code) => *response.status_mut() = StatusCode::from_u16(code).unwrap(),
        Answer::After(code, wait) => {
            *response.status_mut() = StatusCode::from_u16(code).unwrap();
            response.headers_mut().insert(header::RETRY_AFTER, wait.parse().unwrap());
        }
        Answer::Garbage => *response.body_mut() = Full::from("<html>Welcome to the network</html>"),
        Answer::Close => return Err(io::Error::other("the connection breaks")),
        Answer::Late(wait) => {
            sleep(wait).await;
            *response.status_mut() = StatusCode::NO_CONTENT;
        }
    }
    Ok(response)
}

/// Token, tenant, version, and the signature over the exact bytes, as `contracts/signature-vectors.json` has it.
fn check(shared: &Shared, method: &http::Method, path: &str, header: &impl Fn(&str) -> String, body: &[u8]) -> Result<(), String> {
    let expect = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    expect(method == http::Method::POST, "the method")?;
    expect(header("authorization").starts_with("Bearer ey"), "the token")?;
    expect(header("x-tenant-id") == "dev", "the tenant")?;
    expect(header("x-zen-contract-version") == "v0", "the version")?;
    expect(header("content-type") == "application/json", "the media type")?;
    let given: signature::Signature = header("x-signature").parse().map_err(|_| "the form of the signature".to_owned())?;
    let digest: [u8; 32] = Sha256::digest(body).into();
    let base = signature::base_string(given.timestamp, "POST", path, "v0", "dev", &header("x-request-id"), &digest);
    let right = signature::sign(&shared.secret, &given.kid, given.timestamp, &base);
    expect(header("x-signature") == right, "the signature")
}
