//! Several patches, as far as none is applied: that takes a server with server-side apply (`tests/cluster`).

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use kube::{Resource, ResourceExt, api::PostParams};
use serde_json::{Value, json};
use zen_agent::{
    emergency::{EmergencyStop, Halt, Order},
    identity::Role,
    pipeline::Settings,
    policy::Guardrails,
    remediation::{
        ActionKind, Mode, PATCH_OF, Phase, RemediationSpec, ZenAgentRemediation,
        approval::{self, Decider, DecisionError},
        names,
    },
};

use crate::support::*;

const POD: &str = "web-6d4cf56db6-x2x7p";

fn patch(kind: &str, name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": kind, "namespace": "shop", "name": name, "patch": "data: { a: b }" })
}

fn series(patches: &[Value]) -> RemediationSpec {
    RemediationSpec { mode: Some(Mode::Automatic), ..serde_json::from_value(json!({ "patches": patches })).unwrap() }
}

fn two() -> RemediationSpec {
    series(&[patch("ConfigMap", "a"), patch("ConfigMap", "b")])
}

fn made(series: &ZenAgentRemediation) -> Vec<String> {
    series.status.iter().flat_map(|status| &status.patch_remediations).map(|made| made.name.clone()).collect()
}

async fn count(world: &World) -> usize {
    world.remediations().list(&kube::api::ListParams::default()).await.unwrap().items.len()
}

/// A remediation that says of itself that it is of a patch of this one.
async fn of_patch(world: &World, series: &ZenAgentRemediation, name: &str) {
    let mut late = ZenAgentRemediation::new(name, automatic(web_pod(), label(&[("flag", name)])));
    late.metadata.owner_references = Some(vec![series.controller_owner_ref(&()).unwrap()]);
    late.metadata.annotations = Some([(PATCH_OF.to_owned(), series.uid().unwrap())].into());
    world.remediations().create(&PostParams::default(), &late).await.unwrap();
}

async fn ends_without_a_change(world: &World, name: &str, why: &str) {
    let ended = world.drive(&world.pipeline(), name).await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "SeriesEnded"), "{name}: {}", message(&ended));
    assert!(message(&ended).contains(why), "{name}: {}", message(&ended));
    assert_eq!(world.pod_label("shop", POD, "flag").await, None);
}

#[tokio::test]
async fn what_no_remediation_could_do_is_refused_before_any_of_its_patches_is_made() {
    let world = World::new().await;
    let good = patch("ConfigMap", "a");
    let malformed = json!({ "apiVersion": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "a", "patch": "[]" });
    let another = json!({ "apiVersion": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "a", "patch": "kind: Secret" });
    let protected = json!({ "apiVersion": "v1", "kind": "ConfigMap", "namespace": "kept", "name": "a", "patch": "data: {}" });
    let guardrails = Guardrails { protected_namespaces: ["kept".to_owned()].into(), ..Guardrails::none() };
    for (name, patches, ends, which) in [
        ("many", vec![good.clone(); 17], "Invalid", "17 patches, more than the 16"),
        ("secret", vec![good.clone(), patch("Secret", "a")], "DeniedKind", "patch 2 of 2"),
        ("malformed", vec![good.clone(), malformed, good.clone()], "Invalid", "patch 2 of 3"),
        ("another", vec![another, good.clone()], "Invalid", "patch 1 of 2"),
        ("protected", vec![good.clone(), protected], "ProtectedNamespace", "patch 2 of 2"),
    ] {
        world.create(name, series(&patches)).await;
        let ended = world.drive(&world.guarded(guardrails.clone()), name).await;
        assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, ends), "{name}: {}", message(&ended));
        assert!(message(&ended).contains(which), "{name}: {}", message(&ended));
    }
    world.create("disabled", two()).await;
    let without = Settings { actions: [ActionKind::Label].into(), ..settings() };
    let ended = world.drive(&world.set(without), "disabled").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "ActionDisabled"), "{}", message(&ended));
    assert_eq!(count(&world).await, 6, "nothing is made");
    let sixteen = world.create("sixteen", series(&vec![good; 16])).await;
    world.pipeline().reconcile(HOME, &sixteen.name_any()).await.unwrap();
    assert_eq!(world.get("sixteen").await.status.unwrap().total_patches, Some(16));
}

#[tokio::test]
async fn a_remediation_of_a_patch_that_is_not_waited_for_does_nothing() {
    let world = World::new().await;
    let waits = world.create("r", two()).await;
    // Before its series has begun, and from when on it waits for another one: created late, by who was frozen.
    of_patch(&world, &waits, "early").await;
    ends_without_a_change(&world, "early", "carries out no patch now").await;
    world.pipeline().reconcile(HOME, "r").await.unwrap();
    of_patch(&world, &waits, "late").await;
    ends_without_a_change(&world, "late", "waits for another one").await;
    // Of one that has ended.
    world.create("refused", series(&vec![patch("ConfigMap", "a"); 17])).await;
    let refused = world.drive(&world.pipeline(), "refused").await;
    of_patch(&world, &refused, "after").await;
    ends_without_a_change(&world, "after", "carries out no patch now").await;
    // Of one that was deleted without it (`--cascade=orphan`).
    of_patch(&world, &waits, "orphan").await;
    world.patch("orphan", json!({ "metadata": { "ownerReferences": null } })).await;
    ends_without_a_change(&world, "orphan", "taken off it").await;
    // What another program has made for a remediation is none of a patch.
    of_patch(&world, &waits, "theirs").await;
    world.patch("theirs", json!({ "metadata": { "annotations": null } })).await;
    assert_eq!(world.drive(&world.pipeline(), "theirs").await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn a_patch_whose_remediations_name_is_somebody_elses_fails() {
    let world = World::new().await;
    let series = world.create("r", two()).await;
    let name = names::patch("r", &series.uid().unwrap(), 0, 0);
    let theirs = world.create(&name, RemediationSpec::default()).await;
    let ended = world.drive(&world.pipeline(), "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "NameTaken"), "{}", message(&ended));
    assert!(message(&ended).contains(&name) && made(&ended).is_empty(), "{}", message(&ended));
    assert_eq!(world.get(&name).await, theirs);
}

#[tokio::test]
async fn nothing_is_made_under_the_emergency_stop_or_in_dry_run_mode() {
    let world = World::new().await;
    let (orders, stop) = EmergencyStop::new();
    orders.send_replace(Some(Order::Halt(Halt::Ordered { by: Some("ada".into()), reason: Some("an incident".into()) })));
    let stopped = world.stoppable(world.client.clone(), stop);
    let dry = world.guarded(Guardrails { dry_run: true, ..Guardrails::none() });
    world.create("r", two()).await;
    for (pipeline, held) in [(&stopped, "EmergencyStop"), (&dry, "DryRun")] {
        let progress = pipeline.reconcile(HOME, "r").await.unwrap().unwrap();
        let seen = world.get("r").await;
        assert_eq!((seen.phase(), reason(&seen), condition(&seen, "Held")), (Phase::Pending, held, ("True", held)));
        assert_eq!((progress.next, count(&world).await), (None, 1));
    }
    orders.send_replace(Some(Order::Proceed));
    stopped.reconcile(HOME, "r").await.unwrap();
    let goes_on = world.get("r").await;
    assert_eq!((goes_on.phase(), condition(&goes_on, "Held"), count(&world).await), (Phase::InProgress, ("False", "Released"), 2));
    // Set again: it is held where it stands, and is not written anew each time. In dry-run mode, what became of a patch is seen, and
    // no other is made.
    orders.send_replace(Some(Order::Halt(Halt::Ordered { by: None, reason: None })));
    let child = made(&goes_on).remove(0);
    for (pipeline, held, applied) in [(&stopped, "EmergencyStop", 0), (&dry, "DryRun", 1)] {
        world.patch_status(&child, json!({ "phase": "succeeded" })).await;
        pipeline.reconcile(HOME, "r").await.unwrap();
        let seen = world.get("r").await;
        assert_eq!((seen.phase(), condition(&seen, "Held"), count(&world).await), (Phase::InProgress, ("True", held), 2));
        assert_eq!(seen.status.as_ref().unwrap().applied_patches, Some(applied));
        pipeline.reconcile(HOME, "r").await.unwrap();
        assert_eq!(world.get("r").await, seen);
    }
}

#[tokio::test]
async fn a_series_that_has_begun_is_decided_on_patch_by_patch_and_before_as_a_whole() {
    let world = World::new().await;
    let (api, by) = (world.remediations(), Decider { subject: "ann", role: Role::Approver });
    let pending = world.create("r", two()).await;
    let conflicts = |decided: Result<approval::Decided, DecisionError>| match decided {
        Err(DecisionError::StateConflict { what, .. }) => assert!(what.contains("several patches"), "{what}"),
        other => panic!("{other:?}"),
    };
    conflicts(approval::approve(&api, &world.events, pending.clone(), by, None).await);
    world.pipeline().reconcile(HOME, "r").await.unwrap();
    let begun = world.get("r").await;
    conflicts(approval::approve(&api, &world.events, begun.clone(), by, None).await);
    conflicts(approval::reject(&api, &world.events, begun.clone(), by, None).await);
    conflicts(approval::cancel(&api, &world.events, begun.clone(), by, None).await);
    assert_eq!(world.get("r").await, begun);
    for name in ["rejected", "cancelled"] {
        let pending = world.create(name, two()).await;
        let ended = match name {
            "rejected" => approval::reject(&api, &world.events, pending, by, None).await,
            _ => approval::cancel(&api, &world.events, pending, by, None).await,
        };
        assert_eq!(ended.unwrap().object.phase(), Phase::Failed);
        assert!(made(&world.drive(&world.pipeline(), name).await).is_empty());
    }
}

#[tokio::test]
async fn what_waits_writes_nothing_and_asks_no_more_than_now_and_then() {
    let world = World::new().await;
    world.create("r", two()).await;
    let pipeline = world.pipeline();
    let first = pipeline.reconcile(HOME, "r").await.unwrap().unwrap();
    let waits = world.get("r").await;
    let second = pipeline.reconcile(HOME, "r").await.unwrap().unwrap();
    assert_eq!(world.get("r").await, waits);
    assert_eq!(first.wakes.map(|key| key.name), made(&waits).pop());
    assert!(second.wakes.is_none() && second.next.is_some_and(|wait| wait.as_secs() >= 5), "{second:?}");
}

#[tokio::test]
async fn the_remediation_of_a_patch_says_what_all_of_them_have_in_common_and_is_not_the_task() {
    let world = World::new().await;
    let spec = json!({
        "source": "saas", "rule": "r", "severity": "high", "facts": { "a": "b" }, "remediationId": "rem-1", "type": "fix", "ttlSecondsAfterFinished": 0,
        "eventTime": "2026-01-01T00:00:00.123456789Z", "scheduledTime": "2100-01-01T00:00:00Z", "patches": [patch("ConfigMap", "a"), patch("ConfigMap", "b")],
        "request": { "id": "q", "digest": "sha256:0", "index": 0, "subject": "bob", "executionId": "e" },
        "approvedBy": "alice", "approvedAt": "2026-01-01T00:00:00Z", "approvalSource": "console",
    });
    let series = world.create("r", serde_json::from_value(spec).unwrap()).await;
    // Whoever finds it made by itself takes it for that.
    world.pipeline().reconcile(HOME, "r").await.unwrap();
    world.patch_status("r", json!({ "patchRemediations": null })).await;
    world.pipeline().reconcile(HOME, "r").await.unwrap();
    let waits = world.get("r").await;
    let child = world.get(&made(&waits)[0]).await;
    assert_eq!((waits.phase(), made(&waits).len(), count(&world).await), (Phase::InProgress, 1, 2), "{}", message(&waits));
    let wanted = json!({
        "source": "saas", "rule": "r", "severity": "high", "facts": { "a": "b" },
        "scheduledTime": "2100-01-01T00:00:00Z", "mode": "propose", "patches": [patch("ConfigMap", "a")],
        "request": { "id": "q", "digest": "sha256:0", "index": 0, "subject": "bob" },
        "approvedBy": "alice", "approvedAt": "2026-01-01T00:00:00Z", "approvalSource": "console",
    });
    assert_eq!(json!(child.spec), wanted);
    assert!(approval::is_sender(&child, "bob") && child.execution_id().is_none());
    let owner = child.patch_of().unwrap();
    assert_eq!((&owner.uid, owner.block_owner_deletion), (&series.uid().unwrap(), None));
}

#[tokio::test]
async fn what_has_to_hold_in_the_end_is_asked_of_the_last_patch_and_a_finding_that_was_too_old_makes_none() {
    let world = World::new().await;
    let probe = json!({ "name": "there", "condition": { "type": "Available" } });
    let spec = json!({ "patches": [patch("ConfigMap", "a"), patch("ConfigMap", "b")], "verification": { "probes": [probe] } });
    world.create("r", RemediationSpec { mode: Some(Mode::Automatic), ..serde_json::from_value(spec).unwrap() }).await;
    world.pipeline().reconcile(HOME, "r").await.unwrap();
    let first = made(&world.get("r").await).remove(0);
    assert!(world.get(&first).await.spec.verification.is_none());
    world.patch_status(&first, json!({ "phase": "succeeded" })).await;
    world.pipeline().reconcile(HOME, "r").await.unwrap();
    let last = made(&world.get("r").await).remove(1);
    assert!(world.get(&last).await.spec.verification.is_some());

    let guardrails = Guardrails { staleness: Some(Duration::from_secs(3_600)), ..Guardrails::none() };
    for mode in [Mode::Automatic, Mode::Propose] {
        let spec = json!({ "patches": [patch("ConfigMap", "a"), patch("ConfigMap", "b")], "eventTime": "2026-01-01T00:00:00.000000Z" });
        let name = format!("old-{}", json!(mode).as_str().unwrap());
        world.create(&name, RemediationSpec { mode: Some(mode), ..serde_json::from_value(spec).unwrap() }).await;
        let ended = world.drive(&world.guarded(guardrails.clone()), &name).await;
        assert_eq!((ended.phase(), reason(&ended), made(&ended).len()), (Phase::Failed, "Stale", 0), "{}", message(&ended));
    }
}

#[tokio::test]
async fn a_definition_that_does_not_keep_what_was_made_is_told_and_nothing_is_made_twice() {
    let mut old = zen_agent::remediation::crd();
    for version in &mut old.spec.versions {
        let schema = version.schema.as_mut().unwrap().open_api_v3_schema.as_mut().unwrap();
        let status = schema.properties.as_mut().unwrap().get_mut("status").unwrap();
        status.properties.as_mut().unwrap().remove("patchRemediations").unwrap();
    }
    let world = World::with(old).await;
    world.create("r", two()).await;
    for _ in 0..2 {
        let error = world.pipeline().reconcile(HOME, "r").await.unwrap_err();
        assert!(format!("{error:?}").contains("NotKept"), "{error:?}");
        assert_eq!(count(&world).await, 2);
    }
}

#[tokio::test]
async fn a_patch_whose_remediation_the_server_refuses_fails_and_one_that_it_does_not_answer_for_is_made_later() {
    let world = World::new().await;
    for (name, code) in [("refused", 422), ("away", 500)] {
        let series = world.create(name, two()).await;
        let pipeline = world.tapped(Arc::new(move |method, path: String| {
            async move { (method == http::Method::POST && path.ends_with("/zenagentremediations")).then_some(code) }.boxed()
        }));
        let passed = pipeline.reconcile(HOME, name).await;
        let seen = world.get(name).await;
        assert!(made(&seen).is_empty());
        if code == 422 {
            assert_eq!((seen.phase(), reason(&seen)), (Phase::Failed, "Invalid"), "{}", message(&seen));
            continue;
        }
        assert!(passed.is_err() && seen.phase() == Phase::InProgress);
        world.pipeline().reconcile(HOME, name).await.unwrap();
        assert_eq!(made(&world.get(name).await), [names::patch(name, &series.uid().unwrap(), 0, 0)]);
    }
}
