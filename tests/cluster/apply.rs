//! `apply`, which only a real API server does.

use kube::{
    ResourceExt,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use zen_agent::{
    event::Target,
    policy::{Guardrails, LabelMatch},
    remediation::{Mode, Phase, RemediationSpec, ZenAgentRemediation},
};

use crate::{
    pipeline::{actions::executed, crash::die_after},
    support::*,
};

pub(crate) fn settings_of(name: &str) -> Target {
    target("v1", "ConfigMap", "shop", name)
}

pub(crate) fn wanted(name: &str, data: Value) -> RemediationSpec {
    automatic(settings_of(name), apply(&config(name, data)))
}

fn config(name: &str, data: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": data })
}

/// Puts one there that somebody holds.
pub(crate) async fn held(world: &World, name: &str, data: Value) -> DynamicObject {
    let mut object = config(name, data);
    object["metadata"]["namespace"] = "shop".into();
    world.place(object).await
}

/// Puts one there of which nobody holds anything but `keep`: what is not held may be set otherwise without force.
async fn free(world: &World, name: &str, data: Value) {
    held(world, name, data).await;
    let keep = json!({
        "manager": "them", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": { "f:data": { "f:keep": {} } },
    });
    world.change(&settings_of(name), json!({ "metadata": { "managedFields": [keep] } })).await;
}

async fn data(world: &World, name: &str) -> Value {
    world.state(&settings_of(name)).await["data"].clone()
}

pub(crate) async fn found(world: &World, name: &str) -> Option<DynamicObject> {
    world.objects("v1", "ConfigMap", Some("shop")).get_opt(name).await.unwrap()
}

async fn managers(world: &World, name: &str) -> Vec<String> {
    let object = found(world, name).await.unwrap();
    object.managed_fields().iter().filter_map(|entry| entry.manager.clone()).collect()
}

fn manager(remediation: &ZenAgentRemediation) -> String {
    format!("zen-agent-{}", remediation.uid().unwrap())
}

#[tokio::test]
async fn a_manifest_is_applied_by_a_manager_of_its_own_and_leaves_what_it_does_not_name() {
    let world = World::new().await;
    held(&world, "settings", json!({ "a": "1", "same": "s" })).await;
    let done = world.run("r", wanted("settings", json!({ "b": "2", "same": "s" }))).await;
    assert_eq!((done.phase(), reason(&done)), (Phase::Succeeded, "Validated"), "{}", message(&done));
    assert_eq!(data(&world, "settings").await, json!({ "a": "1", "b": "2", "same": "s" }));
    assert!(managers(&world, "settings").await.contains(&manager(&done)));
    let status = json!(done.status);
    assert_eq!(status["previous"], json!({ "apply": { "former": r#"{"data":{"same":"s"}}"# } }));
    let change = &status["plan"]["changes"][0];
    assert_eq!((&change["operation"], &change["manager"]), (&json!("apply"), &json!(manager(&done))));
    assert_eq!(change["object"]["uid"], status["target"]["uid"]);
    let permissions = ["create", "patch", "update", "delete"].map(|verb| format!("{verb} configmaps in shop"));
    assert_eq!(status["plan"]["permissions"], json!(permissions));
    // Another manifest takes nothing away that this one has set.
    let second = world.run("second", wanted("settings", json!({ "c": "3" }))).await;
    assert_eq!(second.phase(), Phase::Succeeded, "{}", message(&second));
    assert_eq!(data(&world, "settings").await, json!({ "a": "1", "b": "2", "c": "3", "same": "s" }));
}

#[tokio::test]
async fn a_field_that_another_manager_holds_is_never_forced() {
    let world = World::new().await;
    held(&world, "settings", json!({ "a": "1" })).await;
    let before = found(&world, "settings").await;
    let ended = world.run("r", wanted("settings", json!({ "a": "2", "b": "2" }))).await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "FieldConflict"));
    assert!(message(&ended).contains("unknown") && message(&ended).contains(".data.a"), "{}", message(&ended));
    assert_eq!(found(&world, "settings").await, before);
    // Nor where they came to hold it after the claim.
    held(&world, "later", json!({ "x": "1" })).await;
    world.create("late", wanted("later", json!({ "b": "2" }))).await;
    die_after(&world, "late", 1).await.unwrap_err();
    world.change(&settings_of("later"), json!({ "data": { "b": "theirs" } })).await;
    let theirs = found(&world, "later").await;
    let ended = world.drive(&world.pipeline(), "late").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "FieldConflict"), "{}", message(&ended));
    assert_eq!(found(&world, "later").await, theirs);
}

#[tokio::test]
async fn what_does_not_hold_is_set_back_field_by_field_and_blocks_nobody_later() {
    let world = World::new().await;
    free(&world, "settings", json!({ "a": "1", "keep": "k" })).await;
    let before = world.state(&settings_of("settings")).await;
    executed(&world, "r", wanted("settings", json!({ "a": "2", "b": "2" })), 3).await;
    assert_eq!(data(&world, "settings").await, json!({ "a": "2", "b": "2", "keep": "k" }));
    let ended = world.undo("r", "/configmaps/").await;
    assert_eq!(ended.phase(), Phase::RolledBack, "{}", message(&ended));
    assert_eq!(world.state(&settings_of("settings")).await, before);
    assert_eq!(managers(&world, "settings").await, ["them"]);
    // Items of lists, too.
    let web = target("apps/v1", "Deployment", "shop", "web");
    let before = world.state(&web).await;
    let spec = json!({ "template": { "spec": { "containers": [
        { "name": "web", "env": [{ "name": "MODE", "value": "safe" }] }, { "name": "side", "image": "side:1" },
    ] } } });
    let manifest =
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web", "labels": { "flag": "x" } }, "spec": spec });
    executed(&world, "lists", automatic(web.clone(), apply(&manifest)), 3).await;
    assert_eq!(world.state(&web).await["spec"]["template"]["spec"]["containers"].as_array().map(Vec::len), Some(2));
    let ended = world.undo("lists", "/deployments/").await;
    assert_eq!(ended.phase(), Phase::RolledBack, "{}", message(&ended));
    assert_eq!(world.state(&web).await, before);
}

#[tokio::test]
async fn what_another_party_changed_in_between_is_left_and_the_rest_is_set_back() {
    let world = World::new().await;
    free(&world, "settings", json!({ "a": "1", "b": "1", "keep": "k" })).await;
    executed(&world, "r", wanted("settings", json!({ "a": "2", "b": "2", "c": "2", "d": "2" })), 3).await;
    world.change(&settings_of("settings"), json!({ "data": { "b": "theirs", "c": null } })).await;
    let theirs = Patch::Apply(config("settings", json!({ "d": "2" })));
    world.objects("v1", "ConfigMap", Some("shop")).patch("settings", &PatchParams::apply("them"), &theirs).await.unwrap();
    let ended = world.drive(&world.pipeline(), "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ValidationFailed"), "{}", message(&ended));
    assert_eq!(data(&world, "settings").await, json!({ "a": "1", "b": "theirs", "d": "2", "keep": "k" }), "what they hold too stays");
    assert!(!managers(&world, "settings").await.contains(&manager(&ended)));
}

#[tokio::test]
async fn what_is_not_there_is_created_with_the_remediations_mark_and_deleted_where_it_does_not_hold() {
    let world = World::new().await;
    let done = world.run("r", wanted("fresh", json!({ "a": "1" }))).await;
    assert_eq!((done.phase(), reason(&done)), (Phase::Succeeded, "Validated"), "{}", message(&done));
    let made = found(&world, "fresh").await.unwrap();
    assert_eq!(made.annotations()["zen.kube-zen.io/remediation-uid"], done.uid().unwrap());
    assert_eq!((made.labels()["zen.kube-zen.io/remediation"].as_str(), &made.data["data"]), ("r", &json!({ "a": "1" })));
    let status = json!(done.status);
    assert_eq!((&status["target"]["uid"], &status["previous"]), (&Value::Null, &json!({ "apply": {} })));
    executed(&world, "undone", wanted("undone", json!({ "a": "1" })), 3).await;
    assert!(found(&world, "undone").await.is_some());
    let ended = world.undo("undone", "/configmaps/").await;
    assert_eq!(ended.phase(), Phase::RolledBack, "{}", message(&ended));
    assert!(found(&world, "undone").await.is_none());
}

#[tokio::test]
async fn what_was_created_and_is_by_now_somebody_elses_is_not_deleted() {
    let world = World::new().await;
    let configs = world.objects("v1", "ConfigMap", Some("shop"));
    executed(&world, "changed", wanted("changed", json!({ "a": "1" })), 3).await;
    world.change(&settings_of("changed"), json!({ "data": { "a": "theirs" } })).await;
    executed(&world, "made-anew", wanted("made-anew", json!({ "a": "1" })), 3).await;
    // From what they had read, with its mark.
    let mut copy = found(&world, "made-anew").await.unwrap();
    configs.delete("made-anew", &DeleteParams::default()).await.unwrap();
    (copy.metadata.uid, copy.metadata.resource_version, copy.metadata.managed_fields) = (None, None, None);
    configs.create(&PostParams::default(), &copy).await.unwrap();
    configs.patch("made-anew", &PatchParams::default(), &Patch::Merge(json!({ "data": { "a": "2" } }))).await.unwrap();
    executed(&world, "gone", wanted("gone", json!({ "a": "1" })), 3).await;
    configs.delete("gone", &DeleteParams::default()).await.unwrap();
    for name in ["changed", "made-anew", "gone"] {
        let theirs = found(&world, name).await;
        let ended = world.drive(&world.pipeline(), name).await;
        assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ValidationFailed"), "{name}: {}", message(&ended));
        assert_eq!(found(&world, name).await, theirs, "{name}");
        // It says what of it is left behind, and because of whom.
        let leaves = format!("which leaves ConfigMap shop/{name}, which it created, as a whole: unknown holds part of it by now");
        let (said, is_left) = (&ended.condition("Complete").unwrap().message, theirs.is_some());
        assert_eq!((message(&ended).contains(&leaves), said.contains(&leaves)), (is_left, is_left), "{name}: {said}");
        assert_eq!(said.contains("leaves"), is_left, "{name}: {said}");
    }
}

#[tokio::test]
async fn what_was_created_is_nobody_elses_target_as_long_as_it_is_looked_at() {
    let world = World::new().await;
    executed(&world, "r", wanted("new", json!({ "a": "1" })), 3).await;
    assert!(found(&world, "new").await.is_some() && !world.get("r").await.phase().is_terminal());
    world.create("other", automatic(settings_of("new"), label(&[("flag", "falco")]))).await;
    let pipeline = world.pipeline();
    assert!(pipeline.reconcile(HOME, "other").await.unwrap().unwrap().next.is_some());
    let waits = world.get("other").await;
    assert_eq!((waits.phase(), condition(&waits, "Held")), (Phase::Pending, ("True", "TargetBusy")), "{}", message(&waits));
    assert_eq!(world.drive(&pipeline, "r").await.phase(), Phase::Succeeded);
    assert_eq!(world.drive(&pipeline, "other").await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn what_appears_after_it_was_found_absent_is_not_adopted() {
    let world = World::new().await;
    world.create("r", wanted("fresh", json!({ "b": "2" }))).await;
    die_after(&world, "r", 1).await.unwrap_err();
    let theirs = held(&world, "fresh", json!({ "a": "theirs" })).await;
    let ended = world.drive(&world.pipeline(), "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "NameTaken"), "{}", message(&ended));
    assert_eq!(found(&world, "fresh").await, Some(theirs));
}

#[tokio::test]
async fn no_manifest_gets_past_what_no_remediation_may_touch() {
    let world = World::new().await;
    let guardrails = Guardrails {
        protected_namespaces: ["jobs".to_owned()].into(),
        protected_labels: vec![LabelMatch { key: "keep".to_owned(), value: None }],
        ..Guardrails::none()
    };
    let manifest = |kind: &str, more: Value| {
        let mut manifest = config("x", json!({ "a": "1" }));
        manifest["kind"] = kind.into();
        manifest["metadata"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        manifest
    };
    let plain = manifest("ConfigMap", json!({}));
    let x = settings_of("x");
    for (name, target, manifest, ends) in [
        ("secret", target("v1", "Secret", "shop", "x"), manifest("Secret", json!({})), "DeniedKind"),
        ("protected", Target { namespace: Some("jobs".into()), ..x.clone() }, plain.clone(), "ProtectedNamespace"),
        ("namespace", x.clone(), manifest("ConfigMap", json!({ "namespace": "jobs" })), "Invalid"),
        ("kind", x.clone(), manifest("Secret", json!({})), "Invalid"),
        ("name", settings_of("y"), plain.clone(), "Invalid"),
        ("owner", x.clone(), manifest("ConfigMap", json!({ "ownerReferences": [] })), "Invalid"),
        ("label", x.clone(), manifest("ConfigMap", json!({ "labels": { "keep": "me" } })), "ProtectedLabel"),
        ("uid", Target { uid: Some("11111111-1111-1111-1111-111111111111".into()), ..x.clone() }, plain.clone(), "TargetNotFound"),
        (
            "unknown",
            target("example.com/v1", "Nothing", "shop", "x"),
            json!({ "apiVersion": "example.com/v1", "kind": "Nothing", "metadata": { "name": "x" }, "spec": {} }),
            "TargetNotFound",
        ),
    ] {
        world.create(name, RemediationSpec { mode: Some(Mode::Automatic), ..automatic(target, apply(&manifest)) }).await;
        let ended = world.drive(&world.guarded(guardrails.clone()), name).await;
        assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, ends), "{name}: {}", message(&ended));
    }
    assert!(found(&world, "x").await.is_none());
}

#[tokio::test]
async fn a_patch_of_the_published_definition_is_applied_and_counted() {
    let world = World::new().await;
    held(&world, "settings", json!({ "a": "1" })).await;
    let patch = json!({ "apiVersion": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "settings", "patch": "data:\n  b: '2'\n" });
    let published = json!({ "remediationId": "rem-1", "patches": [patch], "approvedBy": "alice", "approvedAt": "2026-01-01T00:00:00Z" });
    let done = world.run("r", serde_json::from_value(published).unwrap()).await;
    assert_eq!((done.phase(), reason(&done)), (Phase::Succeeded, "Validated"), "{}", message(&done));
    assert_eq!(data(&world, "settings").await, json!({ "a": "1", "b": "2" }));
    let status = done.status.unwrap();
    assert_eq!((status.applied_patches, status.total_patches), (Some(1), Some(1)));
}
