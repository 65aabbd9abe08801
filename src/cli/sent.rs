//! What commands sent last, so that `resend` can repeat it: `STATE/sent/REQUEST_ID.TOOL`, each file one body.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use clap::ValueEnum as _;

use super::send::Tool;
use crate::identity::RequestId;

/// So many are kept, each of at most what the agent takes.
const KEPT: usize = 20;

pub(super) struct Sent(PathBuf);

/// One that was sent.
pub(super) struct Entry {
    pub(super) id: RequestId,
    pub(super) tool: Tool,
    pub(super) at: SystemTime,
    path: PathBuf,
}

impl Sent {
    pub(super) fn of(state_dir: &Path) -> Self {
        Self(state_dir.join("sent"))
    }

    /// Keeps a body, and forgets the oldest beyond [`KEPT`].
    pub(super) fn keep(&self, id: &str, tool: Tool, body: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let (path, half) = (self.0.join(format!("{id}.{}", tool.as_str())), self.0.join(format!("{id}.half")));
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&half)?;
        file.write_all(body)?;
        fs::rename(half, path)?;
        self.all()?.iter().skip(KEPT).try_for_each(|old| gone(fs::remove_file(&old.path), ()))
    }

    /// What is kept, the newest first.
    pub(super) fn all(&self) -> io::Result<Vec<Entry>> {
        let folder = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            folder => folder?,
        };
        let mut entries = Vec::new();
        for file in folder {
            let path = file?.path();
            let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split_once('.'));
            // Others' files are left alone.
            let Some((Ok(id), Ok(tool))) = name.map(|(id, tool)| (id.parse(), Tool::from_str(tool, false))) else { continue };
            let at = gone(fs::metadata(&path).and_then(|about| about.modified()).map(Some), None)?;
            entries.extend(at.map(|at| Entry { id, tool, at, path }));
        }
        entries.sort_by_key(|entry| std::cmp::Reverse((entry.at, entry.id.canonical().to_owned())));
        Ok(entries)
    }
}

/// What another process removed in between is as if it had not been there.
fn gone<T>(result: io::Result<T>, without: T) -> io::Result<T> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(without),
        other => other,
    }
}

impl Entry {
    pub(super) fn body(&self) -> io::Result<Vec<u8>> {
        fs::read(&self.path)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_kept_the_newest_first_and_what_is_not_ours_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let sent = Sent::of(folder.path());
        assert!(sent.all().unwrap().is_empty());
        let id = |n: usize| format!("0198c0de-0000-7000-8000-0000000000{n:02}");
        for n in 0..KEPT + 3 {
            sent.keep(&id(n), Tool::Trivy, n.to_string().as_bytes()).unwrap();
        }
        fs::write(folder.path().join("sent/notes.txt"), "mine").unwrap();
        let all = sent.all().unwrap();
        let bodies: Vec<_> = all.iter().map(|entry| String::from_utf8(entry.body().unwrap()).unwrap()).collect();
        assert_eq!(bodies, (3..KEPT + 3).rev().map(|n| n.to_string()).collect::<Vec<_>>());
        assert!(all.iter().all(|entry| entry.tool == Tool::Trivy) && folder.path().join("sent/notes.txt").exists());
    }
}
