//! The control plane goes away and comes back, under an agent that runs.

use std::time::{Duration, Instant};

use controlplane::{ControlPlane, Program};
use zen_agent::{
    client::Error,
    contract::v0::types::{Outcome, Status},
};

use crate::{
    agent::{client, ended, id, sample},
    ground::Ground,
    process::{dev, until_kubernetes_is},
};

/// How long a sender may have to wait for an answer, whatever has happened.
const REQUEST_DEADLINE: Duration = Duration::from_secs(25);
/// What `/readyz` may say of an API server that is not there, or that waits for its own store.
const AWAY: [&str; 4] = ["cannot be reached", "does not answer", "answers 500 InternalError", "answers 503 ServiceUnavailable"];

/// Events are refused in time and with a time to try again, readiness says why, and afterwards all goes on by itself.
async fn survives(begin: impl Fn(&ControlPlane), end: impl Fn(&ControlPlane)) {
    let ground = Ground::clean().await;
    let state = tempfile::tempdir().unwrap();
    let agent = dev(&ground, state.path(), &["--demo"]);
    let client = client(state.path(), &agent);
    let event = sample("falco-outbound-c2.json");
    begin(ground.control_plane());

    let request = id();
    let asked = Instant::now();
    let refused = client.stable.ingest_falco(&request, event.clone()).await.expect_err("nothing can be stored");
    assert!(asked.elapsed() < REQUEST_DEADLINE, "answered after {:?}", asked.elapsed());
    let Error::ErrorResponse(answer) = refused else { panic!("{refused}") };
    assert_eq!(answer.status().as_u16(), 503);
    let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    assert!(retry_after.is_some_and(|seconds| (1..=60).contains(&seconds)), "{retry_after:?}");
    until_kubernetes_is(&agent.admin, &AWAY);

    end(ground.control_plane());
    until_kubernetes_is(&agent.admin, &["ok"]);
    // The same request again: whether the first was stored is for the server to know.
    let receipt = client.stable.ingest_falco(&request, event.clone()).await.expect("it is stored").into_inner();
    let name = receipt.results[0].remediation.clone().expect("a name");
    assert_eq!(ended(&client, &name).await.status, Status::Succeeded);
    let replayed = client.stable.ingest_falco(&request, event.clone()).await.expect("it is known").into_inner();
    assert_eq!((replayed.results[0].outcome, replayed.results[0].remediation.as_ref()), (Outcome::Replayed, Some(&name)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_api_server() {
    survives(|it| it.kill(Program::ApiServer), |it| it.restart(Program::ApiServer)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_etcd() {
    survives(|it| it.kill(Program::Etcd), |it| it.restart(Program::Etcd)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_api_server() {
    survives(|it| it.pause(Program::ApiServer), |it| it.resume(Program::ApiServer)).await;
}
