//! The policy file: looked at again and again, so that a change holds without a restart.
//!
//! ```text
//!  every 2 s: read ── as it was judged ──────────────────────────▶ nothing
//!               │ otherwise
//!               ├── not as at the last look: it is being written ─▶ look again
//!               └── twice the same ─▶ valid? ── yes ─▶ in force, and what waits is looked at again
//!                                        └───── no, or not readable ─▶ the former stays; log, metric and /health say so
//! ```
//!
//! A look reads the whole file: a mounted ConfigMap changes by a symbolic link, an editor may write in place, and
//! either may keep size and time.

use std::{
    collections::BTreeSet,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{task::spawn_blocking, time::interval};
use tokio_util::sync::CancellationToken;

use crate::{
    policy::{self, Policy},
    remediation::ActionKind,
    telemetry::{Degraded, Health, Metrics},
};

const PERIOD: Duration = Duration::from_secs(2);

/// Why a file gives no policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFileError {
    /// It cannot be read, or is no text.
    #[error("the policy file {}: {why}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It is not valid.
    #[error(transparent)]
    Invalid(#[from] policy::PolicyError),
    /// It asks for what is refused.
    #[error(transparent)]
    Disabled(#[from] policy::DisabledActions),
}

/// What a look finds: a text, or why there is none.
type Look = Result<String, String>;

/// Where a policy is read from, and what it may ask for.
#[derive(Clone)]
struct Source {
    path: PathBuf,
    enabled: BTreeSet<ActionKind>,
}

impl Source {
    /// The file's text; no more of it than a policy may have.
    fn look(&self) -> Look {
        let mut text = String::new();
        let most = policy::MAX_BYTES as u64 + 1;
        File::open(&self.path).and_then(|file| file.take(most).read_to_string(&mut text)).map_err(|error| error.to_string())?;
        Ok(text)
    }

    fn judge(&self, seen: &Look) -> Result<Policy, PolicyFileError> {
        match seen {
            Ok(text) => Ok(Policy::parse(text)?.needs_only(&self.enabled)?),
            Err(why) => Err(self.unreadable(why)),
        }
    }

    fn unreadable(&self, why: &str) -> PolicyFileError {
        PolicyFileError::Unreadable { path: self.path.clone(), why: why.to_owned() }
    }
}

/// A policy file as it was judged last.
pub(super) struct PolicyFile {
    source: Source,
    judged: Look,
    last: Look,
}

impl PolicyFile {
    /// Reads the file at the start, when it has to be valid.
    pub(super) fn open(path: &Path, enabled: &BTreeSet<ActionKind>) -> Result<(Self, Policy), PolicyFileError> {
        let source = Source { path: path.to_owned(), enabled: enabled.clone() };
        let judged = source.look();
        let policy = source.judge(&judged)?;
        Ok((Self { source, last: judged.clone(), judged }, policy))
    }

    /// Whether this look settles a change, which is then to be judged.
    fn settles(&mut self, seen: Look) -> bool {
        let settled = seen == self.last && seen != self.judged;
        if settled {
            self.judged.clone_from(&seen);
        }
        self.last = seen;
        settled
    }

    /// Looks once; the outcome where that settles a change.
    async fn look(&mut self) -> Option<Result<Policy, PolicyFileError>> {
        // Both block, and a panic of what parses costs a reload, not the process.
        let source = self.source.clone();
        let seen = spawn_blocking(move || source.look()).await.unwrap_or_else(|error| Err(error.to_string()));
        if !self.settles(seen) {
            return None;
        }
        let (source, seen) = (self.source.clone(), self.judged.clone());
        let judged = spawn_blocking(move || source.judge(&seen)).await;
        Some(judged.unwrap_or_else(|_| Err(self.source.unreadable("its parser failed"))))
    }

    /// Puts into force what the file says, as soon as it is valid; `changed` is called after that.
    pub(super) async fn keep(
        mut self,
        live: policy::Live,
        metrics: Metrics,
        health: Health,
        changed: impl Fn() + Send,
        stop: CancellationToken,
    ) {
        let mut due = interval(PERIOD);
        while stop.run_until_cancelled(due.tick()).await.is_some() {
            let Some(outcome) = self.look().await else { continue };
            let path = self.source.path.display();
            let valid = outcome.is_ok();
            match outcome {
                Ok(policy) => {
                    live.replace(policy);
                    health.degraded(Degraded::Policy, None);
                    tracing::info!(%path, "the policy was loaded anew");
                    changed();
                }
                Err(error) => {
                    health.degraded(
                        Degraded::Policy,
                        Some("the policy file is not valid; the former policy is in force, and the log says why"),
                    );
                    tracing::warn!(%path, %error, "the policy file cannot be used; the former policy is in force");
                }
            }
            // Last, so that what is counted holds.
            metrics.policy_reloaded(valid);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs;

    use super::*;

    const FIRST: &str = "default: { mode: observe }";
    const SECOND: &str = "default: { mode: propose, action: { scale: { replicas: 0 } } }";

    fn opened() -> (PolicyFile, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.yaml");
        fs::write(&path, FIRST).unwrap();
        (PolicyFile::open(&path, &[ActionKind::Scale].into()).unwrap().0, directory)
    }

    fn text(text: &str) -> Look {
        Ok(text.to_owned())
    }

    #[test]
    fn a_change_is_settled_once_when_two_looks_in_a_row_find_it() {
        let (mut file, _directory) = opened();
        for seen in [FIRST, FIRST, "default: { mode", "default: {", SECOND] {
            assert!(!file.settles(text(seen)), "{seen}");
        }
        assert!(file.settles(text(SECOND)));
        for seen in [SECOND, FIRST, SECOND] {
            assert!(!file.settles(text(seen)), "as it was judged, or seen once: {seen}");
        }
        let gone = || Err("No such file or directory".to_owned());
        assert_eq!([gone(), gone(), text(SECOND), text(SECOND)].map(|seen| file.settles(seen)), [false, true, false, true]);
    }

    #[tokio::test]
    async fn what_cannot_be_used_is_told_once() {
        let (mut file, _directory) = opened();
        let label = "default: { mode: propose, action: { label: { labels: { a: b } } } }";
        for unusable in ["default: { mode: sometimes }", label] {
            fs::write(&file.source.path, unusable).unwrap();
            assert!(file.look().await.is_none(), "seen once");
            assert!(file.look().await.unwrap().is_err(), "{unusable}");
            assert!(file.look().await.is_none(), "judged");
        }
        fs::remove_file(&file.source.path).unwrap();
        assert!(file.look().await.is_none());
        assert!(matches!(file.look().await, Some(Err(PolicyFileError::Unreadable { .. }))));
        fs::write(&file.source.path, FIRST).unwrap();
        assert!(file.look().await.is_none());
        assert!(file.look().await.unwrap().is_ok());
    }

    #[test]
    fn of_an_endless_file_no_more_is_read_than_a_policy_may_have() {
        let source = Source { path: "/dev/zero".into(), enabled: BTreeSet::new() };
        let seen = source.look();
        assert_eq!(seen.as_ref().map(String::len), Ok(policy::MAX_BYTES + 1));
        assert!(source.judge(&seen).is_err());
    }
}
