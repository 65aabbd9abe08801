//! Files that only their owner may read, and that are never half-written.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use super::credentials::CredentialsError;

pub(super) fn private_dir(path: &Path) -> Result<(), CredentialsError> {
    at(path, DirBuilder::new().recursive(true).mode(0o700).create(path))
}

pub(super) fn read(path: &Path) -> Result<String, CredentialsError> {
    at(path, fs::read_to_string(path))
}

/// Writes beside the file, then renames: a reader sees the old text or the new, never a part.
pub(super) fn write(path: &Path, text: &str) -> Result<(), CredentialsError> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let beside = path.with_extension("tmp");
    let write = || {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    at(path, write())
}

/// Writes files of a state directory while no other process does.
pub(super) fn alone<T>(state: &Path, write: impl FnOnce() -> Result<T, CredentialsError>) -> Result<T, CredentialsError> {
    let path = state.join("lock");
    let open = || {
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path)?;
        file.lock()?;
        Ok(file)
    };
    // Released when it is dropped, or with the process.
    let _lock = at(&path, open())?;
    write()
}

fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, CredentialsError> {
    result.map_err(|source| CredentialsError::File { path: path.to_owned(), source })
}
