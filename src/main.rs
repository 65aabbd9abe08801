//! The `zen-agent` binary; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    zen_agent::cli::main()
}
