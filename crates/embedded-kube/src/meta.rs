//! The rules for metadata, in the words of apimachinery's validation.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::Value;

use crate::error::FieldError;
use crate::types::ResourceType;

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an \
                     alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and \
                         end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
                         '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric \
                         character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
                         '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and \
                           end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is \
                           '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const MAX_ANNOTATION_BYTES: usize = 262_144;

/// Everything that is wrong with an object's metadata.
pub(crate) fn violations(ty: &ResourceType, meta: &ObjectMeta) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let name = meta.name.as_deref().unwrap_or_default();
    if name.is_empty() {
        errors.push(FieldError::required("metadata.name", "name or generateName is required"));
    } else if let Some(problem) = name_problem(ty, name) {
        errors.push(FieldError::invalid("metadata.name", &name.into(), problem));
    }
    for (key, value) in meta.labels.iter().flatten() {
        errors.extend(qualified_problem(key).map(|problem| FieldError::invalid("metadata.labels", &Value::from(key.as_str()), problem)));
        errors.extend(
            label_value_problem(value).map(|problem| FieldError::invalid("metadata.labels", &Value::from(value.as_str()), problem)),
        );
    }
    errors.extend(annotation_problems(meta.annotations.as_ref()));
    for finalizer in meta.finalizers.iter().flatten() {
        let field = "metadata.finalizers";
        if let Some(problem) = qualified_problem(finalizer) {
            errors.push(FieldError::invalid(field, &Value::from(finalizer.as_str()), problem));
        }
    }
    for (index, owner) in meta.owner_references.iter().flatten().enumerate() {
        let fields = [("apiVersion", &owner.api_version), ("kind", &owner.kind), ("name", &owner.name), ("uid", &owner.uid)];
        for (field, value) in fields {
            if value.is_empty() {
                let field = format!("metadata.ownerReferences[{index}].{field}");
                errors.push(FieldError::invalid(field, &Value::from(""), "must not be empty"));
            }
        }
    }
    errors.extend(several_controllers(meta.owner_references.as_deref().unwrap_or_default()));
    errors
}

fn several_controllers(owners: &[OwnerReference]) -> Option<FieldError> {
    let mut controllers =
        owners.iter().filter(|owner| owner.controller == Some(true)).map(|owner| format!("{}/{}", owner.kind, owner.name));
    let (first, second) = (controllers.next()?, controllers.next()?);
    let detail = format!("Only one reference can have Controller set to true. Found \"true\" in references for {first} and {second}");
    Some(FieldError::invalid("metadata.ownerReferences", &serde_json::to_value(owners).unwrap_or_default(), detail))
}

fn annotation_problems(annotations: Option<&BTreeMap<String, String>>) -> Vec<FieldError> {
    let field = "metadata.annotations";
    let mut errors = Vec::new();
    for key in annotations.into_iter().flat_map(BTreeMap::keys) {
        errors
            .extend(qualified_problem(&key.to_lowercase()).map(|problem| FieldError::invalid(field, &Value::from(key.as_str()), problem)));
    }
    let size: usize = annotations.into_iter().flatten().map(|(key, value)| key.len() + value.len()).sum();
    if size > MAX_ANNOTATION_BYTES {
        errors.push(FieldError::too_long(field, MAX_ANNOTATION_BYTES as u64));
    }
    errors
}

fn name_problem(ty: &ResourceType, name: &str) -> Option<String> {
    let is_label = ty.group.is_empty() && matches!(ty.plural.as_str(), "namespaces" | "services");
    if is_label { label_problem(name) } else { subdomain_problem(name) }
}

fn label_problem(name: &str) -> Option<String> {
    if name.len() > 63 {
        return Some("must be no more than 63 bytes".into());
    }
    (!is_label(name)).then(|| LABEL.into())
}

fn subdomain_problem(name: &str) -> Option<String> {
    if name.len() > 253 {
        return Some("must be no more than 253 bytes".into());
    }
    (!name.split('.').all(is_label)).then(|| SUBDOMAIN.into())
}

/// `[prefix/]name`, as keys of labels and annotations are.
fn qualified_problem(key: &str) -> Option<String> {
    let name = match key.split_once('/') {
        None => key,
        Some(("", _)) => return Some("prefix part must be non-empty".into()),
        Some((prefix, name)) => {
            if let Some(problem) = subdomain_problem(prefix) {
                return Some(format!("prefix part {problem}"));
            }
            name
        }
    };
    match name.len() {
        0 => Some("name part must be non-empty".into()),
        64.. => Some("name part must be no more than 63 bytes".into()),
        _ => (!is_word(name)).then(|| QUALIFIED.into()),
    }
}

fn label_value_problem(value: &str) -> Option<String> {
    if value.len() > 63 {
        return Some("must be no more than 63 bytes".into());
    }
    (!value.is_empty() && !is_word(value)).then(|| LABEL_VALUE.into())
}

fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.bytes().all(inner) && !text.is_empty() && !text.starts_with('-') && !text.ends_with('-')
}

fn is_word(text: &str) -> bool {
    let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    outer(bytes.first()) && outer(bytes.last()) && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// What an update does to metadata: the server's fields stay, immutable ones are refused.
pub(crate) fn carry_over(old: &ObjectMeta, new: &mut ObjectMeta) -> Vec<FieldError> {
    let other_uid = new.uid.take().filter(|uid| Some(uid) != old.uid.as_ref());
    new.uid.clone_from(&old.uid);
    new.generation = old.generation;
    new.creation_timestamp = new.creation_timestamp.take().or_else(|| old.creation_timestamp.clone());
    new.deletion_timestamp = new.deletion_timestamp.take().or_else(|| old.deletion_timestamp.clone());
    new.deletion_grace_period_seconds = new.deletion_grace_period_seconds.or(old.deletion_grace_period_seconds);
    let other_uid = other_uid.map(|uid| FieldError::invalid("metadata.uid", &uid.into(), "field is immutable"));
    let mut errors = Vec::from_iter(other_uid);
    let times = [
        ("metadata.creationTimestamp", &old.creation_timestamp, &new.creation_timestamp),
        ("metadata.deletionTimestamp", &old.deletion_timestamp, &new.deletion_timestamp),
    ];
    for (field, before, after) in times {
        if before != after {
            let value = serde_json::to_value(after).unwrap_or_default();
            errors.push(FieldError::invalid(field, &value, "field is immutable"));
        }
    }
    if old.deletion_timestamp.is_some() {
        let before = old.finalizers.as_deref().unwrap_or_default();
        let added: Vec<_> = new.finalizers.iter().flatten().filter(|one| !before.contains(one)).collect();
        if !added.is_empty() {
            let detail = format!("no new finalizers can be added if the object is being deleted, found new finalizers {added:?}");
            errors.push(FieldError::forbidden("metadata.finalizers", detail));
        }
    }
    errors
}
