//! SIGTERM: what was begun is answered, and the process ends well.

use std::{path::Path, sync::Arc, time::Duration};

use futures::TryStreamExt as _;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use zen_agent::signature;

use super::{Agent, DEADLINE, client, id, sample};

const LIMIT: Duration = Duration::from_secs(25);

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_answered_and_the_exit_code_is_zero() {
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::dev(state.path(), &[]);
    let event = sample("falco-outbound-c2.json");
    let mut stream = connect(state.path(), &agent.api).await;
    stream.write_all(head(state.path(), &event).as_bytes()).await.unwrap();
    // It asks for the body once it has looked at the headers: the request is in flight.
    let mut asked = Vec::new();
    let asking = async {
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(stream.read_u8().await.unwrap());
        }
    };
    timeout(DEADLINE, asking).await.expect("it asks for the body");
    assert!(asked.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&asked));
    agent.signal("TERM");
    stream.write_all(&event).await.unwrap();
    let mut answer = Vec::new();
    timeout(LIMIT, stream.read_to_end(&mut answer)).await.unwrap().expect("an answer");
    assert!(answer.starts_with(b"HTTP/1.1 202 "), "{}", String::from_utf8_lossy(&answer));
    assert!(agent.wait(LIMIT).success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_watch_does_not_hold_up_the_end() {
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::dev(state.path(), &[]);
    let client = client(state.path(), &agent);
    let stream = client.alpha.watch_remediations(None, None, None, None, Some(300), None, &id()).await.unwrap();
    agent.signal("TERM");
    let seen = timeout(DEADLINE, stream.into_inner_stream().try_collect::<Vec<_>>()).await.expect("the watch ends");
    seen.expect("the agent ended it, and did not have to cut it off");
    assert!(agent.wait(Duration::from_secs(10)).success());
}

async fn connect(state: &Path, api: &str) -> TlsStream<TcpStream> {
    let file = |name: &str| state.join("client").join(name);
    let certificate = |name: &str| CertificateDer::from_pem_file(file(name)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate("ca.crt")).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![certificate("tls.crt")], PrivateKeyDer::from_pem_file(file("tls.key")).unwrap())
        .unwrap();
    let address = api.trim_start_matches("https://");
    let name = ServerName::try_from(address.split(':').next().unwrap().to_owned()).unwrap();
    let socket = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap()
}

/// The head of a signed event, whose body is sent when it is asked for.
fn head(state: &Path, event: &[u8]) -> String {
    let file = |name: &str| std::fs::read_to_string(state.join("client").join(name)).unwrap();
    let (now, request_id, tenant) = (jiff::Timestamp::now().as_second(), id(), file("tenant"));
    let secret = signature::read_secret(&file("hmac.key")).unwrap();
    let digest: [u8; 32] = Sha256::digest(event).into();
    let base = signature::base_string(now, "POST", "/v0/events/falco", "v0", &tenant, &request_id, &digest);
    let signed = signature::sign(secrecy::ExposeSecret::expose_secret(&secret), &file("hmac.kid"), now, &base);
    let (token, length) = (file("token"), event.len().to_string());
    let headers = [
        ("host", "127.0.0.1"),
        ("connection", "close"),
        ("expect", "100-continue"),
        ("authorization", &format!("Bearer {token}")),
        ("x-zen-contract-version", "v0"),
        ("x-request-id", &request_id),
        ("x-tenant-id", &tenant),
        ("x-signature", &signed),
        ("content-type", "application/json"),
        ("content-length", &length),
    ];
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("POST /v0/events/falco HTTP/1.1\r\n{lines}\r\n")
}
