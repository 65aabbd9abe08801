//! Samples, changes to them, and the way of a body through schema, type and normalizer.

use jiff::Timestamp;
use serde_json::Value;
use zen_agent::{
    contract::v0::ROUTES,
    event::{Normalized, falco, kyverno, trivy},
};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Tool {
    Falco,
    Trivy,
    Kyverno,
}

pub(crate) const RECEIVED: Timestamp = Timestamp::UNIX_EPOCH;

pub(crate) fn sample(name: &str) -> Value {
    let path = format!("{}/tests/samples/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The pointer's parent and its own, unescaped (RFC 6901) name there.
fn split(pointer: &str) -> (&str, String) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    (parent, name.replace("~1", "/").replace("~0", "~"))
}

/// The body with `value` at `pointer`, whose parent exists.
pub(crate) fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = split(pointer);
    match body.pointer_mut(parent).unwrap() {
        Value::Object(map) => drop(map.insert(name, value)),
        Value::Array(list) => list[name.parse::<usize>().unwrap()] = value,
        other => panic!("{pointer} is not in {other}"),
    }
    body
}

/// The body without the property at `pointer`, which is there.
pub(crate) fn without(mut body: Value, pointer: &str) -> Value {
    let (parent, name) = split(pointer);
    body.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(&name).unwrap();
    body
}

pub(crate) fn normalize(tool: Tool, body: Value) -> Vec<Normalized> {
    match tool {
        Tool::Falco => falco::normalize(serde_json::from_value(body).unwrap()),
        Tool::Trivy => trivy::normalize(serde_json::from_value(body).unwrap(), RECEIVED),
        Tool::Kyverno => kyverno::normalize(serde_json::from_value(body).unwrap(), RECEIVED),
    }
}

/// Severity and target of an event, or why it is ignored.
pub(crate) fn summary(event: &Normalized) -> String {
    match event {
        Normalized::Ignored(reason) => reason.as_str().to_owned(),
        Normalized::Event(event) => {
            let target = &event.target;
            let uid = target.uid.as_ref().map(|uid| format!(" {uid}")).unwrap_or_default();
            let namespace = target.namespace.as_deref().unwrap_or_default();
            format!("{} {} {} {namespace}/{}{uid}", event.severity.as_str(), target.api_version, target.kind, target.name)
        }
    }
}

/// Where the body breaks the contract; of a missing property, where it should be.
pub(crate) fn violations(tool: Tool, body: &Value) -> Vec<String> {
    let operation = match tool {
        Tool::Falco => "ingestFalco",
        Tool::Trivy => "ingestTrivy",
        Tool::Kyverno => "ingestKyverno",
    };
    let route = ROUTES.iter().find(|route| route.operation.id == operation).unwrap();
    let found = route.body.as_ref().unwrap().check(body, 0).err().map(|violations| violations.told).unwrap_or_default();
    found.into_iter().map(|violation| violation.pointer).collect()
}
