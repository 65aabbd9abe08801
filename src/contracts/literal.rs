//! Every place where two documents are not equal, as parsed.

use serde_json::Value;

use super::{Difference, Document, node::escaped, operation::changed};

pub(super) fn differences(name: &str, contract: &Document, other: &Document) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(String::new(), contract.value(), other.value(), &mut found);
    let told = |(place, change)| Difference { document: name.to_owned(), place, change, breaks: None };
    found.into_iter().map(told).collect()
}

fn compare(place: String, was: &Value, is: &Value, found: &mut Vec<(String, String)>) {
    match (was, is) {
        (Value::Object(was), Value::Object(is)) => {
            for (key, was) in was {
                let place = format!("{place}/{}", escaped(key));
                match is.get(key) {
                    Some(is) => compare(place, was, is, found),
                    None => found.push((place, "is gone".to_owned())),
                }
            }
            let new = is.keys().filter(|key| !was.contains_key(*key));
            found.extend(new.map(|key| (format!("{place}/{}", escaped(key)), "is new".to_owned())));
        }
        (Value::Array(was), Value::Array(is)) if was.len() == is.len() => {
            for (index, (was, is)) in was.iter().zip(is).enumerate() {
                compare(format!("{place}/{index}"), was, is, found);
            }
        }
        _ if was == is => {}
        (Value::Array(was), Value::Array(is)) => found.push((place, format!("has {} items, and had {}", is.len(), was.len()))),
        (Value::Array(_) | Value::Object(_), _) | (_, Value::Array(_) | Value::Object(_)) => {
            found.push((place, "is something else".to_owned()));
        }
        _ => found.push((place, changed(Some(was), Some(is)))),
    }
}
