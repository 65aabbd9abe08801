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
use crate::{client::v0, contract::v0::types::Receipt, forward, identity::RequestId};

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

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Tool {
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
        let body = input::read(&self.file)?;
        // A mistake that needs no agent to find it; what leaves is the file.
        serde_json::from_slice::<IgnoredAny>(&body).map_err(|error| Failure::Usage(format!("{}: {error}", self.file.display())))?;
        let id = self.request_id.map_or_else(request_id, |id| id.as_sent().to_owned());
        let receipt = deliver(&self.connect, self.tool, &id, body).await?;
        match self.output {
            Format::Json => output::json(&receipt),
            Format::Table => output::receipt(&receipt),
        }
    }
}

impl Tool {
    /// Its name on the command line.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Falco => "falco",
            Self::Trivy => "trivy",
            Self::Kyverno => "kyverno",
            Self::Events => "events",
        }
    }
}

impl From<forward::Tool> for Tool {
    fn from(tool: forward::Tool) -> Self {
        match tool {
            forward::Tool::Falco => Self::Falco,
            forward::Tool::Trivy => Self::Trivy,
            forward::Tool::Kyverno => Self::Kyverno,
        }
    }
}

/// Sends a body, and keeps it for `resend`.
pub(super) async fn deliver(connect: &Connect, tool: Tool, id: &str, body: Vec<u8>) -> Result<Receipt, Failure> {
    let client = connect.client()?.stable;
    let body = Bytes::from(body);
    let receipt = post(&client, tool, id, body.clone()).await;
    // What was refused has had no effect; of what was not answered nobody knows.
    if matches!(receipt, Ok(_) | Err(Failure::Unreachable(_)))
        && let Err(error) = connect.sent().keep(id, tool, &body)
    {
        output::note(&format!("this cannot be sent again by `resend`, since it cannot be kept: {error}"));
    }
    receipt
}

/// Sends a body.
pub(super) async fn post(client: &v0::Client, tool: Tool, id: &str, body: Bytes) -> Result<Receipt, Failure> {
    match tool {
        Tool::Falco => call(client.ingest_falco(id, body)).await,
        Tool::Trivy => call(client.ingest_trivy(id, body)).await,
        Tool::Kyverno => call(client.ingest_kyverno(id, body)).await,
        Tool::Events => call(client.ingest_events(id, body)).await,
    }
}
