//! What commands read: a file, or standard input.

use std::{io::Read as _, path::Path};

use super::Failure;

/// All of a file; of standard input where its name is `-`.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let text = if file == Path::new("-") {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text).map(|_| text)
    } else {
        std::fs::read(file)
    };
    text.map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))
}
