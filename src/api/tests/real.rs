//! The real handlers behind the real routes and verification, on the embedded Kubernetes API.

use std::num::NonZeroUsize;

use http::{Method, StatusCode};
use poem::{Endpoint as _, Response};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{caller::Signed, verifier_and_caller};
use crate::{
    api::{Dispatcher, Handlers, Operations, Places, Surface},
    emergency::Switch,
    informer::Handler as _,
    ingest::Ingest,
    kube_events::Events,
    pipeline::Reach,
    policy::{Live, Policy},
    quota::Quota,
    remediation::ActionKind,
    retention::Retention,
    telemetry::Metrics,
    test_api::{NAMESPACE, TestApi},
};

const POLICY: &str = "default: { mode: propose, action: { scale: { replicas: 0 } } }";

/// An agent without workers; the caller is an admin of `acme`.
pub(super) struct Agent {
    pub(super) kubernetes: TestApi,
    operations: Operations,
    caller: Signed,
}

impl Agent {
    /// One whose own tenant is the caller's.
    pub(super) async fn start() -> Self {
        Self::of_tenant("acme").await
    }

    pub(super) async fn of_tenant(own_tenant: &str) -> Self {
        Self::with(own_tenant, POLICY).await
    }

    pub(super) async fn with(own_tenant: &str, policy: &str) -> Self {
        let (kubernetes, metrics) = (TestApi::start().await, Metrics::new());
        let (client, tenant) = (kubernetes.client(), own_tenant.parse().unwrap());
        let quota = Quota::new(NonZeroUsize::MAX, &tenant, [&"acme".parse().unwrap()]);
        quota.on_sync();
        let policy = Live::new(Policy::parse(policy).unwrap(), NAMESPACE);
        let handlers = Handlers {
            client: client.clone(),
            ingest: Ingest::new(client.clone(), NAMESPACE, policy.clone(), quota, metrics.clone()),
            actions: ActionKind::ALL.into(),
            reach: Reach::default(),
            policy: policy.clone(),
            events: Events::start(client.clone(), metrics.clone()),
            emergency: Switch::new(client.clone(), NAMESPACE),
            retention: Retention::new(client, None, own_tenant.parse().unwrap(), metrics.clone()),
            cluster: "cluster-1".into(),
            own_tenant: tenant,
            namespace: NAMESPACE.into(),
            watch_namespace: None,
            places: Places::default(),
            stopping: CancellationToken::new(),
        };
        let (verifier, caller) = verifier_and_caller(&metrics);
        let dispatcher = Dispatcher::new(verifier, metrics.clone());
        let Surface { operations, .. } = Surface::new(handlers, &dispatcher, metrics.clone());
        Self { kubernetes, operations, caller }
    }

    pub(super) async fn send(&self, method: Method, uri: &str, body: &str) -> Response {
        self.operations.call(self.caller.request(method, uri, body.to_owned())).await.unwrap()
    }

    pub(super) async fn send_protobuf(&self, uri: &str, body: &[u8]) -> (StatusCode, Value) {
        let request = self.caller.request_of(Method::POST, uri, "application/x-protobuf", body.to_vec());
        let mut response = self.operations.call(request).await.unwrap();
        (response.status(), response.take_body().into_json().await.unwrap())
    }

    pub(super) async fn send_with(&self, method: Method, uri: &str, header: (&'static str, &str)) -> Response {
        let mut request = self.caller.request(method, uri, String::new());
        request.headers_mut().insert(header.0, header.1.parse().unwrap());
        self.operations.call(request).await.unwrap()
    }

    pub(super) async fn send_without(&self, method: Method, uri: &str, header: &str) -> Response {
        let mut request = self.caller.request(method, uri, String::new());
        request.headers_mut().remove(header);
        self.operations.call(request).await.unwrap()
    }

    /// The status and the document.
    pub(super) async fn ask(&self, method: Method, uri: &str, body: &str) -> (StatusCode, Value) {
        let mut response = self.send(method, uri, body).await;
        (response.status(), response.take_body().into_json().await.unwrap())
    }

    /// The names on the only page.
    pub(super) async fn listed(&self, query: &str) -> Vec<String> {
        let (status, page) = self.ask(Method::GET, &format!("/v0/remediations{query}"), "").await;
        assert_eq!(status, StatusCode::OK, "{page}");
        page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    }

    pub(super) async fn decide(&self, name: &str, verdict: &str) -> (StatusCode, Value) {
        self.ask(Method::POST, &format!("/v0/remediations/{name}/{verdict}"), &json!({ "reason": "because" }).to_string()).await
    }
}
