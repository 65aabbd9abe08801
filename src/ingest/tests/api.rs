//! The embedded Kubernetes API, and ways for it to fail.

use std::sync::{Arc, Mutex};

use embedded_kube::{EmbeddedKube, Options};
use http::{Method, Request, Response, StatusCode};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, PostParams},
    client::Body,
};
use serde_json::json;
use tempfile::TempDir;

use crate::remediation::{RemediationSpec, ZenAgentRemediation, crd};

pub(super) const NAMESPACE: &str = "zen-system";

pub(super) struct TestApi {
    store: EmbeddedKube,
    failure: Arc<Mutex<Failure>>,
    _directory: TempDir,
}

#[derive(Clone, Copy)]
enum Failure {
    None,
    After { creates: usize },
    With { status: u16 },
    Hang,
}

impl TestApi {
    pub(super) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = EmbeddedKube::open(directory.path(), Options::default()).unwrap();
        store.seed(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } })).await.unwrap();
        store.seed(serde_json::to_value(crd()).unwrap()).await.unwrap();
        Self { store, failure: Arc::new(Mutex::new(Failure::None)), _directory: directory }
    }

    pub(super) fn client(&self) -> Client {
        let (client, failure) = (self.store.client(NAMESPACE), self.failure.clone());
        let service = tower::service_fn(move |request| answer(client.clone(), failure.clone(), request));
        Client::new(service, NAMESPACE)
    }

    pub(super) async fn names(&self) -> Vec<String> {
        self.objects().list(&ListParams::default()).await.unwrap().iter().map(ResourceExt::name_any).collect()
    }

    pub(super) async fn object(&self, name: &str) -> ZenAgentRemediation {
        self.objects().get(name).await.unwrap()
    }

    /// An object that no request asked for.
    pub(super) async fn create(&self, name: &str) {
        let object = ZenAgentRemediation::new(name, RemediationSpec::default());
        self.objects().create(&PostParams::default(), &object).await.unwrap();
    }

    pub(super) fn fail_after_creates(&self, creates: usize) {
        *self.failure.lock().unwrap() = Failure::After { creates };
    }

    pub(super) fn fail_with(&self, status: u16) {
        *self.failure.lock().unwrap() = Failure::With { status };
    }

    pub(super) fn hang(&self) {
        *self.failure.lock().unwrap() = Failure::Hang;
    }

    pub(super) fn recover(&self) {
        *self.failure.lock().unwrap() = Failure::None;
    }

    fn objects(&self) -> Api<ZenAgentRemediation> {
        Api::namespaced(self.store.client(NAMESPACE), NAMESPACE)
    }
}

async fn answer(client: Client, failure: Arc<Mutex<Failure>>, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
    let create = request.method() == Method::POST;
    let answered = match &mut *failure.lock().unwrap() {
        Failure::None => None,
        Failure::After { creates: 0 } if create => Some(Failure::With { status: 503 }),
        Failure::After { creates } => {
            *creates -= usize::from(create);
            None
        }
        failure => Some(*failure),
    };
    match answered {
        Some(Failure::With { status }) => Ok(refusal(status)),
        Some(_) => std::future::pending().await,
        None => client.send(request).await,
    }
}

fn refusal(code: u16) -> Response<Body> {
    let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": "Whatever", "message": "no" });
    let mut response = Response::new(Body::from(status.to_string().into_bytes()));
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}
