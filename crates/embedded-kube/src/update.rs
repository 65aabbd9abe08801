//! PUT and PATCH, of an object or of its status.
//!
//! ```text
//!  stored ─▶ body or patch ─▶ same name, uid, resourceVersion? ─▶ the other part restored ─▶ schema ─▶ valid?
//!                                                                                                       │
//!                     nothing differs: as it is ◀── deleted and free of finalizers: gone ◀── stored ◀───┘
//! ```
//!
//! All of it happens within the writer, on the latest state; a patch without a resourceVersion never conflicts.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::batch::Batch;
use crate::create::apply_schema;
use crate::error::{ApiError, FieldError};
use crate::object::Object;
use crate::patch::Patch;
use crate::path::{DryRun, FieldValidation, Query};
use crate::types::{DEFINITIONS, ResourceType, Trait};
use crate::{Inner, crd, delete, meta, scale};

/// What a write is addressed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The object itself.
    Main,
    /// Its status subresource.
    Status,
    /// Its scale subresource.
    Scale,
}

/// What a write brings.
pub(crate) enum Change {
    /// The whole object.
    Put(Box<Object>),
    /// The differences.
    Patch(Patch),
}

/// One update.
pub(crate) struct Update {
    pub ty: Arc<ResourceType>,
    pub namespace: Option<String>,
    pub name: String,
    pub part: Part,
    pub change: Change,
}

/// PUT or PATCH; answers with what is stored.
pub(crate) async fn update(inner: &Arc<Inner>, update: Update, query: &Query) -> Result<Bytes, ApiError> {
    let (dry_run, validation) = (query.dry_run, query.field_validation);
    inner.write(move |batch| update.run(batch, dry_run, validation)).await
}

impl Update {
    fn run(self, batch: &mut Batch<'_>, dry_run: DryRun, validation: FieldValidation) -> Result<Bytes, ApiError> {
        let key = self.ty.key(self.namespace.as_deref(), &self.name);
        let (old, old_bytes) = batch.get(&key)?.ok_or_else(|| ApiError::not_found(&self.ty, &self.name))?;
        let (ty, part) = (self.ty.clone(), self.part);
        let mut new = self.changed(&old)?;
        if part == Part::Status {
            let status = new.rest.remove("status");
            new.rest = with_status(old.rest.clone(), status);
            // Of the rest of the metadata nothing counts, but built-in types tell a foreign uid.
            let uid = new.meta.uid.take().filter(|_| ty.schema.is_none());
            new.meta = old.meta.clone();
            new.meta.uid = uid.or(new.meta.uid);
        } else if ty.has(Trait::Status) {
            new.rest = with_status(new.rest, old.rest.get("status").cloned());
        }

        if ty.plural == DEFINITIONS {
            crd::complete(&mut new);
        }
        let mut errors = meta::carry_over(&old.meta, &mut new.meta);
        errors.extend(meta::violations(&ty, &new.meta));
        apply_schema(&ty, &mut new, Some(&old), validation, &mut errors)?;
        if !errors.is_empty() {
            return Err(ApiError::invalid(&ty.group, &ty.kind, old.name(), &errors));
        }
        let defines = if ty.plural == DEFINITIONS && part == Part::Main { crd::served_versions(&ty, &new)? } else { Vec::new() };

        new.meta.resource_version.clone_from(&old.meta.resource_version);
        if new == old {
            return Ok(old_bytes);
        }
        if ty.has(Trait::Generation) && wanted(&ty, &new) != wanted(&ty, &old) {
            new.meta.generation = Some(old.meta.generation.unwrap_or_default() + 1);
        }
        if dry_run == DryRun::All {
            return new.stored();
        }
        if new.meta.deletion_timestamp.is_some() && new.finalizers().is_empty() {
            return delete::vanish(batch, &key, &new);
        }
        let stored = batch.put(&key, Some((&old, old_bytes)), &mut new)?;
        if !defines.is_empty() {
            batch.define(defines);
        }
        Ok(stored)
    }

    /// The object as the request wants it, once its identity and version are known to fit.
    fn changed(self, old: &Object) -> Result<Object, ApiError> {
        let Self { ty, namespace, name, part, change } = self;
        // A PUT of another object's uid conflicts; in a patch that is a field that cannot be changed.
        let names_its_object = part == Part::Scale || matches!(change, Change::Put(_));
        let (mut new, unconditional) = match change {
            Change::Patch(patch) if part == Part::Scale => (scale::change(&ty, old, patch)?, true),
            Change::Put(object) => (*object, ty.has(Trait::UnconditionalUpdate)),
            Change::Patch(patch) => {
                let mut whole = old.to_value(&ty)?;
                patch.apply(&mut whole)?;
                let text = whole.to_string();
                let patched = Object::decode(&ty, whole);
                (patched.map_err(|error| ApiError::not_what_it_was(&text, error.message()))?, true)
            }
        };
        if new.name() != name {
            let message = format!("the name of the object ({}) does not match the name on the URL ({name})", new.name());
            return Err(ApiError::bad_request(message));
        }
        if let (Some(said), Some(path)) = (&new.meta.namespace, &namespace)
            && said != path
        {
            let message = format!("the namespace of the object ({said}) does not match the namespace on the request ({path})");
            return Err(ApiError::bad_request(message));
        }
        new.meta.namespace = namespace;
        if names_its_object && !new.uid().is_empty() && new.uid() != old.uid() {
            let why = format!("Precondition failed: UID in precondition: {}, UID in object meta: {}", new.uid(), old.uid());
            return Err(ApiError::conflict(&ty, &name, why));
        }
        match new.resource_version() {
            "" | "0" if unconditional => {}
            "" | "0" => {
                let error = FieldError::invalid("metadata.resourceVersion", &0.into(), "must be specified for an update");
                // Upstream names the resource here, not the kind.
                return Err(ApiError::invalid(&ty.group, &ty.plural, &name, &[error]));
            }
            sent if sent != old.resource_version() => return Err(ApiError::stale(&ty, &name)),
            _ => {}
        }
        Ok(new)
    }
}

fn with_status(mut rest: Map<String, Value>, status: Option<Value>) -> Map<String, Value> {
    match status {
        Some(status) => rest.insert("status".into(), status),
        None => rest.remove("status"),
    };
    rest
}

/// The part of an object whose changes `metadata.generation` counts.
fn wanted(ty: &ResourceType, object: &Object) -> Map<String, Value> {
    if ty.schema.is_some() && !ty.has(Trait::Status) {
        return object.rest.clone();
    }
    with_status(object.rest.clone(), None)
}
