//! OpenAPI 3.0's schemas as JSON Schema: for the validators, and for the types.
//!
//! | contract | validators | types |
//! |---|---|---|
//! | `nullable` beside `type` | `type: [t, null]`, null in `enum` | the same |
//! | a union with the null branch | if null, then nothing, else the other branch | `oneOf` with null |
//! | `oneOf` of scalars | one schema with several types: one clear message | as it stands |
//! | `x-select-by-presence` | if a property is there, then that branch, else the next | as it stands, in order |
//! | `x-max-key-length` | `propertyNames` | nothing |
//! | `type: integer` | `x-bits`, the size of its type | the same |
//! | bounds, patterns, closed objects | as they stand | nothing: what is typed was validated |

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    Stop,
    bundle::{SELECTORS, null_branch},
};

const COMPONENTS: &str = "#/components/schemas/";
/// Keywords that only describe, or that only validators look at.
const NOT_IN_TYPES: [&str; 12] = [
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "maxProperties",
    "minProperties",
    "example",
    "default",
    "deprecated",
];

/// What a lowered schema is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Validation,
    Types,
}

/// The document the validators are compiled from: every schema under `$defs`.
pub(super) fn validators(schemas: &BTreeMap<String, Value>) -> Value {
    let definitions: Map<String, Value> = schemas.iter().map(|(name, schema)| (name.clone(), lower(schema, Purpose::Validation))).collect();
    json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": definitions })
}

/// Lowers one schema.
pub(super) fn lower(schema: &Value, purpose: Purpose) -> Value {
    let Some(map) = schema.as_object() else { return schema.clone() };
    if let Some(name) = reference(map) {
        return match purpose {
            Purpose::Validation => json!({ "$ref": format!("#/$defs/{name}") }),
            Purpose::Types => schema.clone(),
        };
    }
    if *schema == null_branch() {
        return json!({ "type": "null" });
    }
    let mut lowered = Map::new();
    for (key, value) in map {
        let value = match key.as_str() {
            "nullable" => continue,
            key if key.starts_with("x-") => continue,
            "description" | "example" | "title" | "default" | "deprecated" if purpose == Purpose::Validation => continue,
            key if purpose == Purpose::Types && NOT_IN_TYPES.contains(&key) => continue,
            // `minimum: 0` makes an integer unsigned.
            "minimum" if purpose == Purpose::Types && value != &json!(0) => continue,
            "additionalProperties" if purpose == Purpose::Types && value.is_boolean() => continue,
            "items" | "additionalProperties" => lower(value, purpose),
            "properties" => {
                value.as_object().into_iter().flatten().map(|(name, property)| (name.clone(), lower(property, purpose))).collect()
            }
            "oneOf" => value.as_array().into_iter().flatten().map(|branch| lower(branch, purpose)).collect(),
            _ => value.clone(),
        };
        lowered.insert(key.clone(), value);
    }
    if purpose == Purpose::Validation {
        if map.get("type") == Some(&json!("integer")) {
            lowered.insert("x-bits".into(), if map.get("format") == Some(&json!("int32")) { 32.into() } else { 64.into() });
        }
        if let Some(length) = map.get("x-max-key-length") {
            lowered.insert("propertyNames".into(), json!({ "maxLength": length }));
        }
        union(map, &mut lowered);
    }
    if map.get("nullable") == Some(&Value::Bool(true)) { nullable(lowered) } else { Value::Object(lowered) }
}

fn union(map: &Map<String, Value>, lowered: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = lowered.remove("oneOf") else { return };
    if let Some(Value::Array(selectors)) = map.get(SELECTORS) {
        let mut selected = Value::Bool(true);
        for (selector, branch) in selectors.iter().zip(branches).rev() {
            let present: Vec<Value> = names(selector).map(|name| json!({ "required": [name] })).collect();
            // The last branch is the default, and so has no condition.
            selected = if present.is_empty() {
                branch
            } else {
                json!({ "if": { "type": "object", "anyOf": present }, "then": branch, "else": selected })
            };
        }
        if let Value::Object(selected) = selected {
            lowered.extend(selected);
        }
        return;
    }
    if let Some(merged) = scalars(&branches) {
        lowered.extend(merged);
    } else if let [branch, null] = branches.as_slice()
        && *null == json!({ "type": "null" })
    {
        lowered.extend([("if".into(), null.clone()), ("else".into(), branch.clone())]);
    } else {
        lowered.insert("oneOf".into(), Value::Array(branches));
    }
}

/// Constraints of a scalar say nothing about values of another type, so branches of distinct types
/// can stand in one schema.
fn scalars(branches: &[Value]) -> Option<Map<String, Value>> {
    let mut merged = Map::new();
    let mut types = Vec::new();
    for branch in branches {
        for (key, value) in branch.as_object()? {
            match (key.as_str(), value.as_str()) {
                ("type", Some("string" | "number" | "boolean" | "null")) if !types.contains(value) => types.push(value.clone()),
                ("minLength" | "maxLength" | "pattern" | "minimum" | "maximum", _) => drop(merged.insert(key.clone(), value.clone())),
                _ => return None,
            }
        }
    }
    (types.len() == branches.len()).then(|| {
        merged.insert("type".into(), Value::Array(types));
        merged
    })
}

fn nullable(mut lowered: Map<String, Value>) -> Value {
    let type_ = lowered.remove("type").unwrap_or_default();
    lowered.insert("type".into(), json!([type_, "null"]));
    if let Some(Value::Array(values)) = lowered.get_mut("enum") {
        values.push(Value::Null);
    }
    Value::Object(lowered)
}

/// The component a schema refers to.
pub(super) fn reference(map: &Map<String, Value>) -> Option<&str> {
    map.get("$ref")?.as_str()?.strip_prefix(COMPONENTS)
}

/// The properties of a selector: a name, a list of names, or null for none.
pub(super) fn names(selector: &Value) -> impl Iterator<Item = &str> {
    let list = selector.as_array().map(Vec::as_slice).unwrap_or(std::slice::from_ref(selector));
    list.iter().filter_map(Value::as_str)
}

/// Typed unions try their branches in order. That finds the branch that was validated only if a
/// branch cannot be read from a value that does not select it.
pub(super) fn check_selectors(schemas: &BTreeMap<String, Value>) -> Result<(), Stop> {
    for (name, schema) in schemas {
        let Some(selectors) = schema.get(SELECTORS) else { continue };
        let stop = |reason: &str| Err(Stop::at(format!("{name}/{SELECTORS}"), reason));
        let (Some(selectors), Some(branches)) = (selectors.as_array(), schema.get("oneOf").and_then(Value::as_array)) else {
            return stop("is a list beside `oneOf`");
        };
        if selectors.len() != branches.len() || selectors.iter().rev().skip(1).any(|s| names(s).next().is_none()) {
            return stop("has one entry for each branch, and only the last may be null");
        }
        for (selector, branch) in selectors.iter().zip(branches) {
            let required = branch.as_object().and_then(reference).and_then(|name| schemas.get(name)?.get("required")?.as_array());
            let guarded = names(selector).any(|name| required.is_some_and(|required| required.contains(&json!(name))));
            if !guarded && names(selector).next().is_some() {
                return stop("a branch requires one of the properties that select it");
            }
        }
    }
    Ok(())
}
