//! Each call in the life of a remediation, failing once, in each way in which an API server fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use kube::{Client, api::DeleteParams, client::Body};
use serde_json::{Value, json};
use zen_agent::{
    event::Target,
    identity::Role,
    pipeline::{Pipeline, Progress},
    policy::{Budget, Guardrails, Recurrence, ShortCircuit},
    remediation::{
        Phase, ZenAgentRemediation,
        approval::Decider,
        ended::{Asked, rollback},
    },
};

use crate::support::*;

/// Shorter than anybody waits, longer than what fails is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const REPLICA_SET: &str = "web-6d4cf56db6";
const HOUR: Duration = Duration::from_secs(3_600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The call is answered with this code, and not made.
    Answer(u16),
    /// The call is made, and nobody hears of it in time.
    Lost,
}

const FAULTS: [Fault; 7] =
    [Fault::Answer(403), Fault::Answer(404), Fault::Answer(409), Fault::Answer(422), Fault::Answer(429), Fault::Answer(500), Fault::Lost];

impl Fault {
    /// Whether trying again helps; else the server means what it says.
    const fn passes(self) -> bool {
        !matches!(self, Self::Answer(404 | 422))
    }

    fn name(self) -> String {
        match self {
            Self::Answer(code) => code.to_string(),
            Self::Lost => "lost".to_owned(),
        }
    }
}

/// The calls so far, and which of them fails.
struct Line {
    fault: Fault,
    at: usize,
    calls: AtomicUsize,
    /// Whether the last one asked for a permission: of those that follow each other only the first fails.
    asks: AtomicBool,
}

impl Line {
    fn is_next(&self, path: &str) -> bool {
        let asks = path.ends_with("accessreviews");
        let asked = self.asks.swap(asks, Ordering::SeqCst);
        !(asks && asked) && self.calls.fetch_add(1, Ordering::SeqCst) == self.at
    }
}

/// A client of which one call fails.
fn faulty(client: Client, line: Arc<Line>) -> Client {
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let (client, line) = (client.clone(), line.clone());
        async move {
            let fails = line.is_next(request.uri().path());
            match line.fault {
                Fault::Answer(code) if fails => Ok(refused(code)),
                Fault::Lost if fails => client.send(request).await.map(|_| refused(504)).map_err(tower::BoxError::from),
                _ => client.send(request).await.map_err(tower::BoxError::from),
            }
        }
    });
    Client::new(service, "default")
}

/// All that asks the API server something before a claim, with bounds that nothing here reaches.
fn guardrails() -> Guardrails {
    Guardrails {
        budget: Some(Budget { per_namespace: 10_000, window: HOUR }),
        cooldown: Some(Duration::from_millis(1)),
        recurrence: Some(Recurrence { max: 10_000, window: HOUR }),
        short_circuit: Some(ShortCircuit { window: HOUR, max_targets: Some(10_000), max_failed: None }),
        min_healthy_replicas: Some(0),
        git_ops: true,
        ..Guardrails::none()
    }
}

/// Looks again until nothing is left to do; what the pipeline gives up until a resync is looked at by a resync.
async fn drive(pipeline: &Pipeline, name: &str) {
    let all = async {
        loop {
            match Box::pin(pipeline.reconcile(HOME, name)).await {
                // It was said to be gone, and is not.
                Ok(None) => {}
                Ok(Some(Progress { next: Some(wait), .. })) => tokio::time::sleep(wait).await, // what the pipeline asks for
                Ok(Some(_)) => return,
                Err(error) => {
                    if std::env::var("TRACE").is_ok() {
                        eprintln!("ERR {error}");
                    }
                    assert!(!error.to_string().is_empty())
                }
            }
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap_or_else(|_| panic!("{name} never rests"));
}

/// A ready pod of the sample workload, which the tests of one fault have for themselves.
async fn pod(world: &World, name: &str) -> Target {
    let owner = world.objects("apps/v1", "ReplicaSet", Some("shop")).get(REPLICA_SET).await.unwrap().metadata.uid;
    let owner = json!([{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": REPLICA_SET, "uid": owner, "controller": true }]);
    world
        .place(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": name, "namespace": "shop", "ownerReferences": owner },
            "spec": { "containers": [{ "name": "web", "image": "web" }] },
            "status": { "conditions": [{ "type": "Ready", "status": "True" }] },
        }))
        .await;
    target("v1", "Pod", "shop", name)
}

/// The pod, and the policies that are there for the remediation.
async fn state(world: &World, pod: &Target, name: &str) -> (Value, bool) {
    let policy = world.policies("shop").get_opt(&format!("zen-quarantine-{name}")).await.unwrap();
    (world.state(pod).await, policy.is_some())
}

/// The remediation whose call `at` fails so.
fn name(fault: Fault, at: usize) -> String {
    format!("{}-{at}", fault.name())
}

/// Says why, to a person.
fn explains(object: &ZenAgentRemediation) -> bool {
    condition(object, "Complete").0 == "True" && !reason(object).is_empty() && message(object).len() > 10
}

/// A quarantine by the policy and, once it is in place, its undoing, of which the call `at` fails; `None` where there are not so many.
async fn life(world: &World, pod: &Target, fault: Fault, at: usize) -> Option<()> {
    let line = Arc::new(Line { fault, at, calls: AtomicUsize::new(0), asks: AtomicBool::new(false) });
    let pipeline = world.guarded_through(faulty(world.client.clone(), line.clone()), guardrails());
    let name = name(fault, at);
    let before = state(world, pod, &name).await;
    world.create(&name, automatic(pod.clone(), quarantine())).await;
    drive(&pipeline, &name).await;
    let ended = world.get(&name).await;
    assert!(explains(&ended), "{name}: {:?}", ended.status);
    if ended.phase() != Phase::Succeeded {
        assert!(!fault.passes(), "{name}: {}", message(&ended));
        assert!(matches!(ended.phase(), Phase::Failed | Phase::RolledBack), "{name}");
        assert!(["TargetNotFound", "Invalid", "ValidationFailed"].contains(&reason(&ended)), "{name}: {}", reason(&ended));
        assert_eq!(state(world, pod, &name).await, before, "{name}: {}", message(&ended));
        return Some(());
    }
    let (remediated, policy) = state(world, pod, &name).await;
    assert!(policy && remediated["metadata"]["labels"]["zen.kube-zen.io/quarantine"].is_string(), "{name}");

    let by = Decider { subject: "ada", role: Role::Approver };
    let asked = Asked { by, reason: "too much", request: "undo" };
    rollback(&world.remediations(), &world.events, ended, asked).await.unwrap();
    drive(&pipeline, &name).await;
    let undone = world.get(&name).await;
    assert!(explains(&undone), "{name}: {:?}", undone.status);
    let as_before = state(world, pod, &name).await == before;
    match undone.phase() {
        Phase::RolledBack => {}
        // It says what it leaves behind.
        _ => assert!(!fault.passes() && undone.phase() == Phase::Failed && !as_before, "{name}: {:?}", undone.status),
    }
    // Of a pod that is said to be gone there is nothing to undo.
    assert!(as_before || !fault.passes(), "{name}: {}", message(&undone));
    if !as_before {
        world.change(pod, json!({ "metadata": { "labels": { "zen.kube-zen.io/quarantine": null } } })).await;
    }
    (line.calls.load(Ordering::SeqCst) > at).then_some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_call_fails_once_a_quarantine_is_put_in_place_and_undone_or_ends_with_the_pod_as_it_was_and_a_reason() {
    let world = World::new().await;
    let lives = FAULTS.map(|fault| {
        let world = &world;
        async move {
            let pod = pod(world, &format!("pod-{}", fault.name())).await;
            let mut calls = 0;
            while Box::pin(life(world, &pod, fault, calls)).await.is_some() {
                calls += 1;
                // Or each of those after it would list them all.
                world.remediations().delete(&name(fault, calls - 1), &DeleteParams::default()).await.unwrap();
            }
            calls
        }
    });
    // Target, plan, access, guardrails, claim, policy, label, validation, and the way back.
    assert!(join_all(lives).await.into_iter().all(|calls| calls > 20));
}
