//! What operators see: metrics, logs, health.

pub mod health;
pub mod logs;
pub mod metrics;

pub use health::{Degraded, Health};
pub use metrics::Metrics;
