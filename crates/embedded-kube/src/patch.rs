//! The two kinds of patch that are spoken: JSON merge patch (RFC 7386) and JSON patch (RFC 6902).

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::ApiError;

/// A patch, read from its body.
#[derive(Debug)]
pub(crate) enum Patch {
    Merge(Value),
    Json(Vec<Operation>),
}

/// What is accepted, for a 415.
pub(crate) const ACCEPTED: &str = "application/json-patch+json, application/merge-patch+json";
const MAX_OPERATIONS: usize = 10_000;

/// One operation of a JSON patch.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub(crate) enum Operation {
    Add { path: String, value: Value },
    Remove { path: String },
    Replace { path: String, value: Value },
    Move { from: String, path: String },
    Copy { from: String, path: String },
    Test { path: String, value: Value },
}

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
            "application/json-patch+json" => {
                let operations: Vec<Operation> = serde_json::from_slice(body).map_err(wrong)?;
                if operations.len() > MAX_OPERATIONS { Err(ApiError::too_large(MAX_OPERATIONS)) } else { Ok(Self::Json(operations)) }
            }
            _ => Err(ApiError::unsupported_media_type(ACCEPTED)),
        }
    }

    /// # Errors
    /// 422 for a JSON patch whose test or path fails.
    pub(crate) fn apply(&self, target: &mut Value) -> Result<(), ApiError> {
        match self {
            Self::Merge(patch) => merge(target, patch),
            Self::Json(operations) => {
                for operation in operations {
                    apply(operation, target).ok_or_else(ApiError::unprocessable)?;
                }
            }
        }
        Ok(())
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.as_str()).or_insert(Value::Null), value);
        }
    }
}

/// `None` when the operation does not fit the target.
fn apply(operation: &Operation, target: &mut Value) -> Option<()> {
    match operation {
        Operation::Add { path, value } => add(target, path, value.clone()),
        Operation::Remove { path } => remove(target, path).map(drop),
        Operation::Replace { path, value } => {
            *target.pointer_mut(path)? = value.clone();
            Some(())
        }
        Operation::Move { from, path } => {
            let value = remove(target, from)?;
            add(target, path, value)
        }
        Operation::Copy { from, path } => {
            let value = target.pointer(from)?.clone();
            add(target, path, value)
        }
        Operation::Test { path, value } => (target.pointer(path)? == value).then_some(()),
    }
}

fn parent<'v>(target: &'v mut Value, path: &str) -> Option<(&'v mut Value, String)> {
    let (parent, last) = path.rsplit_once('/')?;
    Some((target.pointer_mut(parent)?, last.replace("~1", "/").replace("~0", "~")))
}

fn add(target: &mut Value, path: &str, value: Value) -> Option<()> {
    if path.is_empty() {
        *target = value;
        return Some(());
    }
    match parent(target, path)? {
        (Value::Object(map), key) => {
            map.insert(key, value);
        }
        (Value::Array(items), index) if index == "-" => items.push(value),
        (Value::Array(items), index) => {
            let index: usize = index.parse().ok().filter(|index| *index <= items.len())?;
            items.insert(index, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(target: &mut Value, path: &str) -> Option<Value> {
    match parent(target, path)? {
        (Value::Object(map), key) => map.remove(&key),
        (Value::Array(items), index) => {
            let index: usize = index.parse().ok().filter(|index| *index < items.len())?;
            Some(items.remove(index))
        }
        _ => None,
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
            json!([{"op": "replace", "path": "/b", "value": 1}]),
        ] {
            assert_eq!(patched("application/json-patch+json", &patch, json!({"a": 1})), Err(422), "{patch}");
        }
    }

    #[test]
    fn other_kinds_of_patch_are_refused() {
        assert_eq!(patched("application/strategic-merge-patch+json", &json!({}), json!({})), Err(415));
        assert_eq!(patched("application/apply-patch+yaml", &json!({}), json!({})), Err(415));
        assert_eq!(patched("application/merge-patch+json", &json!([]), json!({})), Err(400));
    }
}
