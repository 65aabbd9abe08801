//! The command line as scripts and terminals see it.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
};

use serde_json::Value;
use zen_agent::contract::v0::types::Outcome;

use super::{Agent, DEADLINE, client, id, planned, sample};

const BINARY: &str = env!("CARGO_BIN_EXE_zen-agent");

/// Its exit code, and what it says; it never panics.
fn ended(arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(BINARY);
    for name in ["ZEN_AGENT_CONFIG", "ZEN_AGENT_SERVER", "ZEN_AGENT_STATE_DIR", "TENANT_ID", "LOG_LEVEL"] {
        command.env_remove(name);
    }
    let output = command.args(arguments).stdin(Stdio::null()).output().expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    (output.status.code().expect("it ends by itself"), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_tell_scripts_what_happened() {
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::dev(state.path(), &[]);
    let at = state.path().to_str().unwrap();
    let garbage = state.path().join("garbage.json");
    std::fs::write(&garbage, "{").unwrap();
    let (garbage, event) = (garbage.to_str().unwrap(), format!("{}/tests/samples/falco-minimal.json", env!("CARGO_MANIFEST_DIR")));
    for (code, arguments) in [
        (0, vec!["get", "--state-dir", at]),
        (0, vec!["cleanup", "--dry-run", "--state-dir", at]),
        (0, vec!["crd"]),
        (1, vec!["doctor"]),
        (0, vec!["fixtures", "--count", "3", "--status", "failed,succeeded", "--batch", "load-1"]),
        (1, vec!["get", "zar-none", "--state-dir", at]),
        (1, vec!["approve", "zar-none", "--state-dir", at]),
        (1, vec!["plan", "zar-none", "--state-dir", at]),
        (1, vec!["retry", "zar-none", "--state-dir", at]),
        (1, vec!["rollback", "zar-none", "--state-dir", at]),
        (1, vec!["cleanup", "--older-than", "soon", "--state-dir", at]),
        (2, vec!["get", "--state-dir", "/nonexistent"]),
        (2, vec!["get", "--state-dir", at, "--server", "http://127.0.0.1:1"]),
        (2, vec!["get", "--state-dir", at, "--server", "nonsense"]),
        (2, vec!["get", "--status", "nope", "--state-dir", at]),
        (2, vec!["send", "falco", garbage, "--state-dir", at]),
        (2, vec!["send", "falco", "/nonexistent", "--state-dir", at]),
        (2, vec!["send", "falco", &event, "--request-id", "1", "--state-dir", at]),
        (2, vec!["dev", "--log-level", "inof"]),
        (2, vec!["config"]),
        (2, vec!["serve"]),
        (2, vec!["fixtures", "--size", "65537"]),
        (2, vec!["fixtures", "--status", "done"]),
        (2, vec!["fixtures", "--age", "old"]),
    ] {
        let (ended, said) = ended(&arguments);
        assert_eq!(ended, code, "{arguments:?}: {said}");
        assert!(code == 0 || said.contains("zen-agent: ") || said.contains("error: "), "{arguments:?} says nothing");
    }
    agent.kill();
    assert_eq!(ended(&["get", "--state-dir", at]).0, 3);
    assert_eq!(ended(&["get", "--watch", "--state-dir", at]).0, 3, "an agent that never answered is not waited for");
    assert_eq!(ended(&["dev", "--state-dir", at, "--listen", "127.0.0.1:9", "--admin-listen", "127.0.0.1:9"]).0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_leaves_as_its_bytes_so_that_another_client_repeats_it() {
    let state = tempfile::tempdir().unwrap();
    let agent = Agent::dev(state.path(), &[]);
    let (client, request) = (client(state.path(), &agent), id());
    let event = String::from_utf8(sample("falco-outbound-c2.json")).unwrap();
    let bytes = format!(" {}\r\n\n", event.trim_end());
    let file = state.path().join("event.json");
    std::fs::write(&file, &bytes).unwrap();
    let sent = super::cli(state.path(), &["send", "falco", file.to_str().unwrap(), "--request-id", &request]);
    assert_eq!(sent["results"][0]["outcome"], "created");
    let again = client.stable.ingest_falco(&request, bytes.clone()).await.unwrap().into_inner();
    assert_eq!(again.results[0].outcome, Outcome::Replayed);
    let other = client.stable.ingest_falco(&request, event.trim_end().to_owned() + "\n").await.expect_err("other bytes");
    assert_eq!(other.status().map(|status| status.as_u16()), Some(409));
    let batch = format!(
        "{{ \"cluster_id\":\"dev-cluster\",\n\"events\": [{{\"source\":\"scanner\",\"rule\":\"r\",\"severity\":\"low\",\"time\":\"2026-11-23T10:00:00.1234567891Z\",{}}}] }}",
        r#""target": {"apiVersion":"v1", "kind":"Pod", "namespace":"shop", "name":"web-6d4cf56db6-x2x7p"}"#
    );
    std::fs::write(&file, &batch).unwrap();
    let request = id();
    let sent = super::cli(state.path(), &["send", "events", file.to_str().unwrap(), "--request-id", &request]);
    assert_eq!(sent["results"][0]["outcome"], "created", "{sent}");
    let again = client.stable.ingest_events(&request, batch).await.unwrap().into_inner();
    assert_eq!(again.results[0].outcome, Outcome::Replayed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_seen_enough_is_no_failure() {
    let state = tempfile::tempdir().unwrap();
    let _agent = Agent::dev(state.path(), &[]);
    super::cli(state.path(), &["send", "falco", &format!("{}/tests/samples/falco-outbound-c2.json", env!("CARGO_MANIFEST_DIR"))]);
    for arguments in [vec!["get"], vec!["get", "-o", "json"], vec!["crd"], vec!["fixtures", "--count", "1000"], vec!["get", "--watch"]] {
        let mut command = Command::new(BINARY);
        command.args(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        if arguments[0] == "get" {
            command.arg("--state-dir").arg(state.path());
        }
        let mut child = command.spawn().expect("the binary starts");
        // Closed before anything is written to it.
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("panicked"), "{arguments:?}: {} {said}", output.status);
    }
}

/// The lines that a child prints, as they come.
pub(crate) fn lines(out: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (send, lines) = mpsc::channel();
    thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).for_each(|line| drop(send.send(line))));
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_goes_on_when_the_agent_comes_back() {
    let state = tempfile::tempdir().unwrap();
    let path = |sample: &str| format!("{}/tests/samples/{sample}", env!("CARGO_MANIFEST_DIR"));
    let name = |receipt: Value| receipt["results"][0]["remediation"].as_str().expect("a name").to_owned();
    let mut agent = Agent::dev(state.path(), &[]);
    let first = name(super::cli(state.path(), &["send", "kyverno", &path("policy-reporter-result.json")]));
    // The watch is to show it once; its plan would be another change of it.
    planned(&client(state.path(), &agent), &first).await;
    let mut watch = Command::new(BINARY)
        .args(["get", "--watch", "-o", "json", "--state-dir"])
        .arg(state.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let lines = lines(watch.stdout.take().expect("piped"));
    let until = |name: &str| {
        let mut seen = Vec::new();
        loop {
            seen.push(lines.recv_timeout(DEADLINE).expect("the change is shown in time"));
            if seen.last().is_some_and(|line| line.contains(name)) {
                return seen;
            }
        }
    };
    until(&first);
    let address = agent.api.trim_start_matches("https://").to_owned();
    agent.kill();
    let _agent = Agent::dev(state.path(), &["--listen", &address]);
    let second = name(super::cli(state.path(), &["send", "trivy", &path("trivy-operator-vulnerabilityreport.json")]));
    let seen = until(&second);
    assert!(!seen.iter().any(|line| line.contains(&first)), "what was shown is not shown again: {seen:?}");
    watch.kill().expect("the child is ours");
    let said = watch.wait_with_output().expect("the child ends").stderr;
    assert_eq!(String::from_utf8_lossy(&said), "", "every event is understood");
}

#[tokio::test(flavor = "multi_thread")]
async fn printed_commands_can_be_pasted_whatever_the_folder_is_called() {
    let parent = tempfile::tempdir().unwrap();
    let state = parent.path().join("it's $HOME & more");
    let agent = Agent::dev(&state, &[]);
    let printed = agent.line("zen-agent get");
    let found = Path::new(BINARY).parent().expect("it is in a folder").display().to_string();
    let path = std::env::var("PATH").expect("there is a path");
    let mut shell = Command::new("sh");
    let status = shell.args(["-c", &printed]).env("PATH", format!("{found}:{path}")).current_dir("/").status().expect("sh runs");
    assert!(status.success(), "{printed}");
}
