//! One self-contained OpenAPI document out of a contract and the agent schemas it refers to.
//!
//! An agent schema becomes the component that its `title` names, its `definitions` become
//! components too. What the generator does not understand stops it here, with the place.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::{Map, Value, json};

/// What may stand in a schema. `x-…` may too; those that mean something are read where they do.
const KEYWORDS: [&str; 24] = [
    "type",
    "format",
    "enum",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "oneOf",
    "nullable",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "maxProperties",
    "minProperties",
    "title",
    "description",
    "example",
    "default",
    "deprecated",
];
/// What may stand in an operation.
const OPERATION: [&str; 10] = [
    "operationId",
    "summary",
    "description",
    "tags",
    "security",
    "parameters",
    "requestBody",
    "responses",
    "deprecated",
    "x-required-role",
];
/// Marks a component that an agent schema became, for Spectral.
const NATIVE: &str = "x-native-payload";
/// Says which branch of a `oneOf` is meant by which property that is present.
pub(super) const SELECTORS: &str = "x-select-by-presence";
const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];
const COMPONENTS: &str = "#/components/schemas/";

/// What is not supported or wrong in a contract, and its place there.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(super) place: String,
    pub(super) reason: String,
}

impl Stop {
    pub(super) fn at(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { place: place.into(), reason: reason.into() }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

/// Bundles `text` with those of `payloads` it refers to, and refuses what is not supported.
pub(super) fn bundle(text: &str, payloads: &BTreeMap<String, String>) -> Result<Value, Stop> {
    let mut document: Value = serde_yaml_ng::from_str(text).map_err(|error| Stop::at("/", format!("no YAML: {error}")))?;
    if document["openapi"] != "3.0.3" {
        return Err(Stop::at("/openapi", "must be 3.0.3, the newest that the client generator reads"));
    }
    let mut wanted = BTreeSet::new();
    visit_refs(&document, &mut |reference| {
        if !reference.starts_with("#/") {
            wanted.insert(reference.to_owned());
        }
    });
    for path in wanted {
        let text = payloads.get(&path).ok_or_else(|| Stop::at(&path, "is referred to, but is no file in contracts/agent"))?;
        include(&mut document, &path, text)?;
    }
    nullable_unions(&mut document);
    check(&document)?;
    Ok(document)
}

fn include(document: &mut Value, path: &str, text: &str) -> Result<(), Stop> {
    let mut root: Map<String, Value> = serde_json::from_str(text).map_err(|error| Stop::at(path, format!("no JSON object: {error}")))?;
    let Some(Value::String(title)) = root.remove("title") else {
        return Err(Stop::at(path, "needs a `title`: the name of the component it becomes"));
    };
    root.remove("$schema");
    root.remove("$id");
    let mut schemas = Map::new();
    if let Some(Value::Object(definitions)) = root.remove("definitions") {
        schemas.extend(definitions);
    }
    let target = format!("{COMPONENTS}{title}");
    root.insert(NATIVE.into(), Value::Bool(true));
    schemas.insert(title, Value::Object(root));

    for (name, mut schema) in schemas {
        rewrite_refs(&mut schema, &|reference| reference.strip_prefix("#/definitions/").map(|name| format!("{COMPONENTS}{name}")));
        let components = document
            .pointer_mut("/components/schemas")
            .and_then(Value::as_object_mut)
            .ok_or_else(|| Stop::at("/components/schemas", "is missing"))?;
        if components.insert(name.clone(), schema).is_some() {
            return Err(Stop::at(path, format!("defines `{name}`, which is defined already")));
        }
    }
    rewrite_refs(document, &|reference| (reference == path).then(|| target.clone()));
    Ok(())
}

/// Follows `#/…`, as far as it leads.
pub(super) fn follow<'a>(document: &'a Value, mut value: &'a Value) -> Result<&'a Value, Stop> {
    let mut hops = 0;
    while let Some(reference) = value.get("$ref").and_then(Value::as_str) {
        hops += 1;
        value = reference
            .strip_prefix('#')
            .and_then(|pointer| document.pointer(pointer))
            .filter(|_| hops < 8)
            .ok_or_else(|| Stop::at(reference, "leads nowhere"))?;
    }
    Ok(value)
}

fn visit_refs(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(reference) if key == "$ref" => found(reference),
                    other => visit_refs(other, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| visit_refs(item, found)),
        _ => {}
    }
}

fn rewrite_refs(value: &mut Value, rewrite: &impl Fn(&str) -> Option<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(reference) if key == "$ref" => {
                        if let Some(new) = rewrite(reference) {
                            *reference = new;
                        }
                    }
                    other => rewrite_refs(other, rewrite),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite_refs(item, rewrite)),
        _ => {}
    }
}

/// The branch of a union that is null and nothing else, as OpenAPI 3.0 has to say it.
pub(super) fn null_branch() -> Value {
    json!({ "type": "object", "nullable": true, "enum": [null] })
}

/// OpenAPI 3.0 ignores what stands beside `$ref`, and `nullable` where there is no `type`; a union
/// says the same validly.
fn nullable_unions(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("nullable") == Some(&Value::Bool(true)) {
                let branches = match (map.remove("$ref"), map.get("oneOf")) {
                    (Some(reference), _) => Some(vec![json!({ "$ref": reference })]),
                    (None, Some(Value::Array(branches))) if !map.contains_key(SELECTORS) => Some(branches.clone()),
                    _ => None,
                };
                if let Some(mut branches) = branches {
                    branches.push(null_branch());
                    map.remove("nullable");
                    map.insert("oneOf".into(), Value::Array(branches));
                }
            }
            map.values_mut().for_each(nullable_unions);
        }
        Value::Array(items) => items.iter_mut().for_each(nullable_unions),
        _ => {}
    }
}

fn check(document: &Value) -> Result<(), Stop> {
    let mut broken = None;
    visit_refs(document, &mut |reference| {
        if follow(document, &json!({ "$ref": reference })).is_err() {
            broken = Some(reference.to_owned());
        }
    });
    if let Some(reference) = broken {
        return Err(Stop::at(reference, "is referred to, but is not there"));
    }
    for (name, schema) in object(document, "/components/schemas")? {
        check_schema(schema, &format!("{COMPONENTS}{name}"))?;
    }
    for (path, item) in object(document, "/paths")? {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let place = format!("{method} {path}");
            if !METHODS.contains(&method.as_str()) {
                return Err(Stop::at(place, "only get, put, post, patch and delete are supported under a path"));
            }
            only(operation, &OPERATION, &place)?;
        }
    }
    Ok(())
}

fn check_schema(schema: &Value, place: &str) -> Result<(), Stop> {
    let map = schema.as_object().ok_or_else(|| Stop::at(place, "a schema is an object"))?;
    if let Some(reference) = map.get("$ref") {
        let here = reference.as_str().is_some_and(|reference| reference.starts_with(COMPONENTS));
        return if here && map.len() == 1 { Ok(()) } else { Err(Stop::at(place, "a `$ref` stands alone and leads to a component")) };
    }
    only(schema, &KEYWORDS, place)?;
    if map.get("type").is_some_and(|type_| !type_.is_string()) {
        return Err(Stop::at(place, "`type` is one word in OpenAPI 3.0; say `nullable` for null"));
    }
    for (name, property) in map.get("properties").and_then(Value::as_object).into_iter().flatten() {
        check_schema(property, &format!("{place}/properties/{name}"))?;
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner_schema) = map.get(inner).filter(|value| !value.is_boolean()) {
            check_schema(inner_schema, &format!("{place}/{inner}"))?;
        }
    }
    if map.contains_key("nullable") && !map.contains_key("type") {
        return Err(Stop::at(place, "`nullable` stands beside `type`, `$ref`, or a `oneOf` that is not selected by presence"));
    }
    for (index, branch) in map.get("oneOf").and_then(Value::as_array).into_iter().flatten().enumerate() {
        check_schema(branch, &format!("{place}/oneOf/{index}"))?;
    }
    Ok(())
}

fn only(value: &Value, known: &[&str], place: &str) -> Result<(), Stop> {
    let unknown = value.as_object().and_then(|map| map.keys().find(|key| !known.contains(&key.as_str()) && !key.starts_with("x-")));
    unknown.map_or(Ok(()), |key| Err(Stop::at(place, format!("`{key}` is not supported"))))
}

/// The object at `pointer`, which every contract has.
pub(super) fn object<'a>(document: &'a Value, pointer: &str) -> Result<&'a Map<String, Value>, Stop> {
    document.pointer(pointer).and_then(Value::as_object).ok_or_else(|| Stop::at(pointer, "is missing"))
}
