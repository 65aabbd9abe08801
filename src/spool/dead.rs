//! What is refused for good, or was given up on: a file each, for a person to look at.
//!
//! ```text
//!   dead/NAME.json ──zen-agent spool replay──▶ replay/NAME.json ──whoever has the spool open──▶ the spool
//! ```
//!
//! Files, since the command works beside the process that has the spool open. The newest are kept, by the time of the file, so that
//! none has to be read for that: 1,000 of each source, 320 MiB, and for thirty days. A clock that is wrong must not make old ones of them
//! ([`Calendar`]). What is dropped is counted.

use std::{
    collections::BTreeMap,
    fs::{self, DirEntry},
    io,
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::time::Instant;

use super::{
    Held, Record,
    files::{private_folder, replace_file},
};

/// Dead letters that are kept of one source, of how many bytes, and for how long.
const MOST: u64 = 1_000;
const MOST_BYTES: u64 = 320 << 20;
/// Letters that wait at once to be sent again, of [`MOST_BYTES`].
const MOST_REPLAYED: usize = 1_000;
const LONGEST: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How long a clock has to have gone as time passes until it is believed, and how far it may be off meanwhile.
const PROBATION: Duration = Duration::from_secs(86_400);
const TOLERANCE: SignedDuration = SignedDuration::from_hours(1);

/// Whether the clock is good enough to say that something is old: it has gone for a day as time passes. One that was set meanwhile may
/// have been wrong before, or is now; so it is believed again by the next process at the earliest.
#[derive(Clone, Copy, Debug)]
struct Calendar {
    begun: Instant,
    at: Timestamp,
}

impl Calendar {
    fn begun(at: Timestamp) -> Self {
        Self { begun: Instant::now(), at }
    }

    fn is_right(&self, now: Timestamp) -> bool {
        let passed = self.begun.elapsed();
        let expected = SignedDuration::try_from(passed).ok().and_then(|passed| self.at.checked_add(passed).ok());
        passed >= PROBATION && expected.is_some_and(|expected| now.duration_since(expected).abs() <= TOLERANCE)
    }
}

/// What was given up on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Letter<R> {
    pub(crate) entry: R,
    /// Why.
    pub(crate) why: String,
    /// When.
    pub(crate) at: Timestamp,
}

/// The dead letters of a folder.
#[derive(Clone, Debug)]
pub(crate) struct Letters<R> {
    dead: PathBuf,
    replay: PathBuf,
    /// Without one every clock is believed.
    calendar: Option<Calendar>,
    dropped: Arc<AtomicU64>,
    of: PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> Letters<R> {
    pub(crate) fn of(folder: &Path) -> Self {
        Self { dead: folder.join("dead"), replay: folder.join("replay"), calendar: None, dropped: Arc::default(), of: PhantomData }
    }

    /// As [`Self::of`], for who keeps letters for long: a clock that jumps makes none of them old.
    pub(crate) fn kept_in(folder: &Path) -> Self {
        Self { calendar: Some(Calendar::begun(Timestamp::now())), ..Self::of(folder) }
    }

    /// How many were dropped, by this process, without a person having seen to them.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// What `item` makes of the letters, newest first, each by the name that replaying it takes.
    pub(crate) fn list<T>(&self, mut item: impl FnMut(&str, Letter<R>) -> T) -> io::Result<Vec<T>> {
        let files = files(&self.dead)?;
        Ok(files.into_iter().filter_map(|file| Some(item(&file.name, read(&file.path)?))).collect())
    }

    /// The names of all letters.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        Ok(files(&self.dead)?.into_iter().map(|file| file.name).collect())
    }

    /// Has a letter sent again, unless as many as are kept wait for that already: nobody takes them up, it may be.
    pub(crate) fn replay(&self, name: &str) -> io::Result<()> {
        private_folder(&self.replay)?;
        let waiting = files(&self.replay)?;
        if waiting.len() >= MOST_REPLAYED || waiting.iter().map(|file| file.bytes).sum::<u64>() >= MOST_BYTES {
            return Err(io::Error::other("many letters wait to be sent again already; the others can follow once those were taken up"));
        }
        let file = format!("{name}.json");
        fs::rename(self.dead.join(&file), self.replay.join(&file))
    }

    /// One that is to be sent again, the oldest of those whose names are wanted.
    pub(crate) fn replayed(&self, wanted: impl Fn(&str) -> bool) -> io::Result<Option<(String, R)>> {
        let mut files = files(&self.replay)?.into_iter().rev().filter(|file| wanted(&file.name));
        Ok(files.find_map(|file| Some((file.name, read::<R>(&file.path)?.entry))))
    }

    /// A letter is in the spool again.
    pub(crate) fn taken_up(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.replay.join(format!("{name}.json")))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        files(&self.dead).map_or(0, |files| files.len())
    }
}

impl<R: Record> Letters<R> {
    /// Drops those that are too old, or too many of one source.
    pub(crate) fn prune(&self, now: Timestamp) -> io::Result<()> {
        let mut kept = BTreeMap::<_, Held>::new();
        for file in files(&self.dead)? {
            let kept = kept.entry(R::source_of_letter(&file.name)).or_default();
            *kept = Held { records: kept.records + 1, bytes: kept.bytes + file.bytes };
            let age = Timestamp::try_from(file.at).map_or(SignedDuration::ZERO, |at| now.duration_since(at));
            let old = age > LONGEST && self.calendar.is_none_or(|calendar| calendar.is_right(now));
            if kept.records > MOST || kept.bytes > MOST_BYTES || old {
                tracing::warn!(letter = file.name, "an old dead letter is dropped");
                match fs::remove_file(&file.path) {
                    // A person has just had it sent again.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    other => {
                        other?;
                        self.dropped.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        }
        Ok(())
    }

    /// Keeps what was given up on; on disk when this returns.
    pub(crate) fn put(&self, entry: &R, why: &str, now: Timestamp) -> io::Result<()> {
        let text = serde_json::to_vec(&Letter { entry, why: why.to_owned(), at: now }).map_err(io::Error::other)?;
        private_folder(&self.dead)?;
        replace_file(&self.path(entry), &text, now)?;
        // It is kept; that others are too many is looked after later, too.
        self.prune(now).unwrap_or_else(|error| tracing::warn!(%error, "dead letters that are too old cannot be dropped now"));
        Ok(())
    }

    /// What was given up on under this record's name.
    pub(crate) fn kept(&self, entry: &R) -> Option<R> {
        let text = fs::read(self.path(entry)).ok()?;
        Some(serde_json::from_slice::<Letter<R>>(&text).ok()?.entry)
    }

    fn path(&self, entry: &R) -> PathBuf {
        self.dead.join(format!("{}.json", entry.letter()))
    }
}

/// A letter that was not read.
struct Unread {
    name: String,
    path: PathBuf,
    at: SystemTime,
    bytes: u64,
}

/// The letters of a folder, newest first.
fn files(folder: &Path) -> io::Result<Vec<Unread>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let unread = |entry: DirEntry| {
        let path = entry.path();
        let name = path.file_name()?.to_str()?.strip_suffix(".json")?.to_owned();
        // Otherwise it has gone meanwhile.
        let about = entry.metadata().ok()?;
        Some(Unread { name, at: about.modified().ok()?, bytes: about.len(), path })
    };
    let entries = entries.collect::<io::Result<Vec<_>>>()?;
    let mut found: Vec<_> = entries.into_iter().filter_map(unread).collect();
    found.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.name.cmp(&b.name)));
    Ok(found)
}

/// A letter, if the file is one.
fn read<R: DeserializeOwned>(path: &Path) -> Option<Letter<R>> {
    let letter = fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok());
    if letter.is_none() {
        tracing::warn!(path = %path.display(), "this is no dead letter; remove it");
    }
    letter
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::saas::entry::{Entry, an_entry};

    fn letters() -> (tempfile::TempDir, Letters<Entry>) {
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
        let left = letters.list(|_, letter| letter.entry.name).unwrap();
        assert_eq!(left, ["newer", "new"]);
        letters.prune(at(61)).unwrap();
        assert_eq!(letters.count(), 1, "also where no other comes");
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_jumps_makes_no_letter_old_and_one_that_goes_right_for_a_day_does() {
        let folder = tempfile::tempdir().unwrap();
        let begun = Timestamp::now();
        let days = |days: i64| begun + SignedDuration::from_hours(24 * days);
        let letters = Letters::kept_in(folder.path());
        letters.put(&an_entry("old"), "refused", days(-40)).unwrap();
        letters.put(&an_entry("new"), "refused", begun).unwrap();
        assert_eq!(letters.count(), 2, "the clock may be wrong since before the start");
        tokio::time::advance(Duration::from_secs(2 * 86_400)).await;
        letters.prune(days(2 + 3_650)).unwrap();
        letters.prune(days(2) + SignedDuration::from_hours(800)).unwrap();
        assert_eq!((letters.count(), letters.dropped()), (2, 0), "it has jumped");
        letters.prune(days(2)).unwrap();
        let left = letters.list(|_, letter| letter.entry.name).unwrap();
        assert_eq!((left, letters.dropped()), (vec!["new".to_owned()], 1));
    }

    #[test]
    fn of_more_than_a_thousand_the_oldest_are_dropped_whatever_the_clock_says_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let letters = Letters::<Entry>::kept_in(folder.path());
        fs::create_dir(&letters.dead).unwrap();
        for number in 0..MOST + 2 {
            let file = fs::File::create(letters.dead.join(format!("{number}.json"))).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(number)).unwrap();
        }
        letters.prune(Timestamp::now()).unwrap();
        assert_eq!((letters.count(), letters.dropped()), (usize::try_from(MOST).unwrap(), 2));
        assert!(!letters.dead.join("1.json").exists() && letters.dead.join("2.json").exists());
    }

    #[test]
    fn the_longest_names_have_letters() {
        let (_folder, letters) = letters();
        let mut entry = an_entry(&"a".repeat(253));
        (entry.namespace, entry.uid) = ("n".repeat(63), "u".repeat(36));
        letters.put(&entry, "refused", Timestamp::now()).unwrap();
        assert_eq!(letters.kept(&entry).unwrap().report, entry.report);
        assert_eq!(letters.list(|_, letter| letter.entry.name).unwrap(), [entry.name]);
    }

    #[test]
    fn what_waits_to_be_sent_again_is_bounded_and_the_rest_stays_where_it_is() {
        let (folder, letters) = letters();
        letters.put(&an_entry("a"), "refused", Timestamp::now()).unwrap();
        let name = letters.names().unwrap().remove(0);
        fs::create_dir(folder.path().join("replay")).unwrap();
        for number in 0..MOST_REPLAYED {
            fs::write(folder.path().join(format!("replay/{number}.json")), "").unwrap();
        }
        assert!(letters.replay(&name).is_err());
        assert_eq!(letters.names().unwrap(), std::slice::from_ref(&name));
        letters.taken_up("7").unwrap();
        letters.replay(&name).unwrap();
    }

    #[test]
    fn a_letter_is_for_its_owner_alone_to_read() {
        let (folder, letters) = letters();
        letters.put(&an_entry("a"), "refused", Timestamp::now()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let name = letters.names().unwrap().remove(0);
        assert_eq!(mode(&folder.path().join("dead")), 0o700);
        assert_eq!(mode(&folder.path().join(format!("dead/{name}.json"))), 0o600);
        letters.replay(&name).unwrap();
        assert_eq!(mode(&folder.path().join("replay")), 0o700);
    }
}
