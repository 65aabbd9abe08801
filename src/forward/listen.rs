//! The listener for the tools: HTTP/1.1, with TLS where there are certificates; every wait and every number bounded.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{DRAIN, door::Door, intake::Intake, peers::Peers};
use crate::serve::activity::Activity;

/// Open connections; further ones wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 512;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a request's head, and until the next one on the same connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Time without a request; one whose answer nobody reads lets no next one come.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Age at which a connection is closed, so that who was let in once does not stay.
const MAX_AGE: Duration = Duration::from_secs(600);
/// What a connection that is closing may still take: a body, the disk, and an answer.
const LINGER: Duration = Duration::from_secs(60);
const MAX_HEAD_BYTES: usize = 32 * 1_024;
/// How long to wait when the process has no file descriptor left for a connection.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(500);

/// Serves until `shutdown`, then answers what is under way, within [`DRAIN`].
pub(super) async fn serve(listener: TcpListener, doors: watch::Receiver<Arc<Door>>, intake: Arc<Intake>, shutdown: CancellationToken) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (mut connections, peers) = (JoinSet::new(), Peers::default());
    while let Some(Ok(permit)) = shutdown.run_until_cancelled(Arc::clone(&permits).acquire_owned()).await {
        let (socket, peer) = match shutdown.run_until_cancelled(listener.accept()).await {
            None => break,
            Some(Ok(accepted)) => accepted,
            Some(Err(error)) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                sleep(EXHAUSTED_PAUSE).await;
                continue;
            }
        };
        let Some(present) = peers.admit(peer.ip()) else {
            tracing::debug!(%peer, "a connection is closed: its address has too many");
            continue;
        };
        let (doors, intake, shutdown) = (doors.clone(), Arc::clone(&intake), shutdown.clone());
        connections.spawn(async move {
            greet(socket, doors, intake, shutdown).await;
            drop((permit, present));
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

async fn greet(socket: TcpStream, mut doors: watch::Receiver<Arc<Door>>, intake: Arc<Intake>, shutdown: CancellationToken) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let door = Arc::clone(&doors.borrow_and_update());
    let Some(tls) = door.tls() else { return speak(socket, false, doors, intake, shutdown).await };
    match timeout(HANDSHAKE_TIMEOUT, tls.accept(socket)).await {
        Ok(Ok(stream)) => {
            let certified = stream.get_ref().1.peer_certificates().is_some_and(|chain| !chain.is_empty());
            speak(stream, certified, doors, intake, shutdown).await;
        }
        Ok(Err(error)) => {
            intake.handshake_failed();
            tracing::warn!(%error, "a TLS handshake failed");
        }
        Err(_) => {
            intake.handshake_failed();
            tracing::warn!("a TLS handshake took too long");
        }
    }
}

async fn speak<S>(stream: S, certified: bool, mut doors: watch::Receiver<Arc<Door>>, intake: Arc<Intake>, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (activity, door) = (Activity::new(), Arc::clone(&doors.borrow()));
    let service = service_fn(|request: Request<Incoming>| {
        let (door, intake, under_way) = (Arc::clone(&door), Arc::clone(&intake), activity.begin());
        async move {
            let response: Response<_> = intake.answer(&door, certified, request).await.into();
            drop(under_way);
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
        ended = connection.as_mut() => Ok(ended),
        () = ending(&activity, &mut doors, &shutdown) => {
            connection.as_mut().graceful_shutdown();
            timeout(LINGER, connection).await
        }
    };
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection ended early"),
        Err(_) => tracing::warn!("a connection that did not end in time is cut"),
    }
}

/// Waits for the first reason to end a connection.
async fn ending(activity: &Activity, doors: &mut watch::Receiver<Arc<Door>>, shutdown: &CancellationToken) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        // Who is not let in any more does not stay. An error says that nothing will be renewed, which is no reason to end.
        Ok(()) = doors.changed() => {}
        () = sleep(MAX_AGE) => {}
        _ = activity.quiet(HEAD_TIMEOUT, IDLE_TIMEOUT) => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::tcp::OwnedWriteHalf,
    };

    use super::*;
    use crate::{
        forward::{Options, metrics::Metrics},
        spool::{Bounds, Spool, Unreadable},
        telemetry::{Health, health::Degraded},
    };

    /// A listener that asks nobody who he is, and a connection to it.
    async fn connected() -> (tempfile::TempDir, TcpStream, CancellationToken) {
        let folder = tempfile::tempdir().unwrap();
        let bounds = Bounds { records: 9, bytes: u64::MAX };
        let spool = Spool::open(folder.path(), bounds, Unreadable::Refuse, Health::default(), Degraded::ForwardSpool).unwrap();
        let intake = Intake::new("acme".parse().unwrap(), spool.clone(), Metrics::new()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let options = Options {
            state_dir: folder.path().to_owned(),
            listen: address,
            admin_listen: address,
            to: String::new(),
            tail: None,
            token_file: None,
            watch: std::collections::BTreeSet::new(),
            client_ca: None,
            tls: None,
        };
        let (_, doors) = watch::channel(Arc::new(Door::of(&options).unwrap()));
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, doors, Arc::new(intake), stop.clone()));
        (folder, TcpStream::connect(address).await.unwrap(), stop)
    }

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";

    /// Sends requests until no more goes through; how many.
    async fn fill(sender: &mut OwnedWriteHalf) -> usize {
        let mut sent = 0;
        while timeout(Duration::from_secs(1), sender.write_all(REQUEST)).await.is_ok_and(|written| written.is_ok()) {
            sent += 1;
        }
        sent
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_whose_answers_nobody_reads_is_cut() {
        let (_folder, stream, _stop) = connected().await;
        let (mut answers, mut sender) = stream.into_split();
        let sent = fill(&mut sender).await;
        sleep(IDLE_TIMEOUT + LINGER + Duration::from_secs(5)).await;
        let mut read = Vec::new();
        // It ends, with what was in the socket or by a reset.
        drop(timeout(MAX_AGE, answers.read_to_end(&mut read)).await.unwrap());
        let answered = String::from_utf8_lossy(&read).matches("HTTP/1.1 404").count();
        assert!(answered < sent, "{answered} of {sent}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_does_not_grow_old_however_busy_it_is() {
        let (_folder, mut stream, _stop) = connected().await;
        let begun = tokio::time::Instant::now();
        let mut answer = [0; 4_096];
        loop {
            assert!(begun.elapsed() < MAX_AGE + LINGER, "it is {:?} old", begun.elapsed());
            sleep(Duration::from_secs(5)).await; // between one request and the next
            if stream.write_all(REQUEST).await.is_err() || stream.read(&mut answer).await.unwrap_or(0) == 0 {
                break;
            }
        }
        assert!(begun.elapsed() > MAX_AGE - Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}
