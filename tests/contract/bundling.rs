//! What a contract may say, and how what it says is lowered for the validators.

use std::collections::BTreeMap;

use quote::quote;
use serde_json::{Value, json};

// The generator's own modules, compiled into the test.
#[path = "../../build/bundle.rs"]
#[allow(dead_code, reason = "the test reaches a part of it")]
mod bundle;
#[path = "../../build/lower.rs"]
#[allow(dead_code, reason = "the test reaches a part of it")]
mod lower;
#[path = "../../build/model.rs"]
#[allow(dead_code, reason = "the test reaches a part of it")]
mod model;

use bundle::Stop;
use model::{Contract, Deprecation, Version};

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

const V0: Version = Version { name: "v0", variant: "V0" };

/// v0, in which one operation has these keys, too.
fn deprecated(keys: &[(&str, Value)]) -> Value {
    let mut document: Value = serde_json::from_str(zen_agent::contract::v0::DOCUMENT).unwrap();
    for (key, value) in keys {
        document["paths"]["/v0/remediations/{id}"]["get"][*key] = value.clone();
    }
    document
}

#[test]
fn a_deprecated_operation_says_since_when_and_does_what_it_did() {
    let (since, sunset) = ("@1796083200", "Tue, 01 Jun 2027 00:00:00 GMT");
    let base = Contract::read(V0, deprecated(&[]), None).unwrap();
    let ending = deprecated(&[("deprecated", json!(true)), ("x-deprecation", json!(since)), ("x-sunset", json!(sunset))]);
    let contract = Contract::read(V0, ending, Some(&base)).unwrap();
    assert!(contract.operations.iter().all(|operation| operation.inherited));
    let told: Vec<_> = contract.operations.iter().filter_map(|one| Some((one.id.as_str(), one.deprecation.as_ref()?))).collect();
    let [(id, deprecation)] = &told[..] else { panic!("{} are deprecated", told.len()) };
    assert_eq!((*id, deprecation.since.as_str(), deprecation.sunset.as_deref()), ("getRemediation", since, Some(sunset)));

    // What is written of it is what the test of its headers compiles.
    let dense = |text: &str| text.split_whitespace().collect::<String>();
    let compiled = dense(include_str!("../../src/api/tests/deprecated.rs"));
    let without_end = Deprecation { since: since.to_owned(), sunset: None };
    for deprecation in [deprecation, &without_end] {
        let written = deprecation.in_rust();
        assert!(compiled.contains(&dense(&quote! { Some(#written) }.to_string())), "{}", quote! { #written });
    }
}

#[test]
fn a_deprecation_that_cannot_be_sent_stops_the_generator() {
    let (yes, since) = (("deprecated", json!(true)), ("x-deprecation", json!("@1796083200")));
    for (keys, why) in [
        (vec![yes.clone()], "deprecated: is true where"),
        (vec![since.clone()], "deprecated: is true where"),
        (vec![("x-sunset", json!("Tue, 01 Jun 2027 00:00:00 GMT"))], "x-sunset: stands beside"),
        (vec![yes.clone(), ("x-deprecation", json!("2026-12-01"))], "x-deprecation: is `@`"),
        (vec![yes.clone(), ("x-deprecation", json!("@"))], "x-deprecation: is `@`"),
        (vec![yes.clone(), ("x-deprecation", json!(5))], "x-deprecation: is `@`"),
        (vec![yes.clone(), since.clone(), ("x-sunset", json!("2027-06-01"))], "x-sunset: is a date"),
        (vec![yes, since, ("x-sunset", json!("Tue, 01 Jun 2027 00:00:00 CET"))], "x-sunset: is a date"),
    ] {
        let stop = Contract::read(V0, deprecated(&keys), None).err().map(|stop| stop.to_string());
        assert!(stop.as_deref().is_some_and(|stop| stop.contains(why)), "{keys:?}: {stop:?}");
    }
}
