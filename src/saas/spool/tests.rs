use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use redb::{StorageBackend, backends::FileBackend};

use super::{
    super::{
        disk::{self, Disk},
        entry::an_entry,
    },
    *,
};

/// Whether the disk of these tests fails.
static BROKEN: AtomicBool = AtomicBool::new(false);

/// A disk that can be broken.
#[derive(Debug)]
struct Breakable(FileBackend);

fn works() -> io::Result<()> {
    if BROKEN.load(Ordering::SeqCst) { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
}

impl StorageBackend for Breakable {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        works()?;
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        works()?;
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        works()?;
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        works()?;
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }
}

fn breakable(path: &Path) -> Result<Database, redb::Error> {
    Ok(disk::builder().create_with_backend(Breakable(FileBackend::new(disk::file(path)?)?))?)
}

#[tokio::test]
async fn after_an_error_of_the_disk_the_spool_is_opened_anew_and_health_says_so_meanwhile() {
    let (folder, health) = (tempfile::tempdir().unwrap(), Health::default());
    let spool = Spool::on(Disk::opened_by(breakable, folder.path(), health.clone()).unwrap()).unwrap();
    spool.put(an_entry("before")).await.unwrap();
    assert!(health.degradations().is_empty());
    BROKEN.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        assert!(spool.put(an_entry("meanwhile")).await.is_err());
        assert_eq!(health.degradations().keys().copied().collect::<Vec<_>>(), ["saas_spool"]);
    }
    BROKEN.store(false, Ordering::SeqCst);
    spool.put(an_entry("after")).await.unwrap();
    assert!(health.degradations().is_empty());
    let mut names: Vec<_> = spool.keys().unwrap().into_iter().map(|key| key.name.to_string()).collect();
    names.sort();
    assert_eq!(names, ["after", "before"], "what was acknowledged is there, and what was not is not");
}

#[tokio::test]
async fn the_spool_is_for_its_owner_alone_to_read_also_where_it_was_everybodys() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("spool");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    drop(disk::Disk::of(&folder, Health::default()).unwrap());
    assert_eq!((mode(&folder), mode(&folder.join("spool.redb"))), (0o700, 0o600));
    fs::set_permissions(folder.join("spool.redb"), fs::Permissions::from_mode(0o644)).unwrap();
    drop(disk::Disk::of(&folder, Health::default()).unwrap());
    assert_eq!(mode(&folder.join("spool.redb")), 0o600);
}
