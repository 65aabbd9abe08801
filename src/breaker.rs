//! A circuit breaker: a dependency that keeps failing is left alone for a while, then asked once.
//!
//! ```text
//!             failures in a row                  its time is over
//!   closed ─────────────────────▶ open ───────────────────────────▶ half-open: one call is let through
//!     ▲                            ▲                                   │        │
//!     │                            └── it failed: open, twice as long ─┘        │
//!     └───────────────────────────────────────────────── it succeeded ──────────┘
//! ```
//!
//! It is pure: whoever drives it says what time it is, and shows the state.

use std::time::{Duration, Instant};

/// Failures in a row that open it.
const FAILURES: u32 = 5;
/// How long it is open at first, and at most.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(120);

/// What the breaker says of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may be made; what becomes of it has to be told.
    Go,
    /// Not before this time has passed.
    Wait(Duration),
}

/// Where the breaker stands, as the metric shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Calls are made.
    Closed,
    /// One call is made, to see.
    HalfOpen,
    /// No call is made.
    Open,
}

impl State {
    /// The value of the metric: 0, 1, 2.
    pub const fn value(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

/// The breaker of one dependency.
#[derive(Debug, Default)]
pub struct Breaker {
    /// In a row, while it is closed.
    failures: u32,
    open: Option<Open>,
    /// Asked for by the dependency, whatever the breaker says.
    paused: Option<Instant>,
}

#[derive(Debug)]
struct Open {
    until: Instant,
    lasts: Duration,
    /// When the one call was let through, if it is under way.
    probed: Option<Instant>,
}

impl Breaker {
    /// Where it stands.
    pub const fn state(&self) -> State {
        match &self.open {
            None => State::Closed,
            Some(Open { probed: Some(_), .. }) => State::HalfOpen,
            Some(Open { probed: None, .. }) => State::Open,
        }
    }

    /// Whether a call may be made now.
    pub fn admit(&mut self, now: Instant) -> Admission {
        if let Some(until) = self.paused.filter(|until| *until > now) {
            return Admission::Wait(until - now);
        }
        let Some(open) = &mut self.open else { return Admission::Go };
        // A probe of which nobody tells what became of it, since its caller is gone, holds nobody up for ever.
        let under_way = open.probed.is_some_and(|at| now.saturating_duration_since(at) < LONGEST);
        if open.until > now {
            return Admission::Wait(open.until - now);
        }
        if under_way {
            return Admission::Wait(FIRST);
        }
        open.probed = Some(now);
        Admission::Go
    }

    /// A call was answered.
    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.open = None;
    }

    /// A call was not answered, or by a failure.
    pub fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        match &mut self.open {
            Some(open) if open.probed.is_some() => {
                let lasts = open.lasts.saturating_mul(2).min(LONGEST);
                *open = Open { until: now + lasts, lasts, probed: None };
            }
            // Of a call that began before it opened.
            Some(_) => {}
            None if self.failures >= FAILURES => self.open = Some(Open { until: now + FIRST, lasts: FIRST, probed: None }),
            None => {}
        }
    }

    /// The dependency asks to be left alone for so long.
    pub fn pause(&mut self, now: Instant, wait: Duration) {
        let until = now + wait;
        if self.paused.is_none_or(|paused| paused < until) {
            self.paused = Some(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES {
            assert_eq!(breaker.admit(now), Admission::Go);
            breaker.failed(now);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_among_them_does_not() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES * 2 {
            breaker.failed(now);
            breaker.succeeded();
        }
        assert_eq!((breaker.state(), breaker.admit(now)), (State::Closed, Admission::Go));
        let mut breaker = opened(now);
        assert_eq!((breaker.state(), breaker.admit(now)), (State::Open, Admission::Wait(FIRST)));
    }

    #[test]
    fn when_its_time_is_over_one_call_shows_whether_it_closes() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + FIRST;
        assert_eq!((breaker.admit(later), breaker.state()), (Admission::Go, State::HalfOpen));
        assert!(matches!(breaker.admit(later), Admission::Wait(_)), "one, not more");
        breaker.failed(later);
        assert_eq!((breaker.state(), breaker.admit(later)), (State::Open, Admission::Wait(FIRST * 2)), "twice as long");
        let later = later + FIRST * 2;
        assert_eq!(breaker.admit(later), Admission::Go);
        breaker.succeeded();
        assert_eq!((breaker.state(), breaker.admit(later)), (State::Closed, Admission::Go));
    }

    #[test]
    fn it_is_never_open_for_longer_than_the_longest_time_nor_held_up_by_a_probe_that_is_lost() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        for _ in 0..20 {
            let Admission::Wait(wait) = breaker.admit(now) else { unreachable!("it is open") };
            assert!(wait <= LONGEST);
            now += wait;
            assert_eq!(breaker.admit(now), Admission::Go);
            breaker.failed(now);
        }
        now += LONGEST;
        assert_eq!(breaker.admit(now), Admission::Go);
        assert_eq!(breaker.admit(now + LONGEST), Admission::Go, "nobody told of the first");
    }

    #[test]
    fn a_pause_holds_as_long_as_was_asked_for_and_a_shorter_one_does_not_end_it() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        breaker.pause(now, Duration::from_secs(30));
        breaker.pause(now, Duration::from_secs(1));
        breaker.succeeded();
        assert_eq!(breaker.admit(now), Admission::Wait(Duration::from_secs(30)));
        assert_eq!(breaker.admit(now + Duration::from_secs(30)), Admission::Go);
    }
}
