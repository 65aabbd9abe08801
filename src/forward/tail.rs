//! Falco's output file, line by line: from where the process before was, and through rotation.
//!
//! ```text
//!   file ── a line ──▶ intake, on disk ──▶ position: device, inode and offset, in DIR/forward/tail.json
//!             └ no event: skipped, and told by its place
//! ```
//!
//! The position follows the spool: a crash between the two has a line taken twice, which is the same request. A file that was moved
//! away is read to its end before the new one; one that is shorter than it was is read from its beginning. A spool that takes
//! nothing has the file wait. What was written to a file that is moved away while no forwarder runs is not read.

use std::{
    io::{self, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
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

/// How far a file was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    device: u64,
    inode: u64,
    offset: u64,
}

/// Follows a file.
pub(super) struct Tail {
    file: PathBuf,
    kept: PathBuf,
    intake: Arc<Intake>,
}

impl Tail {
    /// `folder` is where the position is kept.
    pub(super) fn new(file: PathBuf, folder: &Path, intake: Arc<Intake>) -> Self {
        Self { file, kept: folder.join("tail.json"), intake }
    }

    /// Until it is dropped.
    pub(super) async fn run(self) {
        let mut told = false;
        loop {
            match self.follow().await {
                Ok(()) => told = false,
                Err(error) => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(file = %self.file.display(), %error, "the file cannot be read now; it is tried again");
                    }
                    sleep(POLL).await;
                }
            }
        }
    }

    /// Takes the lines of the file that is there now, until another one stands in its place.
    async fn follow(&self) -> io::Result<()> {
        let file = File::open(&self.file).await?;
        let found = file.metadata().await?;
        let mut position = Position { device: found.dev(), inode: found.ino(), offset: 0 };
        if let Some(kept) = self.kept().await.filter(|kept| kept.is_of(&position) && kept.offset <= found.len()) {
            position = kept;
        }
        let mut lines = BufReader::new(file);
        lines.seek(SeekFrom::Start(position.offset)).await?;
        let (mut line, mut unkept) = (Vec::new(), 0);
        loop {
            let most = u64::try_from(MAX_BODY + 1 - line.len()).unwrap_or_default();
            let read = (&mut lines).take(most).read_until(b'\n', &mut line).await?;
            if line.ends_with(b"\n") || line.len() > MAX_BODY {
                self.take(&line, position.offset).await;
                position.offset += u64::try_from(line.len()).unwrap_or_default();
                line.clear();
                unkept += 1;
            }
            if unkept >= LINES || read == 0 && unkept > 0 {
                self.keep(position).await?;
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
            if !position.is_of(&Position { device: now.dev(), inode: now.ino(), offset: 0 }) {
                // Between the last read and the look, more may have come.
                if lines.fill_buf().await?.is_empty() {
                    if !line.is_empty() {
                        tracing::warn!(offset = position.offset, "the last line of a file that was moved away has no end, and is left out");
                    }
                    return Ok(());
                }
            } else if now.len() < position.offset {
                tracing::info!(file = %self.file.display(), "the file is shorter than it was, and is read from its beginning");
                self.keep(Position { offset: 0, ..position }).await?;
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

    async fn keep(&self, position: Position) -> io::Result<()> {
        let (path, text) = (self.kept.clone(), serde_json::to_vec(&position).map_err(io::Error::other)?);
        spawn_blocking(move || replace_file(&path, &text, Timestamp::now())).await.map_err(io::Error::other)?
    }
}

impl Position {
    const fn is_of(&self, file: &Self) -> bool {
        self.device == file.device && self.inode == file.inode
    }
}
