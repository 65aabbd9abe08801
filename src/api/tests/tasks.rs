//! Tasks that were decided on elsewhere.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::real::Agent;
use crate::test_api::Failure;

const MANIFEST: &str = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {paused: true}}";

/// A task as the contract has it.
pub(super) fn task(execution_id: &str) -> Value {
    json!({ "execution_id": execution_id, "tenant_id": "acme", "cluster_id": "cluster-1", "remediation_id": "rem-1",
        "action": "scale", "params": { "replicas": 0 },
        "target": { "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web" } })
}

fn with(mut task: Value, changes: Value) -> Value {
    task.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    task
}

async fn apply(agent: &Agent, task: &Value) -> (StatusCode, Value) {
    agent.ask(Method::POST, "/api/v1/remediations/apply", &task.to_string()).await
}

async fn cancel(agent: &Agent, execution_id: &str) -> (StatusCode, Value) {
    let body = json!({ "execution_id": execution_id, "tenant_id": "acme", "cluster_id": "cluster-1", "reason": "superseded" });
    agent.ask(Method::POST, "/api/v1/remediations/cancel", &body.to_string()).await
}

#[tokio::test]
async fn a_task_is_stored_as_approved_by_its_sender_and_named_after_its_execution() {
    let agent = Agent::start().await;
    let (status, receipt) = apply(&agent, &with(task("exec-1"), json!({ "scheduled_time": "2099-01-01T00:00:00Z" }))).await;
    assert_eq!((status, &receipt["outcome"], &receipt["execution_id"]), (StatusCode::ACCEPTED, &json!("created"), &json!("exec-1")));
    let name = receipt["remediation"].as_str().unwrap();
    assert!(name.starts_with("zat-"), "{name}");
    let object = agent.kubernetes.object(name).await;
    assert_eq!(object.tenant(), Some("acme"));
    let spec = serde_json::to_value(&object.spec).unwrap();
    let said = ["source", "remediationId", "approvedBy", "approvalSource", "scheduledTime"].map(|name| spec[name].as_str().unwrap());
    assert_eq!(said, ["saas", "rem-1", "test", "saas", "2099-01-01T00:00:00Z"]);
    assert_eq!((&spec["request"]["executionId"], &spec["action"]), (&json!("exec-1"), &json!({ "scale": { "replicas": 0 } })));
    assert!(spec["approvedAt"].is_string());
    let (_, seen) = agent.ask(Method::GET, &format!("/v0/remediations/{name}"), "").await;
    assert_eq!(
        [&seen["approval"]["state"], &seen["approval"]["by"], &seen["execution_id"], &seen["remediation_id"]],
        ["approved", "test", "exec-1", "rem-1"]
    );
}

#[tokio::test]
async fn an_execution_has_effect_once_and_another_body_for_it_is_a_conflict() {
    let agent = Agent::start().await;
    let (_, first) = apply(&agent, &task("exec-1")).await;
    let mut replay = agent.send(Method::POST, "/api/v1/remediations/apply", &task("exec-1").to_string()).await;
    assert_eq!((replay.status(), &replay.headers()["Idempotent-Replayed"]), (StatusCode::ACCEPTED, &"true".parse().unwrap()));
    let replay: Value = replay.take_body().into_json().await.unwrap();
    assert_eq!((&replay["outcome"], &replay["remediation"]), (&json!("replayed"), &first["remediation"]));
    let (status, problem) = apply(&agent, &with(task("exec-1"), json!({ "params": { "replicas": 1 } }))).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("execution_conflict")));
    // The same X-Request-Id stands for another task, and for an event: it only correlates.
    let (status, second) = apply(&agent, &task("exec-2")).await;
    assert_eq!((status, &second["outcome"]), (StatusCode::ACCEPTED, &json!("created")));
    assert_eq!(agent.kubernetes.names().await.len(), 2);
}

#[tokio::test]
async fn a_task_whose_storing_broke_off_is_completed_by_sending_it_again() {
    let agent = Agent::start().await;
    agent.kubernetes.fail("POST", Failure::With(500, "no", usize::MAX));
    assert!(apply(&agent, &task("exec-1")).await.0.is_server_error());
    agent.kubernetes.recover();
    assert_eq!(apply(&agent, &task("exec-1")).await.1["outcome"], "created");
}

#[tokio::test]
async fn a_task_for_another_tenant_or_cluster_is_refused() {
    let agent = Agent::start().await;
    for (change, code) in
        [(json!({ "tenant_id": "umbrella" }), "tenant_mismatch"), (json!({ "cluster_id": "cluster-2" }), "cluster_mismatch")]
    {
        let (status, problem) = apply(&agent, &with(task("exec-1"), change)).await;
        assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!(code)));
    }
    assert_eq!(agent.kubernetes.names().await, [""; 0]);
}

#[tokio::test]
async fn a_task_takes_the_parameters_of_its_action_and_no_others() {
    let agent = Agent::start().await;
    let ready = json!({ "name": "ready", "condition": { "type": "Ready" } });
    let rows = [
        (json!({ "action": "explode" }), "/action"),
        (json!({ "params": { "labels": { "a": "b" } } }), "/params"),
        (json!({ "params": { "replicas": 0, "labels": { "a": "b" } } }), "/params"),
        (json!({ "params": { "replicas": 10_001 } }), "/params/replicas"),
        (json!({ "params": { "nosuch": 1 } }), "/params"),
        (json!({ "params": {} }), "/params"),
        (json!({ "action": "label", "params": { "labels": { "a b": "c" } } }), "/params"),
        (json!({ "action": "evict" }), "/params"),
        (json!({ "verification": { "probes": [] } }), "/verification/probes"),
        (json!({ "verification": { "probes": [{ "name": "a" }] } }), "/verification/probes/0"),
        (json!({ "verification": { "probes": [ready, ready] } }), "/verification"),
        (json!({ "verification": { "probes": [ready], "soakSeconds": 300 } }), "/verification"),
        (json!({ "verification": { "probes": [ready], "intervalSeconds": 0 } }), "/verification/intervalSeconds"),
        (json!({ "target": { "apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "../../secrets/x" } }), "/target"),
        (json!({ "target": { "apiVersion": "v1", "kind": "Pod", "name": "p" } }), "/target"),
        (json!({ "action": "apply", "params": { "manifest": "{}" } }), "/params"),
        (json!({ "action": "apply", "params": { "manifest": MANIFEST.replace("name: web", "name: other") } }), "/params/manifest"),
        (json!({ "action": "apply", "params": { "manifest": MANIFEST.replace("spec", "status") } }), "/params"),
    ];
    for (change, pointer) in rows {
        let (status, problem) = apply(&agent, &with(task("exec-1"), change.clone())).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{change}");
        assert!(problem["violations"][0]["pointer"].as_str().unwrap().starts_with(pointer), "{change}: {problem}");
        assert!(!problem.to_string().contains("secrets"), "what was sent is not repeated: {problem}");
    }
    let mut without = task("exec-1");
    without.as_object_mut().unwrap().remove("params");
    assert_eq!(apply(&agent, &with(without, json!({ "action": "evict" }))).await.0, StatusCode::ACCEPTED);
    let manifest = json!({ "action": "apply", "params": { "manifest": MANIFEST } });
    assert_eq!(apply(&agent, &with(task("exec-2"), manifest)).await.0, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn what_has_not_begun_is_cancelled_and_what_has_is_not() {
    let agent = Agent::start().await;
    let (_, receipt) = apply(&agent, &task("exec-1")).await;
    let cancelled = cancel(&agent, "exec-1").await;
    assert_eq!((cancelled.0, &cancelled.1["status"], &cancelled.1["reason"]), (StatusCode::OK, &json!("failed"), &json!("Cancelled")));
    assert_eq!(cancelled.1["message"], "cancelled by test (admin): superseded");
    assert_eq!(cancelled.1["id"], receipt["remediation"]);
    assert_eq!(cancel(&agent, "exec-1").await, cancelled, "again is harmless");
    assert_eq!(apply(&agent, &task("exec-1")).await.1["outcome"], "replayed", "and does not bring it back");
    for (execution, phase) in [("exec-2", "in_progress"), ("exec-3", "succeeded"), ("exec-4", "failed"), ("exec-5", "rolled_back")] {
        let (_, receipt) = apply(&agent, &task(execution)).await;
        agent.kubernetes.set_status(receipt["remediation"].as_str().unwrap(), json!({ "phase": phase })).await;
        let (status, problem) = cancel(&agent, execution).await;
        assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("state_conflict")), "{phase}");
    }
    assert_eq!(cancel(&agent, "nobody-knows").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_task_says_what_has_to_hold_afterwards() {
    let agent = Agent::start().await;
    let verification = json!({
        "probes": [{ "name": "up", "condition": {
            "type": "Available", "status": "True", "object": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
        } }],
        "initialDelaySeconds": 1, "intervalSeconds": 2, "soakSeconds": 3, "timeoutSeconds": 10,
        "failureLimit": 1, "inconclusiveLimit": 2, "errorLimit": 3,
    });
    let (status, receipt) = apply(&agent, &with(task("exec-1"), json!({ "verification": verification }))).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{receipt}");
    let object = agent.kubernetes.object(receipt["remediation"].as_str().unwrap()).await;
    assert_eq!(serde_json::to_value(&object.spec.verification).unwrap(), verification);
}
