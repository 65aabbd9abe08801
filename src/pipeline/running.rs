//! Which targets are being worked on: one remediation each.
//!
//! The objects in progress say so, and this index only spares listing them for each claim: it is
//! filled from them at first use, kept by the claims of this process, and an entry is believed only
//! as long as its remediation, read afresh, still is in progress on that target. So it may be lost
//! at any time; who becomes leader begins with a new [`super::Pipeline`].

use std::{
    collections::{HashMap, hash_map::Entry},
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
    remediation::{Phase, ZenAgentRemediation},
};

/// The index: uid of the target → the remediation that works on it.
#[derive(Default)]
pub(super) struct Running {
    holders: Mutex<HashMap<String, Place>>,
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
        let uid = target.uid.as_deref().unwrap_or_default();
        let me = Holder::of(&run.object);
        loop {
            let Some((holder, claiming)) = self.enter(uid, &me, true) else {
                return Ok(Take::Taken(Reservation { running: self, uid: uid.to_owned() }));
            };
            if claiming {
                return Ok(Take::Busy);
            }
            let claimed = run::read(&pipeline.client, &holder.namespace, &holder.name).await?;
            if claimed.is_some_and(|claimed| claimed.metadata.uid.as_ref() == Some(&holder.uid) && works_on(&claimed, uid)) {
                return Ok(Take::Busy);
            }
            self.leave(uid, &holder);
        }
    }

    /// Enters a remediation that is found in progress.
    pub(super) fn adopt(&self, object: &ZenAgentRemediation) {
        if let Some(uid) = pinned(object) {
            _ = self.enter(uid, &Holder::of(object), false);
        }
    }

    /// Lets go of the target of a remediation that has ended.
    pub(super) fn release(&self, object: &ZenAgentRemediation) {
        if let Some(uid) = pinned(object) {
            self.leave(uid, &Holder::of(object));
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

fn pinned(object: &ZenAgentRemediation) -> Option<&str> {
    object.status.as_ref()?.target.as_ref()?.uid.as_deref()
}

fn works_on(object: &ZenAgentRemediation, uid: &str) -> bool {
    object.phase() == Phase::InProgress && pinned(object) == Some(uid)
}
