//! From the OpenAPI dialect of CustomResourceDefinitions to JSON Schema draft 4, which it stems from.

use serde_json::{Map, Value, json};

/// The same schema as a validator of draft 4 reads it.
pub(super) fn to_draft4(schema: &Value) -> Value {
    let Value::Object(schema) = schema else { return schema.clone() };
    let mut out = Map::new();
    for (key, value) in schema {
        let converted = match key.as_str() {
            "properties" => value.as_object().into_iter().flatten().map(|(name, schema)| (name.clone(), to_draft4(schema))).collect(),
            "items" | "additionalProperties" | "not" => to_draft4(value),
            "allOf" | "anyOf" | "oneOf" => value.as_array().into_iter().flatten().map(to_draft4).collect(),
            "minimum" | "maximum" | "multipleOf" => whole_number(value),
            // Says nothing about validity, or is handled before validation.
            "default" | "description" | "title" | "example" | "externalDocs" | "nullable" => continue,
            extension if extension.starts_with("x-kubernetes-") => continue,
            _ => value.clone(),
        };
        out.insert(key.clone(), converted);
    }
    if schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
        out.insert("type".into(), json!(["integer", "string"]));
    }
    bound_integers(&mut out);
    if schema.get("nullable") == Some(&Value::Bool(true)) {
        allow_null(&mut out);
    }
    Value::Object(out)
}

/// Typed clients write bounds as floating point; messages show `0`, not `0.0`.
fn whole_number(value: &Value) -> Value {
    #[allow(clippy::cast_possible_truncation, reason = "checked: it is whole and within the range that a double holds exactly")]
    match value.as_f64() {
        Some(number) if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 => Value::from(number as i64),
        _ => value.clone(),
    }
}

/// `format: int32` is a range; draft 4 knows no format for numbers.
fn bound_integers(schema: &mut Map<String, Value>) {
    if schema.get("format").and_then(Value::as_str) == Some("int32") {
        schema.entry("minimum").or_insert(i32::MIN.into());
        schema.entry("maximum").or_insert(i32::MAX.into());
    }
}

fn allow_null(schema: &mut Map<String, Value>) {
    if let Some(ty) = schema.get_mut("type") {
        let mut types = match ty.take() {
            Value::Array(types) => types,
            one => vec![one],
        };
        types.push("null".into());
        *ty = Value::Array(types);
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
}
