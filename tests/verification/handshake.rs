//! The handshake: who is let in by which certificate, and from when on.

use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use zen_agent::serve::{Limits, TlsError, tls_config};

use super::{
    listener::{SHORT, Server, is_cut, read_head, revoking_config, server_config},
    mint::{self, Ca},
};

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
async fn a_revoked_client_is_refused_and_its_open_connection_ends_and_the_others_are_let_in() {
    let server = Server::plain(Limits::default()).await;
    let (one, two, own) = (server.ca.numbered(1), server.ca.numbered(2), server.ca.server());
    let mut open = server.connect_as(&server.ca, Some(&one)).await.unwrap();
    open.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    assert!(read_head(&mut open).await.starts_with("HTTP/1.1 200"));

    server.tls.send(revoking_config(&server.ca, &own, &server.ca.revokes(&[1], 4000))).unwrap();
    assert!(is_cut(&mut open).await, "who is revoked does not stay");
    assert!(!server.answers(&server.ca, Some(&one)).await);
    assert!(server.answers(&server.ca, Some(&two)).await);

    // What a list says holds on when its time is over.
    server.tls.send(revoking_config(&server.ca, &own, &server.ca.revokes(&[1], 2002))).unwrap();
    assert!(!server.answers(&server.ca, Some(&one)).await);
    assert!(server.answers(&server.ca, Some(&two)).await);

    // Of whom no list of the CA tells, it is not known whether they were revoked; a list of another CA of its name says nothing.
    for other in [Ca::new("other"), Ca::new("ca")] {
        server.tls.send(revoking_config(&server.ca, &own, &other.revokes(&[1], 4000))).unwrap();
        assert!(!server.answers(&server.ca, Some(&two)).await);
    }
    server.stopped().await;
}

#[tokio::test]
async fn who_is_slow_to_shake_hands_is_cut() {
    let server = Server::plain(Limits { handshake_timeout: SHORT, ..Limits::default() }).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert!(is_cut(&mut silent).await);
    server.stopped().await;
}

#[test]
fn certificates_that_cannot_be_used_are_refused_with_the_reason() {
    let (ca, other) = (Ca::new("ca"), Ca::new("other"));
    let (server, stranger) = (ca.server(), other.server());
    let of = |chain: &str, key: &str, client_ca: &str| tls_config(chain.as_bytes(), key.as_bytes(), client_ca.as_bytes(), None).err();
    assert!(of(&server.cert, &server.key, &ca.pem).is_none());
    assert!(matches!(of("", &server.key, &ca.pem), Some(TlsError::Chain)));
    assert!(matches!(of(&server.cert, "", &ca.pem), Some(TlsError::Key)));
    assert!(matches!(of(&server.cert, &server.key, &server.key), Some(TlsError::ClientCa)));
    assert!(matches!(of(&server.cert, &stranger.key, &ca.pem), Some(TlsError::Pair(_))));
    let revoking = |lists: &str| tls_config(server.cert.as_bytes(), server.key.as_bytes(), ca.pem.as_bytes(), Some(lists.as_bytes())).err();
    assert!(revoking(&ca.revokes(&[], 4000)).is_none());
    for lists in ["", "no list", &ca.pem] {
        assert!(matches!(revoking(lists), Some(TlsError::Revoked)), "{lists}");
    }
}
