//! The server under the tests of the engine: the real one.

use controlplane::Program;
use kube::Client;

use crate::ground::Ground;

/// A server that can be killed and restarted under its client.
pub(crate) struct Server(Ground);

impl Server {
    /// With remediations defined, and none there.
    pub(crate) async fn start() -> Self {
        Self(Ground::clean().await)
    }

    /// Goes on with the server after a restart.
    pub(crate) async fn client(&self) -> Client {
        self.0.client.clone()
    }

    pub(crate) async fn kill(&self) {
        let control_plane = self.0.control_plane();
        tokio::task::spawn_blocking(|| control_plane.kill(Program::ApiServer)).await.unwrap();
    }

    /// Restarts it, and no version but the latest is there any more.
    pub(crate) async fn forget(&self) {
        let control_plane = self.0.control_plane();
        tokio::task::spawn_blocking(|| control_plane.forget()).await.unwrap();
    }

    pub(crate) async fn restart(&self) {
        let control_plane = self.0.control_plane();
        tokio::task::spawn_blocking(|| control_plane.restart(Program::ApiServer)).await.unwrap();
    }
}
