//! Limits: the cap of a tenant's stored remediations, over the API of a running agent, and the API server's fairness.

use std::time::{Duration, Instant};

use k8s_openapi::api::{
    flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration},
    rbac::v1::ClusterRoleBinding,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::{Value, json};
use zen_agent::{
    client::Error,
    contract::v0::types::{Outcome, ProblemCode},
    dev,
    fixtures::{self, Fixtures},
    remediation::{Phase, ZenAgentRemediation, crd},
    retention::{Limit, Mode, Retention, Sweep, SweepReport, TerminalPhase},
    telemetry::Metrics,
};

use crate::{
    agent::{Agent, DEADLINE, client, ended, id, sample},
    ground::Ground,
    process::{serve, text},
    soon,
};

/// Waits until the agent's cache holds so many remediations.
async fn counted(agent: &Agent, wanted: u32) {
    let begun = Instant::now();
    loop {
        let metrics = text(&agent.admin, "/metrics").unwrap();
        let counts = metrics.lines().filter(|line| line.starts_with("zen_agent_crd_count{"));
        let counted: f64 = counts.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum();
        if counted == f64::from(wanted) {
            return;
        }
        assert!(begun.elapsed() < DEADLINE, "{counted} are counted, not {wanted}");
        tokio::time::sleep(Duration::from_millis(20)).await; // pacing of a poll with a deadline
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_cap_events_are_refused_until_there_is_room_and_replays_are_answered() {
    let ground = Ground::with(&crd()).await;
    let state = tempfile::tempdir().unwrap();
    let mut command = serve(&ground.control_plane().kubeconfig(), state.path(), "127.0.0.1:0");
    command.env("MAX_REMEDIATIONS_PER_TENANT", "3");
    let agent = Agent::start(command);
    let client = client(state.path(), &agent);
    let event = sample("falco-outbound-c2.json");
    let requests = [id(), id(), id()];
    for request in &requests {
        let receipt = client.stable.ingest_falco(request, event.clone()).await.unwrap().into_inner();
        ended(&client, receipt.results[0].remediation.as_ref().unwrap()).await;
    }
    counted(&agent, 3).await;

    let late = id();
    let Error::ErrorResponse(refused) = client.stable.ingest_falco(&late, event.clone()).await.unwrap_err() else { panic!("no answer") };
    assert_eq!((refused.status().as_u16(), refused.code), (429, ProblemCode::QuotaExceeded));
    assert!(refused.headers().contains_key("retry-after"));
    let remediations: Api<ZenAgentRemediation> = Api::namespaced(ground.client.clone(), dev::NAMESPACE);
    assert_eq!(remediations.list(&ListParams::default()).await.unwrap().items.len(), 3);
    let replayed = client.stable.ingest_falco(&requests[0], event.clone()).await.unwrap().into_inner();
    assert_eq!(replayed.results[0].outcome, Outcome::Replayed);

    let cleaned = client.stable.cleanup_remediations(None, Some("0s"), Some("succeeded,failed,rolled_back"), &id()).await.unwrap();
    assert_eq!(cleaned.into_inner().deleted, 3);
    counted(&agent, 0).await;
    let receipt = client.stable.ingest_falco(&late, event).await.unwrap().into_inner();
    assert_eq!(receipt.results[0].outcome, Outcome::Created);
}

const FLOODER: &str = "flooder";

/// A client whom the API server gives few seats and no queue: whatever is more at once is answered with 429.
async fn throttled(ground: &Ground) -> Client {
    let create = async |level: Value, schema: Value, binding: Value| {
        let post = PostParams::default();
        Api::<PriorityLevelConfiguration>::all(ground.client.clone()).create(&post, &serde_json::from_value(level).unwrap()).await.unwrap();
        Api::<ClusterRoleBinding>::all(ground.client.clone()).create(&post, &serde_json::from_value(binding).unwrap()).await.unwrap();
        Api::<FlowSchema>::all(ground.client.clone()).create(&post, &serde_json::from_value(schema).unwrap()).await.unwrap()
    };
    let everything = json!([{ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": true, "namespaces": ["*"] }]);
    let paths = json!([{ "verbs": ["*"], "nonResourceURLs": ["*"] }]);
    let user = json!([{ "kind": "User", "user": { "name": FLOODER } }]);
    let schema = create(
        json!({ "metadata": { "name": FLOODER }, "spec": { "type": "Limited", "limited": {
            "nominalConcurrencyShares": 1, "borrowingLimitPercent": 0, "lendablePercent": 0, "limitResponse": { "type": "Reject" },
        } } }),
        json!({ "metadata": { "name": FLOODER }, "spec": { "matchingPrecedence": 10, "priorityLevelConfiguration": { "name": FLOODER },
            "rules": [{ "subjects": user, "resourceRules": everything, "nonResourceRules": paths }] } }),
        json!({ "metadata": { "name": FLOODER }, "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": FLOODER }] }),
    )
    .await;
    let control_plane = ground.control_plane();
    let kubeconfig = tokio::task::spawn_blocking(|| control_plane.user(FLOODER, &[])).await.unwrap();
    let client = controlplane::client(&kubeconfig).await;
    soon("the API server throttles", in_effect(&client, &schema.uid().unwrap())).await;
    client
}

/// Waits until the API server counts this client's requests under that flow schema, as it says in each answer.
async fn in_effect(client: &Client, schema: &str) {
    loop {
        let request = http::Request::get("/version").body(kube::client::Body::empty()).unwrap();
        let answer = client.send(request).await.unwrap();
        if answer.headers().get("x-kubernetes-pf-flowschema-uid").is_some_and(|uid| uid == schema) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await; // pacing of a poll with a deadline
    }
}

/// How many requests of that client were answered with 429.
async fn refusals(admin: &Client) -> u64 {
    let metrics = admin.request_text(http::Request::get("/metrics").body(Vec::new()).unwrap()).await.unwrap();
    let of_flooder = format!("priority_level=\"{FLOODER}\"");
    let lines =
        metrics.lines().filter(|line| line.starts_with("apiserver_flowcontrol_rejected_requests_total{") && line.contains(&of_flooder));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// Takes away again what makes the flooder one, also when the test fails.
async fn unthrottle(ground: &Ground) {
    let params = DeleteParams::default();
    drop(Api::<FlowSchema>::all(ground.client.clone()).delete(FLOODER, &params).await);
    drop(Api::<PriorityLevelConfiguration>::all(ground.client.clone()).delete(FLOODER, &params).await);
    drop(Api::<ClusterRoleBinding>::all(ground.client.clone()).delete(FLOODER, &params).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_the_api_server_throttles_waits_as_told_and_deletes_everything() {
    const COUNT: u64 = 150;
    let ground = Ground::clean().await;
    unthrottle(&ground).await;
    let api: Api<ZenAgentRemediation> = Api::namespaced(ground.client.clone(), "default");
    let old = Fixtures::new(1, jiff::Timestamp::now()).status(Phase::Failed).age(Duration::from_secs(7_200));
    fixtures::create(&api, old.generate(usize::try_from(COUNT).unwrap()), 32).await.unwrap();
    let retention = Retention::new(throttled(&ground).await, Some("default".to_owned()), "own".parse().unwrap(), Metrics::new());
    let older_than = Limit::Exactly(Duration::from_secs(3_600));
    let sweep = Sweep { older_than, statuses: vec![TerminalPhase::Failed], mode: Mode::Delete, tenant: None };
    let report = retention.sweep(&sweep).await;
    let refused = refusals(&ground.client).await;
    unthrottle(&ground).await;
    assert_eq!(report, SweepReport { matched: COUNT, deleted: COUNT, ..SweepReport::default() });
    assert!(refused > 0, "nothing was throttled, so nothing was shown");
}
