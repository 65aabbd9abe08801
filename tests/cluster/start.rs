//! What the agent checks, and does, when it starts on a real API server.

use std::process::{Command, Output};

use controlplane::Program;
use k8s_openapi::{
    api::{apps::v1::Deployment, core::v1::Node},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use zen_agent::{
    contract::v0::types::Outcome,
    demo::{self, CreateError},
    remediation::{
        crd,
        definition::{InstallError, install},
    },
};

use crate::{
    agent::{Agent, client, id, sample},
    ground::Ground,
    process::{dev, free_address, outcome, serve, until_kubernetes_is},
};

const INSTALL: &str = "zen-agent crd | kubectl apply -f -";

/// Our definition with a change in what it says about `spec`.
fn changed(change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> CustomResourceDefinition {
    let mut definition = json!(crd());
    let schema = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    change(schema["properties"]["spec"]["properties"].as_object_mut().unwrap());
    serde_json::from_value(definition).unwrap()
}

fn assert_refused(output: &Output, what: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains(what) && said.contains(INSTALL), "{:?}: {said}", output.status);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("ready"), "it was ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_ends_without_a_definition_that_is_fit_and_says_which_command_installs_it() {
    let ground = Ground::clean().await;
    let state = tempfile::tempdir().unwrap();
    let kubeconfig = ground.control_plane().kubeconfig();
    let serve = || serve(&kubeconfig, state.path(), "127.0.0.1:0");
    ground.define(&changed(|spec| drop(spec.remove("eventTime")))).await;
    assert_refused(&outcome(serve()), "lacks .spec.eventTime");
    ground.undefine().await;
    assert_refused(&outcome(serve()), "does not know remediations");

    // The command that it names, with our binary and an unmodified kubectl.
    let printed = Command::new(env!("CARGO_BIN_EXE_zen-agent")).arg("crd").output().unwrap();
    let file = state.path().join("crd.yaml");
    std::fs::write(&file, printed.stdout).unwrap();
    let applied = ground.control_plane().kubectl().args(["apply", "-f"]).arg(file).output().unwrap();
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    Agent::start(serve());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_definition_is_fit() {
    let ground = Ground::clean().await;
    let newer = changed(|spec| drop(spec.insert("later".to_owned(), json!({ "type": "string" }))));
    ground.define(&newer).await;
    let state = tempfile::tempdir().unwrap();
    Agent::start(serve(&ground.control_plane().kubeconfig(), state.path(), "127.0.0.1:0"));
    // Nor does `dev` take the newer fields away.
    install(&ground.client).await.unwrap();
    let definitions: Api<CustomResourceDefinition> = Api::all(ground.client.clone());
    let schema = json!(definitions.get(&newer.name_any()).await.unwrap());
    assert!(schema.to_string().contains("\"later\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_waits_for_an_api_server_that_is_not_there_yet_and_says_so() {
    let ground = Ground::clean().await;
    let state = tempfile::tempdir().unwrap();
    let admin = free_address();
    let command = serve(&ground.control_plane().kubeconfig(), state.path(), &admin);
    ground.control_plane().kill(Program::ApiServer);
    let starting = tokio::task::spawn_blocking(move || Agent::start(command));
    until_kubernetes_is(&admin, &["cannot be reached"]);
    ground.control_plane().restart(Program::ApiServer);
    drop(starting.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_that_waited_ends_when_the_definition_turns_out_to_be_missing() {
    let ground = Ground::clean().await;
    ground.undefine().await;
    let state = tempfile::tempdir().unwrap();
    let admin = free_address();
    let command = serve(&ground.control_plane().kubeconfig(), state.path(), &admin);
    ground.control_plane().kill(Program::ApiServer);
    let ending = tokio::task::spawn_blocking(move || outcome(command));
    until_kubernetes_is(&admin, &["cannot be reached"]);
    ground.control_plane().restart(Program::ApiServer);
    assert_refused(&ending.await.unwrap(), "does not know remediations");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_definition_is_brought_up_to_ours_and_a_foreign_one_is_left_alone() {
    let ground = Ground::clean().await;
    ground.define(&changed(|spec| drop(spec.remove("eventTime")))).await;
    install(&ground.client).await.unwrap();
    let definitions: Api<CustomResourceDefinition> = Api::all(ground.client.clone());
    let installed = definitions.get(&crd().name_any()).await.unwrap();
    install(&ground.client).await.unwrap();
    let again = definitions.get(&crd().name_any()).await.unwrap();
    assert_eq!(again.resource_version(), installed.resource_version(), "nothing is written where nothing is lacking");

    ground
        .define(&changed(|spec| {
            spec.remove("eventTime");
            spec.insert("theirs".to_owned(), json!({ "type": "string" }));
        }))
        .await;
    let before = definitions.get(&crd().name_any()).await.unwrap();
    let refused = install(&ground.client).await.unwrap_err();
    assert!(matches!(&refused, InstallError::Foreign(_)), "{refused}");
    assert!(refused.to_string().contains(".spec.eventTime") && refused.to_string().contains(".spec.theirs"), "{refused}");
    assert_eq!(definitions.get(&crd().name_any()).await.unwrap().resource_version(), before.resource_version());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_is_refused_where_there_are_nodes() {
    let ground = Ground::clean().await;
    let nodes: Api<Node> = Api::all(ground.client.clone());
    let node: Node = serde_json::from_value(json!({ "metadata": { "name": "a-node" } })).unwrap();
    nodes.create(&PostParams::default(), &node).await.unwrap();
    let refused = demo::create(&ground.client).await;
    nodes.delete("a-node", &DeleteParams::default()).await.unwrap();
    assert!(matches!(refused, Err(CreateError::Nodes)), "{refused:?}");
    let deployments: Api<Deployment> = Api::all(ground.client.clone());
    assert!(deployments.list(&Default::default()).await.unwrap().items.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_touches_nothing_that_is_not_its_own() {
    let ground = Ground::with(&crd()).await;
    let web: Api<Deployment> = Api::namespaced(ground.client.clone(), "shop");
    let adopted = Patch::Merge(json!({ "metadata": { "labels": { "zen.kube-zen.io/demo": null } } }));
    let theirs = web.patch("web", &PatchParams::default(), &adopted).await.unwrap();
    let refused = demo::create(&ground.client).await.unwrap_err();
    assert!(matches!(&refused, CreateError::Foreign(what) if what == "Deployment shop/web"), "{refused}");
    assert_eq!(web.get("web").await.unwrap(), theirs);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_with_one_state_directory_share_credentials_workloads_and_requests() {
    let ground = Ground::clean().await;
    let state = tempfile::tempdir().unwrap();
    let both = std::thread::scope(|scope| {
        let start = || scope.spawn(|| dev(&ground, state.path(), &["--demo"]));
        [start(), start()].map(|starting| starting.join().unwrap())
    });
    let event = sample("falco-outbound-c2.json");
    let request = id();
    let mut names = Vec::new();
    for (agent, outcome) in both.iter().zip([Outcome::Created, Outcome::Replayed]) {
        let receipt = client(state.path(), agent).stable.ingest_falco(&request, event.clone()).await.unwrap().into_inner();
        assert_eq!(receipt.results[0].outcome, outcome);
        names.push(receipt.results[0].remediation.clone());
    }
    assert_eq!(names[0], names[1]);
    let url = std::fs::read_to_string(state.path().join("client/url")).unwrap();
    assert!(both.iter().any(|agent| agent.api == url), "{url} is neither");
}
