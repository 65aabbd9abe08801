//! The agent is away: what was taken waits, in its order, and arrives.

use super::{Agent, arrived, client, event, everything, forward, metric, sample, taken, until, until_delivered};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_while_the_agent_is_away_arrives_when_it_is_back() {
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::dev(state.path(), &[]);
    let (api, address) = (agent.api.clone(), agent.api.trim_start_matches("https://").to_owned());
    agent.kill();
    let mut forwarder = Agent::start(forward(state.path(), &api, &[]));
    for number in 0..5 {
        taken(&forwarder, "falco", event(number)).await;
    }
    let report = sample("policy-reporter-result.json");
    taken(&forwarder, "kyverno", report.clone()).await;
    until("it is counted", async || metric(&forwarder, "zen_agent_forward_spool_events").await == 6.0).await;
    until("it was tried", async || metric(&forwarder, "zen_agent_forward_failed_attempts_total{tool=\"falco\"}").await > 1.0).await;
    assert!(metric(&forwarder, "zen_agent_forward_oldest_age_seconds{tool=\"falco\"}").await > 0.0);
    // Also by the next process.
    forwarder.kill();
    let forwarder = Agent::start(forward(state.path(), &api, &[]));
    taken(&forwarder, "falco", event(5)).await;
    let agent = Agent::dev(state.path(), &["--listen", &address]);
    until_delivered(&forwarder).await;
    let client = client(state.path(), &agent);
    let mut names = Vec::new();
    for number in 0..6 {
        names.extend(arrived(&client, "falco", &event(number)).await);
    }
    names.extend(arrived(&client, "kyverno", &report).await);
    assert_eq!(names.len(), 7);
    let objects = everything(&client).await;
    assert_eq!(objects.len(), 7, "exactly one each");
    // In the order in which they were acknowledged.
    let created = |name: &String| objects.iter().find(|object| object.id == *name).unwrap().created_at;
    let times: Vec<_> = names[..6].iter().map(created).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(metric(&forwarder, "zen_agent_forward_oldest_age_seconds{tool=\"falco\"}").await, 0.0);
}
