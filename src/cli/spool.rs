//! `zen-agent spool`: what was given up on, which is reports to the SaaS, or events of a forwarder.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::{
    Failure,
    output::{self, Format},
};
use crate::{
    forward::Event,
    saas::entry::Entry,
    spool::{Letter, Letters},
};

/// What was given up on: reports to the SaaS of this replica, or events of a forwarder.
#[derive(Args)]
pub(super) struct Spool {
    /// Folder of what is to be told to the SaaS, as of `serve`; of a forwarder, its state's `forward`, such as .zen-agent/forward.
    #[arg(long, env = "SPOOL_DIR", value_name = "FOLDER", global = true, default_value = ".zen-agent/spool")]
    spool_dir: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Show them, newest first.
    List {
        /// How to print.
        #[arg(short, long, value_enum, default_value = "table")]
        output: Format,
    },
    /// Have them sent again: as soon as this replica leads, or the forwarder runs.
    Replay(Which),
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// One of them, by the name that `list` prints.
    name: Option<String>,
    /// All of them.
    #[arg(long)]
    all: bool,
}

/// What a letter is of.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Kept {
    Report(Box<Entry>),
    Event(Event),
}

/// A letter, as it is shown.
struct Row {
    name: String,
    /// What it is about, each with a name.
    about: [(&'static str, String); 2],
    why: String,
    at: Timestamp,
}

impl Row {
    fn of(name: &str, letter: Letter<Kept>) -> Self {
        let about = match letter.entry {
            Kept::Report(entry) => {
                let (remediation, status) = entry.about();
                [("remediation", remediation.to_owned()), ("status", status)]
            }
            Kept::Event(event) => [("tool", event.tool.as_str().to_owned()), ("request_id", event.request_id)],
        };
        Self { name: name.to_owned(), about, why: letter.why, at: letter.at }
    }
}

impl Spool {
    pub(super) fn run(self) -> Result<(), Failure> {
        let letters = Letters::of(&self.spool_dir);
        let unreadable = |error| Failure::refused(format!("{}: {error}", self.spool_dir.display()));
        match self.what {
            What::List { output } => print(&letters.list(Row::of).map_err(unreadable)?, output),
            What::Replay(Which { name, all }) => {
                let mut wanted = letters.names().map_err(unreadable)?;
                wanted.retain(|known| all || name.as_ref() == Some(known));
                if let (true, Some(name)) = (wanted.is_empty(), &name) {
                    return Err(Failure::refused(format!("there is none of the name {name}; `zen-agent spool list` shows them")));
                }
                for name in &wanted {
                    letters.replay(name).map_err(unreadable)?;
                }
                output::note(&format!("{} to be sent again", wanted.len()));
                Ok(())
            }
        }
    }
}

fn print(rows: &[Row], format: Format) -> Result<(), Failure> {
    match (format, rows.first()) {
        (Format::Json, _) => {
            let shown = |Row { name, about: [(first, one), (second, other)], why, at }: &Row| json!({ "name": name, *first: one, *second: other, "why": why, "at": at });
            output::json(&rows.iter().map(shown).collect::<Vec<_>>())
        }
        (Format::Table, None) => {
            output::note("nothing was given up on");
            Ok(())
        }
        // A folder is of the one or of the other.
        (Format::Table, Some(Row { about: [(first, _), (second, _)], .. })) => {
            let heads = [first, second].map(|head| head.replace('_', " ").to_uppercase());
            let row = |Row { name, about: [(_, one), (_, other)], why, at }: &Row| {
                vec![name.clone(), one.clone(), other.clone(), at.to_string(), why.clone()]
            };
            output::print(&output::table(&["NAME", &heads[0], &heads[1], "AT", "WHY"], rows.iter().map(row)))
        }
    }
}
