//! Wiring: what is built, what is spawned, and in which order it stops.
//!
//! ```text
//!  start: metrics, health ▸ certificates, verifier ▸ both listeners bound ▸ policy file, informer, spool, emergency stop,
//!         election made ▸ all of it runs ▸ readiness
//!  stop:  not ready ▸ API stops accepting and answers what it began ▸ informer, workers drain
//!         ▸ lease released ▸ spool closed ▸ admin listener
//! ```
//!
//! All of it ends within [`DRAIN`], whatever hangs. Of several replicas, all accept events and are ready;
//! the one that holds the lease works, for as long as it holds it:
//!
//! ```text
//!  every replica:  informer ─▶ cache, counts, backlog ─┐
//!                                                      │ (idle: its keys fall together and wait)
//!              elected ┌───────────────────────────────▼──────────────┐ lease lost, or not renewed in time:
//!  follower ──────────▶│ a term: a Pipeline and a Pool of its own on  │ nothing more is handed out, steps under
//!      ▲               │ the backlog, retention, and telling the SaaS │ way are abandoned and put back, at once
//!      │               └──────────────────────────────┬───────────────┘
//!      └──────────────────────────────────────────────┤
//!                                                     └─▶ shutdown: nothing more is handed out, steps under
//!                                                         way may end, then the lease is released
//! ```
//!
//! A new term remembers nothing: what is under way, the budget, cool-downs and busy targets are read from
//! the objects. A step that was abandoned is gone on with by the next leader.
//!
//! When the Kubernetes API goes away and comes back:
//!
//! ```text
//!          leader                                every replica
//!    0 s   renewals and steps fail,              events are answered 503 with Retry-After; the watch breaks off
//!          are tried again                       and reconnects, 0.8 s doubling to 30 s
//!    …     5 calls in a row have failed: no work  the circuit is open (`circuit::kubernetes`) for 2 s doubling to
//!          is handed out, until it is closed      15 s, then closed by an answer; until then events are
//!                                                 answered 503 within seconds, where the API is silent
//!    8 s   at the latest                         /readyz red, and says why; liveness stays green
//!   10 s   not renewed: the term ends, steps     idle, the backlog keeps its keys; the emergency stop counts
//!          under way are put back, and the       as set, since nobody can read it (`emergency`)
//!          SaaS is told nothing more
//!    …     everybody asks for the lease, every 2 s where the answer is no, every 7 s where there is none
//!   back   the first to ask gets the lease: the  events are stored; /readyz green at the next look;
//!          former leader, or anybody, once it    the watch resumes where it was, or lists anew (410),
//!          stood unchanged for 15 s              within 30 s
//!          a new term: what is in progress is gone on with, another attempt counted; what is forbidden
//!          while the server still reads its roles is asked again (`pipeline::refusals`); an effect that was
//!          waited for is looked at once more, and undone where it is still not there and its time is over
//! ```

mod certificates;
mod leader;
mod policy_file;
mod process;
mod readiness;

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use kube::{Api, Client};
use poem::listener::{Acceptor, Listener as _, TcpListener};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    admin, api,
    circuit::{self, Circuit},
    config::Config,
    deadline::SILENCE,
    emergency,
    informer::{self, remediations},
    ingest::Ingest,
    kube_events::Events,
    lease::{self, Election},
    pipeline,
    policy::{self, Policy},
    queue::Backoff,
    quota::Quota,
    retention::Retention,
    saas::{Saas, SpoolError},
    serve,
    telemetry::{Health, Metrics, health::Ready},
    verify::{self, TokenKeys, Verifier},
    worker::{self, Backlog},
};
use certificates::Loaded;
use leader::Leader;
use policy_file::PolicyFile;

pub use policy_file::PolicyFileError;

/// How long everything may take to stop.
pub const DRAIN: Duration = Duration::from_secs(25);
/// How much of it requests in flight may take.
const API_DRAIN: Duration = Duration::from_secs(10);

/// Why the agent could not start, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// An address is taken, or not ours.
    #[error("cannot listen on {address}: {source}; choose another address")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A file of the configuration went away, or is not what it should be.
    #[error("cannot read {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Certificates or keys of the listener.
    #[error("the API's certificates: {0}")]
    Tls(#[from] serve::TlsError),
    /// One of its tasks ended.
    #[error("a part of the agent ended by itself; the log says which panicked, and a restart goes on from what is stored")]
    Ended,
    /// What is to be told to the SaaS.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The policy file.
    #[error(transparent)]
    Policy(#[from] PolicyFileError),
    /// Secrets or keys of the verifier.
    #[error("the verification of requests: {0}")]
    Verify(#[from] verify::SetupError),
}

/// Where a running agent can be reached.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// The API.
    pub api: SocketAddr,
    /// Health and metrics.
    pub admin: SocketAddr,
}

/// Runs the agent until `shutdown`; `ready` is called once, when everything serves. `identity` is its
/// name in the election: see [`lease::identity`]. `policy` holds where the configuration names no file.
///
/// # Errors
/// [`RunError`]; all but `Ended` come before anything was accepted.
pub async fn run(
    config: Config,
    client: Client,
    identity: String,
    policy: Policy,
    shutdown: CancellationToken,
    ready: impl FnOnce(Addresses) + Send + 'static,
) -> Result<(), RunError> {
    // 1. What everything reports to.
    let (metrics, health) = (Metrics::new(), Health::default());
    let kubernetes = Circuit::new(circuit::kubernetes::TEMPER, metrics.circuit.with_label_values(&["kubernetes"]));
    let client = circuit::kubernetes::observed(client, kubernetes.clone());
    let hasty = circuit::kubernetes::hasty(client.clone(), &kubernetes);
    // 2. The gate: certificates, secrets and keys.
    let certificates = Loaded::from(&config.tls)?;
    let (renewed, tls) = watch::channel(Arc::clone(&certificates.config));
    let verifier = Verifier::new(setup(&config)?, metrics.clone())?;
    // 3. The listeners; nobody is served before all of it stands.
    let admin_listener = bind_admin(config.admin_listen).await?;
    let api_listener = serve::Listener::bind(config.listen).await.map_err(|source| RunError::Listen { address: config.listen, source })?;
    let addresses = Addresses {
        api: api_listener.local_addr(),
        admin: admin_listener.local_addr().first().and_then(|a| a.as_socket_addr().copied()).unwrap_or(config.admin_listen),
    };
    // 4. The work: informer and backlog always, workers and retention for whoever leads.
    let (policy_file, policy) = match &config.policy_file {
        Some(path) => PolicyFile::open(path, &config.actions).map(|(file, policy)| (Some(file), policy))?,
        None => (None, policy),
    };
    let policy = policy::Live::new(policy, &config.remediation_namespace);
    let seed = u64::from(jiff::Timestamp::now().subsec_nanosecond().unsigned_abs());
    let backlog = Backlog::new(Backoff::default(), seed, metrics.queue_depth.clone());
    let watched = match &config.watch_namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let quota = Quota::new(config.limits.max_remediations, &config.tenant, config.hmac.keys());
    let informer_config = informer::Config { resync: config.resync, ..informer::Config::default() };
    let informer = remediations::informer(watched, informer_config, metrics.clone(), backlog.clone(), quota.clone());
    let saas = config.saas.clone().map(|settings| Saas::open(settings, client.clone(), &metrics, &health)).transpose()?;
    let informer = match &saas {
        Some(saas) => informer.handler(saas.watch()),
        None => informer,
    };
    let store = informer.store();
    let events = Events::start(client.clone(), metrics.clone());
    let retention = Retention::new(client.clone(), config.watch_namespace.clone(), config.tenant.clone(), metrics.clone());
    let (watcher, emergency) = emergency::Watcher::new(client.clone(), &config.remediation_namespace, &metrics);
    let _emergency = health.watch("emergency_stop", watcher.heartbeat(), SILENCE);
    let leader = Leader {
        client: client.clone(),
        kubernetes,
        settings: pipeline::Settings {
            watch_namespace: config.watch_namespace.clone(),
            actions: config.actions.clone(),
            validation_timeout: config.validation_timeout,
            reach: config.reach.clone(),
        },
        policy: policy.clone(),
        events: events.clone(),
        emergency: emergency.clone(),
        workers: worker::Config { workers: config.workers, queue: config.queue },
        store: store.clone(),
        backlog: backlog.clone(),
        saas: saas.clone(),
        retention: retention.clone(),
        retention_interval: config.retention_interval,
        retention_max_age: config.retention_max_age,
        metrics: metrics.clone(),
        health: health.clone(),
    };
    let election = Election::new(client.clone(), &config.remediation_namespace, identity, lease::Timing::default());
    let _election = health.watch("election", election.heartbeat(), SILENCE);
    // 5. The operations. Each group has its own token, so that they stop in order.
    let [stop_api, stop_work, stop_election, stop_admin] = [(); 4].map(|()| CancellationToken::new());
    let handlers = api::Handlers {
        client: hasty.clone(),
        ingest: Ingest::new(hasty.clone(), &config.remediation_namespace, policy.clone(), quota, metrics.clone()),
        actions: config.actions.clone(),
        reach: config.reach.clone(),
        policy: policy.clone(),
        events,
        emergency: emergency::Switch::new(hasty, &config.remediation_namespace),
        retention,
        cluster: config.cluster.clone(),
        own_tenant: config.tenant.clone(),
        namespace: config.remediation_namespace.clone(),
        watch_namespace: config.watch_namespace.clone(),
        places: api::Places::default(),
        stopping: stop_api.clone(),
    };
    let dispatcher = api::Dispatcher::new(verifier, metrics.clone());
    let surface = api::Surface::new(handlers, &dispatcher, metrics.clone());
    // 6. Everything turns. A task that ends by itself, or panics, ends the process: half an agent must not look like one.
    let failed = CancellationToken::new();
    let admin_routes = admin::router(health.clone(), metrics.clone(), emergency, surface.documents);
    let admin = spawn(&failed, {
        let server = poem::Server::new_with_acceptor(admin_listener);
        let stopped = stop_admin.clone();
        async move {
            drop(server.run_with_graceful_shutdown(admin_routes, stopped.cancelled_owned(), Some(Duration::from_secs(1))).await);
        }
    });
    let limits = serve::Limits { max_connections: config.limits.max_connections.get(), drain: API_DRAIN, ..serve::Limits::default() };
    let api = spawn(&failed, api_listener.serve(tls, surface.operations, limits, metrics.clone(), stop_api.clone()));
    let mut work = vec![
        spawn(&failed, informer.run(stop_work.clone())),
        spawn(&failed, watcher.run(stop_work.clone())),
        spawn(&failed, leader.run(election.standing(), stop_work.clone())),
        spawn(&failed, readiness::kubernetes(client, config.remediation_namespace.clone(), health.clone(), stop_work.clone())),
        spawn(&failed, certificates::keep(config.tls, certificates, renewed, health.clone(), stop_work.clone())),
        spawn(&failed, readiness::cache(store.clone(), health.clone(), stop_work.clone())),
    ];
    if let Some(file) = policy_file {
        let changed = move || leader::look_again_at_all(&store, &backlog);
        work.push(spawn(&failed, file.keep(policy, metrics, health.clone(), changed, stop_work.clone())));
    }
    let election = spawn(&failed, election.run(stop_election.clone()));
    health.set(Ready::Api, Ok(()));
    tokio::spawn(readiness::announce(health.clone(), stop_work.clone(), move || ready(addresses)));
    // 7. Until somebody says stop.
    let result = tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        () = failed.cancelled() => Err(RunError::Ended),
    };
    tracing::info!("stopping: requests in flight are answered, workers finish or hand back");
    health.set(Ready::Api, Err("shutting down".to_owned()));
    let drained = async {
        stop_api.cancel();
        drop(api.await);
        stop_work.cancel();
        drop(futures::future::join_all(work).await);
        // Only now may another replica work.
        stop_election.cancel();
        drop(election.await);
        if let Some(saas) = &saas {
            saas.close().await;
        }
        stop_admin.cancel();
        drop(admin.await);
    };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("not everything stopped in time; what was under way is picked up at the next start");
    }
    result
}

/// Spawns a task whose end, also by a panic, cancels `failed`.
fn spawn(failed: &CancellationToken, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let guard = failed.clone().drop_guard();
    tokio::spawn(async move {
        task.await;
        drop(guard);
    })
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, RunError> {
    std::fs::read(path).map_err(|source| RunError::File { path: path.to_owned(), source })
}

/// What the configuration says about keys and limits, its files read.
fn setup(config: &Config) -> Result<verify::Setup, RunError> {
    let mut keys = TokenKeys::default();
    for path in &config.jwt.key_files {
        keys.add(&String::from_utf8_lossy(&read(path)?), &path.display().to_string())?;
    }
    Ok(verify::Setup {
        cluster: config.cluster.clone(),
        secrets: config.hmac.clone(),
        issuer: config.jwt.issuer.clone(),
        audience: config.jwt.audience.clone(),
        keys,
        max_body: config.limits.max_body_bytes.get(),
        requests_per_second: config.limits.requests_per_second,
    })
}

async fn bind_admin(address: SocketAddr) -> Result<impl Acceptor, RunError> {
    TcpListener::bind(address.to_string()).into_acceptor().await.map_err(|source| RunError::Listen { address, source })
}

/// A token that SIGTERM or Ctrl-C cancels; the second signal ends the process at once.
pub fn signals() -> CancellationToken {
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        terminated().await;
        cancel.cancel();
        terminated().await;
        std::process::exit(1);
    });
    token
}

async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = match signal(SignalKind::terminate()) {
        Ok(term) => term,
        Err(error) => {
            tracing::error!(%error, "SIGTERM cannot be handled");
            return std::future::pending().await;
        }
    };
    tokio::select! {
        _ = term.recv() => {}
        result = tokio::signal::ctrl_c() => if let Err(error) = result {
            tracing::error!(%error, "Ctrl-C cannot be handled");
            term.recv().await;
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_or_ends_by_itself_ends_the_process() {
        let panics = || async { panic!("a defect") };
        let tasks: [std::pin::Pin<Box<dyn Future<Output = ()> + Send>>; 2] = [Box::pin(panics()), Box::pin(async {})];
        for task in tasks {
            let failed = CancellationToken::new();
            drop(spawn(&failed, task).await);
            assert!(failed.is_cancelled());
        }
    }
}
