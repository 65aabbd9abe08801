//! A [`Breaker`] that tasks share, shown as a metric, and on which others can wait.

pub mod kubernetes;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus::IntGauge;
use tokio::{sync::watch, time::Instant};

use crate::breaker::{Admission, Breaker, Permit, State, Temper};

/// The circuit of one dependency, or of one action. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Circuit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    breaker: Mutex<Breaker>,
    state: watch::Sender<State>,
    gauge: IntGauge,
}

impl Circuit {
    /// One that is closed, and shown by this gauge.
    pub fn new(temper: Temper, gauge: IntGauge) -> Self {
        gauge.set(State::Closed.value());
        Self(Arc::new(Inner { breaker: Mutex::new(Breaker::new(temper)), state: watch::Sender::new(State::Closed), gauge }))
    }

    /// An attempt, if one may be made now, or else how long to wait.
    ///
    /// # Errors
    /// The time before which none may be made.
    pub fn attempt(&self) -> Result<Attempt, Duration> {
        match self.with(Breaker::admit) {
            Admission::Go(permit) => Ok(Attempt { circuit: self.clone(), permit: Some(permit) }),
            Admission::Wait(wait) => Err(wait),
        }
    }

    /// The dependency asks to be left alone for so long.
    pub fn pause(&self, wait: Duration) {
        self.with(|breaker, now| breaker.pause(now, wait));
    }

    /// Closes it, whatever was.
    pub fn reset(&self) {
        self.with(|breaker, _| breaker.reset());
    }

    /// Until when nothing is tried; see [`Breaker::open_until`].
    pub fn open_until(&self) -> Option<Instant> {
        self.with(|breaker, _| breaker.open_until()).map(Instant::from_std)
    }

    /// How it stands, and comes to stand.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.0.state.subscribe()
    }

    fn with<R>(&self, use_it: impl FnOnce(&mut Breaker, std::time::Instant) -> R) -> R {
        let mut breaker = self.0.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let result = use_it(&mut breaker, Instant::now().into_std());
        let state = breaker.state();
        // Under the lock, or an older state could be shown after a newer one.
        self.0.state.send_if_modified(|shown| std::mem::replace(shown, state) != state);
        self.0.gauge.set(state.value());
        result
    }
}

/// An attempt under way. One that is dropped says nothing, and the next may be made in its place.
#[derive(Debug)]
#[must_use = "what became of the attempt has to be told"]
pub struct Attempt {
    circuit: Circuit,
    permit: Option<Permit>,
}

impl Attempt {
    /// It succeeded.
    pub fn succeeded(mut self) {
        if let Some(permit) = self.permit.take() {
            self.circuit.with(|breaker, _| breaker.succeeded(permit));
        }
    }

    /// It failed.
    pub fn failed(mut self) {
        if let Some(permit) = self.permit.take() {
            self.circuit.with(|breaker, now| breaker.failed(permit, now));
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.circuit.with(|breaker, _| breaker.abandoned(permit));
        }
    }
}
