//! `contracts/proto` says what the contracts say, and a body in Protocol Buffers is the JSON that it stands for.

#[path = "proto/convert.rs"]
mod convert;
#[path = "proto/mirror.rs"]
mod mirror;
#[path = "proto/roundtrip.rs"]
mod roundtrip;
#[path = "proto/wire.rs"]
mod wire;

use std::{collections::BTreeMap, fs, path::Path};

use protox::{
    Compiler, Error,
    file::{ChainFileResolver, File, FileResolver, GoogleFileResolver},
    prost_reflect::DescriptorPool,
};

const FILES: [&str; 3] = ["zen/agent/v0/agent.proto", "zen/agent/v0/value.proto", "zen/agent/v1alpha1/agent.proto"];

/// Files by their names.
struct Texts(BTreeMap<&'static str, String>);

impl FileResolver for Texts {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        self.0.get(name).map_or_else(|| Err(Error::file_not_found(name)), |text| File::from_source(name, text))
    }
}

fn texts() -> BTreeMap<&'static str, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts/proto");
    FILES.iter().map(|name| (*name, fs::read_to_string(folder.join(name)).unwrap())).collect()
}

fn compiled(texts: BTreeMap<&'static str, String>) -> DescriptorPool {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Texts(texts));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(FILES).unwrap_or_else(|error| panic!("{error}"));
    compiler.descriptor_pool()
}
