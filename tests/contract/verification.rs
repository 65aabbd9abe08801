//! A task says what has to hold afterwards as a remediation does: same fields, same bounds.

use serde_json::Value;
use zen_agent::{
    contract::{v0, v1alpha1},
    remediation::crd,
};

fn compare(schemas: &Value, declared: &Value, stored: &Value, path: &str) -> usize {
    let declared = match declared["$ref"].as_str() {
        Some(reference) => &schemas[reference.rsplit('/').next().unwrap()],
        None => declared,
    };
    assert_eq!(declared["type"], stored["type"], "{path}");
    for bound in ["minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"] {
        assert_eq!(declared[bound].as_f64(), stored[bound].as_f64(), "{path} {bound}");
    }
    let words = |schema: &Value| schema["enum"].as_array().map(|words| words.iter().filter(|word| word.is_string()).count());
    assert_eq!(words(declared), words(stored), "{path}");
    let mut compared = 1;
    if let Some(stored) = stored.get("items") {
        compared += compare(schemas, &declared["items"], stored, &format!("{path}[]"));
    }
    if let Some(fields) = stored["properties"].as_object() {
        let known: Vec<_> = declared["properties"].as_object().unwrap().keys().collect();
        assert_eq!(known, fields.keys().collect::<Vec<_>>(), "{path}");
        for (name, field) in fields {
            compared += compare(schemas, &declared["properties"][name], field, &format!("{path}.{name}"));
        }
    }
    compared
}

#[test]
fn a_task_and_a_remediation_say_the_same_of_what_has_to_hold_afterwards() {
    let definition = serde_json::to_value(crd()).unwrap();
    let stored = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["verification"];
    for document in [v0::DOCUMENT, v1alpha1::DOCUMENT] {
        let document: Value = serde_json::from_str(document).unwrap();
        let schemas = &document["components"]["schemas"];
        let compared = compare(schemas, &schemas["Verification"], stored, "verification");
        assert!(compared > 15, "{compared}");
    }
}
