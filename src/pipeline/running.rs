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

/// The index: the target's place ([`place`]) → the remediation that works on it.
#[derive(Default)]
pub(super) struct Running {
    holders: Mutex<HashMap<String, Place>>,
    /// By the place of the target, first come, first served.
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
    place: String,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.running.places().get_mut(&self.place) {
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
        let place = place.as_str();
        let (me, key) = (Holder::of(&run.object), ObjectKey::of(&run.object));
        loop {
            let Some((holder, claiming)) = self.enter(place, &me, true) else {
                self.step_out(place, &key);
                return Ok(Take::Taken(Reservation { running: self, place: place.to_owned() }));
            };
            if claiming {
                self.line_up(place, key);
                return Ok(Take::Busy);
            }
            let claimed = run::read(&pipeline.client, &holder.namespace, &holder.name).await?;
            if claimed.is_some_and(|claimed| claimed.metadata.uid.as_ref() == Some(&holder.uid) && works_on(&claimed, place)) {
                self.line_up(place, key);
                return Ok(Take::Busy);
            }
            self.leave(place, &holder);
        }
    }

    /// Enters a remediation that is found in progress.
    pub(super) fn adopt(&self, object: &ZenAgentRemediation) {
        if let Some(place) = pinned(object) {
            _ = self.enter(&place, &Holder::of(object), false);
        }
    }

    /// Lets go of the target of a remediation that has ended, and names who is next in line for it.
    pub(super) fn release(&self, object: &ZenAgentRemediation) -> Option<ObjectKey> {
        let place = &pinned(object)?;
        self.leave(place, &Holder::of(object));
        self.step_out(place, &ObjectKey::of(object));
        // Out of the line: whoever does not come must not keep the others from it.
        let next = self.lines().get_mut(place)?.pop_front()?;
        self.step_out(place, &next);
        Some(next)
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<String, VecDeque<ObjectKey>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line_up(&self, place: &str, key: ObjectKey) {
        let mut lines = self.lines();
        let line = lines.entry(place.to_owned()).or_default();
        if !line.contains(&key) {
            line.push_back(key);
        }
    }

    fn step_out(&self, place: &str, key: &ObjectKey) {
        let mut lines = self.lines();
        if let Entry::Occupied(mut line) = lines.entry(place.to_owned()) {
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
    fn enter(&self, place: &str, me: &Holder, claiming: bool) -> Option<(Holder, bool)> {
        match self.places().entry(place.to_owned()) {
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

    fn leave(&self, place: &str, holder: &Holder) {
        let mut places = self.places();
        if places.get(place).is_some_and(|place| place.holder.is(holder) && !place.claiming) {
            places.remove(place);
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

/// Where an object is, or will be: what is found there by its uid, and what is created there, are one target.
pub(super) fn place(target: &Target) -> String {
    let Target { api_version, kind, namespace, name, .. } = target;
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    format!("{group} {kind} {}/{name}", namespace.as_deref().unwrap_or_default())
}

fn works_on(object: &ZenAgentRemediation, place: &str) -> bool {
    object.phase() == Phase::InProgress && pinned(object).as_deref() == Some(place)
}
