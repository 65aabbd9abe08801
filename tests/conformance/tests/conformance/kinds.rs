//! The built-in types that the agent works with, as far as they have ways of their own.

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::support::{causes, refusal, server};

fn of<K: serde::de::DeserializeOwned>(object: Value) -> K {
    serde_json::from_value(object).unwrap()
}

fn lease(holder: &str) -> Lease {
    of(json!({"metadata": {"name": "leader"}, "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15,
              "acquireTime": "2024-01-01T00:00:00.000000Z", "renewTime": "2024-01-01T00:00:00.000000Z", "leaseTransitions": 0}}))
}

#[tokio::test]
async fn of_two_that_want_a_lease_one_gets_it() {
    let (client, namespace) = server().await;
    let leases: Api<Lease> = Api::namespaced(client, &namespace);
    let params = PostParams::default();
    let (a, b) = (lease("a"), lease("b"));
    let (first, second) = tokio::join!(leases.create(&params, &a), leases.create(&params, &b));
    assert_eq!([&first, &second].iter().filter(|created| created.is_ok()).count(), 1);
    let held = first.or(second).unwrap();
    assert_eq!(leases.get("leader").await.unwrap(), held);

    // Whoever has not seen the latest version does not get it, also when he would be the one that holds it.
    let mut renewed = held.clone();
    renewed.spec.as_mut().unwrap().renew_time = serde_json::from_value(json!("2024-01-01T00:00:05.000000Z")).unwrap();
    let renewed = leases.replace("leader", &params, &renewed).await.unwrap();
    let mut stolen = held.clone();
    stolen.spec.as_mut().unwrap().holder_identity = Some("thief".into());
    let status = refusal(leases.replace("leader", &params, &stolen).await);
    assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
    let patch = json!({"metadata": {"resourceVersion": held.resource_version()}, "spec": {"holderIdentity": "thief"}});
    assert_eq!(refusal(leases.patch("leader", &PatchParams::default(), &Patch::Merge(patch)).await).code, 409);
    assert_eq!(leases.get("leader").await.unwrap(), renewed);
    assert_eq!(renewed.spec.unwrap().renew_time.unwrap().0.to_string(), "2024-01-01T00:00:05Z");
}

#[tokio::test]
async fn a_lease_is_never_replaced_without_a_version() {
    let (client, namespace) = server().await;
    let leases: Api<Lease> = Api::namespaced(client, &namespace);
    leases.create(&PostParams::default(), &lease("a")).await.unwrap();
    assert_eq!(refusal(leases.replace("leader", &PostParams::default(), &lease("b")).await).code, 422);
}

#[tokio::test]
async fn events_are_found_by_what_they_are_about() {
    let (client, namespace) = server().await;
    let events: Api<Event> = Api::namespaced(client, &namespace);
    for (name, about) in [("a", "web"), ("b", "db")] {
        let event = json!({"metadata": {"name": name}, "type": "Normal", "reason": "Succeeded", "message": "done", "count": 1,
            "reportingComponent": "zen-agent", "reportingInstance": "one", "action": "Run", "eventTime": "2024-01-01T00:00:00.000000Z",
            "involvedObject": {"kind": "Pod", "name": about, "namespace": namespace, "uid": "u", "apiVersion": "v1"}});
        events.create(&PostParams::default(), &of(event)).await.unwrap();
    }
    for selector in
        ["involvedObject.name=web", "involvedObject.kind=Pod,involvedObject.name=web", "reason=Succeeded,involvedObject.name!=db"]
    {
        let found = events.list(&ListParams::default().fields(selector)).await.unwrap();
        assert_eq!(found.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["a"], "{selector}");
    }
    let counted = Patch::Merge(json!({"count": 2}));
    assert_eq!(events.patch("a", &PatchParams::default(), &counted).await.unwrap().count, Some(2));
}

#[tokio::test]
async fn a_network_policy_counts_its_generations_and_goes_at_once() {
    let (client, namespace) = server().await;
    let policies: Api<NetworkPolicy> = Api::namespaced(client, &namespace);
    let policy =
        json!({"metadata": {"name": "deny"}, "spec": {"podSelector": {"matchLabels": {"a": "b"}}, "policyTypes": ["Ingress", "Egress"]}});
    let created = policies.create(&PostParams::default(), &of(policy)).await.unwrap();
    assert_eq!(created.metadata.generation, Some(1));
    let patch = Patch::Merge(json!({"spec": {"podSelector": {"matchLabels": {"a": "c"}}}}));
    assert_eq!(policies.patch("deny", &PatchParams::default(), &patch).await.unwrap().metadata.generation, Some(2));
    policies.delete("deny", &DeleteParams::default()).await.unwrap();
    assert_eq!(refusal(policies.get("deny").await).code, 404);
}

#[tokio::test]
async fn labels_of_a_pod_change_under_the_conditions_that_a_patch_names() {
    let (client, namespace) = server().await;
    let pods: Api<Pod> = Api::namespaced(client, &namespace);
    let pod = json!({"metadata": {"name": "web", "labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let created = pods.create(&PostParams::default(), &of(pod)).await.unwrap();
    let change = |uid: &str, value: Value| {
        Patch::Merge(json!({"metadata": {"uid": uid, "resourceVersion": created.resource_version(), "labels": {"flag": value}}}))
    };
    let params = PatchParams::default();
    let status = refusal(pods.patch("web", &params, &change("another", json!("x"))).await);
    let immutable = (r#"Invalid value: "another": field is immutable"#.to_owned(), "metadata.uid".to_owned());
    assert_eq!((status.code, causes(status).into_iter().map(|(_, message, field)| (message, field)).next()), (422, Some(immutable)));
    let elsewhere = Patch::Merge(json!({"metadata": {"uid": "another"}, "status": {"phase": "Running"}}));
    assert_eq!(refusal(pods.patch_status("web", &params, &elsewhere).await).code, 422);
    let created = pods.get("web").await.unwrap();
    let change = |uid: &str, value: Value| {
        Patch::Merge(json!({"metadata": {"uid": uid, "resourceVersion": created.resource_version(), "labels": {"flag": value}}}))
    };
    let flagged = pods.patch("web", &params, &change(&created.uid().unwrap(), json!("x"))).await.unwrap();
    assert_eq!(flagged.labels().get("flag").map(String::as_str), Some("x"));
    assert_eq!(refusal(pods.patch("web", &params, &change(&created.uid().unwrap(), json!("y"))).await).code, 409);
}

#[tokio::test]
async fn what_suspends_and_cordons_is_a_field_that_counts_as_a_change_where_changes_are_counted() {
    let (client, namespace) = server().await;
    let template = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}});
    let params = PatchParams::default();
    let jobs: Api<Job> = Api::namespaced(client.clone(), &namespace);
    let job = json!({"metadata": {"name": "import"}, "spec": {"template": template}});
    assert_eq!(jobs.create(&PostParams::default(), &of(job)).await.unwrap().metadata.generation, Some(1));
    let cron_jobs: Api<CronJob> = Api::namespaced(client.clone(), &namespace);
    let nightly =
        json!({"metadata": {"name": "nightly"}, "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template}}}});
    assert_eq!(cron_jobs.create(&PostParams::default(), &of(nightly)).await.unwrap().metadata.generation, Some(1));
    let suspend = Patch::Merge(json!({"spec": {"suspend": true}}));
    let job = jobs.patch("import", &params, &suspend).await.unwrap();
    assert_eq!((job.metadata.generation, job.spec.unwrap().suspend), (Some(2), Some(true)));
    let nightly = cron_jobs.patch("nightly", &params, &suspend).await.unwrap();
    assert_eq!((nightly.metadata.generation, nightly.spec.unwrap().suspend), (Some(2), Some(true)));

    let nodes: Api<Node> = Api::all(client);
    let node = nodes.create(&PostParams::default(), &of(json!({"metadata": {"generateName": "node-"}}))).await.unwrap();
    let unschedulable = |value: Value| Patch::Merge(json!({"spec": {"unschedulable": value}}));
    let cordoned = nodes.patch(&node.name_any(), &params, &unschedulable(json!(true))).await.unwrap();
    assert_eq!((cordoned.metadata.generation, cordoned.spec.unwrap().unschedulable), (None, Some(true)));
    let found = nodes.list(&ListParams::default().fields("spec.unschedulable=true")).await.unwrap();
    assert!(found.items.iter().any(|found| found.metadata.uid == node.metadata.uid));
    let free = nodes.patch(&node.name_any(), &params, &unschedulable(Value::Null)).await.unwrap();
    assert_eq!(free.spec.and_then(|spec| spec.unschedulable), None);
    nodes.delete(&node.name_any(), &DeleteParams::default()).await.unwrap();
}

#[tokio::test]
async fn a_changed_pod_template_of_a_daemon_set_counts_as_a_change_and_its_status_does_not() {
    let (client, namespace) = server().await;
    let sets: Api<DaemonSet> = Api::namespaced(client, &namespace);
    let template = json!({"metadata": {"labels": {"app": "logs"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let set = json!({"metadata": {"name": "logs"}, "spec": {"selector": {"matchLabels": {"app": "logs"}}, "template": template}});
    sets.create(&PostParams::default(), &of(set)).await.unwrap();
    let params = PatchParams::default();
    let annotated = Patch::Merge(json!({"spec": {"template": {"metadata": {"annotations": {"restarted-by": "x"}}}}}));
    assert_eq!(sets.patch("logs", &params, &annotated).await.unwrap().metadata.generation, Some(2));
    let status = json!({"currentNumberScheduled": 1, "desiredNumberScheduled": 1, "numberMisscheduled": 0, "numberReady": 1, "observedGeneration": 2});
    let followed = sets.patch_status("logs", &params, &Patch::Merge(json!({"status": status}))).await.unwrap();
    assert_eq!((followed.metadata.generation, followed.status.unwrap().observed_generation), (Some(2), Some(2)));
}
