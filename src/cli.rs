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
//!
//! `contracts check` has codes of its own: 0 compatible, 1 breaking, 2 could not tell.
//!
//! A reader of standard output that has seen enough, such as `head`, ends a command with 0.

mod connect;
mod contracts;
mod decide;
mod doctor;
mod emergency;
mod forward;
mod get;
mod input;
mod listen;
mod output;
mod plan;
mod policy;
mod rbac;
mod resend;
mod send;
mod sent;
mod spool;
mod sse;
mod tools;
mod trigger;
mod watch;

use std::{fmt, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::{
    config::{self, Config, ConfigErrors, Settings},
    telemetry::logs::{LogFilter, LogFormat},
};
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
    /// Take what security tools write, and give it to the agent, signed.
    Forward(forward::Forward),
    /// Say what is missing for `serve` to work: settings and files, the Kubernetes API, permissions. Changes nothing.
    Doctor(doctor::Doctor),
    /// Print the configuration that `serve` would run with, secrets redacted, or every error in it.
    Config(Configured),
    /// Print the CustomResourceDefinition, for `kubectl apply -f -`.
    Crd,
    /// Print the roles that the agent needs in a cluster, for the actions that are enabled.
    Rbac(rbac::Rbac),
    /// Check a policy file, or explain what it makes of an event.
    #[command(subcommand)]
    Policy(policy::Command),
    /// Export the contracts of this release, or check documents or a server against them. Needs no agent.
    #[command(subcommand)]
    Contracts(contracts::Command),
    /// Send a tool's report, or a batch of events, signed.
    Send(send::Send),
    /// Send a realistic event of a tool, as of now: to see what the agent and its policy make of it.
    Trigger(trigger::Trigger),
    /// Send again what `send` or `trigger` sent before: to see that it has effect once.
    Resend(resend::Resend),
    /// Show remediations as they arrive, and what becomes of them, until Ctrl-C.
    Listen(listen::Listen),
    /// Show remediations, or one.
    Get(get::Get),
    /// Show what a remediation will do, or did, as a diff.
    Plan(plan::Plan),
    /// Let a proposal run, with the plan that it has.
    Approve(decide::Decide),
    /// End a proposal.
    Reject(decide::Decide),
    /// Try again what failed, where nothing was left behind.
    Retry(decide::Ask),
    /// Undo what succeeded, from the state that was recorded before.
    Rollback(decide::Ask),
    /// Stop all changes of targets, within seconds, until `resume`.
    Stop(emergency::Emergency),
    /// Lift the emergency stop.
    Resume(emergency::Emergency),
    /// Delete old terminal remediations.
    Cleanup(decide::Cleanup),
    /// Show what was given up on, reports to the SaaS or events of a forwarder, or have it sent again.
    Spool(spool::Spool),
    /// Print generated remediations, or create them in a cluster: for tests, load and demos.
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
    /// Address on which kubectl can reach the embedded Kubernetes API: loopback only, since it asks nobody who he is.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "kubeconfig", value_parser = loopback)]
    kube_listen: Option<SocketAddr>,
    /// Policy file, in place of the built-in policy of `dev`; a change of it holds within seconds.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Do not play the workload controllers: nothing follows its spec, so validation cannot hold.
    #[arg(long)]
    frozen_workloads: bool,
    /// Address of a SaaS to tell what becomes of remediations: https://HOST:PORT, with a certificate of the CA in STATE/server.
    #[arg(long, value_name = "URL")]
    saas_api_base: Option<String>,
    /// Log filter: error, warn, info, debug, trace, or per module.
    #[arg(long, env = "LOG_LEVEL", default_value = "info")]
    log_level: LogFilter,
    /// pretty or json.
    #[arg(long, env = "LOG_FORMAT", default_value = "pretty")]
    log_format: LogFormat,
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|error| format!("{error}; an address is such as 127.0.0.1:8001"))?;
    if address.ip().is_loopback() { Ok(address) } else { Err("it must be a loopback address, such as 127.0.0.1:8001".to_owned()) }
}

#[derive(clap::Args)]
struct Configured {
    /// YAML file of settings; environment and flags win over it.
    #[arg(long, env = "ZEN_AGENT_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

/// Every layer over the other, and what is wrong with the file.
struct Layered {
    settings: Settings,
    mistakes: Vec<String>,
    warning: Option<String>,
}

impl Configured {
    fn settings(self) -> Result<Layered, Failure> {
        let (file, mistakes) = match &self.config {
            Some(path) => Settings::from_file(path).map_err(Failure::usage)?,
            None => (Settings::default(), Vec::new()),
        };
        let holds_secret = file.hmac_secret.is_some();
        let warning = self.config.filter(|_| holds_secret).and_then(|path| config::readable_by_all(&path));
        Ok(Layered { settings: self.settings.over(file).over(Settings::defaults()), mistakes, warning })
    }
}

impl Layered {
    /// The configuration, or every mistake in all layers.
    fn validate(self) -> Result<Config, Failure> {
        match self.settings.validate() {
            Ok(mut config) if self.mistakes.is_empty() => {
                config.warnings.extend(self.warning);
                Ok(config)
            }
            other => {
                let more = other.err().map(|ConfigErrors(errors)| errors).unwrap_or_default();
                Err(Failure::usage(ConfigErrors(self.mistakes.into_iter().chain(more).collect())))
            }
        }
    }
}

/// Why a command ends without success.
enum Failure {
    Refused(String),
    Usage(String),
    Unreachable(String),
    /// Whoever reads standard output has seen enough.
    NobodyReads,
}

impl Failure {
    fn refused(error: impl fmt::Display) -> Self {
        Self::Refused(error.to_string())
    }

    fn usage(error: impl fmt::Display) -> Self {
        Self::Usage(error.to_string())
    }
}

/// The command line, for the reference.
pub fn command() -> clap::Command {
    Cli::command()
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
        Command::Serve(configured) => tools::serve(configured).await,
        Command::Forward(forward) => forward.run().await,
        Command::Doctor(doctor) => doctor.run().await,
        Command::Config(configured) => tools::config(configured),
        Command::Crd => tools::crd(),
        Command::Rbac(rbac) => rbac.run(),
        Command::Policy(command) => command.run(),
        Command::Contracts(command) => command.run().await,
        Command::Send(send) => send.run().await,
        Command::Trigger(trigger) => trigger.run().await,
        Command::Resend(resend) => resend.run().await,
        Command::Listen(listen) => listen.run().await,
        Command::Get(get) => get.run().await,
        Command::Approve(decide) => decide.run(decide::Decision::Approve).await,
        Command::Reject(decide) => decide.run(decide::Decision::Reject).await,
        Command::Plan(plan) => plan.run().await,
        Command::Retry(ask) => ask.run(decide::Wish::Retry).await,
        Command::Rollback(ask) => ask.run(decide::Wish::Rollback).await,
        Command::Stop(emergency) => emergency.run(emergency::Order::Stop).await,
        Command::Resume(emergency) => emergency.run(emergency::Order::Resume).await,
        Command::Cleanup(cleanup) => cleanup.run().await,
        Command::Spool(spool) => spool.run(),
        Command::Fixtures(fixtures) => fixtures.run().await,
    }
}

fn report(result: Result<(), Failure>) -> ExitCode {
    let (code, message) = match result {
        Ok(()) | Err(Failure::NobodyReads) => return ExitCode::SUCCESS,
        Err(Failure::Refused(message)) => (1, message),
        Err(Failure::Usage(message)) => (2, message),
        Err(Failure::Unreachable(message)) => (3, message),
    };
    output::note(&message);
    ExitCode::from(code)
}
