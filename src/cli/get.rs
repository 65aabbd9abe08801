//! `get`: what there is, and what becomes of it.

use std::collections::HashSet;

use futures::StreamExt;

use super::{
    Connect, Failure,
    connect::{answer, request_id},
    output::{self, Format},
};
use crate::{
    client::Client,
    contract::{
        v0::types::{Remediation, Severity, Status},
        v1alpha1::types::{RemediationChange, RemediationChangeType},
    },
};

const PAGE: i64 = 500;

#[derive(clap::Args)]
pub(super) struct Get {
    /// One remediation, with its steps; all when absent.
    name: Option<String>,
    /// Only those with this status.
    #[arg(long)]
    status: Option<Status>,
    /// Only those whose target is in this namespace.
    #[arg(short, long)]
    namespace: Option<String>,
    /// Only those that this tool reported.
    #[arg(long)]
    source: Option<String>,
    /// Only those of this severity.
    #[arg(long)]
    severity: Option<Severity>,
    /// How to print.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Format,
    /// Go on printing changes until Ctrl-C; JSON is one document a line.
    #[arg(short, long)]
    watch: bool,
    #[command(flatten)]
    connect: Connect,
}

impl Get {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let client = self.connect.client()?;
        if self.watch {
            return self.watch(&client).await;
        }
        if let Some(name) = &self.name {
            let item = answer(client.stable.get_remediation(name, &request_id()).await)?;
            match self.output {
                Format::Json => output::json(&item)?,
                Format::Table => output::remediation(&item),
            }
            return Ok(());
        }
        let items = self.list(&client).await?;
        match self.output {
            Format::Json => output::json(&items)?,
            Format::Table if items.is_empty() => eprintln!("no remediations"),
            Format::Table => output::remediations(&items),
        }
        Ok(())
    }

    async fn list(&self, client: &Client) -> Result<Vec<Remediation>, Failure> {
        let (mut items, mut token): (Vec<Remediation>, Option<String>) = (Vec::new(), None);
        loop {
            let (namespace, source, id) = (self.namespace.as_deref(), self.source.as_deref(), request_id());
            let call = client.stable.list_remediations(
                token.as_deref(),
                Some(PAGE),
                namespace,
                self.severity.as_ref(),
                source,
                self.status.as_ref(),
                &id,
            );
            let page = answer(call.await)?;
            items.extend(page.items);
            token = page.continue_;
            if token.is_none() {
                return Ok(items);
            }
        }
    }

    /// Streams end by themselves; each is followed by another from the same position.
    async fn watch(&self, client: &Client) -> Result<(), Failure> {
        let mut position: Option<String> = None;
        // What the first listing of a later stream repeats.
        let mut shown: HashSet<(String, jiff::Timestamp)> = HashSet::new();
        loop {
            let (namespace, source, id) = (self.namespace.as_deref(), self.source.as_deref(), request_id());
            let call = client.alpha.watch_remediations(
                namespace,
                self.severity.as_ref(),
                source,
                self.status.as_ref(),
                None,
                position.as_deref(),
                &id,
            );
            let mut bytes = answer(call.await)?;
            let mut events = Events::default();
            while let Some(chunk) = bytes.next().await {
                let Ok(chunk) = chunk else { break };
                for event in events.push(&chunk) {
                    position = event.id.or(position);
                    let Ok(change) = serde_json::from_str::<RemediationChange>(&event.data) else { continue };
                    let item = &change.remediation;
                    let wanted = self.name.as_ref().is_none_or(|name| *name == item.id);
                    let deleted = change.type_ == RemediationChangeType::Deleted;
                    if !wanted || (!deleted && !shown.insert((item.id.clone(), item.updated_at))) {
                        continue;
                    }
                    match self.output {
                        Format::Json => println!("{}", event.data),
                        Format::Table if deleted => println!("{}  deleted", item.id),
                        Format::Table => output::line(item),
                    }
                }
            }
        }
    }
}

/// Server-sent events out of chunks (WHATWG HTML, "Server-sent events"), as far as the agent uses them.
#[derive(Default)]
struct Events {
    pending: Vec<u8>,
    current: Event,
}

#[derive(Default)]
struct Event {
    id: Option<String>,
    data: String,
}

impl Events {
    fn push(&mut self, chunk: &[u8]) -> Vec<Event> {
        let mut complete = Vec::new();
        self.pending.extend_from_slice(chunk);
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            match line.trim_end_matches(['\r', '\n']).split_once(':') {
                Some(("data", value)) => {
                    if !self.current.data.is_empty() {
                        self.current.data.push('\n');
                    }
                    self.current.data.push_str(value.strip_prefix(' ').unwrap_or(value));
                }
                Some(("id", value)) => self.current.id = Some(value.trim().to_owned()),
                None if line.trim().is_empty() && !self.current.data.is_empty() => complete.push(std::mem::take(&mut self.current)),
                _ => {}
            }
        }
        complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_the_bytes_are_cut() {
        let text = b": keep-alive\n\nid: 7\nevent: added\ndata: {\"a\":1}\n\ndata: x\ndata: y\n\nid: 9\n";
        for size in 1..text.len() {
            let mut events = Events::default();
            let read: Vec<Event> = text.chunks(size).flat_map(|chunk| events.push(chunk)).collect();
            let read: Vec<_> = read.iter().map(|event| (event.id.as_deref(), event.data.as_str())).collect();
            assert_eq!(read, [(Some("7"), "{\"a\":1}"), (None, "x\ny")]);
        }
    }
}
