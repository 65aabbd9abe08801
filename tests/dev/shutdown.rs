//! SIGTERM: what was begun is answered, and the process ends well.

use std::time::Duration;

use bytes::Bytes;
use futures::channel::mpsc;
use reqwest::{Body, Certificate, Identity};
use sha2::{Digest, Sha256};
use zen_agent::signature;

use super::{Agent, client, id, sample};

const LIMIT: Duration = Duration::from_secs(25);

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_answered_and_the_exit_code_is_zero() {
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::dev(state.path(), &[]);
    let (mut half, body) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let event = sample("falco-outbound-c2.json");
    let (first, rest) = event.split_at(event.len() / 2);
    half.try_send(Ok(Bytes::copy_from_slice(first))).unwrap();
    let request = tokio::spawn(upload(state.path(), &agent.api, &event, Body::wrap_stream(body)));
    // The agent has the request once a second one, sent after it on a connection of its own, is answered.
    client(state.path(), &agent).stable.list_remediations(None, None, None, None, None, None, &id()).await.unwrap();
    agent.signal("TERM");
    half.try_send(Ok(Bytes::copy_from_slice(rest))).or_else(|full| if full.is_full() { Ok(()) } else { Err(full) }).unwrap();
    drop(half);
    let answer = tokio::time::timeout(LIMIT, request).await.unwrap().unwrap().expect("an answer");
    assert_eq!(answer.status().as_u16(), 202);
    assert!(agent.wait(LIMIT).success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_watch_does_not_hold_up_the_end() {
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::dev(state.path(), &[]);
    let client = client(state.path(), &agent);
    let stream = client.alpha.watch_remediations(None, None, None, None, Some(300), None, &id()).await.unwrap();
    agent.signal("TERM");
    assert!(agent.wait(Duration::from_secs(10)).success());
    drop(stream);
}

/// A signed event whose body comes in pieces.
fn upload(
    state: &std::path::Path,
    api: &str,
    event: &[u8],
    body: Body,
) -> impl Future<Output = reqwest::Result<reqwest::Response>> + Send + use<> {
    let file = |name: &str| std::fs::read_to_string(state.join("client").join(name)).unwrap();
    let identity = Identity::from_pem(format!("{}{}", file("tls.crt"), file("tls.key")).as_bytes()).unwrap();
    // The process-wide provider that reqwest asks for; another test may have installed it.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let http = reqwest::Client::builder()
        .tls_certs_only([Certificate::from_pem(file("ca.crt").as_bytes()).unwrap()])
        .identity(identity)
        .build()
        .unwrap();
    let (now, request_id, tenant) = (jiff::Timestamp::now().as_second(), id(), file("tenant"));
    let secret = signature::read_secret(&file("hmac.key")).unwrap();
    let digest: [u8; 32] = Sha256::digest(event).into();
    let base = signature::base_string(now, "POST", "/v0/events/falco", "v0", &tenant, &request_id, &digest);
    let signed = signature::sign(secrecy::ExposeSecret::expose_secret(&secret), &file("hmac.kid"), now, &base);
    http.post(format!("{api}/v0/events/falco"))
        .bearer_auth(file("token"))
        .header("X-Zen-Contract-Version", "v0")
        .header("X-Request-Id", request_id)
        .header("X-Tenant-Id", tenant)
        .header("X-Signature", signed)
        .header("Content-Type", "application/json")
        .body(body)
        .send()
}
