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

#[tokio::test(flavor = "multi_thread")]
async fn what_was_rotated_away_is_read_however_often_and_also_while_no_forwarder_runs() {
    let state = tempfile::tempdir().unwrap();
    let agent = Agent::dev(state.path(), &[]);
    let path = |name: &str| state.path().join(name);
    let file = path("falco.json");
    // Of long ago, and of a program that compresses.
    append(&path("falco.json.9"), &lines(90..91));
    append(&path("falco.json.8.gz"), &lines(80..81));
    append(&file, &lines(0..2));
    let start = || Agent::start(forward(state.path(), &agent.api, &["--tail", file.to_str().unwrap()]));
    let accepted = "zen_agent_forward_accepted_total{tool=\"falco\"}";
    let mut forwarder = start();
    until("the file is read", async || metric(&forwarder, accepted).await == 2.0).await;
    // Faster than it is looked for.
    fs::rename(&file, path("falco.json.2")).unwrap();
    append(&path("falco.json.2"), &lines(2..3));
    append(&path("falco.json.1"), &lines(3..5));
    append(&file, &lines(5..6));
    until("all three are read", async || metric(&forwarder, accepted).await == 6.0).await;
    until("the position is kept", async || kept(state.path()).is_some_and(|kept| kept["offset"] == fs::metadata(&file).unwrap().len()))
        .await;
    forwarder.kill();
    append(&file, &lines(6..7));
    fs::rename(&file, path("falco.json-20261130")).unwrap();
    append(&path("falco.json-20261201"), &lines(7..9));
    append(&file, &lines(9..10));
    forwarder = start();
    until("what came meanwhile is read", async || metric(&forwarder, accepted).await == 4.0).await;
    until_delivered(&forwarder).await;
    let client = client(state.path(), &agent);
    for number in 0..10 {
        assert_eq!(arrived(&client, "falco", &event(number)).await.len(), 1, "{number}");
    }
    assert_eq!(everything(&client).await.len(), 10);
    assert_eq!(metric(&forwarder, accepted).await, 4.0, "and nothing twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_that_was_rotated_away_has_no_former_one_read_again() {
    let state = tempfile::tempdir().unwrap();
    let agent = Agent::dev(state.path(), &[]);
    let path = |name: &str| state.path().join(name);
    let file = path("falco.json");
    append(&file, &lines(0..2));
    let start = || Agent::start(forward(state.path(), &agent.api, &["--tail", file.to_str().unwrap()]));
    let accepted = "zen_agent_forward_accepted_total{tool=\"falco\"}";
    let mut forwarder = start();
    until("the file is read", async || metric(&forwarder, accepted).await == 2.0).await;
    // Two rotations, between which nothing was written.
    for moved in ["falco.json.2", "falco.json.1"] {
        fs::rename(&file, path(moved)).unwrap();
        append(&file, b"");
    }
    until("the empty one is left", async || kept(state.path()).is_some_and(|kept| kept["offset"] == 0)).await;
    forwarder.kill();
    append(&file, &lines(2..3));
    forwarder = start();
    until("the position is that of the new file", async || {
        kept(state.path()).is_some_and(|kept| kept["offset"] == fs::metadata(&file).unwrap().len())
    })
    .await;
    assert_eq!(metric(&forwarder, accepted).await, 1.0, "what was read before was read again");
}

fn kept(state: &Path) -> Option<serde_json::Value> {
    serde_json::from_slice(&fs::read(state.join("forward/tail.json")).ok()?).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_cannot_be_kept_has_no_line_read_twice_by_one_process() {
    let state = tempfile::tempdir().unwrap();
    let agent = Agent::dev(state.path(), &[]);
    let file = state.path().join("falco.json");
    fs::create_dir_all(state.path().join("forward/tail.json")).unwrap();
    append(&file, &lines(0..3));
    let forwarder = Agent::start(forward(state.path(), &agent.api, &["--tail", file.to_str().unwrap()]));
    let accepted = "zen_agent_forward_accepted_total{tool=\"falco\"}";
    until("three are taken", async || metric(&forwarder, accepted).await >= 3.0).await;
    append(&file, &lines(3..4));
    until("and the next one", async || metric(&forwarder, accepted).await >= 4.0).await;
    // Several times as long as it takes to look again.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(metric(&forwarder, accepted).await, 4.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_file_under_the_same_name_and_inode_is_read_from_its_beginning() {
    let state = tempfile::tempdir().unwrap();
    let agent = Agent::dev(state.path(), &[]);
    let file = state.path().join("falco.json");
    append(&file, &lines(0..2));
    let start = || Agent::start(forward(state.path(), &agent.api, &["--tail", file.to_str().unwrap()]));
    let accepted = "zen_agent_forward_accepted_total{tool=\"falco\"}";
    let mut forwarder = start();
    until("two are taken", async || metric(&forwarder, accepted).await == 2.0).await;
    until("the position is kept", async || kept(state.path()).is_some_and(|kept| kept["offset"] == fs::metadata(&file).unwrap().len()))
        .await;
    forwarder.kill();
    fs::write(&file, lines(10..15)).unwrap();
    let forwarder = start();
    until("all five are taken", async || metric(&forwarder, accepted).await == 5.0).await;
}
