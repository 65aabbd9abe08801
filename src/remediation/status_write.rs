//! One guarded write of a remediation's status.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Map, Value, json};

use super::{RemediationStatus, ZenAgentRemediation};
use crate::kube_events::Events;

/// Writes `status` over the one `object` was read with, and tells what that changed; a concurrent writer makes it a 409.
///
/// A merge patch of the fields that differ: what other programs keep in the status stays.
///
/// # Errors
/// The API server's, or that the status is no JSON, which its type excludes.
pub async fn write(
    api: &Api<ZenAgentRemediation>,
    events: &Events,
    object: &ZenAgentRemediation,
    mut status: RemediationStatus,
) -> Result<ZenAgentRemediation, kube::Error> {
    status.updated_at = Some(MicroTime(Timestamp::now()));
    // Whoever knew the former one does not know this one.
    status.synced = status.synced.map(|_| false);
    let former = serde_json::to_value(object.status.clone().unwrap_or_default()).map_err(kube::Error::SerdeError)?;
    let wanted = serde_json::to_value(status).map_err(kube::Error::SerdeError)?;
    let patch = json!({
        "metadata": { "uid": object.metadata.uid, "resourceVersion": object.metadata.resource_version },
        "status": difference(&former, &wanted),
    });
    let written = api.patch_status(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await?;
    events.tell(object.status.as_ref(), &written);
    Ok(written)
}

/// The merge patch (RFC 7386) that makes `former` read as `wanted`.
fn difference(former: &Value, wanted: &Value) -> Value {
    let (Value::Object(former), Value::Object(wanted)) = (former, wanted) else { return wanted.clone() };
    let gone = former.keys().filter(|key| !wanted.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let changed = wanted.iter().filter(|(key, value)| former.get(*key) != Some(value));
    let changed = changed.map(|(key, value)| (key.clone(), former.get(key).map_or_else(|| value.clone(), |old| difference(old, value))));
    Value::Object(gone.chain(changed).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_only_what_differs_and_nulls_what_is_gone() {
        let former = json!({ "phase": "pending", "reason": "TargetBusy", "target": { "name": "web", "uid": "1" }, "steps": [1] });
        let wanted = json!({ "phase": "in_progress", "target": { "name": "web", "uid": "2" }, "steps": [1, 2] });
        let patch = json!({ "phase": "in_progress", "reason": null, "target": { "uid": "2" }, "steps": [1, 2] });
        assert_eq!(difference(&former, &wanted), patch);
    }
}
