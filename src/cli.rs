//! The command line: what `zen-agent` can be asked to do.
//!
//! Answers go to standard output, logs and progress to standard error. Exit codes:
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | refused or failed; the message says why |
//! | 2 | the command line or the configuration is not valid |
//! | 3 | the agent cannot be reached |

mod connect;
mod decide;
mod get;
mod output;
mod rbac;
mod send;
mod tools;

use std::{fmt, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::config::Settings;
use connect::Connect;

/// Turns signed security events into safe remediations in Kubernetes.
#[derive(Parser)]
#[command(name = "zen-agent", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the whole product here, on an embedded Kubernetes API or another, with throw-away credentials. Not for production.
    Dev(Dev),
    /// Run the agent against a Kubernetes API: KUBECONFIG, or the service account of its pod.
    Serve(Configured),
    /// Print the configuration that `serve` would run with, secrets redacted, or every error in it.
    Config(Configured),
    /// Print the CustomResourceDefinition, for `kubectl apply -f -`.
    Crd,
    /// Print the roles that the agent needs in a cluster, for the actions that are enabled.
    Rbac(rbac::Rbac),
    /// Send a tool's report, or a batch of events, signed.
    Send(send::Send),
    /// Show remediations, or one.
    Get(get::Get),
    /// Let a proposal run.
    Approve(decide::Decide),
    /// End a proposal.
    Reject(decide::Decide),
    /// Delete old terminal remediations.
    Cleanup(decide::Cleanup),
    /// Print generated remediations, for tests, load and demos.
    Fixtures(tools::Fixtures),
}

#[derive(clap::Args)]
struct Dev {
    /// Folder for data, credentials and keys.
    #[arg(long, default_value = ".zen-agent")]
    state_dir: PathBuf,
    /// Address of the API.
    #[arg(long, default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Address of health and metrics.
    #[arg(long, default_value = "127.0.0.1:9090")]
    admin_listen: SocketAddr,
    /// Work on the API server of this kubeconfig instead of the embedded one; the CustomResourceDefinition is installed there.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Create the sample workloads there too, and play their controllers. Refused where there are nodes.
    #[arg(long, requires = "kubeconfig")]
    demo: bool,
    /// Do not play the workload controllers: nothing follows its spec, so validation cannot hold.
    #[arg(long)]
    frozen_workloads: bool,
    /// Log filter: error, warn, info, debug, trace, or per module.
    #[arg(long, env = "LOG_LEVEL", default_value = "info")]
    log_level: String,
    /// pretty or json.
    #[arg(long, env = "LOG_FORMAT", default_value = "pretty")]
    log_format: String,
}

#[derive(clap::Args)]
struct Configured {
    /// YAML file of settings; environment and flags win over it.
    #[arg(long, env = "ZEN_AGENT_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

impl Configured {
    fn settings(self) -> Result<Settings, Failure> {
        let file = self.config.map(|path| Settings::from_file(&path)).transpose().map_err(Failure::usage)?;
        Ok(self.settings.over(file.unwrap_or_default()).over(Settings::defaults()))
    }
}

/// Why a command ends without success.
enum Failure {
    Refused(String),
    Usage(String),
    Unreachable(String),
}

impl Failure {
    fn refused(error: impl fmt::Display) -> Self {
        Self::Refused(error.to_string())
    }

    fn usage(error: impl fmt::Display) -> Self {
        Self::Usage(error.to_string())
    }
}

/// Parses the command line, runs the command, and says how it ended.
pub fn main() -> ExitCode {
    let command = Cli::parse().command;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(Err(Failure::refused(format!("cannot start threads: {error}")))),
    };
    let result = runtime.block_on(run(command));
    // A reader of standard input cannot be interrupted; nothing waits for it.
    runtime.shutdown_background();
    report(result)
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Dev(dev) => tools::dev(dev).await,
        Command::Serve(configured) => tools::serve(configured.settings()?).await,
        Command::Config(configured) => tools::config(configured.settings()?),
        Command::Crd => tools::crd(),
        Command::Rbac(rbac) => rbac.run(),
        Command::Send(send) => send.run().await,
        Command::Get(get) => get.run().await,
        Command::Approve(decide) => decide.run(decide::Decision::Approve).await,
        Command::Reject(decide) => decide.run(decide::Decision::Reject).await,
        Command::Cleanup(cleanup) => cleanup.run().await,
        Command::Fixtures(fixtures) => fixtures.run(),
    }
}

fn report(result: Result<(), Failure>) -> ExitCode {
    let (code, message) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Refused(message)) => (1, message),
        Err(Failure::Usage(message)) => (2, message),
        Err(Failure::Unreachable(message)) => (3, message),
    };
    eprintln!("zen-agent: {message}");
    ExitCode::from(code)
}
