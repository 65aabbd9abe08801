use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use redb::{Database, StorageBackend, backends::FileBackend};

use super::{
    disk::{self, Disk},
    *,
};
use crate::saas::entry::{Entry, an_entry};

const BOUNDS: Bounds = Bounds { records: 10, bytes: 10_000 };

/// A disk that fails while there is this file beside the spool.
#[derive(Debug)]
struct Breakable(FileBackend, PathBuf);

const BROKEN: &str = "broken";

impl Breakable {
    fn works(&self) -> io::Result<()> {
        if self.1.exists() { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
    }
}

impl StorageBackend for Breakable {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.works()?;
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.works()?;
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.works()?;
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.works()?;
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }
}

fn breakable(path: &Path) -> Result<Database, redb::Error> {
    Ok(disk::builder().create_with_backend(Breakable(FileBackend::new(disk::file(path)?)?, path.with_file_name(BROKEN)))?)
}

#[tokio::test]
async fn after_an_error_of_the_disk_the_spool_is_opened_anew_and_health_says_so_meanwhile() {
    let (folder, health) = (tempfile::tempdir().unwrap(), Health::default());
    let spool =
        Spool::on(Disk::opened_by(breakable, folder.path(), Unreadable::BeginAnew, health.clone(), Degraded::SaasSpool).unwrap(), BOUNDS)
            .unwrap();
    spool.put(an_entry("before")).await.unwrap();
    assert!(health.degradations().is_empty());
    fs::write(folder.path().join(BROKEN), "").unwrap();
    for _ in 0..3 {
        assert!(spool.put(an_entry("meanwhile")).await.is_err());
        assert_eq!(health.degradations().keys().copied().collect::<Vec<_>>(), ["saas_spool"]);
    }
    fs::remove_file(folder.path().join(BROKEN)).unwrap();
    spool.put(an_entry("after")).await.unwrap();
    assert!(health.degradations().is_empty());
    assert_eq!(names(&spool).await, ["after", "before"], "what was acknowledged is there, and what was not is not");
}

async fn names(spool: &Spool<Entry>) -> Vec<String> {
    let mut names: Vec<_> = spool.keys().await.unwrap().into_iter().map(|key| key.name.to_string()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_file_beyond_repair_is_put_aside_and_begun_anew_at_the_start_and_while_it_runs() {
    let (folder, health) = (tempfile::tempdir().unwrap(), Health::default());
    let path = folder.path().join("spool.redb");
    let garbage = vec![7; 1 << 16];
    fs::write(&path, &garbage).unwrap();
    let spool =
        Spool::on(Disk::opened_by(breakable, folder.path(), Unreadable::BeginAnew, health.clone(), Degraded::SaasSpool).unwrap(), BOUNDS)
            .unwrap();
    assert_eq!(fs::read(path.with_extension("unreadable")).unwrap(), garbage);
    spool.put(an_entry("before")).await.unwrap();
    fs::write(folder.path().join(BROKEN), "").unwrap();
    assert!(spool.put(an_entry("meanwhile")).await.is_err());
    fs::write(&path, &garbage).unwrap();
    fs::remove_file(folder.path().join(BROKEN)).unwrap();
    spool.put(an_entry("after")).await.unwrap();
    assert!(health.degradations().is_empty());
    assert_eq!(names(&spool).await, ["after"]);
}

#[tokio::test]
async fn a_damaged_file_that_is_the_only_copy_stays_as_it_is_and_nothing_is_taken() {
    let (folder, health) = (tempfile::tempdir().unwrap(), Health::default());
    let path = folder.path().join("spool.redb");
    let garbage = vec![7; 1 << 16];
    let open = || Disk::opened_by(breakable, folder.path(), Unreadable::Refuse, health.clone(), Degraded::ForwardSpool);
    fs::write(&path, &garbage).unwrap();
    assert!(matches!(open().map(drop), Err(SpoolError::Damaged { .. })));
    assert_eq!(fs::read(&path).unwrap(), garbage);
    // While it runs, too.
    fs::remove_file(&path).unwrap();
    let spool = Spool::on(open().unwrap(), BOUNDS).unwrap();
    spool.put(an_entry("before")).await.unwrap();
    fs::write(folder.path().join(BROKEN), "").unwrap();
    assert!(spool.put(an_entry("meanwhile")).await.is_err());
    fs::write(&path, &garbage).unwrap();
    fs::remove_file(folder.path().join(BROKEN)).unwrap();
    assert!(spool.put(an_entry("after")).await.is_err());
    assert_eq!(health.degradations().keys().copied().collect::<Vec<_>>(), ["forward_spool"]);
    assert_eq!(fs::read(&path).unwrap(), garbage);
}

#[tokio::test]
async fn the_spool_is_for_its_owner_alone_to_read_also_where_it_was_everybodys() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("spool");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    drop(disk::Disk::of(&folder, Unreadable::BeginAnew, Health::default(), Degraded::SaasSpool).unwrap());
    assert_eq!((mode(&folder), mode(&folder.join("spool.redb"))), (0o700, 0o600));
    fs::set_permissions(folder.join("spool.redb"), fs::Permissions::from_mode(0o644)).unwrap();
    drop(disk::Disk::of(&folder, Unreadable::BeginAnew, Health::default(), Degraded::SaasSpool).unwrap());
    assert_eq!(mode(&folder.join("spool.redb")), 0o600);
}

#[tokio::test]
async fn what_there_is_is_counted_by_number_and_bytes_and_there_is_room_again_once_something_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let held = |spool: &Spool<Entry>| spool.held().borrow().of(());
    let open = async |bounds| {
        let begun = std::time::Instant::now();
        loop {
            match Spool::<Entry>::open(folder.path(), bounds, Unreadable::BeginAnew, Health::default(), Degraded::SaasSpool) {
                // The writer of the one before has not ended yet.
                Err(SpoolError::InUse(_)) if begun.elapsed().as_secs() < 60 => {
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await
                } // pacing
                opened => return opened.unwrap(),
            }
        }
    };
    let spool = open(Bounds { records: 2, bytes: u64::MAX }).await;
    assert_eq!(held(&spool), Held::default());
    let one = serde_json::to_vec(&an_entry("a")).unwrap().len();
    for name in ["a", "b"] {
        assert!(!spool.is_full(()));
        spool.put(an_entry(name)).await.unwrap();
    }
    assert!(spool.is_full(()));
    assert_eq!(held(&spool).records, 2);
    let both = held(&spool).bytes;
    assert!(both > u64::try_from(one).unwrap());
    drop(spool);
    let spool = open(Bounds { records: 9, bytes: both }).await;
    assert_eq!(held(&spool), Held { records: 2, bytes: both }, "also of what was there before");
    assert!(spool.is_full(()));
    spool.remove(spool.first("zen-agent/b".to_owned()).await.unwrap().unwrap()).await.unwrap();
    assert!(!spool.is_full(()));
    tokio::time::timeout(std::time::Duration::from_secs(60), spool.room(())).await.unwrap();
    assert_eq!(names(&spool).await, ["a"]);
}

/// Set to how many bytes of a file there is room for.
const FULL: &str = "full";

/// A disk that is so large while there is this file beside the spool; and each time it is opened a byte is added to `opened`.
#[derive(Debug)]
struct Fillable(FileBackend, PathBuf);

impl StorageBackend for Fillable {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    /// A length takes no room by itself; what is written beyond the blocks that there are does.
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        match fs::read_to_string(&self.1).ok().and_then(|most| most.parse::<u64>().ok()) {
            Some(most) if offset + u64::try_from(data.len()).unwrap() > most => Err(io::Error::from(io::ErrorKind::StorageFull)),
            _ => self.0.write(offset, data),
        }
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }
}

fn fillable(path: &Path) -> Result<Database, redb::Error> {
    fs::OpenOptions::new().create(true).append(true).open(path.with_file_name("opened"))?.write_all(b".")?;
    Ok(disk::builder().create_with_backend(Fillable(FileBackend::new(disk::file(path)?)?, path.with_file_name(FULL)))?)
}

#[tokio::test(start_paused = true)]
async fn on_a_full_disk_what_leaves_leaves_and_what_comes_is_refused_until_something_fits_again() {
    let (folder, health) = (tempfile::tempdir().unwrap(), Health::default());
    let disk = Disk::opened_by(fillable, folder.path(), Unreadable::Refuse, health.clone(), Degraded::ForwardSpool).unwrap();
    let spool = Spool::on(disk, BOUNDS).unwrap();
    let opened = || fs::read(folder.path().join("opened")).unwrap().len();
    fs::write(folder.path().join(FULL), fs::metadata(folder.path().join("spool.redb")).unwrap().len().to_string()).unwrap();
    let mut stored = Vec::new();
    loop {
        let group = (0..100).map(|number| an_entry(&format!("{:06}-{}", stored.len() + number, "x".repeat(200))));
        let group: Vec<_> = group.collect();
        let results = futures::future::join_all(group.iter().map(|entry| spool.put(entry.clone()))).await;
        stored.extend(group.into_iter().zip(&results).filter(|(_, result)| result.is_ok()).map(|(entry, _)| entry));
        if let Some(error) = results.iter().find_map(|result| result.as_ref().err()) {
            assert!(error.is_want_of_room(), "{error:?}");
            break;
        }
        assert!(stored.len() < 100_000, "the disk never got full");
    }
    let kept = stored.split_off(stored.len() / 2);
    let puts = (0..stored.len()).map(|number| spool.put(an_entry(&format!("late-{number}"))));
    let removes = stored.iter().map(|entry| spool.remove(entry.clone()));
    let (refused, removed) = futures::join!(futures::future::join_all(puts), futures::future::join_all(removes));
    assert!(refused.iter().all(Result::is_err), "nothing fits");
    assert!(removed.iter().all(Result::is_ok), "{:?}", removed.iter().find(|removed| removed.is_err()));
    assert_eq!(opened(), 2, "it is not tried with each of them");
    assert_eq!(names(&spool).await.len(), kept.len());
    assert_eq!(health.degradations().keys().copied().collect::<Vec<_>>(), ["forward_spool"], "that it can be read does not make it well");
    fs::remove_file(folder.path().join(FULL)).unwrap();
    // Without anybody who tries: a forwarder that is not ready is given nothing.
    let well = async {
        while !health.degradations().is_empty() {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await; // pacing of a poll with a deadline
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(600), well).await.unwrap();
    spool.put(an_entry("after")).await.unwrap();
    assert_eq!(names(&spool).await.len(), kept.len() + 1);
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_was_broken_is_found_well_though_nothing_is_given_to_it() {
    let (folder, health) = (tempfile::tempdir().unwrap(), Health::default());
    let disk = Disk::opened_by(breakable, folder.path(), Unreadable::Refuse, health.clone(), Degraded::ForwardSpool).unwrap();
    let spool = Spool::on(disk, BOUNDS).unwrap();
    fs::write(folder.path().join(BROKEN), "").unwrap();
    assert!(spool.put(an_entry("meanwhile")).await.is_err());
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(health.degradations().len(), 1);
    fs::remove_file(folder.path().join(BROKEN)).unwrap();
    assert!(spool.places().await.unwrap().is_empty());
    assert_eq!(health.degradations().len(), 1, "that it can be read does not make it well");
    let well = async {
        while !health.degradations().is_empty() {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await; // pacing of a poll with a deadline
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(600), well).await.unwrap();
}
