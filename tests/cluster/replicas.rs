//! Two replicas, as processes: one of them works, and when it is killed, frozen or stopped, the other goes on. No
//! acknowledged event is lost, and nothing is done twice.
//!
//! Of what was done, two records are looked at: the attempts that each remediation counts, and the generation of the
//! Deployments, which the API server counts up with every change of their spec.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use k8s_openapi::api::{apps::v1::Deployment, coordination::v1::Lease};
use kube::{
    Api, ResourceExt,
    api::{ListParams, PostParams},
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zen_agent::{
    client::Client,
    contract::v0::types::Outcome,
    dev::NAMESPACE,
    event::Target,
    lease,
    pipeline::actions::ScaleAction,
    remediation::{Action, Mode, Phase, RemediationSpec, StepName, ZenAgentRemediation},
};

use crate::{
    agent::{Agent, client, id, sample},
    ground::Ground,
    process::text,
    soon,
};

/// How long an unchanged lease is left to its holder, and how often the others look.
const LEASE: Duration = Duration::from_secs(15);
const RETRY: Duration = Duration::from_secs(2);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(6);
/// As many steps as may be under way when a leader ends: the default number of workers.
const WORKERS: i32 = 5;
/// Deployments of the demo, and the numbers of replicas they are scaled to, each once.
const DEPLOYMENTS: [(&str, &str); 2] = [("shop", "web"), ("default", "nginx")];

/// Two replicas, by the names that they have on the lease.
struct Replicas {
    ground: Ground,
    state: TempDir,
    agents: BTreeMap<&'static str, Agent>,
    scaled: usize,
}

impl Replicas {
    async fn start() -> Self {
        let ground = Ground::clean().await;
        let state = tempfile::tempdir().unwrap();
        let mut replicas = Self { ground, state, agents: BTreeMap::new(), scaled: 0 };
        for name in ["one", "two"] {
            replicas.add(name);
        }
        replicas
    }

    /// Starts it; it is ready whether it leads or not.
    fn add(&mut self, name: &'static str) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zen-agent"));
        command.args(["dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-level", "warn", "--demo", "--kubeconfig"]);
        command.arg(self.ground.control_plane().kubeconfig()).arg("--state-dir").arg(self.state.path()).env("HOSTNAME", name);
        self.agents.insert(name, Agent::start(command));
    }

    fn other(name: &str) -> &'static str {
        if name == "one" { "two" } else { "one" }
    }

    fn client(&self, name: &str) -> Client {
        client(self.state.path(), &self.agents[name])
    }

    async fn lease(&self) -> Option<Lease> {
        Api::<Lease>::namespaced(self.ground.client.clone(), NAMESPACE).get_opt(lease::NAME).await.unwrap()
    }

    async fn holder(&self) -> Option<&'static str> {
        let holder = self.lease().await?.spec?.holder_identity?;
        ["one", "two"].into_iter().find(|name| holder.split('_').next() == Some(name))
    }

    /// Who leads, as soon as somebody does.
    async fn leader(&self) -> &'static str {
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

    /// Waits until this one leads; how long it took.
    async fn leads(&self, name: &str) -> Duration {
        let begun = Instant::now();
        soon(&format!("{name} leads"), async {
            while self.holder().await != Some(name) {
                tokio::time::sleep(Duration::from_millis(20)).await; // pacing of a poll with a deadline
            }
        })
        .await;
        begun.elapsed()
    }

    /// Waits until the metrics show that this one leads, and no other that answers.
    async fn is_shown_to_lead(&self, name: &str) {
        let shown =
            |agent: &Agent| text(&agent.admin, "/metrics").is_some_and(|metrics| metrics.lines().any(|line| line == "zen_agent_leader 1"));
        soon(&format!("the metrics show that {name} leads"), async {
            while self.agents.iter().any(|(replica, agent)| shown(agent) != (*replica == name)) {
                tokio::time::sleep(Duration::from_millis(20)).await; // pacing of a poll with a deadline
            }
        })
        .await;
    }

    fn remediations(&self) -> Api<ZenAgentRemediation> {
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
    async fn scale_for_a_while(&mut self) {
        for _ in 0..8 {
            self.scale().await;
            tokio::time::sleep(Duration::from_millis(100)).await; // pacing
        }
    }

    /// Lets something happen to the leader, and follows what comes of it, both under load: whom it happened to, after
    /// somebody else leads, and the senders.
    async fn strike(&mut self, disaster: impl FnOnce(&mut Agent)) -> (&'static str, Senders) {
        let leader = self.leader().await;
        let senders = Senders::start(self);
        self.scale_for_a_while().await;
        disaster(self.agents.get_mut(leader).unwrap());
        self.scale_for_a_while().await;
        let took = self.leads(Self::other(leader)).await;
        assert!(took <= LEASE + RETRY + SLACK, "{took:?}");
        (leader, senders)
    }

    async fn generations(&self) -> Vec<i64> {
        let mut generations = Vec::new();
        for (namespace, name) in DEPLOYMENTS {
            let deployments: Api<Deployment> = Api::namespaced(self.ground.client.clone(), namespace);
            generations.push(deployments.get(name).await.unwrap().metadata.generation.unwrap());
        }
        generations
    }

    /// Waits until everything has ended, and looks at the records: each scaling was made once, and no more than what was
    /// under way at this many disasters was begun twice.
    async fn everything_was_done_once(&self, before: &[i64], disasters: i32) {
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

/// Sends events to both, and to the other where one does not answer; what was acknowledged, by request.
struct Senders {
    acknowledged: Arc<Mutex<BTreeMap<String, String>>>,
    stop: CancellationToken,
    sending: Vec<JoinHandle<()>>,
}

impl Senders {
    fn start(replicas: &Replicas) -> Self {
        let (acknowledged, stop) = (Arc::new(Mutex::default()), CancellationToken::new());
        let names = ["one", "two"];
        let sending = names.map(|name| {
            let clients = [replicas.client(name), replicas.client(Replicas::other(name))];
            tokio::spawn(send(clients, Arc::clone(&acknowledged), stop.clone()))
        });
        Self { acknowledged, stop, sending: sending.into() }
    }

    /// Stops, and finds each acknowledged event replayed by this replica, under its one name.
    async fn end(self, client: &Client) {
        self.stop.cancel();
        for sending in self.sending {
            soon("a sender ends", sending).await.unwrap();
        }
        let acknowledged = self.acknowledged.lock().unwrap().clone();
        assert!(acknowledged.len() > 5, "only {} were acknowledged: there was no load", acknowledged.len());
        for (request, name) in &acknowledged {
            let receipt = client.stable.ingest_falco(request, sample("falco-outbound-c2.json")).await.unwrap().into_inner();
            let result = &receipt.results[0];
            assert_eq!((result.outcome, result.remediation.as_ref()), (Outcome::Replayed, Some(name)), "{request}");
        }
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
        let name = soon("one of the two takes it", sent).await;
        acknowledged.lock().unwrap().insert(request, name);
        tokio::time::sleep(Duration::from_secs(1)).await; // pacing
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_effect_once_whichever_replica_gets_it() {
    let replicas = Replicas::start().await;
    let (one, two) = (replicas.client("one"), replicas.client("two"));
    let (request, event) = (id(), sample("falco-outbound-c2.json"));
    let created = one.stable.ingest_falco(&request, event.clone()).await.unwrap().into_inner();
    let replayed = two.stable.ingest_falco(&request, event.clone()).await.unwrap().into_inner();
    assert_eq!((created.results[0].outcome, replayed.results[0].outcome), (Outcome::Created, Outcome::Replayed));
    assert_eq!(created.results[0].remediation, replayed.results[0].remediation);
    // At the same time, too: one creates it.
    let request = id();
    let both = futures::future::join(one.stable.ingest_falco(&request, event.clone()), two.stable.ingest_falco(&request, event)).await;
    let mut outcomes =
        [both.0.unwrap().into_inner(), both.1.unwrap().into_inner()].map(|receipt| format!("{:?}", receipt.results[0].outcome));
    outcomes.sort();
    assert_eq!(outcomes, ["Created", "Replayed"]);
    let other = two.stable.ingest_falco(&request, sample("falco-shell-in-container.json")).await.expect_err("another body");
    assert_eq!(other.status().map(|status| status.as_u16()), Some(409));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_killed_is_followed_within_its_lease() {
    let mut replicas = Replicas::start().await;
    let before = replicas.generations().await;
    for round in 1..=2 {
        let (leader, senders) = replicas.strike(Agent::kill).await;
        senders.end(&replicas.client(Replicas::other(leader))).await;
        replicas.everything_was_done_once(&before, round).await;
        replicas.add(leader);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_freezes_is_followed_and_does_no_harm_when_it_wakes_up() {
    let mut replicas = Replicas::start().await;
    let before = replicas.generations().await;
    for round in 1..=2 {
        let (leader, senders) = replicas.strike(|agent| agent.signal("STOP")).await;
        replicas.agents[leader].signal("CONT");
        replicas.scale_for_a_while().await;
        // It accepts events again, and knows those that the other took.
        senders.end(&replicas.client(leader)).await;
        replicas.everything_was_done_once(&before, round).await;
        assert_eq!(replicas.leader().await, Replicas::other(leader), "it does not come back to power by itself");
        replicas.is_shown_to_lead(Replicas::other(leader)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_stopped_hands_over_at_once() {
    let mut replicas = Replicas::start().await;
    let before = replicas.generations().await;
    let leader = replicas.leader().await;
    replicas.is_shown_to_lead(leader).await;
    replicas.scale_for_a_while().await;
    let stopping = Instant::now();
    replicas.agents[leader].signal("TERM");
    assert!(replicas.agents.get_mut(leader).unwrap().wait(Duration::from_secs(25)).success());
    let drained = stopping.elapsed();
    let took = replicas.leads(Replicas::other(leader)).await;
    assert!(took <= RETRY + Duration::from_secs(2), "{took:?} after it had ended, which took {drained:?}");
    replicas.is_shown_to_lead(Replicas::other(leader)).await;
    let transitions = replicas.lease().await.unwrap().spec.unwrap().lease_transitions;
    assert_eq!(transitions, Some(1));
    replicas.everything_was_done_once(&before, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_does_not_lead_can_go_without_notice() {
    let mut replicas = Replicas::start().await;
    let before = replicas.generations().await;
    let leader = replicas.leader().await;
    let transitions = replicas.lease().await.unwrap().spec.unwrap().lease_transitions;
    let senders = Senders::start(&replicas);
    replicas.scale_for_a_while().await;
    replicas.agents.get_mut(Replicas::other(leader)).unwrap().kill();
    replicas.scale_for_a_while().await;
    // Longer than an event takes to be sent by way of the one that is left.
    tokio::time::sleep(Duration::from_secs(5)).await; // pacing
    senders.end(&replicas.client(leader)).await;
    replicas.everything_was_done_once(&before, 0).await;
    assert_eq!(replicas.leader().await, leader);
    assert_eq!(replicas.lease().await.unwrap().spec.unwrap().lease_transitions, transitions);
}
