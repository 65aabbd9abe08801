//! kill -9 with reports in the spool, of the binary itself.

use serde_json::json;
use zen_agent::{contract::v0::types::Task, dev::credentials::Credentials};

use super::{
    Answer,
    agent::{Agent, client, ended, id},
    standin::StandIn,
    until,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_spooled_survives_a_kill_and_is_told_by_the_next_process_though_its_object_is_gone() {
    let state = tempfile::tempdir().unwrap();
    Credentials::prepare(state.path(), "https://127.0.0.1:0", jiff::Timestamp::now()).unwrap();
    let saas = StandIn::start(state.path()).await;
    saas.usually(Answer::Status(503));
    let mut agent = Agent::dev(state.path(), &["--saas-api-base", &saas.url()]);
    let task: Task = serde_json::from_value(json!({
        "execution_id": "exec-1", "tenant_id": "dev", "cluster_id": "dev-cluster", "remediation_id": "rem-1", "action": "annotate",
        "params": { "annotations": { "example.com/seen": "yes" } },
        "target": { "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web" },
    }))
    .unwrap();
    let api = client(state.path(), &agent);
    let receipt = api.stable.apply_remediation(&id(), &task).await.unwrap().into_inner();
    ended(&api, &receipt.remediation).await;
    // It was sent, so it is in the spool; and it was not taken.
    until("its end was to be told", async || saas.told("rem-1").last().is_some_and(|last| last == "success")).await;
    let cleaned = api.stable.cleanup_remediations(Some(false), Some("0s"), Some("succeeded"), &id()).await.unwrap().into_inner();
    assert_eq!(cleaned.deleted, 1);
    agent.kill();
    let before = saas.reports().len();
    saas.usually(Answer::Status(204));
    let _agent = Agent::dev(state.path(), &["--saas-api-base", &saas.url()]);
    until("it is told", async || saas.reports().len() > before).await;
    let told = &saas.reports()[before];
    assert_eq!((told.status(), told.body["execution_id"].as_str()), ("success", Some("exec-1")));
}
