//! Who holds which fields, as `managedFields` say it
//! (<https://kubernetes.io/docs/reference/using-api/server-side-apply/>): a tree whose keys are steps into the object.
//!
//! | key          | step to |
//! |--------------|---------|
//! | `f:<name>`   | a field |
//! | `k:<fields>` | the item of a list that has these fields |
//! | `v:<value>`  | the item of a list that is this |
//! | `i:<index>`  | the item of a list at this place |
//! | `.`          | what is here itself |
//!
//! What has no steps is held as a whole.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::api::DynamicObject;
use serde_json::{Map, Value, json};

/// A step into an object.
enum Step {
    Field(String),
    Key(Map<String, Value>),
    Item(Value),
    At(usize),
}

impl Step {
    fn read(key: &str) -> Option<Self> {
        let (kind, rest) = key.split_once(':')?;
        match kind {
            "f" => Some(Self::Field(rest.to_owned())),
            "k" => serde_json::from_str(rest).ok().map(Self::Key),
            "v" => serde_json::from_str(rest).ok().map(Self::Item),
            "i" => rest.parse().ok().map(Self::At),
            _ => None,
        }
    }

    fn place(&self, list: &[Value]) -> Option<usize> {
        match self {
            Self::Field(_) => None,
            Self::Key(fields) => list.iter().position(|item| fields.iter().all(|(key, value)| item.get(key) == Some(value))),
            Self::Item(value) => list.iter().position(|item| item == value),
            Self::At(index) => (*index < list.len()).then_some(*index),
        }
    }

    fn of<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        match (self, value) {
            (Self::Field(name), Value::Object(fields)) => fields.get(name),
            (_, Value::Array(list)) => self.place(list).and_then(|place| list.get(place)),
            _ => None,
        }
    }

    fn of_mut<'a>(&self, value: &'a mut Value) -> Option<&'a mut Value> {
        match (self, value) {
            (Self::Field(name), Value::Object(fields)) => fields.get_mut(name),
            (_, Value::Array(list)) => self.place(list).and_then(|place| list.get_mut(place)),
            _ => None,
        }
    }

    fn take_off(&self, value: &mut Value) {
        match (self, value) {
            (Self::Field(name), Value::Object(fields)) => _ = fields.remove(name),
            (_, Value::Array(list)) => _ = self.place(list).map(|place| list.remove(place)),
            _ => {}
        }
    }
}

/// The steps of a tree, with what is held below each.
fn steps(tree: &Value) -> impl Iterator<Item = (&String, Step, &Value)> {
    tree.as_object().into_iter().flatten().filter_map(|(key, below)| Some((key, Step::read(key)?, below)))
}

fn is_whole(tree: &Value) -> bool {
    steps(tree).next().is_none()
}

fn tree(entry: &ManagedFieldsEntry) -> Option<&Value> {
    entry.fields_v1.as_ref().map(|fields| &fields.0)
}

fn is_of(entry: &ManagedFieldsEntry, manager: &str) -> bool {
    entry.manager.as_deref() == Some(manager)
}

fn entries(object: &DynamicObject) -> &[ManagedFieldsEntry] {
    object.metadata.managed_fields.as_deref().unwrap_or_default()
}

/// What this manager holds by an apply.
pub(super) fn applied<'a>(object: &'a DynamicObject, manager: &str) -> Option<&'a Value> {
    entries(object).iter().find(|entry| is_of(entry, manager) && entry.operation.as_deref() == Some("Apply")).and_then(tree)
}

/// The values of the fields of a tree, of those that are there.
pub(super) fn excerpt(tree: &Value, value: &Value) -> Option<Value> {
    if is_whole(tree) {
        return Some(value.clone());
    }
    let mut found = if value.is_array() { json!([]) } else { json!({}) };
    for (_, step, below) in steps(tree) {
        let Some(there) = step.of(value) else { continue };
        let mut there = excerpt(below, there)?;
        match (&step, &mut found) {
            (Step::Field(name), Value::Object(fields)) => _ = fields.insert(name.clone(), there),
            (_, Value::Array(list)) => {
                // By these it is found again.
                if let (Step::Key(keys), Some(fields)) = (&step, there.as_object_mut()) {
                    fields.extend(keys.clone());
                }
                list.push(there);
            }
            _ => {}
        }
    }
    Some(found)
}

/// Whether an excerpt still reads so.
pub(super) fn reads(value: &Value, excerpt: &Value) -> bool {
    match (value, excerpt) {
        (Value::Object(value), Value::Object(excerpt)) => {
            excerpt.iter().all(|(key, wanted)| value.get(key).is_some_and(|value| reads(value, wanted)))
        }
        (Value::Array(value), Value::Array(excerpt)) => excerpt.iter().all(|wanted| value.iter().any(|value| reads(value, wanted))),
        (value, excerpt) => value == excerpt,
    }
}

/// The object as it reads without what this manager alone holds: former values in its place, and no entry of it.
/// `None` where it has none.
pub(super) fn without(object: &DynamicObject, manager: &str, former: &Value) -> Option<DynamicObject> {
    let (own, others): (Vec<_>, Vec<_>) = entries(object).iter().cloned().partition(|entry| is_of(entry, manager));
    if own.is_empty() {
        return None;
    }
    let mut value = json!(object);
    if let Some(held) = applied(object, manager) {
        restore(held, &others.iter().filter_map(tree).collect::<Vec<_>>(), &mut value, Some(former), &Map::new());
    }
    // An empty list is none to the server, and a list of an empty entry is an empty one.
    value["metadata"]["managedFields"] = if others.is_empty() { json!([{}]) } else { json!(others) };
    serde_json::from_value(value).ok()
}

/// Goes through what is held here; `keys` are the fields by which the item of a list that this is is known.
fn restore(held: &Value, others: &[&Value], value: &mut Value, former: Option<&Value>, keys: &Map<String, Value>) {
    for (key, step, below) in steps(held) {
        if matches!(&step, Step::Field(name) if keys.contains_key(name)) {
            continue;
        }
        let others: Vec<_> = others.iter().filter_map(|other| other.get(key)).collect();
        match (former.and_then(|former| step.of(former)), is_whole(below)) {
            (_, true) if !others.is_empty() => {}
            (None, _) if others.is_empty() => step.take_off(value),
            (Some(former), true) => _ = step.of_mut(value).map(|value| value.clone_from(former)),
            (former, _) => {
                let none = Map::new();
                let keys = if let Step::Key(keys) = &step { keys } else { &none };
                if let Some(value) = step.of_mut(value) {
                    restore(below, &others, value, former, keys);
                }
            }
        }
    }
}

/// Who else holds what is wanted of the object: not its status, nor what controllers note on it.
pub(super) fn other_holders<'a>(object: &'a DynamicObject, manager: &str) -> Vec<&'a str> {
    let is_wanted = |tree: &Value| {
        let metadata = tree["f:metadata"].as_object().into_iter().flatten();
        let wanted = |(key, below): (&String, &Value)| key != "f:annotations" || steps(below).any(|(_, step, _)| !is_note(&step));
        steps(tree).any(|(key, ..)| !["f:status", "f:metadata"].contains(&key.as_str()))
            || metadata.filter(|(key, _)| *key != ".").any(wanted)
    };
    let others = entries(object).iter().filter(|entry| !is_of(entry, manager) && entry.subresource.as_deref() != Some("status"));
    others.filter(|entry| tree(entry).is_some_and(is_wanted)).map(|entry| entry.manager.as_deref().unwrap_or("somebody")).collect()
}

/// An annotation of Kubernetes' own, such as the revision of a Deployment.
fn is_note(step: &Step) -> bool {
    matches!(step, Step::Field(name) if super::super::annotate::is_kubernetes_own(name))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const ME: &str = "me";

    fn object(managed: Value, rest: Value) -> DynamicObject {
        let mut value = json!({ "apiVersion": "v1", "kind": "X", "metadata": { "name": "x", "managedFields": managed } });
        value.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        serde_json::from_value(value).unwrap()
    }

    fn entry(manager: &str, operation: &str, fields: Value) -> Value {
        json!({ "manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields })
    }

    #[test]
    fn what_is_held_alone_is_set_back_by_key_value_and_name_and_what_others_hold_stays() {
        let held = json!({
            "f:data": { "f:old": {}, "f:new": {}, "f:theirs": {} },
            "f:list": {
                "k:{\"name\":\"a\"}": { ".": {}, "f:name": {}, "f:image": {} },
                "k:{\"name\":\"b\"}": { ".": {}, "f:name": {}, "f:image": {} },
            },
            "f:set": { "v:\"x\"": {} },
            "f:whole": {},
            "f:made": { "f:a": {} },
        });
        let before = json!({
            "data": { "old": "1", "keep": "k" }, "list": [{ "name": "a", "image": "1", "other": true }], "set": ["y"], "whole": { "a": 1, "b": 2 },
        });
        let after = json!({
            "data": { "old": "2", "new": "2", "theirs": "2", "keep": "k" },
            "list": [{ "name": "a", "image": "2", "other": true }, { "name": "b", "image": "2", "defaulted": 1 }],
            "set": ["y", "x"], "whole": { "a": 3 }, "made": { "a": 1 },
        });
        let former = excerpt(&held, &before).unwrap();
        assert_eq!(
            former,
            json!({ "data": { "old": "1" }, "list": [{ "name": "a", "image": "1" }], "set": [], "whole": { "a": 1, "b": 2 } })
        );
        assert!(reads(&before, &former) && !reads(&after, &former));
        let theirs = entry("them", "Update", json!({ "f:data": { "f:theirs": {} } }));
        let live = object(json!([theirs, entry(ME, "Apply", held), entry(ME, "Update", json!({}))]), after);
        let back = without(&live, ME, &former).unwrap();
        let wanted = json!({
            "data": { "old": "1", "theirs": "2", "keep": "k" }, "list": [{ "name": "a", "image": "1", "other": true }], "set": ["y"],
            "whole": { "a": 1, "b": 2 },
        });
        assert_eq!(back.data, wanted);
        assert_eq!(entries(&back).iter().map(|entry| entry.manager.as_deref()).collect::<Vec<_>>(), [Some("them")]);
        assert!(without(&back, ME, &former).is_none());
    }

    #[test]
    fn without_any_other_entry_the_list_of_them_is_emptied_as_the_server_takes_it() {
        let live = object(json!([entry(ME, "Apply", json!({ "f:data": { "f:a": {} } }))]), json!({ "data": { "a": "1" } }));
        let back = without(&live, ME, &json!({})).unwrap();
        assert_eq!((json!(back)["metadata"]["managedFields"].clone(), back.data), (json!([{}]), json!({})));
    }

    #[test]
    fn what_others_hold_counts_but_for_status_and_the_notes_of_controllers() {
        let held = |fields: Value| {
            let live = object(json!([entry(ME, "Update", json!({ "f:data": {} })), entry("them", "Update", fields)]), json!({}));
            other_holders(&live, ME) == ["them"]
        };
        let revision = json!({ ".": {}, "f:deployment.kubernetes.io/revision": {} });
        assert!(!held(json!({ "f:metadata": { "f:annotations": revision }, "f:status": { "f:x": {} } })));
        assert!(held(json!({ "f:metadata": { "f:annotations": { "f:theirs": {} } } })));
        assert!(held(json!({ "f:metadata": { "f:labels": { "f:theirs": {} } } })));
        assert!(held(json!({ "f:data": { "f:theirs": {} } })));
    }
}
