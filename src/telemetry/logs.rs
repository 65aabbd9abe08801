//! Logs: JSON for machines or text for people, on standard error; standard output is for answers.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use crate::config::{LogConfig, LogFormat};

/// Installs the process-wide subscriber; a second call changes nothing.
pub fn init(config: &LogConfig) {
    // poem's own lines say nothing that ours do not; a filter that names it brings them back.
    let filter = EnvFilter::try_new(format!("poem=warn,{}", config.filter)).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let installed = match config.format {
        LogFormat::Json => registry.with(fmt::layer().json().flatten_event(true).with_writer(io::stderr)).try_init(),
        LogFormat::Pretty => registry.with(fmt::layer().compact().with_ansi(io::stderr().is_terminal()).with_writer(io::stderr)).try_init(),
    };
    if installed.is_err() {
        tracing::debug!("a subscriber was installed before");
    }
}
