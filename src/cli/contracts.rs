//! `contracts`: the contracts of this release for others' CI, and whether documents or a server still satisfy them.

mod baseline;
mod read;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{Failure, output};
use crate::{
    contract::DOCUMENTS,
    contracts::{self, Document, Report, Tolerance, Verdict},
};

/// Beside the documents: what a client that signs by itself tests with, and what has changed.
const COMPANIONS: [(&str, &str); 2] = [
    ("signature-vectors.json", include_str!("../../contracts/signature-vectors.json")),
    ("CHANGELOG.md", include_str!("../../contracts/CHANGELOG.md")),
];

/// The messages, which a body may be as well.
const MESSAGES: [(&str, &str); 3] = [
    ("proto/zen/agent/v0/agent.proto", include_str!("../../contracts/proto/zen/agent/v0/agent.proto")),
    ("proto/zen/agent/v0/value.proto", include_str!("../../contracts/proto/zen/agent/v0/value.proto")),
    ("proto/zen/agent/v1alpha1/agent.proto", include_str!("../../contracts/proto/zen/agent/v1alpha1/agent.proto")),
];

/// What this agent calls and does not serve: compared where there is one.
const CALLED: &str = "saas";

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Write the documents of this release to a folder, each self-contained and as it is served, and its Protocol Buffers.
    Export(Export),
    /// Say whether documents, or a server, still satisfy the contracts of this binary.
    #[command(after_long_help = CHECKED)]
    Check(Check),
    /// Freeze the documents of this release, so that a later one is compared with them. For those who release Zen-Agent.
    Baseline(baseline::Baseline),
}

const CHECKED: &str = "\
Exit codes: 0 equal or compatible, 1 breaking (with --exact, any difference), 2 could not tell.

Breaking is what hurts those who keep to the contract of this binary: a request that it allows and that would be refused, or an
answer that it does not allow. Descriptions, titles, examples, order and the names of components and operations hurt nobody.

Of a folder, v0/openapi.yaml and v1alpha1/openapi.yaml are compared, with agent/*.json where they refer to it, and
saas/openapi.yaml where there is one. Of a server, /v0/openapi.json and /v1alpha1/openapi.json. Messages (proto/) are not compared:
`buf breaking` does that, against what `export` writes.

JSON: {\"verdict\": equal|compatible|different|breaking|unknown, \"compared\": [names of contracts], \"differences\":
[{\"document\": name, \"place\": JSON pointer, \"change\": text, \"breaks\": text, absent where nobody is broken}]}. Of what could
not be told: {\"verdict\": \"unknown\", \"problem\": text}.";

/// Where to.
#[derive(clap::Args)]
pub(super) struct Export {
    /// A folder that is empty, or not there.
    #[arg(default_value = "contracts")]
    dir: PathBuf,
}

/// What is compared, and how.
#[derive(clap::Args)]
pub(super) struct Check {
    /// A folder like contracts/ or one that `export` wrote, or http://HOST:PORT of an admin listener.
    #[arg(value_name = "DIR|URL")]
    source: String,
    /// Take no difference at all, of descriptions neither.
    #[arg(long)]
    exact: bool,
    /// How to print.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Command {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Export(export) => export.run(),
            Self::Check(check) => check.run().await,
            Self::Baseline(baseline) => baseline.run(),
        }
    }
}

impl Export {
    fn run(self) -> Result<(), Failure> {
        let taken = match fs::read_dir(&self.dir) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(Failure::Usage(format!("{}: {error}", self.dir.display()))),
        };
        if taken {
            return Err(Failure::Usage(format!("{} is not empty; name a folder that is, or one that is not there", self.dir.display())));
        }
        let companions = COMPANIONS.map(|(name, text)| (name.into(), text));
        write(&self.dir, &[documents(), companions.into()].concat())?;
        output::print(&format!("the contracts of {} are in {}", env!("CARGO_PKG_VERSION"), self.dir.display()))
    }
}

/// The documents of this release by their paths, and its messages. Each document is JSON, which is YAML.
fn documents() -> Vec<(PathBuf, &'static str)> {
    let documents = DOCUMENTS.iter().map(|(name, text)| (Path::new(name).join("openapi.yaml"), *text));
    documents.chain(MESSAGES.map(|(name, text)| (name.into(), text))).collect()
}

/// Writes new files below a folder.
fn write(folder: &Path, files: &[(PathBuf, &str)]) -> Result<(), Failure> {
    for (path, text) in files {
        let path = folder.join(path);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all);
        let written = written.and_then(|()| fs::File::create_new(&path)).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| Failure::Refused(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(())
}

impl Check {
    /// Whatever hinders it, its exit code is the one of "could not tell": nobody takes that for a verdict.
    async fn run(self) -> Result<(), Failure> {
        let report = match self.report().await {
            Ok(report) => report,
            Err(problem) => {
                if self.output == Form::Json {
                    printed(output::json(&json!({ "verdict": "unknown", "problem": problem })))?;
                }
                return Err(Failure::Usage(problem));
            }
        };
        printed(match self.output {
            Form::Json => output::json(&report),
            Form::Text => output::print(&text(&report)),
        })?;
        match report.verdict {
            Verdict::Equal | Verdict::Compatible => Ok(()),
            Verdict::Breaking => Err(Failure::Refused(format!("{} breaks the contract of this binary", self.source))),
            Verdict::Different => Err(Failure::Refused(format!("{} differs from the contract of this binary", self.source))),
        }
    }

    async fn report(&self) -> Result<Report, String> {
        let others = read::all(&self.source).await?;
        let mut contract = BTreeMap::new();
        for (name, text) in DOCUMENTS.iter().filter(|(name, _)| *name != CALLED || others.contains_key(*name)) {
            let document =
                Document::parse(text, &BTreeMap::new()).map_err(|error| format!("the contract {name} of this binary: {error}"))?;
            contract.insert(*name, document);
        }
        let tolerance = if self.exact { Tolerance::Exact } else { Tolerance::Compatible };
        Ok(contracts::check(&contract, &others, tolerance))
    }
}

/// A verdict holds although nobody reads why; one that cannot be printed is none.
fn printed(result: Result<(), Failure>) -> Result<(), Failure> {
    match result {
        Ok(()) | Err(Failure::NobodyReads) => Ok(()),
        Err(Failure::Refused(why) | Failure::Usage(why) | Failure::Unreachable(why)) => Err(Failure::Usage(why)),
    }
}

fn text(report: &Report) -> String {
    let compared = report.compared.join(", ");
    let mut text = match report.verdict {
        Verdict::Equal => format!("equal: {compared}"),
        Verdict::Compatible => format!("compatible, and not equal (--exact lists where): {compared}"),
        Verdict::Different => format!("different: {compared}"),
        Verdict::Breaking => format!("breaking: {compared}"),
    };
    for difference in &report.differences {
        let place = format!("{} {}", difference.document, difference.place);
        text.push('\n');
        // Both are of documents that somebody else wrote.
        text.push_str(&output::plain(&format!("{}: {}", place.trim_end(), difference.change)));
        if let Some(breaks) = difference.breaks {
            text.push_str(&format!("\n    breaking: {breaks}"));
        }
    }
    text
}
