//! The Kubernetes API under `dev`, and what a cluster would have been given.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use embedded_kube::EmbeddedKube;
use k8s_openapi::{api::core::v1::Namespace, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api, Client,
    api::PostParams,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{CLUSTER, KubePortError, NAMESPACE, credentials::CredentialsError, files, kube_port};
use crate::{demo, lease, remediation::definition};

/// The Kubernetes API that `dev` works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kubernetes {
    /// In this process, its data in the state directory.
    Embedded {
        /// Address on which it can be reached from outside, for kubectl; none unless asked for.
        listen: Option<SocketAddr>,
    },
    /// The one of this kubeconfig's current context.
    Kubeconfig(PathBuf),
}

/// Why the Kubernetes API cannot be used, or was not given what it needs.
#[derive(Debug, thiserror::Error)]
pub enum KubernetesError {
    /// A file of the state directory.
    #[error(transparent)]
    File(#[from] CredentialsError),
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
    /// Serving the embedded Kubernetes API on a port.
    #[error(transparent)]
    Port(#[from] KubePortError),
}

/// The API that was chosen, opened.
pub(super) enum Server {
    Embedded { store: EmbeddedKube, listen: Option<SocketAddr> },
    Real(Client),
}

impl Server {
    pub(super) async fn open(kubernetes: &Kubernetes, state: &Path) -> Result<Self, KubernetesError> {
        match kubernetes {
            Kubernetes::Embedded { listen } => {
                let data = state.join("kubernetes");
                files::private_dir(&data)?;
                let store = EmbeddedKube::open(&data, embedded_kube::Options::default())?;
                Ok(Self::Embedded { store, listen: *listen })
            }
            Kubernetes::Kubeconfig(path) => {
                let wrong = |source| KubernetesError::Kubeconfig { path: path.clone(), source };
                let kubeconfig = Kubeconfig::read_from(path).map_err(wrong)?;
                let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(wrong)?;
                Ok(Self::Real(Client::try_from(config)?))
            }
        }
    }

    pub(super) fn client(&self) -> Client {
        match self {
            Self::Embedded { store, .. } => store.client(NAMESPACE),
            Self::Real(client) => client.clone(),
        }
    }

    /// The agent's name in the election.
    pub(super) fn identity(&self) -> String {
        match self {
            // The store's lock says that nobody else runs, so the same name takes the lease again at once, also after a crash.
            Self::Embedded { .. } => CLUSTER.to_owned(),
            Self::Real(_) => lease::identity(),
        }
    }

    /// Installs the definition of remediations and makes the agent's namespace.
    pub(super) async fn prepare(&self) -> Result<(), KubernetesError> {
        let client = self.client();
        definition::install(&client).await?;
        let metadata = ObjectMeta { name: Some(NAMESPACE.to_owned()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        match Api::all(client).create(&PostParams::default(), &namespace).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            created => Ok(created.map(drop)?),
        }
    }

    /// Puts the sample workloads there; where they got uids of their own, also the samples that name one.
    pub(super) async fn seed(&self, state: &Path) -> Result<(), KubernetesError> {
        match self {
            Self::Embedded { store, .. } => demo::seed(store).await?,
            Self::Real(client) => {
                let created = demo::create(client).await?;
                let folder = state.join("samples");
                files::private_dir(&folder)?;
                files::alone(state, || created.samples().try_for_each(|(name, event)| files::write(&folder.join(name), &event)))?;
            }
        }
        Ok(())
    }

    /// Opens the port that was asked for, until `shutdown`.
    pub(super) async fn listen(&self, folder: &Path, shutdown: CancellationToken) -> Result<Option<JoinHandle<()>>, KubernetesError> {
        match self {
            Self::Embedded { store, listen: Some(address) } => Ok(Some(kube_port::open(store, *address, folder, shutdown).await?)),
            _ => Ok(None),
        }
    }
}
