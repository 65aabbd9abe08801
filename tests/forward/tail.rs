//! `--tail FILE`: Falco's output file, through kills and rotation.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
};

use super::{Agent, arrived, client, event, everything, forward, metric, until, until_delivered};

fn append(file: &Path, text: &[u8]) {
    OpenOptions::new().create(true).append(true).open(file).unwrap().write_all(text).unwrap();
}

fn lines(numbers: std::ops::Range<usize>) -> Vec<u8> {
    numbers.flat_map(|number| [event(number), b"\n".to_vec()].concat()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_arrives_once_through_a_kill_and_a_rotation_and_what_is_no_event_holds_nothing_up() {
    let state = tempfile::tempdir().unwrap();
    let agent = Agent::dev(state.path(), &[]);
    let file = state.path().join("falco.json");
    let start = || Agent::start(forward(state.path(), &agent.api, &["--tail", file.to_str().unwrap()]));
    let accepted = "zen_agent_forward_accepted_total{tool=\"falco\"}";
    // It need not be there yet.
    let mut forwarder = start();
    append(&file, &lines(0..3));
    append(&file, b"no event\n\n{\"rule\":1}\n");
    append(&file, &lines(3..4));
    until("four are taken", async || metric(&forwarder, accepted).await == 4.0).await;
    assert_eq!(metric(&forwarder, "zen_agent_forward_refused_total{code=\"invalid_json\"}").await, 1.0);
    assert_eq!(metric(&forwarder, "zen_agent_forward_refused_total{code=\"schema_violation\"}").await, 1.0);
    until("the position is kept", async || {
        let kept =
            fs::read(state.path().join("forward/tail.json")).ok().and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
        kept.is_some_and(|kept| kept["offset"].as_u64() == Some(fs::metadata(&file).unwrap().len()))
    })
    .await;
    forwarder.kill();
    // Half a line, whose other half comes later.
    let (whole, half) = (lines(4..6), event(6));
    append(&file, &whole);
    append(&file, &half[..40]);
    forwarder = start();
    until("those that came meanwhile are taken, and no other", async || metric(&forwarder, accepted).await == 2.0).await;
    append(&file, &half[40..]);
    append(&file, b"\n");
    until("the half line is whole", async || metric(&forwarder, accepted).await == 3.0).await;
    let moved = state.path().join("falco.json.1");
    fs::rename(&file, &moved).unwrap();
    // Falco writes to the old file until it opens the new one.
    append(&moved, &lines(7..8));
    until("the old file is read to its end", async || metric(&forwarder, accepted).await == 4.0).await;
    append(&file, &lines(8..10));
    until("then the new one", async || metric(&forwarder, accepted).await == 6.0).await;
    until_delivered(&forwarder).await;
    let client = client(state.path(), &agent);
    for number in 0..10 {
        assert_eq!(arrived(&client, "falco", &event(number)).await.len(), 1, "{number}");
    }
    assert_eq!(everything(&client).await.len(), 10);
}
