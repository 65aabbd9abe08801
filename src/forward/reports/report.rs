//! A report as an object of the Kubernetes API: what names it, and its text, which takes a tenth of what its values do.

use std::borrow::Cow;

use kube::{
    Resource,
    api::{ApiResource, ObjectMeta},
    core::DynamicResourceScope,
};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

#[derive(Clone, Debug)]
pub(super) struct Report {
    metadata: ObjectMeta,
    /// All of it, as JSON.
    pub(super) text: String,
}

/// A digest of what a report says, by its canonical bytes: the same however often a scan finds the same, so without the times that
/// each scan writes (`timestamp` of a PolicyReport's results, `updateTimestamp` of the Trivy Operator's reports).
pub(super) fn said(canonical: &str) -> String {
    // It was made of a value.
    let mut report = serde_json::from_str::<Value>(canonical).unwrap_or_else(|_| canonical.into());
    let results = report.get_mut("results").and_then(Value::as_array_mut).into_iter().flatten();
    for result in results.filter_map(Value::as_object_mut) {
        result.remove("timestamp");
    }
    if let Some(report) = report.get_mut("report").and_then(Value::as_object_mut) {
        report.remove("updateTimestamp");
    }
    hex::encode(Sha256::digest(report.to_string()))
}

impl<'de> Deserialize<'de> for Report {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut object = Value::deserialize(deserializer)?;
        if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
            // Of no use to anybody here, and often as long as the rest.
            metadata.remove("managedFields");
        }
        let metadata = ObjectMeta::deserialize(object.get("metadata").unwrap_or(&Value::Null)).map_err(D::Error::custom)?;
        Ok(Self { metadata, text: object.to_string() })
    }
}

impl Resource for Report {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn api_version(resource: &ApiResource) -> Cow<'_, str> {
        resource.api_version.as_str().into()
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
