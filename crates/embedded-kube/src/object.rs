//! An object between the wire and the store.
//!
//! ```text
//!  body ──decode──▶ Object { meta, rest } ──stored──▶ {"metadata":{…},"spec":…}     in the store
//!                                                          │ with_type
//!                                                          ▼
//!                                   {"apiVersion":"v1","kind":"Pod","metadata":…}   in an answer
//! ```
//!
//! apiVersion and kind are put in front on the way out, so an object can be read in each served
//! version of its type without being parsed.

use bytes::Bytes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::types::ResourceType;

/// Above this, an object is refused; what etcd refuses.
pub(crate) const MAX_OBJECT_BYTES: usize = 1_572_864;

/// An object without its apiVersion and kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Object {
    #[serde(rename = "metadata")]
    pub meta: ObjectMeta,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Object {
    /// Reads a body that must be of this type.
    ///
    /// # Errors
    /// 400 when it is of another, or its metadata cannot be read.
    pub(crate) fn decode(ty: &ResourceType, body: Value) -> Result<Self, ApiError> {
        let Value::Object(mut rest) = body else {
            return Err(ApiError::bad_request(
                "couldn't get version/kind; json parse error: json: cannot unmarshal into a typeMeta struct",
            ));
        };
        let mut take = |field: &str| match rest.remove(field) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let (mut kind, mut api_version) = (take("kind"), take("apiVersion"));
        if ty.schema.is_none() {
            // What a body of a built-in type does not say is taken from the path.
            kind = Some(kind).filter(|kind| !kind.is_empty()).unwrap_or_else(|| ty.kind.clone());
            api_version = Some(api_version).filter(|version| !version.is_empty()).unwrap_or_else(|| ty.api_version());
        } else if kind.is_empty() {
            return Err(ApiError::bad_request("Object 'Kind' is missing in the body"));
        }
        if api_version != ty.api_version() {
            let expected = ty.api_version();
            return Err(ApiError::bad_request(format!(
                "the API version in the data ({api_version}) does not match the expected API version ({expected})"
            )));
        }
        if kind != ty.kind {
            let (version, expected) = (&ty.version, &ty.kind);
            return Err(ApiError::bad_request(format!("{kind} in version {version:?} cannot be handled as a {expected}")));
        }
        let meta = rest.remove("metadata").unwrap_or_else(|| Value::Object(Map::new()));
        let meta: ObjectMeta = serde_json::from_value(meta).map_err(|error| {
            let (version, kind) = (&ty.version, &ty.kind);
            ApiError::bad_request(format!("{kind} in version {version:?} cannot be handled as a {kind}: metadata: {error}"))
        })?;
        Ok(Self { meta: without_empties(meta), rest })
    }

    /// Reads what [`Object::stored`] wrote.
    pub(crate) fn from_stored(bytes: &[u8]) -> Result<Self, ApiError> {
        Ok(serde_json::from_slice(bytes)?)
    }

    /// What is written to the store.
    ///
    /// # Errors
    /// 413 when that is too much.
    pub(crate) fn stored(&self) -> Result<Bytes, ApiError> {
        let bytes = serde_json::to_vec(self)?;
        // Thousands are kept for watches: without the room to grow that the serializer left.
        if bytes.len() > MAX_OBJECT_BYTES { Err(ApiError::too_large(MAX_OBJECT_BYTES)) } else { Ok(bytes.into_boxed_slice().into()) }
    }

    /// The whole object, as patches and schemas see it.
    pub(crate) fn to_value(&self, ty: &ResourceType) -> Result<Value, ApiError> {
        let mut whole = self.rest.clone();
        whole.insert("apiVersion".into(), ty.api_version().into());
        whole.insert("kind".into(), ty.kind.clone().into());
        whole.insert("metadata".into(), serde_json::to_value(&self.meta)?);
        Ok(Value::Object(whole))
    }

    pub(crate) fn name(&self) -> &str {
        self.meta.name.as_deref().unwrap_or_default()
    }

    pub(crate) fn uid(&self) -> &str {
        self.meta.uid.as_deref().unwrap_or_default()
    }

    pub(crate) fn resource_version(&self) -> &str {
        self.meta.resource_version.as_deref().unwrap_or_default()
    }

    pub(crate) fn finalizers(&self) -> &[String] {
        self.meta.finalizers.as_deref().unwrap_or_default()
    }
}

/// What is empty and what is absent are the same; the server keeps neither.
fn without_empties(mut meta: ObjectMeta) -> ObjectMeta {
    meta.labels = meta.labels.filter(|labels| !labels.is_empty());
    meta.annotations = meta.annotations.filter(|annotations| !annotations.is_empty());
    meta.finalizers = meta.finalizers.filter(|finalizers| !finalizers.is_empty());
    meta.owner_references = meta.owner_references.filter(|owners| !owners.is_empty());
    for text in [&mut meta.namespace, &mut meta.generate_name, &mut meta.uid, &mut meta.resource_version] {
        *text = text.take().filter(|text| !text.is_empty());
    }
    meta.managed_fields = None;
    meta.self_link = None;
    meta
}

/// The type as it stands in front of a stored object.
pub(crate) fn type_prefix(ty: &ResourceType) -> String {
    format!(r#"{{"apiVersion":"{}","kind":"{}","#, ty.api_version(), ty.kind)
}

/// A stored object with its type in front, as answers bear it.
pub(crate) fn with_type(ty: &ResourceType, stored: &[u8]) -> Bytes {
    let mut whole = type_prefix(ty).into_bytes();
    whole.extend_from_slice(stored.get(1..).unwrap_or_default());
    whole.into()
}
