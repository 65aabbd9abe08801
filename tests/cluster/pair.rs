//! Two replicas as processes, what they are given to do, and the records of what they did.
//!
//! Two records are looked at: the attempts that each remediation counts, and the generation of the Deployments, which the
//! API server counts up with every change of their spec.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use k8s_openapi::api::{apps::v1::Deployment, coordination::v1::Lease, core::v1::Secret};
use kube::{
    Api, ResourceExt,
    api::{ListParams, PostParams},
};
use serde::Deserialize as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use zen_agent::{
    client::Client,
    contract::v0::types::Outcome,
    demo,
    dev::NAMESPACE,
    event::Target,
    lease,
    pipeline::actions::ScaleAction,
    remediation::{Action, Mode, Phase, RemediationSpec, StepName, ZenAgentRemediation, crd},
};

use crate::{
    agent::{Agent, DEADLINE, client, id, sample},
    ground::Ground,
    process::{serve, text},
    soon,
};

/// Their names.
pub(crate) const NAMES: [&str; 2] = ["one", "two"];
/// The longest that the API server is away.
pub(crate) const OUTAGE: Duration = Duration::from_secs(60);
/// How long an unchanged lease is left to its holder, and how often the others look.
pub(crate) const LEASE: Duration = Duration::from_secs(15);
pub(crate) const RETRY: Duration = Duration::from_secs(2);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(6);
/// As many steps as may be under way when a leader ends: the default number of workers.
const WORKERS: i32 = 5;
/// Where the workloads of the demo are.
const TARGETS: &str = "default,jobs,shop";
/// Deployments of the demo, and the numbers of replicas they are scaled to, each once.
const DEPLOYMENTS: [(&str, &str); 2] = [("shop", "web"), ("default", "nginx")];

/// What the processes are started as.
enum Kind {
    /// `dev` with its demo, as the administrator.
    Dev,
    /// `serve`, as whom this kubeconfig names; the demo's workloads are followed by the test.
    Serve { kubeconfig: PathBuf, _following: DropGuard },
}

/// Two replicas, by the names that they have on the lease.
pub(crate) struct Replicas {
    pub(crate) ground: Ground,
    pub(crate) state: TempDir,
    pub(crate) agents: BTreeMap<&'static str, Agent>,
    kind: Kind,
    scaled: usize,
}

impl Replicas {
    /// Two of `dev`.
    pub(crate) async fn dev() -> Self {
        Self::start(Ground::clean().await, tempfile::tempdir().unwrap(), Kind::Dev)
    }

    /// Two of `serve`, as a service account with what `zen-agent rbac` prints, and no more.
    pub(crate) async fn serve() -> Self {
        let ground = Ground::with(&crd()).await;
        let state = tempfile::tempdir().unwrap();
        let following = follow_demo(&ground, state.path()).await;
        let kubeconfig = granted(&ground, state.path());
        let secrets = Api::<Secret>::all(controlplane::client(&kubeconfig).await).list(&ListParams::default()).await;
        assert!(matches!(secrets, Err(kube::Error::Api(status)) if status.code == 403), "it is not held to its roles");
        Self::start(ground, state, Kind::Serve { kubeconfig, _following: following })
    }

    fn start(ground: Ground, state: TempDir, kind: Kind) -> Self {
        let mut replicas = Self { ground, state, agents: BTreeMap::new(), kind, scaled: 0 };
        for name in NAMES {
            replicas.add(name);
        }
        replicas
    }

    /// Starts it; it is ready whether it leads or not.
    pub(crate) fn add(&mut self, name: &'static str) {
        let mut command = match &self.kind {
            Kind::Dev => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_zen-agent"));
                command.args(["dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-level", "warn", "--demo"]);
                command.arg("--kubeconfig").arg(self.ground.control_plane().kubeconfig()).arg("--state-dir").arg(self.state.path());
                command
            }
            Kind::Serve { kubeconfig, .. } => {
                let mut command = serve(kubeconfig, self.state.path(), "127.0.0.1:0");
                command.env("WATCH_NAMESPACE", NAMESPACE);
                command
            }
        };
        command.env("HOSTNAME", name);
        self.agents.insert(name, Agent::start(command));
    }

    pub(crate) fn other(name: &str) -> &'static str {
        if name == "one" { "two" } else { "one" }
    }

    pub(crate) fn client(&self, name: &str) -> Client {
        client(self.state.path(), &self.agents[name])
    }

    pub(crate) async fn lease(&self) -> Option<Lease> {
        Api::<Lease>::namespaced(self.ground.client.clone(), NAMESPACE).get_opt(lease::NAME).await.unwrap()
    }

    async fn holder(&self) -> Option<&'static str> {
        let holder = self.lease().await?.spec?.holder_identity?;
        NAMES.into_iter().find(|name| holder.split('_').next() == Some(name))
    }

    /// Who leads, as soon as somebody does.
    pub(crate) async fn leader(&self) -> &'static str {
        soon("somebody leads", async {
            loop {
                if let Some(leader) = self.holder().await {
                    return leader;
                }
                tokio::time::sleep(Duration::from_millis(20)).await; // pacing of a poll with a deadline
            }
        })
        .await
    }

    /// Waits until this one leads; how long it took, without the time in which the machine let nobody look.
    pub(crate) async fn leads(&self, name: &str) -> Duration {
        let (begun, mut lost) = (Instant::now(), Duration::ZERO);
        soon(&format!("{name} leads"), async {
            loop {
                let look = Instant::now();
                if self.holder().await == Some(name) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await; // pacing of a poll with a deadline
                lost += look.elapsed().saturating_sub(Duration::from_millis(200));
            }
        })
        .await;
        begun.elapsed().saturating_sub(lost)
    }

    /// Waits until the metrics show that this one leads, and no other that answers.
    pub(crate) async fn is_shown_to_lead(&self, name: &str) {
        let shown =
            |agent: &Agent| text(&agent.admin, "/metrics").is_some_and(|metrics| metrics.lines().any(|line| line == "zen_agent_leader 1"));
        soon(&format!("the metrics show that {name} leads"), async {
            while self.agents.iter().any(|(replica, agent)| shown(agent) != (*replica == name)) {
                tokio::time::sleep(Duration::from_millis(20)).await; // pacing of a poll with a deadline
            }
        })
        .await;
    }

    pub(crate) fn remediations(&self) -> Api<ZenAgentRemediation> {
        Api::namespaced(self.ground.client.clone(), NAMESPACE)
    }

    /// Asks for one more scaling of each Deployment, to a number that it has not had.
    async fn scale(&mut self) {
        self.scaled += 1;
        for (namespace, name) in DEPLOYMENTS {
            let target = Target {
                api_version: "apps/v1".to_owned(),
                kind: "Deployment".to_owned(),
                namespace: Some(namespace.to_owned()),
                name: name.to_owned(),
                uid: None,
            };
            let action = Action::Scale(ScaleAction { replicas: 10 + i32::try_from(self.scaled).unwrap() });
            let spec =
                RemediationSpec { target: Some(target), action: Some(action), mode: Some(Mode::Automatic), ..RemediationSpec::default() };
            let remediation = ZenAgentRemediation::new(&format!("scale-{name}-{}", self.scaled), spec);
            self.remediations().create(&PostParams::default(), &remediation).await.unwrap();
        }
    }

    /// Asks for several, one after the other.
    pub(crate) async fn scale_for_a_while(&mut self) {
        for _ in 0..8 {
            self.scale().await;
            tokio::time::sleep(Duration::from_millis(100)).await; // pacing
        }
    }

    /// Lets something happen to the leader, and follows what comes of it, both under load: whom it happened to, after
    /// somebody else leads, and the senders.
    pub(crate) async fn strike(&mut self, disaster: impl FnOnce(&mut Agent)) -> (&'static str, Senders) {
        let leader = self.leader().await;
        let senders = Senders::start(self);
        self.scale_for_a_while().await;
        disaster(self.agents.get_mut(leader).unwrap());
        self.scale_for_a_while().await;
        let took = self.leads(Self::other(leader)).await;
        assert!(took <= LEASE + RETRY + SLACK, "{took:?}");
        (leader, senders)
    }

    pub(crate) async fn generations(&self) -> Vec<i64> {
        let mut generations = Vec::new();
        for (namespace, name) in DEPLOYMENTS {
            let deployments: Api<Deployment> = Api::namespaced(self.ground.client.clone(), namespace);
            generations.push(deployments.get(name).await.unwrap().metadata.generation.unwrap());
        }
        generations
    }

    /// Waits until everything has ended, and looks at the records: each scaling was made once, and no more than what was
    /// under way at this many disasters was begun twice.
    pub(crate) async fn everything_was_done_once(&self, before: &[i64], disasters: i32) {
        let mut items = Vec::new();
        let all = async {
            loop {
                items = self.remediations().list(&ListParams::default()).await.unwrap().items;
                if items.iter().all(|item| item.phase().is_terminal()) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(200)).await; // pacing of a poll with a deadline
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(180), all).await;
        let open: Vec<_> = items.iter().filter(|item| !item.phase().is_terminal()).map(|item| (item.name_any(), &item.status)).collect();
        assert!(in_time.is_ok(), "{open:?} do not end");
        for item in &items {
            assert_eq!(item.phase(), Phase::Succeeded, "{}: {:?}", item.name_any(), item.status);
        }
        let again: i32 = items.iter().map(|item| item.step(StepName::Execute).unwrap().attempts - 1).sum();
        assert!(again <= WORKERS * disasters, "{again} were begun again");
        let once: Vec<_> = before.iter().map(|generation| generation + i64::try_from(self.scaled).unwrap()).collect();
        assert_eq!(self.generations().await, once, "each of {} scalings is one change", self.scaled);
    }
}

/// The workloads of the demo and what follows them, until the guard is dropped; their samples in the state directory.
pub(crate) async fn follow_demo(ground: &Ground, state: &Path) -> DropGuard {
    let samples = state.join("samples");
    std::fs::create_dir(&samples).unwrap();
    for (name, event) in demo::create(&ground.client).await.unwrap().samples() {
        std::fs::write(samples.join(name), event).unwrap();
    }
    let shutdown = CancellationToken::new();
    tokio::spawn(demo::run_controllers(ground.client.clone(), shutdown.clone()));
    shutdown.drop_guard()
}

/// The kubeconfig of a service account that is granted what `zen-agent rbac` prints.
fn granted(ground: &Ground, state: &Path) -> PathBuf {
    let control_plane = ground.control_plane();
    let apply = |objects: &[u8]| {
        let mut kubectl = control_plane.kubectl();
        let mut kubectl = kubectl.args(["apply", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        kubectl.stdin.take().unwrap().write_all(objects).unwrap();
        assert!(kubectl.wait().unwrap().success());
    };
    let printed = Command::new(env!("CARGO_BIN_EXE_zen-agent")).args(["rbac", "--target-namespaces", TARGETS]).output().unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    apply(&printed.stdout);
    let user = format!("system:serviceaccount:{NAMESPACE}:zen-agent");
    for role in serde_yaml_ng::Deserializer::from_slice(&printed.stdout) {
        let role = Value::deserialize(role).unwrap();
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": format!("{}Binding", role["kind"].as_str().unwrap()),
            "metadata": role["metadata"],
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": role["kind"], "name": role["metadata"]["name"] },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user }],
        });
        apply(binding.to_string().as_bytes());
    }
    // Its own file has the user's name, and what KUBECONFIG names must have no colon.
    let kubeconfig = state.join("kubeconfig");
    std::fs::copy(control_plane.user(&user, &[]), &kubeconfig).unwrap();
    kubeconfig
}

/// Sends events to both, and to the other where one does not answer; what was acknowledged, by request.
pub(crate) struct Senders {
    acknowledged: Arc<Mutex<BTreeMap<String, String>>>,
    stop: CancellationToken,
    sending: Vec<JoinHandle<()>>,
}

impl Senders {
    pub(crate) fn start(replicas: &Replicas) -> Self {
        let (acknowledged, stop) = (Arc::new(Mutex::default()), CancellationToken::new());
        let sending = NAMES.map(|name| {
            let clients = [replicas.client(name), replicas.client(Replicas::other(name))];
            tokio::spawn(send(clients, Arc::clone(&acknowledged), stop.clone()))
        });
        Self { acknowledged, stop, sending: sending.into() }
    }

    /// Stops, and finds each acknowledged event replayed by these replicas, under the one name that stands for it.
    pub(crate) async fn end(self, replicas: &Replicas, asked: &[&str]) {
        let load = async {
            while self.acknowledged.lock().unwrap().len() <= 5 {
                tokio::time::sleep(Duration::from_millis(50)).await; // pacing of a poll with a deadline
            }
        };
        soon("there is load", load).await;
        self.stop.cancel();
        for sending in self.sending {
            soon("a sender ends", sending).await.unwrap();
        }
        let acknowledged = self.acknowledged.lock().unwrap().clone();
        for client in asked.iter().map(|name| replicas.client(name)) {
            for (request, name) in &acknowledged {
                let receipt = client.stable.ingest_falco(request, sample("falco-outbound-c2.json")).await.unwrap().into_inner();
                let result = &receipt.results[0];
                assert_eq!((result.outcome, result.remediation.as_ref()), (Outcome::Replayed, Some(name)), "{request}");
            }
        }
        let items = replicas.remediations().list(&ListParams::default()).await.unwrap().items;
        let of_requests = items.iter().filter_map(|item| Some((item.spec.request.as_ref()?.id.clone(), item.name_any())));
        let of_requests: Vec<_> = of_requests.filter(|(request, _)| acknowledged.contains_key(request)).collect();
        assert_eq!(of_requests.len(), acknowledged.len(), "a request has more than one remediation: {of_requests:?}");
        assert_eq!(of_requests.into_iter().collect::<BTreeMap<_, _>>(), acknowledged);
    }
}

async fn send(mut clients: [Client; 2], acknowledged: Arc<Mutex<BTreeMap<String, String>>>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let request = id();
        let sent = async {
            loop {
                let answer = clients[0].stable.ingest_falco(&request, sample("falco-outbound-c2.json"));
                if let Ok(Ok(receipt)) = tokio::time::timeout(Duration::from_secs(3), answer).await {
                    return receipt.into_inner().results[0].remediation.clone().unwrap();
                }
                // The same request again: whether it was stored is for the other replica to know.
                clients.swap(0, 1);
                tokio::time::sleep(Duration::from_millis(100)).await; // pacing
            }
        };
        let name = tokio::time::timeout(OUTAGE + DEADLINE, sent).await.expect("one of the two takes it");
        acknowledged.lock().unwrap().insert(request, name);
        tokio::time::sleep(Duration::from_secs(1)).await; // pacing
    }
}
