//! The server under the tests of the pipeline: an embedded one for each.

use embedded_kube::{EmbeddedKube, Options};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, api::PostParams};
use tempfile::TempDir;
use zen_agent::demo;

/// A server of the test's own.
pub(crate) struct Ground {
    pub(crate) client: Client,
    _directory: TempDir,
}

impl Ground {
    /// With this definition of remediations, and the sample workloads.
    pub(crate) async fn with(definition: &CustomResourceDefinition) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = EmbeddedKube::open(directory.path(), Options::default()).unwrap();
        let client = store.client("default");
        demo::seed(&store).await.unwrap();
        Api::all(client.clone()).create(&PostParams::default(), definition).await.unwrap();
        Self { client, _directory: directory }
    }
}
