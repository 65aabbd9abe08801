//! A part of a document, with the place where it stands.

use serde_json::Value;

/// A part of a document; references are followed, so its place is where it is written.
#[derive(Clone)]
pub(super) struct Node<'a> {
    document: &'a Value,
    value: &'a Value,
    place: String,
}

/// Longest chain of references; the bundle has none that is longer.
const HOPS: usize = 8;

impl<'a> Node<'a> {
    pub(super) fn root(document: &'a Value) -> Self {
        Self { document, value: document, place: String::new() }
    }

    /// The schema that everything satisfies, where none is written.
    pub(super) fn anything(&self, key: &str) -> Self {
        Self { document: self.document, value: &Value::Bool(true), place: self.under(key) }
    }

    pub(super) fn value(&self) -> &'a Value {
        self.value
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The place of something that is, or could be, below.
    pub(super) fn under(&self, key: &str) -> String {
        format!("{}/{}", self.place, escaped(key))
    }

    fn at(&self, key: &str, value: &'a Value) -> Self {
        let mut node = Self { document: self.document, value, place: self.under(key) };
        for _ in 0..HOPS {
            let Some(pointer) = node.text("$ref").and_then(|reference| reference.strip_prefix('#')) else { break };
            let Some(value) = self.document.pointer(pointer) else { break };
            node = Self { document: self.document, value, place: pointer.to_owned() };
        }
        node
    }

    pub(super) fn get(&self, key: &str) -> Option<Self> {
        self.value.get(key).map(|value| self.at(key, value))
    }

    /// What is below by its key; nothing where this is no object.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Self)> {
        self.value.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), self.at(key, value)))
    }

    /// The items; none where this is no list.
    pub(super) fn items(&self) -> impl Iterator<Item = Self> {
        self.value.as_array().into_iter().flatten().enumerate().map(|(index, value)| self.at(&index.to_string(), value))
    }

    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.value.get(key).and_then(Value::as_str)
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        self.value.get(key) == Some(&Value::Bool(true))
    }

    /// The texts of a list.
    pub(super) fn texts(&self, key: &str) -> Vec<&'a str> {
        self.value.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

/// A key as a pointer has it.
pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
