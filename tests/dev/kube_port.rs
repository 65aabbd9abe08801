//! `dev --kube-listen`: the embedded Kubernetes API for other processes of this machine.

use std::{path::Path, process::Command};

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::{
    Api, Client, Config, ResourceExt,
    api::{ListParams, WatchEvent, WatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use zen_agent::{
    dev::{CLUSTER, NAMESPACE, TENANT, credentials},
    remediation::ZenAgentRemediation,
};

use super::{Agent, client, ended, id, sample};

const ON: [&str; 2] = ["--kube-listen", "127.0.0.1:0"];

async fn kube(state: &Path) -> Client {
    // Whoever was first has installed the same one.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let kubeconfig = Kubeconfig::read_from(state.join("client/kubeconfig")).unwrap();
    Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_agent_stores_is_watched_and_read_by_another_process() {
    let state = tempfile::tempdir().unwrap();
    let agent = Agent::dev(state.path(), &ON);
    let kube = kube(state.path()).await;
    let remediations: Api<ZenAgentRemediation> = Api::default_namespaced(kube.clone());
    assert_eq!(kube.default_namespace(), NAMESPACE);
    let none = remediations.list(&ListParams::default()).await.unwrap();
    assert_eq!(none.items, []);
    let mut watch = remediations.watch(&WatchParams::default(), none.metadata.resource_version.as_deref().unwrap()).await.unwrap().boxed();

    let client = client(state.path(), &agent);
    let receipt = client.stable.ingest_falco(&id(), sample("falco-outbound-c2.json")).await.unwrap();
    let name = receipt.into_inner().results[0].remediation.clone().unwrap();
    let Some(WatchEvent::Added(seen)) = watch.try_next().await.unwrap() else { panic!("expected the creation") };
    assert_eq!(seen.name_any(), name);
    let item = ended(&client, &name).await;
    assert_eq!(item.status.to_string(), "succeeded", "{item:?}");
    let policies: Api<NetworkPolicy> = Api::namespaced(kube, "jobs");
    assert_eq!(policies.list(&ListParams::default()).await.unwrap().items.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_runs_against_it_from_another_process() {
    let state = tempfile::tempdir().unwrap();
    let _dev = Agent::dev(state.path(), &ON);
    let file = |folder: &str, name: &str| state.path().join(folder).join(name).display().to_string();
    let mut serve = Command::new(env!("CARGO_BIN_EXE_zen-agent"));
    serve.arg("serve").env("KUBECONFIG", state.path().join("client/kubeconfig")).envs([
        ("LISTEN", "127.0.0.1:0".to_owned()),
        ("ADMIN_LISTEN", "127.0.0.1:0".to_owned()),
        ("LOG_LEVEL", "warn".to_owned()),
        ("TLS_CERT_FILE", file("server", "tls.crt")),
        ("TLS_KEY_FILE", file("server", "tls.key")),
        ("TLS_CLIENT_CA_FILE", file("client", "ca.crt")),
        ("TENANT_ID", TENANT.to_owned()),
        ("CLUSTER_ID", CLUSTER.to_owned()),
        ("HMAC_KEY_ID", credentials::HMAC_KID.to_owned()),
        ("HMAC_SECRET", std::fs::read_to_string(file("client", "hmac.key")).unwrap()),
        ("JWT_ISSUER", credentials::ISSUER.to_owned()),
        ("JWT_AUDIENCE", credentials::AUDIENCE.to_owned()),
        ("JWT_KEY_FILES", file("server", "jwt.pub")),
        ("REMEDIATION_NAMESPACE", NAMESPACE.to_owned()),
    ]);
    let serve = Agent::start(serve);
    let client = client(state.path(), &serve);
    let receipt = client.stable.ingest_falco(&id(), sample("falco-outbound-c2.json")).await.unwrap();
    let name = receipt.into_inner().results[0].remediation.clone().unwrap();
    let stored: Api<ZenAgentRemediation> = Api::default_namespaced(kube(state.path()).await);
    assert_eq!(stored.get(&name).await.unwrap().name_any(), name);
}

#[test]
fn an_address_that_others_can_reach_is_refused() {
    let state = tempfile::tempdir().unwrap();
    for address in ["0.0.0.0:0", "192.0.2.1:8001", "[::]:0"] {
        let mut dev = Command::new(env!("CARGO_BIN_EXE_zen-agent"));
        let output = dev.args(["dev", "--kube-listen", address, "--state-dir"]).arg(state.path()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{address}: {said}");
        assert!(said.contains("loopback"), "{said}");
    }
}
