//! A forwarder: takes what security tools write, which cannot sign, and gives it to the agent, signed.
//!
//! ```text
//!  tool ──POST /falco /trivy /kyverno──▶ 1 door ─▶ 2 intake ─▶ 3 spool ──▶ 202
//!                                        who may   JSON, schema   fsync
//!                                                  canonical bytes  │      one event after the other, of each tool
//!                                                  request id       ▼
//!                                                               4 deliver ──signed──▶ agent
//!                                                                   ├ taken: leaves the spool
//!                                                                   ├ refused for good: dead letter (`zen-agent spool`)
//!                                                                   └ anything else: tried again, and the next ones wait
//! ```
//!
//! - **Nothing is lost.** 202 is answered once the event is on disk. Each tool has a share of the spool (100,000 events or 512 MiB); one
//!   that has filled it, or a spool that cannot be written, is answered 503 with Retry-After. What is in it is sent until
//!   the agent takes it, however long that lasts; what is older by then than the policy's `staleness`, the agent ends as `Stale`.
//! - **Nothing is done twice.** The request id is made of the tenant, the tool and the `canonical` bytes, which are sent as they are:
//!   what a tool repeats, or a crash has sent again, is the same request, for as long as the agent has the object.
//! - **Order** is kept for each tool, by the order in which the events were acknowledged. So one that the agent keeps failing at holds
//!   up its tool's next ones, for a quarter of an hour; then, if others get through in its place, it is set aside and sent on, or
//!   becomes a dead letter, too (`deliver` says which). While none does, as when the agent is away, nothing is given up on.
//! - **Refused for good** is what the agent says of the event itself, by its problem's code: no JSON, against the schema, too large,
//!   another body under this request id. A wrong token, address or version is about the forwarder, and is no reason to give up an
//!   event; nor is an answer that is none of the contract's, which something in between has given (`courier`).
//! - **Who may give events**: on loopback every program of this machine, and no page in a browser (`door`). On any other
//!   address a token or a client certificate is asked for, or the forwarder does not start.
//!
//! Falco may also write to a file, which is followed (`--tail`, `tail`); and one body is sent without a forwarder that runs, from
//! standard input, such as a report of the Trivy CLI: `trivy image --format json … | zen-agent forward trivy -`.
//!
//! Reports that are kept in the cluster are watched (`--watch`, `reports`), whether or not anything sends them.
//!
//! Health and metrics are on a listener of their own, without credentials (`admin`).

mod admin;
mod canonical;
mod courier;
mod deliver;
mod door;
mod event;
mod intake;
mod listen;
mod metrics;
mod peers;
mod reports;
mod suspect;
mod tail;

use std::{
    collections::BTreeSet,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::future::OptionFuture;
use tokio::{net::TcpListener, sync::watch, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    client::{ClientError, Credentials, CredentialsError},
    spool::{Bounds, Letters, Shares, Spool, Unreadable},
    telemetry::{Health, health::Degraded},
};
use courier::Courier;
use door::Door;
pub use door::DoorError;
pub(crate) use event::Event;
pub use event::Tool;
use intake::Intake;
pub(crate) use intake::one;
use metrics::Metrics;
pub use reports::ReportKind;
use reports::{Follower, Taken};

pub use crate::spool::SpoolError;

/// What a forwarder exposes from the start, for the reference and the tests of alerts.
///
/// # Errors
/// When it cannot be written as text.
pub fn exposition() -> Result<String, prometheus::Error> {
    let metrics = Metrics::new();
    metrics.show(watch::channel(Shares::default()).1);
    ReportKind::ALL.into_iter().for_each(|kind| metrics.watches(kind));
    metrics.render()
}

/// What may wait of each tool; what comes beyond that is answered with 503.
const BOUNDS: Bounds = Bounds { records: 100_000, bytes: 512 << 20 };
/// The longest body, which is also the agent's.
const MAX_BODY: usize = 10 << 20;
/// Time for requests under way once the forwarder stops.
const DRAIN: Duration = Duration::from_secs(5);
/// Time for the rest after that: what is being written to disk, and who reads health and metrics.
const REST: Duration = Duration::from_secs(2);
/// Time for closing the spool, after that.
const CLOSE: Duration = Duration::from_secs(2);

/// What can be chosen.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the credentials (`client`) and of the spool (`forward`).
    pub state_dir: PathBuf,
    /// Address for the tools.
    pub listen: SocketAddr,
    /// Address of health and metrics.
    pub admin_listen: SocketAddr,
    /// Address of the agent: https://HOST:PORT.
    pub to: String,
    /// Falco's output file, which is followed.
    pub tail: Option<PathBuf>,
    /// The kinds of reports that are watched in the cluster.
    pub watch: BTreeSet<ReportKind>,
    /// File with the token that callers have to give.
    pub token_file: Option<PathBuf>,
    /// File with the CA of client certificates that callers may give in place of the token.
    pub client_ca: Option<PathBuf>,
    /// Files with the certificate chain and the key of the listener.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// Where it serves.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// For the tools, as the beginning of a URL.
    pub tools: String,
    /// Of health and metrics.
    pub admin: SocketAddr,
}

/// Why a forwarder cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// Who may give events is not said, or its files cannot be used.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// The credentials for the agent.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The client that would use them.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The spool.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// What is known of the reports that are watched.
    #[error("which reports were taken: {0}; without what it says, every report that there is would be sent once more")]
    Reports(#[source] SpoolError),
    /// The Kubernetes API in which they are watched.
    #[error("no Kubernetes API to watch reports in ({0}); set KUBECONFIG, or run in a pod")]
    Kubernetes(#[source] kube::Error),
    /// An address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A part of it has panicked.
    #[error("a part of the forwarder has ended; what was acknowledged is on disk, and sent by the next start")]
    Ended,
}

/// The folder of the spool and of dead letters.
pub(crate) fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join("forward")
}

/// Runs until `shutdown`; `ready` is called when events are taken.
///
/// # Errors
/// [`ForwardError`]: before anything was taken, but for [`ForwardError::Ended`].
pub async fn run(options: Options, shutdown: CancellationToken, ready: impl FnOnce(Addresses)) -> Result<(), ForwardError> {
    let door = Door::of(&options)?;
    door.warn(&options);
    let client = options.state_dir.join("client");
    let tenant = Credentials::read(&client)?.tenant().clone();
    // A mistake in the address, or certificates that do not fit together, is told now.
    Courier::new(&options.to, &client).check()?;
    let cluster = match options.watch.is_empty() {
        true => None,
        false => Some(kube::Client::try_default().await.map_err(ForwardError::Kubernetes)?),
    };
    let (health, folder) = (Health::default(), folder(&options.state_dir));
    let (letters, metrics, opened) = (Letters::kept_in(&folder), Metrics::new(), admin::Opened::default());
    let (tools, tools_address) = bind(options.listen).await?;
    let (admin, admin_address) = bind(options.admin_listen).await?;
    let scheme = if door.speaks_tls() { "https" } else { "http" };

    let stop_work = CancellationToken::new();
    let mut work = JoinSet::new();
    health.degraded(Degraded::ForwardSpool, Some("what waits is looked through"));
    work.spawn(admin::serve(admin, health.clone(), Arc::clone(&opened), metrics.clone(), stop_work.clone()));
    let opening = open(folder.clone(), health.clone(), cluster.is_some());
    let Some((spool, taken)) = shutdown.run_until_cancelled(opening).await.transpose()? else { return Ok(()) };
    metrics.show(spool.held());
    let intake = Arc::new(Intake::new(tenant, spool.clone(), metrics.clone()).await?);
    _ = opened.set(spool.clone());
    for tool in Tool::ALL {
        let courier = Courier::new(&options.to, &client);
        let delivery = deliver::Delivery::new(tool, courier, spool.clone(), letters.clone(), metrics.clone(), &health, &folder);
        work.spawn(until(&stop_work, delivery.run()));
    }
    if let Some(file) = options.tail.clone() {
        work.spawn(until(&stop_work, tail::Tail::new(file, &folder, Arc::clone(&intake)).run()));
    }
    if let Some((cluster, taken)) = cluster.as_ref().zip(taken.as_ref()) {
        for kind in &options.watch {
            let follower = Follower::new(*kind, cluster.clone(), Arc::clone(&intake), taken.clone(), metrics.clone());
            work.spawn(until(&stop_work, follower.run()));
        }
    }
    let caretaker = intake::look_after(Arc::clone(&intake), letters);
    work.spawn(until(&stop_work, caretaker));
    let (renewed, doors) = watch::channel(Arc::new(door));
    work.spawn(until(&stop_work, door::keep(options, renewed)));
    ready(Addresses { tools: format!("{scheme}://{tools_address}"), admin: admin_address });
    let ended_early = tokio::select! {
        () = listen::serve(tools, doors, intake, shutdown) => false,
        // None of them ends before it is told to.
        _ = work.join_next() => true,
    };
    stop_work.cancel();
    let rest = async { while work.join_next().await.is_some() {} };
    drop(timeout(REST, rest).await);
    let closing = async { tokio::join!(spool.close(), OptionFuture::from(taken.as_ref().map(Taken::close))) };
    if timeout(CLOSE, closing).await.is_err() {
        tracing::warn!("the spool could not be closed in time; the next start looks through all of it");
    }
    if ended_early { Err(ForwardError::Ended) } else { Ok(()) }
}

/// Opens the spool, and with it what is known of reports, which after a crash takes as long as the disk takes to read all of it.
async fn open(folder: PathBuf, health: Health, watches: bool) -> Result<(Spool<Event>, Option<Taken>), ForwardError> {
    let opening = move || {
        let spool = Spool::open(&folder, BOUNDS, Unreadable::Refuse, health.clone(), Degraded::ForwardSpool)?;
        let taken = watches.then(|| Taken::open(&folder, health)).transpose().map_err(ForwardError::Reports)?;
        Ok((spool, taken))
    };
    tokio::task::spawn_blocking(opening).await.map_err(|_| ForwardError::Ended)?
}

fn until(stopped: &CancellationToken, work: impl Future<Output = ()> + Send + 'static) -> impl Future<Output = ()> + Send + 'static {
    let stopped = stopped.clone();
    async move { _ = stopped.run_until_cancelled(work).await }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ForwardError> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let local = listener.local_addr()?;
        Ok((listener, local))
    };
    bound.await.map_err(|source| ForwardError::Listen { address, source })
}
