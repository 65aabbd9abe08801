//! `--watch`: reports that are kept in the cluster.

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use super::{Agent, cluster_reports};

#[tokio::test(flavor = "multi_thread")]
async fn a_report_arrives_once_for_each_thing_that_it_says_whatever_is_restarted_and_deleted_meanwhile() {
    let state = tempfile::tempdir().unwrap();
    let agent = Agent::dev(state.path(), &["--kube-listen", "127.0.0.1:0"]);
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let file = state.path().join("client/kubeconfig");
    let config = Config::from_custom_kubeconfig(Kubeconfig::read_from(&file).unwrap(), &KubeConfigOptions::default()).await.unwrap();
    cluster_reports::arrive_once(&Client::try_from(config).unwrap(), &file, state.path(), &agent).await;
}
