use std::time::Duration;

use kube::Api;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use zen_agent::{
    category::Category,
    fixtures::{self, Fixtures},
    remediation::{Phase, ZenAgentRemediation},
    retention::{Limit, Mode, Retention, Sweep, SweepReport, TerminalPhase},
    telemetry::Metrics,
};

use crate::{fake::Fake, soon};

const REMEDIATIONS: &str = "zenagentremediations";
const HOUR: Duration = Duration::from_secs(3_600);

fn engine(fake: &Fake) -> (Retention, Metrics) {
    let metrics = Metrics::new();
    (Retention::new(fake.client(), None, "own".parse().unwrap(), metrics.clone()), metrics)
}

fn all(older_than: Duration) -> Sweep {
    Sweep { older_than: Limit::Retention(older_than), statuses: TerminalPhase::ALL.to_vec(), mode: Mode::Delete, tenant: None }
}

async fn fill(fake: &Fake, fixtures: Fixtures, count: usize) {
    let api: Api<ZenAgentRemediation> = Api::namespaced(fake.client(), "default");
    assert_eq!(fixtures::create(&api, fixtures.generate(count), 8).await.unwrap(), count);
}

fn old(batch: &str, phase: Phase) -> Fixtures {
    Fixtures::new(1, jiff::Timestamp::now()).batch(batch).status(phase).age(2 * HOUR)
}

#[tokio::test]
async fn two_thousand_old_ones_go_page_by_page_and_nothing_else_does() {
    let fake = Fake::new();
    for (batch, phase) in [("s", Phase::Succeeded), ("f", Phase::Failed), ("r", Phase::RolledBack)] {
        fill(&fake, old(batch, phase), 667).await;
    }
    for (batch, phase) in [("p", Phase::Pending), ("i", Phase::InProgress), ("u", Phase::Unknown("odd".to_owned()))] {
        fill(&fake, old(batch, phase), 5).await;
    }
    fill(&fake, old("young", Phase::Succeeded).age(HOUR / 2), 5).await;
    let (retention, metrics) = engine(&fake);
    let preview = retention.sweep(&Sweep { mode: Mode::Preview, ..all(HOUR) }).await;
    assert_eq!(preview, SweepReport { matched: 2_001, ..SweepReport::default() });
    assert_eq!(fake.names(REMEDIATIONS).len(), 2_021);
    let report = retention.sweep(&all(HOUR)).await;
    assert_eq!(report, SweepReport { matched: 2_001, deleted: 2_001, ..SweepReport::default() });
    assert_eq!(fake.names(REMEDIATIONS).len(), 20);
    assert_eq!(fake.state().largest_page, 500);
    assert!(fake.state().deletions.iter().all(|options| options["propagationPolicy"] == "Foreground"));
    assert_eq!(metrics.retention.with_label_values(&["deleted"]).get(), 2_001);
    assert_eq!(retention.sweep(&all(HOUR)).await, SweepReport::default());
}

#[tokio::test]
async fn an_object_that_changed_since_it_was_read_stays_and_an_error_stops_nothing() {
    let fake = Fake::new();
    fill(&fake, old("x", Phase::Failed), 10).await;
    fake.state().raced = Some("default/x-000003".to_owned());
    fake.state().undeletable = Some("default/x-000007".to_owned());
    let (retention, metrics) = engine(&fake);
    let report = retention.sweep(&all(HOUR)).await;
    assert_eq!(report, SweepReport { matched: 10, deleted: 8, changed: 1, errors: 1, incomplete: None });
    assert_eq!(fake.names(REMEDIATIONS), ["x-000003", "x-000007"]);
    assert_eq!(metrics.retention.with_label_values(&["changed"]).get(), 1);
    assert_eq!(metrics.retention.with_label_values(&["error"]).get(), 1);
}

#[tokio::test]
async fn a_deletion_that_failed_for_a_moment_is_made_again_when_the_others_are_through() {
    let fake = Fake::new();
    fill(&fake, old("x", Phase::Failed), 10).await;
    fake.state().undeletable_once = Some("default/x-000007".to_owned());
    let (retention, metrics) = engine(&fake);
    let report = retention.sweep(&all(HOUR)).await;
    assert_eq!(report, SweepReport { matched: 10, deleted: 10, ..SweepReport::default() });
    assert!(fake.names(REMEDIATIONS).is_empty());
    assert_eq!(fake.state().deleted.last().map(String::as_str), Some("default/x-000007"), "after all others");
    assert_eq!(metrics.retention.with_label_values(&["error"]).get(), 0);
}

#[tokio::test]
async fn only_the_statuses_and_the_tenant_asked_for_are_touched() {
    let fake = Fake::new();
    for (name, tenant) in [("mine", Some("own")), ("nobodys", None), ("others", Some("other"))] {
        for phase in ["succeeded", "failed"] {
            let labels = tenant.map(|tenant| json!({ "zen.kube-zen.io/tenant": tenant }));
            let object = json!({ "metadata": { "labels": labels }, "spec": {}, "status": { "phase": phase } });
            fake.put(REMEDIATIONS, "zen", &format!("{name}-{phase}"), object);
        }
    }
    let (retention, _) = engine(&fake);
    let sweep = |tenant: &str| Sweep {
        older_than: Limit::Exactly(Duration::ZERO),
        statuses: vec![TerminalPhase::Failed],
        mode: Mode::Delete,
        tenant: Some(tenant.parse().unwrap()),
    };
    assert_eq!(retention.sweep(&sweep("stranger")).await, SweepReport::default());
    assert_eq!(retention.sweep(&sweep("own")).await.deleted, 2);
    assert_eq!(fake.names(REMEDIATIONS), ["mine-succeeded", "nobodys-succeeded", "others-failed", "others-succeeded"]);
    assert_eq!(retention.sweep(&sweep("other")).await.deleted, 1);
}

#[tokio::test]
async fn the_remediation_of_a_patch_stays_as_long_as_the_one_that_has_it_and_that_as_long_as_a_patch_is_at_work() {
    let fake = Fake::new();
    let put = |name: &str, owner: Option<&str>, status: serde_json::Value| {
        let owned = owner.map(|owner| {
            let api_version = "zen.kube-zen.io/v1";
            json!([{ "apiVersion": api_version, "kind": "ZenAgentRemediation", "name": "all", "uid": owner, "controller": true }])
        });
        let marks = owner.map(|owner| json!({ "zen.kube-zen.io/patch-of": owner }));
        fake.put(
            REMEDIATIONS,
            "zen",
            name,
            json!({ "metadata": { "ownerReferences": owned, "annotations": marks }, "spec": {}, "status": status }),
        );
    };
    let sweep = Sweep { older_than: Limit::Exactly(Duration::ZERO), ..all(HOUR) };
    let (retention, _) = engine(&fake);
    put("first", Some("u"), json!({ "phase": "succeeded" }));
    put("another", None, json!({ "phase": "succeeded" }));
    assert_eq!(retention.sweep(&sweep).await, SweepReport { matched: 1, deleted: 1, ..SweepReport::default() });
    assert_eq!(fake.names(REMEDIATIONS), ["first"]);
    put("all", None, json!({ "phase": "succeeded", "totalPatches": 2, "patchRemediations": [{ "name": "first", "uid": "uid-0" }] }));
    let asked = json!({ "type": "RollbackRequested", "status": "True", "reason": "RollbackRequested", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" });
    for at_work in [json!({ "phase": "in_progress" }), json!({ "phase": "succeeded", "conditions": [asked] })] {
        put("first", Some("u"), at_work);
        assert_eq!(retention.sweep(&sweep).await, SweepReport { matched: 1, changed: 1, ..SweepReport::default() });
    }
    put("first", Some("u"), json!({ "phase": "rolled_back" }));
    assert_eq!(retention.sweep(&sweep).await, SweepReport { matched: 1, deleted: 1, ..SweepReport::default() });
    assert_eq!(fake.names(REMEDIATIONS), ["first"], "which the garbage collector takes along");
}

#[tokio::test]
async fn the_older_state_field_counts_where_there_is_no_phase() {
    let fake = Fake::new();
    for (name, status) in [
        ("old-style", json!({ "state": "succeeded" })),
        ("old-style-open", json!({ "state": "in_progress" })),
        ("both", json!({ "state": "succeeded", "phase": "pending" })),
        ("neither", json!({})),
    ] {
        fake.put(REMEDIATIONS, "zen", name, json!({ "spec": {}, "status": status }));
    }
    let (retention, _) = engine(&fake);
    assert_eq!(retention.sweep(&all(HOUR)).await.deleted, 1);
    assert_eq!(fake.names(REMEDIATIONS), ["both", "neither", "old-style-open"]);
}

#[tokio::test]
async fn what_is_already_being_deleted_and_what_is_malformed_is_left_alone() {
    let fake = Fake::new();
    let leaving = json!({ "metadata": { "deletionTimestamp": "2020-01-02T00:00:00Z" }, "spec": {}, "status": { "phase": "failed" } });
    fake.put(REMEDIATIONS, "zen", "leaving", leaving);
    fake.put(REMEDIATIONS, "zen", "malformed", json!({ "spec": 7, "status": { "phase": "failed" } }));
    assert_eq!(engine(&fake).0.sweep(&all(HOUR)).await, SweepReport::default());
    assert!(fake.state().deletions.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_loop_survives_an_api_that_is_away_and_sweeps_again() {
    let fake = Fake::new();
    fill(&fake, old("x", Phase::Succeeded), 3).await;
    fake.state().away = true;
    let (retention, metrics) = engine(&fake);
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (retention, shutdown) = (retention.clone(), shutdown.clone());
        async move { retention.run(Duration::from_secs(1), HOUR, shutdown).await }
    });
    let until = async |outcome: &str, count: u64| {
        while metrics.retention.with_label_values(&[outcome]).get() < count {
            tokio::time::sleep(Duration::from_millis(1)).await; // lets the clock go on
        }
    };
    soon("errors are counted", until("error", 1)).await;
    fake.state().away = false;
    soon("the next sweep deletes", until("deleted", 3)).await;
    assert!(retention.heartbeat().age() < Duration::from_secs(10));
    shutdown.cancel();
    soon("the loop ends", running).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_api_that_does_not_answer_is_an_error_in_bounded_time() {
    let fake = Fake::new();
    fill(&fake, old("x", Phase::Failed), 3).await;
    let (retention, metrics) = engine(&fake);
    let begun = tokio::time::Instant::now();
    fake.state().hung = Some(http::Method::DELETE);
    let expected = SweepReport { matched: 3, errors: 3, ..SweepReport::default() };
    assert_eq!(retention.sweep(&all(HOUR)).await, expected);
    assert!(begun.elapsed() < Duration::from_secs(15));
    fake.state().hung = Some(http::Method::GET);
    let sweep = Sweep { statuses: vec![TerminalPhase::Failed], ..all(HOUR) };
    // The second listing, of those of the older kind, is not tried any more.
    let expected = SweepReport { errors: 1, incomplete: Some(Category::Timeout), ..SweepReport::default() };
    assert_eq!(retention.sweep(&sweep).await, expected);
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!(metrics.retention.with_label_values(&["error"]).get(), 4);
}
