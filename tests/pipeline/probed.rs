//! Probes that leave the cluster's API: real servers on this machine, healthy, failing, slow, wrong and away.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;
use zen_agent::{
    pipeline::{Reach, Settings},
    remediation::{Phase, RemediationSpec, ZenAgentRemediation},
};

use crate::support::*;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// How the server answers.
#[derive(Clone, Debug)]
enum Says {
    /// These bytes; then it closes the connection.
    Bytes(String),
    /// Nothing, and the connection stays.
    Silence,
}

impl Says {
    fn status(status: u16, headers: &str, body: &str) -> Self {
        Self::Bytes(format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()))
    }

    /// A vector of these values, as Prometheus answers.
    fn vector(values: &[&str]) -> Self {
        let series: Vec<_> = values.iter().map(|value| json!({ "metric": {}, "value": [1_795_451_516.746, value] })).collect();
        Self::status(200, "", &json!({ "status": "success", "data": { "resultType": "vector", "result": series } }).to_string())
    }
}

/// A server on this machine; it stops when it is dropped.
struct Server {
    address: SocketAddr,
    says: Arc<Mutex<Says>>,
    /// The heads of the requests, as they came.
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start(says: Says) -> Self {
        Self::start_behind(None, says).await
    }

    /// With a certificate, where there is one.
    async fn start_behind(tls: Option<TlsAcceptor>, says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (says, asked) = (Arc::new(Mutex::new(says)), Arc::new(Mutex::new(Vec::new())));
        let shared = (says.clone(), asked.clone());
        let task = tokio::spawn(async move {
            let mut silent = Vec::new();
            while let Ok((socket, _)) = listener.accept().await {
                let mut socket: Box<dyn Stream> = match &tls {
                    None => Box::new(socket),
                    Some(tls) => match tls.accept(socket).await {
                        Ok(socket) => Box::new(socket),
                        Err(_) => continue,
                    },
                };
                let (mut head, mut buffer) = (Vec::new(), [0; 4_096]);
                while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                    match socket.read(&mut buffer).await {
                        Ok(0) | Err(_) => break,
                        Ok(count) => head.extend_from_slice(&buffer[..count]),
                    }
                }
                shared.1.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
                let says = shared.0.lock().unwrap().clone();
                match says {
                    Says::Bytes(text) => {
                        _ = socket.write_all(text.as_bytes()).await;
                        _ = socket.shutdown().await;
                    }
                    Says::Silence => silent.push(socket),
                }
            }
        });
        Self { address, says, asked, task }
    }

    fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    fn say(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn roots() -> rustls::RootCertStore {
    rustls::RootCertStore::empty()
}

fn to_origins(listed: &str) -> Settings {
    Settings { reach: Reach::default().to_origins(listed, &roots()).unwrap(), ..settings() }
}

/// Flags the pod, and asks this afterwards.
fn flagged(probe: Value, more: Value) -> RemediationSpec {
    let mut whole = json!({ "probes": [probe], "intervalSeconds": 1, "errorLimit": 0 });
    whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let verification = Some(serde_json::from_value(whole).unwrap());
    RemediationSpec { verification, ..automatic(web_pod(), label(&[("flag", "falco")])) }
}

fn get(url: &str) -> Value {
    json!({ "name": "home", "http": { "url": url, "contains": "fine" } })
}

async fn run(world: &World, settings: &Settings, name: &str, spec: RemediationSpec) -> ZenAgentRemediation {
    world.create(name, spec).await;
    let ended = world.drive(&world.set(settings.clone()), name).await;
    let flag = world.pod_label("shop", "web-6d4cf56db6-x2x7p", "flag").await;
    assert_eq!(flag.is_some(), ended.phase() == Phase::Succeeded, "{}", message(&ended));
    if flag.is_some() {
        world.patch_pod("shop", "web-6d4cf56db6-x2x7p", json!({ "metadata": { "labels": { "flag": null } } })).await;
    }
    ended
}

#[tokio::test]
async fn a_service_that_answers_as_wanted_passes_and_every_other_answer_has_the_change_undone() {
    let world = World::new().await;
    let server = Server::start(Says::status(200, "", "all is fine")).await;
    let settings = to_origins(&server.origin());
    let url = format!("{}/healthz?deep=1", server.origin());
    let ended = run(&world, &settings, "healthy", flagged(get(&url), json!({}))).await;
    assert_eq!(ended.phase(), Phase::Succeeded, "{}", message(&ended));
    let asked = server.asked().pop().unwrap().to_lowercase();
    assert!(asked.starts_with("get /healthz?deep=1 http/1.1") && !asked.contains("authorization") && !asked.contains("cookie"), "{asked}");

    let elsewhere = format!("location: {}/elsewhere\r\n", server.origin());
    for (name, says, because) in [
        ("failing", Says::status(503, "", "all is fine"), "ProbeFailed"),
        ("other-body", Says::status(200, "", "all is lost"), "ProbeFailed"),
        ("redirect", Says::status(302, &elsewhere, ""), "ProbeFailed"),
        ("endless", Says::status(200, "", &"x".repeat(70_000)), "ProbeInconclusive"),
        ("garbage", Says::Bytes("SSH-2.0-OpenSSH_9.9\r\n".to_owned()), "ProbeError"),
        ("closed", Says::Bytes(String::new()), "ProbeError"),
    ] {
        server.say(says);
        let ended = run(&world, &settings, name, flagged(get(&url), json!({}))).await;
        assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, because), "{name}: {}", message(&ended));
        assert_eq!(condition(&ended, "Verified"), ("False", because), "{name}");
        assert!(message(&ended).starts_with("probe home "), "{}", message(&ended));
    }
    assert!(!server.asked().iter().any(|head| head.contains("/elsewhere")), "a redirect is not followed");
}

#[tokio::test]
async fn a_service_that_is_silent_or_away_is_no_success() {
    let world = World::new().await;
    let server = Server::start(Says::Silence).await;
    let (settings, url) = (to_origins(&server.origin()), format!("{}/", server.origin()));
    let ended = run(&world, &settings, "silent", flagged(get(&url), json!({}))).await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ProbeError"), "{}", message(&ended));
    assert!(message(&ended).contains("no answer within 5 s"), "{}", message(&ended));
    drop(server);
    let ended = run(&world, &settings, "away", flagged(get(&url), json!({ "errorLimit": 1 }))).await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ProbeError"), "{}", message(&ended));
}

#[tokio::test]
async fn a_failure_that_is_forgiven_has_the_soak_time_begin_anew() {
    let world = World::new().await;
    let server = Server::start(Says::status(500, "", "")).await;
    let pipeline = world.set(to_origins(&server.origin()));
    world.create("zar-1", flagged(get(&server.origin()), json!({ "soakSeconds": 2, "failureLimit": 1 }))).await;
    pipeline.reconcile(HOME, "zar-1").await.unwrap();
    server.say(Says::status(200, "", "fine"));
    // More than the soak time: if any of it counted, the next answer would be the last.
    tokio::time::sleep(Duration::from_millis(2_500)).await; // it is the time that passes
    let begun = Instant::now();
    let progress = pipeline.reconcile(HOME, "zar-1").await.unwrap().unwrap();
    assert_eq!((progress.phase, server.asked().len()), (Phase::InProgress, 2));
    let ended = world.drive(&pipeline, "zar-1").await;
    assert_eq!(ended.phase(), Phase::Succeeded, "{}", message(&ended));
    assert!(begun.elapsed() >= Duration::from_secs(2) && server.asked().len() >= 3, "{:?}, {}", begun.elapsed(), server.asked().len());
    assert_eq!(ended.status.unwrap().verification.unwrap().probes[0].failures, 1);
}

#[tokio::test]
async fn what_the_configuration_does_not_name_is_refused_before_anything_is_done_and_is_never_called() {
    let world = World::new().await;
    let server = Server::start(Says::status(200, "", "fine")).await;
    let query = json!({ "name": "up", "prometheus": { "query": "up", "expect": "== 1" } });
    for (name, settings, probe, says) in [
        ("nothing", settings(), get(&server.origin()), "PROBE_HTTP_ORIGINS"),
        ("another", to_origins("http://127.0.0.1:1"), get(&server.origin()), "PROBE_HTTP_ORIGINS"),
        ("other-namespace", to_origins("services"), get("http://web.jobs.svc/"), "PROBE_HTTP_ORIGINS"),
        ("no-ca", to_origins("services"), get("https://web.shop.svc/"), "PROBE_CA_FILE"),
        ("no-prometheus", settings(), query, "PROMETHEUS_URL"),
    ] {
        world.create(name, flagged(probe, json!({}))).await;
        let refused = world.drive(&world.set(settings), name).await;
        assert_eq!((refused.phase(), reason(&refused)), (Phase::Failed, "ProbeNotAllowed"), "{name}: {}", message(&refused));
        assert!(message(&refused).contains(says), "{name}: {}", message(&refused));
        assert!(refused.status.unwrap().started_at.is_none());
    }
    assert_eq!(server.asked(), [""; 0]);
}

#[tokio::test]
async fn what_an_agent_that_was_configured_otherwise_has_planned_is_not_called_and_no_success() {
    let world = World::new().await;
    let server = Server::start(Says::status(500, "", "")).await;
    world.create("zar-1", flagged(get(&server.origin()), json!({ "failureLimit": 9 }))).await;
    world.set(to_origins(&server.origin())).reconcile(HOME, "zar-1").await.unwrap();
    server.say(Says::status(200, "", "fine"));
    let asked = server.asked().len();
    let ended = world.drive(&world.pipeline(), "zar-1").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ProbeError"), "{}", message(&ended));
    assert_eq!(server.asked().len(), asked);
}

#[tokio::test]
async fn a_query_passes_where_every_value_is_as_expected_and_every_other_answer_has_the_change_undone() {
    let world = World::new().await;
    let server = Server::start(Says::vector(&["0", "0.5"])).await;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "sesame\n").unwrap();
    let base = format!("{}/select/0/prometheus/", server.origin());
    let reach = Reach::default().to_prometheus(&base, Some(token.clone()), &roots()).unwrap();
    let settings = Settings { reach, ..settings() };
    let query = json!({ "name": "errors", "prometheus": { "query": "sum(rate(errors[1m])) by (a)", "expect": "< 1" } });
    let ended = run(&world, &settings, "low", flagged(query.clone(), json!({}))).await;
    assert_eq!(ended.phase(), Phase::Succeeded, "{}", message(&ended));
    let asked = server.asked().pop().unwrap();
    assert!(
        asked.starts_with("GET /select/0/prometheus/api/v1/query?query=sum%28rate%28errors%5B1m%5D%29%29+by+%28a%29 HTTP/1.1"),
        "{asked}"
    );
    assert!(asked.to_lowercase().contains("authorization: bearer sesame"), "{asked}");

    let warned = json!({ "status": "success", "warnings": ["sesame"], "data": { "resultType": "scalar", "result": [1, "0"] } });
    for (name, says, because) in [
        ("high", Says::vector(&["0", "31337.5"]), "ProbeFailed"),
        ("nan", Says::vector(&["0", "NaN"]), "ProbeInconclusive"),
        ("empty", Says::vector(&[]), "ProbeInconclusive"),
        ("partial", Says::status(200, "", &warned.to_string()), "ProbeInconclusive"),
        ("garbage", Says::status(200, "", "<html>sesame</html>"), "ProbeError"),
        ("refused", Says::status(401, "", "sesame"), "ProbeError"),
        ("redirect", Says::status(302, "location: /sesame\r\n", ""), "ProbeError"),
        ("endless", Says::status(200, "", &" ".repeat(300_000)), "ProbeError"),
    ] {
        server.say(says);
        let ended = run(&world, &settings, name, flagged(query.clone(), json!({}))).await;
        assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, because), "{name}: {}", message(&ended));
        let told = json!(ended).to_string();
        assert!(!told.contains("sesame") && !told.contains("31337"), "{name}");
    }
    std::fs::remove_file(token).unwrap();
    server.say(Says::vector(&["0"]));
    let ended = run(&world, &settings, "no-token", flagged(query, json!({}))).await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ProbeError"), "{}", message(&ended));
}

/// A CA, and what trusts it alone.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    roots: rustls::RootCertStore,
}

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let key = KeyPair::generate().unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(params.self_signed(&key).unwrap().der().clone()).unwrap();
        Self { issuer: Issuer::new(params, key), roots }
    }

    /// A server's certificate for this name, as it is or edited.
    fn server(&self, name: &str, edit: impl FnOnce(&mut CertificateParams)) -> TlsAcceptor {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        edit(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

#[tokio::test]
async fn over_https_only_who_has_a_certificate_of_the_ca_for_that_name_is_asked_and_sent_a_token() {
    const HERE: &str = "127.0.0.1";
    let world = World::new().await;
    let (ca, other) = (Ca::new(), Ca::new());
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "sesame").unwrap();
    let expired = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2_020, 1, 1);
    for (name, tls, phase) in [
        ("trusted", Some(ca.server(HERE, |_| {})), Phase::Succeeded),
        ("other-ca", Some(other.server(HERE, |_| {})), Phase::RolledBack),
        ("other-name", Some(ca.server("web.example.com", |_| {})), Phase::RolledBack),
        ("expired", Some(ca.server(HERE, expired)), Phase::RolledBack),
        ("no-tls", None, Phase::RolledBack),
    ] {
        for (kind, says) in [("http", Says::status(200, "", "all is fine")), ("prometheus", Says::vector(&["0"]))] {
            let server = Server::start_behind(tls.clone(), says).await;
            let base = format!("https://{}", server.address);
            let reach = Reach::default().to_origins(&base, &ca.roots).unwrap();
            let settings = Settings { reach: reach.to_prometheus(&base, Some(token.clone()), &ca.roots).unwrap(), ..settings() };
            let query = json!({ "name": "home", "prometheus": { "query": "errors", "expect": "< 1" } });
            let probe = if kind == "http" { get(&base) } else { query };
            let ended = run(&world, &settings, &format!("{name}-{kind}"), flagged(probe, json!({}))).await;
            let because = if phase == Phase::Succeeded { "Validated" } else { "ProbeError" };
            assert_eq!((ended.phase(), reason(&ended)), (phase.clone(), because), "{name} {kind}: {}", message(&ended));
            assert!(server.asked().iter().all(|head| phase == Phase::Succeeded || !head.contains("sesame")), "{name} {kind}");
            assert!(!json!(ended).to_string().contains("sesame"), "{name} {kind}");
        }
    }
}
