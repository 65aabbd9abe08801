//! Logs: JSON for machines or text for people, on standard error; standard output is for answers.

use std::{
    fmt,
    io::{self, IsTerminal},
    str::FromStr,
};

use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt as layer, prelude::*};

/// How logs look.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// What is logged.
    pub filter: LogFilter,
    /// JSON for machines, text for people.
    pub format: LogFormat,
}

/// A `tracing` filter, such as `info` or `warn,zen_agent=debug`.
#[derive(Debug, Clone)]
pub struct LogFilter(String);

impl FromStr for LogFilter {
    type Err = NotALogFilter;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // To `tracing` a bare word is a module, so that a mistyped level would silence everything.
        let is_level = |part: &str| part.parse::<LevelFilter>().is_ok() && !part.is_empty();
        let each_says_a_level = text.split(',').all(|part| is_level(part.trim()) || part.contains('='));
        if each_says_a_level && text.parse::<EnvFilter>().is_ok() { Ok(Self(text.to_owned())) } else { Err(NotALogFilter) }
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no filter of logs.
#[derive(Debug, thiserror::Error)]
#[error("use error, warn, info, debug, trace or off, alone or for a module, such as warn,zen_agent=debug")]
pub struct NotALogFilter;

/// A form of logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text for a terminal.
    Pretty,
}

impl FromStr for LogFormat {
    type Err = NotALogFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "pretty" => Ok(Self::Pretty),
            _ => Err(NotALogFormat),
        }
    }
}

/// The text is no form of logs.
#[derive(Debug, thiserror::Error)]
#[error("use json or pretty")]
pub struct NotALogFormat;

/// Installs the process-wide subscriber; a second call changes nothing.
pub fn init(config: &LogConfig) {
    // poem's own lines say nothing that ours do not; a filter that names it brings them back.
    let filter = EnvFilter::try_new(format!("poem=warn,{}", config.filter)).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let installed = match config.format {
        LogFormat::Json => registry.with(layer::layer().json().flatten_event(true).with_writer(io::stderr)).try_init(),
        LogFormat::Pretty => {
            registry.with(layer::layer().compact().with_ansi(io::stderr().is_terminal()).with_writer(io::stderr)).try_init()
        }
    };
    if installed.is_err() {
        tracing::debug!("a subscriber was installed before");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_level_is_refused() {
        for good in ["info", "off", "WARN", "warn,zen_agent=debug", "zen_agent::serve=trace", "info,[span{a=1}]=debug"] {
            assert!(good.parse::<LogFilter>().is_ok(), "{good}");
        }
        for bad in ["", "inof", "verbose", "info,zen_agent", "zen_agent=loud", "info,", "=,"] {
            assert!(bad.parse::<LogFilter>().is_err(), "{bad}");
        }
    }
}
