//! What a rule sees of an object: the fields that the schema names, under names that CEL can spell.

use std::borrow::Cow;
use std::collections::HashMap;

use cel::objects::Map;
use serde_json::Value;

use super::super::Node;

/// The words that CEL keeps for itself.
const RESERVED: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// The value at `node`, for a rule.
pub(super) fn to_cel(node: &Node, value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Number(number) if node.ty == "number" => cel::Value::Float(number.as_f64().unwrap_or_default()),
        Value::Number(number) => number.as_i64().map_or_else(|| cel::Value::Float(number.as_f64().unwrap_or_default()), cel::Value::Int),
        Value::String(text) => cel::Value::from(text.as_str()),
        Value::Array(values) => {
            let items = node.items.as_deref();
            cel::Value::List(values.iter().filter_map(|value| Some(to_cel(items?, value))).collect::<Vec<_>>().into())
        }
        Value::Object(map) => {
            let field = |(name, value): (&String, &Value)| match (node.properties.get(name), &node.additional) {
                // `has()` is false for it.
                (Some(_), _) if value.is_null() => None,
                (Some(child), _) => Some((escaped(name).into_owned(), to_cel(child, value))),
                (None, Some(child)) => Some((name.clone(), to_cel(child, value))),
                (None, None) => None,
            };
            cel::Value::Map(Map::from(map.iter().filter_map(field).collect::<HashMap<String, cel::Value>>()))
        }
    }
}

/// A field's name in rules.
pub(super) fn escaped(name: &str) -> Cow<'_, str> {
    if RESERVED.contains(&name) {
        return Cow::Owned(format!("__{name}__"));
    }
    if !name.contains("__") && !name.contains(['.', '-', '/']) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.replace("__", "__underscores__").replace('.', "__dot__").replace('-', "__dash__").replace('/', "__slash__"))
}
