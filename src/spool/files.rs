//! Files and folders that only their owner may read, and that a crash does not take away.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use jiff::Timestamp;

/// Makes a folder that only its owner may read, where it is not there, and those that lead to it; one that is there is as somebody
/// else made it. On disk when this returns: what is in a folder that a crash takes away is lost.
pub(super) fn private_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    private_folder(parent)?;
    match DirBuilder::new().mode(0o700).create(path) {
        // By somebody else, meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made?,
    }
    sync_folder(parent)
}

/// Has the names in a folder survive a crash.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Writes a file that only its owner may read, as of this time: a reader sees the old text or the new, never a part. On disk when this
/// returns.
pub(crate) fn replace_file(path: &Path, text: &[u8], at: Timestamp) -> io::Result<()> {
    let half = path.with_extension("half");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&half)?;
    file.write_all(text)?;
    file.set_modified(at.into())?;
    file.sync_all()?;
    fs::rename(&half, path)?;
    sync_folder(path.parent().unwrap_or(path))
}
