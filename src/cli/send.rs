//! `send`: a tool's report, or a batch, signed and delivered once.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    Connect, Failure,
    connect::{answer, request_id},
    output::{self, Format},
};
use crate::contract::v0::types::EventBatch;

#[derive(clap::Args)]
pub(super) struct Send {
    /// Who wrote it.
    tool: Tool,
    /// File with the report as JSON; - reads standard input.
    file: PathBuf,
    /// UUID or ULID; sending again with the same one has effect once. New for each call when absent.
    #[arg(long)]
    request_id: Option<String>,
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
        let text = read(&self.file)?;
        let not_json = |error: serde_json::Error| Failure::Usage(format!("{}: {error}", self.file.display()));
        let id = self.request_id.unwrap_or_else(request_id);
        let native = || serde_json::from_slice::<Value>(&text).map_err(not_json);
        let receipt = answer(match self.tool {
            Tool::Falco => client.ingest_falco(&id, &native()?).await,
            Tool::Trivy => client.ingest_trivy(&id, &native()?).await,
            Tool::Kyverno => client.ingest_kyverno(&id, &native()?).await,
            Tool::Events => {
                let batch: EventBatch = serde_json::from_slice(&text).map_err(not_json)?;
                client.ingest_events(&id, &batch).await
            }
        })?;
        match self.output {
            Format::Json => output::json(&receipt),
            Format::Table => {
                output::receipt(&receipt);
                Ok(())
            }
        }
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let text = if file == Path::new("-") {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text).map(|_| text)
    } else {
        std::fs::read(file)
    };
    text.map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))
}
