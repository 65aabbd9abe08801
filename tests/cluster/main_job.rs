//! The main job of the product on a real control plane, by an independent client, with programs of the control plane
//! killed in between.

use controlplane::Program;
use zen_agent::remediation::crd;

use crate::{
    agent::Agent,
    ground::Ground,
    pair::follow_demo,
    process::{dev, main_job, serve, until_kubernetes_is},
};

/// The main job, and again after each of the programs that hold the state was killed.
fn holds_between_disasters(ground: &Ground, state: &std::path::Path, agent: &Agent) {
    main_job(state, agent);
    for program in [Program::ApiServer, Program::Etcd] {
        ground.control_plane().kill(program);
        ground.control_plane().restart(program);
        until_kubernetes_is(&agent.admin, &["ok"]);
        main_job(state, agent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_holds_for_dev_with_its_demo() {
    let ground = Ground::clean().await;
    let state = tempfile::tempdir().unwrap();
    let agent = dev(&ground, state.path(), &["--demo"]);
    holds_between_disasters(&ground, state.path(), &agent);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_holds_for_serve_over_mutual_tls() {
    let ground = Ground::with(&crd()).await;
    let state = tempfile::tempdir().unwrap();
    let _following = follow_demo(&ground, state.path()).await;
    let agent = Agent::start(serve(&ground.control_plane().kubeconfig(), state.path(), "127.0.0.1:0"));
    holds_between_disasters(&ground, state.path(), &agent);
}
