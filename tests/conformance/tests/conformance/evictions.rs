//! The Eviction API, and the budgets that it asks.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::core::Status;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::support::{causes, refusal, server};

struct Shop {
    client: Client,
    pods: Api<Pod>,
    budgets: Api<PodDisruptionBudget>,
}

impl Shop {
    async fn open() -> Self {
        let (client, namespace) = server().await;
        Self { pods: Api::namespaced(client.clone(), &namespace), budgets: Api::namespaced(client.clone(), &namespace), client }
    }

    async fn pod(&self, name: &str, status: Value) -> Pod {
        let pod = json!({"metadata": {"name": name, "labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
        self.pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
        let patch = Patch::Merge(json!({"status": status}));
        self.pods.patch_status(name, &PatchParams::default(), &patch).await.unwrap()
    }

    async fn budget(&self, name: &str, spec: Value, status: Value) -> PodDisruptionBudget {
        let budget = serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec})).unwrap();
        self.budgets.create(&PostParams::default(), &budget).await.unwrap();
        self.counted(name, status).await
    }

    async fn counted(&self, name: &str, mut status: Value) -> PodDisruptionBudget {
        status["expectedPods"] = 3.into();
        let patch = Patch::Merge(json!({"status": status}));
        self.budgets.patch_status(name, &PatchParams::default(), &patch).await.unwrap()
    }

    async fn evict_with(&self, pod: &str, body: Value) -> kube::Result<Value> {
        self.pods.create_subresource("eviction", pod, &PostParams::default(), &body).await
    }

    async fn evict(&self, pod: &str) -> kube::Result<Value> {
        self.evict_with(pod, json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}})).await
    }
}

fn running(ready: bool) -> Value {
    let ready = if ready { "True" } else { "False" };
    json!({"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]})
}

fn web() -> Value {
    json!({"minAvailable": 3, "selector": {"matchLabels": {"app": "web"}}})
}

fn allowing(allowed: i32, current: i32) -> Value {
    json!({"observedGeneration": 1, "disruptionsAllowed": allowed, "currentHealthy": current, "desiredHealthy": 3})
}

/// Message, causes and the seconds after which to try again.
fn put_off(result: kube::Result<Value>) -> (String, Vec<(String, String)>, u32) {
    let status: Status = refusal(result);
    assert_eq!((status.code, status.reason.as_str()), (429, "TooManyRequests"));
    let seconds = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
    let message = status.message.clone();
    (message, causes(status).into_iter().map(|(reason, message, _)| (reason, message)).collect(), seconds)
}

#[tokio::test]
async fn a_pod_without_a_budget_is_evicted() {
    let shop = Shop::open().await;
    shop.pod("web", running(true)).await;
    let answer = shop.evict("web").await.unwrap();
    assert_eq!((&answer["kind"], &answer["status"], &answer["code"]), (&json!("Status"), &json!("Success"), &json!(201)));
    assert_eq!(refusal(shop.pods.get("web").await).code, 404);
    assert_eq!(refusal(shop.evict("web").await).code, 404);
}

#[tokio::test]
async fn a_budget_allows_as_many_evictions_as_its_status_says_and_counts_them() {
    let shop = Shop::open().await;
    shop.pod("one", running(true)).await;
    shop.pod("other", running(true)).await;
    shop.budget("web", web(), allowing(1, 4)).await;
    shop.evict("one").await.unwrap();
    let status = json!(shop.budgets.get("web").await.unwrap().status.unwrap());
    assert_eq!(status["disruptionsAllowed"], 0);
    assert!(status["disruptedPods"]["one"].is_string());
    let condition = &status["conditions"][0];
    assert_eq!((&condition["type"], &condition["status"]), (&json!("DisruptionAllowed"), &json!("False")));
    let (message, causes, seconds) = put_off(shop.evict("other").await);
    assert_eq!(message, "Cannot evict pod as it would violate the pod's disruption budget.");
    let cause = "The disruption budget web needs 3 healthy pods and has 4 currently";
    assert_eq!((causes, seconds), (vec![("DisruptionBudget".to_owned(), cause.to_owned())], 0));
    shop.counted("web", allowing(1, 4)).await;
    shop.evict("other").await.unwrap();
}

#[tokio::test]
async fn a_budget_that_nobody_has_counted_puts_evictions_off() {
    let shop = Shop::open().await;
    shop.pod("web", running(true)).await;
    shop.budget("web", web(), json!({"disruptionsAllowed": 1, "currentHealthy": 4, "desiredHealthy": 3})).await;
    let (_, causes, seconds) = put_off(shop.evict("web").await);
    let cause = "The disruption budget web is still being processed by the server.";
    assert_eq!((causes, seconds), (vec![("DisruptionBudget".to_owned(), cause.to_owned())], 10));
    shop.pods.get("web").await.unwrap();
}

#[tokio::test]
async fn a_pod_that_does_not_run_yet_or_no_more_is_evicted_whatever_its_budget_says() {
    let shop = Shop::open().await;
    shop.budget("web", web(), allowing(0, 3)).await;
    for phase in ["Pending", "Succeeded", "Failed"] {
        shop.pod("web", json!({"phase": phase})).await;
        shop.evict("web").await.unwrap();
        assert_eq!(refusal(shop.pods.get("web").await).code, 404, "{phase}");
    }
}

#[tokio::test]
async fn a_pod_that_is_not_ready_is_evicted_where_enough_others_are_or_the_budget_always_allows_it() {
    let shop = Shop::open().await;
    shop.pod("web", running(false)).await;
    shop.budget("web", web(), allowing(0, 2)).await;
    put_off(shop.evict("web").await);
    shop.counted("web", allowing(0, 3)).await;
    shop.evict("web").await.unwrap();
    shop.pod("web", running(false)).await;
    let mut always = shop.counted("web", allowing(0, 2)).await;
    put_off(shop.evict("web").await);
    always.spec.as_mut().unwrap().unhealthy_pod_eviction_policy = Some("AlwaysAllow".into());
    shop.budgets.replace("web", &PostParams::default(), &always).await.unwrap();
    shop.evict("web").await.unwrap();
    let status = shop.budgets.get("web").await.unwrap().status.unwrap();
    assert!(status.disrupted_pods.is_none(), "it did not count for the budget");
}

#[tokio::test]
async fn a_pod_with_several_budgets_is_not_evicted() {
    let shop = Shop::open().await;
    shop.pod("web", running(true)).await;
    shop.budget("one", web(), allowing(1, 4)).await;
    shop.budget("other", json!({"selector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}}), allowing(1, 4)).await;
    shop.budget("elsewhere", json!({"selector": {"matchLabels": {"app": "db"}}}), allowing(0, 0)).await;
    let refused = refusal(shop.evict("web").await);
    let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
    assert_eq!((refused.code, refused.reason.as_str(), refused.message.as_str()), (500, "", message));
    shop.pods.get("web").await.unwrap();
    shop.budgets.delete("other", &Default::default()).await.unwrap();
    shop.evict("web").await.unwrap();
}

#[tokio::test]
async fn preconditions_and_dry_runs_hold_for_evictions() {
    let shop = Shop::open().await;
    let pod = shop.pod("web", running(true)).await;
    let with =
        |options: Value| json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "web"}, "deleteOptions": options});
    let refused = refusal(shop.evict_with("web", with(json!({"preconditions": {"uid": "another"}}))).await);
    let why = "the UID in the precondition (another) does not match the UID in record";
    assert!(refused.code == 409 && refused.message.contains(why), "{refused:?}");
    let stale = json!({"preconditions": {"uid": pod.uid(), "resourceVersion": "1"}});
    assert_eq!(refusal(shop.evict_with("web", with(stale)).await).code, 409);
    shop.evict_with("web", with(json!({"dryRun": ["All"]}))).await.unwrap();
    assert_eq!(shop.pods.get("web").await.unwrap(), pod);
    let exactly = json!({"preconditions": {"uid": pod.uid(), "resourceVersion": pod.resource_version()}});
    shop.evict_with("web", with(exactly)).await.unwrap();
    assert_eq!(refusal(shop.pods.get("web").await).code, 404);
}

#[tokio::test]
async fn a_pod_that_a_finalizer_holds_says_that_it_was_evicted() {
    let shop = Shop::open().await;
    shop.pod("web", running(true)).await;
    let hold = |finalizers: Value| Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
    shop.pods.patch("web", &PatchParams::default(), &hold(json!(["example.com/hold"]))).await.unwrap();
    shop.evict("web").await.unwrap();
    let marked = shop.pods.get("web").await.unwrap();
    assert!(marked.metadata.deletion_timestamp.is_some());
    let conditions = json!(marked.status.unwrap().conditions.unwrap());
    let evicted = conditions.as_array().unwrap().iter().find(|condition| condition["type"] == "DisruptionTarget").unwrap();
    assert_eq!((&evicted["status"], &evicted["reason"]), (&json!("True"), &json!("EvictionByEvictionAPI")));
    shop.evict("web").await.unwrap();
    shop.pods.patch("web", &PatchParams::default(), &hold(Value::Null)).await.unwrap();
}

#[tokio::test]
async fn an_eviction_is_posted_under_the_name_of_its_pod() {
    let shop = Shop::open().await;
    shop.pod("web", running(true)).await;
    for name in [json!("another"), Value::Null] {
        let refused =
            refusal(shop.evict_with("web", json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}})).await);
        assert_eq!((refused.code, refused.message.as_str()), (400, "name in URL does not match name in Eviction object"));
    }
    assert_eq!(refusal(shop.evict_with("web", json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}})).await).code, 400);
    let path = format!("/api/v1/namespaces/{}/pods/web/eviction", shop.pods.get("web").await.unwrap().namespace().unwrap());
    let request = http::Request::get(path).body(Vec::new()).unwrap();
    assert_eq!(refusal(shop.client.request::<Value>(request).await).code, 405);
}
