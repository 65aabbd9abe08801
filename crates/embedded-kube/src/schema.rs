//! Structural schemas: what a CustomResourceDefinition says its objects look like.
//!
//! ```text
//!  object ─▶ nulls that are not nullable go ─▶ unknown fields go ─▶ defaults come
//!                                                                        │
//!     rules hold? ◀─ nothing is twice in a set or map ◀─ types, bounds ◀─┘
//! ```
//!
//! An update is not held to what it leaves as it was (ratcheting): a definition may become stricter
//! than what is stored.

mod convert;
mod lists;
mod rules;
mod violations;

use std::collections::BTreeMap;

use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value};

use crate::error::FieldError;
use rules::{Former, Place, Rule};

/// A schema, compiled once.
#[derive(Debug)]
pub(crate) struct Schema {
    root: Node,
    validator: Validator,
    has_rules: bool,
    source: Value,
}

/// What is known of one place in objects, beside what the validator knows.
#[derive(Debug, Default)]
struct Node {
    ty: String,
    format: String,
    nullable: bool,
    /// Fields that the schema does not name stay.
    preserve: bool,
    /// A whole object with apiVersion, kind and metadata.
    embedded: bool,
    default: Option<Value>,
    properties: BTreeMap<String, Node>,
    additional: Option<Box<Node>>,
    items: Option<Box<Node>>,
    list: ListType,
    rules: Vec<Rule>,
}

/// How the items of a list are told apart.
#[derive(Debug, Default)]
enum ListType {
    /// Not at all.
    #[default]
    Atomic,
    /// By their values.
    Set,
    /// By these of their fields.
    Map(Vec<String>),
}

impl Schema {
    /// # Errors
    /// What is wrong with the schema, which stands at `field` of its definition.
    pub(crate) fn compile(schema: &Value, field: &str) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let root = Node::root(schema, field, &mut errors);
        let validator = jsonschema::options()
            .with_draft(Draft::Draft4)
            .should_validate_formats(true)
            // Linear in the text, like the engine of a real API server.
            .with_pattern_options(PatternOptions::regex())
            .build(&convert::to_draft4(schema));
        match validator {
            Ok(validator) if errors.is_empty() => Ok(Self { has_rules: root.has_rules(), root, validator, source: schema.clone() }),
            Ok(_) => Err(errors),
            Err(error) => {
                errors.push(FieldError::invalid(field, &Value::from("schema"), format!("does not compile: {}", error.masked())));
                Err(errors)
            }
        }
    }

    /// What it was compiled from.
    pub(crate) fn source(&self) -> &Value {
        &self.source
    }

    /// Drops what is unknown and sets what has a default; answers with the paths of what was unknown.
    pub(crate) fn coerce(&self, rest: &mut Map<String, Value>) -> Vec<String> {
        self.root.drop_nulls(rest);
        let mut unknown = Vec::new();
        self.root.prune(rest, "", &mut unknown);
        self.root.set_defaults(rest);
        unknown
    }

    /// Adds everything that is wrong with a whole object; `former` is what an update makes it of.
    pub(crate) fn check(&self, whole: &Value, former: Option<&Value>, errors: &mut Vec<FieldError>) {
        let is_new = |place: &Location| former.is_none_or(|former| !self.root.is_unchanged(place, whole, former));
        let found = self.validator.iter_errors(whole).filter(|error| is_new(error.instance_path()));
        errors.extend(found.map(|error| violations::field_error(&error)));
        if former.is_none_or(|former| self.duplicates(former).is_empty()) {
            errors.extend(self.duplicates(whole));
        }
        if self.has_rules && errors.iter().any(FieldError::keeps_rules_from_being_checked) {
            errors.push(FieldError::rules_not_checked());
        } else {
            self.root.judge(whole, Former { value: former, unchanged: false }, &Place::root(), errors);
        }
    }

    fn duplicates(&self, whole: &Value) -> Vec<FieldError> {
        let mut found = Vec::new();
        self.root.find_duplicates(whole, &Place::root(), &mut found);
        found
    }
}

impl Node {
    /// The whole object; rules see its type and its name beside what the schema says.
    fn root(schema: &Value, field: &str, errors: &mut Vec<FieldError>) -> Self {
        let text = || Self { ty: "string".into(), ..Self::default() };
        let named = ["name", "generateName"].map(|name| (name.to_owned(), text()));
        let metadata = Self { ty: "object".into(), properties: named.into(), ..Self::default() };
        let mut root = Self::compile(schema, field, true, errors);
        for (name, node) in [("apiVersion", text()), ("kind", text()), ("metadata", metadata)] {
            root.properties.entry(name.into()).or_insert(node);
        }
        root.add_rules(schema, field, true, errors);
        root
    }

    /// Without the rules of this place; `correlatable` says whether it can be told what a value here was before.
    fn compile(schema: &Value, field: &str, correlatable: bool, errors: &mut Vec<FieldError>) -> Self {
        let says = |key: &str| schema.get(key).and_then(Value::as_bool).unwrap_or(false);
        let text = |key: &str| schema.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let list = ListType::compile(schema, field, errors);
        let keeps_track = correlatable && matches!(list, ListType::Map(_));
        let mut below = |schema: &Value, field: String, correlatable: bool| {
            let mut node = Self::compile(schema, &field, correlatable, errors);
            node.add_rules(schema, &field, correlatable, errors);
            node
        };
        let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        let properties =
            properties.map(|(name, schema)| (name.clone(), below(schema, format!("{field}.properties[{name}]"), correlatable)));
        let properties = properties.collect();
        let additional = schema.get("additionalProperties");
        let preserve = says("x-kubernetes-preserve-unknown-fields") || additional == Some(&Value::Bool(true));
        let additional = additional.filter(|schema| schema.is_object());
        let additional = additional.map(|schema| Box::new(below(schema, format!("{field}.additionalProperties"), correlatable)));
        let items = schema.get("items").map(|schema| Box::new(below(schema, format!("{field}.items"), keeps_track)));
        Self {
            ty: text("type"),
            format: text("format"),
            nullable: says("nullable"),
            preserve,
            embedded: says("x-kubernetes-embedded-resource"),
            default: schema.get("default").cloned(),
            properties,
            additional,
            items,
            list,
            rules: Vec::new(),
        }
    }

    fn add_rules(&mut self, schema: &Value, field: &str, correlatable: bool, errors: &mut Vec<FieldError>) {
        match rules::compile(schema, self, field, correlatable) {
            Ok(rules) => self.rules = rules,
            Err(found) => errors.extend(found),
        }
        for within in ["allOf", "anyOf", "oneOf", "not"] {
            if schema.get(within).is_some_and(|schema| schema.to_string().contains(&format!("\"{}\":", rules::KEY))) {
                errors.push(FieldError::forbidden(
                    format!("{field}.{within}"),
                    format!("{} within it is not supported by this server", rules::KEY),
                ));
            }
        }
    }

    /// Whether what stands at `place`, or what it is part of, is what it was.
    fn is_unchanged(&self, place: &Location, whole: &Value, former: &Value) -> bool {
        let (mut node, mut new, mut old) = (Some(self), whole, former);
        for segment in place.iter() {
            let (part, was) = match &segment {
                LocationSegment::Property(name) => (new.get(&**name), old.get(&**name)),
                LocationSegment::Index(index) => {
                    let item = new.get(index);
                    (item, node.zip(item).and_then(|(node, item)| node.counterpart(old, item)))
                }
            };
            let (Some(part), Some(was)) = (part, was) else { return false };
            if part == was {
                return true;
            }
            node = node.and_then(|node| match &segment {
                LocationSegment::Property(name) => node.child(name),
                LocationSegment::Index(_) => node.items.as_deref(),
            });
            (new, old) = (part, was);
        }
        false
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

impl ListType {
    fn compile(schema: &Value, field: &str, errors: &mut Vec<FieldError>) -> Self {
        match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
            None | Some("atomic") => Self::Atomic,
            Some("set") => Self::Set,
            Some("map") => {
                let keys = schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array).into_iter().flatten();
                let keys: Vec<String> = keys.filter_map(|key| Some(key.as_str()?.to_owned())).collect();
                if keys.is_empty() {
                    let field = format!("{field}.x-kubernetes-list-map-keys");
                    errors.push(FieldError::required(field, "must not be empty if x-kubernetes-list-type is map"));
                }
                Self::Map(keys)
            }
            Some(other) => {
                let known = ["atomic", "map", "set"].map(str::to_owned);
                errors.push(FieldError::unsupported(format!("{field}.x-kubernetes-list-type"), &other.into(), &known));
                Self::Atomic
            }
        }
    }
}

#[cfg(test)]
mod tests;
