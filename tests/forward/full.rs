//! No room for more: 503 with Retry-After, nothing is dropped, and it goes on once there is room.

use std::process::Command;

use super::{Agent, HTTP, arrived, client, forward, sample, until_delivered};

/// A forwarder whose files cannot grow beyond so many kilobytes, as on a disk that is full.
pub(super) fn on_a_small_disk(command: &Command, kilobytes: u32) -> Command {
    let mut shell = Command::new("sh");
    // Blocks of 512 bytes. The signal that goes with the error would end the process.
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", kilobytes * 2)]);
    shell.arg(command.get_program()).args(command.get_args());
    shell
}

/// A report of about 100 KB, unlike all others.
pub(super) fn report(number: usize) -> Vec<u8> {
    let mut report: serde_json::Value = serde_json::from_slice(&sample("trivy-operator-vulnerabilityreport.json")).unwrap();
    report["report"]["vulnerabilities"][0]["title"] = format!("{number} {}", "x".repeat(100_000)).into();
    report.to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_the_tool_is_told_to_come_again_and_what_was_acknowledged_is_kept() {
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::dev(state.path(), &[]);
    let (api, address) = (agent.api.clone(), agent.api.trim_start_matches("https://").to_owned());
    agent.kill();
    let mut forwarder = Agent::start(on_a_small_disk(&forward(state.path(), &api, &[]), 8 << 10));
    let post = async |forwarder: &Agent, number| {
        let request = HTTP.post(format!("{}/trivy", forwarder.api)).header("content-type", "application/json");
        request.body(report(number)).send().await.unwrap()
    };
    let mut acknowledged = Vec::new();
    let refused = loop {
        assert!(acknowledged.len() < 200, "the disk never got full");
        let answer = post(&forwarder, acknowledged.len()).await;
        match answer.status().as_u16() {
            202 => acknowledged.push(acknowledged.len()),
            _ => break answer,
        }
    };
    assert!(!acknowledged.is_empty(), "nothing was taken");
    assert_eq!(refused.status().as_u16(), 503);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(wait > 0);
    let ready = HTTP.get(format!("{}/readyz", forwarder.admin)).send().await.unwrap();
    assert_eq!(ready.status().as_u16(), 503, "it says that it cannot take events");
    // It still lives, and goes on refusing.
    assert_eq!(post(&forwarder, 900).await.status().as_u16(), 503);
    forwarder.signal("TERM");
    assert!(forwarder.wait(std::time::Duration::from_secs(10)).success());
    // There is room again.
    let forwarder = Agent::start(forward(state.path(), &api, &[]));
    assert_eq!(post(&forwarder, 901).await.status().as_u16(), 202);
    let agent = Agent::dev(state.path(), &["--listen", &address]);
    until_delivered(&forwarder).await;
    let client = client(state.path(), &agent);
    for number in acknowledged.into_iter().chain([901]) {
        assert_eq!(arrived(&client, "trivy", &report(number)).await.len(), 1, "{number}");
    }
}
