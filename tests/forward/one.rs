//! `zen-agent forward TOOL -`: one body, and the exit code says what became of it.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

use super::{Agent, arrived, client, everything, sample};

fn one(state: &std::path::Path, to: &str, tool: &str, body: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zen-agent"));
    command.args(["forward", tool, "-", "--to", to, "--state-dir"]).arg(state);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(body).unwrap();
    child.wait_with_output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_body_is_sent_as_a_forwarder_sends_it_and_the_exit_code_says_what_became_of_it() {
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::dev(state.path(), &[]);
    let report = sample("trivy-operator-vulnerabilityreport.json");
    for outcome in ["created", "replayed"] {
        let output = one(state.path(), &agent.api, "trivy", &report);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains(outcome), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let client = client(state.path(), &agent);
    assert_eq!(arrived(&client, "trivy", &report).await.len(), 1);
    assert_eq!(everything(&client).await.len(), 1);
    // A report of the CLI is about no object.
    let output = one(state.path(), &agent.api, "trivy", &sample("trivy-cli-image.json"));
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("no_target"));
    let output = one(state.path(), &agent.api, "falco", &report);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/rule"), "{}", String::from_utf8_lossy(&output.stderr));
    agent.kill();
    assert_eq!(one(state.path(), &agent.api, "trivy", &report).status.code(), Some(3));
}
