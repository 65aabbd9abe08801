//! The `zen-agent` binary.
fn main() {}
