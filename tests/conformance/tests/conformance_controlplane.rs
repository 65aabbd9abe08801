//! The conformance suite on a real kube-apiserver with etcd and the garbage collector; and kubectl on both servers.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "conformance/kubectl.rs"]
mod kubectl;
#[path = "conformance/suite.rs"]
mod suite;
#[path = "conformance/support.rs"]
mod support;

use controlplane::ControlPlane;
use kube::Client;

async fn connect() -> Client {
    let mut config = controlplane::config(&ControlPlane::shared().kubeconfig()).await;
    // The suite is about what the server says: the client would ask again after a 429.
    config.default_retry = false;
    Client::try_from(config).unwrap()
}
