//! The two servers: each outlives the agents that are killed.

use std::path::PathBuf;

use controlplane::ControlPlane;
use embedded_kube::{EmbeddedKube, Options};
use k8s_openapi::{api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition};
use kube::{
    Api, Client, ResourceExt,
    api::PostParams,
    runtime::{conditions::is_crd_established, wait::await_condition},
};
use serde_json::json;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::OnceCell};
use tokio_util::sync::{CancellationToken, DropGuard};
use zen_agent::{demo, remediation::crd};

/// A namespace on a server, whose workloads follow where they are labelled so.
pub(crate) struct Server {
    pub(crate) client: Client,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) namespace: String,
    _controllers: DropGuard,
    _embedded: Option<TempDir>,
}

/// An embedded one, on a port of its own.
pub(crate) async fn embedded() -> Server {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedKube::open(&directory.path().join("data"), Options::default()).unwrap();
    let client = store.client("default");
    Api::all(client.clone()).create(&PostParams::default(), &crd()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let kubeconfig = directory.path().join("kubeconfig");
    let cluster = json!({ "server": format!("http://{}", listener.local_addr().unwrap()) });
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{ "name": "u", "user": {} }],
        "clusters": [{ "name": "c", "cluster": cluster }], "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
    });
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    let ended = CancellationToken::new();
    tokio::spawn({
        let ended = ended.clone();
        async move { store.serve(listener, ended.cancelled_owned()).await.unwrap() }
    });
    server(client, kubeconfig, "crash".to_owned(), ended, Some(directory)).await
}

/// A namespace of the test's own on the real one.
pub(crate) async fn control_plane(test: &str) -> Server {
    static DEFINED: OnceCell<()> = OnceCell::const_new();
    let control_plane = tokio::task::spawn_blocking(ControlPlane::shared).await.unwrap();
    let client = control_plane.client().await;
    DEFINED
        .get_or_init(async || {
            let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
            definitions.create(&PostParams::default(), &crd()).await.unwrap();
            await_condition(definitions, &crd().name_any(), is_crd_established()).await.unwrap();
        })
        .await;
    server(client, control_plane.kubeconfig(), format!("crash-{}", test.replace('_', "-")), CancellationToken::new(), None).await
}

async fn server(client: Client, kubeconfig: PathBuf, namespace: String, ended: CancellationToken, embedded: Option<TempDir>) -> Server {
    let object: Namespace = serde_json::from_value(json!({ "metadata": { "name": namespace } })).unwrap();
    Api::all(client.clone()).create(&PostParams::default(), &object).await.unwrap();
    tokio::spawn(demo::run_controllers(client.clone(), ended.clone()));
    Server { client, kubeconfig, namespace, _controllers: ended.drop_guard(), _embedded: embedded }
}
