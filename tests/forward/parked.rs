//! What the agent refuses for good: put aside, listed, and sent again when a person says so; it stops nothing else.

use serde_json::Value;

use super::{Ground, arrived, event, everything, expected, id, metric, receipt, taken, until, until_delivered};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_is_parked_listed_and_replayed_and_stops_nothing_else() {
    let ground = Ground::new();
    let (client, bad) = (ground.client(), event(1));
    // Somebody has used its request id for something else.
    let (request_id, _) = expected("falco", &bad);
    receipt(&client, "falco", &request_id, String::from_utf8(event(2)).unwrap()).await;
    assert_eq!(taken(&ground.forwarder, "falco", bad.clone()).await, request_id);
    taken(&ground.forwarder, "falco", event(3)).await;
    until_delivered(&ground.forwarder).await;
    assert_eq!(arrived(&client, "falco", &event(3)).await.len(), 1, "the next one arrives");
    assert_eq!(metric(&ground.forwarder, "zen_agent_forward_parked_total{tool=\"falco\"}").await, 1.0);
    until("it is shown", async || metric(&ground.forwarder, "zen_agent_forward_dead_letters").await == 1.0).await;
    let listed: Value = serde_json::from_str(&spool(&ground, &["list", "-o", "json"])).unwrap();
    let letter = &listed.as_array().unwrap()[0];
    assert_eq!([&letter["tool"], &letter["request_id"]], ["falco", request_id.as_str()]);
    assert_eq!(letter["why"], "the agent answered 409 request_id_conflict");
    assert!(spool(&ground, &["list"]).contains("REQUEST ID"));

    // Once the other one has ended and is deleted, the request id is free.
    until("the other one is gone", async || {
        client.stable.cleanup_remediations(Some(false), Some("0s"), None, &id()).await.unwrap();
        everything(&client).await.is_empty()
    })
    .await;
    spool(&ground, &["replay", letter["name"].as_str().unwrap()]);
    let delivered = "zen_agent_forward_delivered_total{tool=\"falco\"}";
    until("it is delivered", async || metric(&ground.forwarder, delivered).await == 2.0).await;
    assert_eq!(arrived(&client, "falco", &bad).await.len(), 1);
    assert_eq!(serde_json::from_str::<Value>(&spool(&ground, &["list", "-o", "json"])).unwrap(), serde_json::json!([]));
}

/// Runs `zen-agent spool` on the forwarder's folder.
fn spool(ground: &Ground, arguments: &[&str]) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_zen-agent"));
    let folder = ground.state.path().join("forward");
    let output = command.arg("spool").args(arguments).arg("--spool-dir").arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
