//! The client against a TLS server that demands its certificate and checks its signatures.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path, time::Instant};

use futures::{StreamExt as _, stream};
use http::StatusCode;
use poem::{
    IntoResponse as _, Request, Response, Server,
    listener::{Acceptor as _, Listener as _, RustlsCertificate, RustlsConfig, TcpListener},
    web::sse::{Event, SSE},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use zen_agent_client::{
    Client, ClientError, Credentials, CredentialsError, DEFAULT_BASE_URL, Error, PATIENCE, Retries,
    signature::{Signature, base_string, mac, read_secret},
    v0::types::{ProblemCode, Severity, Status},
};

const ID: &str = "0198c0de-0000-7000-8000-000000000001";
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const TOKEN: &str = "token-that-nobody-may-see";

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Issuer {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn certificate(issuer: &Issuer, names: &[&str]) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, issuer).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// A folder as `zen-agent dev` leaves it.
fn folder(issuer: &Issuer) -> TempDir {
    let folder = TempDir::new().unwrap();
    let (certificate, key) = certificate(issuer, &["client"]);
    let files = [
        ("ca.crt", issuer.pem()),
        ("tls.crt", certificate),
        ("tls.key", key),
        ("token", format!("{TOKEN}\n")),
        ("hmac.key", SECRET.into()),
    ];
    for (name, text) in files.into_iter().chain([("hmac.kid", "key-1\n".to_owned()), ("tenant", "acme\n".to_owned())]) {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// Checks a request's signature over what arrived, and shows what arrived.
async fn checked(mut request: Request) -> Result<Value, String> {
    let body = request.take_body().into_bytes().await.map_err(|error| error.to_string())?;
    let header = |name: &str| request.header(name).unwrap_or_default().to_owned();
    let sent: Signature = header("x-signature").parse().map_err(|_| "malformed signature")?;
    let path = request.original_uri().path_and_query().map_or("", |path| path.as_str());
    let digest = Sha256::digest(&body).into();
    let (version, tenant, id) = (header("x-zen-contract-version"), header("x-tenant-id"), header("x-request-id"));
    let base = base_string(sent.timestamp, request.method().as_str(), path, &version, &tenant, &id, &digest);
    if mac(read_secret(SECRET).unwrap().expose_secret(), &base) != sent.mac {
        return Err(format!("another signature than that of\n{base}"));
    }
    Ok(json!({
        "line": format!("{} {path}", request.method()), "version": version, "tenant": tenant, "id": id, "kid": sent.kid,
        "type": header("content-type"), "token": header("authorization"), "body": String::from_utf8_lossy(&body),
    }))
}

/// Answers what the path asks for, and tells in the receipt or problem what it saw.
async fn answer(request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let json =
        |status: StatusCode, value: &Value| Response::builder().status(status).content_type("application/json").body(value.to_string());
    match checked(request).await {
        Err(defect) => json(StatusCode::IM_A_TEAPOT, &json!(defect)),
        Ok(_) if path.ends_with("/watch/remediations") => {
            SSE::new(stream::iter([Event::message("one"), Event::message("two")])).into_response()
        }
        Ok(seen) if path.starts_with("/v0/events") => json(StatusCode::ACCEPTED, &json!({ "request_id": seen.to_string(), "results": [] })),
        Ok(seen) => {
            let problem = json!({ "type": "t", "title": "t", "status": 403, "detail": seen.to_string(), "code": "insufficient_role" });
            Response::builder().status(StatusCode::FORBIDDEN).content_type("application/problem+json").body(problem.to_string())
        }
    }
}

async fn serve(issuer: &Issuer) -> String {
    let (certificate, key) = certificate(issuer, &["localhost", "127.0.0.1"]);
    let tls = RustlsConfig::new().fallback(RustlsCertificate::new().cert(certificate).key(key)).client_auth_required(issuer.pem());
    let acceptor = TcpListener::bind("127.0.0.1:0").rustls(tls).into_acceptor().await.unwrap();
    let address = acceptor.local_addr()[0].clone();
    let endpoint = poem::endpoint::make(|request| async { poem::Result::<Response>::Ok(answer(request).await) });
    tokio::spawn(Server::new_with_acceptor(acceptor).run(endpoint));
    format!("https://{}", address.as_socket_addr().unwrap())
}

fn client(folder: &Path, base_url: &str) -> Client {
    Client::new(&Credentials::read(folder).unwrap(), base_url, Retries::WhileAway).unwrap()
}

#[tokio::test]
async fn every_request_is_signed_over_the_bytes_that_arrive() {
    let issuer = authority();
    let (folder, base_url) = (folder(&issuer), serve(&issuer).await);
    let client = client(folder.path(), &format!("{base_url}/"));

    // What a tool wrote arrives as it was written, byte for byte.
    let payload = "{ \"time\":\t\"x\", \"evt.time\": 1782907200123456789,\r\n \"evt.time\": 1.50, \"text\": \"gepr\\u00fcft ✓\" } \n";
    let receipt = client.stable.ingest_falco(ID, payload).await.unwrap().into_inner();
    let seen: Value = serde_json::from_str(&receipt.request_id).unwrap();
    assert_eq!((&seen["line"], &seen["version"], &seen["tenant"]), (&json!("POST /v0/events/falco"), &json!("v0"), &json!("acme")));
    assert_eq!((&seen["id"], &seen["kid"], &seen["token"]), (&json!(ID), &json!("key-1"), &json!(format!("Bearer {TOKEN}"))));
    assert_eq!((seen["body"].as_str(), &seen["type"]), (Some(payload), &json!("application/json")));

    // Paths and queries are signed as they are encoded.
    let listed =
        client.alpha.list_remediations(Some("a.b~c"), Some(7), Some("a b&c"), Some(&Severity::High), None, Some(&Status::InProgress), ID);
    let listed = listed.await.unwrap_err();
    let Error::ErrorResponse(problem) = listed else { panic!("the server answers 403: {listed}") };
    let Err(Error::ErrorResponse(other)) = client.stable.get_remediation("ns~a/b c", ID).await else { panic!("the server answers 403") };
    assert_eq!((problem.status(), problem.code), (StatusCode::FORBIDDEN, ProblemCode::InsufficientRole));
    assert!(other.detail.contains("GET /v0/remediations/ns~a%2Fb%20c"), "{}", other.detail);
    let query = "GET /v1alpha1/remediations?continue=a.b%7Ec&limit=7&namespace=a+b%26c&severity=high&status=in_progress";
    assert!(problem.detail.contains(query) && problem.detail.contains(r#""version":"v1alpha1""#), "{}", problem.detail);
}

#[tokio::test]
async fn a_watch_is_a_stream_of_bytes() {
    let issuer = authority();
    let (folder, base_url) = (folder(&issuer), serve(&issuer).await);
    let watch = client(folder.path(), &base_url).alpha.watch_remediations(None, None, None, None, None, None, ID).await.unwrap();
    let parts: Vec<_> = watch.into_inner_stream().map(Result::unwrap).collect().await;
    assert_eq!(parts.concat(), b"data: one\n\ndata: two\n\n");
}

#[tokio::test]
async fn neither_side_talks_to_a_stranger() {
    let (issuer, stranger) = (authority(), authority());
    let base_url = serve(&issuer).await;
    let with = |name: &str, issuer: &Issuer| {
        let folder = folder(&stranger);
        fs::write(folder.path().join(name), issuer.pem()).unwrap();
        folder
    };
    // The stranger's CA does not vouch for the server; then it is trusted, and the client is the stranger.
    for folder in [with("ca.crt", &stranger), with("ca.crt", &issuer)] {
        // No wait mends that, so it is told at once, also to whoever would wait for an agent that is away.
        let begun = Instant::now();
        let refused = client(folder.path(), &base_url).stable.ingest_falco(ID, "{}").await;
        assert!(begun.elapsed() < PATIENCE / 4, "it was tried again: {refused:?}");
        assert!(matches!(refused, Err(Error::CommunicationError(_))));
    }
}

#[test]
fn an_address_is_an_origin_over_tls_or_none() {
    let folder = folder(&authority());
    let credentials = Credentials::read(folder.path()).unwrap();
    for good in ["https://127.0.0.1:8443", "https://[::1]:1/", "https://agent.example.org"] {
        assert!(Client::new(&credentials, good, Retries::Never).is_ok(), "{good}");
    }
    for bad in
        ["", "127.0.0.1:8443", "http://127.0.0.1:1", "https://", "https://a/b", "https://a?b", "https://a#b", "https://u:p@a", "unix:/a"]
    {
        assert!(matches!(Client::new(&credentials, bad, Retries::Never), Err(ClientError::BaseUrl)), "{bad}");
    }
}

#[test]
fn credentials_and_clients_print_no_secret() {
    let folder = folder(&authority());
    let credentials = Credentials::read(folder.path()).unwrap();
    let client = Client::new(&credentials, DEFAULT_BASE_URL, Retries::Never).unwrap();
    let printed = format!("{credentials:?} {client:?}");
    let key = fs::read_to_string(folder.path().join("tls.key")).unwrap();
    for secret in [TOKEN, "0123456789abcdef", &SECRET[6..], key.lines().nth(1).unwrap(), "48, 49, 50"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn what_is_wrong_with_credentials_names_the_file_and_not_its_content() {
    let issuer = authority();
    for name in ["ca.crt", "tls.crt", "tls.key", "token", "hmac.key", "hmac.kid", "tenant"] {
        let folder = folder(&issuer);
        fs::remove_file(folder.path().join(name)).unwrap();
        let error = Credentials::read(folder.path()).unwrap_err();
        assert!(matches!(error, CredentialsError::Read { .. }) && error.to_string().contains(name), "{error}");
    }
    for (name, text) in [
        ("tls.key", "SECRET"),
        ("hmac.key", "SECRET"),
        ("hmac.kid", "SEC RET"),
        ("tenant", "-SECRET"),
        ("ca.crt", "SECRET"),
        ("tls.crt", "SECRET"),
    ] {
        let folder = folder(&issuer);
        fs::write(folder.path().join(name), text).unwrap();
        let error = Credentials::read(folder.path()).unwrap_err();
        assert!(error.to_string().contains(name) && !format!("{error:?}").contains("SECRET"), "{name}: {error:?}");
    }
}
