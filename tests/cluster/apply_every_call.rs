//! Each call in the life of an `apply`, failing once: of what is there, and of what is created.

use kube::{ResourceExt, api::DeleteParams};
use serde_json::{Value, json};
use zen_agent::remediation::RemediationSpec;

use crate::{
    apply::{found, free, wanted},
    pipeline::every_call::{Case, lives},
    support::*,
};

/// Whether the object is there before.
#[derive(PartialEq, Eq)]
enum Applied {
    There,
    Absent,
}

impl Case for Applied {
    async fn prepare(&self, world: &World, place: &str) {
        if found(world, place).await.is_some() {
            world.objects("v1", "ConfigMap", Some("shop")).delete(place, &DeleteParams::default()).await.unwrap();
        }
        if *self == Self::There {
            free(world, place, json!({ "a": "1", "keep": "k" })).await;
        }
    }

    fn spec(&self, place: &str) -> RemediationSpec {
        wanted(place, json!({ "a": "2", "b": "2" }))
    }

    /// What it holds, and who holds it.
    async fn state(&self, world: &World, place: &str, _: &str) -> Value {
        let Some(object) = found(world, place).await else { return Value::Null };
        let managers: Vec<_> = object.managed_fields().iter().filter_map(|entry| entry.manager.as_deref()).collect();
        json!([object.data["data"], object.labels(), object.annotations(), managers])
    }

    fn is_done(&self, state: &Value) -> bool {
        state[0]["a"] == "2" && state[0]["b"] == "2"
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_call_fails_once_a_manifest_is_applied_and_undone_or_ends_with_the_object_as_it_was_and_a_reason() {
    let means = [
        (404, "pending GET configmaps: failed TargetNotFound"),
        // Where it was to be found, it seemed to be absent; where it was to be read, it was there.
        (404, "pending GET configmaps: failed NameTaken"),
        (404, "pending PATCH configmaps (tried): failed TargetNotFound"),
        (404, "execute GET configmaps: failed TargetNotFound"),
        (404, "validate GET configmaps: failed TargetNotFound"),
        (404, "validate PATCH configmaps (tried): failed TargetNotFound"),
        // Of what is said to be gone there is nothing to undo.
        (404, "rollback GET configmaps: succeeded Validated, rolled_back RollbackRequested, and left"),
        (422, "pending GET configmaps: failed Invalid"),
        (422, "pending POST selfsubjectaccessreviews: failed Invalid"),
        (422, "pending PATCH configmaps (tried): failed Invalid"),
        (422, "execute GET configmaps: failed Invalid"),
        (422, "execute GET zenagentremediations: failed Invalid"),
        (422, "execute PATCH configmaps: failed Invalid"),
    ];
    lives(&World::new().await, &Applied::There, "there", &means).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_call_fails_once_an_object_is_created_and_deleted_again_or_ends_without_it_and_with_a_reason() {
    let means = [
        (404, "pending PATCH configmaps (tried): failed TargetNotFound"),
        (404, "validate GET configmaps: rolled_back ValidationFailed"),
        (404, "validate PATCH configmaps (tried): failed TargetNotFound"),
        (422, "pending GET configmaps: failed Invalid"),
        (422, "pending POST selfsubjectaccessreviews: failed Invalid"),
        (422, "pending PATCH configmaps (tried): failed Invalid"),
        (422, "execute GET configmaps: failed Invalid"),
        (422, "execute GET zenagentremediations: failed Invalid"),
        (422, "execute POST configmaps: failed Invalid"),
    ];
    lives(&World::new().await, &Applied::Absent, "absent", &means).await;
}
