//! What ran without a person a short while ago: what budget and cool-down are counted from.
//!
//! The objects say so. They are listed once a term, at first use; from then on whoever leads knows what it begins and
//! ends itself, so that a claim lists nothing, however many objects there are. The listing goes on where a pass that was
//! cut off had left it. What is deleted meanwhile still counts, until its time is over.
//!
//! What is older than the longest time of any guardrail is dropped. A policy that is loaded later may look further back:
//! then all is listed once more, and what was deleted before that, and dropped here, does not count. One that looks
//! less far drops nothing in this term.

use std::{
    cmp::max,
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{TryStreamExt, stream::BoxStream};
use jiff::Timestamp;
use kube::ResourceExt;

use super::{Pipeline, api::ApiError, run::elapsed};
use crate::{
    event::Target,
    key::ObjectKey,
    policy::Guardrails,
    remediation::{APPROVED, Reason, ZenAgentRemediation},
};

/// The index, by the uid of the remediation.
#[derive(Default)]
pub(super) struct Recent {
    kept: Mutex<Kept>,
    listing: tokio::sync::Mutex<Listing>,
}

#[derive(Default)]
struct Kept {
    begun: HashMap<String, Begun>,
    /// How far back all is kept; longer only by a listing.
    horizon: Duration,
}

#[derive(Default)]
enum Listing {
    #[default]
    NotBegun,
    Under(BoxStream<'static, Result<Vec<ZenAgentRemediation>, ApiError>>),
    Over,
}

/// A remediation that the policy let run.
#[derive(Clone)]
pub(super) struct Begun {
    pub(super) key: ObjectKey,
    pub(super) tenant: Option<String>,
    place: Place,
    target: Option<String>,
    started: Timestamp,
    /// When it ended, or else began.
    last: Timestamp,
}

/// What shares a budget: the targets of a namespace, or, of those that are in none, all of a kind.
#[derive(Clone, PartialEq, Eq)]
enum Place {
    Namespace(String),
    Kind(String),
}

impl Place {
    fn of(target: &Target) -> Self {
        match &target.namespace {
            Some(namespace) => Self::Namespace(namespace.clone()),
            None => Self::Kind(target.kind.clone()),
        }
    }
}

impl Recent {
    /// Lists what began before this term, unless that was done, as far back as these guardrails look.
    pub(super) async fn fill(&self, pipeline: &Pipeline, guardrails: &Guardrails) -> Result<(), ApiError> {
        let mut listing = self.listing.lock().await;
        if self.kept().widen(horizon(guardrails)) {
            *listing = Listing::NotBegun;
        }
        loop {
            match &mut *listing {
                Listing::Over => return Ok(()),
                Listing::NotBegun => *listing = Listing::Under(Box::pin(pipeline.pages(""))),
                Listing::Under(pages) => match pages.try_next().await {
                    Ok(Some(page)) => page.iter().for_each(|object| self.note(guardrails, object)),
                    Ok(None) => *listing = Listing::Over,
                    Err(error) => {
                        *listing = Listing::NotBegun;
                        return Err(error);
                    }
                },
            }
        }
    }

    /// Takes in how a remediation stands, if it ran without a person and not too long ago to matter.
    pub(super) fn note(&self, guardrails: &Guardrails, object: &ZenAgentRemediation) {
        let mut kept = self.kept();
        let horizon = max(kept.horizon, horizon(guardrails));
        let Some(begun) = begun(object).filter(|begun| elapsed(begun.last) < horizon) else { return };
        kept.begun.retain(|_, begun| elapsed(begun.last) < horizon);
        kept.begun.insert(object.metadata.uid.clone().unwrap_or_default(), begun);
    }

    /// Drops a remediation that did not begin after all.
    pub(super) fn forget(&self, uid: &str) {
        self.kept().begun.remove(uid);
    }

    /// Whether another than `uid` changed this target within that time, and which.
    pub(super) fn changed(&self, target: &Target, uid: &str, within: Duration) -> Option<Begun> {
        let same = |begun: &Begun| target.uid.is_some() && begun.target == target.uid && elapsed(begun.last) < within;
        self.kept().begun.iter().find(|(other, begun)| *other != uid && same(begun)).map(|(_, begun)| begun.clone())
    }

    /// How many others than `uid` began within that time where this target is.
    pub(super) fn count(&self, target: &Target, uid: &str, within: Duration) -> usize {
        let place = Place::of(target);
        self.kept().begun.iter().filter(|(other, begun)| *other != uid && begun.place == place && elapsed(begun.started) < within).count()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Whether this is further back than all is kept; from now on it is.
    fn widen(&mut self, horizon: Duration) -> bool {
        let wider = horizon > self.horizon;
        self.horizon = max(self.horizon, horizon);
        wider
    }
}

/// What is older matters to no guardrail.
fn horizon(guardrails: &Guardrails) -> Duration {
    max(guardrails.budget.map_or(Duration::ZERO, |budget| budget.window), guardrails.cooldown.unwrap_or_default())
}

fn begun(object: &ZenAgentRemediation) -> Option<Begun> {
    let (status, approved) = (object.status.as_ref()?, object.condition(APPROVED)?);
    let (started, target) = (status.started_at.as_ref()?.0, status.target.as_ref()?);
    (approved.reason == Reason::AutomaticPolicy.as_str()).then(|| Begun {
        key: ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any()),
        tenant: object.tenant().map(str::to_owned),
        place: Place::of(target),
        target: target.uid.clone(),
        started,
        last: status.completed_at.as_ref().map_or(started, |ended| max(ended.0, started)),
    })
}
