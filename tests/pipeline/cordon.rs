//! `cordon`, whose target has no namespace.

use std::time::Duration;

use serde_json::{Value, json};
use zen_agent::{
    event::Target,
    policy::{Budget, Guardrails},
    remediation::Phase,
};

use super::{actions::executed, crash::die_after};
use crate::support::*;

fn node() -> Target {
    Target { namespace: None, ..target("v1", "Node", "", "node-1") }
}

fn on_node() -> Target {
    target("v1", "Pod", "shop", "placed")
}

async fn world() -> World {
    let world = World::new().await;
    let taint = json!([{ "key": "example.com/theirs", "effect": "NoSchedule" }]);
    world.place(json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "node-1" }, "spec": { "taints": taint } })).await;
    let spec = json!({ "nodeName": "node-1", "containers": [{ "name": "web", "image": "web:1" }] });
    world.place(json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "namespace": "shop", "name": "placed" }, "spec": spec })).await;
    world
}

async fn unschedulable(world: &World) -> Value {
    world.state(&node()).await["spec"]["unschedulable"].clone()
}

#[tokio::test]
async fn the_node_that_the_pod_runs_on_is_cordoned_and_pinned() {
    let world = world().await;
    let done = world.run("r", automatic(on_node(), cordon())).await;
    assert_eq!((done.phase(), reason(&done)), (Phase::Succeeded, "Validated"), "{}", message(&done));
    assert_eq!(unschedulable(&world).await, json!(true));
    let pinned = done.status.unwrap().target.unwrap();
    let uid = world.objects("v1", "Node", None).get("node-1").await.unwrap().metadata.uid;
    assert_eq!((pinned.kind.as_str(), pinned.namespace, pinned.uid), ("Node", None, uid));
}

#[tokio::test]
async fn what_no_node_runs_is_refused() {
    let world = world().await;
    for (name, target) in [("pending", web_pod()), ("workload", target("apps/v1", "Deployment", "shop", "web"))] {
        let ended = world.run(name, automatic(target, cordon())).await;
        assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "UnsupportedTarget"));
    }
}

#[tokio::test]
async fn a_node_is_uncordoned_to_the_state_before_field_by_field_and_only_where_the_agent_had_cordoned_it() {
    let world = world().await;
    for (name, before) in [("free", Value::Null), ("cordoned", json!(true))] {
        world.change(&node(), json!({ "spec": { "unschedulable": before } })).await;
        let state = world.state(&node()).await;
        executed(&world, name, automatic(node(), cordon()), if before.is_null() { 3 } else { 2 }).await;
        let ended = world.undo(name, "/nodes/").await;
        assert_eq!(ended.phase(), Phase::RolledBack, "{}", message(&ended));
        assert_eq!(world.state(&node()).await, state);
    }
}

#[tokio::test]
async fn a_node_that_another_party_uncordoned_is_left_alone() {
    let world = world().await;
    executed(&world, "r", automatic(node(), cordon()), 3).await;
    world.change(&node(), json!({ "spec": { "unschedulable": null }, "metadata": { "labels": { "theirs": "yes" } } })).await;
    let theirs = world.state(&node()).await;
    let ended = world.drive(&world.pipeline(), "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ValidationFailed"));
    assert_eq!(world.state(&node()).await, theirs);
}

#[tokio::test]
async fn a_node_that_is_cordoned_before_a_crash_is_not_written_again() {
    let world = world().await;
    world.create("r", automatic(node(), cordon())).await;
    die_after(&world, "r", 2).await.unwrap_err();
    let nodes = world.objects("v1", "Node", None);
    let written = nodes.get("node-1").await.unwrap().metadata.resource_version;
    assert_eq!(world.drive(&world.pipeline(), "r").await.phase(), Phase::Succeeded);
    assert_eq!(nodes.get("node-1").await.unwrap().metadata.resource_version, written);
}

#[tokio::test]
async fn a_pod_in_a_protected_namespace_leads_to_no_node() {
    let world = world().await;
    let pipeline = world.guarded(Guardrails { protected_namespaces: ["shop".to_owned()].into(), ..Guardrails::none() });
    world.create("r", automatic(on_node(), cordon())).await;
    let ended = world.drive(&pipeline, "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "ProtectedNamespace"));
    assert_eq!(unschedulable(&world).await, Value::Null);
}

#[tokio::test]
async fn nodes_have_a_budget_of_their_own_whichever_way_they_were_found() {
    let world = world().await;
    let budget = Budget { per_namespace: 1, window: Duration::from_secs(3_600) };
    let pipeline = world.guarded(Guardrails { budget: Some(budget), ..Guardrails::none() });
    for (name, spec, ends) in [
        ("first", automatic(on_node(), cordon()), Phase::Succeeded),
        ("same-namespace", automatic(web_pod(), label(&[("flag", "falco")])), Phase::Succeeded),
        ("second", automatic(node(), cordon()), Phase::Pending),
    ] {
        world.create(name, spec).await;
        let stands = world.drive(&pipeline, name).await;
        assert_eq!(stands.phase(), ends, "{name}: {}", message(&stands));
    }
    assert_eq!(reason(&world.get("second").await), "BudgetExceeded");
}
