//! `apply` where there is no server-side apply.

use serde_json::json;
use zen_agent::remediation::Phase;

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
