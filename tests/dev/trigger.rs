//! `trigger`: events of the tools, as of now.

use std::process::Command;

use super::{Agent, cli, client, ended};

#[tokio::test(flavor = "multi_thread")]
async fn every_event_that_is_listed_is_taken_and_each_time_it_is_another_one() {
    let state = tempfile::tempdir().unwrap();
    let agent = Agent::dev(state.path(), &[]);
    let listed = Command::new(env!("CARGO_BIN_EXE_zen-agent")).args(["trigger", "--list"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let names: Vec<&str> = listed.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"falco.shell") && names.len() > 5, "{listed}");
    for name in names {
        let receipt = cli(state.path(), &["trigger", name]);
        assert!(receipt["results"].as_array().is_some_and(|results| !results.is_empty()), "{name}: {receipt}");
    }
    // A shell leads to a label, unless it is critical; and twice to two remediations.
    let mut became = Vec::new();
    for more in [&[][..], &["--override", "priority=Critical", "--override", "output_fields.k8s.ns.name=shop"]] {
        let receipt = cli(state.path(), &[&["trigger", "falco.shell"], more].concat());
        assert_eq!(receipt["results"][0]["outcome"], "created");
        let item = ended(&client(state.path(), &agent), receipt["results"][0]["remediation"].as_str().unwrap()).await;
        became.push((item.action.unwrap(), item.status.to_string()));
    }
    let succeeded = |action: &str| (action.to_owned(), "succeeded".to_owned());
    assert_eq!(became, [succeeded("label"), succeeded("network-quarantine")]);
    let unknown = Command::new(env!("CARGO_BIN_EXE_zen-agent")).args(["trigger", "falco.nosuch"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
}
