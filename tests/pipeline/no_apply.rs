//! `apply` where there is no server-side apply, and patches where there is no garbage collector.

use kube::api::PostParams;
use serde_json::json;
use zen_agent::remediation::{PATCH_OF, Phase, RemediationSpec, ZenAgentRemediation};

use crate::support::*;

#[tokio::test]
async fn a_manifest_on_a_server_without_server_side_apply_ends_with_a_word_and_changes_nothing() {
    let world = World::new().await;
    let web = target("apps/v1", "Deployment", "shop", "web");
    let before = world.state(&web).await;
    for (name, target, manifest) in [
        (
            "there",
            web.clone(),
            json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" }, "spec": { "replicas": 1 } }),
        ),
        (
            "absent",
            self::target("v1", "ConfigMap", "shop", "x"),
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "x" }, "data": {} }),
        ),
    ] {
        let ended = world.run(name, automatic(target, apply(&manifest))).await;
        assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "ActionUnsupported"), "{}", message(&ended));
        assert!(message(&ended).contains("no server-side apply"), "{}", message(&ended));
    }
    assert_eq!(world.state(&web).await, before);
    assert!(world.objects("v1", "ConfigMap", Some("shop")).get_opt("x").await.unwrap().is_none());
}

#[tokio::test]
async fn several_manifests_there_end_with_the_word_of_the_first() {
    let world = World::new().await;
    let patch = |name: &str| json!({ "apiVersion": "v1", "kind": "ConfigMap", "namespace": "shop", "name": name, "patch": "data: {}" });
    let spec = json!({ "patches": [patch("x"), patch("y")], "mode": "automatic" });
    world.create("r", serde_json::from_value(spec).unwrap()).await;
    let pipeline = world.pipeline();
    pipeline.reconcile(HOME, "r").await.unwrap();
    let made = world.get("r").await.status.unwrap().patch_remediations;
    assert_eq!(world.drive(&pipeline, &made[0].name).await.phase(), Phase::Failed);
    let ended = world.drive(&pipeline, "r").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "ActionUnsupported"), "{}", message(&ended));
    assert!(message(&ended).contains(&made[0].name) && message(&ended).contains("no server-side apply"), "{}", message(&ended));
    let status = ended.status.unwrap();
    assert_eq!((status.applied_patches, status.total_patches, status.patch_remediations), (Some(0), Some(2), made));
}

#[tokio::test]
async fn a_patch_whose_series_is_gone_does_nothing() {
    // A garbage collector would take it away, sooner or later.
    let world = World::new().await;
    let owner =
        json!({ "apiVersion": "zen.kube-zen.io/v1", "kind": "ZenAgentRemediation", "name": "gone", "uid": "u", "controller": true });
    let spec = automatic(target("v1", "Pod", "shop", "web-6d4cf56db6-x2x7p"), label(&[("flag", "x")]));
    let mut patch = ZenAgentRemediation::new("p", spec);
    patch.metadata.owner_references = Some(vec![serde_json::from_value(owner).unwrap()]);
    patch.metadata.annotations = Some([(PATCH_OF.to_owned(), "u".to_owned())].into());
    world.remediations().create(&PostParams::default(), &patch).await.unwrap();
    // Another one of the same name is not the one.
    for again in [false, true] {
        if again {
            world.create("gone", RemediationSpec::default()).await;
            patch.metadata.name = Some("q".to_owned());
            world.remediations().create(&PostParams::default(), &patch).await.unwrap();
        }
        let ended = world.drive(&world.pipeline(), if again { "q" } else { "p" }).await;
        assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "SeriesEnded"), "{}", message(&ended));
        assert!(message(&ended).contains("is gone"), "{}", message(&ended));
    }
    assert_eq!(world.pod_label("shop", "web-6d4cf56db6-x2x7p", "flag").await, None);
}
