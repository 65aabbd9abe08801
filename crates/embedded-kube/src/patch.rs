//! The two kinds of patch that are spoken: JSON merge patch (RFC 7386) and JSON patch (RFC 6902).

use json_patch::{AddOperation, PatchOperation, ReplaceOperation};
use serde_json::Value;

use crate::error::ApiError;

/// A patch, read from its body.
#[derive(Debug)]
pub(crate) enum Patch {
    Merge(Value),
    /// Its operations; whether each is one shows when they are applied, as upstream.
    Json(Vec<Value>),
}

/// What is accepted, for a 415.
pub(crate) const ACCEPTED: &str = "application/json-patch+json, application/merge-patch+json";
const MAX_OPERATIONS: usize = 10_000;

impl Patch {
    /// # Errors
    /// 415 for other kinds of patch, 400 for a body that is none, 413 for too many operations.
    pub(crate) fn parse(media_type: &str, body: &[u8]) -> Result<Self, ApiError> {
        let wrong = |error| ApiError::bad_request(format!("error decoding patch: {error}"));
        match media_type {
            "application/merge-patch+json" => match serde_json::from_slice(body).map_err(wrong)? {
                patch @ Value::Object(_) => Ok(Self::Merge(patch)),
                _ => Err(ApiError::bad_request("error decoding patch: a merge patch must be a JSON object")),
            },
            "application/json-patch+json" => match serde_json::from_slice(body).map_err(wrong)? {
                Value::Array(operations) if operations.len() > MAX_OPERATIONS => Err(ApiError::too_large(MAX_OPERATIONS)),
                Value::Array(operations) if operations.iter().all(Value::is_object) => Ok(Self::Json(operations)),
                _ => Err(ApiError::bad_request("error decoding patch: a JSON patch must be an array of objects")),
            },
            _ => Err(ApiError::unsupported_media_type(ACCEPTED)),
        }
    }

    /// # Errors
    /// 422 for a JSON patch whose test, path or operation is not as it should be.
    pub(crate) fn apply(self, target: &mut Value) -> Result<(), ApiError> {
        match self {
            Self::Merge(patch) => json_patch::merge(target, &patch),
            Self::Json(operations) => {
                let patch: json_patch::Patch = serde_json::from_value(operations.into()).map_err(|_| ApiError::unprocessable())?;
                for operation in patch.0 {
                    // The target is a copy, which a failure leaves unused: nothing has to be undone.
                    json_patch::patch_unsafe(target, &[as_upstream(operation, target)]).map_err(|_| ApiError::unprocessable())?;
                }
            }
        }
        Ok(())
    }
}

/// Upstream's library lets `replace` make a field that is not there, which RFC 6902 does not.
fn as_upstream(operation: PatchOperation, target: &Value) -> PatchOperation {
    match operation {
        PatchOperation::Replace(ReplaceOperation { path, value })
            if path.parent().is_some_and(|parent| target.pointer(parent.as_str()).is_some_and(Value::is_object)) =>
        {
            PatchOperation::Add(AddOperation { path, value })
        }
        other => other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn patched(media_type: &str, patch: &Value, mut target: Value) -> Result<Value, u16> {
        let patch = Patch::parse(media_type, patch.to_string().as_bytes()).map_err(|error| error.code())?;
        patch.apply(&mut target).map_err(|error| error.code())?;
        Ok(target)
    }

    #[test]
    fn a_merge_patch_sets_replaces_and_removes() {
        let patch = json!({"a": {"b": null, "c": 2}, "list": [3], "new": {"x": null, "y": 1}});
        let target = json!({"a": {"b": 1, "d": 4}, "list": [1, 2], "kept": true});
        let want = json!({"a": {"c": 2, "d": 4}, "list": [3], "kept": true, "new": {"y": 1}});
        assert_eq!(patched("application/merge-patch+json", &patch, target), Ok(want));
    }

    #[test]
    fn a_json_patch_knows_all_six_operations() {
        let patch = json!([
            {"op": "test", "path": "/a", "value": 1},
            {"op": "add", "path": "/l/1", "value": 9},
            {"op": "add", "path": "/l/-", "value": 7},
            {"op": "replace", "path": "/a", "value": 2},
            {"op": "copy", "from": "/a", "path": "/x~1y"},
            {"op": "move", "from": "/b", "path": "/c"},
            {"op": "remove", "path": "/l/0"},
        ]);
        let want = json!({"a": 2, "x/y": 2, "c": true, "l": [9, 6, 7]});
        assert_eq!(patched("application/json-patch+json", &patch, json!({"a": 1, "b": true, "l": [5, 6]})), Ok(want));
    }

    #[test]
    fn a_json_patch_that_does_not_fit_is_unprocessable() {
        for patch in [
            json!([{"op": "test", "path": "/a", "value": 2}]),
            json!([{"op": "remove", "path": "/b"}]),
            json!([{"op": "add", "path": "/x/y", "value": 1}]),
            json!([{"op": "replace", "path": "/x/y", "value": 1}]),
            json!([{"op": "invent", "path": "/a"}]),
            json!([{"op": "remove"}]),
        ] {
            assert_eq!(patched("application/json-patch+json", &patch, json!({"a": 1})), Err(422), "{patch}");
        }
    }

    #[test]
    fn other_kinds_of_patch_are_refused() {
        assert_eq!(patched("application/strategic-merge-patch+json", &json!({}), json!({})), Err(415));
        assert_eq!(patched("application/apply-patch+yaml", &json!({}), json!({})), Err(415));
        assert_eq!(patched("application/merge-patch+json", &json!([]), json!({})), Err(400));
        assert_eq!(patched("application/json-patch+json", &json!({}), json!({})), Err(400));
    }
}
