//! What the generator reads and writes; [`super::codegen`] has neither files nor environment.

use std::{collections::BTreeMap, env, error::Error, fs, path::Path};

use protox::{Compiler, prost_reflect::DescriptorPool};

use super::codegen::VERSIONS;

/// What people wrote.
pub(crate) struct Contracts {
    /// The text of each of [`VERSIONS`].
    pub(crate) versions: Vec<String>,
    /// The agent schemas, by the path that the contracts refer to them with.
    pub(crate) payloads: BTreeMap<String, String>,
    /// The messages.
    pub(crate) messages: DescriptorPool,
    /// What others serve.
    pub(crate) saas: String,
}

/// Reads the contracts of the repository at `root`, and has the build run again when they change.
pub(crate) fn read(root: &Path) -> Result<Contracts, Box<dyn Error>> {
    for watched in ["build.rs", "build", "contracts"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    let contracts = root.join("contracts");
    let document = |name: &str| fs::read_to_string(contracts.join(name).join("openapi.yaml"));
    let mut payloads = BTreeMap::new();
    for entry in fs::read_dir(contracts.join("agent"))? {
        let entry = entry?;
        payloads.insert(format!("../agent/{}", entry.file_name().to_string_lossy()), fs::read_to_string(entry.path())?);
    }
    let versions = VERSIONS.iter().map(|version| document(version.name)).collect::<Result<_, _>>()?;
    let files = VERSIONS.iter().map(|version| format!("zen/agent/{}/agent.proto", version.name));
    let messages = Compiler::new([contracts.join("proto")])?.open_files(files)?.descriptor_pool();
    Ok(Contracts { versions, payloads, messages, saas: document("saas")? })
}

/// Writes what was made for the compiler.
pub(crate) fn write(made: &BTreeMap<String, String>) -> Result<(), Box<dyn Error>> {
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    // What a former generator made would be taken for what this one makes.
    for former in fs::read_dir(&out)? {
        fs::remove_file(former?.path())?;
    }
    for (name, text) in made {
        fs::write(Path::new(&out).join(name), text)?;
    }
    Ok(())
}
