//! Verification over the wire: what the listener hands on is what was sent, and what it answers arrives.

use http::StatusCode;
use poem::{Request, Response, endpoint::make};
use rustls::crypto::aws_lc_rs;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use zen_agent::serve::Limits;

use super::{
    listener::{Server, client_config, exchange, read_head, within},
    *,
};

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
