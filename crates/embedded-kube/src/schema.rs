//! Structural schemas: what a CustomResourceDefinition says its objects look like.
//!
//! ```text
//!  object ─▶ nulls that are not nullable go ─▶ unknown fields go ─▶ defaults come ─▶ validation
//! ```

mod convert;
mod violations;

use std::collections::BTreeMap;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value};

use crate::error::FieldError;

/// A schema, compiled once.
#[derive(Debug)]
pub(crate) struct Schema {
    root: Node,
    validator: Validator,
}

/// Why a definition's schema cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the schema does not compile: {0}")]
pub(crate) struct SchemaError(String);

/// The parts of a schema that change objects, for one place in them.
#[derive(Debug, Default)]
struct Node {
    nullable: bool,
    /// Fields that the schema does not name stay.
    preserve: bool,
    /// A whole object with apiVersion, kind and metadata.
    embedded: bool,
    default: Option<Value>,
    properties: BTreeMap<String, Node>,
    additional: Option<Box<Node>>,
    items: Option<Box<Node>>,
}

impl Schema {
    /// # Errors
    /// When the validator cannot be built, for instance for a pattern that is none.
    pub(crate) fn compile(schema: &Value) -> Result<Self, SchemaError> {
        let validator = jsonschema::options()
            .with_draft(Draft::Draft4)
            .should_validate_formats(true)
            // Linear in the text, like the engine of a real API server.
            .with_pattern_options(PatternOptions::regex())
            .build(&convert::to_draft4(schema))
            .map_err(|error| SchemaError(error.masked().to_string()))?;
        Ok(Self { root: Node::compile(schema), validator })
    }

    /// Drops what is unknown and sets what has a default; answers with the paths of what was unknown.
    pub(crate) fn coerce(&self, rest: &mut Map<String, Value>) -> Vec<String> {
        self.root.drop_nulls(rest);
        let mut unknown = Vec::new();
        self.root.prune(rest, "", &mut unknown);
        self.root.set_defaults(rest);
        unknown
    }

    /// Everything that is wrong with a whole object.
    pub(crate) fn violations(&self, whole: &Value) -> Vec<FieldError> {
        self.validator.iter_errors(whole).map(|error| violations::field_error(&error)).collect()
    }
}

impl Node {
    fn compile(schema: &Value) -> Self {
        let says = |key: &str| schema.get(key).and_then(Value::as_bool).unwrap_or(false);
        let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        let additional = schema.get("additionalProperties");
        Self {
            nullable: says("nullable"),
            preserve: says("x-kubernetes-preserve-unknown-fields") || additional == Some(&Value::Bool(true)),
            embedded: says("x-kubernetes-embedded-resource"),
            default: schema.get("default").cloned(),
            properties: properties.map(|(name, schema)| (name.clone(), Self::compile(schema))).collect(),
            additional: additional.filter(|schema| schema.is_object()).map(|schema| Box::new(Self::compile(schema))),
            items: schema.get("items").map(|schema| Box::new(Self::compile(schema))),
        }
    }

    fn child(&self, name: &str) -> Option<&Self> {
        self.properties.get(name).or(self.additional.as_deref())
    }

    fn drop_nulls(&self, map: &mut Map<String, Value>) {
        map.retain(|name, value| !value.is_null() || self.child(name).is_none_or(|child| child.nullable));
        for (name, value) in map {
            if let Some(child) = self.child(name) {
                child.each_map(value, &mut |node, map| node.drop_nulls(map));
            }
        }
    }

    fn set_defaults(&self, map: &mut Map<String, Value>) {
        for (name, child) in &self.properties {
            if let (Some(default), false) = (&child.default, map.contains_key(name)) {
                map.insert(name.clone(), default.clone());
            }
        }
        for (name, value) in map {
            if let Some(child) = self.child(name) {
                child.each_map(value, &mut |node, map| node.set_defaults(map));
            }
        }
    }

    /// Calls `change` on the nearest objects at or below `value`, through arrays.
    fn each_map(&self, value: &mut Value, change: &mut impl FnMut(&Self, &mut Map<String, Value>)) {
        match value {
            Value::Object(map) => change(self, map),
            Value::Array(values) => {
                if let Some(items) = &self.items {
                    for value in values {
                        items.each_map(value, change);
                    }
                }
            }
            _ => {}
        }
    }

    fn prune(&self, map: &mut Map<String, Value>, path: &str, unknown: &mut Vec<String>) {
        let at_root = path.is_empty();
        map.retain(|name, value| {
            let path = if at_root { name.clone() } else { format!("{path}.{name}") };
            let of_every_object = (at_root || self.embedded) && matches!(name.as_str(), "apiVersion" | "kind" | "metadata");
            match self.child(name) {
                Some(child) => child.prune_below(value, &path, unknown),
                None if self.preserve || of_every_object => {}
                None => {
                    unknown.push(path);
                    return false;
                }
            }
            true
        });
    }

    fn prune_below(&self, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
        match value {
            Value::Object(map) => self.prune(map, path, unknown),
            Value::Array(values) => {
                if let Some(items) = &self.items {
                    for (index, value) in values.iter_mut().enumerate() {
                        items.prune_below(value, &format!("{path}[{index}]"), unknown);
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
