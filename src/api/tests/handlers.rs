//! What the operations answer, of what is stored and when it cannot be read.

use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use tokio::time::{self, Duration, Instant};

use super::{real::Agent, tasks};
use crate::{
    deadline,
    test_api::{Failure, MALFORMED},
};

#[tokio::test]
async fn a_malformed_object_is_as_if_it_were_not_there() {
    let agent = Agent::start().await;
    agent.kubernetes.create("good", None, json!({ "rule": "r" })).await;
    agent.kubernetes.create("bad", None, json!({ "rule": MALFORMED })).await;
    assert_eq!(agent.listed("").await, ["good"]);
    assert_eq!(agent.ask(Method::GET, "/v0/remediations/bad", "").await.0, StatusCode::NOT_FOUND);
    assert_eq!(agent.decide("bad", "approve").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_status_is_found_by_its_filter_wherever_it_stands() {
    let agent = Agent::start().await;
    let rows = [
        ("pending", json!({ "phase": "pending" }), "pending"),
        ("running", json!({ "phase": "in_progress" }), "in_progress"),
        ("done", json!({ "phase": "succeeded" }), "succeeded"),
        ("failed", json!({ "phase": "failed" }), "failed"),
        ("undone", json!({ "phase": "rolled_back" }), "rolled_back"),
        ("older", json!({ "phase": null, "state": "failed" }), "failed"),
        ("both", json!({ "phase": "succeeded", "state": "failed" }), "succeeded"),
        ("neither", json!({ "phase": null, "message": "empty" }), "pending"),
        ("odd", json!({ "phase": "odd" }), "unknown"),
        ("older-odd", json!({ "phase": null, "state": "odd" }), "unknown"),
    ];
    for (name, status, _) in &rows {
        agent.kubernetes.create(name, None, json!({})).await;
        agent.kubernetes.set_status(name, status.clone()).await;
    }
    for status in ["pending", "in_progress", "succeeded", "failed", "rolled_back", "unknown"] {
        let mut expected: Vec<&str> = rows.iter().filter(|row| row.2 == status).map(|row| row.0).collect();
        expected.sort_unstable();
        assert_eq!(agent.listed(&format!("?status={status}")).await, expected, "{status}");
    }
}

#[tokio::test]
async fn a_namespace_is_the_targets_and_the_agents_own_where_the_object_is_stored() {
    let agent = Agent::start().await;
    let target = |namespace: &str| json!({ "target": { "apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": "p" } });
    agent.kubernetes.create("in-shop", None, target("shop")).await;
    agent.kubernetes.create("in-jobs", None, target("jobs")).await;
    assert_eq!(agent.listed("?namespace=shop").await, ["in-shop"]);
    assert_eq!(agent.listed("?namespace=zen-system").await, ["in-jobs", "in-shop"]);
}

#[tokio::test]
async fn another_tenants_object_and_one_that_is_being_deleted_do_not_exist() {
    let agent = Agent::start().await;
    for (name, tenant) in [("mine", Some("acme")), ("nobodys", None), ("theirs", Some("umbrella")), ("going", None)] {
        agent.kubernetes.create(name, tenant, json!({})).await;
    }
    agent.kubernetes.edit("going", json!({ "metadata": { "finalizers": ["example.com/wait"] } })).await;
    agent.kubernetes.objects().delete("going", &kube::api::DeleteParams::default()).await.unwrap();
    assert_eq!(agent.listed("").await, ["mine", "nobodys"]);
    let missing = agent.ask(Method::GET, "/v0/remediations/nosuch", "").await;
    for name in ["theirs", "going"] {
        assert_eq!(agent.ask(Method::GET, &format!("/v0/remediations/{name}"), "").await, missing, "{name}");
        assert_eq!(agent.decide(name, "approve").await.0, StatusCode::NOT_FOUND, "{name}");
    }
    let stranger = Agent::of_tenant("umbrella").await;
    stranger.kubernetes.create("nobodys", None, json!({})).await;
    stranger.kubernetes.create("mine", Some("acme"), json!({})).await;
    assert_eq!(stranger.listed("").await, ["mine"], "what names no tenant is the agent's own tenant's");
}

#[tokio::test]
async fn only_who_sent_a_token_is_told_about_it() {
    let agent = Agent::start().await;
    for status in [400, 410] {
        agent.kubernetes.fail("limit=", Failure::With(status, "no", usize::MAX));
        let (_, problem) = agent.ask(Method::GET, "/v0/remediations?continue=abc", "").await;
        assert_eq!(problem["code"], "invalid_parameter", "{status}");
        let (_, problem) = agent.ask(Method::GET, "/v0/remediations", "").await;
        assert_eq!(problem["code"], if status == 400 { "internal" } else { "unavailable" });
        assert!(!problem.to_string().contains("continue"), "{problem}");
    }
}

/// Every operation, as method, target and body; of events a batch of 100.
fn operations() -> Vec<(Method, &'static str, String)> {
    let event = |rule: usize| {
        json!({ "source": "s", "rule": rule.to_string(), "severity": "high", "time": "2026-07-01T12:00:00Z",
            "target": { "apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "p" } })
    };
    let batch = json!({ "cluster_id": "cluster-1", "events": (0..100).map(event).collect::<Vec<_>>() });
    let falco = json!({ "time": "2026-07-01T12:00:00Z", "rule": "r", "priority": "Notice", "source": "syscall", "hostname": "n",
        "output_fields": { "k8s.ns.name": "shop", "k8s.pod.name": "p" } });
    let kyverno = json!({ "policy": "p", "rule": "r", "source": "kyverno", "status": "fail", "severity": "high", "message": "m",
        "resource": { "apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "p" }, "creationTimestamp": "2026-07-01T12:00:00Z" });
    let trivy = include_str!("../../../tests/samples/trivy-operator-vulnerabilityreport.json");
    let reason = json!({ "reason": "because" }).to_string();
    vec![
        (Method::POST, "/v0/events", batch.to_string()),
        (Method::POST, "/v0/events/falco", falco.to_string()),
        (Method::POST, "/v0/events/trivy", trivy.to_owned()),
        (Method::POST, "/v0/events/kyverno", kyverno.to_string()),
        (Method::GET, "/v0/remediations", String::new()),
        (Method::GET, "/v0/remediations/waiting", String::new()),
        (Method::POST, "/v0/remediations/waiting/approve", reason.clone()),
        (Method::POST, "/v0/remediations/waiting/reject", reason),
        (Method::GET, "/v1alpha1/watch/remediations?timeout_seconds=1", String::new()),
        (Method::DELETE, "/api/v1/remediations/cleanup", String::new()),
        (Method::POST, "/api/v1/remediations/apply", tasks::task("exec-1").to_string()),
    ]
}

#[tokio::test]
async fn while_the_kubernetes_api_is_away_every_operation_says_so_in_time_and_all_is_well_when_it_is_back() {
    for (method, target, body) in operations() {
        let agent = Agent::start().await;
        agent.kubernetes.create("waiting", None, json!({})).await;
        time::pause();
        for failure in [Failure::With(503, "no", usize::MAX), Failure::Reset, Failure::Hold] {
            agent.kubernetes.fail("", failure);
            let begun = Instant::now();
            let mut response = agent.send(method.clone(), target, &body).await;
            let problem: Value = response.take_body().into_json().await.unwrap();
            assert_eq!((response.status(), &problem["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")), "{target}");
            assert!(response.headers().contains_key(header::RETRY_AFTER), "{target}");
            assert!(begun.elapsed() <= deadline::REQUEST + Duration::from_secs(1), "{target}: {:?}", begun.elapsed());
        }
        time::resume();
        agent.kubernetes.recover();
        let response = agent.send(method, target, &body).await;
        assert!(response.status().is_success(), "{target}: {}", response.status());
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_may_take_longer_than_a_call_about_one_object() {
    let agent = Agent::start().await;
    agent.kubernetes.fail("", Failure::Slow(Duration::from_secs(20)));
    let (status, list) = agent.ask(Method::GET, "/v0/remediations", "").await;
    assert_eq!((status, &list["items"]), (StatusCode::OK, &json!([])));
}

#[tokio::test(start_paused = true)]
async fn a_batch_at_a_slow_kubernetes_api_is_given_up_on_at_the_deadline() {
    let agent = Agent::start().await;
    agent.kubernetes.fail("", Failure::Slow(Duration::from_secs(9)));
    let (method, target, body) = operations().swap_remove(0);
    let begun = Instant::now();
    let (status, problem) = agent.ask(method, target, &body).await;
    assert_eq!((status, &problem["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")));
    assert_eq!(begun.elapsed().as_secs(), deadline::REQUEST.as_secs());
}

#[tokio::test]
async fn a_decision_repeated_changes_nothing_and_one_that_contradicts_what_is_done_is_a_conflict() {
    let agent = Agent::start().await;
    let proposal = |name: &'static str| agent.kubernetes.create(name, None, json!({}));
    // Approved, and approved again by the same words or others: the first decision stands.
    proposal("approved").await;
    let first = agent.decide("approved", "approve").await;
    assert_eq!((first.0, &first.1["approval"]["state"]), (StatusCode::OK, &json!("approved")));
    assert_eq!(agent.decide("approved", "approve").await, first);
    // Before it begins it may still be rejected; then there is no way back.
    let rejected = agent.decide("approved", "reject").await;
    assert_eq!(
        (rejected.0, &rejected.1["approval"]["state"], &rejected.1["status"]),
        (StatusCode::OK, &json!("rejected"), &json!("failed"))
    );
    assert_eq!(agent.decide("approved", "reject").await, rejected);
    let (status, problem) = agent.decide("approved", "approve").await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("state_conflict")));
    // What has begun, or ended, is not rejected.
    for phase in ["in_progress", "succeeded", "failed", "rolled_back"] {
        let name = phase.replace('_', "-");
        agent.kubernetes.create(&name, None, json!({})).await;
        agent.kubernetes.set_status(&name, json!({ "phase": phase })).await;
        assert_eq!(agent.decide(&name, "reject").await.1["code"], "state_conflict", "{phase}");
        let approve = agent.decide(&name, "approve").await;
        assert_eq!(approve.0, if phase == "in_progress" { StatusCode::OK } else { StatusCode::CONFLICT }, "{phase}");
    }
}

async fn cleanup(agent: &Agent, query: &str) -> (StatusCode, Value) {
    agent.ask(Method::DELETE, &format!("/api/v1/remediations/cleanup?older_than=0s{query}"), "").await
}

async fn failed(agent: &Agent, name: &str) {
    agent.kubernetes.create(name, None, json!({})).await;
    agent.kubernetes.set_status(name, json!({ "phase": "failed" })).await;
}

#[tokio::test]
async fn a_cleanup_names_each_status_once_and_refuses_others_without_repeating_them() {
    let agent = Agent::start().await;
    failed(&agent, "old").await;
    let nine = ["failed"; 9].join(",");
    let (status, result) = cleanup(&agent, &format!("&statuses={nine},succeeded")).await;
    assert_eq!((status, &result["statuses"], &result["deleted"]), (StatusCode::OK, &json!(["failed", "succeeded"]), &json!(1)));
    for statuses in ["pending", "failed,SECRET", "", "unknown"] {
        let (_, problem) = cleanup(&agent, &format!("&statuses={statuses}")).await;
        assert_eq!(problem["code"], "invalid_parameter", "{statuses}");
        assert!(!problem.to_string().contains("SECRET"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_deleted_first_is_not_what_changed() {
    let agent = Agent::start().await;
    for name in ["changed", "gone", "going"] {
        failed(&agent, name).await;
    }
    agent.kubernetes.edit("going", json!({ "metadata": { "finalizers": ["example.com/wait"] } })).await;
    // The deletions wait; meanwhile the world goes on.
    agent.kubernetes.fail("DELETE", Failure::Hold);
    let meanwhile = async {
        while agent.kubernetes.asked("DELETE") < 3 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await; // lets the clock go on
        }
        agent.kubernetes.set_status("changed", json!({ "message": "new" })).await;
        for name in ["gone", "going"] {
            agent.kubernetes.objects().delete(name, &kube::api::DeleteParams::default()).await.unwrap();
        }
        agent.kubernetes.recover();
    };
    let ((status, result), ()) = tokio::join!(cleanup(&agent, ""), meanwhile);
    let counts = ["matched", "deleted", "skipped_changed", "errors"].map(|name| result[name].as_u64().unwrap());
    assert_eq!((status, counts), (StatusCode::OK, [3, 0, 1, 0]));
}

#[tokio::test]
async fn a_cleanup_that_could_not_list_everything_does_not_say_that_it_is_done() {
    let agent = Agent::start().await;
    failed(&agent, "old").await;
    // The pass over objects of the older kind, which comes last, is refused.
    agent.kubernetes.fail("status.phase%3D&", Failure::With(503, "no", usize::MAX));
    let (status, problem) = cleanup(&agent, "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(problem["detail"].as_str().unwrap().contains("1 were deleted"), "{problem}");
    agent.kubernetes.fail("status.phase%3D&", Failure::With(422, "no", usize::MAX));
    assert_eq!(cleanup(&agent, "").await.0, StatusCode::INTERNAL_SERVER_ERROR, "which waiting does not mend");
}

#[tokio::test]
async fn a_plan_is_shown_before_it_is_recorded_and_only_the_plan_that_was_seen_is_approved() {
    let agent = Agent::start().await;
    let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p", "namespace": "shop", "labels": { "a": "old" } }, "spec": {} });
    let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::namespaced(agent.kubernetes.client(), "shop");
    pods.create(&Default::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    let target = json!({ "apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "p" });
    let spec = json!({ "target": target, "action": { "label": { "labels": { "a": "new" } } }, "mode": "propose" });
    agent.kubernetes.create("r", Some("acme"), spec).await;
    let (status, plan) = agent.ask(Method::GET, "/v1alpha1/remediations/r/plan", "").await;
    assert_eq!(status, StatusCode::OK, "{plan}");
    assert_eq!((&plan["recorded"], &plan["action"], &plan["reversibility"]), (&json!(false), &json!("label"), &json!("reversible")));
    assert_eq!(plan["changes"][0]["former"], json!({ "metadata": { "labels": { "a": "old" } } }));
    assert_eq!(plan["changes"][0]["patch"], json!({ "metadata": { "labels": { "a": "new" } } }));
    assert_eq!(plan["previous"], json!({ "label": { "values": { "a": "old" } } }));
    assert_eq!(plan["permissions"], json!(["patch pods in shop"]));
    assert_eq!(agent.kubernetes.asked("dryRun"), 0, "who may only look has nothing tried");

    // Nothing is recorded yet, so no digest fits.
    let decision = |digest: &Value| json!({ "reason": "seen", "plan_digest": digest }).to_string();
    let (status, problem) = agent.ask(Method::POST, "/v1alpha1/remediations/r/approve", &decision(&plan["digest"])).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("state_conflict")));
    let recorded =
        json!({ "digest": plan["digest"], "target": plan["target"], "previous": plan["previous"], "reversibility": "reversible" });
    agent.kubernetes.set_status("r", json!({ "phase": "pending", "observedGeneration": 1, "plan": recorded })).await;
    let (_, shown) = agent.ask(Method::GET, "/v1alpha1/remediations/r/plan", "").await;
    assert_eq!((&shown["recorded"], &shown["digest"]), (&json!(true), &plan["digest"]));
    let other = json!(format!("sha256:{}", "0".repeat(64)));
    for verb in ["approve", "reject"] {
        let (status, _) = agent.ask(Method::POST, &format!("/v0/remediations/r/{verb}"), &decision(&other)).await;
        assert_eq!(status, StatusCode::CONFLICT, "{verb}");
    }
    let (status, approved) = agent.ask(Method::POST, "/v0/remediations/r/approve", &decision(&plan["digest"])).await;
    assert_eq!((status, &approved["approval"]["state"], &approved["plan_digest"]), (StatusCode::OK, &json!("approved"), &plan["digest"]));
    let approval = agent.kubernetes.object("r").await.status.unwrap().approval.unwrap();
    assert_eq!(json!(approval.plan_digest), plan["digest"]);
}

#[tokio::test]
async fn of_several_patches_there_is_no_plan_of_the_whole_and_no_approval_but_the_names_of_those_that_have_them() {
    let agent = Agent::start().await;
    let patch = json!({ "apiVersion": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "a", "patch": "data: {}" });
    agent.kubernetes.create("r", Some("acme"), json!({ "patches": [patch, patch], "mode": "propose" })).await;
    let (status, problem) = agent.ask(Method::GET, "/v1alpha1/remediations/r/plan", "").await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("state_conflict")));
    assert!(problem["detail"].as_str().unwrap().contains("none is there yet"), "{problem}");
    let made = json!([{ "name": "r-1-aa", "uid": "1" }, { "name": "r-2-bb", "uid": "2" }]);
    agent.kubernetes.set_status("r", json!({ "phase": "in_progress", "totalPatches": 2, "patchRemediations": made })).await;
    let (status, problem) = agent.ask(Method::GET, "/v1alpha1/remediations/r/plan", "").await;
    assert!(status == StatusCode::CONFLICT && problem["detail"].as_str().unwrap().contains("r-1-aa, r-2-bb"), "{problem}");
    let (status, problem) = agent.ask(Method::POST, "/v0/remediations/r/approve", r#"{ "reason": "seen" }"#).await;
    assert!(status == StatusCode::CONFLICT && problem["detail"].as_str().unwrap().contains("decided on by itself"), "{problem}");
}

#[tokio::test]
async fn what_cannot_be_planned_says_why() {
    let agent = Agent::start().await;
    let target = json!({ "apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "absent" });
    agent.kubernetes.create("r", Some("acme"), json!({ "target": target, "action": { "networkQuarantine": {} } })).await;
    let (status, problem) = agent.ask(Method::GET, "/v1alpha1/remediations/r/plan", "").await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("state_conflict")));
    assert!(problem["detail"].as_str().unwrap().contains("Pod absent was not found"), "{problem}");
    agent.kubernetes.set_status("r", json!({ "phase": "failed", "reason": "TargetNotFound" })).await;
    assert_eq!(agent.ask(Method::GET, "/v1alpha1/remediations/r/plan", "").await.0, StatusCode::CONFLICT);
    assert_eq!(agent.ask(Method::GET, "/v1alpha1/remediations/none/plan", "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_ended_is_tried_again_or_undone_where_somebody_asks_and_may() {
    let agent = Agent::start().await;
    let because = json!({ "reason": "because" }).to_string();
    let ask = async |name: &str, verb: &str| agent.ask(Method::POST, &format!("/v1alpha1/remediations/{name}/{verb}"), &because).await;
    let target = json!({ "apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "p", "uid": "u" });
    for (name, phase) in [("failed", "failed"), ("done", "succeeded")] {
        let action = json!({ "label": { "labels": { "a": "new" } } });
        agent.kubernetes.create(name, Some("acme"), json!({ "target": target, "action": action })).await;
        let previous = json!({ "label": { "absent": ["a"] } });
        let status = json!({ "phase": phase, "reason": "TargetChanged", "action": action, "target": target, "previous": previous });
        agent.kubernetes.set_status(name, status).await;
    }
    assert_eq!(ask("done", "retry").await.0, StatusCode::CONFLICT);
    assert_eq!(ask("failed", "rollback").await.0, StatusCode::CONFLICT);
    let (status, retried) = ask("failed", "retry").await;
    assert_eq!((status, &retried["status"], &retried["reason"]), (StatusCode::OK, &json!("pending"), &json!("RetryRequested")));
    let (status, undone) = ask("done", "rollback").await;
    assert_eq!((status, &undone["status"]), (StatusCode::OK, &json!("succeeded")));
    let asked = agent.kubernetes.object("done").await;
    let asked = asked.condition("RollbackRequested").unwrap();
    assert!(asked.message.contains("because") && asked.status == "True", "{}", asked.message);
    for (name, verb) in [("failed", "retry"), ("done", "rollback")] {
        assert_eq!(ask(name, verb).await.0, StatusCode::OK, "asked again");
        assert_eq!(ask("none", verb).await.0, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn the_emergency_stop_is_switched_by_the_agents_own_tenant_alone() {
    let agent = Agent::start().await;
    let switch =
        async |agent: &Agent, order: &str| agent.ask(Method::POST, &format!("/v1alpha1/{order}"), r#"{"reason":"an incident"}"#).await;
    for order in ["stop", "stop", "resume", "resume"] {
        let (status, answer) = switch(&agent, order).await;
        let expected = json!({ "stopped": order == "stop", "by": answer["by"], "reason": "an incident" });
        assert_eq!((status, answer), (StatusCode::OK, expected));
    }
    let other = Agent::of_tenant("other").await;
    for order in ["stop", "resume"] {
        let (status, answer) = switch(&other, order).await;
        assert_eq!((status, &answer["code"]), (StatusCode::FORBIDDEN, &json!("insufficient_role")));
    }
    agent.kubernetes.fail("configmaps", Failure::With(403, "Forbidden", 100));
    assert_ne!(switch(&agent, "stop").await.0, StatusCode::OK);
}

#[tokio::test]
async fn where_two_are_asked_for_whoever_sent_it_is_refused_as_its_approver() {
    let policy = "{ default: { mode: observe }, guardrails: { secondPerson: true } }";
    let (two, one) = (Agent::with("acme", policy).await, Agent::start().await);
    for agent in [&two, &one] {
        for (name, subject) in [("own", "test"), ("other", "eve")] {
            let request = json!({ "id": "r", "digest": "d", "index": 0, "subject": subject });
            agent.kubernetes.create(name, None, json!({ "request": request })).await;
        }
    }
    let (status, answer) = two.decide("own", "approve").await;
    assert_eq!((status, &answer["code"]), (StatusCode::CONFLICT, &json!("state_conflict")));
    assert!(answer["detail"].as_str().unwrap().contains("second person"));
    assert_eq!(two.decide("other", "approve").await.0, StatusCode::OK);
    assert_eq!(two.decide("own", "reject").await.0, StatusCode::OK, "saying no takes one");
    assert_eq!(one.decide("own", "approve").await.0, StatusCode::OK);
}
