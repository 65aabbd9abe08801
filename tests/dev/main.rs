//! `zen-agent dev` as its users meet it: the binary, its files, its command line, its API.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod agent;
mod command_line;
mod crash;
mod kube_port;
mod main_job;
mod shutdown;
mod size;

use std::{fs, path::Path, process::Command, time::Instant};

use serde_json::Value;
use zen_agent::{
    client::{Client, Credentials},
    contract::v0::types::{Remediation, Status},
};

use agent::{Agent, DEADLINE};

/// Held by the tests that measure times or memory, so that they do not measure each other.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A file of `tests/samples`.
fn sample(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name)).unwrap()
}

/// A client with the credentials that `dev` left.
fn client(state: &Path, agent: &Agent) -> Client {
    Client::new(&Credentials::read(&state.join("client")).unwrap(), &agent.api).unwrap()
}

fn id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// Runs the command line beside a running agent; what it printed, as JSON.
fn cli(state: &Path, arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_zen-agent"))
        .args(arguments)
        .args(["-o", "json", "--state-dir"])
        .arg(state)
        .output()
        .expect("the binary starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON on standard output")
}

/// The remediation, once it has ended.
async fn ended(client: &Client, name: &str) -> Remediation {
    let begun = Instant::now();
    loop {
        let item = client.stable.get_remediation(name, &id()).await.expect("it can be read").into_inner();
        if matches!(item.status, Status::Succeeded | Status::Failed | Status::RolledBack) {
            return item;
        }
        assert!(begun.elapsed() < DEADLINE, "{name} did not end: {item:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await; // pacing of a poll with a deadline
    }
}
