//! SIGTERM: it ends well, and in time, whatever waits; and there is one forwarder a folder.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::io::AsyncWriteExt as _;

use super::{Agent, event, forward, taken};

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_it_well_within_ten_seconds_also_while_the_agent_is_away() {
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::dev(state.path(), &[]);
    agent.kill();
    let mut forwarder = Agent::start(forward(state.path(), &agent.api, &[]));
    for number in 0..3 {
        taken(&forwarder, "falco", event(number)).await;
    }
    // A connection that says nothing holds nothing up.
    let silent = tokio::net::TcpStream::connect(forwarder.api.trim_start_matches("http://")).await.unwrap();
    // Nor does a body that never ends, nor half a request for the metrics.
    let host = forwarder.api.trim_start_matches("http://");
    let mut slow = tokio::net::TcpStream::connect(host).await.unwrap();
    let head = format!("POST /falco HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{{");
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut half = tokio::net::TcpStream::connect(forwarder.admin.trim_start_matches("http://")).await.unwrap();
    half.write_all(b"GET /metrics HTTP/1.1\r\n").await.unwrap();
    let second = forward(state.path(), &agent.api, &[]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("in use"), "{}", String::from_utf8_lossy(&second.stderr));
    forwarder.signal("TERM");
    assert!(forwarder.wait(Duration::from_secs(10)).success());
    drop((silent, slow, half));
    assert!(!wants_repair(state.path()), "it was not closed, so the next start looks through all of it");
    let mut killed = Agent::start(forward(state.path(), &agent.api, &[]));
    taken(&killed, "falco", event(3)).await;
    killed.kill();
    assert!(wants_repair(state.path()), "this would not have told");
}

/// Whether the spool has to be looked through before it can be used, which is done.
fn wants_repair(state: &Path) -> bool {
    let wants = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&wants);
    let mut builder = redb::Database::builder();
    builder.set_repair_callback(move |_| seen.store(true, Ordering::Relaxed));
    drop(builder.open(state.join("forward/spool.redb")).unwrap());
    wants.load(Ordering::Relaxed)
}

#[test]
fn without_credentials_for_the_agent_it_does_not_start_and_says_which_file_is_missing() {
    let state = tempfile::tempdir().unwrap();
    let output = forward(state.path(), "https://127.0.0.1:1", &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("client/ca.crt"), "{}", String::from_utf8_lossy(&output.stderr));
}
