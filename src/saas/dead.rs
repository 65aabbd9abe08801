//! Reports that the SaaS refuses, or that nobody took for too long: a file each, for a person to look at.
//!
//! ```text
//!   dead/NAMESPACE.NAME.UID.json ──zen-agent spool replay──▶ replay/… ──the leader──▶ the spool
//! ```
//!
//! Files, since the command works beside the agent, which has the spool open. The newest are kept.

use std::{
    cmp::Reverse,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{entry::Entry, private_folder};

/// Dead letters that are kept, and for how long.
const MOST: usize = 1_000;
const LONGEST: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Characters of a remediation's name in that of its file.
const NAME: usize = 128;

/// A report that was given up on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Letter {
    pub(super) entry: Entry,
    /// Why.
    pub(crate) why: String,
    /// When.
    pub(crate) at: Timestamp,
}

impl Letter {
    /// The remediation's id in the agent's API, and the status that was to be told.
    pub(crate) fn about(&self) -> (&str, String) {
        (&self.entry.report.remediation, self.entry.report.status.to_string())
    }
}

/// The dead letters of a folder.
#[derive(Clone, Debug)]
pub(crate) struct Letters {
    dead: PathBuf,
    replay: PathBuf,
}

impl Letters {
    pub(crate) fn of(folder: &Path) -> Self {
        Self { dead: folder.join("dead"), replay: folder.join("replay") }
    }

    /// Keeps a report that was given up on; on disk when this returns.
    pub(super) fn put(&self, entry: &Entry, why: &str, now: Timestamp) -> io::Result<()> {
        let letter = Letter { entry: entry.clone(), why: why.to_owned(), at: now };
        let text = serde_json::to_vec(&letter).map_err(io::Error::other)?;
        private_folder(&self.dead)?;
        let path = self.path(entry);
        let half = path.with_extension("half");
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&half)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&half, &path)?;
        File::open(&self.dead)?.sync_all()?;
        // It is kept; that others are too many is looked after later, too.
        self.prune(now).unwrap_or_else(|error| tracing::warn!(%error, "dead letters that are too old cannot be dropped now"));
        Ok(())
    }

    /// Whether this very report was given up on.
    pub(super) fn holds(&self, entry: &Entry) -> bool {
        let letter = fs::read(self.path(entry)).ok().and_then(|text| serde_json::from_slice::<Letter>(&text).ok());
        letter.is_some_and(|letter| letter.entry.report == entry.report)
    }

    fn path(&self, entry: &Entry) -> PathBuf {
        // A file's name is at most 255 bytes long; the uid alone makes it one of a kind.
        let name: String = entry.name.chars().take(NAME).collect();
        self.dead.join(format!("{}.{name}.{}.json", entry.namespace, entry.uid))
    }

    /// The letters, newest first, by the names that replaying them takes.
    pub(crate) fn list(&self) -> io::Result<Vec<(String, Letter)>> {
        let mut letters = read(&self.dead)?;
        letters.sort_by_key(|(_, letter)| Reverse(letter.at));
        Ok(letters)
    }

    /// Has a letter sent again.
    pub(crate) fn replay(&self, name: &str) -> io::Result<()> {
        private_folder(&self.replay)?;
        let file = format!("{name}.json");
        fs::rename(self.dead.join(&file), self.replay.join(&file))
    }

    /// What is to be sent again.
    pub(super) fn replayed(&self) -> io::Result<Vec<(String, Entry)>> {
        Ok(read(&self.replay)?.into_iter().map(|(name, letter)| (name, letter.entry)).collect())
    }

    /// A letter is in the spool again.
    pub(super) fn taken_up(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.replay.join(format!("{name}.json")))
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        fs::read_dir(&self.dead).map_or(0, Iterator::count)
    }

    /// Drops those that are too old, or too many.
    pub(super) fn prune(&self, now: Timestamp) -> io::Result<()> {
        for (place, (name, letter)) in self.list()?.into_iter().enumerate() {
            if place >= MOST || now.duration_since(letter.at) > LONGEST {
                tracing::warn!(letter = name, "an old dead letter of the SaaS is dropped");
                match fs::remove_file(self.dead.join(format!("{name}.json"))) {
                    // A person has just had it sent again.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    other => other?,
                }
            }
        }
        Ok(())
    }
}

/// The letters of a folder, without those that are none.
fn read(folder: &Path) -> io::Result<Vec<(String, Letter)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut letters = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")) else { continue };
        match fs::read(&path).map(|text| serde_json::from_slice(&text)) {
            Ok(Ok(letter)) => letters.push((name.to_owned(), letter)),
            _ => tracing::warn!(path = %path.display(), "this is no dead letter of the SaaS; remove it"),
        }
    }
    Ok(letters)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::{super::entry::an_entry, *};

    fn letters() -> (tempfile::TempDir, Letters) {
        let folder = tempfile::tempdir().unwrap();
        let letters = Letters::of(folder.path());
        (folder, letters)
    }

    #[test]
    fn letters_are_kept_for_thirty_days_however_few_there_are() {
        let (_folder, letters) = letters();
        let at = |days: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * days);
        letters.put(&an_entry("old"), "refused", at(0)).unwrap();
        letters.put(&an_entry("new"), "refused", at(30)).unwrap();
        assert_eq!(letters.count(), 2, "for thirty days");
        letters.put(&an_entry("newer"), "refused", at(31)).unwrap();
        let left: Vec<_> = letters.list().unwrap().into_iter().map(|(_, letter)| letter.entry.name).collect();
        assert_eq!(left, ["newer", "new"]);
        letters.prune(at(61)).unwrap();
        assert_eq!(letters.count(), 1, "also where no other comes");
    }

    #[test]
    fn the_longest_names_have_letters() {
        let (_folder, letters) = letters();
        let entry = Entry { namespace: "n".repeat(63), uid: "u".repeat(36), ..an_entry(&"a".repeat(253)) };
        letters.put(&entry, "refused", Timestamp::now()).unwrap();
        assert!(letters.holds(&entry));
        assert_eq!(letters.list().unwrap()[0].1.entry.name, entry.name);
    }

    #[test]
    fn a_letter_is_for_its_owner_alone_to_read() {
        let (folder, letters) = letters();
        letters.put(&an_entry("a"), "refused", Timestamp::now()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let name = letters.list().unwrap().remove(0).0;
        assert_eq!(mode(&folder.path().join("dead")), 0o700);
        assert_eq!(mode(&folder.path().join(format!("dead/{name}.json"))), 0o600);
        letters.replay(&name).unwrap();
        assert_eq!(mode(&folder.path().join("replay")), 0o700);
    }
}
