//! As much of a Kubernetes API as ingest uses: create and get of one resource, and ways to fail.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};

use crate::remediation::ZenAgentRemediation;

#[derive(Clone, Default)]
pub(super) struct FakeApi(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    failure: Failure,
}

#[derive(Clone, Copy, Default)]
enum Failure {
    #[default]
    None,
    After(usize),
    With(u16),
    Hang,
}

impl FakeApi {
    pub(super) fn client(&self) -> kube::Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move { api.answer(request).await }
        });
        kube::Client::new(service, "zen-system")
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    pub(super) fn object(&self, name: &str) -> Option<ZenAgentRemediation> {
        self.state().objects.get(name).map(|object| serde_json::from_value(object.clone()).unwrap())
    }

    pub(super) fn edit(&self, name: &str, edit: impl FnOnce(&mut Value)) {
        edit(self.state().objects.get_mut(name).unwrap());
    }

    pub(super) fn fail_after_writes(&self, writes: usize) {
        self.state().failure = Failure::After(writes);
    }

    pub(super) fn fail_with(&self, status: u16) {
        self.state().failure = Failure::With(status);
    }

    pub(super) fn hang(&self) {
        self.state().failure = Failure::Hang;
    }

    pub(super) fn recover(&self) {
        self.state().failure = Failure::None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, std::convert::Infallible> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let failure = self.state().failure;
        if let Failure::Hang = failure {
            std::future::pending::<()>().await;
        }
        let mut state = self.state();
        let (status, answer) = match (&parts.method, parts.uri.path().rsplit('/').next().unwrap(), failure) {
            (_, _, Failure::With(status)) => refusal(status, "Whatever"),
            (&Method::POST, _, Failure::After(writes)) if state.objects.len() >= writes => refusal(503, "ServiceUnavailable"),
            (&Method::POST, "zenagentremediations", _) => {
                let object: Value = serde_json::from_slice(&body).unwrap();
                let name = object["metadata"]["name"].as_str().unwrap().to_owned();
                match state.objects.get(&name) {
                    Some(_) => refusal(409, "AlreadyExists"),
                    None => {
                        state.objects.insert(name, object.clone());
                        (201, object)
                    }
                }
            }
            (&Method::GET, name, _) => state.objects.get(name).map_or_else(|| refusal(404, "NotFound"), |object| (200, object.clone())),
            _ => refusal(405, "MethodNotAllowed"),
        };
        let mut response = Response::new(Body::from(answer.to_string().into_bytes()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        Ok(response)
    }
}

fn refusal(code: u16, reason: &str) -> (u16, Value) {
    (code, json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": "no" }))
}
