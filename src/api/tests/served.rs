//! What poem-openapi says of the service is what the contract says, as far as it can say it.

use poem_openapi::OpenApiService;
use serde_json::{Map, Value};

use super::{caller::verifier_and_caller, fake::Fake};
use crate::{
    api::Dispatcher,
    contract::{v0, v1alpha1},
    telemetry::Metrics,
};

/// What poem-openapi has no words for, or words of its own.
///
/// | in the contract | there |
/// |---|---|
/// | closed objects | `additionalProperties` is a schema, never `false` |
/// | extensions, and `RemediationChange`, which only one refers to | nothing |
/// | examples of parameters, headers and media types | nothing |
/// | license, contact, `openapi: 3.0.3`, no servers | `openapi: 3.0.0`, an empty list of servers |
/// | nothing, where it is as usual | `explode: true`, `deprecated: false`, `required: false` |
fn inexpressible(key: &str, value: &Value) -> bool {
    match key {
        "additionalProperties" => value.is_boolean(),
        "RemediationChange" | "example" | "openapi" | "info" | "servers" | "explode" => true,
        "deprecated" | "required" => value == &Value::Bool(false),
        key => key.starts_with("x-"),
    }
}

/// The document without what cannot be expressed, shared parts written where they are used.
fn expressible(document: &Value, value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let shared = map.get("$ref").and_then(Value::as_str).filter(|reference| !reference.starts_with("#/components/schemas/"));
            if let Some(target) = shared.and_then(|reference| document.pointer(&reference[1..])) {
                return expressible(document, target);
            }
            let kept = map.iter().filter(|(key, value)| !inexpressible(key, value));
            kept.map(|(key, value)| (key.clone(), expressible(document, value))).collect()
        }
        Value::Array(items) => items.iter().map(|item| expressible(document, item)).collect(),
        // It keeps bounds as floating-point numbers.
        Value::Number(number) => number.as_f64().into(),
        scalar => scalar.clone(),
    }
}

fn compared(text: &str) -> Value {
    let document: Value = serde_json::from_str(text).unwrap();
    let mut document = expressible(&document, &document);
    let components = document["components"].as_object_mut().unwrap();
    components.retain(|name, _| name == "schemas" || name == "securitySchemes");
    document
}

/// Where two documents differ, as pointers.
fn differences(place: &str, a: &Value, b: &Value, found: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let at = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                differences(&format!("{place}/{key}"), &at(a), &at(b), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{place}/{index}"), a, b, found);
            }
        }
        _ if a == b => {}
        _ => found.push(format!("{place}: {a} is served as {b}")),
    }
}

#[test]
fn the_service_describes_itself_as_the_contract_does() {
    let (api, metrics) = (std::sync::Arc::new(Fake), Metrics::new());
    let dispatcher = Dispatcher::new(verifier_and_caller(&metrics).0, metrics);
    let stable = OpenApiService::new(v0::Service::new(api.clone(), dispatcher.clone()), "", "").spec();
    let alpha = OpenApiService::new(v1alpha1::Service::new(api, dispatcher), "", "").spec();
    for (contract, served) in [(v0::DOCUMENT, stable), (v1alpha1::DOCUMENT, alpha)] {
        let mut found = Vec::new();
        differences("", &compared(contract), &compared(&served), &mut found);
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
