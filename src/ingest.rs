//! From decided events to stored remediations, and the receipt for them.
//!
//! ```text
//!  events ─▶ policy ─▶ plans ─▶ too large? ─▶ room for what is missing? ─▶ objects of another body?
//!                                                 │
//!                           first that is to be created takes the anchor name
//!                                                 │
//!                    ┌── created ─────────────────┴── exists: same digest? ── no ─▶ Conflict
//!                    ▼                                            │ yes
//!     others: create beside the anchor                            ▼
//!                                      the anchor's own index: replayed
//!                                      others: create beside (exists: replayed), or look whether
//!                                      an earlier policy created them: replayed, else ignored
//! ```
//!
//! Names are derived ([`names`]), so nothing is kept in memory: a crash between two creates, or
//! another replica, finds the same names, and the repeated request creates what is missing. Even a
//! request that leads to nothing now reads the anchor, since its id may stand for another body.
//!
//! The receipt leaves only after the Kubernetes API acknowledged every object in it.

mod error;
mod object;
mod store;
mod task;

use futures::{StreamExt, TryStreamExt, future, stream};

pub use error::IngestError;
use store::{Creation, Store};
pub use task::{Taken, Task};

use crate::{
    event::{Ignored, Normalized},
    policy::{self, Decision},
    quota::{Quota, Reservation},
    remediation::{RemediationSpec, RequestRecord, names},
    telemetry::Metrics,
    verify::Caller,
};

/// The most events of one request; more would keep the caller waiting past any timeout.
pub const MAX_EVENTS: usize = 5_000;
const CONCURRENCY: usize = 8;
/// How often an anchor may vanish between create and get before we give up.
const ATTEMPTS: usize = 3;

/// Stores remediations for events.
#[derive(Clone)]
pub struct Ingest {
    store: Store,
    policy: policy::Live,
    quota: Quota,
    metrics: Metrics,
}

/// What became of a request's events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// One outcome an event, in the order of the body.
    pub results: Vec<Outcome>,
}

/// What became of one event. The remediation is named by its id in the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This request created the remediation.
    Created {
        /// Its id.
        remediation: String,
    },
    /// An earlier delivery of this request did.
    Replayed {
        /// Its id.
        remediation: String,
    },
    /// It leads to nothing.
    Ignored {
        /// Why.
        reason: Ignored,
    },
}

impl Receipt {
    /// Whether this delivery of the request had no effect because an earlier one had: something is
    /// replayed, and nothing is created (`Idempotent-Replayed: true`).
    pub fn all_replayed(&self) -> bool {
        let any = |wanted: fn(&Outcome) -> bool| self.results.iter().any(wanted);
        any(|outcome| matches!(outcome, Outcome::Replayed { .. })) && !any(|outcome| matches!(outcome, Outcome::Created { .. }))
    }
}

enum Plan {
    Create(Box<RemediationSpec>),
    Ignore(Ignored),
}

/// How the anchor stands once a request has asked for it.
enum Anchor {
    Created { index: usize },
    Found { index: usize },
    Absent,
}

/// What all objects of a request share.
struct Request<'a> {
    caller: &'a Caller,
    anchor: String,
    digest: String,
}

impl Ingest {
    /// Stores into `namespace`, by the policy in force when a request comes, as much as `quota` allows.
    pub fn new(client: kube::Client, namespace: &str, policy: policy::Live, quota: Quota, metrics: Metrics) -> Self {
        Self { store: Store::new(client, namespace), policy, quota, metrics }
    }

    /// Decides on the events of one verified request, and stores what follows.
    ///
    /// # Errors
    /// See [`IngestError`]. What was stored before an error stays, and the same request, sent
    /// again, completes it.
    pub async fn accept(&self, operation_id: &'static str, caller: &Caller, events: Vec<Normalized>) -> Result<Receipt, IngestError> {
        let request = Request {
            caller,
            anchor: names::anchor(&caller.tenant, &caller.request_id),
            digest: names::digest(operation_id, &caller.body_digest),
        };
        let receipt = self.store_all(&request, events).await?;
        for outcome in &receipt.results {
            if let Outcome::Ignored { reason } = outcome {
                self.metrics.ignored(reason.as_str());
            }
        }
        Ok(receipt)
    }

    async fn store_all(&self, request: &Request<'_>, events: Vec<Normalized>) -> Result<Receipt, IngestError> {
        let plans = self.plan(request, events)?;
        let _room = self.room(request, &plans).await?;
        let anchor = self.anchor(request, &plans).await?;
        let outcomes = plans.into_iter().enumerate().map(|(index, plan)| self.settle(request, &anchor, index, plan));
        let results = stream::iter(outcomes).buffered(CONCURRENCY).try_collect().await?;
        Ok(Receipt { results })
    }

    /// Decides on every event before anything is written, so that a refusal leaves no trace.
    fn plan(&self, request: &Request<'_>, events: Vec<Normalized>) -> Result<Vec<Plan>, IngestError> {
        if events.len() > MAX_EVENTS {
            return Err(IngestError::TooMany { events: events.len() });
        }
        let policy = self.policy.policy();
        let plan = |(index, event)| match event {
            Normalized::Ignored(reason) => Ok(Plan::Ignore(reason)),
            Normalized::Event(event) => match policy.decide(&event) {
                Decision::Ignore(reason) => Ok(Plan::Ignore(reason)),
                Decision::Remediate { action, verification, mode, rule } => {
                    object::spec(*event, (action, verification), mode, rule, request.record(index), index).map(Box::new).map(Plan::Create)
                }
            },
        };
        events.into_iter().enumerate().map(plan).collect()
    }

    /// Room for what the request will create. Where there is not enough for all of it, what is stored already is looked
    /// for, so that a replay is answered, and a request that broke off completed, also at the cap.
    async fn room(&self, request: &Request<'_>, plans: &[Plan]) -> Result<Reservation<'_>, IngestError> {
        let tenant = &request.caller.tenant;
        let wanted = plans.iter().filter(|plan| matches!(plan, Plan::Create(_))).count();
        match self.quota.reserve(tenant, wanted) {
            Ok(room) => Ok(room),
            Err(_) => Ok(self.quota.reserve(tenant, self.missing(request, plans).await?)?),
        }
    }

    /// How many objects of a request are not stored.
    async fn missing(&self, request: &Request<'_>, plans: &[Plan]) -> Result<usize, IngestError> {
        let anchored = self.recorded(request, &request.anchor).await?;
        let creates = plans.iter().enumerate().filter(|(_, plan)| matches!(plan, Plan::Create(_))).map(|(index, _)| index);
        // Without an anchor, the first one takes its name.
        let beside: Vec<_> = match anchored {
            Some(anchored) => creates.filter(|index| *index != anchored).collect(),
            None => creates.skip(1).collect(),
        };
        let absent = beside.into_iter().map(|index| async move {
            let recorded = self.recorded(request, &names::beside(&request.anchor, index)).await?;
            Ok::<_, IngestError>(usize::from(recorded.is_none()))
        });
        let absent: usize = stream::iter(absent).buffer_unordered(CONCURRENCY).try_fold(0, |sum, one| future::ok(sum + one)).await?;
        Ok(absent + usize::from(anchored.is_none()))
    }

    /// Creates the anchor, or finds out whether it stands for this request.
    async fn anchor(&self, request: &Request<'_>, plans: &[Plan]) -> Result<Anchor, IngestError> {
        let first = plans.iter().enumerate().find_map(|(index, plan)| match plan {
            Plan::Create(spec) => Some((index, spec)),
            Plan::Ignore(_) => None,
        });
        if first.is_some() {
            self.agree(request, plans).await?;
        }
        for _ in 0..ATTEMPTS {
            if let Some((index, spec)) = first {
                match self.store.create(request.caller, &request.anchor, spec).await? {
                    Creation::Created => return Ok(Anchor::Created { index }),
                    Creation::Exists => {}
                }
            }
            match self.recorded(request, &request.anchor).await? {
                Some(index) => return Ok(Anchor::Found { index }),
                None if first.is_none() => return Ok(Anchor::Absent),
                // Deleted between the two calls: the name is free again.
                None => {}
            }
        }
        Err(IngestError::Vanishing)
    }

    /// A batch's anchor may have been deleted before the objects beside it. While one of them stands, its
    /// id does, so nothing of another body may be stored, not even the anchor.
    async fn agree(&self, request: &Request<'_>, plans: &[Plan]) -> Result<(), IngestError> {
        let beside = |(index, plan): (usize, &Plan)| matches!(plan, Plan::Create(_)).then(|| names::beside(&request.anchor, index));
        let names: Vec<_> = plans.iter().enumerate().filter_map(beside).skip(1).collect();
        let recorded = names.into_iter().map(|name| async move { self.recorded(request, &name).await });
        stream::iter(recorded).buffer_unordered(CONCURRENCY).try_for_each(|_| future::ready(Ok(()))).await
    }

    /// What becomes of the event at `index`, once the anchor is known to stand for this request.
    async fn settle(&self, request: &Request<'_>, anchor: &Anchor, index: usize, plan: Plan) -> Result<Outcome, IngestError> {
        match anchor {
            Anchor::Created { index: anchored } if *anchored == index => {
                return Ok(Outcome::Created { remediation: request.anchor.clone() });
            }
            Anchor::Found { index: anchored } if *anchored == index => {
                return Ok(Outcome::Replayed { remediation: request.anchor.clone() });
            }
            _ => {}
        }
        let name = names::beside(&request.anchor, index);
        match plan {
            Plan::Create(spec) => {
                for _ in 0..ATTEMPTS {
                    if let Creation::Created = self.store.create(request.caller, &name, &spec).await? {
                        return Ok(Outcome::Created { remediation: name });
                    }
                    if self.recorded(request, &name).await?.is_some() {
                        return Ok(Outcome::Replayed { remediation: name });
                    }
                }
                Err(IngestError::Vanishing)
            }
            // Only what policy decides can have been decided otherwise when the request came first.
            Plan::Ignore(reason @ (Ignored::BelowThreshold | Ignored::Observe)) if matches!(anchor, Anchor::Found { .. }) => {
                match self.recorded(request, &name).await? {
                    Some(_) => Ok(Outcome::Replayed { remediation: name }),
                    None => Ok(Outcome::Ignored { reason }),
                }
            }
            Plan::Ignore(reason) => Ok(Outcome::Ignored { reason }),
        }
    }

    /// The index that the object of this name records, if it is there and stands for this request.
    async fn recorded(&self, request: &Request<'_>, name: &str) -> Result<Option<usize>, IngestError> {
        let Some(object) = self.store.get(name).await? else { return Ok(None) };
        if object.metadata.deletion_timestamp.is_some() {
            // Nobody is told of a remediation that is about to be gone.
            return Err(IngestError::Vanishing);
        }
        let same_tenant = object.tenant() == Some(request.caller.tenant.as_str());
        match object.spec.request {
            Some(record) if same_tenant && record.digest == request.digest => {
                usize::try_from(record.index).map(Some).map_err(|_| IngestError::Conflict)
            }
            _ => Err(IngestError::Conflict),
        }
    }
}

impl Request<'_> {
    fn record(&self, index: usize) -> RequestRecord {
        RequestRecord {
            id: self.caller.request_id.as_sent().to_owned(),
            digest: self.digest.clone(),
            index: i32::try_from(index).unwrap_or(i32::MAX),
            subject: Some(self.caller.subject.clone()),
            execution_id: None,
        }
    }
}

#[cfg(test)]
mod tests;
