//! Every example of the contracts, and every sample of what the tools send: JSON to Protocol Buffers and back is what it was.

use std::{collections::HashMap, convert::Infallible, fs, path::Path};

use heck::ToShoutySnakeCase as _;
use protox::{
    prost::Message as _,
    prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor},
};
use serde_json::{Value, json};
use zen_agent::contract::{MediaType, proto::Message, v0, v1alpha1};

use super::{compiled, convert, texts};

/// Components and JSON of them.
type Examples = Vec<(String, Value)>;

/// What stands beside a component in a contract, in requests and answers.
fn examples(value: &Value, found: &mut Examples) {
    match value {
        Value::Object(map) => {
            let component = value.pointer("/schema/$ref").and_then(Value::as_str).and_then(|name| name.rsplit('/').next());
            if let (Some(component), Some(example)) = (component, map.get("example"))
                && example.is_object()
            {
                found.push((component.to_owned(), example.clone()));
            }
            map.values().for_each(|value| examples(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| examples(item, found)),
        _ => {}
    }
}

fn samples() -> Examples {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let json = names.filter(|name| name.ends_with(".json"));
    let samples = json.map(|name| {
        let component = match name.split('-').next() {
            Some("falco" | "falcosidekick") => "FalcoEvent",
            Some("trivy") => "TrivyPayload",
            Some("kyverno" | "policy") => "KyvernoPayload",
            _ => panic!("of which tool is {name}?"),
        };
        (component.to_owned(), serde_json::from_str(&fs::read_to_string(folder.join(name)).unwrap()).unwrap())
    });
    samples.collect()
}

fn documents() -> [Value; 2] {
    [v0::DOCUMENT, v1alpha1::DOCUMENT].map(|text| serde_json::from_str(text).unwrap())
}

/// What is in JSON what is an enum's value in the messages.
fn words(pool: &DescriptorPool) -> HashMap<String, String> {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| walk(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    for document in documents() {
        let own = document["components"]["schemas"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| !["Falco", "Trivy", "Kyverno", "PolicyReporter"].iter().any(|tool| name.starts_with(tool)));
        own.for_each(|(_, schema)| walk(schema, &mut all));
    }
    let values = pool.all_enums().flat_map(|of| of.values().map(|value| (of.clone(), value)).collect::<Vec<_>>());
    let named = values.filter_map(|(of, value)| {
        let prefix = of.name().to_shouty_snake_case();
        let word = all.iter().find(|word| format!("{prefix}_{}", word.to_shouty_snake_case()) == value.name())?;
        Some((value.full_name().to_owned(), word.clone()))
    });
    named.collect()
}

/// A list or map that is empty is as if it were not there; of a number its value counts.
fn normal(value: &Value) -> Value {
    let is_empty = |value: &Value| *value == json!([]) || *value == json!({});
    match value {
        Value::Object(map) => map.iter().filter(|(_, value)| !is_empty(value)).map(|(name, value)| (name.clone(), normal(value))).collect(),
        Value::Array(items) => items.iter().map(normal).collect(),
        Value::Number(number) if number.is_f64() && number.as_f64().is_some_and(|float| float.fract() == 0.0) => {
            json!(number.as_f64().unwrap() as i64)
        }
        other => other.clone(),
    }
}

fn message(pool: &DescriptorPool, component: &str) -> MessageDescriptor {
    let named = |version| pool.get_message_by_name(&format!("zen.agent.{version}.{component}"));
    named("v0").or_else(|| named("v1alpha1")).unwrap_or_else(|| panic!("{component} is no message"))
}

/// The agent's tables of the bodies, by their components.
pub(super) fn bodies() -> HashMap<String, &'static Message> {
    let types = v0::ROUTES.iter().chain(v1alpha1::ROUTES).flat_map(|route| route.operation.media_types);
    let messages = types.filter_map(|media_type| match media_type {
        MediaType::Protobuf(message) => Some(*message),
        MediaType::Json => None,
    });
    messages.map(|message| (message.name().rsplit('.').next().unwrap().to_owned(), message)).collect()
}

pub(super) fn read(message: &Message, bytes: &[u8]) -> Value {
    message.read(bytes, |_| Ok::<_, Infallible>(())).unwrap_or_else(|refused| panic!("{message:?}: {refused:?}"))
}

#[test]
fn the_same_in_json_and_in_protocol_buffers_is_the_same() {
    let pool = compiled(texts());
    let (words, bodies) = (words(&pool), bodies());
    let mut all = samples();
    documents().iter().for_each(|document| examples(document, &mut all));
    let (mut requests, mut answers) = (0, 0);
    for (component, example) in all {
        let of = message(&pool, &component);
        let bytes = convert::message(&example, &of).encode_to_vec();
        let back = convert::json(&DynamicMessage::decode(of, bytes.as_slice()).unwrap(), &words);
        assert_eq!(normal(&back), normal(&example), "{component}");
        match bodies.get(&component) {
            Some(message) => {
                assert_eq!(normal(&read(message, &bytes)), normal(&example), "{component}, as the agent reads it");
                requests += 1;
            }
            None => answers += 1,
        }
    }
    assert!(requests > 30 && answers > 20, "{requests} requests and {answers} answers");
}

/// Every language has google.protobuf.Struct, so it may be what an event is made with.
#[test]
fn what_a_tool_wrote_may_be_a_struct_of_google() {
    let of = compiled(texts()).get_message_by_name("google.protobuf.Struct").unwrap();
    let sample = json!({ "a": null, "b": [1, 2.5, "x", true, { "c": {} }], "d": -3, "e": 9_007_199_254_740_992_i64, "f": {}, "g": [] });
    assert_eq!(read(bodies()["FalcoEvent"], &convert::message(&sample, &of).encode_to_vec()), sample);
}
