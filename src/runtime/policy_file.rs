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

use tokio::time::interval;
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

/// A policy file as it was judged last.
pub(super) struct PolicyFile {
    path: PathBuf,
    enabled: BTreeSet<ActionKind>,
    judged: Look,
    last: Look,
}

impl PolicyFile {
    /// Reads the file at the start, when it has to be valid.
    pub(super) fn open(path: &Path, enabled: &BTreeSet<ActionKind>) -> Result<(Self, Policy), PolicyFileError> {
        let judged = read(path);
        let file = Self { path: path.to_owned(), enabled: enabled.clone(), last: judged.clone(), judged };
        let policy = file.policy()?;
        Ok((file, policy))
    }

    /// The policy that was judged last.
    fn policy(&self) -> Result<Policy, PolicyFileError> {
        match &self.judged {
            Ok(text) => Ok(Policy::parse(text)?.needs_only(&self.enabled)?),
            Err(why) => Err(PolicyFileError::Unreadable { path: self.path.clone(), why: why.clone() }),
        }
    }

    /// Takes in one look; the outcome where it settles a change.
    fn look(&mut self, seen: Look) -> Option<Result<Policy, PolicyFileError>> {
        let settled = seen == self.last && seen != self.judged;
        if settled {
            self.judged.clone_from(&seen);
        }
        self.last = seen;
        settled.then(|| self.policy())
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
            let path = self.path.clone();
            let seen = tokio::task::spawn_blocking(move || read(&path)).await.unwrap_or_else(|error| Err(error.to_string()));
            let Some(outcome) = self.look(seen) else { continue };
            metrics.policy_reloaded(outcome.is_ok());
            match outcome {
                Ok(policy) => {
                    live.replace(policy);
                    health.degraded(Degraded::Policy, None);
                    tracing::info!(path = %self.path.display(), "the policy was loaded anew");
                    changed();
                }
                Err(error) => {
                    health.degraded(Degraded::Policy, Some("the policy file is not valid; the former policy is in force, and the log says why"));
                    tracing::warn!(path = %self.path.display(), %error, "the policy file cannot be used; the former policy is in force");
                }
            }
        }
    }
}

/// The file's text; no more of it than a policy may have.
fn read(path: &Path) -> Look {
    let mut text = String::new();
    let most = policy::MAX_BYTES as u64 + 1;
    File::open(path).and_then(|file| file.take(most).read_to_string(&mut text)).map_err(|error| error.to_string())?;
    Ok(text)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const FIRST: &str = "default: { mode: observe }";
    const SECOND: &str = "default: { mode: propose, action: { scale: { replicas: 0 } } }";

    fn opened(text: &str) -> (PolicyFile, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.yaml");
        std::fs::write(&path, text).unwrap();
        (PolicyFile::open(&path, &[ActionKind::Scale].into()).unwrap().0, directory)
    }

    fn text(text: &str) -> Look {
        Ok(text.to_owned())
    }

    #[test]
    fn a_text_is_judged_once_when_two_looks_in_a_row_find_it() {
        let (mut file, _directory) = opened(FIRST);
        for _ in 0..3 {
            assert!(file.look(text(FIRST)).is_none(), "nothing has changed");
        }
        for half in ["default: { mode", "default: {", SECOND] {
            assert!(file.look(text(half)).is_none(), "seen once");
        }
        assert!(file.look(text(SECOND)).unwrap().is_ok());
        assert!(file.look(text(SECOND)).is_none());
        assert!(file.look(text(FIRST)).is_none());
        assert!(file.look(text(SECOND)).is_none(), "the former text is in force already");
    }

    #[test]
    fn what_cannot_be_used_is_told_once_and_the_text_before_it_counts_as_a_change_again() {
        let (mut file, _directory) = opened(FIRST);
        let unusable = [
            text("default: { mode: sometimes }"),
            text("default: { mode: propose, action: { label: { labels: { a: b } } } }"),
            Err("No such file or directory".to_owned()),
        ];
        for look in unusable {
            assert!(file.look(look.clone()).is_none());
            assert!(file.look(look.clone()).unwrap().is_err(), "{look:?}");
            assert!(file.look(look).is_none());
        }
        assert!(file.look(text(FIRST)).is_none());
        assert!(file.look(text(FIRST)).unwrap().is_ok());
    }

    #[test]
    fn of_an_endless_file_no_more_is_read_than_a_policy_may_have() {
        assert_eq!(read(Path::new("/dev/zero")).unwrap().len(), policy::MAX_BYTES + 1);
        assert!(PolicyFile::open(Path::new("/dev/zero"), &BTreeSet::new()).is_err());
    }
}
