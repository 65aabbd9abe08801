//! `send`: a tool's report, or a batch, signed and delivered once, as the bytes that the file holds.

use std::path::PathBuf;

use bytes::Bytes;
use serde::de::IgnoredAny;

use super::{
    Connect, Failure,
    connect::{call, request_id},
    input,
    output::{self, Format},
};
use crate::identity::RequestId;

#[derive(clap::Args)]
pub(super) struct Send {
    /// Who wrote it.
    tool: Tool,
    /// File with the report as JSON; - reads standard input.
    file: PathBuf,
    /// UUID or ULID; sending again with the same one has effect once. New for each call when absent.
    #[arg(long)]
    request_id: Option<RequestId>,
    /// How to print the receipt.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Format,
    #[command(flatten)]
    connect: Connect,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Tool {
    /// One event of Falco or falcosidekick.
    Falco,
    /// A report of the Trivy Operator or the Trivy CLI.
    Trivy,
    /// A result of Policy Reporter, or a PolicyReport.
    Kyverno,
    /// A batch of normalized events: {"cluster_id", "events"}.
    Events,
}

impl Send {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let client = self.connect.client()?.stable;
        let body = input::read(&self.file)?;
        // A mistake that needs no agent to find it; what leaves is the file.
        serde_json::from_slice::<IgnoredAny>(&body).map_err(|error| Failure::Usage(format!("{}: {error}", self.file.display())))?;
        let (body, id) = (Bytes::from(body), self.request_id.map_or_else(request_id, |id| id.as_sent().to_owned()));
        let receipt = match self.tool {
            Tool::Falco => call(|| client.ingest_falco(&id, body.clone())).await,
            Tool::Trivy => call(|| client.ingest_trivy(&id, body.clone())).await,
            Tool::Kyverno => call(|| client.ingest_kyverno(&id, body.clone())).await,
            Tool::Events => call(|| client.ingest_events(&id, body.clone())).await,
        }?;
        match self.output {
            Format::Json => output::json(&receipt),
            Format::Table => output::receipt(&receipt),
        }
    }
}
