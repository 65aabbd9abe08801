//! `x-kubernetes-list-type`: a set holds no value twice, a map no two items of the same keys.

use serde_json::{Map, Value};

use super::rules::Place;
use super::{ListType, Node};
use crate::error::FieldError;

impl Node {
    /// Adds what occurs twice where the schema allows it once, here and below.
    pub(super) fn find_duplicates(&self, value: &Value, place: &Place, errors: &mut Vec<FieldError>) {
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    match (self.properties.get(name), &self.additional) {
                        (Some(child), _) => child.find_duplicates(value, &place.child(name), errors),
                        (None, Some(child)) => child.find_duplicates(value, &place.key(name), errors),
                        (None, None) => {}
                    }
                }
            }
            Value::Array(values) => {
                match &self.list {
                    ListType::Atomic => {}
                    ListType::Set => repeated(values, place, errors),
                    ListType::Map(keys) => {
                        let not_an_object = values.iter().position(|value| !value.is_object() && !value.is_null());
                        if let Some(index) = not_an_object {
                            let detail = "must be an object for an array of list-type map";
                            errors.push(FieldError::invalid(place.index(index).to_string(), &values[index], detail));
                        } else {
                            let keys: Vec<Value> = values.iter().map(|value| keys_of(value, keys)).collect();
                            repeated(&keys, place, errors);
                        }
                    }
                }
                if let Some(items) = &self.items {
                    for (index, value) in values.iter().enumerate() {
                        items.find_duplicates(value, &place.index(index), errors);
                    }
                }
            }
            _ => {}
        }
    }
}

fn keys_of(item: &Value, keys: &[String]) -> Value {
    keys.iter().filter_map(|key| Some((key.clone(), item.get(key)?.clone()))).collect::<Map<_, _>>().into()
}

/// Each value that is there more than once is reported once, at its second place.
fn repeated(values: &[Value], place: &Place, errors: &mut Vec<FieldError>) {
    let mut seen = std::collections::HashMap::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let times = seen.entry(value.to_string()).or_insert(0_usize);
        *times += 1;
        if *times == 2 {
            errors.push(FieldError::duplicate(place.index(index).to_string(), value));
        }
    }
}
