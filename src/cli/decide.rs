//! `approve`, `reject`, `retry`, `rollback`, `cleanup`: what changes something.

use indicatif::ProgressBar;

use super::{
    Connect, Failure,
    connect::{call, request_id},
    output::{self, Format},
};
use crate::contract::{v0::types, v1alpha1::types as alpha};

#[derive(clap::Args)]
pub(super) struct Decide {
    /// The remediation's name, as `send` and `get` print it.
    name: String,
    /// Why; kept on the remediation.
    #[arg(long, default_value = "decided on the command line")]
    reason: String,
    /// The digest of the plan that was judged, as `plan` prints it; else that of the plan as it is now.
    #[arg(long, value_name = "DIGEST")]
    plan_digest: Option<String>,
    /// How to print the remediation.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Format,
    #[command(flatten)]
    connect: Connect,
}

#[derive(Clone, Copy)]
pub(super) enum Decision {
    Approve,
    Reject,
}

impl Decide {
    pub(super) async fn run(self, decision: Decision) -> Result<(), Failure> {
        let client = self.connect.client()?.stable;
        let plan_digest = match (self.plan_digest, decision) {
            (None, Decision::Approve) => {
                let id = request_id();
                call(client.get_remediation(&self.name, &id)).await?.plan_digest
            }
            (given, _) => given,
        };
        let (id, body) = (request_id(), types::Decision { reason: self.reason, plan_digest });
        let decided = match decision {
            Decision::Approve => call(client.approve_remediation(&self.name, &id, &body)).await,
            Decision::Reject => call(client.reject_remediation(&self.name, &id, &body)).await,
        }?;
        match self.output {
            Format::Json => output::json(&decided),
            Format::Table => output::remediation(&decided),
        }
    }
}

#[derive(clap::Args)]
pub(super) struct Ask {
    /// The remediation's name, as `send` and `get` print it.
    name: String,
    /// Why; kept on the remediation.
    #[arg(long, default_value = "asked for on the command line")]
    reason: String,
    /// How to print the remediation.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Format,
    #[command(flatten)]
    connect: Connect,
}

#[derive(Clone, Copy)]
pub(super) enum Wish {
    Retry,
    Rollback,
}

impl Ask {
    pub(super) async fn run(self, wish: Wish) -> Result<(), Failure> {
        let client = self.connect.client()?.alpha;
        let (id, body) = (request_id(), alpha::Request { reason: self.reason });
        let asked = match wish {
            Wish::Retry => call(client.retry_remediation(&self.name, &id, &body)).await,
            Wish::Rollback => call(client.rollback_remediation(&self.name, &id, &body)).await,
        }?;
        match self.output {
            Format::Json => output::json(&asked),
            Format::Table => output::remediation(&asked),
        }
    }
}

#[derive(clap::Args)]
pub(super) struct Cleanup {
    /// Least age since the end, such as 90s, 30m, 12h or 7d.
    #[arg(long, default_value = "7d")]
    older_than: String,
    /// List with commas of succeeded, failed and rolled_back.
    #[arg(long, default_value = "succeeded,failed")]
    statuses: String,
    /// Only count what would be deleted.
    #[arg(long)]
    dry_run: bool,
    /// How to print the counts.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Format,
    #[command(flatten)]
    connect: Connect,
}

impl Cleanup {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let client = self.connect.client()?.stable;
        // On standard error, and only on a terminal.
        let spinner = ProgressBar::new_spinner().with_message("cleaning up");
        spinner.enable_steady_tick(std::time::Duration::from_millis(100));
        let id = request_id();
        let cleaned = call(client.cleanup_remediations(Some(self.dry_run), Some(&self.older_than), Some(&self.statuses), &id)).await;
        spinner.finish_and_clear();
        let result = cleaned?;
        match self.output {
            Format::Json => output::json(&result)?,
            Format::Table if result.dry_run => output::print(&format!("{} would be deleted", result.matched))?,
            Format::Table => output::print(&format!(
                "{} deleted, {} kept since they changed meanwhile, {} errors",
                result.deleted, result.skipped_changed, result.errors
            ))?,
        }
        if result.errors > 0 {
            return Err(Failure::Refused(format!("{} could not be deleted; the agent's log says why", result.errors)));
        }
        Ok(())
    }
}
