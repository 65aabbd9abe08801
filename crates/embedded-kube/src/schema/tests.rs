#![allow(clippy::unwrap_used, reason = "tests")]

use super::Schema;
use serde_json::{Map, Value, json};

fn schema() -> Schema {
    let spec = json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
            "note": {"type": "string", "nullable": true},
            "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
            "port": {"x-kubernetes-int-or-string": true},
            "count": {"type": "integer", "format": "int32", "minimum": 0},
            "at": {"type": "string", "format": "date-time"},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "facts": {"type": "object", "additionalProperties": {"type": "string"}},
            "steps": {"type": "array", "maxItems": 2, "items": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string"}, "tries": {"type": "integer", "default": 1}}}},
        },
    });
    let status = json!({"type": "object", "properties": {"phase": {"type": "string"}}, "default": {"phase": "pending"}});
    Schema::compile(&json!({"type": "object", "properties": {"spec": spec, "status": status}}), "schema").unwrap()
}

fn coerced(body: Value) -> (Value, Vec<String>) {
    let Value::Object(mut rest) = body else { return (Value::Null, Vec::new()) };
    let unknown = schema().coerce(&mut rest);
    (Value::Object(rest), unknown)
}

fn complaints(spec: Value) -> Vec<String> {
    let whole = json!({"apiVersion": "x/v1", "kind": "X", "metadata": Map::new(), "spec": spec});
    let mut errors = Vec::new();
    schema().check(&whole, None, &mut errors);
    errors.into_iter().map(|error| format!("{} {}: {}", error.reason, error.field, error.body)).collect()
}

#[test]
fn unknown_fields_go_unless_the_schema_preserves_them() {
    let (object, unknown) = coerced(
        json!({"spec": {"name": "x", "foo": 1, "free": {"any": {"x": 1}}, "facts": {"k": "v"}, "steps": [{"name": "s", "bar": 2}]}}),
    );
    assert_eq!(object["spec"]["free"], json!({"any": {"x": 1}}));
    assert_eq!(object["spec"]["facts"], json!({"k": "v"}));
    assert_eq!(object["spec"].get("foo"), None);
    assert_eq!(unknown, ["spec.foo", "spec.steps[0].bar"]);
}

#[test]
fn defaults_come_at_every_depth_and_for_null() {
    let (object, _) = coerced(json!({"spec": {"name": "x", "mode": null, "note": null, "steps": [{"name": "s"}]}}));
    assert_eq!(
        object,
        json!({"spec": {"name": "x", "mode": "a", "note": null, "steps": [{"name": "s", "tries": 1}]}, "status": {"phase": "pending"}})
    );
}

#[test]
fn a_valid_object_has_no_complaints() {
    let spec = json!({"name": "abc", "note": null, "port": "http", "count": 3, "at": "2024-01-01T00:00:00Z", "steps": [{"name": "a"}]});
    assert_eq!(complaints(spec), Vec::<String>::new());
}

#[test]
fn complaints_are_worded_as_an_api_server_words_them() {
    let cases = [
        (json!({}), "FieldValueRequired spec.name: Required value"),
        (
            json!({"name": 5}),
            r#"FieldValueTypeInvalid spec.name: Invalid value: "integer": spec.name in body must be of type string: "integer""#,
        ),
        (json!({"name": "A"}), r#"FieldValueInvalid spec.name: Invalid value: "A": spec.name in body should match '^[a-z]+$'"#),
        (json!({"name": "abcdef"}), "FieldValueTooLong spec.name: Too long: may not be more than 5 bytes"),
        (json!({"name": "a", "mode": "c"}), r#"FieldValueNotSupported spec.mode: Unsupported value: "c": supported values: "a", "b""#),
        (
            json!({"name": "a", "count": -1}),
            "FieldValueInvalid spec.count: Invalid value: -1: spec.count in body should be greater than or equal to 0",
        ),
        (json!({"name": "a", "steps": [{}]}), "FieldValueRequired spec.steps[0].name: Required value"),
        (
            json!({"name": "a", "at": "noon"}),
            r#"FieldValueTypeInvalid spec.at: Invalid value: "noon": spec.at in body must be of type date-time: "noon""#,
        ),
    ];
    for (spec, want) in cases {
        assert_eq!(complaints(spec), [want]);
    }
    let three = json!({"name": "a", "steps": [{"name": "1"}, {"name": "2"}, {"name": "3"}]});
    assert_eq!(complaints(three), ["FieldValueTooMany spec.steps: Too many: 3: must have at most 2 items"]);
    assert_eq!(complaints(json!({"name": "a", "port": true})).len(), 1);
    assert_eq!(complaints(json!({"name": "a", "count": 3_000_000_000_u64})).len(), 1);
}
