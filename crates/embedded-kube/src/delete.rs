//! Deletion.
//!
//! ```text
//!  DELETE ─▶ preconditions hold? ─▶ no finalizers ──────────────────────────▶ gone ─▶ dependents are left to the collector
//!                                └▶ finalizers ─▶ marked (deletionTimestamp) ─▶ the last one is removed by an update ─▲
//! ```
//!
//! Foreground and Orphan are finalizers of the garbage collector's own.

use std::sync::Arc;

use bytes::Bytes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Time};
use serde_json::{Value, json};

use crate::Inner;
use crate::batch::Batch;
use crate::error::{ApiError, FieldError};
use crate::gc;
use crate::object::Object;
use crate::path::{DryRun, Query};
use crate::types::{DEFINITIONS, NAMESPACES, ResourceType, Trait};

/// The finalizer that keeps an owner until its blocking dependents are gone.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer that keeps an owner until its dependents have let go of it.
pub(crate) const ORPHAN: &str = "orphan";

/// What becomes of the dependents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// What became of the object, as stored.
pub(crate) enum Outcome {
    Gone(Bytes),
    Marked(Bytes),
}

/// What a deletion is answered with.
pub(crate) enum Answer {
    /// The object, as stored.
    Object(Bytes),
    /// A `Status`.
    Status(Bytes),
}

/// DELETE of one object.
pub(crate) async fn delete(
    inner: &Arc<Inner>,
    ty: Arc<ResourceType>,
    namespace: Option<String>,
    name: String,
    body: &[u8],
    query: &Query,
) -> Result<Answer, ApiError> {
    if ty.plural == DEFINITIONS || (ty.group.is_empty() && ty.plural == NAMESPACES) {
        return Err(ApiError::method_not_allowed());
    }
    let options = options(body)?;
    let propagation = propagation(&options, query)?;
    let dry_run = match options.dry_run.as_deref() {
        Some([value, ..]) => DryRun::parse(value)?,
        _ => query.dry_run,
    };
    let key = ty.key(namespace.as_deref(), &name);
    let outcome = {
        let (ty, name) = (ty.clone(), name.clone());
        let job = move |batch: &mut Batch<'_>| {
            let (object, bytes) = batch.get(&key)?.ok_or_else(|| ApiError::not_found(&ty, &name))?;
            check(&ty, &object, &options)?;
            if dry_run == DryRun::All {
                let kept = propagation != Propagation::Background || !object.finalizers().is_empty();
                return Ok(if kept { Outcome::Marked(bytes) } else { Outcome::Gone(bytes) });
            }
            delete_now(batch, &key, &object, bytes, propagation)
        };
        inner.write(job).await?
    };
    match outcome {
        Outcome::Marked(object) => Ok(Answer::Object(object)),
        Outcome::Gone(object) if ty.has(Trait::ReturnsDeleted) => Ok(Answer::Object(object)),
        Outcome::Gone(object) => {
            let mut details = json!({"name": name, "kind": ty.plural, "uid": Object::from_stored(&object)?.uid()});
            if !ty.group.is_empty() {
                details["group"] = ty.group.as_str().into();
            }
            let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details});
            Ok(Answer::Status(status.to_string().into()))
        }
    }
}

fn options(body: &[u8]) -> Result<DeleteOptions, ApiError> {
    if body.is_empty() {
        return Ok(DeleteOptions::default());
    }
    let mut value: Value =
        serde_json::from_slice(body).map_err(|error| ApiError::bad_request(format!("invalid delete options: {error}")))?;
    // Some clients leave the type out, which the generated type would take for another one.
    if let Some(map) = value.as_object_mut() {
        map.remove("apiVersion");
        map.remove("kind");
    }
    serde_json::from_value(value).map_err(|error| ApiError::bad_request(format!("invalid delete options: {error}")))
}

pub(crate) fn propagation(options: &DeleteOptions, query: &Query) -> Result<Propagation, ApiError> {
    match options.propagation_policy.as_deref().or(query.propagation_policy.as_deref()) {
        Some("Foreground") => Ok(Propagation::Foreground),
        Some("Orphan") => Ok(Propagation::Orphan),
        Some("Background") => Ok(Propagation::Background),
        None if options.orphan_dependents == Some(true) => Ok(Propagation::Orphan),
        None => Ok(Propagation::Background),
        Some(other) => {
            let supported = ["Foreground", "Background", "Orphan", "nil"].map(str::to_owned);
            let error = FieldError::unsupported("propagationPolicy", &other.into(), &supported);
            Err(ApiError::invalid_options("DeleteOptions", &[error]))
        }
    }
}

/// # Errors
/// 409 when a precondition does not hold.
pub(crate) fn check(ty: &ResourceType, object: &Object, options: &DeleteOptions) -> Result<(), ApiError> {
    let Some(wanted) = &options.preconditions else { return Ok(()) };
    let conflict = |what: &str, wanted: &str, found: &str, hint: &str| {
        let why = format!("the {what} in the precondition ({wanted}) does not match the {what} in record ({found}). {hint}");
        Err(ApiError::precondition(ty, object.name(), why))
    };
    if let Some(uid) = wanted.uid.as_deref().filter(|uid| *uid != object.uid()) {
        return conflict("UID", uid, object.uid(), "The object might have been deleted and then recreated");
    }
    if let Some(version) = wanted.resource_version.as_deref().filter(|version| *version != object.resource_version()) {
        return conflict("ResourceVersion", version, object.resource_version(), "The object might have been modified");
    }
    Ok(())
}

/// Deletes an object, or marks it when finalizers hold it.
pub(crate) fn delete_now(
    batch: &mut Batch<'_>,
    key: &str,
    object: &Object,
    bytes: Bytes,
    propagation: Propagation,
) -> Result<Outcome, ApiError> {
    let mut finalizers: Vec<String> = object.finalizers().iter().filter(|one| *one != FOREGROUND && *one != ORPHAN).cloned().collect();
    match propagation {
        Propagation::Background => {}
        Propagation::Foreground => finalizers.push(FOREGROUND.into()),
        Propagation::Orphan => finalizers.push(ORPHAN.into()),
    }
    if finalizers.is_empty() {
        return vanish(batch, key, object).map(Outcome::Gone);
    }
    let mut marked = object.clone();
    marked.meta.finalizers = Some(finalizers);
    if marked.meta.deletion_timestamp.is_none() {
        marked.meta.deletion_timestamp = Some(Time(jiff::Timestamp::now()));
        marked.meta.deletion_grace_period_seconds = Some(0);
        marked.meta.generation = marked.meta.generation.map(|generation| generation + 1);
    }
    if marked == *object {
        return Ok(Outcome::Marked(bytes));
    }
    match propagation {
        Propagation::Background => {}
        Propagation::Foreground => batch.leave_to_collector(object.uid(), &gc::Work::Foreground(key.into()).to_text())?,
        Propagation::Orphan => batch.leave_to_collector(object.uid(), &gc::Work::Orphan(key.into()).to_text())?,
    }
    batch.put(key, Some((object, bytes)), &mut marked).map(Outcome::Marked)
}

/// Takes an object out of the store; its dependents are left to the garbage collector.
pub(crate) fn vanish(batch: &mut Batch<'_>, key: &str, object: &Object) -> Result<Bytes, ApiError> {
    let last = batch.remove(key, object)?;
    if !batch.dependents(object.uid(), 1)?.is_empty() {
        batch.leave_to_collector(object.uid(), &gc::Work::Gone.to_text())?;
    }
    Ok(last)
}
