//! The processes that are measured: the agent, client-go, kubectl.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use controlplane::ControlPlane;
use tempfile::TempDir;

use crate::{
    PATIENCE,
    meter::{Metered, Seen},
    report::Row,
    serve::serve,
};

/// After this time without work, what is not needed has been given back.
const SETTLED: Duration = Duration::from_secs(10);
/// How often the agent's metrics are read.
const PERIOD: Duration = Duration::from_millis(100);

pub(crate) struct Rivals<'a> {
    control_plane: &'a ControlPlane,
    folder: TempDir,
    peer: PathBuf,
}

/// A process with a cache that has synced.
pub(crate) struct Cache {
    process: Metered,
    /// From its start.
    pub(crate) ready: Duration,
    /// The address of its metrics, where it is the agent.
    admin: String,
}

impl<'a> Rivals<'a> {
    /// Builds the peer, beside the control plane's module.
    pub(crate) fn build(control_plane: &'a ControlPlane) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let peer = folder.path().join("peer");
        let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/controlplane");
        let mut go = Command::new("go");
        go.current_dir(module).env("CGO_ENABLED", "0").args(["build", "-trimpath", "-o"]).arg(&peer).arg("./peer");
        assert!(go.status().expect("Go is there").success(), "the peer does not build");
        Self { control_plane, folder, peer }
    }

    /// The agent, which deletes what ended longer ago than this.
    pub(crate) fn agent(&self, retention: &str) -> Cache {
        let mut command = serve(&self.control_plane.kubeconfig(), self.folder.path(), "127.0.0.1:0");
        command.env("RETENTION_MAX_AGE", retention);
        Cache::start(command)
    }

    /// A shared informer of client-go.
    pub(crate) fn informer(&self) -> Cache {
        Cache::start(self.peer_command(&["informer"]))
    }

    /// A command of the peer that prints a number.
    pub(crate) fn peer(&self, what: &'static str, who: &'static str, arguments: &[&str], expected: usize) -> Row {
        counted(what, who, self.peer_command(arguments), expected)
    }

    /// This program, as a stream.
    pub(crate) fn stream(&self, expected: usize) -> Row {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("stream").env("KUBECONFIG", self.control_plane.kubeconfig());
        counted("filtered stream", "zen_agent::stream", command, expected)
    }

    /// `kubectl get`, in pages of 500, which prints a line for each.
    pub(crate) fn kubectl(&self, what: &'static str, who: &'static str, more: &[&str], expected: usize) -> Row {
        let mut command = self.control_plane.kubectl();
        command.args(["get", "zenagentremediations", "--all-namespaces", "-o", "name"]).args(more);
        let (lines, took, seen) = Metered::start(command).end();
        assert_eq!(lines.len(), expected, "{who}");
        Row::new(what, who, took, seen)
    }

    fn peer_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.peer);
        command.args(arguments).env("KUBECONFIG", self.control_plane.kubeconfig());
        command
    }
}

fn counted(what: &'static str, who: &'static str, command: Command, expected: usize) -> Row {
    let (lines, took, seen) = Metered::start(command).end();
    assert_eq!(lines, [expected.to_string()], "{who}");
    Row::new(what, who, took, seen)
}

impl Cache {
    fn start(command: Command) -> Self {
        let mut process = Metered::start(command);
        let line = process.line("ready");
        let ready = process.begun.elapsed();
        let admin = line.rsplit_once("http://").map(|(_, admin)| admin.to_owned()).unwrap_or_default();
        Self { process, ready, admin }
    }

    pub(crate) fn since_start(&self) -> Duration {
        self.process.begun.elapsed()
    }

    pub(crate) fn seen(&self) -> Seen {
        self.process.seen().expect("it lives")
    }

    /// What it has taken once it has had time to give back what it does not need.
    pub(crate) fn settled(&self) -> Seen {
        thread::sleep(SETTLED); // the rest that is measured
        self.seen()
    }

    /// Waits until retention has deleted so many, and failed on none; how long after it was ready.
    pub(crate) fn swept(&self, old: usize) -> Duration {
        loop {
            let outcome = |name: &str| self.metric(&format!("zen_agent_retention_total{{outcome=\"{name}\"}} "));
            assert_eq!(outcome("error"), 0);
            if outcome("deleted") == old {
                return self.since_start() - self.ready;
            }
            assert!(self.since_start() < PATIENCE, "only {} are deleted", outcome("deleted"));
            thread::sleep(PERIOD);
        }
    }

    fn metric(&self, series: &str) -> usize {
        let mut stream = TcpStream::connect(&self.admin).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok()).unwrap_or_else(|| panic!("no {series}"))
    }

    /// Ends it as a cluster would; the agent releases its lease.
    pub(crate) fn stop(self) {
        self.process.stop();
    }
}
