//! The conformance suite on the embedded server.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "conformance/suite.rs"]
mod suite;
#[path = "conformance/support.rs"]
mod support;

use std::sync::OnceLock;

use embedded_kube::{EmbeddedKube, Options};
use kube::Client;

async fn connect() -> Client {
    static SERVER: OnceLock<(EmbeddedKube, tempfile::TempDir)> = OnceLock::new();
    let (kube, _) = SERVER.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        (EmbeddedKube::open(directory.path(), Options::default()).unwrap(), directory)
    });
    kube.client("default")
}
