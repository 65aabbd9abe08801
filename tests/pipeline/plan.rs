//! What is refused before anybody is asked, and how targets are found.

use std::sync::Arc;

use futures::FutureExt;
use zen_agent::{
    event::Target,
    pipeline::Settings,
    policy::Guardrails,
    remediation::{ActionKind, Patch, Phase, RemediationSpec, ZenAgentRemediation},
};

use crate::support::*;

fn failed(remediation: &ZenAgentRemediation, because: &str) {
    assert_eq!((remediation.phase(), reason(remediation)), (Phase::Failed, because), "{}", message(remediation));
    assert_eq!(condition(remediation, "Complete"), ("True", because));
    let status = remediation.status.as_ref().unwrap();
    assert!(status.completed_at.is_some() && status.error_message.is_some() && status.started_at.is_none());
}

#[tokio::test]
async fn a_target_that_is_not_there_fails_also_a_proposal() {
    let world = World::new().await;
    let absent = target("v1", "Pod", "shop", "no-such-pod");
    failed(&world.run("automatic", automatic(absent.clone(), quarantine())).await, "TargetNotFound");
    failed(&world.run("proposal", proposal(absent, quarantine())).await, "TargetNotFound");
    failed(&world.run("no-kind", automatic(target("example.com/v1", "Widget", "shop", "x"), label(&[("a", "b")]))).await, "TargetNotFound");
}

#[tokio::test]
async fn an_object_with_another_uid_than_the_reported_one_is_not_touched() {
    let world = World::new().await;
    let replaced = Target { uid: Some("00000000-0000-4000-8000-000000000000".into()), ..web_pod() };
    failed(&world.run("r", automatic(replaced, label(&[("flag", "falco")]))).await, "TargetReplaced");
    assert_eq!(world.pod_label("shop", "web-6d4cf56db6-x2x7p", "flag").await, None);
}

#[tokio::test]
async fn denied_kinds_are_refused_whatever_the_action() {
    let world = World::new().await;
    for (name, target) in [
        ("secret", target("v1", "Secret", "shop", "token")),
        ("role", target("rbac.authorization.k8s.io/v1", "Role", "shop", "admin")),
        ("webhook", target("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "shop", "x")),
        ("crd", target("apiextensions.k8s.io/v1", "CustomResourceDefinition", "shop", "zenagentremediations.zen.kube-zen.io")),
        ("own", target("zen.kube-zen.io/v1", "ZenAgentRemediation", HOME, "own")),
    ] {
        failed(&world.run(name, automatic(target, label(&[("a", "b")]))).await, "DeniedKind");
    }
}

#[tokio::test]
async fn a_protected_namespace_and_all_in_it_is_refused() {
    let world = World::new().await;
    let pipeline = world.guarded(Guardrails { protected_namespaces: ["shop".to_owned()].into(), ..Guardrails::none() });
    world.create("pod", automatic(web_pod(), quarantine())).await;
    failed(&world.drive(&pipeline, "pod").await, "ProtectedNamespace");
    let namespace = Target { namespace: None, ..target("v1", "Namespace", "", "shop") };
    world.create("namespace", automatic(namespace, label(&[("a", "b")]))).await;
    failed(&world.drive(&pipeline, "namespace").await, "ProtectedNamespace");
}

#[tokio::test]
async fn what_has_no_action_of_this_agent_fails() {
    let world = World::new().await;
    failed(&world.run("none", RemediationSpec { target: Some(web_pod()), ..RemediationSpec::default() }).await, "ActionUnsupported");
    for (name, patches, ends) in [("two", vec![Patch::default(); 2], "ActionUnsupported"), ("empty", vec![Patch::default()], "Invalid")] {
        failed(&world.run(name, RemediationSpec { patches, ..RemediationSpec::default() }).await, ends);
    }
}

#[tokio::test]
async fn an_action_that_does_not_fit_the_kind_fails() {
    let world = World::new().await;
    failed(&world.run("quarantine", automatic(target("apps/v1", "Deployment", "shop", "web"), quarantine())).await, "UnsupportedTarget");
    let namespace = Target { namespace: None, ..target("v1", "Namespace", "", "shop") };
    failed(&world.run("scale", automatic(namespace, scale(0))).await, "UnsupportedTarget");
}

#[tokio::test]
async fn scaling_climbs_from_a_pod_to_the_controller_in_charge_and_pins_it() {
    let world = World::new().await;
    for (name, named, kind, controller) in [
        ("pod", web_pod(), "Deployment", "web"),
        ("replica-set", target("apps/v1", "ReplicaSet", "default", "nginx-6d4cf56db6"), "Deployment", "nginx"),
        ("stateful-pod", target("v1", "Pod", "jobs", "batch-0"), "StatefulSet", "batch"),
    ] {
        world.create(name, proposal(named, scale(0))).await;
        let waiting = world.drive(&world.pipeline(), name).await;
        let pinned = waiting.status.unwrap().target.unwrap();
        assert_eq!((pinned.kind.as_str(), pinned.name.as_str(), pinned.uid.is_some()), (kind, controller, true));
    }
}

#[tokio::test]
async fn an_action_that_is_not_enabled_is_refused_by_name() {
    let world = World::new().await;
    let pipeline = world.set(Settings { actions: [ActionKind::Label].into(), ..settings() });
    world.create("r", automatic(web_pod(), scale(0))).await;
    let refused = world.drive(&pipeline, "r").await;
    failed(&refused, "ActionDisabled");
    assert!(message(&refused).contains("scale") && message(&refused).contains("ENABLED_ACTIONS"), "{}", message(&refused));
    assert_eq!(world.replicas("shop", "web").await, 3);
    world.create("s", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    assert_eq!(world.drive(&pipeline, "s").await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn a_kind_that_the_action_cannot_be_done_to_is_refused_without_reading_the_object() {
    let world = World::new().await;
    let pipeline = world.tapped(Arc::new(|_, path: String| async move { path.contains("daemonsets").then_some(403) }.boxed()));
    let logs = target("apps/v1", "DaemonSet", "shop", "logs");
    for (name, action) in [("scale", scale(0)), ("quarantine", quarantine())] {
        world.create(name, automatic(logs.clone(), action)).await;
        failed(&world.drive(&pipeline, name).await, "UnsupportedTarget");
    }
}
