//! What the listener itself bounds and refuses, whoever sends it.

use std::{sync::Arc, time::Duration};

use rustls::pki_types::ServerName;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_rustls::TlsConnector;
use zen_agent::serve::Limits;

use super::listener::{SHORT, Server, client_config, exchange, is_cut, read_all, read_head, within};

/// For what is not to cut.
const HOUR: Duration = Duration::from_secs(3_600);

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
async fn an_idle_connection_is_closed() {
    let server = Server::plain(Limits { idle_timeout: SHORT, header_timeout: HOUR, max_age: HOUR, ..Limits::default() }).await;
    let mut open = server.connect().await.unwrap();
    open.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    assert!(read_head(&mut open).await.starts_with("HTTP/1.1 200"));
    assert!(is_cut(&mut open).await);
    server.stopped().await;
}

#[tokio::test]
async fn a_connection_that_is_too_old_is_closed() {
    let server = Server::plain(Limits { max_age: SHORT, header_timeout: HOUR, idle_timeout: HOUR, ..Limits::default() }).await;
    let mut open = server.connect().await.unwrap();
    // Where the machine is slow it may be too old before it has asked anything.
    drop(open.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await);
    let said = read_all(&mut open).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 200"), "{said}");
    server.stopped().await;
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
