//! Generates code from the contracts.
fn main() {}
