//! `zen-agent spool`: reports to the SaaS that were given up on.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    Failure,
    output::{self, Format},
};
use crate::saas::{Letter, Letters};

/// Reports to the SaaS that were given up on, of this replica.
#[derive(Args)]
pub(super) struct Spool {
    /// Folder of what is to be told to the SaaS, as of `serve`.
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
    /// Have them sent again, as soon as this replica leads.
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

impl Spool {
    pub(super) fn run(self) -> Result<(), Failure> {
        let letters = Letters::of(&self.spool_dir);
        let unreadable = |error| Failure::refused(format!("{}: {error}", self.spool_dir.display()));
        let listed = letters.list().map_err(unreadable)?;
        match self.what {
            What::List { output: Format::Json } => {
                let about = |(name, letter): &(String, Letter)| {
                    let (remediation, status) = letter.about();
                    json!({ "name": name, "remediation": remediation, "status": status, "why": letter.why, "at": letter.at })
                };
                output::json(&listed.iter().map(about).collect::<Vec<_>>())
            }
            What::List { output: Format::Table } if listed.is_empty() => {
                output::note("no report to the SaaS was given up on");
                Ok(())
            }
            What::List { output: Format::Table } => {
                let row = |(name, letter): &(String, Letter)| {
                    let (remediation, status) = letter.about();
                    vec![name.clone(), remediation.to_owned(), status, letter.at.to_string(), letter.why.clone()]
                };
                output::print(&output::table(&["NAME", "REMEDIATION", "STATUS", "AT", "WHY"], listed.iter().map(row)))
            }
            What::Replay(Which { name, all }) => {
                let wanted: Vec<&str> =
                    listed.iter().map(|(known, _)| known.as_str()).filter(|known| all || name.as_deref() == Some(known)).collect();
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
