//! Falco's output file, line by line: from where the process before was, and through rotation.
//!
//! ```text
//!   file ── a line ──▶ intake, on disk ──▶ position: offset, and what the file begins with, in DIR/forward/tail.json
//!             └ no event: skipped, and told by its place
//! ```
//!
//! The position follows the spool: a crash between the two has some lines taken twice, which are the same requests. A spool that
//! takes nothing has the file wait.
//!
//! A file is known by what it begins with, as vector does it: device numbers change with a boot, and inodes are used again. So the
//! one that was read is found by whatever name it has meanwhile (`falco.json.1`, `falco.json-20261130`). One that was moved away is
//! read to its end; the next one is the oldest of those that were written after it. One that is shorter than it was is read from its
//! beginning. What was compressed, or deleted, before it was read is not.

use std::{
    io::{self, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::{
    fs::File,
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncSeekExt as _, BufReader},
    task::spawn_blocking,
    time::sleep,
};

use super::{MAX_BODY, Tool, intake::Intake};
use crate::{problem::Code, spool::replace_file};

/// How often it is looked for more.
const POLL: Duration = Duration::from_millis(250);
/// Lines after which the position is kept, also where more come.
const LINES: usize = 64;
/// How much of a file's beginning it is known by; the time of its first line is in it.
const HEAD: usize = 1_024;
/// Files that ended at one time, of which none is read again.
const ENDED: usize = 16;
/// Rotated files that cannot be read as they are.
const COMPRESSED: [&str; 4] = [".gz", ".bz2", ".xz", ".zst"];

/// How far a file was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    offset: u64,
    /// How many bytes of its beginning it is known by, and their SHA-256.
    head_bytes: usize,
    head: String,
    /// When it was written to last.
    modified: Timestamp,
}

/// A file, by its device and inode, while it is open.
type Inode = (u64, u64);

/// A file that is read.
struct Reading {
    lines: BufReader<File>,
    inode: Inode,
    offset: u64,
    /// What it begins with, of what was read.
    head: Vec<u8>,
}

impl Reading {
    async fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path).await?;
        let found = file.metadata().await?;
        Ok(Self { lines: BufReader::new(file), inode: (found.dev(), found.ino()), offset: 0, head: Vec::new() })
    }

    /// Goes on from there, if it is the same file, and as long. Of a file that was empty nothing is known: each begins as it does.
    async fn resume(mut self, position: &Position) -> io::Result<Option<Self>> {
        if position.head_bytes == 0 {
            return Ok(None);
        }
        let (length, known) = (self.lines.get_ref().metadata().await?.len(), position.head_bytes.min(HEAD));
        let mut head = vec![0; known];
        if length < position.offset || self.lines.read_exact(&mut head).await.is_err() || digest(&head) != position.head {
            return Ok(None);
        }
        self.lines.seek(SeekFrom::Start(position.offset)).await?;
        (self.offset, self.head) = (position.offset, head);
        Ok(Some(self))
    }

    fn passed(&mut self, line: &[u8]) {
        self.offset += u64::try_from(line.len()).unwrap_or_default();
        let more = HEAD.saturating_sub(self.head.len()).min(line.len());
        self.head.extend_from_slice(&line[..more]);
    }

    async fn position(&self) -> io::Result<Position> {
        let modified = self.lines.get_ref().metadata().await?.modified()?;
        let modified = Timestamp::try_from(modified).map_err(io::Error::other)?;
        Ok(Position { offset: self.offset, head_bytes: self.head.len(), head: digest(&self.head), modified })
    }
}

fn digest(head: &[u8]) -> String {
    Sha256::digest(head).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Follows a file.
pub(super) struct Tail {
    file: PathBuf,
    kept: PathBuf,
    intake: Arc<Intake>,
    /// Where it was last, also where that cannot be kept on disk.
    position: Option<Position>,
    ended: Vec<Inode>,
    told: bool,
}

impl Tail {
    /// `folder` is where the position is kept.
    pub(super) fn new(file: PathBuf, folder: &Path, intake: Arc<Intake>) -> Self {
        Self { file, kept: folder.join("tail.json"), intake, position: None, ended: Vec::new(), told: false }
    }

    /// Until it is dropped.
    pub(super) async fn run(mut self) {
        self.position = self.kept().await;
        loop {
            match self.follow().await {
                Ok(()) => self.told = false,
                Err(error) => {
                    if !std::mem::replace(&mut self.told, true) {
                        tracing::warn!(file = %self.file.display(), %error, "the file cannot be read now; it is tried again");
                    }
                    sleep(POLL).await;
                }
            }
        }
    }

    /// The file to read now: the one that was read, the next one, or the first one.
    async fn next(&self) -> io::Result<Reading> {
        let Some(position) = &self.position else { return Reading::open(&self.file).await };
        let files = files(&self.file).await?;
        for (path, _) in &files {
            if let Some(reading) = Reading::open(path).await?.resume(position).await?.filter(|found| !self.ended.contains(&found.inode)) {
                return Ok(reading);
            }
        }
        let since = SystemTime::from(position.modified);
        for (path, modified) in &files {
            let reading = Reading::open(path).await?;
            if *modified >= since && !self.ended.contains(&reading.inode) {
                return Ok(reading);
            }
        }
        // It was written to for the last time before the one that was read: a clock was set, and it is read anew.
        Reading::open(&self.file).await
    }

    /// Takes the lines of a file until another one stands in its place.
    async fn follow(&mut self) -> io::Result<()> {
        let mut reading = self.next().await?;
        let (mut line, mut unkept) = (Vec::new(), 0);
        loop {
            let most = u64::try_from(MAX_BODY + 1 - line.len()).unwrap_or_default();
            let read = (&mut reading.lines).take(most).read_until(b'\n', &mut line).await?;
            if line.ends_with(b"\n") || line.len() > MAX_BODY {
                self.take(&line, reading.offset).await;
                reading.passed(&line);
                line.clear();
                unkept += 1;
            }
            if unkept >= LINES || read == 0 && unkept > 0 {
                self.keep(reading.position().await?).await;
                unkept = 0;
            }
            if read > 0 {
                continue;
            }
            // Its end, for now. What was written before it was moved away has been read.
            let now = match tokio::fs::metadata(&self.file).await {
                // Moved away, and none in its place yet: Falco still writes to this one.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    sleep(POLL).await;
                    continue;
                }
                found => found?,
            };
            if (now.dev(), now.ino()) != reading.inode {
                // Between the last read and the look, more may have come.
                if reading.lines.fill_buf().await?.is_empty() {
                    if !line.is_empty() {
                        tracing::warn!(offset = reading.offset, "the last line of a file that was moved away has no end, and is left out");
                    }
                    self.keep(reading.position().await?).await;
                    self.ended.truncate(ENDED - 1);
                    self.ended.insert(0, reading.inode);
                    return Ok(());
                }
            } else if now.len() < reading.offset {
                tracing::info!(file = %self.file.display(), "the file is shorter than it was, and is read from its beginning");
                self.position = None;
                return Ok(());
            } else {
                sleep(POLL).await;
            }
        }
    }

    /// A line, on disk when this returns, unless it is no event.
    async fn take(&self, line: &[u8], offset: u64) {
        if line.trim_ascii().is_empty() {
            return;
        }
        while let Err(problem) = self.intake.take(Tool::Falco, line).await {
            if problem.code != Code::Unavailable {
                self.intake.refused(&problem);
                tracing::warn!(offset, "the line at this offset of the file is skipped");
                return;
            }
            sleep(problem.retry_after.unwrap_or(POLL)).await;
        }
    }

    async fn kept(&self) -> Option<Position> {
        let text = tokio::fs::read(&self.kept).await.ok()?;
        serde_json::from_slice(&text).inspect_err(|error| tracing::warn!(%error, "tail.json cannot be read: the file is read anew")).ok()
    }

    /// Where it cannot be kept, a restart takes some lines again, which are the same requests; this process does not.
    async fn keep(&mut self, position: Position) {
        let (path, text) = (self.kept.clone(), serde_json::to_vec(&position).map_err(io::Error::other));
        self.position = Some(position);
        let writing = async { spawn_blocking(move || replace_file(&path, &text?, Timestamp::now())).await.map_err(io::Error::other)? };
        if let Err(error) = writing.await
            && !std::mem::replace(&mut self.told, true)
        {
            tracing::warn!(file = %self.kept.display(), %error, "how far the file was read cannot be kept; a restart repeats lines");
        }
    }
}

/// The file, and what was moved away from it, the one first that was written to for the last time.
async fn files(file: &Path) -> io::Result<Vec<(PathBuf, SystemTime)>> {
    let Some((name, folder)) = file.file_name().map(|name| name.as_encoded_bytes().to_vec()).zip(file.parent()) else {
        return Ok(vec![(file.to_owned(), SystemTime::UNIX_EPOCH)]);
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let (mut entries, mut found) = (tokio::fs::read_dir(folder).await?, Vec::new());
    while let Some(entry) = entries.next_entry().await? {
        let other = entry.file_name();
        let Some(rest) = other.as_encoded_bytes().strip_prefix(name.as_slice()) else { continue };
        let rotated = matches!(rest.first(), None | Some(b'.' | b'-')) && !COMPRESSED.iter().any(|end| rest.ends_with(end.as_bytes()));
        // Otherwise it has gone meanwhile.
        if let Some(about) = tokio::fs::metadata(entry.path()).await.ok().filter(|about| rotated && about.is_file()) {
            found.push((entry.path(), about.modified()?));
        }
    }
    // Of one tick of the clock the file itself is the last one.
    found.sort_by(|(one, a), (other, b)| a.cmp(b).then_with(|| (one == file).cmp(&(other == file))));
    Ok(found)
}
