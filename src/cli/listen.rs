//! `listen`: remediations as they arrive, and what becomes of each, from now on. What is ignored leaves none: the receipt of
//! `send` says so, and the agent's log.

use super::{
    Connect, Failure,
    get::Filter,
    output::{self, Format},
    watch::{self, Beginning, Watch},
};

#[derive(clap::Args)]
pub(super) struct Listen {
    #[command(flatten)]
    filter: Filter,
    /// How to print; JSON is one document a line.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Format,
    #[command(flatten)]
    connect: Connect,
}

impl Listen {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Self { filter, output, connect } = self;
        let client = connect.client()?;
        let watch = Watch { filter: &filter, name: None, output, beginning: Beginning::Now };
        watch::run(&watch, &client, || output::note("listening; Ctrl-C ends it")).await
    }
}
