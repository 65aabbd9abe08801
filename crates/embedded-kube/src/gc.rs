//! The garbage collector: what becomes of the dependents of a deleted owner.
//!
//! ```text
//!  deletion ─▶ work (table `pending`, in the same transaction) ─▶ a step among the writer's jobs ─▶ another, while things move
//! ```
//!
//! A crash between an owner's end and its dependents' loses nothing. When nothing moves, a foreground
//! deletion waits for finalizers that others hold, and the end of each dependent has the collector look
//! again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Inner;
use crate::batch::Batch;
use crate::delete::{FOREGROUND, ORPHAN, Propagation, delete_now, vanish};
use crate::error::ApiError;
use crate::object::Object;
use crate::types::Types;

/// Dependents handled in one transaction.
const AT_ONCE: usize = 64;
/// Dependents of one owner that a foreground deletion can wait for at a time.
const WAIT_FOR: usize = 4096;

/// Whether a step waits among the writer's jobs.
#[derive(Debug, Default)]
pub(crate) struct Collector(AtomicBool);

/// What is to be done about an owner's dependents.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// The owner is gone.
    Gone,
    /// The owner, under this key, waits until its blocking dependents are gone.
    Foreground(String),
    /// The owner, under this key, waits until its dependents have let go.
    Orphan(String),
}

impl Work {
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Gone => "gone".into(),
            Self::Foreground(key) => format!("foreground {key}"),
            Self::Orphan(key) => format!("orphan {key}"),
        }
    }

    fn from_text(text: &str) -> Self {
        match text.split_once(' ') {
            Some(("foreground", key)) => Self::Foreground(key.into()),
            Some(("orphan", key)) => Self::Orphan(key.into()),
            _ => Self::Gone,
        }
    }
}

/// Has the collector look at what is pending, once what waits before it is written.
pub(crate) fn start(inner: &Arc<Inner>) {
    if inner.collector.0.swap(true, Ordering::AcqRel) {
        return;
    }
    let collecting = inner.clone();
    let queued = inner.leave(move |batch| {
        // What is left from here on needs another step.
        collecting.collector.0.store(false, Ordering::Release);
        match step(batch, &collecting.types) {
            Ok(Progress::Made) => batch.look_again(),
            Ok(Progress::None) => {}
            Err(error) => tracing::warn!(error = error.message(), "the garbage collector stopped; the next deletion starts it again"),
        }
    });
    if queued.is_err() {
        inner.collector.0.store(false, Ordering::Release);
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Progress {
    Made,
    None,
}

/// Advances the first work that can be.
fn step(batch: &mut Batch<'_>, types: &Types) -> Result<Progress, ApiError> {
    let mut after = String::new();
    while let Some((uid, work)) = batch.next_work(&after)? {
        let progress = match Work::from_text(&work) {
            Work::Gone => abandon(batch, types, &uid)?,
            Work::Foreground(key) => foreground(batch, types, &uid, &key)?,
            Work::Orphan(key) => orphan(batch, &uid, &key)?,
        };
        if progress == Progress::Made {
            return Ok(progress);
        }
        after = uid;
    }
    Ok(Progress::None)
}

/// Deletes dependents of an owner that is gone, unless another owner lives.
fn abandon(batch: &mut Batch<'_>, types: &Types, uid: &str) -> Result<Progress, ApiError> {
    let dependents = batch.dependents(uid, AT_ONCE)?;
    if dependents.is_empty() {
        batch.work_done(uid)?;
    }
    for key in dependents {
        if let Some((object, bytes)) = batch.get(&key)? {
            if has_other_owner(batch, types, &object, uid)? {
                let_go(batch, &key, uid)?;
            } else if object.meta.deletion_timestamp.is_none() {
                delete_now(batch, &key, &object, bytes, Propagation::Background)?;
            }
        }
        // One that finalizers still hold is on its way; nothing more is to be done about it.
        batch.forget_dependent(uid, &key)?;
    }
    Ok(Progress::Made)
}

fn orphan(batch: &mut Batch<'_>, uid: &str, owner: &str) -> Result<Progress, ApiError> {
    let dependents = batch.dependents(uid, AT_ONCE)?;
    if dependents.is_empty() {
        release(batch, uid, owner, ORPHAN)?;
    }
    for key in dependents {
        let_go(batch, &key, uid)?;
        batch.forget_dependent(uid, &key)?;
    }
    Ok(Progress::Made)
}

fn foreground(batch: &mut Batch<'_>, types: &Types, uid: &str, owner: &str) -> Result<Progress, ApiError> {
    let (mut progress, mut waiting) = (Progress::None, false);
    for key in batch.dependents(uid, WAIT_FOR)? {
        let Some((object, bytes)) = batch.get(&key)? else {
            batch.forget_dependent(uid, &key)?;
            continue;
        };
        let mut owners = object.meta.owner_references.iter().flatten();
        let blocks = owners.any(|owner| owner.uid == uid && owner.block_owner_deletion == Some(true));
        if has_other_owner(batch, types, &object, uid)? {
            let_go(batch, &key, uid)?;
            progress = Progress::Made;
        } else if object.meta.deletion_timestamp.is_none() {
            let propagation = if blocks { Propagation::Foreground } else { Propagation::Background };
            delete_now(batch, &key, &object, bytes, propagation)?;
            progress = Progress::Made;
        } else {
            waiting |= blocks;
        }
    }
    if progress == Progress::None && !waiting {
        release(batch, uid, owner, FOREGROUND)?;
        progress = Progress::Made;
    }
    Ok(progress)
}

/// Takes the collector's finalizer off an owner, which may be its end.
fn release(batch: &mut Batch<'_>, uid: &str, owner: &str, finalizer: &str) -> Result<(), ApiError> {
    batch.work_done(uid)?;
    let Some((object, bytes)) = batch.get(owner)?.filter(|(object, _)| object.uid() == uid) else { return Ok(()) };
    let mut freed = object.clone();
    freed.meta.finalizers = Some(object.finalizers().iter().filter(|one| *one != finalizer).cloned().collect());
    if freed.finalizers().is_empty() && freed.meta.deletion_timestamp.is_some() {
        freed.meta.finalizers = None;
        vanish(batch, owner, &freed)?;
    } else if freed != object {
        batch.put(owner, Some((&object, bytes)), &mut freed)?;
    }
    Ok(())
}

/// Removes the reference to an owner from a dependent.
fn let_go(batch: &mut Batch<'_>, key: &str, uid: &str) -> Result<(), ApiError> {
    let Some((object, bytes)) = batch.get(key)? else { return Ok(()) };
    let mut free = object.clone();
    let left: Vec<_> = object.meta.owner_references.iter().flatten().filter(|owner| owner.uid != uid).cloned().collect();
    free.meta.owner_references = (!left.is_empty()).then_some(left);
    batch.put(key, Some((&object, bytes)), &mut free).map(drop)
}

fn has_other_owner(batch: &mut Batch<'_>, types: &Types, object: &Object, uid: &str) -> Result<bool, ApiError> {
    for owner in object.meta.owner_references.iter().flatten().filter(|owner| owner.uid != uid) {
        let Some(ty) = types.by_kind(&owner.api_version, &owner.kind) else { continue };
        let namespace = object.meta.namespace.as_deref().filter(|_| ty.is_namespaced());
        let found = batch.get(&ty.key(namespace, &owner.name))?;
        if found.is_some_and(|(found, _)| found.uid() == owner.uid && found.meta.deletion_timestamp.is_none()) {
            return Ok(true);
        }
    }
    Ok(false)
}
