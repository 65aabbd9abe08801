//! What makes the process ready, looked at again and again.

use std::time::Duration;

use kube::{Api, Client, api::ListParams, core::DeserializeGuard};
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    informer::Store,
    remediation::ZenAgentRemediation,
    telemetry::{Health, health::Ready},
};

const PERIOD: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether the Kubernetes API serves remediations.
pub(super) async fn kubernetes(client: Client, namespace: String, health: Health, stop: CancellationToken) {
    // One that is malformed is an answer too.
    let api: Api<DeserializeGuard<ZenAgentRemediation>> = Api::namespaced(client, &namespace);
    let mut due = interval(PERIOD);
    while stop.run_until_cancelled(due.tick()).await.is_some() {
        let state = match timeout(PATIENCE, api.list(&ListParams::default().limit(1))).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => {
                Err("does not know remediations; install them with: zen-agent crd | kubectl apply -f -".to_owned())
            }
            Ok(Err(kube::Error::Api(status))) => Err(format!("answers {} {}", status.code, status.reason)),
            Ok(Err(_)) => Err("cannot be reached".to_owned()),
            Err(_) => Err("does not answer".to_owned()),
        };
        health.set(Ready::Kubernetes, state);
    }
}

/// Whether every remediation was seen once, and changes still come.
pub(super) async fn cache<V>(store: Store<V>, health: Health, stop: CancellationToken) {
    health.set(Ready::Cache, Err("not every remediation was seen yet".to_owned()));
    if stop.run_until_cancelled(store.synced()).await.is_none() {
        return;
    }
    let mut due = interval(PERIOD);
    while stop.run_until_cancelled(due.tick()).await.is_some() {
        let heard = store.silence() <= Store::<V>::CONTACT;
        health.set(Ready::Cache, if heard { Ok(()) } else { Err("the watch of remediations is silent".to_owned()) });
    }
}

/// Says once that the process is ready.
pub(super) async fn announce(health: Health, stop: CancellationToken, ready: impl FnOnce() + Send) {
    let until = async {
        while health.readiness().values().any(Option::is_some) {
            tokio::time::sleep(Duration::from_millis(10)).await; // pacing
        }
    };
    if stop.run_until_cancelled(until).await.is_some() {
        ready();
    }
}

#[cfg(test)]
mod tests;
