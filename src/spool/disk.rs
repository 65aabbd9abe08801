//! The spool's file: opened, and after an error opened anew.
//!
//! ```text
//!   open ── an error of the disk ──▶ closed, /health degraded ── next use: opened ──▶ open ── something was stored ──▶ /health well
//!                                       ▲                           │ cannot be opened
//!                                       └───────────────────────────┘
//! ```
//!
//! Closed at the end ([`Disk::close`]), it need not be looked through by the next process, which one that was not has to be.
//!
//! After one error of the disk redb answers nothing but that there was one, until the file is opened anew, which repairs it. One that
//! is beyond repair is put aside, and begun anew, where [`Unreadable`] says so.

use std::{
    fs::{self, OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{
        PoisonError, RwLock, RwLockWriteGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use redb::{Builder, Database, ReadableDatabase as _, TableError, backends::FileBackend};

use super::{
    ENTRIES, SpoolError, Unreadable,
    files::{private_folder, sync_folder},
};
use crate::telemetry::{Health, health::Degraded};

const FILE: &str = "spool.redb";
const CACHE_BYTES: usize = 4 << 20;
const UNWELL: &str = "what is to be sent cannot be kept on disk; the log says why";

/// Opens the file.
pub(super) type Opener = fn(&Path) -> Result<Database, redb::Error>;

enum State {
    Open(Database),
    /// After an error, until the next use.
    Failed,
    /// For good.
    Closed,
}

/// The file, and whether it is open.
pub(super) struct Disk {
    path: PathBuf,
    state: RwLock<State>,
    unwell: AtomicBool,
    opener: Opener,
    unreadable: Unreadable,
    health: Health,
    name: Degraded,
}

impl Disk {
    /// The file of a folder, both made where they are not there.
    pub(super) fn of(folder: &Path, unreadable: Unreadable, health: Health, name: Degraded) -> Result<Self, SpoolError> {
        Self::opened_by(opened, folder, unreadable, health, name)
    }

    pub(super) fn opened_by(
        opener: Opener,
        folder: &Path,
        unreadable: Unreadable,
        health: Health,
        name: Degraded,
    ) -> Result<Self, SpoolError> {
        let unusable = |source| SpoolError::Folder { path: folder.to_owned(), source };
        private_folder(folder).map_err(unusable)?;
        let path = folder.join(FILE);
        let database = opened_or_anew(opener, &path, unreadable).map_err(|error| match error {
            redb::Error::DatabaseAlreadyOpen => SpoolError::InUse(path.clone()),
            error if is_beyond_repair(&error) => SpoolError::Damaged { path: path.clone(), source: Box::new(error) },
            error => SpoolError::storage(error),
        })?;
        health.degraded(name, None);
        Ok(Self { path, state: RwLock::new(State::Open(database)), unwell: AtomicBool::new(false), opener, unreadable, health, name })
    }

    /// Uses the database. It blocks for as long as the disk does.
    pub(super) fn with<R>(&self, use_it: impl FnOnce(&Database) -> Result<R, SpoolError>) -> Result<R, SpoolError> {
        let result = self.used(use_it);
        if let Err(SpoolError::Storage(error)) = &result {
            tracing::error!(path = %self.path.display(), %error, "the spool cannot be used; it is opened anew");
            let mut state = self.changing();
            if matches!(*state, State::Open(_)) {
                *state = State::Failed;
            }
            self.unwell.store(true, Ordering::Relaxed);
            self.health.degraded(self.name, Some(UNWELL));
        }
        result
    }

    /// Something was stored. That something was read, or removed, says nothing of whether more fits.
    pub(super) fn well(&self) {
        self.unwell.store(false, Ordering::Relaxed);
        self.health.degraded(self.name, None);
    }

    /// Whether nothing was stored since the last error.
    pub(super) fn is_unwell(&self) -> bool {
        self.unwell.load(Ordering::Relaxed)
    }

    /// Returns once whoever uses the database is done, and it is closed.
    pub(super) fn close(&self) {
        *self.changing() = State::Closed;
    }

    fn used<R>(&self, use_it: impl FnOnce(&Database) -> Result<R, SpoolError>) -> Result<R, SpoolError> {
        loop {
            match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
                State::Open(database) => return use_it(database),
                State::Closed => return Err(SpoolError::Closed),
                State::Failed => {}
            }
            let mut state = self.changing();
            if matches!(*state, State::Failed) {
                *state = State::Open(opened_or_anew(self.opener, &self.path, self.unreadable).map_err(SpoolError::storage)?);
            }
        }
    }

    fn changing(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file; one that cannot be read is put aside where that may be, and another one begun.
fn opened_or_anew(opener: Opener, path: &Path, unreadable: Unreadable) -> Result<Database, redb::Error> {
    let error = match create(opener, path) {
        Err(error) if unreadable == Unreadable::BeginAnew && is_beyond_repair(&error) => error,
        other => return other,
    };
    tracing::error!(path = %path.display(), %error, "the spool cannot be read; it is put aside, and begun anew");
    fs::rename(path, path.with_extension("unreadable")).map_err(redb::Error::Io)?;
    create(opener, path)
}

/// Whether the file is none of redb's, or one whose checksums do not hold.
fn is_beyond_repair(error: &redb::Error) -> bool {
    match error {
        redb::Error::Corrupted(_) => true,
        redb::Error::Io(error) => error.kind() == io::ErrorKind::InvalidData,
        _ => false,
    }
}

fn create(opener: Opener, path: &Path) -> Result<Database, redb::Error> {
    let database = opener(path)?;
    // A full disk has no room for even this.
    let is_new = matches!(database.begin_read()?.open_table(ENTRIES), Err(TableError::TableDoesNotExist(_)));
    if is_new {
        let creating = database.begin_write()?;
        creating.open_table(ENTRIES)?;
        creating.commit()?;
    }
    // What is acknowledged is in the file, and the file has to be there after a crash.
    sync_folder(path.parent().unwrap_or(path)).map_err(redb::Error::Io)?;
    Ok(database)
}

fn opened(path: &Path) -> Result<Database, redb::Error> {
    Ok(builder().create_with_backend(FileBackend::new(file(path)?)?)?)
}

pub(super) fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// The file, for its owner alone to read.
pub(super) fn file(path: &Path) -> io::Result<fs::File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    // Of an earlier version it may be everybody's.
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}
