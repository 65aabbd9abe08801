//! What has to hold after the change: probes, asked until they have passed for long enough, or the change is undone.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures::FutureExt;
use serde_json::{Value, json};
use zen_agent::{
    pipeline::Pipeline,
    policy::Guardrails,
    remediation::{Phase, ProbeStatus, RemediationSpec, Verification, ZenAgentRemediation},
};

use crate::support::*;

const POD: &str = "web-6d4cf56db6-x2x7p";

fn verification(value: Value) -> Option<Verification> {
    Some(serde_json::from_value(value).unwrap())
}

/// Flags the pod, which has to be ready afterwards; with more said about how it is verified.
fn flagged(more: Value) -> RemediationSpec {
    let mut whole = json!({ "probes": [{ "name": "ready", "condition": { "type": "Ready" } }], "intervalSeconds": 1 });
    whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    RemediationSpec { verification: verification(whole), ..automatic(web_pod(), label(&[("flag", "falco")])) }
}

async fn ready(world: &World, status: &str) {
    world.report(&web_pod(), json!({ "conditions": [{ "type": "Ready", "status": status }] })).await;
}

async fn is_flagged(world: &World) -> bool {
    world.pod_label("shop", POD, "flag").await.is_some()
}

fn probed(remediation: &ZenAgentRemediation) -> Vec<ProbeStatus> {
    remediation.status.as_ref().unwrap().verification.as_ref().map(|status| status.probes.clone()).unwrap_or_default()
}

/// One look at it, and how the remediation stands then.
async fn look(world: &World, pipeline: &Pipeline, name: &str) -> ZenAgentRemediation {
    pipeline.reconcile(HOME, name).await.unwrap();
    world.get(name).await
}

fn undone(ended: &ZenAgentRemediation, because: &str, says: &str) {
    assert_eq!((ended.phase(), reason(ended)), (Phase::RolledBack, because), "{}", message(ended));
    assert_eq!(condition(ended, "Verified"), ("False", because));
    let why = &ended.condition("Verified").unwrap().message;
    assert!(why.contains(says) && message(ended).contains(says), "{why} {}", message(ended));
}

#[tokio::test]
async fn what_a_probe_finds_as_it_has_to_be_succeeds_and_says_which_probe_passed() {
    let world = World::new().await;
    ready(&world, "True").await;
    let ended = world.run("zar-1", flagged(json!({}))).await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Succeeded, "Validated"), "{}", message(&ended));
    assert_eq!(condition(&ended, "Verified"), ("True", "Validated"));
    assert!(message(&ended).contains("the probes passed: ready"), "{}", message(&ended));
    assert!(is_flagged(&world).await);
}

#[tokio::test]
async fn a_probe_that_fails_has_the_change_undone_and_says_what_it_found() {
    let world = World::new().await;
    ready(&world, "False").await;
    let ended = world.run("zar-1", flagged(json!({}))).await;
    undone(&ended, "ProbeFailed", &format!("probe ready failed: the condition Ready of Pod {POD} is False"));
    assert!(!is_flagged(&world).await);
}

#[tokio::test]
async fn a_probe_that_can_tell_nothing_is_no_success() {
    let world = World::new().await;
    let ended = world.run("zar-1", flagged(json!({}))).await;
    undone(&ended, "ProbeInconclusive", "has no condition Ready");
    assert!(!is_flagged(&world).await);
}

#[tokio::test]
async fn a_probe_that_cannot_be_asked_is_no_success() {
    let world = World::new().await;
    let beside = json!([{ "name": "web", "condition": {
        "type": "Available", "object": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
    } }]);
    world.create("zar-1", flagged(json!({ "probes": beside, "errorLimit": 1 }))).await;
    let pipeline = world.tapped(Arc::new(|_, path: String| async move { path.contains("deployments").then_some(500) }.boxed()));
    let ended = world.drive(&pipeline, "zar-1").await;
    undone(&ended, "ProbeError", "probe web could not be asked");
    assert_eq!(probed(&ended)[0].errors, 2);
    assert!(!is_flagged(&world).await);
}

#[tokio::test]
async fn what_has_not_passed_for_the_soak_time_when_the_timeout_comes_is_undone_also_where_every_answer_is_forgiven() {
    let world = World::new().await;
    let forgiving = json!({ "inconclusiveLimit": 100, "errorLimit": 100, "failureLimit": 100, "timeoutSeconds": 2 });
    let ended = world.run("zar-1", flagged(forgiving)).await;
    undone(&ended, "ProbesTimedOut", "the probes did not pass for 0 s within 2 s; probe ready");
    assert!(!is_flagged(&world).await);
}

#[tokio::test]
async fn a_verification_that_can_only_time_out_is_refused_before_anything_is_done() {
    let world = World::new().await;
    // The first round is at 0 s, and the second, when the soak time is over, at 5 s.
    let refused = world.run("zar-1", flagged(json!({ "soakSeconds": 2, "intervalSeconds": 5, "timeoutSeconds": 5 }))).await;
    assert_eq!((refused.phase(), reason(&refused)), (Phase::Failed, "Invalid"), "{}", message(&refused));
    assert!(message(&refused).contains("timeoutSeconds is 5, and has to be more than the 5 s"), "{}", message(&refused));
    assert!(!is_flagged(&world).await);
}

#[tokio::test]
async fn nothing_is_asked_before_the_initial_delay() {
    let world = World::new().await;
    // Would be undone at once.
    ready(&world, "False").await;
    world.create("zar-1", flagged(json!({ "initialDelaySeconds": 1 }))).await;
    let pipeline = world.pipeline();
    let waiting = look(&world, &pipeline, "zar-1").await;
    assert_eq!((waiting.phase(), probed(&waiting)), (Phase::InProgress, vec![]));
    ready(&world, "True").await;
    assert_eq!(world.drive(&pipeline, "zar-1").await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn an_answer_that_is_forgiven_is_remembered_by_whoever_goes_on_after_a_crash_in_the_soak_time() {
    for (then, phase, failures) in [("True", Phase::Succeeded, 1), ("False", Phase::RolledBack, 2)] {
        let world = World::new().await;
        ready(&world, "False").await;
        world.create("zar-1", flagged(json!({ "failureLimit": 1, "soakSeconds": 1 }))).await;
        let soaking = look(&world, &world.pipeline(), "zar-1").await;
        assert_eq!((soaking.phase(), probed(&soaking)[0].failures), (Phase::InProgress, 1));
        ready(&world, then).await;
        let ended = world.drive(&world.pipeline(), "zar-1").await;
        assert_eq!((ended.phase(), probed(&ended)[0].failures), (phase, failures), "{}", message(&ended));
        assert_eq!(attempts(&ended, zen_agent::remediation::StepName::Validate), 2);
    }
}

#[tokio::test]
async fn a_time_in_which_nobody_was_there_to_ask_undoes_nothing_that_passes_when_somebody_is_again() {
    let away = std::time::Duration::from_millis(2_500);
    // In the initial delay, in the soak time with this process and with another one, and where an answer had been forgiven.
    for (more, before, again, phase) in [
        (json!({ "initialDelaySeconds": 1, "timeoutSeconds": 2 }), "True", false, Phase::Succeeded),
        (json!({ "soakSeconds": 1, "timeoutSeconds": 2 }), "True", true, Phase::Succeeded),
        (json!({ "soakSeconds": 1, "timeoutSeconds": 2 }), "True", false, Phase::Succeeded),
        (json!({ "soakSeconds": 1, "timeoutSeconds": 2, "failureLimit": 1 }), "False", false, Phase::RolledBack),
    ] {
        let world = World::new().await;
        ready(&world, before).await;
        world.create("zar-1", flagged(more.clone())).await;
        let first = world.pipeline();
        assert_eq!(look(&world, &first, "zar-1").await.phase(), Phase::InProgress, "{more}");
        ready(&world, "True").await;
        tokio::time::sleep(away).await; // it is the time that passes
        let pipeline = if again { first } else { world.pipeline() };
        let ended = world.drive(&pipeline, "zar-1").await;
        assert_eq!(ended.phase(), phase, "{more}: {}", message(&ended));
    }
    // Whoever comes back asks, and believes no more than that.
    let world = World::new().await;
    ready(&world, "True").await;
    world.create("zar-1", flagged(json!({ "soakSeconds": 1, "timeoutSeconds": 2 }))).await;
    assert_eq!(look(&world, &world.pipeline(), "zar-1").await.phase(), Phase::InProgress);
    ready(&world, "False").await;
    tokio::time::sleep(away).await; // it is the time that passes
    let ended = world.drive(&world.pipeline(), "zar-1").await;
    undone(&ended, "ProbeFailed", "is False");
}

#[tokio::test]
async fn an_answer_counts_also_where_somebody_else_wrote_to_the_remediation_when_it_came() {
    for (limit, ends) in [(0, (Phase::RolledBack, "ProbeFailed")), (1, (Phase::Succeeded, "Validated"))] {
        let world = World::new().await;
        ready(&world, "False").await;
        world.create("zar-1", flagged(json!({ "initialDelaySeconds": 1, "failureLimit": limit }))).await;
        let refuses = Arc::new(AtomicUsize::new(0));
        let left = refuses.clone();
        let pipeline = world.tapped(Arc::new(move |method: http::Method, path: String| {
            let is_status = method == http::Method::PATCH && path.ends_with("/zar-1/status");
            let refused = is_status && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            async move { refused.then_some(409) }.boxed()
        }));
        let wait = pipeline.reconcile(HOME, "zar-1").await.unwrap().unwrap().next.unwrap();
        tokio::time::sleep(wait).await; // the initial delay, as the pipeline asks for
        refuses.store(1, Ordering::SeqCst);
        pipeline.reconcile(HOME, "zar-1").await.unwrap_err();
        ready(&world, "True").await;
        let ended = world.drive(&pipeline, "zar-1").await;
        assert_eq!((ended.phase(), reason(&ended)), ends, "{}", message(&ended));
        assert_eq!(probed(&ended)[0].failures, 1);
    }
}

#[tokio::test]
async fn an_effect_that_somebody_takes_away_in_the_soak_time_is_no_success() {
    let world = World::new().await;
    ready(&world, "True").await;
    world.create("zar-1", flagged(json!({ "soakSeconds": 60 }))).await;
    let pipeline = world.pipeline();
    assert_eq!(look(&world, &pipeline, "zar-1").await.phase(), Phase::InProgress);
    world.patch_pod("shop", POD, json!({ "metadata": { "labels": { "flag": "theirs" } } })).await;
    let ended = world.drive(&pipeline, "zar-1").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ValidationFailed"), "{}", message(&ended));
    assert_eq!(world.pod_label("shop", POD, "flag").await.as_deref(), Some("theirs"));
}

#[tokio::test]
async fn while_all_pass_nothing_is_written_for_each_answer() {
    let world = World::new().await;
    ready(&world, "True").await;
    let writes = Arc::new(AtomicUsize::new(0));
    let counted = writes.clone();
    let pipeline = world.tapped(Arc::new(move |method: http::Method, path: String| {
        let counted = counted.clone();
        async move {
            if method == http::Method::PATCH && path.ends_with("/status") {
                counted.fetch_add(1, Ordering::SeqCst);
            }
            None
        }
        .boxed()
    }));
    let mut written = Vec::new();
    for (name, spec) in [("unverified", automatic(web_pod(), label(&[("other", "x")]))), ("verified", flagged(json!({ "soakSeconds": 3 })))]
    {
        world.create(name, spec).await;
        assert_eq!(world.drive(&pipeline, name).await.phase(), Phase::Succeeded);
        written.push(writes.swap(0, Ordering::SeqCst));
    }
    assert_eq!(written[1], written[0] + 1, "only that it began");
}

#[tokio::test]
async fn what_cannot_be_undone_fails_where_a_probe_does() {
    let world = World::new().await;
    let beside = json!({ "probes": [{ "name": "web", "condition": {
        "type": "Available", "object": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
    } }] });
    let spec = RemediationSpec { verification: verification(beside), ..unattended(web_pod(), delete_pod()) };
    let ended = world.run("zar-1", spec).await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "RollbackUnsupported"), "{}", message(&ended));
    assert_eq!(condition(&ended, "Verified"), ("False", "ProbeInconclusive"));
}

#[tokio::test]
async fn a_verification_is_a_part_of_the_plan_that_is_approved_and_does_not_change_afterwards() {
    let world = World::new().await;
    let beside = json!({ "probes": [{ "name": "web", "condition": {
        "type": "Available", "object": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
    } }] });
    let mut digests = Vec::new();
    for (name, verification) in [("none", None), ("one", verification(beside))] {
        world.create(name, RemediationSpec { verification, ..proposal(web_pod(), label(&[("flag", "falco")])) }).await;
        let plan = world.drive(&world.pipeline(), name).await.status.unwrap().plan.unwrap();
        assert_eq!(plan.verification, world.get(name).await.spec.verification);
        assert_eq!(plan.permissions.contains(&"get deployments.apps in shop".to_owned()), name == "one", "{:?}", plan.permissions);
        digests.push(plan.digest);
    }
    assert_ne!(digests[0], digests[1]);
    let patch = kube::api::Patch::Merge(json!({ "spec": { "verification": { "failureLimit": 9 } } }));
    let refused = world.remediations().patch("one", &kube::api::PatchParams::default(), &patch).await.unwrap_err();
    assert!(refused.to_string().contains("verification does not change"), "{refused}");
}

#[tokio::test]
async fn a_probe_of_what_no_remediation_may_touch_or_of_another_place_is_refused_before_anything_is_done() {
    let world = World::new().await;
    for (name, api_version, kind, because) in [
        ("secret", "v1", "Secret", "DeniedKind"),
        ("role", "rbac.authorization.k8s.io/v1", "Role", "DeniedKind"),
        ("node", "v1", "Node", "ProbeNotAllowed"),
        ("unknown", "example.com/v1", "Widget", "TargetNotFound"),
    ] {
        let object = json!({ "apiVersion": api_version, "kind": kind, "name": "x" });
        let probes = json!({ "probes": [{ "name": "p", "condition": { "type": "Ready", "object": object } }] });
        world.create(name, flagged(probes)).await;
        let refused = world.drive(&world.guarded(Guardrails::none()), name).await;
        assert_eq!((refused.phase(), reason(&refused)), (Phase::Failed, because), "{}", message(&refused));
    }
    assert!(!is_flagged(&world).await);
}
