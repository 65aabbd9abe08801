//! `zen-agent dev`: the whole product on one machine, with throw-away credentials.
//!
//! ```text
//!  1 Kubernetes API: embedded, or of a kubeconfig ▸ 2 credentials ▸ 3 CRD, namespace, sample workloads
//!  ▸ 4 their controllers ▸ 5 the agent
//! ```
//!
//! On a real API server, two such processes with one state directory and different ports are two replicas: they share
//! the credentials. `client/url` names the one that was ready last.

pub mod credentials;
mod expiry;
mod files;
mod kube_port;
mod kubernetes;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{ConfigErrors, Settings},
    demo,
    policy::{self, Policy, PolicyError},
    remediation::ActionKind,
    runtime::{self, Addresses, RunError},
};
use credentials::{Credentials, CredentialsError};
use kubernetes::Server;

pub use kube_port::KubePortError;
pub use kubernetes::{Kubernetes, KubernetesError};

/// The tenant of `zen-agent dev`.
pub const TENANT: &str = "dev";
/// Its cluster.
pub const CLUSTER: &str = "dev-cluster";
/// Where its remediations are.
pub const NAMESPACE: &str = "zen-agent";
/// How long an action's effect may take to show: short, so that a rollback can be watched.
const VALIDATION_TIMEOUT: &str = "10s";

/// What can be chosen.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of data, credentials and keys.
    pub state_dir: PathBuf,
    /// Address of the API.
    pub listen: SocketAddr,
    /// Address of health and metrics.
    pub admin_listen: SocketAddr,
    /// Where the Kubernetes API is.
    pub kubernetes: Kubernetes,
    /// Whether there are sample workloads, and whether the stand-in for their controllers plays.
    pub workloads: Workloads,
    /// The SaaS to tell what becomes of remediations.
    pub saas_api_base: Option<String>,
    /// The policy file, in place of [`policy::DEV`].
    pub policy: Option<PathBuf>,
}

/// Whether there are sample workloads, and whether they follow their spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workloads {
    /// A small stand-in for the controllers lets their status follow.
    Live,
    /// Nothing moves, so validation cannot hold.
    Frozen,
    /// There are none.
    Absent,
}

/// Why `dev` could not start.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// Certificates, token, key.
    #[error("credentials: {0}")]
    Credentials(#[from] CredentialsError),
    /// The Kubernetes API, or what it is given.
    #[error(transparent)]
    Kubernetes(#[from] KubernetesError),
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The built-in policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The agent itself.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Runs until `shutdown`; `ready` is called when everything serves.
///
/// # Errors
/// [`DevError`], before anything was accepted.
pub async fn run(options: Options, shutdown: CancellationToken, ready: impl FnOnce(Addresses) + Send + 'static) -> Result<(), DevError> {
    // 1. The API. The embedded one's lock says that nobody else runs on this folder.
    files::private_dir(&options.state_dir)?;
    let server = Server::open(&options.kubernetes, &options.state_dir).await?;
    let client = server.client();
    // 2. Credentials, before the API is ready to be used with them.
    let credentials = Credentials::prepare(&options.state_dir, &format!("https://{}", options.listen), Timestamp::now())?;
    // 3. What a cluster would have been given.
    server.prepare().await?;
    if options.workloads != Workloads::Absent {
        server.seed(&options.state_dir).await?;
    }
    // 4. What a cluster would do by itself.
    let controllers = CancellationToken::new();
    let playing = (options.workloads == Workloads::Live).then(|| tokio::spawn(demo::run_controllers(client.clone(), controllers.clone())));
    let expiring = matches!(server, Server::Embedded { .. }).then(|| tokio::spawn(expiry::run(client.clone())));
    let port = server.listen(&credentials.client, controllers.clone()).await?;
    // 5. The agent, configured as an operator would.
    let config = settings(&options, &credentials).over(Settings::defaults()).validate()?;
    let (state, url, identity) = (options.state_dir.clone(), credentials.client.join("url"), server.identity());
    let result = runtime::run(config, client, identity, Policy::parse(policy::DEV)?, shutdown, move |addresses| {
        // With port 0 the address is known only now.
        if let Err(error) = files::alone(&state, || files::write(&url, &format!("https://{}", addresses.api))) {
            tracing::warn!(%error, "clients must be told the address with --server");
        }
        ready(addresses);
    })
    .await;
    if let Some(expiring) = expiring {
        expiring.abort();
    }
    controllers.cancel();
    for task in playing.into_iter().chain(port) {
        drop(tokio::time::timeout(Duration::from_secs(1), task).await);
    }
    Ok(result?)
}

fn settings(options: &Options, credentials: &Credentials) -> Settings {
    let client = |name: &str| Some(credentials.client.join(name).display().to_string());
    let server = |name: &str| Some(credentials.server.join(name).display().to_string());
    Settings {
        listen: Some(options.listen.to_string()),
        admin_listen: Some(options.admin_listen.to_string()),
        tls_cert_file: server("tls.crt"),
        tls_key_file: server("tls.key"),
        tls_client_ca_file: client("ca.crt"),
        tenant_id: Some(TENANT.to_owned()),
        cluster_id: Some(CLUSTER.to_owned()),
        hmac_key_id: Some(credentials::HMAC_KID.to_owned()),
        hmac_secret: std::fs::read_to_string(credentials.client.join("hmac.key")).ok(),
        jwt_issuer: Some(credentials::ISSUER.to_owned()),
        jwt_audience: Some(credentials::AUDIENCE.to_owned()),
        jwt_key_files: server("jwt.pub"),
        remediation_namespace: Some(NAMESPACE.to_owned()),
        policy_file: options.policy.as_ref().map(|path| path.display().to_string()),
        validation_timeout: Some(VALIDATION_TIMEOUT.to_owned()),
        enabled_actions: Some(ActionKind::ALL.map(ActionKind::as_str).join(",")),
        requests_per_second: Some("10000".to_owned()),
        max_remediations_per_tenant: Some("200000".to_owned()),
        saas_credentials_dir: Some(credentials.client.display().to_string()),
        spool_dir: Some(options.state_dir.join("spool").display().to_string()),
        saas_api_base: options.saas_api_base.clone(),
        ..Settings::default()
    }
}
