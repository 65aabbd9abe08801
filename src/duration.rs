//! tmp
use std::time::Duration;
/// tmp
/// # Errors
/// tmp
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    text.trim_end_matches('s').parse().map(Duration::from_secs).map_err(|e| e.to_string())
}
