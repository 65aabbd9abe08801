//! `resend`: what `send` or `trigger` sent before, once more. Under its own request id it has no further effect, and the receipt
//! says so (`replayed`); under a new one it is another event.

use jiff::Timestamp;

use super::{
    Connect, Failure,
    connect::request_id,
    output::{self, Format},
    send::deliver,
};
use crate::identity::RequestId;

#[derive(clap::Args)]
pub(super) struct Resend {
    /// The request id that it had; what was sent last when absent. It goes to the agent that this command line names.
    id: Option<RequestId>,
    /// Show what can be sent again, the newest first.
    #[arg(long, conflicts_with_all = ["id", "new"])]
    list: bool,
    /// Under a new request id: as another event.
    #[arg(long)]
    new: bool,
    /// How to print the receipt.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Format,
    #[command(flatten)]
    connect: Connect,
}

impl Resend {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let failed = |error| Failure::Usage(format!("{}/sent: {error}", self.connect.state_dir.display()));
        let mut sent = self.connect.sent().all().map_err(failed)?.into_iter();
        if self.list {
            let time = |at| Timestamp::try_from(at).map(|at: Timestamp| at.to_string()).unwrap_or_default();
            let rows = sent.map(|entry| vec![entry.id.as_sent().to_owned(), entry.tool.as_str().to_owned(), time(entry.at)]);
            return output::print(&output::table(&["REQUEST ID", "TOOL", "SENT"], rows));
        }
        let wanted = match &self.id {
            Some(id) => sent.find(|entry| entry.id.canonical() == id.canonical()),
            None => sent.next(),
        };
        let entry = wanted.ok_or_else(|| Failure::Usage("there is none; `zen-agent resend --list` shows what was sent last".to_owned()))?;
        let id = if self.new { request_id() } else { entry.id.as_sent().to_owned() };
        let receipt = deliver(&self.connect, entry.tool, &id, entry.body().map_err(failed)?).await?;
        match self.output {
            Format::Json => output::json(&receipt),
            Format::Table => output::receipt(&receipt),
        }
    }
}
