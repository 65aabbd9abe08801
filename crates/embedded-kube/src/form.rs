//! The form in which objects are answered, as `Accept` asks for it.
//!
//! | asked for | answered |
//! |---|---|
//! | `application/json` | the object, the list |
//! | `…;as=PartialObjectMetadata[List];g=meta.k8s.io;v=v1` | its metadata |
//! | `…;as=Table;g=meta.k8s.io;v=v1` | a row for each object, for people |

use bytes::Bytes;
use http::HeaderMap;
use http::header::ACCEPT;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::object::{type_prefix, with_type};
use crate::types::ResourceType;

/// What becomes of an object on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it is.
    Whole,
    /// Its metadata.
    Metadata,
    /// A row of a table.
    Table(Beside),
}

/// What stands beside the cells of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Beside {
    Nothing,
    #[default]
    Metadata,
    Object,
}

impl Form {
    /// The first form in `Accept` that this server speaks.
    ///
    /// # Errors
    /// 406 when there is none.
    pub(crate) fn of(headers: &HeaderMap, beside: Beside) -> Result<Self, ApiError> {
        let Some(accepted) = headers.get(ACCEPT).and_then(|value| value.to_str().ok()) else { return Ok(Self::Whole) };
        accepted.split(',').find_map(|one| Self::parse(one, beside)).ok_or_else(ApiError::not_acceptable)
    }

    fn parse(clause: &str, beside: Beside) -> Option<Self> {
        let mut parts = clause.split(';').map(str::trim);
        if !matches!(parts.next(), Some("" | "application/json" | "application/*" | "*/*")) {
            return None;
        }
        let (mut kind, mut group, mut version) = ("", "meta.k8s.io", "v1");
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name {
                "as" => kind = value,
                "g" => group = value,
                "v" => version = value,
                _ => {}
            }
        }
        match kind {
            "" => Some(Self::Whole),
            "PartialObjectMetadata" | "PartialObjectMetadataList" if group == "meta.k8s.io" && version == "v1" => Some(Self::Metadata),
            "Table" if group == "meta.k8s.io" && version == "v1" => Some(Self::Table(beside)),
            _ => None,
        }
    }

    /// How a list begins; its items follow, and `],"metadata":…}`.
    pub(crate) fn list_head(self, ty: &ResourceType) -> String {
        match self {
            Self::Whole => format!(r#"{{"kind":"{}","apiVersion":"{}","items":["#, ty.list_kind, ty.api_version()),
            Self::Metadata => r#"{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","items":["#.to_owned(),
            Self::Table(_) => format!(r#"{{"kind":"Table","apiVersion":"meta.k8s.io/v1","columnDefinitions":{},"rows":["#, definitions(ty)),
        }
    }

    /// Adds an item of a list.
    pub(crate) fn add_item(self, ty: &ResourceType, stored: &[u8], out: &mut Vec<u8>) -> Result<(), ApiError> {
        match self {
            Self::Whole => {
                // Custom types say what they are, built-in ones do not.
                out.extend_from_slice(if ty.schema.is_some() { type_prefix(ty) } else { "{".into() }.as_bytes());
                out.extend_from_slice(stored.get(1..).unwrap_or_default());
            }
            Self::Metadata => out.extend_from_slice(metadata(&serde_json::from_slice(stored)?).to_string().as_bytes()),
            Self::Table(beside) => out.extend_from_slice(row(ty, stored, beside)?.to_string().as_bytes()),
        }
        Ok(())
    }

    /// An object that is answered alone, or stands in an event.
    pub(crate) fn single(self, ty: &ResourceType, stored: &[u8]) -> Result<Bytes, ApiError> {
        match self {
            Self::Whole => Ok(with_type(ty, stored)),
            Self::Metadata => Ok(metadata(&serde_json::from_slice(stored)?).to_string().into()),
            Self::Table(beside) => {
                let object: Value = serde_json::from_slice(stored)?;
                let version = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
                let table = json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": version, "columnDefinitions": definitions(ty),
                                   "rows": [row(ty, stored, beside)?]});
                Ok(table.to_string().into())
            }
        }
    }
}

fn metadata(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

fn definitions(ty: &ResourceType) -> Value {
    ty.columns.iter().map(|column| column.definition()).collect()
}

fn row(ty: &ResourceType, stored: &[u8], beside: Beside) -> Result<Value, ApiError> {
    let object: Value = serde_json::from_slice(stored)?;
    let cells: Value = ty.columns.iter().map(|column| column.cell(&object)).collect();
    Ok(match beside {
        Beside::Nothing => json!({"cells": cells}),
        Beside::Metadata => json!({"cells": cells, "object": metadata(&object)}),
        Beside::Object => json!({"cells": cells, "object": serde_json::from_slice::<Value>(&with_type(ty, stored))?}),
    })
}
