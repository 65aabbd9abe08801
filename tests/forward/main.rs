//! `zen-agent forward` as the tools meet it: the binary, between what they really send and a real agent.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

#[path = "../dev/agent.rs"]
#[allow(dead_code, reason = "the tests reach a part of it")]
mod agent;
#[path = "../support/reports.rs"]
mod cluster_reports;
mod door;
mod fair;
mod faults;
mod full;
mod killed;
mod one;
mod outage;
mod parked;
mod proxy;
mod reports;
mod samples;
mod shutdown;
mod tail;

use std::{
    path::Path,
    process::Command,
    sync::LazyLock,
    time::{Duration, Instant},
};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zen_agent::{
    client::Client,
    contract::v0::types::{Outcome, Receipt},
};

use agent::{Agent, DEADLINE, client, everything, id, sample};

/// An agent, and a forwarder for it on the same folder.
struct Ground {
    state: tempfile::TempDir,
    agent: Agent,
    forwarder: Agent,
}

impl Ground {
    fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        let agent = Agent::dev(state.path(), &[]);
        let forwarder = Agent::start(forward(state.path(), &agent.api, &[]));
        Self { state, agent, forwarder }
    }

    fn client(&self) -> Client {
        client(self.state.path(), &self.agent)
    }
}

/// The command line of a forwarder.
fn forward(state: &Path, to: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zen-agent"));
    command.args(["forward", "--admin-listen", "127.0.0.1:0", "--log-level", "warn", "--to", to, "--state-dir"]).arg(state);
    command.args(if more.contains(&"--listen") { &[][..] } else { &["--listen", "127.0.0.1:0"] }).args(more);
    command
}

/// A client of the forwarder, without credentials.
static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
    // The process-wide provider that reqwest asks for; another test may have installed it.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    reqwest::Client::builder().timeout(DEADLINE).pool_max_idle_per_host(0).build().unwrap()
});

/// Gives an event to a forwarder, as the tools do; the status and the body of the answer.
async fn post(forwarder: &Agent, tool: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let request = HTTP.post(format!("{}/{tool}", forwarder.api)).header("content-type", "application/json");
    let answer = request.body(body).send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
}

/// Gives an event to a forwarder, which takes it; its request id.
async fn taken(forwarder: &Agent, tool: &str, body: impl Into<reqwest::Body>) -> String {
    let (status, answer) = post(forwarder, tool, body).await;
    assert_eq!(status, 202, "{answer}");
    answer["request_id"].as_str().unwrap().to_owned()
}

/// The request id and the bytes that the agent has to get for a body, which has no volatile field, no key beyond ASCII and no
/// fraction: reckoned here once more, from what is written down.
fn expected(tool: &str, body: &[u8]) -> (String, String) {
    let canonical = serde_json::from_slice::<Value>(body).unwrap().to_string();
    let digest = Sha256::digest(format!("dev\0{tool}\0{canonical}"));
    let mut bytes: [u8; 16] = digest[..16].try_into().unwrap();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    (uuid::Uuid::from_bytes(bytes).to_string(), canonical)
}

/// What the agent says of a body that the forwarder has given it, or will.
async fn receipt(client: &Client, tool: &str, request_id: &str, body: String) -> Receipt {
    let stable = &client.stable;
    let answer = match tool {
        "falco" => stable.ingest_falco(request_id, body).await,
        "trivy" => stable.ingest_trivy(request_id, body).await,
        _ => stable.ingest_kyverno(request_id, body).await,
    };
    answer.unwrap().into_inner()
}

/// The names under which the agent has a body's remediations; it has to have had them before it is asked.
async fn arrived(client: &Client, tool: &str, body: &[u8]) -> Vec<String> {
    let (request_id, canonical) = expected(tool, body);
    let receipt = receipt(client, tool, &request_id, canonical).await;
    let one = |result: &zen_agent::contract::v0::types::ReceiptResult| {
        assert_eq!(result.outcome, Outcome::Replayed, "it had not arrived: {request_id}");
        result.remediation.clone().unwrap()
    };
    receipt.results.iter().filter(|result| result.outcome != Outcome::Ignored).map(one).collect()
}

/// One event of Falco, unlike all others.
fn event(number: usize) -> Vec<u8> {
    let mut event: Value = serde_json::from_slice(&sample("falco-outbound-c2.json")).unwrap();
    event["output_fields"]["evt.num"] = number.into();
    event.to_string().into_bytes()
}

/// The value of a series of the forwarder's metrics; of a name without labels, the sum of its series.
async fn metric(forwarder: &Agent, series: &str) -> f64 {
    let text = HTTP.get(format!("{}/metrics", forwarder.admin)).send().await.unwrap().text().await.unwrap();
    let of =
        |(found, value): (&str, &str)| (found == series || found.split('{').next() == Some(series)).then(|| value.parse::<f64>().unwrap());
    let values: Vec<_> = text.lines().filter_map(|line| of(line.rsplit_once(' ')?)).collect();
    assert!(!values.is_empty(), "no {series} in {text}");
    values.iter().sum()
}

/// Waits until the forwarder has nothing left to deliver.
async fn until_delivered(forwarder: &Agent) {
    until("nothing is left in the spool", async || metric(forwarder, "zen_agent_forward_spool_events").await == 0.0).await;
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    until_within(DEADLINE, what, holds).await;
}

async fn until_within(deadline: Duration, what: &str, holds: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < deadline, "it does not come to this: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await; // pacing of a poll with a deadline
    }
}
