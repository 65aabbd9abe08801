//! `zen-agent dev` as its users meet it: the binary, its files, its command line, its API.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod agent;
mod command_line;
mod contracts;
mod crash;
mod guardrails;
mod kube_port;
mod listen;
mod main_job;
mod policy;
mod policy_files;
mod replay;
mod shutdown;
mod size;
mod trigger;

use std::{path::Path, process::Command};

use serde_json::Value;

use agent::{Agent, DEADLINE, client, ended, id, planned, sample};

/// Held by the tests that measure times or memory, so that they do not measure each other.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

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
