//! JSON to messages and back, by an implementation that is not the agent's.

use std::collections::HashMap;

use heck::ToShoutySnakeCase as _;
use protox::prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value as Wire};
use serde_json::{Map, Number, Value};

/// The one field of a message that stands for what is in it.
fn inside(message: &MessageDescriptor) -> Option<FieldDescriptor> {
    let mut fields = message.fields();
    let only = fields.next().filter(|field| ["fields", "values"].contains(&field.name()));
    only.filter(|_| fields.next().is_none())
}

fn is_union(message: &MessageDescriptor) -> bool {
    message.oneofs().any(|oneof| oneof.name() == "kind")
}

/// The message that stands for a value.
pub(super) fn message(value: &Value, of: &MessageDescriptor) -> DynamicMessage {
    let mut message = DynamicMessage::new(of.clone());
    if is_union(of) {
        let name = match value {
            Value::Null => "null_value",
            Value::Bool(_) => "bool_value",
            // Not of google.protobuf.Value.
            Value::Number(number) if number.is_i64() && of.get_field_by_name("integer_value").is_some() => "integer_value",
            Value::Number(number) if number.is_u64() && !number.is_i64() => "unsigned_value",
            Value::Number(_) => "number_value",
            Value::String(_) => "string_value",
            Value::Array(_) => "list_value",
            Value::Object(_) => "struct_value",
        };
        let field = of.get_field_by_name(name).unwrap();
        message.set_field(&field, one(value, &field));
    } else if let Some(field) = inside(of) {
        message.set_field(&field, many(value, &field));
    } else {
        for (name, value) in value.as_object().unwrap() {
            let field = of.get_field_by_json_name(name).unwrap_or_else(|| panic!("{} has no {name}", of.full_name()));
            message.set_field(&field, many(value, &field));
        }
    }
    message
}

fn many(value: &Value, field: &FieldDescriptor) -> Wire {
    if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
        let values = entry.map_entry_value_field();
        let entries = value.as_object().unwrap().iter().map(|(name, value)| (MapKey::String(name.clone()), one(value, &values)));
        return Wire::Map(entries.collect::<HashMap<_, _>>());
    }
    match value {
        Value::Array(items) if field.is_list() => Wire::List(items.iter().map(|item| one(item, field)).collect()),
        value => one(value, field),
    }
}

fn one(value: &Value, field: &FieldDescriptor) -> Wire {
    match field.kind() {
        Kind::Message(of) => Wire::Message(message(value, &of)),
        Kind::String => Wire::String(value.as_str().unwrap().to_owned()),
        Kind::Bool => Wire::Bool(value.as_bool().unwrap()),
        Kind::Int32 => Wire::I32(value.as_i64().unwrap().try_into().unwrap()),
        Kind::Int64 => Wire::I64(value.as_i64().unwrap()),
        Kind::Uint64 => Wire::U64(value.as_u64().unwrap()),
        Kind::Double => Wire::F64(value.as_f64().unwrap()),
        Kind::Enum(_) if value.is_null() => Wire::EnumNumber(0),
        Kind::Enum(values) => {
            let name = format!("{}_{}", values.name(), value.as_str().unwrap()).to_shouty_snake_case();
            Wire::EnumNumber(values.get_value_by_name(&name).unwrap().number())
        }
        other => panic!("{other:?}"),
    }
}

/// The value that a message stands for; `words` has what the values of enums are in JSON.
pub(super) fn json(message: &DynamicMessage, words: &HashMap<String, String>) -> Value {
    let of = message.descriptor();
    let members: Map<_, _> =
        message.fields().map(|(field, value)| (field.json_name().to_owned(), value_of(value, &field.kind(), words))).collect();
    let only = |members: Map<String, Value>| members.into_iter().next().map(|(_, value)| value);
    match inside(&of) {
        _ if is_union(&of) => only(members).unwrap(),
        Some(field) if field.is_list() => only(members).unwrap_or_else(|| Value::Array(Vec::new())),
        Some(_) => only(members).unwrap_or_else(|| Value::Object(Map::new())),
        None => Value::Object(members),
    }
}

fn value_of(value: &Wire, kind: &Kind, words: &HashMap<String, String>) -> Value {
    match (value, kind) {
        (Wire::Message(message), _) => json(message, words),
        (Wire::List(items), _) => items.iter().map(|item| value_of(item, kind, words)).collect(),
        (Wire::Map(entries), Kind::Message(entry)) => {
            let kind = entry.map_entry_value_field().kind();
            let entries = entries.iter().map(|(name, value)| (name.as_str().unwrap().to_owned(), value_of(value, &kind, words)));
            Value::Object(entries.collect())
        }
        (Wire::String(text), _) => text.clone().into(),
        (Wire::Bool(value), _) => (*value).into(),
        (Wire::I32(number), _) => (*number).into(),
        (Wire::I64(number), _) => (*number).into(),
        (Wire::U64(number), _) => (*number).into(),
        (Wire::F64(number), _) => Value::Number(Number::from_f64(*number).unwrap()),
        (Wire::EnumNumber(_), Kind::Enum(values)) if values.full_name() == "google.protobuf.NullValue" => Value::Null,
        (Wire::EnumNumber(number), Kind::Enum(values)) => words[values.get_value(*number).unwrap().full_name()].clone().into(),
        other => panic!("{other:?}"),
    }
}
