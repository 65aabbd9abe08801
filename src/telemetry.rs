//! What operators see: metrics, logs, health.

pub mod metrics;

pub use metrics::Metrics;
