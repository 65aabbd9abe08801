//! `get`: what there is, and what becomes of it.

use super::{
    Connect, Failure,
    connect::{call, request_id},
    output::{self, Format},
    watch::{self, Beginning, Watch},
};
use crate::{
    client::Client,
    contract::v0::types::{Remediation, Severity, Status},
};

const PAGE: i64 = 500;

#[derive(clap::Args)]
pub(super) struct Get {
    /// One remediation, with its steps; all when absent.
    name: Option<String>,
    #[command(flatten)]
    filter: Filter,
    /// How to print.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Format,
    /// Go on printing changes until Ctrl-C; JSON is one document a line.
    #[arg(short, long)]
    watch: bool,
    #[command(flatten)]
    connect: Connect,
}

/// Which remediations.
#[derive(clap::Args)]
pub(super) struct Filter {
    /// Only those with this status.
    #[arg(long)]
    pub(super) status: Option<Status>,
    /// Only those whose target is in this namespace.
    #[arg(short, long)]
    pub(super) namespace: Option<String>,
    /// Only those that this tool reported.
    #[arg(long)]
    pub(super) source: Option<String>,
    /// Only those of this severity.
    #[arg(long)]
    pub(super) severity: Option<Severity>,
}

impl Get {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let client = self.connect.client()?;
        if self.watch {
            let watch = Watch { filter: &self.filter, name: self.name.as_deref(), output: self.output, beginning: Beginning::Everything };
            return watch::run(&watch, &client, || ()).await;
        }
        if let Some(name) = &self.name {
            let id = request_id();
            let item = call(client.stable.get_remediation(name, &id)).await?;
            return match self.output {
                Format::Json => output::json(&item),
                Format::Table => output::remediation(&item),
            };
        }
        let items = self.list(&client).await?;
        match self.output {
            Format::Json => output::json(&items),
            Format::Table if items.is_empty() => {
                output::note("no remediations");
                Ok(())
            }
            Format::Table => output::remediations(&items),
        }
    }

    async fn list(&self, client: &Client) -> Result<Vec<Remediation>, Failure> {
        let (mut items, mut token): (Vec<Remediation>, Option<String>) = (Vec::new(), None);
        loop {
            let Filter { status, namespace, source, severity } = &self.filter;
            let (namespace, source, id) = (namespace.as_deref(), source.as_deref(), request_id());
            let (severity, status) = (severity.as_ref(), status.as_ref());
            let from = token.as_deref();
            let page = call(client.stable.list_remediations(from, Some(PAGE), namespace, severity, source, status, &id)).await?;
            items.extend(page.items);
            token = page.continue_;
            if token.is_none() {
                return Ok(items);
            }
        }
    }
}
