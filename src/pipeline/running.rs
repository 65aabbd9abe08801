//! Which targets are being worked on: by one remediation each, as far as this process knows.
//!
//! A claim that another leader sent before it lost the lease, and that arrives after this one has looked, is
//! not known here: then two work on the target until one of them ends (see "Two leaders" in [`super`]).
//!
//! The objects in progress say so, and this index only spares listing them for each claim: it is
//! filled from them at first use, kept by the claims of this process, and an entry is believed only
//! as long as its remediation, read afresh, still is in progress on that target. So it may be lost
//! at any time; who becomes leader begins with a new [`super::Pipeline`].
//!
//! Who finds a target taken waits in line for it, and is named when it becomes free. That, too, may be
//! lost: whoever waits looks again by itself after a while.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures::TryStreamExt;
use kube::ResourceExt;
use tokio::sync::OnceCell;

use super::{
    Pipeline,
    api::ApiError,
    run::{self, Run},
};
use crate::{
    event::Target,
    key::ObjectKey,
    remediation::{Phase, ZenAgentRemediation},
};

/// The index: uid of the target, or its place ([`place`]) → the remediation that works on it.
#[derive(Default)]
pub(super) struct Running {
    holders: Mutex<HashMap<String, Place>>,
    /// By the uid of the target, first come, first served.
    lines: Mutex<HashMap<String, VecDeque<ObjectKey>>>,
    filled: OnceCell<()>,
}

struct Place {
    holder: Holder,
    /// Its claim is being written, so its object does not say yet that it is in progress.
    claiming: bool,
}

/// A place taken for a claim that is being written.
pub(super) struct Reservation<'a> {
    running: &'a Running,
    uid: String,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.running.places().get_mut(&self.uid) {
            place.claiming = false;
        }
    }
}

/// Whether the target is free.
pub(super) enum Take<'a> {
    Taken(Reservation<'a>),
    /// Another remediation has it.
    Busy,
}

#[derive(Clone)]
struct Holder {
    namespace: String,
    name: String,
    uid: String,
}

impl Holder {
    fn of(object: &ZenAgentRemediation) -> Self {
        let uid = object.metadata.uid.clone().unwrap_or_default();
        Self { namespace: object.namespace().unwrap_or_default(), name: object.name_any(), uid }
    }

    fn is(&self, other: &Self) -> bool {
        self.uid == other.uid
    }
}

impl Running {
    /// Takes the target for this remediation, or says who has it.
    pub(super) async fn take(&self, pipeline: &Pipeline, target: &Target, run: &Run<'_>) -> Result<Take<'_>, ApiError> {
        self.filled.get_or_try_init(|| self.fill(pipeline)).await?;
        let place = place(target);
        let uid = place.as_str();
        let (me, key) = (Holder::of(&run.object), ObjectKey::of(&run.object));
        loop {
            let Some((holder, claiming)) = self.enter(uid, &me, true) else {
                self.step_out(uid, &key);
                return Ok(Take::Taken(Reservation { running: self, uid: uid.to_owned() }));
            };
            if claiming {
                self.line_up(uid, key);
                return Ok(Take::Busy);
            }
            let claimed = run::read(&pipeline.client, &holder.namespace, &holder.name).await?;
            if claimed.is_some_and(|claimed| claimed.metadata.uid.as_ref() == Some(&holder.uid) && works_on(&claimed, uid)) {
                self.line_up(uid, key);
                return Ok(Take::Busy);
            }
            self.leave(uid, &holder);
        }
    }

    /// Enters a remediation that is found in progress.
    pub(super) fn adopt(&self, object: &ZenAgentRemediation) {
        if let Some(uid) = pinned(object) {
            _ = self.enter(&uid, &Holder::of(object), false);
        }
    }

    /// Lets go of the target of a remediation that has ended, and names who is next in line for it.
    pub(super) fn release(&self, object: &ZenAgentRemediation) -> Option<ObjectKey> {
        let uid = &pinned(object)?;
        self.leave(uid, &Holder::of(object));
        self.step_out(uid, &ObjectKey::of(object));
        // Out of the line: whoever does not come must not keep the others from it.
        let next = self.lines().get_mut(uid)?.pop_front()?;
        self.step_out(uid, &next);
        Some(next)
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<String, VecDeque<ObjectKey>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line_up(&self, uid: &str, key: ObjectKey) {
        let mut lines = self.lines();
        let line = lines.entry(uid.to_owned()).or_default();
        if !line.contains(&key) {
            line.push_back(key);
        }
    }

    fn step_out(&self, uid: &str, key: &ObjectKey) {
        let mut lines = self.lines();
        if let Entry::Occupied(mut line) = lines.entry(uid.to_owned()) {
            line.get_mut().retain(|waiting| waiting != key);
            if line.get().is_empty() {
                line.remove();
            }
        }
    }

    fn places(&self) -> MutexGuard<'_, HashMap<String, Place>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters `me` where nobody else is; says who is, and whether its claim is being written.
    fn enter(&self, uid: &str, me: &Holder, claiming: bool) -> Option<(Holder, bool)> {
        match self.places().entry(uid.to_owned()) {
            Entry::Occupied(place) if !place.get().holder.is(me) => Some((place.get().holder.clone(), place.get().claiming)),
            Entry::Occupied(mut place) => {
                place.get_mut().claiming |= claiming;
                None
            }
            Entry::Vacant(place) => {
                place.insert(Place { holder: me.clone(), claiming });
                None
            }
        }
    }

    fn leave(&self, uid: &str, holder: &Holder) {
        let mut places = self.places();
        if places.get(uid).is_some_and(|place| place.holder.is(holder) && !place.claiming) {
            places.remove(uid);
        }
    }

    async fn fill(&self, pipeline: &Pipeline) -> Result<(), ApiError> {
        let mut pages = pin!(pipeline.pages("status.phase=in_progress"));
        while let Some(page) = pages.try_next().await? {
            page.iter().for_each(|object| self.adopt(object));
        }
        Ok(())
    }
}

/// Where a remediation works.
fn pinned(object: &ZenAgentRemediation) -> Option<String> {
    object.status.as_ref()?.target.as_ref().map(place)
}

/// The target's uid; of what is not there yet, where it will be.
fn place(target: &Target) -> String {
    let Target { api_version, kind, namespace, name, uid } = target;
    uid.clone().unwrap_or_else(|| format!("{api_version} {kind} {}/{name}", namespace.as_deref().unwrap_or_default()))
}

fn works_on(object: &ZenAgentRemediation, uid: &str) -> bool {
    object.phase() == Phase::InProgress && pinned(object).as_deref() == Some(uid)
}
