//! What bounds `apply`: guardrails that count what was not there before, circuits, and what is never created.

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;
use zen_agent::{
    event::Target,
    policy::{Guardrails, Recurrence, ShortCircuit},
    remediation::{Mode, Phase, RemediationSpec},
};

use crate::{
    apply::{held, wanted},
    support::*,
};

#[tokio::test]
async fn what_is_created_and_undone_counts_for_the_guardrails_as_what_is_changed_does() {
    let world = World::new().await;
    let hour = Duration::from_secs(3_600);
    let short_circuit = ShortCircuit { window: hour, max_targets: Some(2), max_failed: None };
    let recurrence = Recurrence { max: 2, window: hour };
    let none = Guardrails::none;
    // Each is made and goes on to be absent: a uid never says that it is the same one.
    for name in ["first", "second"] {
        assert_eq!(world.run(name, wanted("fresh", json!({ "a": "1" }))).await.phase(), Phase::Succeeded);
        world.objects("v1", "ConfigMap", Some("shop")).delete("fresh", &DeleteParams::default()).await.unwrap();
    }
    let proposed = async |guardrails: &Guardrails, name: &str, object: &str| {
        world.create(name, wanted(object, json!({ "a": "1" }))).await;
        let ended = world.drive(&world.guarded(guardrails.clone()), name).await;
        (ended.phase() == Phase::Pending).then(|| condition(&ended, "Approved").1.to_owned())
    };
    let cooldown = Guardrails { cooldown: Some(hour), ..none() };
    assert_eq!(proposed(&cooldown, "cool", "fresh").await.as_deref(), Some("CoolDown"));
    let recurring = Guardrails { recurrence: Some(recurrence), ..none() };
    assert_eq!(proposed(&recurring, "recurring", "fresh").await.as_deref(), Some("Recurring"));
    // Two of one place are one target; another place is another one, and then they are two.
    let circuit = Guardrails { short_circuit: Some(short_circuit), cooldown: Some(hour), recurrence: Some(recurrence), ..none() };
    assert_eq!(proposed(&circuit, "other", "other").await, None);
    assert_eq!(proposed(&circuit, "third", "third").await.as_deref(), Some("ShortCircuit"));
    // What was made is by its uid another one, and by its place the same.
    assert_eq!(proposed(&cooldown, "made", "other").await.as_deref(), Some("CoolDown"));
    held(&world, "theirs", json!({ "a": "1" })).await;
    assert_eq!(proposed(&cooldown, "theirs", "theirs").await, None);
}

#[tokio::test]
async fn no_namespace_is_created_since_undoing_that_would_delete_what_others_put_there() {
    let world = World::new().await;
    let namespace = Target { namespace: None, ..target("v1", "Namespace", "", "new") };
    let manifest = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "new", "labels": { "a": "b" } } });
    let ended = world.run("r", automatic(namespace, apply(&manifest))).await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "UnsupportedTarget"), "{}", message(&ended));
    assert!(message(&ended).contains("a namespace is not created"), "{}", message(&ended));
    assert!(world.objects("v1", "Namespace", None).get_opt("new").await.unwrap().is_none());
}

#[tokio::test]
async fn patches_that_keep_failing_open_the_circuit_of_apply_and_are_held_by_it() {
    let world = World::new().await;
    // Another party changes what was applied, before it is looked at.
    let deployments = world.objects("apps/v1", "Deployment", Some("shop"));
    let pipeline = world.tapped(Arc::new(move |_, path: String| {
        let deployments = deployments.clone();
        async move {
            if let Some((_, label)) = path.strip_suffix("/status").and_then(|path| path.rsplit_once("/fails-"))
                && deployments.get("web").await.unwrap().labels().contains_key(label)
            {
                let theirs = Patch::Merge(json!({ "metadata": { "labels": { label: "theirs" } } }));
                deployments.patch("web", &PatchParams::default(), &theirs).await.unwrap();
            }
            None
        }
        .boxed()
    }));
    let patch = |label: &str| {
        let text = json!({ "metadata": { "labels": { label: "x" } } }).to_string();
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web", "patch": text })
    };
    let spec = |label: &str| -> RemediationSpec {
        let spec = serde_json::from_value(json!({ "patches": [patch(label)] })).unwrap();
        RemediationSpec { mode: Some(Mode::Automatic), ..spec }
    };
    for label in ["a", "b", "c", "d", "e"] {
        let name = format!("fails-{label}");
        world.create(&name, spec(label)).await;
        let undone = world.drive(&pipeline, &name).await;
        assert_eq!((undone.phase(), reason(&undone)), (Phase::RolledBack, "ValidationFailed"), "{}", message(&undone));
    }
    world.create("held", spec("held")).await;
    assert!(pipeline.reconcile(HOME, "held").await.unwrap().unwrap().next.is_some());
    let held = world.get("held").await;
    assert_eq!((held.phase(), condition(&held, "Held")), (Phase::Pending, ("True", "CircuitOpen")), "{}", message(&held));
}
