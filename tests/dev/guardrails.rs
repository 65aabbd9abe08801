//! A thousand events at once: what stops the agent, bounds it and keeps it out holds for each of them.

use std::{collections::BTreeMap, path::Path, time::Instant};

use futures::{StreamExt, stream};
use serde_json::json;
use zen_agent::{
    client::Client,
    contract::v0::types::{Outcome, Remediation, Status},
};

use super::{Agent, DEADLINE, cli, client, id, policy::health};

/// Five in a namespace, none in `jobs`; a pod may be labelled as often as that allows.
const POLICY: &str = r#"
rules:
  - name: load
    when: source == "load"
    mode: automatic
    action: { label: { labels: { flag: load } } }
default: { mode: observe }
guardrails:
  protectedNamespaces: [kube-system, jobs]
  budget: { perNamespace: 5, window: 1h }
  cooldown: "off"
  recurrence: "off"
  shortCircuit: "off"
  staleness: "off"
"#;

const PODS: [(&str, &str); 7] = [
    ("shop", "web-6d4cf56db6-x2x7p"),
    ("shop", "web-6d4cf56db6-h9lqd"),
    ("shop", "web-6d4cf56db6-t4zvk"),
    ("default", "nginx-6d4cf56db6-7bzkm"),
    ("jobs", "batch-0"),
    ("jobs", "batch-1"),
    ("jobs", "batch-2"),
];

fn policy(state: &Path) -> String {
    let file = state.join("policy.yaml");
    std::fs::write(&file, POLICY).unwrap();
    file.display().to_string()
}

/// Sends so many events, each in a request of its own, all at the same time.
async fn flood(client: &Client, count: usize) {
    let sent = (0..count).map(async |index| {
        let (namespace, name) = PODS[index % PODS.len()];
        let event = json!({
            "source": "load", "rule": "flood", "severity": "high", "time": "2026-11-23T10:00:00Z",
            "target": { "apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": name },
        });
        let batch = json!({ "cluster_id": "dev-cluster", "events": [event] }).to_string();
        let receipt = client.stable.ingest_events(&id(), batch).await.expect("it is accepted").into_inner();
        assert_eq!(receipt.results[0].outcome, Outcome::Created);
    });
    let all = stream::iter(sent).buffer_unordered(count).for_each(async |()| {});
    tokio::time::timeout(DEADLINE, all).await.expect("all are answered in time");
}

async fn all(client: &Client) -> Vec<Remediation> {
    let (mut all, mut next) = (Vec::new(), None::<String>);
    loop {
        let page = client.stable.list_remediations(next.as_deref(), Some(500), None, None, None, None, &id()).await.unwrap().into_inner();
        all.extend(page.items);
        next = page.continue_;
        if next.is_none() {
            return all;
        }
    }
}

/// How many there are of each namespace, status and reason, once none of them is any of `moving`.
async fn settled(client: &Client, count: usize, moving: impl Fn(&Remediation) -> bool) -> BTreeMap<(String, String, String), usize> {
    let begun = Instant::now();
    loop {
        let all = all(client).await;
        if all.len() == count && !all.iter().any(&moving) {
            let mut counts = BTreeMap::new();
            for item in all {
                let target = item.target.and_then(|target| target.namespace).unwrap_or_default();
                *counts.entry((target, item.status.to_string(), item.reason.unwrap_or_default())).or_default() += 1;
            }
            return counts;
        }
        assert!(begun.elapsed() < 3 * DEADLINE, "they do not settle");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await; // pacing of a poll with a deadline
    }
}

fn rows(rows: &[(&str, &str, &str, usize)]) -> BTreeMap<(String, String, String), usize> {
    rows.iter().map(|(namespace, status, reason, count)| (((*namespace).into(), (*status).into(), (*reason).into()), *count)).collect()
}

fn undecided(item: &Remediation) -> bool {
    item.status == Status::InProgress || item.status == Status::Pending && item.reason.is_none()
}

/// Waits until the order has arrived, or is gone.
async fn ordered(agent: &Agent, stopped: bool) {
    let begun = Instant::now();
    while health(agent).await["emergency_stop"].is_null() == stopped {
        assert!(begun.elapsed() < DEADLINE, "the order does not arrive");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await; // pacing of a poll with a deadline
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_events_at_once_are_held_by_the_stop_bounded_by_the_budgets_and_kept_out_of_protected_namespaces() {
    let _alone = super::ALONE.lock().await;
    let state = tempfile::tempdir().unwrap();
    let agent = Agent::dev(state.path(), &["--policy", &policy(state.path())]);
    let client = client(state.path(), &agent);
    let stopped = cli(state.path(), &["stop", "--reason", "an incident"]);
    assert_eq!((&stopped["stopped"], &stopped["reason"]), (&json!(true), &json!("an incident")));
    ordered(&agent, true).await;
    flood(&client, 1_000).await;
    // 1,000 over seven pods: the first six have 143 events each, the last 142.
    let held = settled(&client, 1_000, undecided).await;
    let expected = [
        ("default", "pending", "EmergencyStop", 143),
        ("jobs", "failed", "ProtectedNamespace", 428),
        ("shop", "pending", "EmergencyStop", 429),
    ];
    assert_eq!(held, rows(&expected));
    let resumed = cli(state.path(), &["resume", "--reason", "it is over"]);
    assert_eq!(resumed["stopped"], json!(false));
    ordered(&agent, false).await;
    let moving = |item: &Remediation| undecided(item) || matches!(item.reason.as_deref(), Some("EmergencyStop" | "TargetBusy"));
    let done = settled(&client, 1_000, moving).await;
    let expected = [
        ("default", "pending", "BudgetExceeded", 138),
        ("default", "succeeded", "Validated", 5),
        ("jobs", "failed", "ProtectedNamespace", 428),
        ("shop", "pending", "BudgetExceeded", 424),
        ("shop", "succeeded", "Validated", 5),
    ];
    assert_eq!(done, rows(&expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_the_middle_of_a_thousand_events_ends_all_changes_until_it_is_lifted() {
    let _alone = super::ALONE.lock().await;
    let state = tempfile::tempdir().unwrap();
    let file = policy(state.path());
    std::fs::write(&file, POLICY.replace("{ perNamespace: 5, window: 1h }", "\"off\"").replace(", jobs]", "]")).unwrap();
    let agent = Agent::dev(state.path(), &["--policy", &file]);
    let client = client(state.path(), &agent);
    let (begun, mut some) = (Instant::now(), 0);
    // The stop comes while most of them are on their way, and the rest when it holds: so it is in their middle whatever is done by then.
    tokio::join!(flood(&client, 700), async {
        while some == 0 {
            assert!(begun.elapsed() < DEADLINE, "nothing is done");
            some = all(&client).await.iter().filter(|item| item.status == Status::Succeeded).count();
        }
        cli(state.path(), &["stop", "--reason", "an incident"]);
        ordered(&agent, true).await;
        flood(&client, 300).await;
    });
    // All that is left is held, so that the agent has been at each of them since.
    let held = |item: &Remediation| {
        item.conditions
            .iter()
            .any(|held| held.type_ == "Held" && held.status.to_string() == "True" && held.reason.as_deref() == Some("EmergencyStop"))
    };
    let counts = settled(&client, 1_000, |item| item.status != Status::Succeeded && !held(item)).await;
    let succeeded = |counts: &BTreeMap<(String, String, String), usize>| {
        counts.iter().filter(|((_, status, _), _)| status == "succeeded").map(|(_, count)| count).sum::<usize>()
    };
    let done = succeeded(&counts);
    assert!((1..=700).contains(&done), "{counts:?}");
    // What comes now is held as well, and nothing else has moved meanwhile.
    flood(&client, 50).await;
    let later = settled(&client, 1_050, |item| item.status != Status::Succeeded && !held(item)).await;
    assert_eq!(succeeded(&later), done, "{later:?}");
    cli(state.path(), &["resume", "--reason", "it is over"]);
    let begun = Instant::now();
    while all(&client).await.iter().filter(|item| item.status == Status::Succeeded).count() <= done {
        assert!(begun.elapsed() < DEADLINE, "what was held does not go on");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await; // pacing of a poll with a deadline
    }
}
