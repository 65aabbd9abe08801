//! The scale subresource: the replicas of a workload, whatever its type.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::error::{ApiError, FieldError};
use crate::object::Object;
use crate::patch::Patch;
use crate::types::ResourceType;

/// How the replicas of a stored workload are answered.
pub(crate) fn answer(stored: &[u8]) -> Result<Bytes, ApiError> {
    Ok(of(&Object::from_stored(stored)?)?.to_string().into())
}

fn of(object: &Object) -> Result<Value, ApiError> {
    let meta = serde_json::to_value(&object.meta)?;
    let kept = ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"].map(|field| (field.to_owned(), meta[field].clone()));
    let field = |part: &str, field: &str| object.rest.get(part).and_then(|part| part.get(field));
    let replicas = |part: &str| field(part, "replicas").and_then(Value::as_i64).unwrap_or_default();
    let labels = field("spec", "selector").and_then(|selector| selector["matchLabels"].as_object()).into_iter().flatten();
    let selector: Vec<String> = labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    Ok(json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": serde_json::Map::from_iter(kept),
        "spec": {"replicas": replicas("spec")}, "status": {"replicas": replicas("status"), "selector": selector.join(",")},
    }))
}

/// A PUT changes nothing but the replicas, under the same conditions as a patch.
pub(crate) fn put(body: &Value) -> Patch {
    let meta = &body["metadata"];
    let conditions = json!({"name": meta["name"], "uid": meta["uid"], "resourceVersion": meta["resourceVersion"]});
    Patch::Merge(json!({"metadata": conditions, "spec": {"replicas": body["spec"]["replicas"].as_i64().unwrap_or_default()}}))
}

/// The workload with the replicas that a patch of its scale asks for.
///
/// # Errors
/// 422 for replicas that are none.
pub(crate) fn change(ty: &ResourceType, old: &Object, patch: Patch) -> Result<Object, ApiError> {
    let mut scale = of(old)?;
    patch.apply(&mut scale)?;
    let replicas = &scale["spec"]["replicas"];
    let wanted = if replicas.is_null() { Some(0) } else { replicas.as_i64() };
    let Some(wanted) = wanted.filter(|wanted| (0..=i64::from(i32::MAX)).contains(wanted)) else {
        let error = FieldError::invalid("spec.replicas", replicas, "must be greater than or equal to 0");
        return Err(ApiError::invalid("autoscaling", "Scale", old.name(), &[error]));
    };
    let mut new = old.clone();
    for (field, is) in [("uid", &mut new.meta.uid), ("resourceVersion", &mut new.meta.resource_version)] {
        *is = scale["metadata"][field]
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .or_else(|| is.take().filter(|_| field == "uid"));
    }
    let Some(spec) = new.rest.entry("spec").or_insert_with(|| json!({})).as_object_mut() else {
        return Err(ApiError::internal(format!("the spec of this {} is no object", ty.kind)));
    };
    spec.insert("replicas".into(), wanted.into());
    Ok(new)
}
