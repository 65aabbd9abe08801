//! The table, the file, and the limits.

use std::{path::Path, time::Duration};

use serde_json::json;

use crate::meter::Seen;

const MIB: f64 = 1_048_576.0;

/// What one process took for one piece of work.
pub(crate) struct Row {
    what: &'static str,
    pub(crate) who: &'static str,
    pub(crate) took: Duration,
    seen: Seen,
}

impl Row {
    pub(crate) fn new(what: &'static str, who: &'static str, took: Duration, seen: Seen) -> Self {
        Self { what, who, took, seen }
    }
}

/// The rows, as they are measured. Each piece of work begins with ours, which the others are compared with.
pub(crate) struct Report {
    size: usize,
    rows: Vec<Row>,
    waits: Vec<(&'static str, Duration)>,
}

impl Report {
    pub(crate) fn new(size: usize) -> Self {
        Self { size, rows: Vec::new(), waits: Vec::new() }
    }

    pub(crate) fn add(&mut self, row: Row) {
        eprintln!("measured: {}, {}", row.what, row.who);
        self.rows.push(row);
    }

    /// How long after its begin the old ones were gone from the server.
    pub(crate) fn gone(&mut self, who: &'static str, took: Duration) {
        self.waits.push((who, took));
    }

    /// Prints the table and writes the file.
    ///
    /// # Panics
    /// When a limit was not held.
    pub(crate) fn finish(&self) {
        println!("\n{} remediations of 2 KiB; ×: of ours\n", self.size);
        println!("{:<16} {:<30} {:>9} {:>7} {:>9} {:>7} {:>9} {:>8}", "", "", "time", "×", "peak", "×", "settled", "CPU");
        for row in &self.rows {
            let ours = self.rows.iter().find(|other| other.what == row.what).unwrap_or(row);
            println!(
                "{:<16} {:<30} {:>7.1} s {:>7.2} {:>5.0} MiB {:>7.2} {:>5.0} MiB {:>6.1} s",
                row.what,
                row.who,
                row.took.as_secs_f64(),
                row.took.as_secs_f64() / ours.took.as_secs_f64(),
                mib(row.seen.peak),
                mib(row.seen.peak) / mib(ours.seen.peak),
                mib(row.seen.resident),
                row.seen.cpu.as_secs_f64(),
            );
        }
        for (who, took) in &self.waits {
            println!("{:<16} {:<30} {:>7.1} s until the garbage collector has let all of them go", "", who, took.as_secs_f64());
        }
        self.write();
        self.hold();
    }

    fn write(&self) {
        let rows = self.rows.iter().map(|row| {
            json!({
                "what": row.what, "who": row.who, "seconds": row.took.as_secs_f64(), "cpu_seconds": row.seen.cpu.as_secs_f64(),
                "peak_bytes": row.seen.peak, "resident_bytes": row.seen.resident,
            })
        });
        let gone = self.waits.iter().map(|(who, took)| json!({ "who": who, "seconds": took.as_secs_f64() }));
        let report = json!({ "remediations": self.size, "rows": rows.collect::<Vec<_>>(), "until_gone": gone.collect::<Vec<_>>() });
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("size.json"), format!("{report:#}\n")).unwrap();
    }

    /// What the documentation claims.
    fn hold(&self) {
        let row = |what: &str| self.rows.iter().find(|row| row.what == what && row.who.starts_with("zen")).expect("it was measured");
        let bound = |what: &str, limit: u64| {
            let peak = row(what).seen.peak;
            assert!(peak <= limit, "{what}: {:.0} MiB are more than {:.0} MiB", mib(peak), mib(limit));
        };
        let cached = row("nothing stored").seen.peak + PAGES + u64::try_from(self.size).unwrap() * PER_OBJECT;
        bound("start to ready", cached);
        bound("retention", cached);
        bound("filtered stream", STREAM);
    }
}

/// What the pages may take that are read at the same time, by the informer and by retention, with what an allocator keeps.
const PAGES: u64 = 64 << 20;
/// What the cache may take for a remediation.
const PER_OBJECT: u64 = 512;
/// What a stream may take, whatever it selects.
const STREAM: u64 = 48 << 20;

#[allow(clippy::cast_precision_loss, reason = "a number for people")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB
}
