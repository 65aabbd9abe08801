//! The listener for the tools: HTTP/1.1, with TLS where there are certificates; every wait and every number bounded.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{DRAIN, door::Door, intake::Intake};

/// Open connections; further ones wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 256;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a request's head, and until the next one on the same connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_HEAD_BYTES: usize = 32 * 1_024;
/// How long to wait when the process has no file descriptor left for a connection.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(500);

/// Serves until `shutdown`, then answers what is under way, within [`DRAIN`].
pub(super) async fn serve(listener: TcpListener, door: Arc<Door>, intake: Arc<Intake>, shutdown: CancellationToken) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    while let Some(Ok(permit)) = shutdown.run_until_cancelled(Arc::clone(&permits).acquire_owned()).await {
        let socket = match shutdown.run_until_cancelled(listener.accept()).await {
            None => break,
            Some(Ok((socket, _))) => socket,
            Some(Err(error)) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                sleep(EXHAUSTED_PAUSE).await;
                continue;
            }
        };
        let (door, intake, shutdown) = (Arc::clone(&door), Arc::clone(&intake), shutdown.clone());
        connections.spawn(async move {
            greet(socket, door, intake, shutdown).await;
            drop(permit);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN, ended).await.is_err() {
        tracing::warn!(left = connections.len(), "connections that did not end in time are cut");
        connections.shutdown().await;
    }
}

async fn greet(socket: TcpStream, door: Arc<Door>, intake: Arc<Intake>, shutdown: CancellationToken) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let Some(tls) = door.tls() else { return speak(socket, false, door, intake, shutdown).await };
    match timeout(HANDSHAKE_TIMEOUT, tls.accept(socket)).await {
        Ok(Ok(stream)) => {
            let certified = stream.get_ref().1.peer_certificates().is_some_and(|chain| !chain.is_empty());
            speak(stream, certified, door, intake, shutdown).await;
        }
        Ok(Err(error)) => tracing::warn!(%error, "a TLS handshake failed"),
        Err(_) => tracing::warn!("a TLS handshake took too long"),
    }
}

async fn speak<S>(stream: S, certified: bool, door: Arc<Door>, intake: Arc<Intake>, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request: Request<Incoming>| {
        let (door, intake) = (Arc::clone(&door), Arc::clone(&intake));
        async move {
            let response: Response<_> = intake.answer(&door, certified, request).await.into();
            Ok::<_, Infallible>(response)
        }
    });
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(http);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
