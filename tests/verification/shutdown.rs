//! How the listener stops.

use http::StatusCode;
use poem::{Request, Response, endpoint::make};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, sync::mpsc};
use tokio_util::sync::CancellationToken;
use zen_agent::serve::Limits;

use super::listener::{GET, SHORT, Server, is_cut, read_all, within};

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
