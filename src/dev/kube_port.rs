//! The embedded Kubernetes API on a loopback port, and the kubeconfig that leads there.

use std::{net::SocketAddr, path::Path};

use embedded_kube::{EmbeddedKube, ServeError};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{NAMESPACE, credentials::CredentialsError, files};

/// In the client's folder, beside its credentials.
const KUBECONFIG: &str = "kubeconfig";

/// Why kubectl cannot reach the embedded Kubernetes API.
#[derive(Debug, thiserror::Error)]
pub enum KubePortError {
    /// The address is taken, or not this machine's.
    #[error("--kube-listen {address}: {source}; choose another port")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The kubeconfig could not be written.
    #[error("--kube-listen: {0}")]
    Kubeconfig(#[from] CredentialsError),
}

/// Serves it until `shutdown`, and writes `kubeconfig` into `folder`.
pub(super) async fn open(
    kubernetes: &EmbeddedKube,
    address: SocketAddr,
    folder: &Path,
    shutdown: CancellationToken,
) -> Result<JoinHandle<()>, KubePortError> {
    let bind = |source| KubePortError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(bind)?;
    let server = format!("http://{}", listener.local_addr().map_err(bind)?);
    files::write(&folder.join(KUBECONFIG), &kubeconfig(&server))?;
    tracing::info!(%server, kubeconfig = %folder.join(KUBECONFIG).display(), "the embedded Kubernetes API listens, for anyone on this machine");
    let kubernetes = kubernetes.clone();
    Ok(tokio::spawn(async move {
        let served: Result<(), ServeError> = kubernetes.serve(listener, shutdown.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::error!(%error, "the embedded Kubernetes API is not served");
        }
    }))
}

fn kubeconfig(server: &str) -> String {
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         current-context: dev\n\
         clusters:\n- name: dev\n  cluster:\n    server: {server}\n\
         contexts:\n- name: dev\n  context:\n    cluster: dev\n    user: anybody\n    namespace: {NAMESPACE}\n\
         users:\n- name: anybody\n  user: {{}}\n"
    )
}
