//! Turns the contracts into what compiles: steps only, the work is in `build/codegen.rs`.

#[path = "build/codegen.rs"]
mod codegen;

use std::{collections::BTreeMap, env, error::Error, fs, path::Path};

use protox::Compiler;

fn main() -> Result<(), Box<dyn Error>> {
    for watched in ["build.rs", "build", "contracts"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    // 1. Read what people wrote.
    let contracts = Path::new("contracts");
    let versions =
        codegen::VERSIONS.iter().map(|v| fs::read_to_string(contracts.join(v.name).join("openapi.yaml"))).collect::<Result<Vec<_>, _>>()?;
    let mut payloads = BTreeMap::new();
    for entry in fs::read_dir(contracts.join("agent"))? {
        let entry = entry?;
        payloads.insert(format!("../agent/{}", entry.file_name().to_string_lossy()), fs::read_to_string(entry.path())?);
    }
    let saas = fs::read_to_string(contracts.join("saas").join("openapi.yaml"))?;
    let protos = codegen::VERSIONS.iter().map(|v| format!("zen/agent/{}/agent.proto", v.name));
    let pool = Compiler::new([contracts.join("proto")])?.open_files(protos)?.descriptor_pool();
    // 2. Turn it into Rust and documents.
    let files =
        codegen::generate(&versions, &payloads, &pool, &saas).map_err(|stop| format!("the contracts cannot be generated from: {stop}"))?;
    // 3. Write that for the compiler; tests/contract.rs compares it with `generated/`.
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    for (name, text) in files {
        fs::write(Path::new(&out).join(name), text)?;
    }
    Ok(())
}
