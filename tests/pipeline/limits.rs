//! The guardrails that say when a person is needed, and those that nobody gets past.

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;
use zen_agent::{
    event::Target,
    identity::Role,
    policy::{Amount, Guardrails, LabelMatch, Recurrence, ShortCircuit, Window},
    remediation::{
        Action, Phase, RemediationSpec, RequestRecord, ZenAgentRemediation,
        approval::{self, Decider},
    },
};

use crate::support::*;

const WEB: [&str; 3] = ["web-6d4cf56db6-x2x7p", "web-6d4cf56db6-h9lqd", "web-6d4cf56db6-t4zvk"];
const HOUR: Duration = Duration::from_secs(3_600);

fn pod(name: &str) -> Target {
    target("v1", "Pod", "shop", name)
}

fn web() -> Target {
    target("apps/v1", "Deployment", "shop", "web")
}

/// One that a person approved before it was created.
fn approved(spec: RemediationSpec) -> RemediationSpec {
    RemediationSpec { approved_by: Some("ada".into()), approved_at: Some(Time(Timestamp::now())), ..spec }
}

async fn drive(world: &World, guardrails: &Guardrails, name: &str, spec: RemediationSpec) -> ZenAgentRemediation {
    world.create(name, spec).await;
    world.drive(&world.guarded(guardrails.clone()), name).await
}

fn is_proposed(remediation: &ZenAgentRemediation, reason: &str) {
    assert_eq!((remediation.phase(), condition(remediation, "Approved")), (Phase::Pending, ("False", reason)));
}

#[tokio::test]
async fn what_carries_a_protected_label_is_not_touched_whoever_approves() {
    let world = World::new().await;
    let tier = LabelMatch { key: "tier".into(), value: Some("critical".into()) };
    let guardrails = Guardrails { protected_labels: vec![tier], ..Guardrails::none() };
    world.change(&web(), json!({ "metadata": { "labels": { "tier": "critical" } } })).await;
    // The pod does not carry it; what the action would change does.
    for (name, target) in [("named", web()), ("resolved", pod(WEB[0]))] {
        let ended = drive(&world, &guardrails, name, approved(proposal(target, scale(0)))).await;
        assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "ProtectedLabel"));
        assert!(message(&ended).contains("Deployment web carries the label tier"), "{}", message(&ended));
    }
    assert_eq!(world.replicas("shop", "web").await, 3);
    world.change(&web(), json!({ "metadata": { "labels": { "tier": "low" } } })).await;
    assert_eq!(drive(&world, &guardrails, "other-value", automatic(web(), label(&[("flag", "x")]))).await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn a_label_that_protects_since_it_was_planned_still_holds() {
    let world = World::new().await;
    let guardrails = Guardrails { protected_labels: vec![LabelMatch { key: "keep".into(), value: None }], ..Guardrails::none() };
    let waiting = drive(&world, &guardrails, "r", proposal(web(), scale(0))).await;
    is_proposed(&waiting, "WaitingForApproval");
    world.change(&web(), json!({ "metadata": { "labels": { "keep": "" } } })).await;
    let now = Timestamp::now().to_string();
    let condition = json!({ "type": "Approved", "status": "True", "reason": "Approved", "message": "", "lastTransitionTime": now, "observedGeneration": 1 });
    world.patch_status("r", json!({ "conditions": [condition] })).await;
    let ended = world.drive(&world.guarded(guardrails), "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "ProtectedLabel"));
    assert_eq!(world.replicas("shop", "web").await, 3);
}

#[tokio::test]
async fn what_protects_since_the_claim_holds_for_whoever_goes_on() {
    let world = World::new().await;
    let tier = Guardrails { protected_labels: vec![LabelMatch { key: "tier".into(), value: None }], ..Guardrails::none() };
    let shop = Guardrails { protected_namespaces: ["shop".to_owned()].into(), ..Guardrails::none() };
    for (name, guardrails, ends) in [("labelled", tier, "ProtectedLabel"), ("in-namespace", shop, "ProtectedNamespace")] {
        world.create(name, automatic(web(), scale(0))).await;
        // The agent dies after its claim: one write for the plan and its try, one for the claim.
        let claimed = async |world: &World| world.get(name).await.phase() == Phase::InProgress;
        for writes in 1..8 {
            if claimed(&world).await {
                break;
            }
            drop(super::crash::die_after(&world, name, writes).await);
        }
        assert!(claimed(&world).await);
        assert_eq!(world.replicas("shop", "web").await, 3, "nothing is changed yet");
        world.change(&web(), json!({ "metadata": { "labels": { "tier": "critical" } } })).await;
        let ended = world.drive(&world.guarded(guardrails), name).await;
        assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, ends), "{}", message(&ended));
        assert_eq!(world.replicas("shop", "web").await, 3);
        world.change(&web(), json!({ "metadata": { "labels": { "tier": null } } })).await;
    }
}

#[tokio::test]
async fn dry_run_mode_holds_what_was_claimed_before_too() {
    let world = World::new().await;
    world.create("r", automatic(web(), scale(0))).await;
    for writes in 1..8 {
        if world.get("r").await.phase() == Phase::InProgress {
            break;
        }
        drop(super::crash::die_after(&world, "r", writes).await);
    }
    let dry = world.guarded(Guardrails { dry_run: true, ..Guardrails::none() });
    let held = world.drive(&dry, "r").await;
    assert_eq!((held.phase(), condition(&held, "Held")), (Phase::InProgress, ("True", "DryRun")));
    let again = world.drive(&dry, "r").await;
    assert_eq!((again.metadata.resource_version, world.replicas("shop", "web").await), (held.metadata.resource_version, 3));
}

#[tokio::test]
async fn what_a_git_ops_tool_or_helm_owns_is_proposed_and_what_a_controller_made_is_not() {
    let world = World::new().await;
    let guardrails = Guardrails { git_ops: true, ..Guardrails::none() };
    let marks = [
        (json!({ "annotations": { "argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web" } }), "Argo CD"),
        (json!({ "labels": { "argocd.argoproj.io/instance": "shop" } }), "Argo CD"),
        (json!({ "labels": { "kustomize.toolkit.fluxcd.io/name": "shop" } }), "Flux"),
        (json!({ "labels": { "helm.toolkit.fluxcd.io/name": "shop" } }), "Flux"),
        (json!({ "annotations": { "meta.helm.sh/release-name": "shop" } }), "Helm"),
        (json!({ "labels": { "app.kubernetes.io/managed-by": "Helm" } }), "Helm"),
    ];
    let clean = json!({
        "annotations": { "argocd.argoproj.io/tracking-id": null, "meta.helm.sh/release-name": null },
        "labels": {
            "argocd.argoproj.io/instance": null, "kustomize.toolkit.fluxcd.io/name": null, "helm.toolkit.fluxcd.io/name": null,
            "app.kubernetes.io/managed-by": null,
        },
    });
    for (index, (mark, owner)) in marks.into_iter().enumerate() {
        world.change(&web(), json!({ "metadata": clean })).await;
        world.change(&web(), json!({ "metadata": mark })).await;
        let proposed = drive(&world, &guardrails, &format!("r{index}"), automatic(web(), label(&[("flag", "x")]))).await;
        is_proposed(&proposed, "GitOpsOwned");
        assert!(message(&proposed).starts_with(owner), "{}", message(&proposed));
    }
    // A pod's labels come from its template.
    world.change(&pod(WEB[0]), json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": "Helm" } } })).await;
    assert_eq!(drive(&world, &guardrails, "pod", automatic(pod(WEB[0]), label(&[("flag", "x")]))).await.phase(), Phase::Succeeded);
    // A person may.
    let spec = approved(proposal(web(), label(&[("flag", "x")])));
    assert_eq!(drive(&world, &guardrails, "approved", spec).await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn fewer_healthy_replicas_than_the_least_are_left_by_a_person_only() {
    let world = World::new().await;
    let guardrails = Guardrails { min_healthy_replicas: Some(2), ..Guardrails::none() };
    let ready = json!({ "conditions": [{ "type": "Ready", "status": "True" }] });
    for name in WEB {
        world.report(&pod(name), ready.clone()).await;
    }
    let pipeline = world.guarded(guardrails.clone());
    let run = async |name: &str, target: Target, action: Action| {
        world.create(name, automatic(target, action)).await;
        world.drive(&pipeline, name).await
    };
    // Of three, one may go; the second one waits, although the workload still says that three are ready.
    assert_eq!(run("first", pod(WEB[0]), quarantine()).await.phase(), Phase::Succeeded);
    is_proposed(&run("second", pod(WEB[1]), quarantine()).await, "MinHealthyReplicas");
    // Also for an agent that has seen none of it.
    is_proposed(&drive(&world, &guardrails, "third", automatic(pod(WEB[2]), quarantine())).await, "MinHealthyReplicas");
    // What takes no pod away may.
    assert_eq!(run("label", pod(WEB[1]), label(&[("flag", "x")])).await.phase(), Phase::Succeeded);
    // A pod that is not ready is no healthy one to lose.
    world.report(&pod(WEB[2]), json!({ "conditions": [{ "type": "Ready", "status": "False" }] })).await;
    assert_eq!(run("unready", pod(WEB[2]), quarantine()).await.phase(), Phase::Succeeded);
    is_proposed(&run("none", web(), scale(0)).await, "MinHealthyReplicas");
    is_proposed(&run("one", web(), scale(1)).await, "MinHealthyReplicas");
    assert_eq!(world.replicas("shop", "web").await, 3);
}

#[tokio::test]
async fn a_pod_that_a_person_had_cut_off_is_no_healthy_replica_however_ready_it_is() {
    let world = World::new().await;
    let ready = json!({ "conditions": [{ "type": "Ready", "status": "True" }] });
    for name in WEB {
        world.report(&pod(name), ready.clone()).await;
    }
    let cut_off = drive(&world, &Guardrails::none(), "first", approved(proposal(pod(WEB[0]), quarantine()))).await;
    assert_eq!(cut_off.phase(), Phase::Succeeded);
    // Retention has long deleted the remediation.
    world.remediations().delete("first", &kube::api::DeleteParams::default()).await.unwrap();
    let guardrails = Guardrails { min_healthy_replicas: Some(2), ..Guardrails::none() };
    is_proposed(&drive(&world, &guardrails, "second", automatic(pod(WEB[1]), quarantine())).await, "MinHealthyReplicas");
    // Let out, it counts again.
    world.patch_pod("shop", WEB[0], json!({ "metadata": { "labels": { "zen.kube-zen.io/quarantine": null } } })).await;
    assert_eq!(drive(&world, &guardrails, "third", automatic(pod(WEB[1]), quarantine())).await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn what_keeps_coming_back_on_a_workload_is_proposed_also_by_a_new_agent_and_for_another_of_its_pods() {
    let world = World::new().await;
    let guardrails = Guardrails { recurrence: Some(Recurrence { max: 2, window: HOUR }), ..Guardrails::none() };
    let spec =
        |pod: Target, rule: &str, flag: &str| RemediationSpec { rule: Some(rule.into()), ..automatic(pod, label(&[("flag", flag)])) };
    for (index, name) in WEB[..2].iter().enumerate() {
        assert_eq!(drive(&world, &guardrails, &format!("r{index}"), spec(pod(name), "Shell", "x")).await.phase(), Phase::Succeeded);
    }
    let back = drive(&world, &guardrails, "back", spec(pod(WEB[2]), "Shell", "x")).await;
    is_proposed(&back, "Recurring");
    // Another rule, and another workload, have their own count.
    assert_eq!(drive(&world, &guardrails, "rule", spec(pod(WEB[2]), "Miner", "y")).await.phase(), Phase::Succeeded);
    let elsewhere = target("v1", "Pod", "jobs", "batch-0");
    assert_eq!(drive(&world, &guardrails, "elsewhere", spec(elsewhere, "Shell", "x")).await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn too_many_targets_at_once_trip_the_short_circuit() {
    let world = World::new().await;
    let short_circuit = ShortCircuit { window: HOUR, max_targets: Some(2), max_failed: None };
    let guardrails = Guardrails { short_circuit: Some(short_circuit), ..Guardrails::none() };
    for (name, flag) in [(WEB[0], "x"), (WEB[0], "y"), (WEB[1], "x")] {
        let spec = automatic(pod(name), label(&[(flag, "x")]));
        assert_eq!(drive(&world, &guardrails, &format!("{name}-{flag}"), spec).await.phase(), Phase::Succeeded);
    }
    let elsewhere = target("v1", "Pod", "jobs", "batch-0");
    is_proposed(&drive(&world, &guardrails, "third", automatic(elsewhere.clone(), label(&[("flag", "x")]))).await, "ShortCircuit");
    let spec = approved(proposal(elsewhere, label(&[("flag", "x")])));
    assert_eq!(drive(&world, &guardrails, "approved", spec).await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn too_many_failures_at_once_trip_the_short_circuit() {
    let world = World::new().await;
    let short_circuit = |max_failed| ShortCircuit { window: HOUR, max_targets: None, max_failed: Some(max_failed) };
    let guarded = |max_failed| Guardrails { short_circuit: Some(short_circuit(max_failed)), ..Guardrails::none() };
    let spec = |flag: &str| automatic(pod(WEB[0]), label(&[(flag, "x")]));
    // Frozen workloads do not follow, so each of these is rolled back.
    let pipeline = world.guarded(guarded(Amount::Count(1)));
    for name in ["undone-1", "undone-2"] {
        world.create(name, automatic(web(), scale(1))).await;
        assert_eq!(world.drive(&pipeline, name).await.phase(), Phase::RolledBack);
    }
    is_proposed(&drive(&world, &guarded(Amount::Count(1)), "counted", spec("a")).await, "ShortCircuit");
    for flag in ["b", "c"] {
        assert_eq!(drive(&world, &guarded(Amount::Percent(39)), flag, spec(flag)).await.phase(), Phase::Succeeded);
    }
    // Of four nobody can tell; of five, two are 40 %.
    assert_eq!(drive(&world, &guarded(Amount::Percent(39)), "d", spec("d")).await.phase(), Phase::Succeeded);
    is_proposed(&drive(&world, &guarded(Amount::Percent(39)), "share", spec("e")).await, "ShortCircuit");
    assert_eq!(drive(&world, &guarded(Amount::Percent(40)), "f", spec("f")).await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn outside_of_its_windows_an_automatic_remediation_is_held_and_says_until_when() {
    let world = World::new().await;
    let now = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let from = |hours: i8| format!("{:02}:00", (now.hour() + 24 + hours) % 24);
    // Three hours that begin in two, and three that began one ago, whatever the minute.
    let window = |hours| Window::new(&[], &from(hours), 3 * HOUR, None).unwrap();
    let closed = Guardrails { windows: vec![window(2)], ..Guardrails::none() };
    let open = Guardrails { windows: vec![window(2), window(-1)], ..Guardrails::none() };
    let spec = automatic(pod(WEB[0]), label(&[("flag", "x")]));
    world.create("r", spec.clone()).await;
    let progress = world.guarded(closed.clone()).reconcile(HOME, "r").await.unwrap().unwrap();
    assert!(progress.next.is_some_and(|wait| wait <= HOUR));
    let held = world.get("r").await;
    assert_eq!((held.phase(), condition(&held, "Held")), (Phase::Pending, ("True", "OutsideWindow")));
    assert!(message(&held).contains(&format!("T{}:00Z", from(2))), "{}", message(&held));
    let done = world.drive(&world.guarded(open), "r").await;
    assert_eq!((done.phase(), condition(&done, "Held")), (Phase::Succeeded, ("False", "Released")));
    assert_eq!(drive(&world, &closed, "approved", approved(spec)).await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn a_proposal_that_nobody_approves_in_time_ends_and_can_be_approved_no_more() {
    let world = World::new().await;
    let guardrails = Guardrails { approval_expiry: Some(HOUR), ..Guardrails::none() };
    let before = Timestamp::now().as_second();
    let waiting = drive(&world, &guardrails, "r", proposal(pod(WEB[0]), label(&[("flag", "x")]))).await;
    let deadline = waiting.status.as_ref().unwrap().approval_deadline.clone().unwrap().0.as_second();
    assert!((before + 3_600..=Timestamp::now().as_second() + 3_600).contains(&deadline), "{deadline}");
    // Looking again moves nothing.
    let again = world.drive(&world.guarded(guardrails.clone()), "r").await;
    assert_eq!(again.metadata.resource_version, waiting.metadata.resource_version);
    let over = Timestamp::from_second(Timestamp::now().as_second() - 1).unwrap().to_string();
    let late = world.patch_status("r", json!({ "approvalDeadline": over })).await;
    let ada = Decider { subject: "ada", role: Role::Approver };
    let approved = approval::approve(&world.remediations(), &world.events, late, ada, None).await;
    assert!(approved.unwrap_err().to_string().contains("the time in which it could be approved is over"));
    let ended = world.drive(&world.guarded(guardrails), "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "ApprovalExpired"));
    assert_eq!(world.pod_label("shop", WEB[0], "flag").await, None);
}

#[tokio::test]
async fn a_controller_that_cannot_be_read_lets_no_pod_go() {
    let world = World::new().await;
    world.report(&pod(WEB[0]), json!({ "conditions": [{ "type": "Ready", "status": "True" }] })).await;
    world.create("r", automatic(pod(WEB[0]), quarantine())).await;
    let guardrails = Guardrails { min_healthy_replicas: Some(1), ..Guardrails::none() };
    let client =
        tapped(world.client.clone(), Arc::new(|_, path: String| async move { path.contains("replicasets").then_some(403) }.boxed()));
    let pipeline = world.guarded_through(client, guardrails);
    let progress = pipeline.reconcile(HOME, "r").await.unwrap().unwrap();
    assert!(progress.phase == Phase::Pending && progress.next.is_some());
    assert_eq!(condition(&world.get("r").await, "Held"), ("True", "Forbidden"));
    assert!(world.policies("shop").list(&kube::api::ListParams::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn where_two_are_asked_for_whoever_sent_it_cannot_approve_it() {
    let world = World::new().await;
    let guardrails = Guardrails { second_person: true, ..Guardrails::none() };
    let sent_by = |subject: &str, spec: RemediationSpec| {
        let request = RequestRecord { subject: Some(subject.into()), ..RequestRecord::default() };
        RemediationSpec { request: Some(request), ..spec }
    };
    let spec = proposal(pod(WEB[0]), label(&[("flag", "x")]));
    // A task counts as approved by its sender.
    let task = drive(&world, &guardrails, "task", sent_by("ada", approved(spec.clone()))).await;
    is_proposed(&task, "SecondPerson");
    assert!(task.status.as_ref().unwrap().approval.is_none());
    let approve = async |name: &str, subject: &str| {
        let by = Decider { subject, role: Role::Approver };
        approval::approve(&world.remediations(), &world.events, world.get(name).await, by, None).await.unwrap();
        world.drive(&world.guarded(guardrails.clone()), name).await
    };
    // Also where the approval is written past the API's own check.
    is_proposed(&approve("task", "ada").await, "SecondPerson");
    assert_eq!(world.pod_label("shop", WEB[0], "flag").await, None);
    assert_eq!(approve("task", "eve").await.phase(), Phase::Succeeded);
    // Where one is enough, the sender may.
    let one = drive(&world, &Guardrails::none(), "one", sent_by("ada", approved(spec))).await;
    assert_eq!(one.phase(), Phase::Succeeded);
}
