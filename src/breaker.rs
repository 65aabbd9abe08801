//! A circuit breaker: what keeps failing is left alone for a while, then tried once.
//!
//! ```text
//!             failures in a row, in a time          its time is over
//!   closed ────────────────────────────────▶ open ────────────────────▶ half-open: one attempt is let through
//!     ▲                                       ▲                            │        │
//!     │                                       └── it failed: twice as long ┘        │
//!     └───────────────────────────────────────────────────────── it succeeded ──────┘
//! ```
//!
//! Each attempt has a [`Permit`]. Its outcome counts only if the breaker has not changed its state since the attempt was admitted: so
//! a late answer neither opens nor closes it, and half-open only the trial counts.
//!
//! Half-open begins with the next attempt, not when the time is over; one that is dropped leaves its place to the next. A
//! dependency may also ask to be left alone for a while (`pause`), however it stands.
//!
//! There are three kinds, each a [`circuit`](crate::circuit) that is shared and has a metric: of the Kubernetes API, which refuses
//! nothing and holds up the workers (`circuit::kubernetes`); of the SaaS (`saas`); and of each action (`pipeline`'s circuits).
//! The guardrail `shortCircuit` is another thing: it counts what fails, whatever it is, and asks for a person.
//!
//! It is pure: whoever drives it says what time it is, and shows the state ([`crate::circuit`]).

use std::time::{Duration, Instant};

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Temper {
    /// Failures in a row that open it.
    pub failures: usize,
    /// Failures that are longer ago do not count.
    pub window: Duration,
    /// How long it is open at first, and at most.
    pub first: Duration,
    /// See `first`; also how long an attempt is waited for of which nobody says what became of it.
    pub longest: Duration,
}

/// What the breaker says of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may be made; what becomes of it has to be told.
    Go(Permit),
    /// Not before this time has passed.
    Wait(Duration),
}

/// An attempt that was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "what became of the attempt has to be told"]
pub struct Permit {
    /// The breaker's, when it was admitted.
    generation: u64,
}

/// Where the breaker stands, as the metric shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Attempts are made.
    Closed,
    /// One attempt is made, to see.
    HalfOpen,
    /// No attempt is made.
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

/// The breaker of one dependency, or of one action.
#[derive(Debug)]
pub struct Breaker {
    temper: Temper,
    /// Raised whenever it comes to stand elsewhere.
    generation: u64,
    /// In a row, while it is closed.
    failures: Vec<Instant>,
    open: Option<Open>,
    /// Asked for by the dependency, whatever the breaker says.
    paused: Option<Instant>,
}

#[derive(Debug)]
struct Open {
    until: Instant,
    lasts: Duration,
    /// When the one attempt was let through, if it is under way.
    tried: Option<Instant>,
}

impl Breaker {
    /// One that is closed.
    pub const fn new(temper: Temper) -> Self {
        Self { temper, generation: 0, failures: Vec::new(), open: None, paused: None }
    }

    /// Where it stands.
    pub const fn state(&self) -> State {
        match &self.open {
            None => State::Closed,
            Some(Open { tried: Some(_), .. }) => State::HalfOpen,
            Some(Open { tried: None, .. }) => State::Open,
        }
    }

    /// Until when nothing is tried, or was before the attempt that is under way.
    pub fn open_until(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.until)
    }

    /// Whether an attempt may be made now.
    pub fn admit(&mut self, now: Instant) -> Admission {
        if let Some(until) = self.paused.filter(|until| *until > now) {
            return Admission::Wait(until - now);
        }
        if let Some(open) = &mut self.open {
            if open.until > now {
                return Admission::Wait(open.until - now);
            }
            // One of which nobody says what became of it, since its caller is gone, holds nobody up for ever.
            if open.tried.is_some_and(|at| now.saturating_duration_since(at) < self.temper.longest) {
                return Admission::Wait(self.temper.first);
            }
            open.tried = Some(now);
            self.generation += 1;
        }
        Admission::Go(Permit { generation: self.generation })
    }

    /// The attempt succeeded.
    pub fn succeeded(&mut self, permit: Permit) {
        if permit.generation != self.generation {
            return;
        }
        self.failures.clear();
        if self.open.take().is_some() {
            self.generation += 1;
        }
    }

    /// The attempt failed.
    pub fn failed(&mut self, permit: Permit, now: Instant) {
        if permit.generation != self.generation {
            return;
        }
        let lasts = match &self.open {
            Some(open) => open.lasts.saturating_mul(2).min(self.temper.longest),
            None => {
                self.failures.retain(|at| now.saturating_duration_since(*at) < self.temper.window);
                self.failures.push(now);
                if self.failures.len() < self.temper.failures {
                    return;
                }
                self.temper.first
            }
        };
        self.failures.clear();
        self.generation += 1;
        self.open = Some(Open { until: now + lasts, lasts, tried: None });
    }

    /// The attempt came to nothing that says anything: the next one may be made in its place.
    pub fn abandoned(&mut self, permit: Permit) {
        if let Some(open) = self.open.as_mut().filter(|_| permit.generation == self.generation) {
            open.tried = None;
            self.generation += 1;
        }
    }

    /// The dependency asks to be left alone for so long.
    pub fn pause(&mut self, now: Instant, wait: Duration) {
        let until = now + wait;
        if self.paused.is_none_or(|paused| paused < until) {
            self.paused = Some(until);
        }
    }

    /// Forgets what was, but for the attempts that are under way, which do not count any more.
    pub fn reset(&mut self) {
        *self = Self { generation: self.generation + 1, ..Self::new(self.temper) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(5);
    const LONGEST: Duration = Duration::from_secs(120);
    const WINDOW: Duration = Duration::from_secs(300);

    fn closed() -> Breaker {
        Breaker::new(Temper { failures: 5, window: WINDOW, first: FIRST, longest: LONGEST })
    }

    fn admitted(breaker: &mut Breaker, now: Instant) -> Permit {
        let Admission::Go(permit) = breaker.admit(now) else { unreachable!("it is {:?}", breaker.state()) };
        permit
    }

    fn opened(now: Instant) -> Breaker {
        let mut breaker = closed();
        for _ in 0..5 {
            let permit = admitted(&mut breaker, now);
            breaker.failed(permit, now);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_among_them_does_not() {
        let now = Instant::now();
        let mut breaker = closed();
        for _ in 0..10 {
            let permit = admitted(&mut breaker, now);
            breaker.failed(permit, now);
            breaker.succeeded(permit);
        }
        assert_eq!(breaker.state(), State::Closed);
        let mut breaker = opened(now);
        assert_eq!((breaker.state(), breaker.admit(now)), (State::Open, Admission::Wait(FIRST)));
    }

    #[test]
    fn failures_that_are_long_ago_do_not_count() {
        let mut now = Instant::now();
        let mut breaker = closed();
        for _ in 0..20 {
            let permit = admitted(&mut breaker, now);
            breaker.failed(permit, now);
            now += WINDOW / 4;
        }
        assert_eq!(breaker.state(), State::Closed);
    }

    #[test]
    fn when_its_time_is_over_one_attempt_shows_whether_it_closes() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + FIRST;
        let probe = admitted(&mut breaker, later);
        assert_eq!(breaker.state(), State::HalfOpen);
        assert!(matches!(breaker.admit(later), Admission::Wait(_)), "one, not more");
        breaker.failed(probe, later);
        assert_eq!((breaker.state(), breaker.admit(later)), (State::Open, Admission::Wait(FIRST * 2)), "twice as long");
        let later = later + FIRST * 2;
        let probe = admitted(&mut breaker, later);
        breaker.succeeded(probe);
        assert_eq!(breaker.state(), State::Closed);
    }

    #[test]
    fn a_late_answer_is_not_taken_for_the_probes() {
        let now = Instant::now();
        let mut breaker = closed();
        let late = [(); 3].map(|()| admitted(&mut breaker, now));
        for _ in 0..5 {
            let permit = admitted(&mut breaker, now);
            breaker.failed(permit, now);
        }
        breaker.succeeded(late[0]);
        assert_eq!(breaker.state(), State::Open, "it was sent before it opened");
        let later = now + FIRST;
        let probe = admitted(&mut breaker, later);
        breaker.succeeded(late[1]);
        breaker.failed(late[2], later);
        assert_eq!(breaker.state(), State::HalfOpen, "only the probe's answer counts");
        breaker.succeeded(probe);
        assert_eq!(breaker.state(), State::Closed);
        breaker.failed(probe, later);
        assert_eq!(breaker.state(), State::Closed, "and it counts once");
    }

    #[test]
    fn it_is_never_open_for_longer_than_the_longest_time_nor_held_up_by_a_probe_that_is_lost() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        for _ in 0..20 {
            let Admission::Wait(wait) = breaker.admit(now) else { unreachable!("it is open") };
            assert!(wait <= LONGEST);
            now += wait;
            let permit = admitted(&mut breaker, now);
            breaker.failed(permit, now);
        }
        now += LONGEST;
        let lost = admitted(&mut breaker, now);
        let next = admitted(&mut breaker, now + LONGEST);
        breaker.succeeded(lost);
        assert_eq!(breaker.state(), State::HalfOpen, "nobody waits for the first any more");
        breaker.abandoned(next);
        breaker.succeeded(next);
        assert_eq!(breaker.state(), State::Open, "one that came to nothing says nothing");
        let last = admitted(&mut breaker, now + LONGEST);
        breaker.succeeded(last);
        assert_eq!(breaker.state(), State::Closed);
    }

    #[test]
    fn a_pause_holds_as_long_as_was_asked_for_and_a_shorter_one_does_not_end_it() {
        let now = Instant::now();
        let mut breaker = closed();
        let permit = admitted(&mut breaker, now);
        breaker.pause(now, Duration::from_secs(30));
        breaker.pause(now, Duration::from_secs(1));
        breaker.succeeded(permit);
        assert_eq!(breaker.admit(now), Admission::Wait(Duration::from_secs(30)));
        _ = admitted(&mut breaker, now + Duration::from_secs(30));
    }
}
