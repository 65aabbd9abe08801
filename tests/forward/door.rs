//! Who may give events.

use std::{fs, process::Output, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use super::{Agent, DEADLINE, Ground, HTTP, everything, forward, metric, sample, until};

fn refused(state: &std::path::Path, more: &[&str]) -> Output {
    forward(state, "https://127.0.0.1:1", more).output().unwrap()
}

#[test]
fn an_address_that_others_reach_is_not_listened_on_without_credentials() {
    let state = tempfile::tempdir().unwrap();
    let output = refused(state.path(), &["--listen", "0.0.0.0:0"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("--token-file") && told.contains("--client-ca"), "{told}");
    // TLS without asking anybody who he is does not do; and a short token could be guessed.
    let file = |name: &str, text: &str| {
        let path = state.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (certificate, key, token) = (file("tls.crt", ""), file("tls.key", ""), file("token", "short"));
    assert_eq!(refused(state.path(), &["--listen", "0.0.0.0:0", "--tls-cert", &certificate, "--tls-key", &key]).status.code(), Some(2));
    let output = refused(state.path(), &["--token-file", &token]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("short"));
    assert_eq!(refused(state.path(), &["--client-ca", &certificate]).status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_in_a_browser_are_turned_away() {
    let ground = Ground::new();
    let of = |name: &'static str, value: &'static str| {
        HTTP.post(format!("{}/falco", ground.forwarder.api))
            .header("content-type", "application/json")
            .header(name, value)
            .body(sample("falco-outbound-c2.json"))
    };
    for (name, value) in
        [("origin", "https://evil.example"), ("origin", "null"), ("host", "evil.example"), ("host", "127.0.0.1.evil.example:2802")]
    {
        assert_eq!(of(name, value).send().await.unwrap().status().as_u16(), 403, "{name}: {value}");
    }
    assert!(everything(&ground.client()).await.is_empty());
    assert_eq!(of("host", "localhost:2802").send().await.unwrap().status().as_u16(), 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_token_or_a_certificate_of_the_ca_may_give_events_and_nobody_else() {
    let state = tempfile::tempdir().unwrap();
    let agent = Agent::dev(state.path(), &[]);
    let token = "0123456789abcdef0123456789abcdef";
    fs::write(state.path().join("tools.token"), format!("{token}\n")).unwrap();
    let path = |name: &str| state.path().join(name).display().to_string();
    let (certificate, key, ca, file) = (path("server/tls.crt"), path("server/tls.key"), path("client/ca.crt"), path("tools.token"));
    let more = ["--tls-cert", &certificate, "--tls-key", &key, "--client-ca", &ca, "--token-file", &file];
    let forwarder = Agent::start(forward(state.path(), &agent.api, &more));
    assert!(forwarder.api.starts_with("https://"));
    let status = async |client: &reqwest::Client, header: Option<&str>| {
        let request = client.post(format!("{}/falco", forwarder.api)).header("content-type", "application/json");
        let request = header.into_iter().fold(request, |request, header| request.header("authorization", header));
        request.body(sample("falco-outbound-c2.json")).send().await.unwrap().status().as_u16()
    };
    let (stranger, certified) = (client(state.path(), false), client(state.path(), true));
    assert_eq!(status(&stranger, None).await, 401);
    assert_eq!(status(&stranger, Some("Bearer 0123456789abcdef0123456789abcdee")).await, 401);
    assert_eq!(status(&stranger, Some(token)).await, 401, "it is no bearer token");
    assert_eq!(status(&stranger, Some(&format!("Bearer {token}"))).await, 202);
    assert_eq!(status(&certified, None).await, 202);
    assert_eq!(metric(&forwarder, "zen_agent_forward_refused_total{code=\"invalid_token\"}").await, 3.0);
    drop(forwarder);
    // With the CA alone there is no way around it.
    let forwarder = Agent::start(forward(state.path(), &agent.api, &more[..6]));
    let request = |client: &reqwest::Client| client.post(format!("{}/falco", forwarder.api)).header("content-type", "application/json");
    assert!(request(&stranger).body("{}").send().await.is_err());
    until("it is counted", async || metric(&forwarder, "zen_agent_forward_refused_total{code=\"handshake\"}").await >= 1.0).await;
    assert_eq!(request(&certified).body(sample("falco-outbound-c2.json")).send().await.unwrap().status().as_u16(), 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_token_and_certificate_are_in_force_without_a_restart_and_unusable_ones_change_nothing() {
    let state = tempfile::tempdir().unwrap();
    let agent = Agent::dev(state.path(), &[]);
    let path = |name: &str| state.path().join(name);
    let tokens = ["0123456789abcdef-first", "0123456789abcdef-second"];
    fs::write(path("tools.token"), tokens[0]).unwrap();
    for name in ["tls.crt", "tls.key"] {
        fs::copy(path("server").join(name), path(name)).unwrap();
    }
    let file = |name: &str| path(name).display().to_string();
    let more = ["--token-file", &file("tools.token"), "--tls-cert", &file("tls.crt"), "--tls-key", &file("tls.key")];
    let forwarder = Agent::start(forward(state.path(), &agent.api, &more));
    let trusting = client(state.path(), false);
    let status = async |token: &str| {
        let request = trusting.post(format!("{}/falco", forwarder.api)).header("content-type", "application/json");
        let answer = request.bearer_auth(token).body(sample("falco-outbound-c2.json")).send().await;
        answer.map(|answer| answer.status().as_u16())
    };
    assert_eq!(status(tokens[0]).await.unwrap(), 202);
    // One that could be guessed is not taken over.
    fs::write(path("tools.token"), "short").unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(6)).await; // longer than it takes until it is read
    assert_eq!(status(tokens[0]).await.unwrap(), 202);
    // Both do, until all callers have the new one.
    fs::write(path("tools.token"), format!("{}\n\n{}\n", tokens[0], tokens[1])).unwrap();
    until("the new token is in force", async || status(tokens[1]).await.is_ok_and(|status| status == 202)).await;
    assert_eq!(status(tokens[0]).await.unwrap(), 202);
    fs::write(path("tools.token"), tokens[1]).unwrap();
    until("the former token is not any more", async || status(tokens[0]).await.is_ok_and(|status| status == 401)).await;
    until("the new token is in force", async || status(tokens[1]).await.is_ok_and(|status| status == 202)).await;
    assert_eq!(status(tokens[0]).await.unwrap(), 401);
    // The certificate of somebody else, whom this client does not trust.
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(path("tls.crt"), other.cert.pem()).unwrap();
    fs::write(path("tls.key"), other.signing_key.serialize_pem()).unwrap();
    until("the new certificate is shown", async || status(tokens[1]).await.is_err()).await;
}

/// A client that trusts the server of `dev`, with its client certificate or without.
fn client(state: &std::path::Path, certified: bool) -> reqwest::Client {
    let file = |name: &str| state.join("client").join(name);
    let certificate = |name: &str| CertificateDer::from_pem_file(file(name)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate("ca.crt")).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = if certified {
        builder.with_client_auth_cert(vec![certificate("tls.crt")], PrivateKeyDer::from_pem_file(file("tls.key")).unwrap()).unwrap()
    } else {
        builder.with_no_client_auth()
    };
    reqwest::Client::builder().tls_backend_preconfigured(config).timeout(DEADLINE).build().unwrap()
}
