//! The garbage collector: what becomes of the dependents of a deleted owner.
//!
//! Work is left by deletions in the table `pending`, in their own transaction, so a crash between an
//! owner's end and its dependents' loses nothing. One task at a time works it off in small
//! transactions, and stops when nothing moves: a foreground deletion then waits for finalizers that
//! others hold, and the end of each dependent starts the collector anew.

use std::sync::{Arc, Mutex, PoisonError};

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

/// Whether the collector runs, and has to look again.
#[derive(Debug, Default)]
pub(crate) struct Collector(Mutex<Running>);

#[derive(Debug, Default)]
struct Running {
    running: bool,
    again: bool,
}

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

/// Sees to it that the collector looks at what is pending, now or right after what it does now.
pub(crate) fn start(inner: &Arc<Inner>) {
    let mut state = inner.collector.0.lock().unwrap_or_else(PoisonError::into_inner);
    state.again = true;
    if !std::mem::replace(&mut state.running, true) {
        tokio::spawn(run(inner.clone()));
    }
}

/// The running collector; once its runtime has dropped it, another may start.
struct Turn {
    inner: Arc<Inner>,
    over: bool,
}

impl Turn {
    /// Whether there is something to look at; if not, the turn is over.
    fn goes_on(&mut self) -> bool {
        let mut state = self.inner.collector.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.running = std::mem::take(&mut state.again);
        self.over = !state.running;
        state.running
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.over {
            self.inner.collector.0.lock().unwrap_or_else(PoisonError::into_inner).running = false;
        }
    }
}

async fn run(inner: Arc<Inner>) {
    let mut turn = Turn { inner: inner.clone(), over: false };
    while turn.goes_on() {
        loop {
            let types = inner.clone();
            match inner.write(move |batch| step(batch, &types.types)).await {
                Ok(Progress::Made) => {}
                Ok(Progress::None) => break,
                Err(error) => {
                    tracing::warn!(error = error.message(), "the garbage collector stopped; the next deletion starts it again");
                    break;
                }
            }
        }
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
