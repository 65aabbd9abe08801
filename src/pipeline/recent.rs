//! What ran without a person a short while ago: what budget, cool-down, recurrence and the short-circuit are counted from.
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
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{TryStreamExt, stream::BoxStream};
use jiff::Timestamp;
use kube::{ResourceExt, api::DynamicObject};

use super::{Pipeline, actions::Disruption, api::ApiError, resolve::controller, run::elapsed, running};
use crate::{
    event::Target,
    key::ObjectKey,
    policy::Guardrails,
    remediation::{APPROVED, ActionKind, Phase, Reason, ZenAgentRemediation},
};

/// How long a pod that was taken from a workload is not believed to be replaced: the workload's status follows late.
pub(super) const SETTLE: Duration = Duration::from_secs(600);

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
    target: Identity,
    finding: Finding,
    takes_pod: bool,
    ended: Option<End>,
    started: Timestamp,
    /// When it ended, or else began.
    pub(super) last: Timestamp,
}

/// Which object it is: by its uid, and of what was not there, or is compared with that, by its place.
#[derive(Clone)]
struct Identity {
    uid: Option<String>,
    place: String,
}

impl Identity {
    fn of(target: &Target) -> Self {
        Self { uid: target.uid.clone(), place: running::place(target) }
    }

    fn is(&self, other: &Self) -> bool {
        match (&self.uid, &other.uid) {
            (Some(uid), Some(other)) => uid == other,
            _ => self.place == other.place,
        }
    }

    fn key(&self) -> &str {
        self.uid.as_deref().unwrap_or(&self.place)
    }
}

/// What comes back: the same rule, and what is done about it, on the same workload.
#[derive(Clone)]
pub(super) struct Finding {
    workload: Identity,
    rule: Option<String>,
    action: ActionKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Succeeded,
    Failed,
}

/// What began and ended in a time.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Targets that were taken up.
    pub(super) targets: usize,
    /// Remediations that ended.
    pub(super) ended: usize,
    /// Those of them that did not succeed.
    pub(super) failed: usize,
}

/// The uid of an object's controller, or of itself: pods come and go, what makes them stays.
pub(super) fn workload(live: &DynamicObject) -> Option<String> {
    controller(live).map(|owner| owner.uid.clone()).or_else(|| live.uid())
}

impl Finding {
    /// What this remediation is about, on this object.
    pub(super) fn of(object: &ZenAgentRemediation, target: &Target, live: &DynamicObject) -> Option<Self> {
        let workload = Identity { uid: workload(live), ..Identity::of(target) };
        Some(Self { workload, rule: object.spec.rule.clone(), action: object.spec.wanted_action()?.kind() })
    }

    fn is(&self, other: &Self) -> bool {
        self.workload.is(&other.workload) && (&self.rule, self.action) == (&other.rule, other.action)
    }
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
        let target = Identity::of(target);
        let same = |begun: &Begun| begun.target.is(&target) && elapsed(begun.last) < within;
        self.kept().begun.iter().find(|(other, begun)| *other != uid && same(begun)).map(|(_, begun)| begun.clone())
    }

    /// How many others than `uid` began within that time where this target is.
    pub(super) fn count(&self, target: &Target, uid: &str, within: Duration) -> usize {
        let place = Place::of(target);
        self.kept().begun.iter().filter(|(other, begun)| *other != uid && begun.place == place && elapsed(begun.started) < within).count()
    }

    /// How often another than `uid` began within that time because of the same finding.
    pub(super) fn same(&self, finding: &Finding, uid: &str, within: Duration) -> usize {
        let same = |begun: &Begun| begun.finding.is(finding) && elapsed(begun.started) < within;
        self.kept().begun.iter().filter(|(other, begun)| *other != uid && same(begun)).count()
    }

    /// The uids of the pods of this workload that others than `uid` took within that time.
    pub(super) fn pods_taken(&self, workload: Option<&str>, uid: &str, within: Duration) -> HashSet<String> {
        let taken = |begun: &Begun| begun.takes_pod && elapsed(begun.last) < within && begun.finding.workload.uid.as_deref() == workload;
        let kept = self.kept();
        kept.begun.iter().filter(|(other, begun)| *other != uid && taken(begun)).filter_map(|(_, begun)| begun.target.uid.clone()).collect()
    }

    /// What others than `uid` did within that time, everywhere.
    pub(super) fn tally(&self, uid: &str, within: Duration) -> Tally {
        let kept = self.kept();
        let others: Vec<_> =
            kept.begun.iter().filter(|(other, begun)| *other != uid && elapsed(begun.last) < within).map(|(_, begun)| begun).collect();
        let targets: HashSet<_> = others.iter().filter(|begun| elapsed(begun.started) < within).map(|begun| begun.target.key()).collect();
        Tally {
            targets: targets.len(),
            ended: others.iter().filter(|begun| begun.ended.is_some()).count(),
            failed: others.iter().filter(|begun| begun.ended == Some(End::Failed)).count(),
        }
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
    max(guardrails.memory(), guardrails.min_healthy_replicas.map_or(Duration::ZERO, |_| SETTLE))
}

fn begun(object: &ZenAgentRemediation) -> Option<Begun> {
    let (status, approved) = (object.status.as_ref()?, object.condition(APPROVED)?);
    let (started, target, action) = (status.started_at.as_ref()?.0, status.target.as_ref()?, status.action.as_ref()?);
    (approved.reason == Reason::AutomaticPolicy.as_str()).then(|| Begun {
        key: ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any()),
        tenant: object.tenant().map(str::to_owned),
        place: Place::of(target),
        finding: Finding {
            workload: Identity { uid: status.workload.clone(), ..Identity::of(target) },
            rule: object.spec.rule.clone(),
            action: action.kind(),
        },
        target: Identity::of(target),
        takes_pod: action.disruption() == Disruption::Pod,
        ended: match object.phase() {
            Phase::Succeeded => Some(End::Succeeded),
            // What a person had undone had succeeded.
            Phase::RolledBack if status.reason.as_deref() == Some(Reason::RollbackRequested.as_str()) => Some(End::Succeeded),
            Phase::Failed | Phase::RolledBack => Some(End::Failed),
            Phase::Pending | Phase::InProgress | Phase::Unknown(_) => None,
        },
        started,
        last: status.completed_at.as_ref().map_or(started, |ended| max(ended.0, started)),
    })
}
