//! The agent's generator makes both sides of the contracts (`build/codegen.rs`); this crate takes the client's.

#[path = "../../build/codegen.rs"]
mod codegen;
#[path = "../../build/files.rs"]
mod files;

use std::{error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let contracts = files::read(Path::new("../.."))?;
    let made = codegen::generate(&contracts).map_err(|stop| format!("the contracts cannot be generated from: {stop}"))?;
    files::write(&made)
}
