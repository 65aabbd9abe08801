//! Reports as the tools keep them in a cluster: their definitions, and those of the samples.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    runtime::{conditions, wait::await_condition},
};
use serde_json::{Value, json};
use zen_agent::{forward::ReportKind, remediation::ZenAgentRemediation};

use crate::agent::{Agent, DEADLINE, client, everything};

/// Defines a kind, of which everything is kept as it is sent.
pub(crate) async fn define(client: &Client, kind: ReportKind) {
    let resource = kind.resource();
    let definition = json!({
        "metadata": { "name": format!("{}.{}", resource.plural, resource.group) },
        "spec": {
            "group": resource.group,
            "names": { "kind": resource.kind, "plural": resource.plural },
            "scope": if resource.kind.starts_with("Cluster") { "Cluster" } else { "Namespaced" },
            "versions": [{
                "name": resource.version, "served": true, "storage": true,
                "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } },
            }],
        },
    });
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let definition: CustomResourceDefinition = serde_json::from_value(definition).unwrap();
    match definitions.create(&PostParams::default(), &definition).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => {}
        created => drop(created.unwrap()),
    }
    await_condition(definitions, &definition.name_any(), conditions::is_crd_established()).await.unwrap();
}

/// The reports of a kind in the namespace `default`.
pub(crate) fn reports(client: &Client, kind: ReportKind) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), "default", &kind.resource())
}

/// The sample of a kind, as an object that nobody owns and the API server has not seen.
fn report(kind: ReportKind, name: &str) -> DynamicObject {
    let text = match kind {
        ReportKind::PolicyReports => include_str!("../samples/kyverno-policyreport.json"),
        ReportKind::VulnerabilityReports => include_str!("../samples/trivy-operator-vulnerabilityreport.json"),
        other => panic!("there is no sample of {}", other.as_str()),
    };
    let mut report: Value = serde_json::from_str(text).unwrap();
    report["metadata"] = json!({ "name": name, "labels": report["metadata"]["labels"] });
    serde_json::from_value(report).unwrap()
}

pub(crate) async fn create(client: &Client, kind: ReportKind, name: &str) {
    reports(client, kind).create(&PostParams::default(), &report(kind, name)).await.unwrap();
}

/// Has a report say something else.
pub(crate) async fn change(client: &Client, kind: ReportKind, name: &str, what: &str) {
    let patch = Patch::Merge(json!({ "metadata": { "labels": { "changed": what } } }));
    reports(client, kind).patch(name, &PatchParams::default(), &patch).await.unwrap();
}

/// Deletes all remediations, as retention does.
async fn forget_remediations(client: &Client) {
    let all: Api<ZenAgentRemediation> = Api::all(client.clone());
    for remediation in all.list(&Default::default()).await.unwrap().items {
        let of: Api<ZenAgentRemediation> = Api::namespaced(client.clone(), &remediation.namespace().unwrap());
        of.delete(&remediation.name_any(), &Default::default()).await.unwrap();
    }
}

/// A report arrives once for each thing that it says, whatever is restarted and deleted meanwhile.
///
/// `agent` is one on the same Kubernetes API, with its credentials in `state`.
pub(crate) async fn arrive_once(kube: &Client, kubeconfig: &Path, state: &Path, agent: &Agent) -> Agent {
    let client = client(state, agent);
    let kinds = [ReportKind::PolicyReports, ReportKind::VulnerabilityReports];
    let [policy, vulnerability] = kinds;
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zen-agent"));
        command.args(["forward", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-level", "warn", "--to", &agent.api]);
        command.args(["--watch", "policyreports,vulnerabilityreports", "--state-dir"]).arg(state).env("KUBECONFIG", kubeconfig);
        Agent::start(command)
    };
    let followed = async |forwarder: &Agent| {
        let up = async |kind: ReportKind| {
            metric(forwarder, &format!("zen_agent_forward_watch_up{{resource=\"{}\"}}", kind.as_str())).await == 1.0
        };
        until("all are watched", async || up(policy).await && up(vulnerability).await).await;
    };
    let taken = async |forwarder: &Agent, kyverno: f64, trivy: f64| {
        let of = async |tool| metric(forwarder, &format!("zen_agent_forward_accepted_total{{tool=\"{tool}\"}}")).await;
        until("as many are taken", async || of("kyverno").await >= kyverno && of("trivy").await >= trivy).await;
        until("they are delivered", async || metric(forwarder, "zen_agent_forward_delivered_total").await >= kyverno + trivy).await;
        assert_eq!([of("kyverno").await, of("trivy").await], [kyverno, trivy]);
    };
    let known = async |forwarder: &Agent, kind: ReportKind| {
        metric(forwarder, &format!("zen_agent_forward_known_reports{{resource=\"{}\"}}", kind.as_str())).await
    };

    // Before anybody has defined what it watches.
    let mut forwarder = start();
    for kind in kinds {
        define(kube, kind).await;
        create(kube, kind, "stays").await;
    }
    create(kube, policy, "goes").await;
    followed(&forwarder).await;
    taken(&forwarder, 2.0, 1.0).await;
    assert_eq!(everything(&client).await.len(), 3);
    change(kube, vulnerability, "stays", "once").await;
    taken(&forwarder, 2.0, 2.0).await;
    assert_eq!(everything(&client).await.len(), 4);

    forwarder.kill();
    forget_remediations(kube).await;
    until("the agent has none of them any more", async || everything(&client).await.is_empty()).await;
    change(kube, policy, "stays", "twice").await;
    reports(kube, policy).delete("goes", &DeleteParams::default()).await.unwrap();
    let forwarder = start();
    followed(&forwarder).await;
    taken(&forwarder, 1.0, 0.0).await;
    assert_eq!(everything(&client).await.len(), 1, "it acts once more on what it had acted on");
    assert_eq!([known(&forwarder, policy).await, known(&forwarder, vulnerability).await], [1.0, 1.0]);
    reports(kube, vulnerability).delete("stays", &DeleteParams::default()).await.unwrap();
    until("it is forgotten", async || known(&forwarder, vulnerability).await == 0.0).await;
    assert_eq!(everything(&client).await.len(), 1);
    forwarder
}

/// The value of a series of a forwarder's metrics; of a name without labels, the sum of its series.
pub(crate) async fn metric(forwarder: &Agent, series: &str) -> f64 {
    let text = reqwest::get(format!("{}/metrics", forwarder.admin)).await.unwrap().text().await.unwrap();
    let is = |found: &str| found == series || found.split('{').next() == Some(series);
    text.lines()
        .filter_map(|line| line.rsplit_once(' '))
        .filter(|(found, _)| is(found))
        .map(|(_, value)| value.parse::<f64>().unwrap())
        .sum()
}

pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < DEADLINE, "it does not come to this: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await; // pacing of a poll with a deadline
    }
}
