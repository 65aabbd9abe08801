//! A token bucket for each client certificate.

use std::{num::NonZeroU32, time::Duration};

use governor::{Quota, RateLimiter, clock::Clock, middleware::NoOpMiddleware, state::keyed::HashMapStateStore};
use tokio::time::Instant;

use super::PeerIdentity;
use crate::problem::{Code, Problem};

/// Above this number of certificates, those that have been quiet are forgotten.
const MANY: usize = 10_000;

/// Requests a second, with a burst of one second's worth.
pub(super) struct Rates {
    limiter: RateLimiter<[u8; 32], HashMapStateStore<[u8; 32]>, SinceStart, NoOpMiddleware<Duration>>,
    clock: SinceStart,
}

/// Tokio's clock, so that tests can turn it.
#[derive(Clone)]
struct SinceStart(Instant);

impl Clock for SinceStart {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

impl Rates {
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        let clock = SinceStart(Instant::now());
        Self { limiter: RateLimiter::new(Quota::per_second(per_second), HashMapStateStore::default(), clock.clone()), clock }
    }

    pub(super) fn check(&self, peer: &PeerIdentity) -> Result<(), Problem> {
        if self.limiter.len() > MANY {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&peer.fingerprint).map_err(|until| {
            Problem::new(Code::RateLimited, "This certificate has sent too many requests")
                .retry_after(until.wait_time_from(self.clock.now()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(byte: u8) -> PeerIdentity {
        PeerIdentity { cluster: None, tenant: None, fingerprint: [byte; 32] }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_as_long_as_told_is_let_in_and_nobody_else_waits() {
        let rates = Rates::new(NonZeroU32::MIN.saturating_add(1));
        assert!(rates.check(&peer(1)).is_ok());
        assert!(rates.check(&peer(1)).is_ok(), "the burst is one second's worth");
        let wait = rates.check(&peer(1)).err().and_then(|problem| problem.retry_after);
        assert_eq!(wait, Some(Duration::from_millis(500)));
        assert!(rates.check(&peer(2)).is_ok(), "another certificate has its own bucket");

        tokio::time::advance(Duration::from_millis(499)).await;
        assert!(rates.check(&peer(1)).is_err());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(rates.check(&peer(1)).is_ok());
    }
}
