//! Reports of the cluster: PolicyReports and VulnerabilityReports are watched, and taken as if their tool had sent them.
//!
//! ```text
//!   list, page by page ─▶ watch, from the first page's version ──expired (410), or the kind is gone (404)──▶ list
//!        │                  │ created, changed    │ deleted
//!        ▼                  ▼                     ▼
//!   said the same when it was taken last?      forgotten; with a list, also what was deleted meanwhile
//!        ├ yes: passed over
//!        └ no ─▶ intake, on disk ─▶ noted what it said (`taken`)
//!                  ├ a full spool, or disk: waits, and the watch with it
//!                  └ refused (422 and the like): counted, told, and passed over
//! ```
//!
//! - **Nothing is lost**: a report is behind us only once it is in the spool; and what was missed, a list finds.
//! - **Nothing is sent twice by a start**, nor by a list after an expired watch: what each report said last is on disk, for as long as
//!   there is the report. It is noted after the spool has it: a crash between the two has it sent once more, which is the same request
//!   unless a scan has written another time into it by then.
//! - **A kind that is not there** (its definition is not installed), or may not be read, is asked for again, half a minute apart at
//!   most, and keeps no other from being watched: `zen_agent_forward_watch_up` says which are.
//! - **Memory** is bounded by a page of few reports, since one may be as large as etcd takes.
//!
//! A scan that finds the same and writes another time into the report has said nothing new (`report::said`): else each of Kyverno's,
//! one an hour, would be another request. Where a tool sends its reports itself, each is a request of its own, as it is.

mod kind;
mod report;
mod taken;

use std::{collections::BTreeSet, pin::pin, sync::Arc, time::Duration};

use futures::{StreamExt as _, TryStreamExt as _};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, WatchParams},
};
use tokio::time::sleep;
use uuid::Uuid;

pub use kind::ReportKind;
use report::Report;
pub(super) use taken::Taken;

use super::{intake::Intake, metrics::Metrics};
use crate::{
    causes::chain,
    key::ObjectKey,
    problem::{Code, Problem},
    queue::Backoff,
    random::SplitMix64,
    stream::{Change, WatchError, pages, watch},
};

/// Reports of a page. Each may be a megabyte and a half, which as values is fifteen.
const PAGE: u32 = 4;
/// Between two attempts to list, or to watch.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(500), max: Duration::from_secs(30) };

/// Follows the reports of one kind.
pub(super) struct Follower {
    kind: ReportKind,
    api: Api<Report>,
    intake: Arc<Intake>,
    taken: Taken,
    metrics: Metrics,
    /// Whether it was told already that they cannot be followed.
    told: bool,
    /// Attempts in a row of which no watch came.
    failures: u32,
    random: SplitMix64,
}

impl Follower {
    pub(super) fn new(kind: ReportKind, client: Client, intake: Arc<Intake>, taken: Taken, metrics: Metrics) -> Self {
        let random = SplitMix64::new(Uuid::new_v4().as_u64_pair().0);
        Self { kind, api: Api::all_with(client, &kind.resource()), intake, taken, metrics, told: false, failures: 0, random }
    }

    /// Until it is dropped.
    pub(super) async fn run(mut self) {
        loop {
            self.metrics.follows(self.kind, false);
            if let Err(error) = self.follow().await {
                self.interrupted(&error);
            }
            let wait = BACKOFF.wait(self.failures, &mut self.random);
            self.failures = self.failures.saturating_add(1);
            sleep(wait).await;
        }
    }

    /// Takes what there is, and then what changes, until it has to be listed anew.
    async fn follow(&mut self) -> Result<(), kube::Error> {
        let version = self.list().await?;
        let mut changes = pin!(watch(self.api.clone(), WatchParams::default(), version, BACKOFF));
        while let Some(change) = changes.next().await {
            match change {
                Ok(Change::Alive(_)) => self.alive(),
                Ok(Change::Applied(report)) => self.take(&report).await,
                Ok(Change::Deleted(report)) => self.forget(&uid(&report)).await,
                Err(WatchError::Broken(error)) if is_not_there(&error) => return Err(error),
                Err(WatchError::Broken(error)) => self.interrupted(&error),
                Err(WatchError::Expired) => tracing::info!(resource = self.kind.as_str(), "the watch has expired; reports are listed anew"),
            }
        }
        Ok(())
    }

    /// Takes all that there are, and forgets all others; the version from which to watch.
    async fn list(&self) -> Result<String, kube::Error> {
        let mut pages = pin!(pages(self.api.clone(), ListParams::default(), PAGE));
        let (mut there, mut version) = (BTreeSet::new(), None);
        while let Some(page) = pages.try_next().await? {
            version.get_or_insert(page.resource_version);
            for report in page.items {
                self.take(&report).await;
                there.insert(uid(&report));
            }
        }
        self.taken.forget_others(self.kind, &there).await;
        self.metrics.knows(self.kind, self.taken.count(self.kind));
        Ok(version.unwrap_or_default())
    }

    /// In the spool, or passed over, when this returns.
    async fn take(&self, report: &Report) {
        let uid = uid(report);
        while let Err(problem) = self.take_once(&uid, report).await {
            if problem.code != Code::Unavailable {
                self.intake.refused(&problem);
                tracing::warn!(resource = self.kind.as_str(), report = %ObjectKey::of(report), "this report is passed over");
                break;
            }
            self.intake.turn(self.kind.tool(), &problem).await;
        }
        self.metrics.knows(self.kind, self.taken.count(self.kind));
    }

    async fn take_once(&self, uid: &str, report: &Report) -> Result<(), Problem> {
        let tool = self.kind.tool();
        let text = self.intake.read(tool, report.text.as_bytes()).await?;
        let said = report::said(&text);
        if !self.taken.has(self.kind, uid, &said).await {
            self.intake.keep(tool, text).await?;
            self.taken.note(self.kind, uid, &said).await;
        }
        Ok(())
    }

    async fn forget(&self, uid: &str) {
        self.taken.forget(self.kind, uid).await;
        self.metrics.knows(self.kind, self.taken.count(self.kind));
    }

    fn alive(&mut self) {
        (self.told, self.failures) = (false, 0);
        self.metrics.follows(self.kind, true);
    }

    fn interrupted(&mut self, error: &kube::Error) {
        self.metrics.follows(self.kind, false);
        if !std::mem::replace(&mut self.told, true) {
            let why = if is_not_there(error) { "their definition is not installed" } else { "they cannot be read" };
            tracing::warn!(
                resource = self.kind.as_str(),
                error = chain(error),
                "{why}; reports are asked for again until they can be watched"
            );
        }
    }
}

fn is_not_there(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

fn uid(report: &Report) -> String {
    report.uid().unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
