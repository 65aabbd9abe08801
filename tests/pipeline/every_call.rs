//! Each call in the life of a remediation, failing once, in each way in which an API server fails.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use kube::{Api, Client, api::DeleteParams, client::Body};
use serde_json::{Value, json};
use zen_agent::{
    emergency::EmergencyStop,
    identity::Role,
    pipeline::{Pipeline, Progress, Settings, actions::QUARANTINE_LABEL},
    policy::{Budget, Guardrails, Recurrence, ShortCircuit},
    remediation::{
        Phase, RemediationSpec, StepState, ZenAgentRemediation,
        approval::Decider,
        requests::{Asked, rollback},
    },
};

use crate::support::*;

/// Shorter than anybody waits, longer than what fails is waited for.
const PATIENCE: Duration = Duration::from_secs(180);
const REPLICA_SET: &str = "web-6d4cf56db6";
/// What comes of it where nothing else does.
const WHOLE: &str = "succeeded Validated, rolled_back RollbackRequested";
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
    /// The one that failed: in which step, and of which resource.
    failed: OnceLock<String>,
}

/// A client of which one call fails.
fn faulty(client: Client, line: Arc<Line>, name: String) -> Client {
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let (client, line, name) = (client.clone(), line.clone(), name.clone());
        async move {
            if line.calls.fetch_add(1, Ordering::SeqCst) != line.at {
                return client.send(request).await.map_err(tower::BoxError::from);
            }
            let remediation = Api::namespaced(client.clone(), HOME).get(&name).await?;
            let is_tried = request.uri().query().is_some_and(|query| query.contains("dryRun=All"));
            let tried = if is_tried { " (tried)" } else { "" };
            _ = line.failed.set(format!("{} {} {}{tried}", step(&remediation), request.method(), resource(request.uri().path())));
            match line.fault {
                Fault::Answer(code) => Ok(refused(code)),
                Fault::Lost => client.send(request).await.map(|_| refused(504)).map_err(tower::BoxError::from),
            }
        }
    });
    Client::new(service, "default")
}

/// The step that is under way, or else how it stands.
fn step(remediation: &ZenAgentRemediation) -> String {
    let steps = remediation.status.iter().flat_map(|status| &status.steps);
    let running = steps.rev().find(|step| step.state == StepState::Running);
    running.map_or_else(|| remediation.phase().to_string(), |step| format!("{:?}", step.name).to_lowercase())
}

/// The resource that a path is of, without the names of objects.
fn resource(path: &str) -> String {
    let parts: Vec<_> = path.split('/').skip_while(|part| part.is_empty() || ["api", "apis"].contains(part)).collect();
    let version = parts.iter().position(|part| part.starts_with('v')).unwrap_or_default();
    let parts = &parts[version + 1..];
    let parts = if parts.first() == Some(&"namespaces") && parts.len() > 2 { &parts[2..] } else { parts };
    [parts.first(), parts.get(2)].into_iter().flatten().copied().collect::<Vec<_>>().join("/")
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

/// A remediation that runs by itself, and is undone where a person asks for it.
pub(crate) trait Case {
    /// Puts its target in place, as it is at the beginning of each life.
    async fn prepare(&self, world: &World, place: &str);
    fn spec(&self, place: &str) -> RemediationSpec;
    /// All that it may change.
    async fn state(&self, world: &World, place: &str, name: &str) -> Value;
    /// Whether it is done.
    fn is_done(&self, state: &Value) -> bool;
}

/// The remediation whose call `at` fails so.
fn name(fault: Fault, at: usize) -> String {
    format!("{}-{at}", fault.name())
}

/// Says why, to a person.
fn explains(object: &ZenAgentRemediation) -> bool {
    condition(object, "Complete").0 == "True" && !reason(object).is_empty() && message(object).len() > 10
}

/// A remediation by the policy and, once it is in place, its undoing, of which the call `at` fails: which that is, and what
/// came of it. `None` where there are not so many.
async fn life(world: &World, case: &impl Case, prefix: &str, fault: Fault, at: usize) -> Option<String> {
    let line = Arc::new(Line { fault, at, calls: AtomicUsize::new(0), failed: OnceLock::new() });
    let (place, name) = (format!("{prefix}-{}", fault.name()), format!("{prefix}-{}", name(fault, at)));
    case.prepare(world, &place).await;
    // However slow the server is, a look that fails is not the last one.
    let settings = Settings { validation_timeout: PATIENCE, ..settings() };
    let client = faulty(world.client.clone(), line.clone(), name.clone());
    let pipeline = world.make(client, settings, live(guardrails()), EmergencyStop::never());
    let before = case.state(world, &place, &name).await;
    world.create(&name, case.spec(&place)).await;
    drive(&pipeline, &name).await;
    let ended = world.get(&name).await;
    assert!(explains(&ended), "{name}: {:?}", ended.status);
    let mut told = format!("{} {}", ended.phase(), reason(&ended));
    let now = case.state(world, &place, &name).await;
    if ended.phase() == Phase::Succeeded {
        assert!(case.is_done(&now), "{name}: {now}");
        let by = Decider { subject: "ada", role: Role::Approver };
        let asked = Asked { by, reason: "too much", request: "undo" };
        rollback(&world.remediations(), &world.events, ended, asked).await.unwrap();
        drive(&pipeline, &name).await;
        let undone = world.get(&name).await;
        assert!(explains(&undone), "{name}: {:?}", undone.status);
        told += &format!(", {} {}", undone.phase(), reason(&undone));
        let is_as_before = case.state(world, &place, &name).await == before;
        if !is_as_before {
            told += ", and left";
        }
        // What helps when it is tried again is tried again.
        assert!(!fault.passes() || told == WHOLE, "{name}: {:?}: {told}: {}", line.failed, message(&undone));
    } else {
        assert!(!fault.passes(), "{name}: {:?}: {told}: {}", line.failed, message(&ended));
        assert_eq!(now, before, "{name}: {:?}: {told}: {}", line.failed, message(&ended));
    }
    // Or each of those after it would list them all.
    world.remediations().delete(&name, &DeleteParams::default()).await.unwrap();
    Some(format!("{}: {told}", line.failed.get()?))
}

/// Lives with each call failing in each way. `means` are the outcomes of those that no repetition helps.
pub(crate) async fn lives(world: &World, case: &impl Case, prefix: &str, means: &[(u16, &str)]) {
    let all = FAULTS.map(|fault| async move {
        let mut told = Vec::new();
        while let Some(one) = Box::pin(life(world, case, prefix, fault, told.len())).await {
            told.push(one);
        }
        (fault, told)
    });
    let mut found = BTreeSet::new();
    for (fault, told) in join_all(all).await {
        // Target, plan, access, guardrails, claim, the change, validation, and the way back.
        assert!(told.len() > 20, "{prefix} {fault:?}: {}", told.len());
        if let Fault::Answer(code @ (404 | 422)) = fault {
            found.extend(told.into_iter().filter(|one| !one.ends_with(WHOLE)).map(|one| (code, one)));
        }
    }
    let means: BTreeSet<_> = means.iter().map(|(code, one)| (*code, (*one).to_owned())).collect();
    assert_eq!(found, means, "{prefix}");
}

/// What comes of a quarantine where the server says once that something is not there, or that it does not take it.
const OF_A_QUARANTINE: [(u16, &str); 19] = [
    (404, "pending GET pods: failed TargetNotFound"),
    (404, "pending PATCH pods (tried): failed TargetNotFound"),
    (404, "pending POST networkpolicies (tried): failed TargetNotFound"),
    (404, "execute GET pods: failed TargetNotFound"),
    (404, "execute POST networkpolicies: failed TargetNotFound"),
    (404, "validate GET pods: failed TargetNotFound"),
    (404, "validate GET networkpolicies: rolled_back ValidationFailed"),
    // Of what is said to be gone there is nothing to undo.
    (404, "rollback GET pods: succeeded Validated, rolled_back RollbackRequested, and left"),
    (404, "rollback GET networkpolicies: succeeded Validated, rolled_back RollbackRequested, and left"),
    (422, "pending GET pods: failed Invalid"),
    (422, "pending GET replicasets: failed Invalid"),
    (422, "pending POST selfsubjectaccessreviews: failed Invalid"),
    (422, "pending PATCH pods (tried): failed Invalid"),
    (422, "pending POST networkpolicies (tried): failed Invalid"),
    (422, "execute GET pods: failed Invalid"),
    (422, "execute GET networkpolicies: failed Invalid"),
    (422, "execute GET zenagentremediations: failed Invalid"),
    (422, "execute PATCH pods: failed Invalid"),
    (422, "execute POST networkpolicies: failed Invalid"),
];

/// A ready pod of the sample workload that is cut off.
struct Quarantine;

impl Case for Quarantine {
    async fn prepare(&self, world: &World, place: &str) {
        if world.pods("shop").get_opt(place).await.unwrap().is_some() {
            // As far as what it may not be found to be done to is left.
            world.patch_pod("shop", place, json!({ "metadata": { "labels": { QUARANTINE_LABEL: null } } })).await;
            return;
        }
        let owner = world.objects("apps/v1", "ReplicaSet", Some("shop")).get(REPLICA_SET).await.unwrap().metadata.uid;
        let owner = json!([{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": REPLICA_SET, "uid": owner, "controller": true }]);
        world
            .place(json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": { "name": place, "namespace": "shop", "ownerReferences": owner },
                "spec": { "containers": [{ "name": "web", "image": "web" }] },
                "status": { "conditions": [{ "type": "Ready", "status": "True" }] },
            }))
            .await;
    }

    fn spec(&self, place: &str) -> RemediationSpec {
        automatic(target("v1", "Pod", "shop", place), quarantine())
    }

    async fn state(&self, world: &World, place: &str, name: &str) -> Value {
        let policy = world.policies("shop").get_opt(&format!("zen-quarantine-{name}")).await.unwrap();
        json!([world.state(&target("v1", "Pod", "shop", place)).await, policy.is_some()])
    }

    fn is_done(&self, state: &Value) -> bool {
        state[0]["metadata"]["labels"][QUARANTINE_LABEL].is_string() && state[1] == true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_call_fails_once_a_quarantine_is_put_in_place_and_undone_or_ends_with_the_pod_as_it_was_and_a_reason() {
    lives(&World::new().await, &Quarantine, "pod", &OF_A_QUARANTINE).await;
}
