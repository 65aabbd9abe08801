//! What is told, in which order, and what a SaaS that is slow, down or wrong leads to.

use std::time::Duration;

use serde_json::json;

use super::{Answer, Ground, until};

/// How far a status is; none follows the last.
fn rank(status: &str) -> usize {
    ["pending", "running", "success"].iter().position(|known| *known == status).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_status_is_told_in_order_and_marked_on_the_object_where_it_rests() {
    let ground = Ground::new().await;
    let _leader = ground.leader("spool").await;
    let names: Vec<String> = (0..20).map(|n| format!("r{n}")).collect();
    for name in &names {
        ground.create(name).await;
    }
    for phase in ["in_progress", "succeeded"] {
        for name in &names {
            ground.set(name, phase).await;
        }
    }
    for name in &names {
        ground.until_told(name, "success").await;
        ground.until_synced(name, true).await;
        let told = ground.saas.told(&format!("rem-{name}"));
        assert!(told.is_sorted_by_key(|status| rank(status)), "{told:?}");
        assert_eq!(told.iter().filter(|status| *status == "success").count(), 1, "once: {told:?}");
    }
    let last = ground.saas.reports().pop().unwrap().body;
    assert_eq!((last["cluster_id"].as_str(), last["details"]["action"].as_str()), (Some("dev-cluster"), Some("scale")));
    assert!(last["execution_id"].as_str().unwrap().starts_with("exec-r"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_another_tenants_remediation_nobody_is_told() {
    let ground = Ground::new().await;
    let _leader = ground.leader("spool").await;
    ground.create_of("theirs", "umbrella").await;
    ground.create("ours").await;
    ground.set("theirs", "succeeded").await;
    ground.set("ours", "succeeded").await;
    ground.until_told("ours", "success").await;
    assert_eq!(ground.saas.told("rem-theirs"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saas_that_is_wrong_in_every_way_is_told_in_the_end_by_the_same_request() {
    let ground = Ground::new().await;
    ground.create("a").await;
    ground.set("a", "succeeded").await;
    ground.saas.then([
        Answer::Status(500),
        Answer::Close,
        Answer::Garbage,
        Answer::After(429, "2"),
        Answer::Status(401),
        Answer::After(503, "1"),
    ]);
    let _leader = ground.leader("spool").await;
    ground.until_synced("a", true).await;
    let reports = ground.saas.reports();
    assert_eq!(reports.len(), 7, "{reports:?}");
    assert!(reports.iter().all(|report| report.request_id == reports[0].request_id && report.body == reports[0].body));
    let gap = |n: usize| reports[n + 1].at - reports[n].at;
    assert!(gap(3) >= Duration::from_secs(2), "what it asks for by 429 is honoured: {:?}", gap(3));
    assert!(gap(5) >= Duration::from_secs(1), "and by 503: {:?}", gap(5));
    assert!(gap(0) >= Duration::from_millis(250), "there is a wait between any two: {:?}", gap(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_saas_holds_up_nobody_but_the_remediation_that_it_is_slow_about() {
    let ground = Ground::new().await;
    ground.create("slow").await;
    ground.set("slow", "succeeded").await;
    ground.saas.about("rem-slow", Answer::Late(Duration::from_secs(300)));
    let leader = ground.leader("spool").await;
    ground.until_told("slow", "success").await;
    ground.create("quick").await;
    ground.set("quick", "succeeded").await;
    ground.until_synced("quick", true).await;
    assert_ne!(ground.synced("slow").await, Some(true));
    // It is given up on after ten seconds, and told again.
    ground.saas.as_usual("rem-slow");
    ground.until_synced("slow", true).await;
    let failed = leader.metric("zen_agent_saas_reports_total{outcome=\"failed\"}").unwrap();
    assert_eq!(failed + 1.0, ground.saas.told("rem-slow").len() as f64, "each was given up on but the last");
    assert!(failed >= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saas_that_is_down_is_left_alone_and_told_when_it_is_back() {
    is_left_alone_and_told_when_it_is_back(502).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saas_that_has_too_much_to_do_and_says_not_until_when_is_left_alone_too() {
    is_left_alone_and_told_when_it_is_back(429).await;
}

async fn is_left_alone_and_told_when_it_is_back(status: u16) {
    let ground = Ground::new().await;
    ground.saas.usually(Answer::Status(status));
    for n in 0..40 {
        ground.create(&format!("r{n}")).await;
        ground.set(&format!("r{n}"), "failed").await;
    }
    let leader = ground.leader("spool").await;
    until("the circuit is open", async || leader.metric("zen_agent_circuit_state{dependency=\"saas\"}") == Some(2.0)).await;
    until("health says so", async || leader.health.degradations().contains_key("saas")).await;
    let asked = ground.saas.reports().len();
    assert!(asked < 20, "of 40 that wait, {asked} were tried");
    ground.saas.usually(Answer::Status(204));
    for n in 0..40 {
        ground.until_synced(&format!("r{n}"), true).await;
    }
    assert_eq!(leader.metric("zen_agent_circuit_state{dependency=\"saas\"}"), Some(0.0));
    until("health is well", async || leader.health.saas() == Some(true)).await;
    until("nothing is left in the spool", async || leader.metric("zen_agent_saas_spool_entries") == Some(0.0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_leader_tells_what_the_former_did_not_and_repeats_nothing_that_is_known() {
    let ground = Ground::new().await;
    ground.create("known").await;
    ground.set("known", "succeeded").await;
    let former = ground.leader("former").await;
    ground.until_synced("known", true).await;
    ground.saas.usually(Answer::Status(503));
    ground.create("open").await;
    ground.set("open", "rolled_back").await;
    ground.until_told("open", "rolled_back").await;
    former.stop().await;
    ground.saas.usually(Answer::Status(204));
    let _next = ground.leader("next").await;
    ground.until_synced("open", true).await;
    assert_eq!(ground.saas.told("rem-known").iter().filter(|status| *status == "success").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_deleted_remediation_is_told_from_the_spool_and_nothing_of_one_that_had_not_ended() {
    let ground = Ground::new().await;
    ground.saas.usually(Answer::Status(503));
    for (name, phase) in [("ended", "succeeded"), ("begun", "in_progress")] {
        ground.create(name).await;
        ground.set(name, phase).await;
    }
    let leader = ground.leader("spool").await;
    ground.until_told("ended", "success").await;
    ground.until_told("begun", "running").await;
    leader.stop().await;
    // What was under way when it stopped may come yet, before it is counted.
    ground.saas.until_left().await;
    ground.delete("ended").await;
    ground.delete("begun").await;
    let before = ground.saas.reports().len();
    ground.saas.usually(Answer::Status(204));
    let leader = ground.leader("spool").await;
    until("nothing is left in the spool", async || {
        leader.metric("zen_agent_saas_spool_entries") == Some(0.0) && ground.saas.reports().len() > before
    })
    .await;
    let told: Vec<_> = ground.saas.reports().split_off(before).iter().map(|report| report.status().to_owned()).collect();
    assert_eq!(told, ["success"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_verification_found_is_told_as_far_as_it_has_come() {
    let ground = Ground::new().await;
    let _leader = ground.leader("spool").await;
    ground.create("a").await;
    let at = |second: u8| format!("2026-07-01T12:00:0{second}.000000Z");
    let validating = json!({ "name": "validate", "state": "running", "attempts": 2, "startedAt": at(1) });
    ground.set_with("a", "in_progress", json!([validating])).await;
    ground.until_told("a", "running").await;
    let validated =
        json!({ "name": "validate", "state": "failed", "attempts": 3, "startedAt": at(1), "finishedAt": at(3), "message": "no" });
    ground.set_with("a", "rolled_back", json!([validated])).await;
    ground.until_told("a", "rolled_back").await;
    let told: Vec<_> =
        ground.saas.reports().iter().map(|report| report.body["verification"].clone()).filter(|one| !one.is_null()).collect();
    let [first, .., last] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(*first, json!({ "attempts": 2, "started_at": "2026-07-01T12:00:01Z", "outcome": "running" }));
    let finished = json!({ "attempts": 3, "started_at": "2026-07-01T12:00:01Z", "finished_at": "2026-07-01T12:00:03Z",
        "outcome": "failed", "detail": "no" });
    assert_eq!(*last, finished);
}
