//! What a contract may say, and how what it says is lowered for the validators.

use std::collections::BTreeMap;

use serde_json::{Value, json};

// The generator's own modules, compiled into the test.
#[path = "../../build/bundle.rs"]
#[allow(dead_code, reason = "the test reaches a part of it")]
mod bundle;
#[path = "../../build/lower.rs"]
#[allow(dead_code, reason = "the test reaches a part of it")]
mod lower;

use bundle::Stop;

fn contract(schema: &str) -> String {
    format!("openapi: 3.0.3\npaths: {{/v0/a: {{get: {{operationId: a}}}}}}\ncomponents: {{schemas: {{A: {schema}}}}}\n")
}

fn stopped(text: &str) -> String {
    let stop = bundle::bundle(text, &BTreeMap::new()).unwrap_err();
    format!("{}: {}", stop.place, stop.reason)
}

#[test]
fn what_the_generator_does_not_support_stops_it_with_the_place() {
    let rows = [
        ("{type: object, not: {}}", "#/components/schemas/A: `not` is not supported"),
        ("{type: [string, 'null']}", "#/components/schemas/A: `type` is one word in OpenAPI 3.0; say `nullable` for null"),
        ("{oneOf: [{type: string, const: 1}]}", "#/components/schemas/A/oneOf/0: `const` is not supported"),
        ("{oneOf: [], discriminator: {propertyName: a}}", "#/components/schemas/A: `discriminator` is not supported"),
        ("{allOf: [{type: string}]}", "#/components/schemas/A: `allOf` is not supported"),
        (
            "{nullable: true, properties: {}}",
            "#/components/schemas/A: `nullable` stands beside `type`, `$ref`, or a `oneOf` that is not selected by presence",
        ),
        (
            "{properties: {b: {$ref: '#/components/schemas/A', description: x}}}",
            "#/components/schemas/A/properties/b: a `$ref` stands alone and leads to a component",
        ),
        ("{items: {$ref: '#/components/schemas/B'}}", "#/components/schemas/B: is referred to, but is not there"),
        ("{items: {$ref: '../agent/none.json'}}", "../agent/none.json: is referred to, but is no file in contracts/agent"),
    ];
    for (schema, expected) in rows {
        assert_eq!(stopped(&contract(schema)), expected);
    }
    assert_eq!(stopped("openapi: 3.1.0"), "/openapi: must be 3.0.3, the newest that the client generator reads");
    let trace = contract("{type: string}").replace("get:", "trace:");
    assert_eq!(stopped(&trace), "trace /v0/a: only get, put, post, patch and delete are supported under a path");
    let callbacks = contract("{type: string}").replace("operationId: a", "callbacks: {}");
    assert_eq!(stopped(&callbacks), "get /v0/a: `callbacks` is not supported");
}

#[test]
fn an_agent_schema_becomes_the_component_of_its_title() {
    let payload = r##"{"$schema":"x","title":"Tool","type":"object","properties":{"a":{"$ref":"#/definitions/ToolA","nullable":true}},"definitions":{"ToolA":{"type":"string"}}}"##;
    let files = BTreeMap::from([("../agent/tool.json".to_owned(), payload.to_owned())]);
    let document = bundle::bundle(&contract("{items: {$ref: ../agent/tool.json}}"), &files).unwrap();
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["A"]["items"]["$ref"], "#/components/schemas/Tool");
    // OpenAPI 3.0 ignores what stands beside `$ref`.
    assert_eq!(schemas["Tool"]["properties"]["a"], json!({ "oneOf": [{ "$ref": "#/components/schemas/ToolA" }, bundle::null_branch()] }));
    assert_eq!(schemas["ToolA"], json!({ "type": "string" }));
}

#[test]
fn a_selector_is_guarded_by_a_required_property() {
    let schemas = |required: Value| {
        BTreeMap::from([
            ("A".to_owned(), json!({ "type": "object", "required": required })),
            ("U".to_owned(), json!({ "oneOf": [{ "$ref": "#/components/schemas/A" }, {}], "x-select-by-presence": ["a", null] })),
        ])
    };
    assert!(lower::check_selectors(&schemas(json!(["a"]))).is_ok());
    assert!(lower::check_selectors(&schemas(json!(["b"]))).is_err());
}

/// Whether the lowered schema accepts each value.
fn accepts(schema: &Value, values: &[Value]) -> Vec<bool> {
    let validator = jsonschema::draft202012::new(&lower::lower(schema, lower::Purpose::Validation)).unwrap();
    values.iter().map(|value| validator.is_valid(value)).collect()
}

#[test]
fn nullable_lets_null_in_beside_type_enum_and_unions() {
    let values = [json!(null), json!("a"), json!("b"), json!(1), json!({})];
    let nothing = bundle::null_branch();
    let rows = [
        (json!({ "type": "string" }), [false, true, true, false, false]),
        (json!({ "type": "string", "nullable": true }), [true, true, true, false, false]),
        (json!({ "type": "string", "enum": ["a"], "nullable": true }), [true, true, false, false, false]),
        (json!({ "oneOf": [{ "type": "string" }, { "type": "number" }, nothing] }), [true, true, true, true, false]),
        (json!({ "oneOf": [{ "type": "object" }, nothing] }), [true, false, false, false, true]),
        (json!({ "oneOf": [{ "type": "string", "maxLength": 0 }, { "type": "object" }, nothing] }), [true, false, false, false, true]),
    ];
    for (schema, expected) in rows {
        assert_eq!(accepts(&schema, &values), expected, "{schema}");
    }
}

#[test]
fn a_union_is_selected_by_presence_so_that_only_the_meant_branch_is_judged() {
    let schema = json!({
        "oneOf": [{ "required": ["a", "x"] }, { "required": ["b", "y"] }, { "required": ["z"] }],
        "x-select-by-presence": ["a", ["b", "c"], null],
    });
    let values = [
        json!({ "a": 1, "x": 1 }),
        json!({ "a": 1, "b": 1, "y": 1 }),
        json!({ "b": 1, "y": 1 }),
        json!({ "c": 1, "z": 1 }),
        json!({ "z": 1 }),
        json!({}),
    ];
    assert_eq!(accepts(&schema, &values), [true, false, true, false, true, false]);
}
