//! A child process, and what proc(5) says of it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::PATIENCE;

/// How often a process is looked at; its last moments are seen to within this time.
const PERIOD: Duration = Duration::from_millis(5);
/// Ticks of the CPU time a second: USER_HZ, 100 on every architecture of Linux.
const USER_HZ: f64 = 100.0;

/// What a process has taken so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Peak resident memory (VmHWM), in bytes.
    pub(crate) peak: u64,
    /// Resident memory (VmRSS) when it was looked at last, in bytes.
    pub(crate) resident: u64,
    /// CPU time, of all its threads.
    pub(crate) cpu: Duration,
}

/// Ended when dropped.
pub(crate) struct Metered {
    child: Child,
    pub(crate) begun: Instant,
}

impl Metered {
    pub(crate) fn start(mut command: Command) -> Self {
        let begun = Instant::now();
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        Self { child: child.unwrap_or_else(|error| panic!("{command:?}: {error}")), begun }
    }

    /// Waits for a line of its output that begins so, and reads on to its end.
    pub(crate) fn line(&mut self, begins: &str) -> String {
        let mut lines = BufReader::new(self.child.stdout.take().expect("it is read once")).lines().map_while(Result::ok);
        let line = lines.find(|line| line.starts_with(begins)).expect("the line comes");
        thread::spawn(move || lines.for_each(drop));
        line
    }

    /// Reads its output to the end, and looks at it meanwhile.
    pub(crate) fn end(mut self) -> (Vec<String>, Duration, Seen) {
        let stdout = self.child.stdout.take().expect("it is read once");
        let reading = thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).collect());
        let mut seen = Seen::default();
        let status = loop {
            seen = self.seen().unwrap_or(seen);
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(self.begun.elapsed() < PATIENCE, "it does not end");
            thread::sleep(PERIOD);
        };
        let took = self.begun.elapsed();
        assert!(status.success(), "{status}");
        (reading.join().unwrap(), took, seen)
    }

    /// Closes its standard input and sends it SIGTERM; waits for its end.
    pub(crate) fn stop(mut self) {
        drop(self.child.stdin.take());
        let told = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill runs");
        assert!(told.success());
        drop(self.child.wait());
    }

    /// What it has taken; nothing once it has ended.
    pub(crate) fn seen(&self) -> Option<Seen> {
        let read = |what: &str| std::fs::read_to_string(format!("/proc/{}/{what}", self.child.id())).ok();
        let (status, stat) = (read("status")?, read("stat")?);
        let kib = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.trim().trim_end_matches(" kB").parse::<u64>().ok());
        // After the name, which may hold spaces, in parentheses: utime and stime are the 14th and 15th field.
        let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
        Some(Seen { peak: kib("VmHWM:")? << 10, resident: kib("VmRSS:")? << 10, cpu: Duration::from_secs_f64(ticks / USER_HZ) })
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
