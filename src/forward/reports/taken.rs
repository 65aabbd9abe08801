//! Which reports were taken: of each that there is, a digest of what it said last.
//!
//! It is what keeps a report that has not changed from being sent once more with every start. The agent would know it by its request
//! id only for as long as it keeps the remediation; after that it would act on the same finding again.

use std::{collections::BTreeSet, path::Path, time::Duration};

use futures::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::ReportKind;
use crate::{
    causes::chain,
    spool::{Bounds, Record, Spool, SpoolError, Unreadable},
    telemetry::{Health, health::Degraded},
};

/// As many as the cluster has: those that are deleted are forgotten.
const BOUNDS: Bounds = Bounds { records: u64::MAX, bytes: u64::MAX };
/// How many are forgotten at once.
const TOGETHER: usize = 64;
/// Between two attempts at the disk.
const REST: Duration = Duration::from_secs(1);

/// What one report said when it was taken.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Last {
    kind: ReportKind,
    uid: String,
    said: String,
}

impl Record for Last {
    type Source = ReportKind;

    fn place(&self) -> String {
        place(self.kind, &self.uid)
    }

    fn source(place: &str) -> Option<ReportKind> {
        ReportKind::named(place.split_once('/')?.0)
    }

    fn letter(&self) -> String {
        self.place()
    }

    /// They have none.
    fn source_of_letter(_: &str) -> Option<ReportKind> {
        None
    }

    fn replaces(&self, former: &Self) -> bool {
        !self.is(former)
    }

    fn is(&self, other: &Self) -> bool {
        self.said == other.said
    }
}

fn place(kind: ReportKind, uid: &str) -> String {
    format!("{}/{uid}", kind.as_str())
}

/// On disk. Cloning shares it.
#[derive(Clone)]
pub(in crate::forward) struct Taken(Spool<Last>);

impl Taken {
    /// Where what waits is kept, in a folder of its own.
    pub(in crate::forward) fn open(folder: &Path, health: Health) -> Result<Self, SpoolError> {
        // Begun anew it would have every report sent again, so that is for a person to decide.
        Spool::open(&folder.join("reports"), BOUNDS, Unreadable::Refuse, health, Degraded::ForwardReports).map(Self)
    }

    /// Closes the file, so that the next start need not look through all of it.
    pub(in crate::forward) async fn close(&self) {
        self.0.close().await;
    }

    /// Whether this is what the report said last.
    pub(super) async fn has(&self, kind: ReportKind, uid: &str, said: &str) -> bool {
        self.last(kind, uid).await.is_some_and(|last| last.said == said)
    }

    /// Notes what a report says; on disk when this returns.
    pub(super) async fn note(&self, kind: ReportKind, uid: &str, said: &str) {
        let last = Last { kind, uid: uid.to_owned(), said: said.to_owned() };
        while let Err(error) = self.0.put(last.clone()).await {
            rest(&error).await;
        }
    }

    /// Forgets a report that is gone.
    pub(super) async fn forget(&self, kind: ReportKind, uid: &str) {
        if let Some(last) = self.last(kind, uid).await {
            self.remove(last).await;
        }
    }

    /// Forgets those of a kind that are not among these, which are all that there are.
    pub(super) async fn forget_others(&self, kind: ReportKind, there: &BTreeSet<String>) {
        let mut gone = loop {
            match self.0.beginning(place(kind, "")).await {
                Ok(known) => break known,
                Err(error) => rest(&error).await,
            }
        };
        gone.retain(|last| !there.contains(&last.uid));
        stream::iter(gone).for_each_concurrent(TOGETHER, |last| self.remove(last)).await;
    }

    /// How many there are of a kind.
    pub(super) fn count(&self, kind: ReportKind) -> u64 {
        self.0.held().borrow().of(kind).records
    }

    async fn last(&self, kind: ReportKind, uid: &str) -> Option<Last> {
        loop {
            match self.0.first(place(kind, uid)).await {
                // The first one that begins so may be another one's.
                Ok(last) => return last.filter(|last| last.uid == uid),
                Err(error) => rest(&error).await,
            }
        }
    }

    async fn remove(&self, last: Last) {
        while let Err(error) = self.0.remove(last.clone()).await {
            rest(&error).await;
        }
    }
}

/// What cannot be read or noted is tried until it can: to go on without would have old reports sent again.
async fn rest(error: &SpoolError) {
    tracing::error!(error = chain(error), "which reports were taken cannot be read or noted now; it is tried again");
    sleep(REST).await;
}
