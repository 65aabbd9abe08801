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
mod files;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use embedded_kube::EmbeddedKube;
use jiff::Timestamp;
use k8s_openapi::{api::core::v1::Namespace, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api, Client,
    api::PostParams,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{ConfigErrors, Settings},
    demo, lease,
    policy::{self, Policy, PolicyError},
    remediation::definition,
    runtime::{self, Addresses, RunError},
};
use credentials::{Credentials, CredentialsError};

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
}

/// The Kubernetes API that `dev` works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kubernetes {
    /// In this process, its data in the state directory.
    Embedded,
    /// The one of this kubeconfig's current context.
    Kubeconfig(PathBuf),
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
    /// The store, for example because another `dev` has it open.
    #[error("the embedded Kubernetes API: {0}")]
    Open(#[from] embedded_kube::OpenError),
    /// The kubeconfig.
    #[error("{path}: {source}", path = path.display())]
    Kubeconfig {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: KubeconfigError,
    },
    /// Installing the CRD.
    #[error("preparing the Kubernetes API: {0}")]
    Definition(#[from] definition::InstallError),
    /// Connecting, or the namespace.
    #[error("preparing the Kubernetes API: {0}")]
    Prepare(#[from] kube::Error),
    /// Seeding the workloads.
    #[error("the sample workloads: {0}")]
    Seed(#[from] demo::SeedError),
    /// Creating them on a real API server.
    #[error("the sample workloads: {0}")]
    Create(#[from] demo::CreateError),
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
    let server = Server::open(&options).await?;
    let client = server.client();
    // 2. Credentials, before the API is ready to be used with them.
    let credentials = Credentials::prepare(&options.state_dir, &format!("https://{}", options.listen), Timestamp::now())?;
    // 3. What a cluster would have been given.
    definition::install(&client).await?;
    ensure_namespace(&client).await?;
    if options.workloads != Workloads::Absent {
        server.seed(&options.state_dir).await?;
    }
    // 4. What a cluster would do by itself.
    let controllers = CancellationToken::new();
    let playing = (options.workloads == Workloads::Live).then(|| tokio::spawn(demo::run_controllers(client.clone(), controllers.clone())));
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
    controllers.cancel();
    if let Some(playing) = playing {
        drop(tokio::time::timeout(Duration::from_secs(1), playing).await);
    }
    Ok(result?)
}

/// The API that was chosen, opened.
enum Server {
    Embedded(EmbeddedKube),
    Real(Client),
}

impl Server {
    async fn open(options: &Options) -> Result<Self, DevError> {
        match &options.kubernetes {
            Kubernetes::Embedded => {
                let data = options.state_dir.join("kubernetes");
                files::private_dir(&data)?;
                Ok(Self::Embedded(EmbeddedKube::open(&data, embedded_kube::Options::default())?))
            }
            Kubernetes::Kubeconfig(path) => {
                let wrong = |source| DevError::Kubeconfig { path: path.clone(), source };
                let kubeconfig = Kubeconfig::read_from(path).map_err(wrong)?;
                let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(wrong)?;
                Ok(Self::Real(Client::try_from(config)?))
            }
        }
    }

    fn client(&self) -> Client {
        match self {
            Self::Embedded(store) => store.client(NAMESPACE),
            Self::Real(client) => client.clone(),
        }
    }

    /// Its name in the election.
    fn identity(&self) -> String {
        match self {
            // The store's lock says that nobody else runs, so the same name takes the lease again at once, also after a crash.
            Self::Embedded(_) => CLUSTER.to_owned(),
            Self::Real(_) => lease::identity(),
        }
    }

    async fn seed(&self, state: &Path) -> Result<(), DevError> {
        match self {
            Self::Embedded(store) => demo::seed(store).await?,
            Self::Real(client) => {
                let created = demo::create(client).await?;
                let folder = state.join("samples");
                files::private_dir(&folder)?;
                files::alone(state, || created.samples().try_for_each(|(name, event)| files::write(&folder.join(name), &event)))?;
            }
        }
        Ok(())
    }
}

async fn ensure_namespace(client: &Client) -> Result<(), kube::Error> {
    let namespace =
        Namespace { metadata: ObjectMeta { name: Some(NAMESPACE.to_owned()), ..ObjectMeta::default() }, ..Namespace::default() };
    match Api::all(client.clone()).create(&PostParams::default(), &namespace).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        created => created.map(drop),
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
