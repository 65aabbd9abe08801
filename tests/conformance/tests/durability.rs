//! What was acknowledged survives a kill at any moment.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use embedded_kube::{EmbeddedKube, Options};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{Api, ListParams, PostParams};
use serde_json::json;

const DIRECTORY: &str = "EMBEDDED_KUBE_DURABILITY_DIRECTORY";
const ROUND: &str = "EMBEDDED_KUBE_DURABILITY_ROUND";
const ROUNDS: usize = 24;
const CALLERS: usize = 8;

fn config_map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}, "data": {"filling": "x".repeat(1000)}})).unwrap()
}

/// The process that is killed: creates objects as fast as it can and prints the name of each that was acknowledged.
async fn create_until_killed(directory: &Path, round: &str) {
    let maps: Api<ConfigMap> = Api::default_namespaced(EmbeddedKube::open(directory, Options::default()).unwrap().client("default"));
    let callers = (0..CALLERS).map(|caller| {
        let (maps, round) = (maps.clone(), round.to_owned());
        tokio::spawn(async move {
            for i in 0.. {
                let name = format!("round-{round}-caller-{caller}-{i}");
                maps.create(&PostParams::default(), &config_map(&name)).await.unwrap();
                let mut out = std::io::stdout().lock();
                writeln!(out, "acknowledged {name}").unwrap();
                out.flush().unwrap();
            }
        })
    });
    futures::future::join_all(callers).await;
}

/// Runs the other process until it has acknowledged `enough`, kills it, and returns all that it acknowledged.
fn killed_after(enough: usize, directory: &Path, round: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_was_acknowledged_survives_being_killed", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    // What was written before the kill is still in the pipe; a line that is cut off was not acknowledged.
    while out.read_line(&mut line).unwrap() > 0 {
        if let Some(name) = line.strip_suffix('\n').and_then(|line| line.strip_prefix("acknowledged ")) {
            acknowledged.push(name.to_owned());
        }
        if acknowledged.len() == enough {
            child.kill().unwrap();
        }
        line.clear();
    }
    child.wait().unwrap();
    acknowledged
}

async fn stored(directory: &Path) -> Vec<String> {
    let kube = EmbeddedKube::open(directory, Options::default()).unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(kube.client("default"));
    let names = maps.list(&ListParams::default()).await.unwrap().items.iter().map(ResourceExt::name_any).collect();
    kube.close();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_being_killed() {
    if let (Some(directory), Ok(round)) = (std::env::var_os(DIRECTORY), std::env::var(ROUND)) {
        return create_until_killed(Path::new(&directory), &round).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        // Somewhere within a group, never at the same place.
        let enough = 1 + (round * 37) % 101;
        let path = directory.path().to_owned();
        let names = tokio::task::spawn_blocking(move || killed_after(enough, &path, round)).await.unwrap();
        assert!(names.len() >= enough, "the other process ended by itself after {} objects", names.len());
        acknowledged.extend(names);

        let stored = stored(directory.path()).await;
        let distinct: BTreeSet<String> = stored.iter().cloned().collect();
        assert_eq!(distinct.len(), stored.len(), "an object is there twice");
        let lost: Vec<&String> = acknowledged.difference(&distinct).collect();
        assert!(lost.is_empty(), "lost in round {round}: {lost:?}");
    }
}
