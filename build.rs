//! Turns the contracts into what compiles: steps only, the work is in `build/codegen.rs`.

#[path = "build/codegen.rs"]
mod codegen;
#[path = "build/files.rs"]
mod files;

use std::{error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    // 1. Read what people wrote.
    let contracts = files::read(Path::new("."))?;
    // 2. Turn it into Rust and documents.
    let made = codegen::generate(&contracts).map_err(|stop| format!("the contracts cannot be generated from: {stop}"))?;
    // 3. Write that for the compiler; tests/contract.rs compares it with `generated/`.
    files::write(&made)
}
