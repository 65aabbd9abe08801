//! What will be done, as it is put before a person, and its digest, which is what an approval is given to.
//!
//! ```text
//!   target as it reads ──▶ previous state ──▶ changes ──▶ digest ──▶ `.status.plan`, before anybody approves it
//! ```
//!
//! Patches are JSON as text: in the status of an object a `null`, which takes a field away, would not be kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Action, Previous, Verification};
use crate::{event::Target, pipeline::actions::Reversibility};

/// What will be done, and to what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// `sha256:<hex>` over action, target, changes, previous state and verification.
    pub digest: String,
    /// The object to be changed, pinned by uid.
    pub target: Target,
    /// What is written, in this order; none where the target already reads as wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What was there, enough to undo it.
    pub previous: Previous,
    /// What the agent must be allowed to do, such as `patch pods in shop`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<String>,
    /// Whether it can be undone.
    pub reversibility: Reversibility,
    /// What has to hold afterwards, or it is undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
}

impl Plan {
    /// The plan of this action.
    pub(crate) fn new(
        (action, verification): (&Action, Option<&Verification>),
        target: &Target,
        changes: Vec<Change>,
        previous: Previous,
        permissions: Vec<String>,
    ) -> Self {
        // The keys of a JSON object are in order, so equal plans have equal texts.
        let mut judged = json!({ "action": action, "target": target, "changes": changes, "previous": previous });
        // Only where there is one, so that the digests of plans that were made before there were any stay.
        if let Some(verification) = verification {
            judged["verification"] = json!(verification);
        }
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(judged.to_string())));
        let reversibility = action.kind().reversibility();
        Self { digest, target: target.clone(), changes, previous, permissions, reversibility, verification: verification.cloned() }
    }

    /// Bytes of it as JSON.
    pub(crate) fn size(&self) -> usize {
        json!(self).to_string().len()
    }
}

/// One write to the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// How it is written.
    pub operation: Operation,
    /// What is written to.
    pub object: Target,
    /// The part of it that is written, where it has a permission of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subresource: Option<Subresource>,
    /// The field manager that holds what is applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// What reads there now, in the form of the patch, as JSON; `null` is not there.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text")]
    #[schemars(with = "Option<String>")]
    pub former: Option<Value>,
    /// What is written, as JSON: an object to create, a manifest to apply, or a merge patch whose lists are merged by the names of their items.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text")]
    #[schemars(with = "Option<String>")]
    pub patch: Option<Value>,
}

/// A way to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Creates the object.
    Create,
    /// Patches it.
    Patch,
    /// Applies a manifest to it, server-side, or creates it so where it is not there.
    Apply,
    /// Deletes it.
    Delete,
    /// Deletes it as soon as its disruption budget allows.
    Evict,
}

impl Operation {
    /// The word in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Patch => "patch",
            Self::Apply => "apply",
            Self::Delete => "delete",
            Self::Evict => "evict",
        }
    }
}

/// A part of an object with a permission of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Subresource {
    /// The number of its replicas.
    Scale,
}

impl Subresource {
    /// Its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scale => "scale",
        }
    }
}

impl Change {
    /// A patch of an object that reads so now.
    pub(crate) fn patch(object: &Target, subresource: Option<Subresource>, live: &Value, patch: Value) -> Self {
        let former = Some(excerpt(live, &patch));
        Self { operation: Operation::Patch, object: object.clone(), subresource, manager: None, former, patch: Some(patch) }
    }

    /// A manifest that is applied to an object that reads so now.
    pub(crate) fn apply(object: &Target, live: &Value, manifest: Value, manager: String) -> Self {
        let former = object.uid.is_some().then(|| excerpt(live, &manifest));
        Self {
            operation: Operation::Apply,
            object: object.clone(),
            subresource: None,
            manager: Some(manager),
            former,
            patch: Some(manifest),
        }
    }

    /// The creation of an object.
    pub(crate) fn create(object: Target, manifest: Value) -> Self {
        Self { operation: Operation::Create, object, subresource: None, manager: None, former: None, patch: Some(manifest) }
    }

    /// The removal of an object.
    pub(crate) fn remove(operation: Operation, object: &Target) -> Self {
        Self { operation, object: object.clone(), subresource: None, manager: None, former: None, patch: None }
    }
}

/// Whether the items of a patch's list are merged by name; others are replaced as a whole.
fn is_named(item: &Value) -> bool {
    item["name"].is_string()
}

/// What `live` says of the fields that `patch` writes.
fn excerpt(live: &Value, patch: &Value) -> Value {
    match patch {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), excerpt(&live[key], value))).collect::<Map<_, _>>().into(),
        Value::Array(items) if items.iter().all(is_named) => {
            let there = |item: &Value| live.as_array()?.iter().find(|there| there["name"] == item["name"]);
            items.iter().map(|item| there(item).map_or(Value::Null, |there| excerpt(there, item))).collect()
        }
        _ => live.clone(),
    }
}

/// The merge patch (RFC 7386) that writes what `patch` says: its lists with all that the live ones have.
pub(crate) fn merge_patch(live: &Value, patch: &Value) -> Value {
    match patch {
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), merge_patch(&live[key], value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) if items.iter().all(is_named) && live.is_array() => {
            let mut merged = live.clone();
            for there in merged.as_array_mut().into_iter().flatten() {
                if let Some(item) = items.iter().find(|item| item["name"] == there["name"]) {
                    overlay(there, item);
                }
            }
            merged
        }
        other => other.clone(),
    }
}

/// Applies a merge patch.
fn overlay(value: &mut Value, patch: &Value) {
    let (Value::Object(value), Value::Object(patch)) = (&mut *value, patch) else { return value.clone_from(patch) };
    for (key, patch) in patch {
        match patch {
            Value::Null => _ = value.remove(key),
            patch => overlay(value.entry(key.clone()).or_insert(Value::Null), patch),
        }
    }
}

/// JSON as text.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use serde_json::Value;

    pub(super) fn serialize<S: Serializer>(value: &Option<Value>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.serialize_str(&value.to_string()),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| serde_json::from_str(&text).map_err(D::Error::custom)).transpose()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::{pipeline::actions::ScaleAction, remediation::ActionKind};

    fn deployment() -> Target {
        let text = str::to_owned;
        Target {
            api_version: text("apps/v1"),
            kind: text("Deployment"),
            namespace: Some(text("shop")),
            name: text("web"),
            uid: Some(text("u")),
        }
    }

    fn plan(replicas: i32, before: i32) -> Plan {
        let live = json!({ "spec": { "replicas": before } });
        let change = Change::patch(&deployment(), Some(Subresource::Scale), &live, json!({ "spec": { "replicas": replicas } }));
        let previous = serde_json::from_value(json!({ "scale": { "replicas": before } })).unwrap();
        let action = Action::Scale(ScaleAction { replicas });
        Plan::new((&action, None), &deployment(), vec![change], previous, vec!["patch deployments.apps/scale in shop".to_owned()])
    }

    #[test]
    fn equal_plans_have_one_digest_and_what_a_person_would_judge_otherwise_has_another() {
        assert_eq!(ActionKind::Scale.reversibility(), plan(0, 3).reversibility);
        assert_eq!(plan(0, 3), plan(0, 3));
        // Of an agent before this one: an approval outlives an upgrade.
        assert_eq!(plan(0, 3).digest, "sha256:8e379d7a919c4fc4eb284a4cd5b1ed1b80dd8de63a8e5e8b950828cb16db8cf7");
        assert_ne!(plan(0, 3).digest, plan(0, 4).digest);
        assert_ne!(plan(0, 3).digest, plan(1, 3).digest);
    }

    #[test]
    fn a_plan_is_the_same_after_it_was_stored_also_what_it_takes_away() {
        let live = json!({ "metadata": { "labels": { "a": "b" } } });
        let patch = json!({ "metadata": { "labels": { "a": null, "name": "web" } } });
        let change = Change::patch(&deployment(), None, &live, patch);
        assert_eq!(change.former, Some(json!({ "metadata": { "labels": { "a": "b", "name": null } } })));
        let stored = json!(change);
        assert_eq!(stored["patch"], r#"{"metadata":{"labels":{"a":null,"name":"web"}}}"#);
        assert_eq!(serde_json::from_value::<Change>(stored).unwrap(), change);
    }

    #[test]
    fn a_list_of_a_patch_changes_the_items_that_it_names_and_keeps_all_the_rest() {
        let live = json!({ "spec": { "containers": [{ "name": "a", "image": "1", "env": [] }, { "name": "b", "image": "1" }] } });
        let patch = json!({ "spec": { "containers": [{ "name": "a", "image": "2" }] } });
        let former = json!({ "spec": { "containers": [{ "name": "a", "image": "1" }] } });
        assert_eq!(excerpt(&live, &patch), former);
        let merged = json!({ "spec": { "containers": [{ "name": "a", "image": "2", "env": [] }, { "name": "b", "image": "1" }] } });
        assert_eq!(merge_patch(&live, &patch), merged);
    }
}
