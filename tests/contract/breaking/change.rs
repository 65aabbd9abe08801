//! Changes of a document.

use serde_json::Value;

pub(super) type Change = Box<dyn Fn(&mut Value)>;

/// Where the components are.
pub(super) const SCHEMAS: &str = "/components/schemas";

pub(super) fn at<'a>(document: &'a mut Value, pointer: &str) -> &'a mut Value {
    document.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is not there"))
}

pub(super) fn parts(pointer: &str) -> (&str, String) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    (parent, key.replace("~1", "/").replace("~0", "~"))
}

/// Puts a value where one may be or not.
pub(super) fn put(pointer: impl Into<String>, value: Value) -> Change {
    let pointer = pointer.into();
    Box::new(move |document| {
        let (parent, key) = parts(&pointer);
        match at(document, parent) {
            Value::Array(items) => items[key.parse::<usize>().unwrap()] = value.clone(),
            parent => parent[key] = value.clone(),
        }
    })
}

/// Takes away what is there.
pub(super) fn drop(pointer: impl Into<String>) -> Change {
    let pointer = pointer.into();
    Box::new(move |document| {
        let (parent, key) = parts(&pointer);
        match at(document, parent) {
            Value::Array(items) => std::mem::drop(items.remove(key.parse().unwrap())),
            parent => assert!(parent.as_object_mut().unwrap().remove(&key).is_some(), "{pointer} is not there"),
        }
    })
}

/// Adds to a list.
pub(super) fn push(pointer: impl Into<String>, value: Value) -> Change {
    let pointer = pointer.into();
    Box::new(move |document| at(document, &pointer).as_array_mut().unwrap().push(value.clone()))
}

/// Takes a text out of a list.
pub(super) fn pull(pointer: impl Into<String>, text: &'static str) -> Change {
    let pointer = pointer.into();
    Box::new(move |document| {
        let items = at(document, &pointer).as_array_mut().unwrap();
        let before = items.len();
        items.retain(|item| item != text);
        assert!(items.len() < before, "{text} is not there");
    })
}

/// Gives something another name.
pub(super) fn rename(parent: impl Into<String>, from: &'static str, to: &'static str) -> Change {
    let parent = parent.into();
    Box::new(move |document| {
        let parent = at(document, &parent).as_object_mut().unwrap();
        let value = parent.remove(from).unwrap();
        parent.insert(to.to_owned(), value);
    })
}

pub(super) fn both(first: Change, second: Change) -> Change {
    Box::new(move |document| {
        first(document);
        second(document);
    })
}

/// Gives a component another name, everywhere.
pub(super) fn rename_component(from: &'static str, to: &'static str) -> Change {
    fn walk(value: &mut Value, from: &str, to: &str) {
        match value {
            Value::Object(map) => map.values_mut().for_each(|value| walk(value, from, to)),
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, from, to)),
            Value::String(text) if text == from => *text = to.to_owned(),
            _ => {}
        }
    }
    Box::new(move |document| {
        rename(SCHEMAS, from, to)(document);
        walk(document, &format!("#/components/schemas/{from}"), &format!("#/components/schemas/{to}"));
    })
}
