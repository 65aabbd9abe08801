//! Path, query and header parameters: found, decoded, coerced, validated.
//!
//! Strict on purpose: a parameter that is unknown, doubled or not decodable is refused with 400, so
//! that a misspelt filter never answers more than was asked for.

use std::{borrow::Cow, collections::BTreeMap};

use http::{HeaderMap, Uri};
use serde_json::{Map, Number, Value};

use crate::{
    contract::{Kind, Parameter, Place, Route},
    problem::{Code, Problem},
};

/// The route's parameters, each under its name; those that are absent and have no default are absent.
pub(super) fn read(route: &Route, uri: &Uri, headers: &HeaderMap) -> Result<Map<String, Value>, Problem> {
    let path = path(route.path, uri.path())?;
    let mut query = query(uri.query().unwrap_or_default())?;
    let mut values = Map::new();
    for parameter in route.parameters {
        let sent = match parameter.place {
            Place::Path => path.get(parameter.name).cloned(),
            Place::Query => query.remove(parameter.name),
            Place::Header => header(headers, parameter.name)?,
        };
        let text = sent.or_else(|| parameter.default.map(str::to_owned));
        match text {
            Some(text) => drop(values.insert(parameter.name.to_owned(), value(parameter, text)?)),
            None if parameter.required => return Err(invalid(parameter.name, "is required")),
            None => {}
        }
    }
    if query.is_empty() {
        Ok(values)
    } else {
        Err(Problem::new(Code::InvalidParameter, "The query has a parameter that the contract does not know."))
    }
}

fn value(parameter: &Parameter, text: String) -> Result<Value, Problem> {
    let value = match parameter.kind {
        Kind::String => Value::String(text),
        Kind::Integer => {
            // One spelling only: no sign, space or leading zero slips through.
            let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
            Value::Number(Number::from(number.ok_or_else(|| invalid(parameter.name, "is not a whole number"))?))
        }
        Kind::Boolean => Value::Bool(text.parse().map_err(|_| invalid(parameter.name, "is not true or false"))?),
    };
    match parameter.schema.check(&value, 0) {
        Ok(()) => Ok(value),
        Err(violations) => Err(invalid(parameter.name, violations.told.first().map_or("is not valid", |violation| &violation.message))),
    }
}

fn invalid(name: &str, what: &str) -> Problem {
    Problem::new(Code::InvalidParameter, format!("The parameter {name} {what}."))
}

fn path(template: &'static str, path: &str) -> Result<BTreeMap<&'static str, String>, Problem> {
    let mut found = BTreeMap::new();
    for (expected, sent) in template.split('/').zip(path.split('/')) {
        if let Some(name) = expected.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            found.insert(name, decode(sent).ok_or_else(|| invalid(name, "is not percent-encoded UTF-8"))?.into_owned());
        }
    }
    Ok(found)
}

fn query(query: &str) -> Result<BTreeMap<String, String>, Problem> {
    let mut found = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        // Form encoding, as browsers and HTTP libraries write queries.
        let decoded = |text: &str| decode(&text.replace('+', " ")).map(Cow::into_owned);
        let (Some(name), Some(text)) = (decoded(name), decoded(text)) else {
            return Err(Problem::new(Code::InvalidParameter, "The query is not percent-encoded UTF-8."));
        };
        if found.insert(name, text).is_some() {
            return Err(Problem::new(Code::InvalidParameter, "The query has a parameter twice."));
        }
    }
    Ok(found)
}

fn header(headers: &HeaderMap, name: &str) -> Result<Option<String>, Problem> {
    let mut sent = headers.get_all(name).iter();
    match (sent.next(), sent.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(|text| Some(text.to_owned())).map_err(|_| invalid(name, "is not plain text")),
        (Some(_), Some(_)) => Err(invalid(name, "is there twice")),
    }
}

/// Percent-decodes; `None` where an escape is not two hex digits or the result is no UTF-8.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    let Some((plain, mut rest)) = text.split_once('%') else { return Some(Cow::Borrowed(text)) };
    let mut bytes = plain.as_bytes().to_vec();
    loop {
        let mut byte = [0];
        hex::decode_to_slice(rest.get(..2)?, &mut byte).ok()?;
        bytes.extend(byte);
        match rest[2..].split_once('%') {
            Some((plain, next)) => {
                bytes.extend(plain.as_bytes());
                rest = next;
            }
            None => {
                bytes.extend(&rest.as_bytes()[2..]);
                return String::from_utf8(bytes).ok().map(Cow::Owned);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::contract::v0;

    fn list(query: &str) -> Result<Value, Problem> {
        let uri: Uri = format!("/v0/remediations?{query}").parse().unwrap();
        read(&v0::list_remediations::ROUTE, &uri, &HeaderMap::new()).map(Value::Object)
    }

    #[test]
    fn values_are_coerced_and_defaults_are_filled_in() {
        assert_eq!(list("").unwrap(), serde_json::json!({ "limit": 100 }));
        let all = list("limit=5&severity=high&status=in_progress&namespace=a%2Db&continue=x.y~z&source=falco").unwrap();
        assert_eq!(all["limit"], 5);
        assert_eq!(all["namespace"], "a-b");
    }

    #[test]
    fn what_the_contract_does_not_allow_is_an_invalid_parameter_and_is_not_repeated() {
        let refused = [
            "limit=0",
            "limit=501",
            "limit=05",
            "limit=+5",
            "limit=-1",
            "limit=x",
            "limit=",
            "limit=9999999999999999999",
            "severity=SECRET",
            "namespace=A",
            "source=-",
            "unknown=SECRET",
            "limit=1&limit=1",
            "limit=%zz",
            "namespace=%ff",
            "source=%",
            "continue=a%20b",
            "status",
        ];
        for query in refused {
            let problem = list(query).unwrap_err();
            assert_eq!(problem.code, Code::InvalidParameter, "{query}");
            assert!(!problem.detail.contains("SECRET"), "{query}: {}", problem.detail);
        }
    }

    #[test]
    fn path_parameters_are_decoded_and_validated() {
        let get = |id: &str| {
            let uri: Uri = format!("/v0/remediations/{id}").parse().unwrap();
            read(&v0::get_remediation::ROUTE, &uri, &HeaderMap::new())
        };
        assert_eq!(get("shop~zar-1").unwrap()["id"], "shop~zar-1");
        assert_eq!(get("shop%7Ezar%2D1").unwrap()["id"], "shop~zar-1");
        for id in ["a~b~c", "A", "a%2Fb", "%00", "..%2f", "-"] {
            assert_eq!(get(id).unwrap_err().code, Code::InvalidParameter, "{id}");
        }
    }
}
