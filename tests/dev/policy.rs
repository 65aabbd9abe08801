//! A policy file that changes while the agent runs.

use std::{fs, os::unix::fs::symlink, path::Path, time::Instant};

use serde_json::Value;
use zen_agent::contract::v0::types::{IgnoredReason, Outcome, ReceiptResult};

use super::{Agent, DEADLINE, client, ended, id, sample};

const OBSERVE: &str = "default: { mode: observe }";
const SCALE: &str = "default: { mode: propose, action: { scale: { replicas: 0 } } }";
const INVALID: &str = "default: { mode: sometimes }";

/// One of `/health`, `/readyz` and `/metrics`.
async fn admin(agent: &Agent, path: &str) -> String {
    // The process-wide provider that reqwest asks for; another test may have installed it.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let client = reqwest::Client::builder().timeout(DEADLINE).build().unwrap();
    client.get(format!("{}{path}", agent.admin)).send().await.unwrap().text().await.unwrap()
}

async fn health(agent: &Agent) -> Value {
    serde_json::from_str(&admin(agent, "/health").await).unwrap()
}

/// Waits until the agent has judged that many changes of the file.
async fn judged(agent: &Agent, successes: u32, failures: u32) {
    let begun = Instant::now();
    loop {
        let text = admin(agent, "/metrics").await;
        let counts = [("success", successes), ("failure", failures)];
        if counts.iter().all(|(result, count)| text.contains(&format!("zen_agent_policy_reloads_total{{result=\"{result}\"}} {count}\n"))) {
            return;
        }
        assert!(begun.elapsed() < DEADLINE, "{text}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await; // pacing of a poll with a deadline
    }
}

/// Replaces a file at once, as an editor does.
fn replace(file: &Path, text: &str) {
    let other = file.with_extension("new");
    fs::write(&other, text).unwrap();
    fs::rename(other, file).unwrap();
}

async fn sent(state: &Path, agent: &Agent) -> ReceiptResult {
    let body = String::from_utf8(sample("falco-outbound-c2.json")).unwrap();
    client(state, agent).stable.ingest_falco(&id(), body).await.unwrap().into_inner().results.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_policy_holds_for_the_next_event_and_an_invalid_one_leaves_the_former_in_force() {
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("policy.yaml");
    fs::write(&file, OBSERVE).unwrap();
    let agent = Agent::dev(state.path(), &["--policy", file.to_str().unwrap()]);
    let at = state.path();
    assert_eq!(sent(at, &agent).await.reason, Some(IgnoredReason::Observe));
    judged(&agent, 0, 0).await;
    assert!(admin(&agent, "/metrics").await.contains("zen_agent_policy_last_reload_successful 1\n"));
    assert_eq!(health(&agent).await["status"], "ok");

    replace(&file, SCALE);
    judged(&agent, 1, 0).await;
    assert_eq!(sent(at, &agent).await.outcome, Outcome::Created);

    replace(&file, INVALID);
    judged(&agent, 1, 1).await;
    assert_eq!(sent(at, &agent).await.outcome, Outcome::Created, "the former policy is in force");
    assert!(admin(&agent, "/metrics").await.contains("zen_agent_policy_last_reload_successful 0\n"));
    let told = health(&agent).await;
    assert_eq!(told["status"], "degraded");
    assert!(told["degraded"]["policy"].as_str().unwrap().contains("not valid"), "{told}");
    assert!(admin(&agent, "/readyz").await.contains(r#""status":"ok""#));

    replace(&file, OBSERVE);
    judged(&agent, 2, 1).await;
    assert_eq!(sent(at, &agent).await.reason, Some(IgnoredReason::Observe));
    let told = health(&agent).await;
    assert_eq!((&told["status"], &told["degraded"]), (&"ok".into(), &serde_json::json!({})));
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_guardrails_hold_for_what_waits_also_when_the_file_is_a_config_map() {
    let state = tempfile::tempdir().unwrap();
    // As the kubelet mounts it: policy.yaml → ..data/policy.yaml, ..data → a folder, swapped as a whole.
    let mount = state.path().join("mount");
    let version = |name: &str, dry_run: bool| {
        fs::create_dir_all(mount.join(name)).unwrap();
        let text = format!(
            "default: {{ mode: automatic, action: {{ networkQuarantine: {{}} }} }}\nguardrails: {{ dryRun: {dry_run}, staleness: \"off\" }}"
        );
        fs::write(mount.join(name).join("policy.yaml"), text).unwrap();
        symlink(name, mount.join("..data_tmp")).unwrap();
        fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    };
    version("..1", true);
    let file = mount.join("policy.yaml");
    symlink("..data/policy.yaml", &file).unwrap();
    let agent = Agent::dev(state.path(), &["--policy", file.to_str().unwrap()]);
    let name = sent(state.path(), &agent).await.remediation.unwrap();
    let client = client(state.path(), &agent);
    let begun = Instant::now();
    loop {
        let held = crate::cli(state.path(), &["get", &name]);
        if held.to_string().contains("DryRun") {
            break;
        }
        assert!(begun.elapsed() < DEADLINE, "{held}");
    }
    version("..2", false);
    let done = ended(&client, &name).await;
    assert_eq!(done.status.to_string(), "succeeded", "{done:?}");
}
