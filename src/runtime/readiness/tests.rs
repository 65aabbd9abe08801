//! Each trouble turns the right probe red, and its end turns it green. The clock is stopped: it goes on
//! when everybody waits.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    convert::Infallible,
    future::pending,
    num::NonZeroUsize,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use kube::client::Body;
use poem::{Route, http::StatusCode, test::TestClient};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::*;
use crate::{
    admin,
    emergency::EmergencyStop,
    informer::{self, Informer, remediations::Summary},
    key::ObjectKey,
    lease::{Election, Timing},
    queue::Backoff,
    telemetry::Metrics,
    worker::{self, Backlog, Pool, Process, ProcessError, Processed},
};

/// What the API server does.
#[derive(Clone)]
enum Server {
    /// Answers listings with these objects, and watches with silence.
    Lists(Vec<Value>),
    Refuses(u16),
    Resets,
    Hangs,
}

#[derive(Clone)]
struct Remote(Arc<Mutex<Server>>);

impl Remote {
    fn new(server: Server) -> Self {
        Self(Arc::new(Mutex::new(server)))
    }

    fn becomes(&self, server: Server) {
        *self.0.lock().unwrap() = server;
    }

    fn client(&self) -> Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = api.0.lock().unwrap().clone();
            async move {
                let watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
                match server {
                    Server::Lists(_) if watch => {
                        let silence = futures::stream::pending::<Result<hyper::body::Frame<Bytes>, Infallible>>();
                        Ok(Response::new(StreamBody::new(silence).boxed_unsync()))
                    }
                    Server::Lists(items) => Ok(answer(200, &json!({ "metadata": { "resourceVersion": "1" }, "items": items }))),
                    Server::Refuses(code) => {
                        Ok(answer(code, &json!({ "kind": "Status", "status": "Failure", "code": code, "reason": "Odd", "message": "" })))
                    }
                    Server::Resets => Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
                    Server::Hangs => pending().await,
                }
            }
        });
        Client::new(service, "default")
    }
}

fn answer(code: u16, body: &Value) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    Response::builder().status(code).body(Full::from(body.to_string()).boxed_unsync()).unwrap()
}

/// Waits until a probe says so, for no longer than this.
async fn says(health: &Health, condition: &str, expected: Option<&str>, within: Duration) {
    let said = async {
        while health.readiness()[condition].as_deref() != expected {
            tokio::time::sleep(Duration::from_millis(100)).await; // a step of the stopped clock
        }
    };
    let in_time = timeout(within, said).await;
    assert!(in_time.is_ok(), "{:?} instead of {expected:?}", health.readiness()[condition]);
}

#[tokio::test(start_paused = true)]
async fn an_api_that_cannot_be_used_is_not_ready_with_the_reason_and_alive() {
    let (api, health, stop) = (Remote::new(Server::Resets), Health::default(), CancellationToken::new());
    let election = Election::new(api.client(), "zen-agent", "me".to_owned(), Timing::default());
    let _watching = health.watch("election", election.heartbeat(), Duration::from_secs(60));
    let electing = tokio::spawn(election.run(stop.clone()));
    let probing = tokio::spawn(kubernetes(api.client(), "zen-agent".to_owned(), health.clone(), stop.clone()));
    let malformed = json!({ "metadata": { "name": "odd" }, "spec": 7 });
    for (server, expected) in [
        (Server::Resets, Some("cannot be reached")),
        (Server::Lists(vec![]), None),
        (Server::Hangs, Some("does not answer")),
        (Server::Lists(vec![malformed]), None),
        (Server::Refuses(403), Some("answers 403 Odd")),
        (Server::Refuses(404), Some("does not know remediations; install them with: zen-agent crd | kubectl apply -f -")),
    ] {
        api.becomes(server);
        says(&health, "kubernetes", expected, PERIOD + PATIENCE + Duration::from_secs(1)).await;
    }
    api.becomes(Server::Hangs);
    tokio::time::sleep(Duration::from_secs(600)).await; // of the stopped clock
    assert!(health.stuck().is_empty(), "a restart would not help: {:?}", health.stuck());
    stop.cancel();
    for task in [electing, probing] {
        task.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_does_not_sync_or_hears_nothing_any_more_is_not_ready() {
    let (api, health, stop) = (Remote::new(Server::Hangs), Health::default(), CancellationToken::new());
    let all = Api::all(api.client());
    let informer = Informer::new(all, informer::Config::default(), ZenAgentRemediation::phase);
    let store = informer.store();
    let tasks = [tokio::spawn(informer.run(stop.clone())), tokio::spawn(cache(store, health.clone(), stop.clone()))];
    tokio::time::sleep(Duration::from_secs(600)).await; // of the stopped clock
    says(&health, "cache", Some("not every remediation was seen yet"), Duration::ZERO).await;
    api.becomes(Server::Lists(vec![]));
    says(&health, "cache", None, Duration::from_secs(120)).await;
    // A quiet watch is renewed, and nothing is wrong with it.
    tokio::time::sleep(Duration::from_secs(600)).await; // of the stopped clock
    says(&health, "cache", None, Duration::ZERO).await;
    api.becomes(Server::Hangs);
    let silence = Store::<Summary>::CONTACT + Duration::from_secs(130);
    says(&health, "cache", Some("the watch of remediations is silent"), silence).await;
    api.becomes(Server::Lists(vec![]));
    says(&health, "cache", None, Duration::from_secs(120)).await;
    stop.cancel();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Work that does not end before it may.
struct Stuck(Arc<Semaphore>);

impl Process for Stuck {
    async fn process(&self, _: ObjectKey) -> Result<Option<Processed>, ProcessError> {
        self.0.acquire().await.unwrap().forget();
        Ok(None)
    }
}

#[tokio::test(start_paused = true)]
async fn one_stuck_worker_of_several_is_not_alive_and_stays_ready() {
    let (metrics, health, gate) = (Metrics::new(), Health::default(), Arc::new(Semaphore::new(0)));
    let backlog = Backlog::new(Backoff::default(), 1, metrics.queue_depth.clone());
    let config = worker::Config { workers: NonZeroUsize::new(3).unwrap(), queue: NonZeroUsize::MIN };
    let pool = Pool::start(config, backlog, metrics.clone(), Stuck(gate.clone()));
    let watching: Vec<_> = pool.heartbeats().iter().map(|heartbeat| health.watch("workers", heartbeat, super::super::SILENCE)).collect();
    for condition in [Ready::Api, Ready::Cache, Ready::Kubernetes, Ready::Certificates] {
        health.set(condition, Ok(()));
    }
    let probes = TestClient::new(admin::router(health.clone(), metrics, EmergencyStop::never(), Route::new()));
    let live = async |expected: StatusCode| {
        let answer = probes.get("/livez").send().await;
        answer.assert_status(expected);
        answer.json().await.value().deserialize::<Value>()["stuck"].clone()
    };
    pool.enqueue(ObjectKey::new("zen", "a")).await.unwrap();
    tokio::time::sleep(super::super::SILENCE).await; // of the stopped clock
    assert_eq!(live(StatusCode::OK).await, json!([]));
    tokio::time::sleep(Duration::from_secs(1)).await; // of the stopped clock
    assert_eq!(live(StatusCode::SERVICE_UNAVAILABLE).await, json!(["workers"]));
    probes.get("/readyz").send().await.assert_status_is_ok();
    gate.add_permits(1);
    tokio::time::sleep(Duration::from_secs(1)).await; // of the stopped clock
    assert_eq!(live(StatusCode::OK).await, json!([]));
    drop(watching);
}
