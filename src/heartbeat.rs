//! Proof that a loop still turns: what liveness looks at.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// A loop that waits for work beats at least this often.
pub const BEAT: Duration = Duration::from_secs(5);

/// The time of the last beat. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    origin: Instant,
    /// Milliseconds since the origin.
    last: Arc<AtomicU64>,
}

impl Heartbeat {
    /// A heartbeat that beats now.
    pub fn new() -> Self {
        Self { origin: Instant::now(), last: Arc::default() }
    }

    /// Notes that the loop made progress.
    pub fn beat(&self) {
        self.last.store(self.since_origin(), Ordering::Relaxed);
    }

    /// How long ago it last beat.
    pub fn age(&self) -> Duration {
        Duration::from_millis(self.since_origin().saturating_sub(self.last.load(Ordering::Relaxed)))
    }

    fn since_origin(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self::new()
    }
}
