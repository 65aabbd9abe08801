//! The agent's own binary as a child process, on free loopback ports.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use zen_agent::{
    client::{Client, Credentials, Retries},
    contract::v0::types::{Remediation, Status},
};

/// How long anything that a test waits for may take, on a machine that has much else to do.
pub(crate) const DEADLINE: Duration = Duration::from_secs(180);

/// A running `zen-agent dev`; killed when dropped.
pub(crate) struct Agent {
    child: Child,
    lines: mpsc::Receiver<String>,
    /// `https://127.0.0.1:PORT`.
    pub(crate) api: String,
    /// `http://127.0.0.1:PORT`.
    pub(crate) admin: String,
    /// From start to the line `ready`.
    pub(crate) took: Duration,
}

impl Agent {
    /// Starts `zen-agent dev` and waits for its line `ready`.
    pub(crate) fn dev(state: &Path, more: &[&str]) -> Self {
        Self::start(Self::command(state, more))
    }

    /// Starts `zen-agent dev` on this state so that it is ready within so long; killed and started anew where it is not, a few
    /// times: what else a machine does makes a start longer, and never shorter.
    pub(crate) fn dev_within(state: &Path, ready: Duration) -> Self {
        let mut took = Vec::new();
        while took.len() < 5 {
            let agent = Self::dev(state, &[]);
            if agent.took < ready {
                return agent;
            }
            took.push(agent.took);
        }
        panic!("it was never ready within {ready:?}: {took:?}");
    }

    /// The command line of `zen-agent dev`.
    pub(crate) fn command(state: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zen-agent"));
        command.args(["dev", "--admin-listen", "127.0.0.1:0", "--log-level", "warn", "--state-dir"]).arg(state);
        command.args(if more.contains(&"--listen") { &[][..] } else { &["--listen", "127.0.0.1:0"] }).args(more);
        command
    }

    /// Starts any command of it that gets ready, and waits for that.
    pub(crate) fn start(mut command: Command) -> Self {
        let started = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the binary starts");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let (send, lines) = mpsc::channel();
        // The pipe is read to its end, or a full one would block the agent.
        thread::spawn(move || stdout.lines().map_while(Result::ok).for_each(|line| drop(send.send(line))));
        let mut agent = Self { child, lines, api: String::new(), admin: String::new(), took: Duration::ZERO };
        loop {
            let line = agent.lines.recv_timeout(DEADLINE.saturating_sub(started.elapsed())).expect("the agent gets ready in time");
            let mut words = line.split_whitespace();
            if words.next() == Some("ready") {
                let mut address = || words.next().and_then(|word| word.split_once('=')).expect("two addresses").1.to_owned();
                (agent.api, agent.admin) = (address(), address());
                agent.took = started.elapsed();
                return agent;
            }
        }
    }

    /// The next line it prints that has this in it.
    pub(crate) fn line(&self, has: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(DEADLINE).expect("the line comes in time");
            if line.contains(has) {
                return line;
            }
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and waits for the end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the child is ours");
        self.child.wait().expect("the child ends");
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let done = Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status().expect("kill runs");
        assert!(done.success());
    }

    /// Waits for its own end.
    pub(crate) fn wait(&mut self, within: Duration) -> ExitStatus {
        let end = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child is ours") {
                return status;
            }
            assert!(Instant::now() < end, "the agent did not end within {within:?}");
            thread::sleep(Duration::from_millis(20)); // pacing of a poll with a deadline
        }
    }

    /// Peak resident memory in bytes (`VmHWM` of proc(5)).
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the child lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM is there");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A file of `tests/samples`.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name)).unwrap()
}

/// A client with the credentials that `dev` left.
pub(crate) fn client(state: &Path, agent: &Agent) -> Client {
    Client::new(&Credentials::read(&state.join("client")).unwrap(), &agent.api, Retries::Never).unwrap()
}

pub(crate) fn id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// All remediations, page by page.
pub(crate) async fn everything(client: &Client) -> Vec<Remediation> {
    let (mut items, mut token) = (Vec::new(), None::<String>);
    loop {
        let page = client.stable.list_remediations(token.as_deref(), Some(500), None, None, None, None, &id()).await.unwrap().into_inner();
        items.extend(page.items);
        token = page.continue_;
        if token.is_none() {
            return items;
        }
    }
}

/// The remediation, once it has a plan.
pub(crate) async fn planned(client: &Client, name: &str) -> Remediation {
    let begun = Instant::now();
    loop {
        let item = client.stable.get_remediation(name, &id()).await.expect("it can be read").into_inner();
        if item.plan_digest.is_some() {
            return item;
        }
        assert!(begun.elapsed() < DEADLINE, "{name} is not planned: {item:?}");
        tokio::time::sleep(Duration::from_millis(50)).await; // pacing of a poll with a deadline
    }
}

/// The remediation, once it has ended.
pub(crate) async fn ended(client: &Client, name: &str) -> Remediation {
    let begun = Instant::now();
    loop {
        let item = client.stable.get_remediation(name, &id()).await.expect("it can be read").into_inner();
        if matches!(item.status, Status::Succeeded | Status::Failed | Status::RolledBack) {
            return item;
        }
        assert!(begun.elapsed() < DEADLINE, "{name} did not end: {item:?}");
        tokio::time::sleep(Duration::from_millis(50)).await; // pacing of a poll with a deadline
    }
}
