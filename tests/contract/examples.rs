//! The schemas are schemas, and the contracts' examples follow them.

use std::{fs, path::Path};

use serde_json::{Value, json};
use zen_agent::contract::DOCUMENTS;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Follows `#/…`.
fn follow<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => follow(document, document.pointer(&reference[1..]).unwrap()),
        None => value,
    }
}

/// What examples of a document stand beside which schema, and where.
fn examples<'a>(value: &'a Value, place: &str, found: &mut Vec<(String, &'a Value, &'a Value)>) {
    match value {
        Value::Object(map) => {
            if let (Some(schema), Some(example)) = (map.get("schema"), map.get("example")) {
                found.push((place.to_owned(), schema, example));
            }
            for (key, inner) in map.iter().filter(|(key, _)| *key != "example") {
                examples(inner, &format!("{place}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                examples(item, &format!("{place}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// The examples that do not follow their schemas.
///
/// Those of components are judged as the agent judges them, by `schemas`, which the build made of the document.
fn wrong(document: &Value, schemas: &Value) -> Vec<String> {
    let mut found = Vec::new();
    examples(document, "", &mut found);
    assert!(found.len() > 20, "only {} examples were found", found.len());
    let judged = found.into_iter().filter(|(_, schema, example)| {
        let schema = match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/components/schemas/")) {
            Some(name) => json!({ "$ref": format!("#/$defs/{name}"), "$defs": schemas["$defs"] }),
            None => follow(document, schema).clone(),
        };
        !jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap().is_valid(example)
    });
    judged.map(|(place, ..)| place).collect()
}

#[test]
fn every_example_follows_its_schema() {
    for (name, document) in DOCUMENTS.iter().filter(|(name, _)| *name != "saas") {
        let (document, schemas) = (serde_json::from_str(document).unwrap(), read(root().join(format!("generated/{name}.schemas.json"))));
        assert_eq!(wrong(&document, &schemas), [""; 0], "{name}");
    }
}

#[test]
fn an_example_that_does_not_follow_its_schema_is_seen() {
    let (_, document) = DOCUMENTS[0];
    let (mut document, schemas): (Value, _) = (serde_json::from_str(document).unwrap(), read(root().join("generated/v0.schemas.json")));
    document["components"]["parameters"]["TenantId"]["example"] = json!("no tenant");
    document["paths"]["/v0/events"]["post"]["requestBody"]["content"]["application/json"]["example"]["events"][0]["time"] = json!("noon");
    let seen = wrong(&document, &schemas);
    assert_eq!(seen, ["/components/parameters/TenantId", "/paths//v0/events/post/requestBody/content/application/json"]);
}

#[test]
fn every_schema_is_a_schema_and_what_is_none_is_seen() {
    for entry in fs::read_dir(root().join("contracts/agent")).unwrap() {
        let path = entry.unwrap().path();
        let mut schema = read(&path);
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#", "{path:?}");
        jsonschema::draft7::meta::validate(&schema).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        schema["definitions"]["Broken"] = json!({ "type": "text" });
        assert!(!jsonschema::draft7::meta::is_valid(&schema), "{path:?}");
    }
    for name in ["v0", "v1alpha1"] {
        let schemas = read(root().join(format!("generated/{name}.schemas.json")));
        jsonschema::draft202012::meta::validate(&schemas).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
