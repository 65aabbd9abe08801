//! Deletes old remediations: the loop, and the cleanup that an operator asks for, on one engine.
//!
//! ```text
//!  for each wanted status, and each way the tenant's objects are labelled:
//!    page (selected by the server) ─▶ terminal, old enough, the tenant's? ─▶ delete, if it is still
//!      ▲                  │                                                  what was read ─┬▶ deleted
//!      └──────────────────┘                                                                 ├▶ changed
//!                                                                                           ├▶ gone
//!                                                                                           └▶ error
//! ```
//!
//! Only terminal statuses can be asked for: [`TerminalPhase`] has no other. Each delete is
//! conditional on uid and resourceVersion, so an object that changed since it was read stays. Without
//! any page or deletion for [`deadline::REQUEST`], a sweep gives up and says that it is incomplete.
//!
//! A page is held, and so many deletions are under way at once; when the API server has enough of them (429), kube's client
//! waits as long as it says and asks again, within the time of the call. What does not get through in that, or fails as what may pass, is kept until the others are
//! through, and then deleted one at a time; what fails again is the next sweep's. "Deleted" means that the server has taken it on: deletion is in the foreground, so an object stands, with a
//! deletionTimestamp, until the garbage collector has looked for dependents: two reads and a patch, at twice
//! `--kube-api-qps`, which is 20 by default (kubernetes `cmd/kube-controller-manager/app/core.go`), so about an hour for
//! 50,000.
//! Meanwhile they count in `zen_agent_crd_count`, but not towards their tenant's cap.
//!
//! The server selects by `status.phase`. Objects of the older kind, that have `.status.state` only,
//! are those whose `status.phase` is empty: one more pass reads them, and their state is looked at
//! here. An object that has both is what its phase says.

mod delete;
mod terminal;

use std::{ops::AddAssign, time::Duration};

use futures::{Stream, StreamExt, TryStreamExt, future, stream as streams};
use jiff::Timestamp;
use kube::{Api, Client, api::ListParams, core::DeserializeGuard};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use delete::{Fate, Met, delete};
pub use terminal::{NotTerminal, TerminalPhase};

use crate::{
    category::Category,
    causes::chain,
    deadline,
    heartbeat::{BEAT, Heartbeat},
    identity::Tenant,
    remediation::{TENANT_LABEL, ZenAgentRemediation, requests},
    stream,
    telemetry::Metrics,
};

/// How many deletions are under way at once.
const CONCURRENCY: usize = 16;

/// How many deletions are kept for a second attempt.
const HELD: usize = 1_000;

/// What to delete.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// How old an object must be. Age counts from the terminal transition, else from creation.
    pub older_than: Limit,
    /// The statuses to look at.
    pub statuses: Vec<TerminalPhase>,
    /// Whether to delete, or only to count.
    pub mode: Mode,
    /// Whose objects; everybody's when absent.
    pub tenant: Option<Tenant>,
}

/// An age, and whether an object may ask for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// This age, unless the object has a `ttlSecondsAfterFinished`: the loop.
    Retention(Duration),
    /// This age, whatever the object says: the operator.
    Exactly(Duration),
}

/// Whether a sweep deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    Delete,
    /// It counts what it would delete.
    Preview,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Objects of the wanted status, age and tenant: those that follow, and those that were gone, or
    /// being deleted by somebody else, when their turn came.
    pub matched: u64,
    /// Of those, deleted: the server took it on, and the object goes once its dependents have.
    pub deleted: u64,
    /// Of those, left alone, since they changed after they had been read.
    pub changed: u64,
    /// Deletions and listings that failed; the next sweep meets their objects again.
    pub errors: u64,
    /// Why there may be more that match than were seen: how the first listing failed that did.
    pub incomplete: Option<Category>,
}

impl AddAssign for SweepReport {
    fn add_assign(&mut self, other: Self) {
        self.matched += other.matched;
        self.deleted += other.deleted;
        self.changed += other.changed;
        self.errors += other.errors;
        self.incomplete = self.incomplete.or(other.incomplete);
    }
}

/// The engine.
#[derive(Clone)]
pub struct Retention {
    client: Client,
    /// All namespaces, when absent.
    namespace: Option<String>,
    /// Owns the objects without a tenant label.
    own_tenant: Tenant,
    metrics: Metrics,
    heartbeat: Heartbeat,
}

impl Retention {
    /// An engine for the remediations in `namespace`, or in all; `own_tenant` owns those that name
    /// no tenant.
    pub fn new(client: Client, namespace: Option<String>, own_tenant: Tenant, metrics: Metrics) -> Self {
        Self { client, namespace, own_tenant, metrics, heartbeat: Heartbeat::new() }
    }

    /// Beats as long as [`Retention::run`] waits, or makes progress.
    pub fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }

    /// Deletes what is older than `max_age`, at once and then every `period`, until `shutdown`.
    pub async fn run(&self, period: Duration, max_age: Duration, shutdown: CancellationToken) {
        let everything =
            Sweep { older_than: Limit::Retention(max_age), statuses: TerminalPhase::ALL.to_vec(), mode: Mode::Delete, tenant: None };
        let mut due = interval(period.max(Duration::from_secs(1)));
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                _ = due.tick() => {
                    let Some(report) = shutdown.run_until_cancelled(self.sweep(&everything)).await else { return };
                    let SweepReport { matched, deleted, changed, errors, incomplete } = report;
                    let incomplete = incomplete.map(Category::as_str);
                    tracing::info!(matched, deleted, changed, errors, incomplete, "retention swept");
                }
                _ = beat.tick() => self.heartbeat.beat(),
            }
        }
    }

    /// Looks at every object once, and deletes, or counts, what `sweep` asks for. Errors are logged
    /// and counted, and it goes on, as long as the API answers now and then.
    pub async fn sweep(&self, sweep: &Sweep) -> SweepReport {
        let now = Timestamp::now();
        let mut report = SweepReport::default();
        for labels in self.label_selectors(sweep.tenant.as_ref()) {
            for fields in field_selectors(&sweep.statuses) {
                let mut params = ListParams::default().fields(&fields);
                params.label_selector.clone_from(&labels);
                report += self.pass(sweep, params, now).await;
                if report.incomplete == Some(Category::Timeout) {
                    return report;
                }
            }
        }
        report
    }

    async fn pass(&self, sweep: &Sweep, params: ListParams, now: Timestamp) -> SweepReport {
        let (mut report, progress, mut held) = (SweepReport::default(), Heartbeat::new(), Vec::new());
        let patience = || deadline::REQUEST.saturating_sub(progress.age());
        // 1. Page by page.
        let mut outcomes = std::pin::pin!(self.met(sweep, params, now, &progress));
        loop {
            let Ok(next) = timeout(patience(), outcomes.next()).await else {
                self.give_up(&mut report, Category::Timeout, "the Kubernetes API does not answer");
                break;
            };
            self.heartbeat.beat();
            match next {
                None => break,
                Some(Outcome::Unlisted(category, error)) => self.give_up(&mut report, category, &chain(&error)),
                Some(Outcome::Met(Fate::Held(met))) if held.len() < HELD => {
                    report.matched += 1;
                    held.push(met);
                }
                Some(Outcome::Met(fate)) => {
                    report.matched += 1;
                    self.count(&mut report, &progress, &fate);
                }
            }
        }
        // 2. What the server had no time for, one at a time; a server that had time for none of them is away.
        let is_away = held.len() as u64 + report.errors == report.matched;
        for met in held {
            self.heartbeat.beat();
            let fate = match patience() {
                patience if is_away || patience.is_zero() => Fate::Failed,
                patience => timeout(patience, delete(&self.client, met)).await.unwrap_or(Fate::Failed),
            };
            self.count(&mut report, &progress, &fate);
        }
        report
    }

    fn count(&self, report: &mut SweepReport, progress: &Heartbeat, fate: &Fate) {
        let label = match fate {
            Fate::Deleted => {
                report.deleted += 1;
                "deleted"
            }
            Fate::Changed => {
                report.changed += 1;
                "changed"
            }
            Fate::Gone => "gone",
            Fate::Failed | Fate::Held(_) => {
                report.errors += 1;
                self.metrics.retention.with_label_values(&["error"]).inc();
                return;
            }
            Fate::Previewed => return progress.beat(),
        };
        self.metrics.retention.with_label_values(&[label]).inc();
        progress.beat();
    }

    /// What matches in all pages, deleted or counted.
    fn met(&self, sweep: &Sweep, params: ListParams, now: Timestamp, progress: &Heartbeat) -> impl Stream<Item = Outcome> {
        let api: Api<DeserializeGuard<ZenAgentRemediation>> = match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let pages = stream::pages(api, params, stream::PAGE_SIZE).inspect_ok(|_| progress.beat());
        let objects = pages.map_ok(|page| streams::iter(page.items.into_iter().map(Ok))).try_flatten();
        objects
            .filter_map(move |object| {
                self.heartbeat.beat();
                future::ready(match object {
                    // The informer warns of malformed objects; none of them is deleted.
                    Ok(DeserializeGuard(object)) => object.ok().filter(|object| self.matches(sweep, object, now)).map(Ok),
                    Err(error) => Some(Err(error)),
                })
            })
            .map(async |object| match object {
                Ok(object) if sweep.mode == Mode::Delete => Outcome::Met(delete(&self.client, Met::of(&object)).await),
                Ok(_) => Outcome::Met(Fate::Previewed),
                Err(error) => Outcome::Unlisted(Category::of(&error), error),
            })
            .buffer_unordered(CONCURRENCY)
    }

    fn give_up(&self, report: &mut SweepReport, category: Category, error: &str) {
        tracing::error!(category = category.as_str(), error, "a cleanup cannot list remediations; leaving the rest to the next one");
        self.metrics.retention.with_label_values(&["error"]).inc();
        report.errors += 1;
        report.incomplete = report.incomplete.or(Some(category));
    }

    /// Everything that selectors ask for is looked at again: a server that ignores one must not make
    /// us delete the wrong object. The remediation of a patch is kept as long as the one that has the patches, which may still be
    /// undone; the garbage collector takes it along with that.
    fn matches(&self, sweep: &Sweep, object: &ZenAgentRemediation, now: Timestamp) -> bool {
        let owner = object.tenant().unwrap_or(self.own_tenant.as_str());
        object.metadata.deletion_timestamp.is_none()
            && sweep.tenant.as_ref().is_none_or(|tenant| tenant.as_str() == owner)
            && !requests::is_to_be_undone(object)
            && object.patch_of().is_none()
            && TerminalPhase::of(&object.phase()).is_some_and(|phase| sweep.statuses.contains(&phase))
            && is_old(sweep.older_than, object, now)
    }

    /// What the server is to select a tenant's objects by: no selector can say "this label, or none".
    fn label_selectors(&self, tenant: Option<&Tenant>) -> Vec<Option<String>> {
        let Some(tenant) = tenant else { return vec![None] };
        let mut selectors = vec![Some(format!("{TENANT_LABEL}={tenant}"))];
        if *tenant == self.own_tenant {
            selectors.push(Some(format!("!{TENANT_LABEL}")));
        }
        selectors
    }
}

/// What a pass meets.
enum Outcome {
    Met(Fate),
    /// The listing failed, and is over.
    Unlisted(Category, kube::Error),
}

fn field_selectors(statuses: &[TerminalPhase]) -> Vec<String> {
    let mut wanted = statuses.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    let legacy = (!wanted.is_empty()).then(|| "status.phase=".to_owned());
    wanted.into_iter().map(|phase| format!("status.phase={}", phase.as_str())).chain(legacy).collect()
}

fn is_old(limit: Limit, object: &ZenAgentRemediation, now: Timestamp) -> bool {
    let completed = object.status.as_ref().and_then(|status| status.completed_at.as_ref()).map(|time| time.0);
    let since = completed.or_else(|| object.metadata.creation_timestamp.as_ref().map(|time| time.0));
    let Some(since) = since else { return false };
    let at_least = match limit {
        Limit::Exactly(age) => age,
        Limit::Retention(age) => {
            let ttl = object.spec.ttl_seconds_after_finished.and_then(|seconds| u64::try_from(seconds).ok());
            ttl.map_or(age, Duration::from_secs)
        }
    };
    // A time in the future, of a clock that is ahead, is no age at all.
    Duration::try_from(now.duration_since(since)).unwrap_or_default() >= at_least
}

#[cfg(test)]
mod tests;
