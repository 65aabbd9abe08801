//! `contracts baseline`: the documents of this release, frozen beside the contracts.

use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::{Failure, documents, write};
use crate::cli::output;

/// The folder of the contracts.
#[derive(clap::Args)]
pub(in crate::cli) struct Baseline {
    /// The folder of the contracts; the release is frozen in its baseline/RELEASE.
    #[arg(default_value = "contracts")]
    dir: PathBuf,
}

impl Baseline {
    pub(super) fn run(self) -> Result<(), Failure> {
        let release = env!("CARGO_PKG_VERSION");
        if !self.dir.join("v0/openapi.yaml").is_file() {
            return Err(Failure::Usage(format!("{} is no folder of contracts: it has no v0/openapi.yaml", self.dir.display())));
        }
        let frozen = self.dir.join("baseline").join(release);
        if frozen.exists() {
            return Err(Failure::Refused(format!(
                "{} is there already, and a release is frozen once; for another one give `version` in Cargo.toml a new value",
                frozen.display()
            )));
        }
        let mut files = documents();
        let digest = |(path, text): &(PathBuf, &str)| format!("{}  {}\n", hex::encode(Sha256::digest(text)), path.display());
        let digests: String = files.iter().map(digest).collect();
        files.push(("SHA256SUMS".into(), &digests));
        write(&frozen, &files)?;
        output::print(&format!(
            "frozen in {}; now call what is `Unreleased` in {} {release}",
            frozen.display(),
            self.dir.join("CHANGELOG.md").display()
        ))
    }
}
