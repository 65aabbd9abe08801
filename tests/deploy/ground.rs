//! What the tests of the granted role act on, and how they ask and count.

use std::time::Instant;

use controlplane::ControlPlane;
use k8s_openapi::api::{
    apps::v1::Deployment,
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview},
    batch::v1::CronJob,
    core::v1::{Node, Pod},
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::{sync::Mutex, task::JoinHandle};
use zen_agent::{
    contract::v0::types::{Remediation, Status},
    dev::CLUSTER,
};

use crate::release::{Agent, DEADLINE};

/// Held by each test here: the API server counts its refusals for all of them together.
pub(crate) static ALONE: Mutex<()> = Mutex::const_new(());

pub(crate) fn id() -> String {
    uuid::Uuid::now_v7().to_string()
}

pub(crate) async fn control_plane() -> &'static ControlPlane {
    tokio::task::spawn_blocking(ControlPlane::shared).await.unwrap()
}

pub(crate) async fn space(admin: &Client, name: &str) {
    let spaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(admin.clone());
    let space = serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap();
    spaces.create(&PostParams::default(), &space).await.unwrap();
}

/// A Deployment, pods, one of them on a node, and a CronJob, to act on.
pub(crate) async fn workload(admin: &Client, namespace: &str) {
    space(admin, namespace).await;
    let pod = json!({ "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [{ "name": "web", "image": "web" }] } });
    let deployment = json!({
        "metadata": { "name": "web" },
        "spec": { "replicas": 3, "selector": { "matchLabels": { "app": "web" } }, "template": pod },
    });
    let deployments: Api<Deployment> = Api::namespaced(admin.clone(), namespace);
    deployments.create(&PostParams::default(), &serde_json::from_value(deployment).unwrap()).await.unwrap();
    let node = namespace.replace("shop-", "node-");
    let created = serde_json::from_value(json!({ "metadata": { "name": node } })).unwrap();
    Api::<Node>::all(admin.clone()).create(&PostParams::default(), &created).await.unwrap();
    let pods: Api<Pod> = Api::namespaced(admin.clone(), namespace);
    for (name, node) in [("web-1", None), ("web-2", None), ("on-node", Some(node))] {
        let mut pod = pod.clone();
        (pod["metadata"]["name"], pod["spec"]["nodeName"]) = (name.into(), node.into());
        pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    }
    let job =
        json!({ "spec": { "template": { "spec": { "restartPolicy": "Never", "containers": [{ "name": "job", "image": "job" }] } } } });
    let nightly = json!({ "metadata": { "name": "nightly" }, "spec": { "schedule": "0 3 * * *", "jobTemplate": job } });
    let cron_jobs = Api::<CronJob>::namespaced(admin.clone(), namespace);
    cron_jobs.create(&PostParams::default(), &serde_json::from_value(nightly).unwrap()).await.unwrap();
}

/// Plays the Deployment's controller: its status follows its spec.
pub(crate) fn follow(admin: &Client, namespace: &str) -> JoinHandle<()> {
    let deployments: Api<Deployment> = Api::namespaced(admin.clone(), namespace);
    tokio::spawn(async move {
        loop {
            let live = deployments.get("web").await.unwrap();
            let replicas = live.spec.unwrap().replicas;
            let status = json!({ "status": {
                "observedGeneration": live.metadata.generation, "replicas": replicas, "updatedReplicas": replicas,
                "readyReplicas": replicas, "availableReplicas": replicas,
            } });
            deployments.patch_status("web", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(100)).await; // pacing of a stand-in
        }
    })
}

/// Sends an event that the policy below answers with the action of that name.
pub(crate) async fn send(agent: &Agent, action: &str, namespace: &str, kind: &str, name: &str) -> String {
    let api_version = match kind {
        "Pod" => "v1",
        "CronJob" => "batch/v1",
        _ => "apps/v1",
    };
    let batch = json!({ "cluster_id": CLUSTER, "events": [{
        "source": "falco", "rule": action, "severity": "high", "time": jiff::Timestamp::now().to_string(), "facts": {},
        "target": { "apiVersion": api_version, "kind": kind, "namespace": namespace, "name": name },
    }] });
    let receipt = agent.client.stable.ingest_events(&id(), batch.to_string()).await.expect("the event is taken").into_inner();
    receipt.results[0].remediation.clone().expect("a remediation")
}

/// The remediation, once it has ended.
pub(crate) async fn ended(agent: &Agent, name: &str) -> Remediation {
    let begun = Instant::now();
    loop {
        let item = agent.client.stable.get_remediation(name, &id()).await.expect("it can be read").into_inner();
        if !matches!(item.status, Status::Pending | Status::InProgress) {
            return item;
        }
        assert!(begun.elapsed() < 3 * DEADLINE, "{name} did not end: {item:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await; // pacing of a poll with a deadline
    }
}

pub(crate) fn policy() -> Value {
    let rule = |action: &str, mode: &str, what: Value| json!({ "name": action, "when": format!("rule == \"{action}\""), "mode": mode, "action": what });
    json!({
        "rules": [
            rule("label", "automatic", json!({ "label": { "labels": { "flag": "falco" } } })),
            rule("quarantine", "automatic", json!({ "networkQuarantine": {} })),
            rule("scale", "propose", json!({ "scale": { "replicas": 0 } })),
        ],
        "default": { "mode": "observe" },
    })
}

/// The same, and a rule for each further action.
pub(crate) fn policy_of_everything() -> Value {
    let mut policy = policy();
    let further = [
        ("annotate", "automatic", json!({ "annotate": { "annotations": { "note": "falco" } } })),
        ("set-image", "automatic", json!({ "setImage": { "containers": { "web": "web:2" } } })),
        ("restart", "automatic", json!({ "restart": {} })),
        ("suspend", "automatic", json!({ "suspend": {} })),
        ("cordon", "automatic", json!({ "cordon": {} })),
        ("delete-pod", "automatic-irreversible", json!({ "deletePod": {} })),
        ("evict", "automatic-irreversible", json!({ "evict": {} })),
    ];
    let further =
        further.map(|(name, mode, action)| json!({ "name": name, "when": format!("rule == \"{name}\""), "mode": mode, "action": action }));
    policy["rules"].as_array_mut().unwrap().extend(further);
    policy["guardrails"] = json!({ "budget": "off", "cooldown": "off" });
    policy
}

/// Of the API server's metrics, the series that are wanted, and their sum.
pub(crate) async fn counted(admin: &Client, wanted: impl Fn(&str) -> bool) -> (Vec<String>, f64) {
    let text = admin.request_text(http::Request::get("/metrics").body(Vec::new()).unwrap()).await.unwrap();
    let lines: Vec<_> = text.lines().filter(|line| wanted(line)).map(str::to_owned).collect();
    let sum = lines.iter().map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum();
    (lines, sum)
}

/// Requests that its authorizer did not allow.
pub(crate) async fn refusals(admin: &Client) -> (Vec<String>, f64) {
    counted(admin, |line| line.starts_with("authorization_attempts_total{") && !line.contains("result=\"allowed\"")).await
}

/// Requests about NetworkPolicies with this verb that it granted.
pub(crate) async fn written(admin: &Client, verb: &str) -> f64 {
    let of = |line: &str| line.contains("resource=\"networkpolicies\"") && line.contains(&format!("verb=\"{verb}\""));
    counted(admin, |line| line.starts_with("apiserver_request_total{code=\"200\"") && of(line)).await.1
}

/// `verb group/resource[/subresource] namespace`, asked by the agent's service account.
pub(crate) async fn allowed(agent: &Client, wanted: &str) -> bool {
    let words: Vec<_> = wanted.split(' ').collect();
    let (resource, name) = words[1].split_once('#').map_or((words[1], None), |(resource, name)| (resource, Some(name)));
    let (group, resource) = resource.split_once(':').unwrap_or(("", resource));
    let (resource, subresource) = resource.split_once('/').map_or((resource, None), |(resource, sub)| (resource, Some(sub)));
    let attributes = ResourceAttributes {
        verb: Some(words[0].to_owned()),
        group: Some(group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource: subresource.map(str::to_owned),
        name: name.map(str::to_owned),
        namespace: words.get(2).map(|namespace| (*namespace).to_owned()),
        ..ResourceAttributes::default()
    };
    let review = serde_json::from_value(json!({ "spec": { "resourceAttributes": attributes } })).unwrap();
    let answer = Api::<SelfSubjectAccessReview>::all(agent.clone()).create(&PostParams::default(), &review).await.unwrap();
    answer.status.unwrap().allowed
}
