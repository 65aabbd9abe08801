//! A real Kubernetes control plane for tests: kube-apiserver, etcd, the garbage collector's and other controllers.
//!
//! ```text
//!   test process ──owns──▶ pipe ──standard input──▶ controlplane.sh hold ──▶ etcd, kube-apiserver, kube-controller-manager
//! ```
//!
//! It is built once and cached. It ends with the test process, however that ends: the pipe is closed then, and
//! `controlplane.sh`, which waits for that, kills what it started and removes its folder. Whatever keeps it from starting
//! (no Go to build it with, for one) is a panic, so that no test passes without it.
//!
//! One takes about 500 MB and five seconds, so a test binary shares one ([`ControlPlane::shared`]), and only what kills
//! parts of it starts its own ([`ControlPlane::start`]).

use std::{
    ffi::OsStr,
    fmt,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/controlplane.sh");
/// Longer than building it takes, on a slow machine.
const PATIENCE: Duration = Duration::from_secs(40 * 60);

/// A running control plane; ended when dropped.
#[derive(Debug)]
pub struct ControlPlane {
    folder: PathBuf,
    holder: Child,
}

/// A program of the control plane that can be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The store behind the API server.
    Etcd,
    /// The API server.
    ApiServer,
    /// The garbage collector and the other controllers.
    ControllerManager,
}

impl Program {
    /// All of them, in the order in which they start.
    pub const ALL: [Self; 3] = [Self::Etcd, Self::ApiServer, Self::ControllerManager];
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
        })
    }
}

impl ControlPlane {
    /// The one that all tests of this process share.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<ControlPlane> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// Starts another, with these controllers (such as `deployment-controller`) beside the garbage collector's and the
    /// namespaces'. Blocks the thread for some seconds, and for some minutes where it has to be built.
    ///
    /// # Panics
    /// When it does not start; standard error says why.
    pub fn start(controllers: &[&str]) -> Self {
        let mut holder = Command::new(SCRIPT)
            .arg("hold")
            .args(controllers)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What ends the test with a signal to its group, as Ctrl-C does, leaves it to the end of the pipe to end this.
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{SCRIPT} cannot be run: {error}"));
        let stdout = holder.stdout.take().map(BufReader::new);
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let line = stdout.and_then(|stdout| stdout.lines().next()?.ok());
            drop(tell.send(line));
        });
        match told.recv_timeout(PATIENCE) {
            Ok(Some(folder)) => Self { folder: folder.into(), holder },
            _ => panic!("no real control plane, and no test without it: standard error says why it did not start"),
        }
    }

    /// The kubeconfig of the administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// A client of the administrator.
    ///
    /// # Panics
    /// When the kubeconfig that was written for it cannot be used.
    pub async fn client(&self) -> Client {
        client(&self.kubeconfig()).await
    }

    /// The kubeconfig of another user, who may what RBAC grants him or one of his groups. A service account is the user
    /// `system:serviceaccount:NAMESPACE:NAME`. See [`client`].
    ///
    /// # Panics
    /// When his certificate cannot be made.
    pub fn user(&self, name: &str, groups: &[&str]) -> PathBuf {
        let arguments = ["user".as_ref(), self.folder.as_os_str(), name.as_ref()].into_iter().chain(groups.iter().map(AsRef::as_ref));
        PathBuf::from(run(arguments).trim_end())
    }

    /// An unmodified kubectl of the server's version, as the administrator.
    pub fn kubectl(&self) -> Command {
        let mut kubectl = Command::new(self.folder.join("bin/kubectl"));
        kubectl.env("KUBECONFIG", self.kubeconfig()).env("KUBECACHEDIR", self.folder.join("cache"));
        kubectl
    }

    /// Kills a program with SIGKILL, and waits until it is gone.
    ///
    /// # Panics
    /// When it does not end.
    pub fn kill(&self, program: Program) {
        self.tell("stop", program);
    }

    /// Starts a program that was killed, with the port and the data that it had, and waits until it answers; the API
    /// server does so when etcd does.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn restart(&self, program: Program) {
        self.tell("start", program);
    }

    /// Freezes a program: its connections stand, and nothing answers.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pause(&self, program: Program) {
        self.tell("pause", program);
    }

    /// Lets a frozen program go on.
    ///
    /// # Panics
    /// When it does not run.
    pub fn resume(&self, program: Program) {
        self.tell("resume", program);
    }

    /// Restarts what was killed and resumes what was frozen.
    ///
    /// # Panics
    /// When something does not come up.
    pub fn revive(&self) {
        for program in Program::ALL {
            match self.pid(program) {
                Some(_) => self.resume(program),
                None => self.restart(program),
            }
        }
    }

    /// Makes the store forget all versions but the latest, so that continue tokens and watches expire, and restarts the API
    /// server, which remembers some of them by itself.
    ///
    /// # Panics
    /// When the store does not do it, or the API server does not come up.
    pub fn forget(&self) {
        run(["forget".as_ref(), self.folder.as_os_str()]);
    }

    /// The process id of a program, unless it was killed.
    pub fn pid(&self, program: Program) -> Option<u32> {
        std::fs::read_to_string(self.folder.join("pid").join(program.to_string())).ok()?.trim().parse().ok()
    }

    fn tell(&self, what: &str, program: Program) {
        run([what.as_ref(), self.folder.as_os_str(), program.to_string().as_ref()]);
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        drop(self.holder.wait());
    }
}

/// A client with this kubeconfig.
///
/// # Panics
/// When it cannot be read, or is none.
pub async fn client(kubeconfig: &Path) -> Client {
    let config = config(kubeconfig).await;
    Client::try_from(config).unwrap_or_else(|error| panic!("{}: {error}", kubeconfig.display()))
}

/// What a client is made of.
///
/// # Panics
/// When the kubeconfig cannot be read, or is none.
pub async fn config(kubeconfig: &Path) -> Config {
    // Whoever was first has installed the same one.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let read = Kubeconfig::read_from(kubeconfig).unwrap_or_else(|error| panic!("{}: {error}", kubeconfig.display()));
    let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
    config.unwrap_or_else(|error| panic!("{}: {error}", kubeconfig.display()))
}

/// Runs one command of the script; what it printed.
fn run<'a>(arguments: impl IntoIterator<Item = &'a OsStr>) -> String {
    let output = Command::new(SCRIPT).args(arguments).stderr(Stdio::inherit()).output();
    let output = output.unwrap_or_else(|error| panic!("{SCRIPT} cannot be run: {error}"));
    assert!(output.status.success(), "{SCRIPT} failed: standard error says why");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
