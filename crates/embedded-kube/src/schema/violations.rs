//! A validator's errors in the words of an API server.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::paths::LocationSegment;
use serde_json::Value;

use crate::error::FieldError;

pub(super) fn field_error(error: &ValidationError<'_>) -> FieldError {
    let path = field_path(error);
    let value = error.instance();
    let invalid = |says: String| FieldError::invalid(&*path, value, format!("{path} in body {says}"));
    match error.kind() {
        Kind::Required { property } => {
            let property = property.as_str().unwrap_or_default();
            FieldError::required(if path.is_empty() { property.to_owned() } else { format!("{path}.{property}") }, "")
        }
        Kind::Enum { options } => {
            let plain = |option: &Value| option.as_str().map_or_else(|| option.to_string(), str::to_owned);
            let options: Vec<String> = options.as_array().into_iter().flatten().map(plain).collect();
            FieldError::unsupported(&*path, value, &options)
        }
        Kind::Type { kind } => {
            let found = Value::from(type_name(value));
            FieldError::wrong_type(&*path, &found, format!("{path} in body must be of type {}: {found}", type_names(kind)))
        }
        Kind::Format { format } => FieldError::wrong_type(&*path, value, format!("{path} in body must be of type {format}: {value}")),
        Kind::MaxLength { limit } => FieldError::too_long(&*path, *limit),
        Kind::MaxItems { limit } => FieldError::too_many(&*path, value.as_array().map_or(0, Vec::len), *limit),
        Kind::MaxProperties { limit } => FieldError::too_many(&*path, value.as_object().map_or(0, serde_json::Map::len), *limit),
        Kind::MinLength { limit } => invalid(format!("should be at least {limit} chars long")),
        Kind::MinItems { limit } => invalid(format!("should have at least {limit} items")),
        Kind::MinProperties { limit } => invalid(format!("should have at least {limit} properties")),
        Kind::Minimum { limit } => invalid(format!("should be greater than or equal to {limit}")),
        Kind::Maximum { limit } => invalid(format!("should be less than or equal to {limit}")),
        Kind::ExclusiveMinimum { limit } => invalid(format!("should be greater than {limit}")),
        Kind::ExclusiveMaximum { limit } => invalid(format!("should be less than {limit}")),
        Kind::MultipleOf { multiple_of } => invalid(format!("should be a multiple of {multiple_of}")),
        Kind::Pattern { pattern } => invalid(format!("should match '{pattern}'")),
        Kind::OneOfNotValid { .. } => quoted(&path, value, "must validate one and only one schema (oneOf). Found none valid"),
        Kind::OneOfMultipleValid { .. } => quoted(&path, value, "must validate one and only one schema (oneOf). Found more than one valid"),
        Kind::AnyOf { .. } => quoted(&path, value, "must validate at least one schema (anyOf)"),
        Kind::Not { .. } => quoted(&path, value, "must not validate the schema (not)"),
        other => invalid(format!("breaks the rule {:?}", other.keyword())),
    }
}

/// Combined schemas are reported by a path in quotes.
fn quoted(path: &str, value: &Value, says: &str) -> FieldError {
    FieldError::invalid(path, value, format!("{path:?} {says}"))
}

fn field_path(error: &ValidationError<'_>) -> String {
    let mut path = String::new();
    for segment in error.instance_path().iter() {
        match segment {
            LocationSegment::Property(name) if path.is_empty() => path.push_str(&name),
            LocationSegment::Property(name) => {
                path.push('.');
                path.push_str(&name);
            }
            LocationSegment::Index(index) => path.push_str(&format!("[{index}]")),
        }
    }
    path
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn type_names(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => one.to_string(),
        // `null` is there only because the field is nullable.
        TypeKind::Multiple(several) => {
            several.iter().map(|one| one.to_string()).filter(|name| name != "null").collect::<Vec<_>>().join(",")
        }
    }
}
