//! `listen` and `resend`: what a developer sees of an event, and the same one once more.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::{Agent, DEADLINE, cli, client, command_line::lines, ended};

/// Ends with the test.
struct Listening(Child);

impl Drop for Listening {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_is_shown_from_now_on_and_what_is_sent_again_has_no_effect_unless_it_is_new() {
    let state = tempfile::tempdir().unwrap();
    let agent = Agent::dev(state.path(), &[]);
    let name = |receipt: &Value| receipt["results"][0]["remediation"].as_str().expect("a name").to_owned();
    let outcome = |receipt: &Value| receipt["results"][0]["outcome"].as_str().expect("an outcome").to_owned();
    let before = name(&cli(state.path(), &["trigger", "falco.shell"]));
    ended(&client(state.path(), &agent), &before).await;

    let mut listening = Command::new(env!("CARGO_BIN_EXE_zen-agent"));
    let listening = listening.args(["listen", "-o", "json", "--state-dir"]).arg(state.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut listening = Listening(listening.spawn().expect("the binary starts"));
    let mut said = String::new();
    BufReader::new(listening.0.stderr.take().expect("piped")).read_line(&mut said).unwrap();
    assert!(said.contains("listening"), "{said}");
    let lines = lines(listening.0.stdout.take().expect("piped"));
    let until_succeeded = |name: &str| {
        loop {
            let line = lines.recv_timeout(DEADLINE).expect("the change is shown in time");
            let item = &serde_json::from_str::<Value>(&line).unwrap()["remediation"];
            assert_eq!(item["id"], name, "nothing else arrives");
            if item["status"] == "succeeded" {
                return;
            }
        }
    };

    let first = cli(state.path(), &["trigger", "falco.shell"]);
    until_succeeded(&name(&first));
    for again in [&["resend"][..], &["resend", first["request_id"].as_str().unwrap()]] {
        let again = cli(state.path(), again);
        assert_eq!((outcome(&again), name(&again), &again["request_id"]), ("replayed".into(), name(&first), &first["request_id"]));
    }
    let new = cli(state.path(), &["resend", "--new"]);
    assert_eq!(outcome(&new), "created");
    assert_ne!(name(&new), name(&first));
    until_succeeded(&name(&new));

    let listed =
        Command::new(env!("CARGO_BIN_EXE_zen-agent")).args(["resend", "--list", "--state-dir"]).arg(state.path()).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(listed.lines().count(), 4, "a heading, and each request once: {listed}");
    let unknown = ["resend", "0198c0de-0000-7000-8000-000000000001", "--state-dir"];
    let unknown = Command::new(env!("CARGO_BIN_EXE_zen-agent")).args(unknown).arg(state.path()).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
}
