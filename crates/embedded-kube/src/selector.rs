//! Label and field selectors.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize;
use serde_json::Value;

use crate::error::ApiError;
use crate::path::Query;
use crate::types::ResourceType;

/// What a list or a watch is narrowed to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<FieldRequirement>,
}

#[derive(Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Debug, PartialEq, Eq)]
enum Operator {
    Exists,
    DoesNotExist,
    In(Vec<String>),
    NotIn(Vec<String>),
    Greater(i64),
    Less(i64),
}

#[derive(Debug, PartialEq, Eq)]
struct FieldRequirement {
    path: String,
    value: String,
    equal: bool,
}

/// The part of an object that label selectors look at; the rest is skipped, not built.
#[derive(Deserialize)]
struct Labelled {
    metadata: Labels,
}

#[derive(Deserialize)]
struct Labels {
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

impl Selector {
    /// # Errors
    /// 400 for a selector that cannot be read or names a field that the type does not offer.
    pub(crate) fn parse(ty: &ResourceType, query: &Query) -> Result<Self, ApiError> {
        Ok(Self { labels: labels(&query.label_selector)?, fields: fields(ty, &query.field_selector)? })
    }

    /// What a `LabelSelector` in an object selects: all where it is empty; `None` where it is none.
    pub(crate) fn of_labels(selector: &Value) -> Option<Self> {
        let selector: LabelSelector = serde_json::from_value(selector.clone()).ok()?;
        let equal = selector.match_labels.into_iter().flatten();
        let equal = equal.map(|(key, value)| Some(Requirement { key, operator: Operator::In(vec![value]) }));
        let expressions = selector.match_expressions.into_iter().flatten().map(|expression| {
            let values = expression.values.unwrap_or_default();
            let operator = match expression.operator.as_str() {
                "In" => Operator::In(values),
                "NotIn" => Operator::NotIn(values),
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                _ => return None,
            };
            Some(Requirement { key: expression.key, operator })
        });
        Some(Self { labels: equal.chain(expressions).collect::<Option<_>>()?, fields: Vec::new() })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// The one name that can match, when the selector says so.
    pub(crate) fn only_name(&self) -> Option<&str> {
        self.fields.iter().find(|field| field.equal && field.path == "metadata.name").map(|field| field.value.as_str())
    }

    /// Whether a stored object matches.
    pub(crate) fn matches(&self, stored: &[u8]) -> Result<bool, ApiError> {
        if !self.labels.is_empty() {
            let object: Labelled = serde_json::from_slice(stored)?;
            if !self.labels.iter().all(|requirement| requirement.matches(&object.metadata.labels)) {
                return Ok(false);
            }
        }
        if self.fields.is_empty() {
            return Ok(true);
        }
        let object: Value = serde_json::from_slice(stored)?;
        Ok(self.fields.iter().all(|field| (text_at(&object, &field.path) == field.value) == field.equal))
    }
}

impl Requirement {
    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match &self.operator {
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::In(values) => value.is_some_and(|value| values.contains(value)),
            Operator::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Operator::Greater(bound) => number().is_some_and(|number| number > *bound),
            Operator::Less(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

/// The scalar at a dotted path as field selectors compare it; empty when there is none.
fn text_at(object: &Value, path: &str) -> String {
    let found = path.split('.').try_fold(object, |value, part| value.get(part));
    match found {
        Some(Value::String(text)) => text.clone(),
        Some(scalar @ (Value::Bool(_) | Value::Number(_))) => scalar.to_string(),
        // An unset boolean of a built-in type reads as false.
        _ if matches!(path, "spec.unschedulable" | "spec.hostNetwork") => "false".into(),
        _ => String::new(),
    }
}

/// Splits at commas that are not within parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(str::trim).collect()
}

fn labels(text: &str) -> Result<Vec<Requirement>, ApiError> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let wrong = |part: &str| ApiError::bad_request(format!("unable to parse requirement: found {part:?}, expected a label requirement"));
    split(text).into_iter().map(|part| requirement(part).ok_or_else(|| wrong(part))).collect()
}

fn requirement(part: &str) -> Option<Requirement> {
    let is_key = |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
    let make = |key: &str, operator| is_key(key.trim()).then(|| Requirement { key: key.trim().into(), operator });
    let one = |value: &str| {
        let value = value.trim();
        (value.is_empty() || is_key(value)).then(|| vec![value.to_owned()])
    };
    if let Some(key) = part.strip_prefix('!') {
        return make(key, Operator::DoesNotExist);
    }
    if let Some((head, set)) = part.strip_suffix(')').and_then(|part| part.split_once('(')) {
        let (key, operator) = head.trim_end().rsplit_once(char::is_whitespace)?;
        let values: Vec<String> = set.split(',').map(|value| value.trim().to_owned()).collect();
        return match operator {
            "in" => make(key, Operator::In(values)),
            "notin" => make(key, Operator::NotIn(values)),
            _ => None,
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return make(key, Operator::NotIn(one(value)?));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return make(key, Operator::In(one(value)?));
    }
    if let Some((key, value)) = part.split_once('>') {
        return make(key, Operator::Greater(value.trim().parse().ok()?));
    }
    if let Some((key, value)) = part.split_once('<') {
        return make(key, Operator::Less(value.trim().parse().ok()?));
    }
    make(part, Operator::Exists)
}

fn fields(ty: &ResourceType, text: &str) -> Result<Vec<FieldRequirement>, ApiError> {
    let mut requirements = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (path, value, equal) = if let Some((path, value)) = part.split_once("!=") {
            (path, value, false)
        } else if let Some((path, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            (path, value, true)
        } else {
            return Err(ApiError::bad_request(format!("invalid selector: '{text}'; can't understand '{part}'")));
        };
        let known = path == "metadata.name" || path == "metadata.namespace" || ty.fields.iter().any(|field| field == path);
        if !known {
            // Upstream words it differently for types that offer nothing beside name and namespace.
            let message = if ty.fields.is_empty() && ty.schema.is_none() {
                format!("{path:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
            } else {
                format!("field label not supported: {path}")
            };
            return Err(ApiError::bad_request(message));
        }
        requirements.push(FieldRequirement { path: path.into(), value: value.into(), equal });
    }
    Ok(requirements)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn matches(selector: &str, pairs: &[(&str, &str)]) -> bool {
        let labels_of: BTreeMap<String, String> = pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        labels(selector).unwrap().iter().all(|requirement| requirement.matches(&labels_of))
    }

    #[test]
    fn every_operator_of_label_selectors_is_understood() {
        let pod = [("app", "web"), ("tier", "1")];
        for yes in
            ["app=web", "app == web", "app!=db", "app in (db, web)", "app notin (db)", "app", "!zone", "zone!=a", "tier>0,app", "tier<2"]
        {
            assert!(matches(yes, &pod), "{yes}");
        }
        for no in ["app=db", "app!=web", "app in (db)", "app notin (db,web)", "zone", "!app", "zone=a", "tier>1", "app=web,zone"] {
            assert!(!matches(no, &pod), "{no}");
        }
    }

    #[test]
    fn a_label_selector_that_cannot_be_read_is_refused() {
        for wrong in ["app=a=b", "app in web)", "a b", "app within (web)", "=web", ",", "a>b"] {
            assert_eq!(labels(wrong).map_err(|error| error.code()), Err(400), "{wrong}");
        }
    }
}
