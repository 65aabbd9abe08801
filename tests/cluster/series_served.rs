//! Several patches, carried out by the agent as a process.

use std::time::{Duration, Instant};

use kube::{Api, api::PostParams};
use serde_json::json;
use zen_agent::{
    config::ENABLED_ACTIONS,
    dev::NAMESPACE,
    remediation::{Phase, ZenAgentRemediation, crd},
};

use crate::{
    agent::{Agent, DEADLINE},
    ground::Ground,
    process::{free_address, serve},
};

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_a_patch_is_noticed_at_once() {
    let ground = Ground::with(&crd()).await;
    let state = tempfile::tempdir().unwrap();
    let mut command = serve(&ground.control_plane().kubeconfig(), state.path(), &free_address());
    command.env("ENABLED_ACTIONS", format!("{ENABLED_ACTIONS},apply"));
    let _agent = Agent::start(command);
    let remediations: Api<ZenAgentRemediation> = Api::namespaced(ground.client.clone(), NAMESPACE);
    let patch =
        |kind: &str, name: &str| json!({ "apiVersion": "v1", "kind": kind, "namespace": "shop", "name": name, "patch": "data: { a: b }" });
    let approval = json!({ "approvedBy": "alice", "approvedAt": "2026-01-01T00:00:00Z" });
    for (name, last, ends) in [("done", "ConfigMap", Phase::Succeeded), ("undone", "Gadget", Phase::RolledBack)] {
        let patches: Vec<_> = (1..=3).map(|at| patch("ConfigMap", &format!("{name}-{at}"))).chain([patch(last, "last")]).collect();
        let mut spec = json!({ "patches": patches });
        spec.as_object_mut().unwrap().extend(approval.as_object().unwrap().clone());
        let created = ZenAgentRemediation::new(name, serde_json::from_value(spec).unwrap());
        remediations.create(&PostParams::default(), &created).await.unwrap();
        // If one that waits for its patch looked only by itself, which is after 30 s each time, it would not be through by then.
        let waiting = Instant::now();
        let ended = loop {
            let seen = remediations.get(name).await.unwrap();
            if seen.phase().is_terminal() {
                break seen;
            }
            assert!(waiting.elapsed() < DEADLINE, "{:?}", seen.status);
            tokio::time::sleep(Duration::from_millis(50)).await; // pacing of a poll with a deadline
        };
        let status = ended.status.clone().unwrap();
        assert_eq!((ended.phase(), status.patch_remediations.len()), (ends, 4), "{status:?}");
    }
}
