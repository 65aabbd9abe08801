//! Field by field: what `contracts/proto` declares is what the contracts declare.
//!
//! | contract | message |
//! |---|---|
//! | component | message or enum of its name, in the version's package or in that of v0 |
//! | property | field with its JSON name; every value that is one has presence (`optional`) |
//! | required | the comment begins with `Required.` |
//! | string, boolean, int32, integer, number | string, bool, int32, int64, double |
//! | array, map, any object | repeated, map, `Struct` |
//! | enum | enum: of a property, inside of its message; zero stands for none |
//! | union of scalars | `oneof kind` |
//! | native payload | a map of `Value`, whatever is in it |
//! | body of a request | `x-protobuf-message` names its component's message |

use std::collections::BTreeSet;

use heck::{ToShoutySnakeCase as _, ToUpperCamelCase as _};
use protox::prost_reflect::{Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Value, json};
use zen_agent::contract::{v0, v1alpha1};

use super::{compiled, texts};

const VALUES: [&str; 3] = ["Struct", "Value", "ListValue"];

fn documents() -> [(&'static str, Value); 2] {
    [("v0", v0::DOCUMENT), ("v1alpha1", v1alpha1::DOCUMENT)].map(|(name, text)| (name, serde_json::from_str(text).unwrap()))
}

/// What differs, each with its place.
fn differences(documents: &[(&str, Value)], pool: &DescriptorPool) -> Vec<String> {
    let mut mirror = Mirror { pool, seen: BTreeSet::new(), told: BTreeSet::new() };
    for (version, document) in documents {
        mirror.contract(version, document);
    }
    let packages: Vec<_> = documents.iter().map(|(version, _)| format!("zen.agent.{version}")).collect();
    let messages = pool.all_messages().filter(|message| !message.is_map_entry() && !VALUES.contains(&message.name()));
    let declared = messages.map(|message| (message.package_name().to_owned(), message.full_name().to_owned()));
    let declared = declared.chain(pool.all_enums().map(|values| (values.package_name().to_owned(), values.full_name().to_owned())));
    let of_nobody: Vec<_> = declared.filter(|(package, name)| packages.contains(package) && !mirror.seen.contains(name)).collect();
    mirror.told.extend(of_nobody.into_iter().map(|(_, name)| format!("{name}: is in no contract")));
    mirror.told.into_iter().collect()
}

struct Mirror<'a> {
    pool: &'a DescriptorPool,
    seen: BTreeSet<String>,
    told: BTreeSet<String>,
}

/// What a value refers to, however deep.
fn references(document: &Value, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(name) = component(value)
                && found.insert(name.to_owned())
            {
                references(document, &document["components"]["schemas"][name], found);
            }
            map.values().for_each(|value| references(document, value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(document, item, found)),
        _ => {}
    }
}

fn component(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/components/schemas/")
}

/// What a field is, in the words of `wanted`.
fn is(field: &FieldDescriptor) -> String {
    let (label, of) = if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
        ("map of ", entry.map_entry_value_field().kind())
    } else if field.cardinality() == Cardinality::Repeated {
        ("list of ", field.kind())
    } else if field.supports_presence() {
        ("", field.kind())
    } else {
        ("implicit ", field.kind())
    };
    let name = match of {
        Kind::Message(message) => message.name().to_owned(),
        Kind::Enum(values) if values.parent_message().is_some() => format!("own {}", values.name()),
        Kind::Enum(values) => values.name().to_owned(),
        scalar => format!("{scalar:?}"),
    };
    format!("{label}{name}")
}

fn wanted(property: &str, schema: &Value) -> String {
    if let Some(name) = component(schema) {
        return name.to_owned();
    }
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("string"), _) if schema.get("enum").is_some() => format!("own {}", property.to_upper_camel_case()),
        (Some("integer"), Some("int32")) => "int32".to_owned(),
        (Some("integer"), _) => "int64".to_owned(),
        (Some("boolean"), _) => "bool".to_owned(),
        (Some("number"), _) => "double".to_owned(),
        (Some("array"), _) => format!("list of {}", wanted(property, &schema["items"])),
        (Some("object"), _) if schema["additionalProperties"].is_object() => {
            format!("map of {}", wanted(property, &schema["additionalProperties"]))
        }
        (Some("object"), _) if schema["additionalProperties"] == true => "Struct".to_owned(),
        (Some("string"), _) => "string".to_owned(),
        other => format!("{other:?}, which has no counterpart"),
    }
}

/// The comment before a field.
fn comment(field: &FieldDescriptor) -> String {
    let file = field.parent_file();
    let info = file.file_descriptor_proto().source_code_info.as_ref().unwrap();
    let place = info.location.iter().find(|location| location.path == field.path()).unwrap();
    place.leading_comments().trim().to_owned()
}

impl Mirror<'_> {
    fn tell(&mut self, place: &str, what: impl std::fmt::Display) {
        self.told.insert(format!("{place}: {what}"));
    }

    fn contract(&mut self, version: &str, document: &Value) {
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let native = |schema: &Value| schema.get("x-native-payload").is_some();
        let mut inner = BTreeSet::new();
        schemas.values().filter(|schema| native(schema)).for_each(|schema| references(document, schema, &mut inner));
        for (name, schema) in schemas.iter().filter(|(name, _)| !inner.contains(*name)) {
            let names = [format!("zen.agent.{version}.{name}"), format!("zen.agent.v0.{name}")];
            if schema.get("enum").is_some() {
                match names.iter().find_map(|name| self.pool.get_enum_by_name(name)) {
                    Some(values) => self.values(schema, &values),
                    None => self.tell(&names[0], "is no enum"),
                }
                continue;
            }
            let Some(message) = names.iter().find_map(|name| self.pool.get_message_by_name(name)) else {
                self.tell(&names[0], "is no message");
                continue;
            };
            self.seen.insert(message.full_name().to_owned());
            if native(schema) {
                self.fields(&message, &[("fields".to_owned(), "map of Value".to_owned())], false);
            } else if let Some(branches) = schema["oneOf"].as_array() {
                self.union(branches, &message);
            } else {
                self.object(schema, &message);
            }
        }
        self.bodies(document);
    }

    fn bodies(&mut self, document: &Value) {
        let operations = document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
        for operation in operations.filter(|operation| operation.get("requestBody").is_some()) {
            let body = &operation["requestBody"]["content"]["application/x-protobuf"];
            let message = body["x-protobuf-message"].as_str().and_then(|name| self.pool.get_message_by_name(name));
            if message.as_ref().map(|message| message.name()) != component(&body["schema"]) || message.is_none() {
                self.tell(operation["operationId"].as_str().unwrap(), "its body is not the message of its schema");
            }
        }
    }

    fn object(&mut self, schema: &Value, message: &MessageDescriptor) {
        let properties = schema["properties"].as_object().unwrap();
        let all: Vec<_> = properties.iter().map(|(name, schema)| (name.clone(), wanted(name, schema))).collect();
        self.fields(message, &all, false);
        let required = |name: &str| schema["required"].as_array().is_some_and(|required| required.contains(&json!(name)));
        for field in message.fields() {
            let noted = comment(&field).starts_with("Required. ");
            if noted != required(field.json_name()) {
                let what = if noted { "is noted as required" } else { "is not noted as required" };
                self.tell(field.full_name(), what);
            }
            let property = &properties.get(field.json_name()).cloned().unwrap_or_default();
            let values = if property["type"] == "array" { &property["items"] } else { property };
            if let (Kind::Enum(is), true) = (field.kind(), values.get("enum").is_some()) {
                self.values(values, &is);
            }
        }
    }

    fn union(&mut self, branches: &[Value], message: &MessageDescriptor) {
        let mut members = Vec::new();
        for branch in branches {
            let of_type: &[_] = match branch["type"].as_str() {
                Some("string") => &[("stringValue", "string")],
                Some("boolean") => &[("boolValue", "bool")],
                Some("number") => &[("numberValue", "double"), ("integerValue", "int64"), ("unsignedValue", "uint64")],
                _ => return self.tell(message.full_name(), "is a union of more than scalars"),
            };
            members.extend(of_type.iter().map(|(name, of)| ((*name).to_owned(), (*of).to_owned())));
        }
        self.fields(message, &members, true);
    }

    fn fields(&mut self, message: &MessageDescriptor, wanted: &[(String, String)], in_union: bool) {
        for (name, wanted) in wanted {
            let Some(field) = message.get_field_by_json_name(name) else {
                self.tell(&format!("{}.{name}", message.full_name()), "is no field");
                continue;
            };
            let is = is(&field);
            if is != *wanted {
                self.tell(field.full_name(), format!("is {is}, and in the contract {wanted}"));
            }
            if field.containing_oneof().is_some_and(|oneof| oneof.name() == "kind") != in_union {
                self.tell(field.full_name(), "is in a union, or is not, as in the contract");
            }
        }
        for field in message.fields().filter(|field| wanted.iter().all(|(name, _)| name != field.json_name())) {
            self.tell(field.full_name(), "is no property");
        }
    }

    fn values(&mut self, schema: &Value, values: &EnumDescriptor) {
        self.seen.insert(values.full_name().to_owned());
        let prefix = values.name().to_shouty_snake_case();
        let words = schema["enum"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_shouty_snake_case());
        let mut wanted: BTreeSet<_> = words.map(|word| format!("{prefix}_{word}")).collect();
        wanted.insert(format!("{prefix}_UNSPECIFIED"));
        let is: BTreeSet<_> = values.values().map(|value| value.name().to_owned()).collect();
        for name in wanted.symmetric_difference(&is) {
            self.tell(&format!("{}.{name}", values.full_name()), "is a value of one of both");
        }
        if values.default_value().name() != format!("{prefix}_UNSPECIFIED") {
            self.tell(values.full_name(), "zero stands for a value");
        }
    }
}

#[test]
fn every_property_is_a_field_and_every_field_a_property() {
    let found = differences(&documents(), &compiled(texts()));
    assert!(found.is_empty(), "contracts/proto is not what the contracts are:\n  {}", found.join("\n  "));
}

#[test]
fn what_is_missing_renamed_or_of_another_type_in_contracts_proto_is_seen() {
    const V0: &str = "zen/agent/v0/agent.proto";
    const V1ALPHA1: &str = "zen/agent/v1alpha1/agent.proto";
    let rows = [
        (V0, "  optional string rule = 2;\n", "", "SecurityEvent.rule: is no field"),
        (V0, "string rule = 2;", "string rules = 2;", "SecurityEvent.rule: is no field"),
        (V0, "string rule = 2;", "string rules = 2;", "SecurityEvent.rules: is no property"),
        (V0, "string rule = 2;", "string rule = 2;\n  optional string more = 99;", "SecurityEvent.more: is no property"),
        (V0, "string rule = 2;", "bytes rule = 2;", "SecurityEvent.rule: is bytes, and in the contract string"),
        (V0, "optional string rule = 2;", "string rule = 2;", "SecurityEvent.rule: is implicit string, and in the contract string"),
        (V0, "optional string rule = 2;", "repeated string rule = 2;", "SecurityEvent.rule: is list of string, and in the contract string"),
        (V0, "repeated SecurityEvent events", "SecurityEvent events", "EventBatch.events: is SecurityEvent, and in the contract list of"),
        (
            V0,
            "map<string, Fact> facts",
            "map<string, string> facts",
            "SecurityEvent.facts: is map of string, and in the contract map of Fact",
        ),
        (V0, "int32 replicas", "int64 replicas", "ActionParams.replicas: is int64, and in the contract int32"),
        (V0, "int64 attempts", "uint64 attempts", "Step.attempts: is uint64, and in the contract int64"),
        (
            V0,
            "[json_name = \"cluster_id\"];\n  // Required. The events.",
            ";\n  // Required. The events.",
            "EventBatch.cluster_id: is no field",
        ),
        (V0, "// Required. The events.", "// The events.", "EventBatch.events: is not noted as required"),
        (V0, "// Where the full report is.", "// Required. Where the full report is.", "SecurityEvent.reference: is noted as required"),
        (V0, "  SEVERITY_INFO = 5;\n", "", "Severity.SEVERITY_INFO: is a value of one of both"),
        (V0, "  SEVERITY_INFO = 5;\n", "  SEVERITY_NOTE = 5;\n", "Severity.SEVERITY_NOTE: is a value of one of both"),
        (
            V0,
            "STATE_UNSPECIFIED = 0;\n    STATE_NOT_REQUIRED = 1;",
            "STATE_NOT_REQUIRED = 0;\n    STATE_UNSPECIFIED = 1;",
            "State: zero stands",
        ),
        (V0, "    bool bool_value = 4;\n", "", "Fact.boolValue: is no field"),
        (
            V0,
            "    uint64 unsigned_value = 8;\n  }\n",
            "  }\n  optional uint64 unsigned_value = 8;\n",
            "Fact.unsigned_value: is in a union, or is not",
        ),
        (V0, "message Decision {", "message More {}\nmessage Decision {", "zen.agent.v0.More: is in no contract"),
        (V0, "message Decision {", "enum More {\n  MORE_UNSPECIFIED = 0;\n}\nmessage Decision {", "zen.agent.v0.More: is in no contract"),
        (V1ALPHA1, "zen.agent.v0.Struct previous", "zen.agent.v0.Value previous", "Plan.previous: is Value, and in the contract Struct"),
        (V1ALPHA1, "message EmergencyStop {", "message Emergency {", "v1alpha1.EmergencyStop: is no message"),
    ];
    let documents = documents();
    for (file, from, to, told) in rows {
        let mut changed = texts();
        let text = changed.get_mut(file).unwrap();
        assert!(text.contains(from), "{from}");
        *text = text.replacen(from, to, 1);
        let found = differences(&documents, &compiled(changed));
        assert!(found.iter().any(|found| found.contains(told)), "{from} becomes {to}: {told} is not in {found:#?}");
    }
}

#[test]
fn what_is_missing_renamed_or_of_another_type_in_a_contract_is_seen() {
    let schema = |rest: &str| format!("/components/schemas/{rest}");
    let body = "/paths/~1v0~1events/post/requestBody/content";
    let rows = [
        (schema("Decision/properties"), json!({}), "Decision.reason: is no property"),
        (schema("Decision/properties/ticket"), json!({ "type": "string" }), "Decision.ticket: is no field"),
        (schema("Decision/properties/reason/type"), json!("integer"), "Decision.reason: is string, and in the contract int64"),
        (schema("Decision/required"), json!([]), "Decision.reason: is noted as required"),
        (schema("Decision/required"), json!(["reason", "plan_digest"]), "Decision.plan_digest: is not noted as required"),
        (schema("ActionParams/properties/replicas/format"), json!("int64"), "ActionParams.replicas: is int32, and in the contract int64"),
        (schema("EventBatch/properties/events"), json!({ "$ref": "#/components/schemas/Target" }), "EventBatch.events: is list of"),
        (schema("Severity/enum/0"), json!("fatal"), "Severity.SEVERITY_FATAL: is a value of one of both"),
        (schema("Step/properties/name/enum/0"), json!("think"), "Step.Name.NAME_THINK: is a value of one of both"),
        (schema("Fact/oneOf/2"), json!({ "type": "object" }), "Fact: is a union of more than scalars"),
        (schema("New"), json!({ "type": "object", "properties": {} }), "zen.agent.v0.New: is no message"),
        (schema("New"), json!({ "type": "string", "enum": [] }), "zen.agent.v0.New: is no enum"),
        (format!("{body}/application~1x-protobuf"), json!({}), "ingestEvents: its body is not the message of its schema"),
        (
            format!("{body}/application~1x-protobuf/x-protobuf-message"),
            json!("zen.agent.v0.Task"),
            "ingestEvents: its body is not the message of its schema",
        ),
    ];
    let pool = compiled(texts());
    for (place, value, told) in rows {
        let mut documents = documents();
        let (parent, key) = place.rsplit_once('/').unwrap();
        match documents[0].1.pointer_mut(parent).unwrap() {
            Value::Array(items) => items[key.parse::<usize>().unwrap()] = value.clone(),
            parent => parent[key.replace("~1", "/")] = value.clone(),
        }
        let found = differences(&documents, &pool);
        assert!(found.iter().any(|found| found.contains(told)), "{place}: {told} is not in {found:#?}");
    }
}
