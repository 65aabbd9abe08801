//! The server under the tests of the engine that need one: an embedded one for each.

use std::{
    convert::Infallible,
    path::Path,
    sync::{Arc, Mutex},
};

use embedded_kube::{EmbeddedKube, Options};
use kube::{Api, Client, api::PostParams};
use tempfile::TempDir;
use zen_agent::remediation::crd;

/// A server that can be killed and restarted under its client.
pub(crate) struct Server {
    directory: TempDir,
    running: Arc<Mutex<(EmbeddedKube, Client)>>,
}

impl Server {
    /// With remediations defined, and none there.
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let running = Arc::new(Mutex::new(open(directory.path())));
        let server = Self { directory, running };
        Api::all(server.client().await).create(&PostParams::default(), &crd()).await.unwrap();
        server
    }

    /// Goes on with the server after a restart.
    pub(crate) async fn client(&self) -> Client {
        let running = Arc::clone(&self.running);
        let service = tower::service_fn(move |request| {
            let client = running.lock().unwrap().1.clone();
            async move { Ok::<_, Infallible>(client.send(request).await.unwrap()) }
        });
        Client::new(service, "default")
    }

    pub(crate) async fn kill(&self) {
        self.running.lock().unwrap().0.close();
    }

    /// Restarts it, and no version but the latest is there any more.
    pub(crate) async fn forget(&self) {
        self.kill().await;
        self.restart().await;
    }

    pub(crate) async fn restart(&self) {
        *self.running.lock().unwrap() = open(self.directory.path());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.lock().unwrap().0.close();
    }
}

fn open(directory: &Path) -> (EmbeddedKube, Client) {
    // A history that is shorter than what happens while nobody watches.
    let kube = EmbeddedKube::open(directory, Options { watch_history: 16, ..Options::default() }).unwrap();
    let client = kube.client("default");
    (kube, client)
}
