//! `zen-agent dev`: the whole product on one machine, with throw-away credentials.
//!
//! ```text
//!  1 embedded Kubernetes API ▸ 2 credentials ▸ 3 CRD, namespace, sample workloads ▸ 4 their controllers ▸ 5 the agent
//! ```

pub mod credentials;
mod expiry;
mod files;
mod kube_port;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use embedded_kube::EmbeddedKube;
use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client, api::PostParams};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{ConfigErrors, Settings},
    demo,
    policy::{self, Policy, PolicyError},
    remediation,
    runtime::{self, Addresses, RunError},
};
use credentials::{Credentials, CredentialsError};
pub use kube_port::KubePortError;

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
    /// Address of the embedded Kubernetes API, for kubectl; none unless asked for.
    pub kube_listen: Option<SocketAddr>,
    /// Whether the stand-in for the workload controllers plays.
    pub workloads: Workloads,
}

/// Whether the sample workloads follow their spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workloads {
    /// A small stand-in for the controllers lets their status follow.
    Live,
    /// Nothing moves, so validation cannot hold.
    Frozen,
}

/// Why `dev` could not start.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// Certificates, token, key.
    #[error("credentials: {0}")]
    Credentials(#[from] CredentialsError),
    /// The store, for example because another `dev` has it open.
    #[error("the embedded Kubernetes API: {0}")]
    Open(#[from] embedded_kube::OpenError),
    /// Installing the CRD, the namespace or the workloads.
    #[error("preparing the embedded Kubernetes API: {0}")]
    Prepare(#[from] kube::Error),
    /// Seeding the workloads.
    #[error("the sample workloads: {0}")]
    Seed(#[from] demo::SeedError),
    /// Serving the embedded Kubernetes API on a port.
    #[error(transparent)]
    KubePort(#[from] KubePortError),
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
    // 1. The store, whose lock says that nobody else runs on this folder.
    files::private_dir(&options.state_dir)?;
    files::private_dir(&options.state_dir.join("kubernetes"))?;
    let kubernetes = EmbeddedKube::open(&options.state_dir.join("kubernetes"), embedded_kube::Options::default())?;
    let client = kubernetes.client(NAMESPACE);
    // 2. Credentials, before the API is ready to be used with them.
    let credentials = Credentials::prepare(&options.state_dir, &format!("https://{}", options.listen), Timestamp::now())?;
    // 3. What a cluster would have been given.
    install(&client).await?;
    demo::seed(&kubernetes).await?;
    // 4. What a cluster would do by itself.
    let controllers = CancellationToken::new();
    let playing = (options.workloads == Workloads::Live).then(|| tokio::spawn(demo::run_controllers(client.clone(), controllers.clone())));
    let expiring = tokio::spawn(expiry::run(client.clone()));
    let port = match options.kube_listen {
        Some(address) => Some(kube_port::open(&kubernetes, address, &credentials.client, controllers.clone()).await?),
        None => None,
    };
    // 5. The agent, configured as an operator would.
    let config = settings(&options, &credentials).over(Settings::defaults()).validate()?;
    let url = credentials.client.join("url");
    // The store's lock says that nobody else runs, so the same name takes the lease again at once, also after a crash.
    let result = runtime::run(config, client, CLUSTER.to_owned(), Policy::parse(policy::DEV)?, shutdown, move |addresses| {
        // With port 0 the address is known only now.
        if let Err(error) = files::write(&url, &format!("https://{}", addresses.api)) {
            tracing::warn!(%error, "clients must be told the address with --server");
        }
        ready(addresses);
    })
    .await;
    expiring.abort();
    controllers.cancel();
    for task in playing.into_iter().chain(port) {
        drop(tokio::time::timeout(Duration::from_secs(1), task).await);
    }
    Ok(result?)
}

async fn install(client: &Client) -> Result<(), kube::Error> {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    exists_anyway(crds.create(&PostParams::default(), &remediation::crd()).await)?;
    let namespace =
        Namespace { metadata: ObjectMeta { name: Some(NAMESPACE.to_owned()), ..ObjectMeta::default() }, ..Namespace::default() };
    exists_anyway(Api::all(client.clone()).create(&PostParams::default(), &namespace).await)
}

fn exists_anyway<T>(created: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match created {
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        other => other.map(drop),
    }
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
        validation_timeout: Some(VALIDATION_TIMEOUT.to_owned()),
        requests_per_second: Some("10000".to_owned()),
        ..Settings::default()
    }
}
