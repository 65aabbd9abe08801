//! Creation.
//!
//! ```text
//!  body ─▶ namespace fits? ─▶ server's fields set, status dropped ─▶ schema ─▶ valid? ─▶ (writer) namespace there? name free? ─▶ stored
//! ```

use std::sync::Arc;

use bytes::Bytes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use crate::batch::Batch;
use crate::error::{ApiError, FieldError};
use crate::object::Object;
use crate::path::{DryRun, FieldValidation, Query};
use crate::types::{DEFINITIONS, NAMESPACES, ResourceType, Trait};
use crate::{Inner, crd, meta};

/// Who creates an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A request: uid and status are the server's.
    Client,
    /// The owner of the store, beside the API: uid and status are kept.
    Seed,
}

/// An object that is ready to be stored, and the types that it defines.
pub(crate) struct Prepared {
    pub object: Object,
    pub defines: Vec<Arc<ResourceType>>,
}

/// POST of an object; answers with what is stored.
pub(crate) async fn create(
    inner: &Arc<Inner>,
    ty: Arc<ResourceType>,
    namespace: Option<String>,
    body: Value,
    query: &Query,
) -> Result<Bytes, ApiError> {
    let object = Object::decode(&ty, body)?;
    let prepared = prepare(&ty, namespace.as_deref(), object, Origin::Client, query.field_validation)?;
    let dry_run = query.dry_run;
    inner.write(move |batch| insert(batch, &ty, prepared, dry_run)).await
}

/// Everything about a creation that does not depend on what is stored.
pub(crate) fn prepare(
    ty: &ResourceType,
    namespace: Option<&str>,
    mut object: Object,
    origin: Origin,
    validation: FieldValidation,
) -> Result<Prepared, ApiError> {
    match (object.meta.namespace.as_deref(), namespace) {
        (Some(said), Some(path)) if said != path => {
            return Err(ApiError::bad_request("the namespace of the provided object does not match the namespace sent on the request"));
        }
        _ => object.meta.namespace = namespace.map(str::to_owned),
    }
    if !matches!(object.resource_version(), "" | "0") {
        return Err(ApiError::unknown("resourceVersion should not be set on objects to be created"));
    }
    if object.name().is_empty()
        && let Some(base) = &object.meta.generate_name
    {
        object.meta.name = Some(generated_name(base));
    }
    let kept_uid = object.meta.uid.take().filter(|_| origin == Origin::Seed);
    object.meta.uid = Some(kept_uid.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()));
    object.meta.resource_version = None;
    object.meta.creation_timestamp = Some(Time(jiff::Timestamp::now()));
    object.meta.deletion_timestamp = None;
    object.meta.deletion_grace_period_seconds = None;
    object.meta.generation = ty.has(Trait::Generation).then_some(1);
    // A node reports its status with its creation; all others start without one.
    if origin == Origin::Client && ty.has(Trait::Status) && ty.plural != "nodes" {
        object.rest.remove("status");
    }
    begin_life(ty, &mut object);

    let mut errors = meta::violations(ty, &object.meta);
    apply_schema(ty, &mut object, None, validation, &mut errors)?;
    if !errors.is_empty() {
        return Err(ApiError::invalid(&ty.group, &ty.kind, object.name(), &errors));
    }
    let defines = if ty.plural == DEFINITIONS { crd::served_versions(ty, &object)? } else { Vec::new() };
    Ok(Prepared { object, defines })
}

/// The few fields of built-in types that this server's own behaviour or selectors rest on.
fn begin_life(ty: &ResourceType, object: &mut Object) {
    let mut status = |phase: &str| {
        let status = object.rest.entry("status").or_insert_with(|| json!({}));
        if let Some(status) = status.as_object_mut() {
            status.entry("phase").or_insert_with(|| phase.into());
        }
    };
    match ty.plural.as_str() {
        "pods" if ty.group.is_empty() => status("Pending"),
        NAMESPACES if ty.group.is_empty() => {
            status("Active");
            object.rest.entry("spec").or_insert_with(|| json!({"finalizers": ["kubernetes"]}));
            let label = ("kubernetes.io/metadata.name".to_owned(), object.meta.name.clone().unwrap_or_default());
            object.meta.labels.get_or_insert_default().extend([label]);
        }
        DEFINITIONS => crd::complete(object),
        _ => {}
    }
}

/// Drops, defaults and checks by the schema of a custom type; adds what is wrong.
pub(crate) fn apply_schema(
    ty: &ResourceType,
    object: &mut Object,
    former: Option<&Object>,
    validation: FieldValidation,
    errors: &mut Vec<FieldError>,
) -> Result<(), ApiError> {
    let Some(schema) = &ty.schema else { return Ok(()) };
    let unknown = schema.coerce(&mut object.rest);
    if validation == FieldValidation::Strict && !unknown.is_empty() {
        let fields: Vec<String> = unknown.iter().map(|field| format!("unknown field {field:?}")).collect();
        let (kind, version) = (&ty.kind, &ty.version);
        let message = format!("{kind} in version {version:?} cannot be handled as a {kind}: strict decoding error: {}", fields.join(", "));
        return Err(ApiError::bad_request(message));
    }
    let former = former.map(|former| former.to_value(ty)).transpose()?;
    schema.check(&object.to_value(ty)?, former.as_ref(), errors);
    Ok(())
}

/// The rest of a creation: what depends on what is stored.
pub(crate) fn insert(batch: &mut Batch<'_>, ty: &ResourceType, prepared: Prepared, dry_run: DryRun) -> Result<Bytes, ApiError> {
    let Prepared { mut object, defines } = prepared;
    if let Some(namespace) = &object.meta.namespace
        && !batch.exists(&namespace_key(namespace))?
    {
        return Err(ApiError::namespace_not_found(namespace));
    }
    let key = ty.key(object.meta.namespace.as_deref(), object.name());
    if batch.exists(&key)? {
        return Err(ApiError::already_exists(ty, object.name()));
    }
    if dry_run == DryRun::All {
        return object.stored();
    }
    let stored = batch.put(&key, None, &mut object)?;
    if !defines.is_empty() {
        batch.define(defines);
    }
    Ok(stored)
}

/// Where a namespace is stored.
pub(crate) fn namespace_key(name: &str) -> String {
    format!("/{NAMESPACES}/{name}")
}

/// `base` and five random characters that spell no words.
fn generated_name(base: &str) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    const MAX_BASE: usize = 58;
    let base: String = base.chars().take(MAX_BASE).collect();
    let random = uuid::Uuid::new_v4();
    let suffix = random.as_bytes().iter().take(5).map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
    base + &suffix.collect::<String>()
}
