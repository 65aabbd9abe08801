//! The embedded Kubernetes API for unit tests, and ways for it to fail.
#![allow(clippy::unwrap_used, reason = "a test may stop where its premise fails")]

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use embedded_kube::{EmbeddedKube, Options};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
    client::Body,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tower::BoxError;

use crate::remediation::{ZenAgentRemediation, crd};

pub(crate) const NAMESPACE: &str = "zen-system";
/// The rule of an object that comes out of the API with a number in its place.
pub(crate) const MALFORMED: &str = "comes out malformed";

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

pub(crate) struct TestApi {
    store: EmbeddedKube,
    behaviour: watch::Sender<Behaviour>,
    requests: Arc<Mutex<Vec<String>>>,
    _directory: TempDir,
}

/// What happens to requests whose method and target hold this text; the others are answered.
#[derive(Clone)]
struct Behaviour {
    on: &'static str,
    failure: Failure,
}

#[derive(Clone)]
pub(crate) enum Failure {
    None,
    /// Creates, after so many.
    AfterCreates(usize),
    /// This answer, so often.
    With(u16, &'static str, usize),
    /// No answer before [`TestApi::recover`].
    Hold,
    /// The connection breaks.
    Reset,
    /// So late an answer, which echoes what was sent as if it were stored.
    Slow(Duration),
}

impl TestApi {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = EmbeddedKube::open(directory.path(), Options::default()).unwrap();
        for namespace in [NAMESPACE, "shop"] {
            store.seed(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } })).await.unwrap();
        }
        store.seed(serde_json::to_value(crd()).unwrap()).await.unwrap();
        let behaviour = watch::Sender::new(Behaviour { on: "", failure: Failure::None });
        Self { store, behaviour, requests: Arc::default(), _directory: directory }
    }

    pub(crate) fn client(&self) -> Client {
        let (client, behaviour, requests) = (self.store.client(NAMESPACE), self.behaviour.clone(), self.requests.clone());
        let service = tower::service_fn(move |request: Request<Body>| {
            requests.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
            answer(client.clone(), behaviour.clone(), request)
        });
        Client::new(service, NAMESPACE)
    }

    pub(crate) async fn names(&self) -> Vec<String> {
        self.objects().list(&ListParams::default()).await.unwrap().iter().map(ResourceExt::name_any).collect()
    }

    pub(crate) async fn object(&self, name: &str) -> ZenAgentRemediation {
        self.objects().get(name).await.unwrap()
    }

    /// Stores a remediation of this tenant, or of none.
    pub(crate) async fn create(&self, name: &str, tenant: Option<&str>, spec: Value) {
        let labels = tenant.map(|tenant| json!({ "zen.kube-zen.io/tenant": tenant }));
        let object = json!({ "apiVersion": "zen.kube-zen.io/v1", "kind": "ZenAgentRemediation",
            "metadata": { "name": name, "labels": labels }, "spec": spec });
        self.objects().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    }

    pub(crate) async fn edit(&self, name: &str, patch: Value) {
        self.objects().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    pub(crate) async fn set_status(&self, name: &str, status: Value) {
        self.objects().patch_status(name, &PatchParams::default(), &Patch::Merge(json!({ "status": status }))).await.unwrap();
    }

    /// From here on requests that hold `on` fail.
    pub(crate) fn fail(&self, on: &'static str, failure: Failure) {
        self.behaviour.send_replace(Behaviour { on, failure });
    }

    pub(crate) fn recover(&self) {
        self.fail("", Failure::None);
    }

    /// How many requests came so far that hold this text.
    pub(crate) fn asked(&self, what: &str) -> usize {
        self.requests.lock().unwrap().iter().filter(|request| request.contains(what)).count()
    }

    pub(crate) fn objects(&self) -> Api<ZenAgentRemediation> {
        Api::namespaced(self.store.client(NAMESPACE), NAMESPACE)
    }
}

async fn answer(client: Client, behaviour: watch::Sender<Behaviour>, request: Request<Body>) -> Result<Answer, BoxError> {
    let what = format!("{} {}", request.method(), request.uri());
    let mut failure = Failure::None;
    behaviour.send_if_modified(|behaviour| {
        if what.contains(behaviour.on) {
            failure = behaviour.failure.clone();
            match &mut behaviour.failure {
                Failure::AfterCreates(left) if request.method() == Method::POST => *left = left.saturating_sub(1),
                Failure::With(_, _, times) => *times = times.saturating_sub(1),
                _ => {}
            }
        }
        false
    });
    match failure {
        Failure::AfterCreates(0) if request.method() == Method::POST => return Ok(refusal(503, "no")),
        Failure::With(status, message, times) if times > 0 => return Ok(refusal(status, message)),
        Failure::Slow(late) => {
            tokio::time::sleep(late).await;
            if request.method() != Method::GET {
                let stored = request.into_body().collect_bytes().await?;
                return Ok(Response::new(Full::from(stored).map_err(BoxError::from).boxed_unsync()));
            }
        }
        Failure::Reset => return Err(io::Error::from(io::ErrorKind::ConnectionReset).into()),
        Failure::Hold => drop(behaviour.subscribe().wait_for(|behaviour| !matches!(behaviour.failure, Failure::Hold)).await),
        Failure::None | Failure::AfterCreates(_) | Failure::With(..) => {}
    }
    let response = client.send(request).await?;
    Ok(response.map(|body| body.map_frame(|frame| frame.map_data(garbled)).map_err(BoxError::from).boxed_unsync()))
}

fn garbled(data: Bytes) -> Bytes {
    match String::from_utf8(data.to_vec()) {
        Ok(text) => text.replace(&format!("\"{MALFORMED}\""), "7").into(),
        Err(_) => data,
    }
}

fn refusal(code: u16, message: &str) -> Answer {
    let status =
        json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": "Whatever", "message": message });
    let mut response = Response::new(Full::from(status.to_string()).map_err(BoxError::from).boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}
