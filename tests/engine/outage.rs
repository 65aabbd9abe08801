//! A whole agent while the Kubernetes API is away, in each way in which it can be: it says so, answers its senders soon, leaves
//! the API alone but for probes, and goes on with everything when it is back.
//!
//! ```text
//!   sender ──mutual TLS, signed──▶ runtime::run ──▶ [`Sky`] ──▶ embedded Kubernetes API
//! ```

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use embedded_kube::{EmbeddedKube, Options};
use futures::{FutureExt, StreamExt, future::join_all};
use http::{Request, Response};
use http_body_util::{BodyStream, StreamBody, combinators::UnsyncBoxBody};
use kube::{Client as Kube, client::Body};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use zen_agent::{
    client::{Client, Credentials, Error, Retries},
    config::Settings,
    contract::v0::types::{Decision, Outcome, Problem, Receipt, Status},
    demo,
    dev::{self, credentials},
    policy::{self, Policy},
    remediation::crd,
    runtime::{self, Addresses, RunError},
};

use crate::soon;

/// How long a sender may have to wait before the agent has noticed, and once it has.
const BEFORE: Duration = Duration::from_secs(25);
const AFTER: Duration = Duration::from_secs(3);
/// In which everything that follows from another weather has come: up to 15 s until the circuit lets a trial through, 7 s until the
/// lease is asked for again, 10 s between two looks at a target that is busy, and room for a slow machine.
const RESUMED: Duration = Duration::from_secs(60);

/// How the Kubernetes API is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    Fair,
    /// It takes every call, and answers none.
    Silent,
    /// It answers 500.
    Failing,
    /// There is nobody.
    Absent,
}

type Answer = UnsyncBoxBody<Bytes, kube::Error>;

/// What is between the agent and the Kubernetes API.
#[derive(Clone)]
struct Sky {
    weather: Arc<watch::Sender<Weather>>,
    /// Calls about workloads, which only the pipeline makes.
    work: Arc<AtomicUsize>,
}

impl Sky {
    fn fair() -> Self {
        Self { weather: Arc::new(watch::Sender::new(Weather::Fair)), work: Arc::default() }
    }

    fn client(&self, client: Kube) -> Kube {
        let sky = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (sky, client) = (sky.clone(), client.clone());
            async move { sky.pass(&client, request).await }
        });
        Kube::new(service, dev::NAMESPACE)
    }

    async fn pass(&self, client: &Kube, request: Request<Body>) -> Result<Response<Answer>, kube::Error> {
        if request.uri().path().contains("/apis/apps/") {
            self.work.fetch_add(1, Ordering::SeqCst);
        }
        let mut weather = self.weather.subscribe();
        let now = *weather.borrow_and_update();
        let gone = || kube::Error::Service(Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionRefused)));
        match now {
            Weather::Fair => {
                // What is being read when it changes breaks off.
                let answer = client.send(request).await?;
                let changed = async move { drop(weather.changed().await) }.boxed();
                Ok(answer.map(|body| Answer::new(StreamBody::new(BodyStream::new(body).take_until(changed)))))
            }
            Weather::Silent => {
                drop(weather.changed().await);
                Err(gone())
            }
            Weather::Failing => {
                let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 500, "reason": "InternalError" });
                Ok(Response::builder().status(500).body(Answer::new(Body::from(status.to_string().into_bytes()))).unwrap())
            }
            Weather::Absent => Err(gone()),
        }
    }
}

/// An agent under a sky.
struct Ground {
    sky: Sky,
    kube: Kube,
    client: Client,
    admin: String,
    stop: CancellationToken,
    agent: JoinHandle<Result<(), RunError>>,
    _state: TempDir,
}

impl Ground {
    async fn new() -> Self {
        // The plain client of the admin listener wants one; a test before may have installed it.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let state = tempfile::tempdir().unwrap();
        let store = EmbeddedKube::open(&state.path().join("kubernetes"), Options::default()).unwrap();
        store.seed(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": dev::NAMESPACE } })).await.unwrap();
        store.seed(serde_json::to_value(crd()).unwrap()).await.unwrap();
        demo::seed(&store).await.unwrap();
        let (sky, kube) = (Sky::fair(), store.client(dev::NAMESPACE));
        let stop = CancellationToken::new();
        let (tell, told) = tokio::sync::oneshot::channel();
        let agent = tokio::spawn(runtime::run(
            settings(state.path()).over(Settings::defaults()).validate().unwrap(),
            sky.client(kube.clone()),
            "agent".to_owned(),
            Policy::parse(policy::DEV).unwrap(),
            stop.clone(),
            move |addresses| tell.send(addresses).unwrap(),
        ));
        let Addresses { api, admin } = soon("the agent is ready", told).await.unwrap();
        let client =
            Client::new(&Credentials::read(&state.path().join("client")).unwrap(), &format!("https://{api}"), Retries::Never).unwrap();
        Self { sky, kube, client, admin: format!("http://{admin}"), stop, agent, _state: state }
    }

    fn becomes(&self, weather: Weather) {
        self.sky.weather.send_replace(weather);
    }

    /// A page of the admin listener.
    async fn page(&self, path: &str) -> (u16, String) {
        let answer = reqwest::get(format!("{}{path}", self.admin)).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn metric(&self, series: &str) -> String {
        let (_, metrics) = self.page("/metrics").await;
        let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap().to_owned()
    }

    async fn circuit(&self) -> String {
        self.metric("zen_agent_circuit_state{dependency=\"kubernetes\"}").await
    }

    async fn until_circuit(&self, state: &str) {
        let comes = async {
            while self.circuit().await != state {
                tokio::time::sleep(Duration::from_millis(20)).await; // pacing of a poll with a deadline
            }
        };
        let comes = tokio::time::timeout(RESUMED, comes).await;
        comes.unwrap_or_else(|_| panic!("the circuit's state is not {state} after {} s", RESUMED.as_secs()));
    }

    /// Waits until no worker has work in hand: one that took some before the circuit opened may still begin a call.
    async fn until_idle(&self) {
        let comes = async {
            while self.metric("zen_agent_worker_pool_workers_active").await != "0" {
                tokio::time::sleep(Duration::from_millis(20)).await; // pacing of a poll with a deadline
            }
        };
        tokio::time::timeout(RESUMED, comes).await.expect("the workers come to rest");
    }

    /// Waits until `/readyz` says one of these of the Kubernetes API.
    async fn until_said(&self, said: &[&str]) {
        let mut checks = Value::Null;
        let comes = async {
            loop {
                checks = serde_json::from_str(&self.page("/readyz").await.1).unwrap();
                if checks["checks"]["kubernetes"].as_str().is_some_and(|check| said.contains(&check)) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await; // pacing of a poll with a deadline
            }
        };
        let comes = tokio::time::timeout(RESUMED, comes).await;
        assert!(comes.is_ok(), "{said:?}: {checks}");
    }

    /// A finding that leads to a label at once.
    async fn send(&self, request: &str) -> Result<Receipt, Error<Problem>> {
        let target = json!({ "apiVersion": "v1", "kind": "Pod", "namespace": "jobs", "name": "batch-0" });
        let event = json!({ "source": "falco", "rule": "r", "severity": "high", "time": "2026-11-23T10:00:00Z", "target": target });
        let body = json!({ "cluster_id": dev::CLUSTER, "events": [event] }).to_string();
        Ok(self.client.stable.ingest_events(request, body).await?.into_inner())
    }

    /// It is refused soon, with a problem, and told when to come back.
    async fn refused(&self, request: &str) -> Duration {
        let asked = Instant::now();
        let Err(Error::ErrorResponse(answer)) = self.send(request).await else { panic!("nothing can be stored") };
        let took = asked.elapsed();
        assert!(took < BEFORE, "answered after {took:?}");
        assert_eq!((answer.status().as_u16(), answer.code.to_string().as_str()), (503, "unavailable"));
        let header = |name: &str| answer.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "application/problem+json");
        assert!((1..=60).contains(&header("retry-after").parse::<u32>().unwrap()));
        took
    }

    /// Waits until `/readyz` answers so: it is looked at every few seconds, and a watch may wait for half a minute.
    async fn until_ready(&self, status: u16) {
        let comes = async {
            while self.page("/readyz").await.0 != status {
                tokio::time::sleep(Duration::from_millis(50)).await; // pacing of a poll with a deadline
            }
        };
        tokio::time::timeout(RESUMED, comes).await.expect("readiness follows");
    }

    async fn until(&self, name: &str, statuses: &[Status]) {
        let comes = async {
            while !statuses.contains(&self.client.stable.get_remediation(name, &id()).await.unwrap().status) {
                tokio::time::sleep(Duration::from_millis(50)).await; // pacing of a poll with a deadline
            }
        };
        let comes = tokio::time::timeout(RESUMED, comes).await;
        comes.unwrap_or_else(|_| panic!("{name} is not {statuses:?} after {} s", RESUMED.as_secs()));
    }
}

fn settings(state: &Path) -> Settings {
    let files = credentials::Credentials::prepare(state, "https://127.0.0.1:0", jiff::Timestamp::now()).unwrap();
    let (client, server) = (|name: &str| files.client.join(name), |name: &str| Some(files.server.join(name).display().to_string()));
    let text = |text: &str| Some(text.to_owned());
    Settings {
        listen: text("127.0.0.1:0"),
        admin_listen: text("127.0.0.1:0"),
        tls_cert_file: server("tls.crt"),
        tls_key_file: server("tls.key"),
        tls_client_ca_file: Some(client("ca.crt").display().to_string()),
        tenant_id: text(dev::TENANT),
        cluster_id: text(dev::CLUSTER),
        hmac_key_id: text(credentials::HMAC_KID),
        hmac_secret: Some(std::fs::read_to_string(client("hmac.key")).unwrap()),
        jwt_issuer: text(credentials::ISSUER),
        jwt_audience: text(credentials::AUDIENCE),
        jwt_key_files: server("jwt.pub"),
        remediation_namespace: text(dev::NAMESPACE),
        ..Settings::default()
    }
}

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name)).unwrap()
}

fn id() -> String {
    uuid::Uuid::now_v7().to_string()
}

async fn survives(weather: Weather, said: &[&str]) {
    let ground = Ground::new().await;
    // 1. One that has ended, one that is under way since its workload does not follow, and one that nobody has looked at yet.
    let flagged = ground.send(&id()).await.unwrap().results[0].remediation.clone().unwrap();
    ground.until(&flagged, &[Status::Succeeded]).await;
    let receipt = ground.client.stable.ingest_trivy(&id(), sample("trivy-operator-vulnerabilityreport.json")).await.unwrap();
    let scaled = receipt.results[0].remediation.clone().unwrap();
    let decision: Decision = serde_json::from_value(json!({ "reason": "seen" })).unwrap();
    ground.client.stable.approve_remediation(&scaled, &id(), &decision).await.unwrap();
    ground.until(&scaled, &[Status::InProgress]).await;
    let acknowledged = ground.send(&id()).await.unwrap().results[0].remediation.clone().unwrap();
    // 2. Before it is noticed, senders wait for as long as a call may take.
    ground.becomes(weather);
    let mut requests: Vec<_> = std::iter::repeat_with(id).take(5).collect();
    join_all(requests.iter().map(|request| ground.refused(request))).await;
    ground.until_circuit("2").await;
    // 3. Then they wait shortly, and the workers leave it alone.
    ground.until_idle().await;
    let work = ground.sky.work.load(Ordering::SeqCst);
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        requests.push(id());
        fastest = fastest.min(ground.refused(requests.last().unwrap()).await);
    }
    // A machine that stands still makes any of them slower, and none faster.
    assert!(fastest < AFTER, "answered after {fastest:?} at best");
    ground.until_ready(503).await;
    ground.until_said(said).await;
    let health: Value = serde_json::from_str(&ground.page("/health").await.1).unwrap();
    assert_eq!((&health["status"], &health["dependencies"]["kubernetes"]["status"]), (&json!("unavailable"), &json!("unavailable")));
    assert_eq!(ground.page("/livez").await.0, 200);
    if weather == Weather::Silent {
        // Of the others the one attempt is over before anybody could see it.
        ground.until_circuit("1").await;
        ground.until_circuit("2").await;
    }
    assert_eq!(ground.sky.work.load(Ordering::SeqCst), work, "work was handed out");
    // 4. It is back, and so are the controllers: what was acknowledged ends, and what was refused is taken, each once.
    ground.becomes(Weather::Fair);
    let controllers = tokio::spawn(demo::run_controllers(ground.kube.clone(), ground.stop.clone()));
    ground.until_circuit("0").await;
    ground.until(&acknowledged, &[Status::Succeeded]).await;
    ground.until(&scaled, &[Status::Succeeded]).await;
    for request in &requests {
        let result = ground.send(request).await.unwrap().results.remove(0);
        assert_eq!(result.outcome, Outcome::Created);
        ground.until(&result.remediation.unwrap(), &[Status::Succeeded]).await;
    }
    let all = ground.client.stable.list_remediations(None, Some(100), None, None, None, None, &id()).await.unwrap();
    assert_eq!(all.items.len(), 3 + requests.len());
    ground.until_ready(200).await;
    ground.stop.cancel();
    soon("it stops", ground.agent).await.unwrap().unwrap();
    soon("the controllers stop", controllers).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_is_silent_is_survived() {
    survives(Weather::Silent, &["does not answer"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_fails_is_survived() {
    survives(Weather::Failing, &["answers 500 InternalError"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_is_not_there_is_survived() {
    survives(Weather::Absent, &["cannot be reached"]).await;
}
