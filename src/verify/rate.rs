//! A token bucket for each client certificate.

use std::num::NonZeroU32;

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::keyed::HashMapStateStore,
};

use super::PeerIdentity;
use crate::problem::{Code, Problem};

/// Above this number of certificates, those that have been quiet are forgotten.
const MANY: usize = 10_000;

/// Requests a second, with a burst of one second's worth.
pub(super) struct Rates {
    limiter: RateLimiter<[u8; 32], HashMapStateStore<[u8; 32]>, DefaultClock>,
    clock: DefaultClock,
}

impl Rates {
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        Self { limiter: RateLimiter::hashmap(Quota::per_second(per_second)), clock: DefaultClock::default() }
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
