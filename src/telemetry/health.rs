//! Health: what must be true to be ready, and what must move to be alive.
//!
//! Readiness is a list of conditions, each false until the part that owns it says otherwise.
//! What is degraded keeps an agent from nothing, and is told beside it; a forwarder needs its spool to be ready.
//! Liveness is a list of heartbeats: a loop beats when it makes progress, and one that has been
//! silent for longer than it may be makes the process unhealthy.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::heartbeat::Heartbeat;

/// A condition of readiness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ready {
    /// The API listener accepts connections.
    Api,
    /// The informer has seen every remediation once.
    Cache,
    /// The Kubernetes API answers.
    Kubernetes,
    /// The server's certificate is valid now.
    Certificates,
}

impl Ready {
    const ALL: [Self; 4] = [Self::Api, Self::Cache, Self::Kubernetes, Self::Certificates];

    /// The condition's name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Cache => "cache",
            Self::Kubernetes => "kubernetes",
            Self::Certificates => "certificates",
        }
    }
}

/// What works less well than it should, and keeps no agent from being ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Degraded {
    /// The policy file cannot be used.
    Policy,
    /// The SaaS keeps failing, and is left alone.
    Saas,
    /// What is to be told to the SaaS cannot be kept on disk.
    SaasSpool,
    /// What the tools give to a forwarder cannot be kept on disk.
    ForwardSpool,
    /// Which reports a forwarder has taken cannot be kept on disk.
    ForwardReports,
}

impl Degraded {
    /// Its name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Saas => "saas",
            Self::SaasSpool => "saas_spool",
            Self::ForwardSpool => "forward_spool",
            Self::ForwardReports => "forward_reports",
        }
    }
}

/// The health of the process. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Health {
    started: Instant,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Why a condition does not hold; absent when it holds.
    unready: BTreeMap<Ready, String>,
    /// Of what there is: why it works less well, if it does.
    degraded: BTreeMap<Degraded, Option<&'static str>>,
    /// By a number of its own.
    heartbeats: BTreeMap<u64, Watched>,
    watched: u64,
}

#[derive(Debug)]
struct Watched {
    name: &'static str,
    heartbeat: Heartbeat,
    silence: Duration,
}

/// A loop is watched, until this is dropped.
#[derive(Debug)]
#[must_use = "dropped, it ends the watch"]
pub struct Watching {
    state: Arc<Mutex<State>>,
    number: u64,
}

impl Drop for Watching {
    fn drop(&mut self) {
        lock(&self.state).heartbeats.remove(&self.number);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Nothing panics while it holds the lock, and a poisoned health would still be the truth.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Health {
    fn default() -> Self {
        let unready = Ready::ALL.into_iter().map(|condition| (condition, "not yet".to_owned())).collect();
        let state = State { unready, ..State::default() };
        Self { started: Instant::now(), state: Arc::new(Mutex::new(state)) }
    }
}

impl Health {
    /// Says that a condition holds, or why it does not.
    pub fn set(&self, condition: Ready, holds: Result<(), String>) {
        match holds {
            Ok(()) => lock(&self.state).unready.remove(&condition),
            Err(why) => lock(&self.state).unready.insert(condition, why),
        };
    }

    /// Says what works less well and why, or that it is well.
    pub fn degraded(&self, what: Degraded, why: Option<&'static str>) {
        lock(&self.state).degraded.insert(what, why);
    }

    /// All that works less well, and why.
    pub fn degradations(&self) -> BTreeMap<&'static str, &'static str> {
        lock(&self.state).degraded.iter().filter_map(|(what, why)| Some((what.as_str(), (*why)?))).collect()
    }

    /// Whether there is a SaaS to tell, and whether telling it works.
    pub fn saas(&self) -> Option<bool> {
        let state = lock(&self.state);
        let is_well = |what| state.degraded.get(&what).is_none_or(Option::is_none);
        state.degraded.contains_key(&Degraded::Saas).then(|| is_well(Degraded::Saas) && is_well(Degraded::SaasSpool))
    }

    /// Watches a loop, which is stuck when it is silent for longer than `silence` from now on.
    pub fn watch(&self, name: &'static str, heartbeat: &Heartbeat, silence: Duration) -> Watching {
        heartbeat.beat();
        let mut state = lock(&self.state);
        state.watched += 1;
        let number = state.watched;
        state.heartbeats.insert(number, Watched { name, heartbeat: heartbeat.clone(), silence });
        Watching { state: Arc::clone(&self.state), number }
    }

    /// Every condition of readiness, with the reason of those that do not hold.
    pub fn readiness(&self) -> BTreeMap<&'static str, Option<String>> {
        let state = lock(&self.state);
        Ready::ALL.into_iter().map(|condition| (condition.as_str(), state.unready.get(&condition).cloned())).collect()
    }

    /// The loops that have been silent for too long, each name once.
    pub fn stuck(&self) -> BTreeSet<&'static str> {
        let state = lock(&self.state);
        state.heartbeats.values().filter(|beat| beat.heartbeat.age() > beat.silence).map(|beat| beat.name).collect()
    }

    /// Time since the process started.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_ready_until_every_part_says_so() {
        let health = Health::default();
        for condition in Ready::ALL {
            assert!(health.readiness().values().any(Option::is_some));
            health.set(condition, Ok(()));
        }
        assert!(health.readiness().values().all(Option::is_none));
        health.set(Ready::Kubernetes, Err("connection refused".to_owned()));
        assert_eq!(health.readiness()["kubernetes"].as_deref(), Some("connection refused"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_loop_is_stuck_until_it_beats_or_is_watched_no_more() {
        let (health, heartbeats) = (Health::default(), [Heartbeat::new(), Heartbeat::new()]);
        let watching = heartbeats.each_ref().map(|heartbeat| health.watch("workers", heartbeat, Duration::from_secs(30)));
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(health.stuck(), ["workers"].into());
        heartbeats[0].beat();
        assert_eq!(health.stuck(), ["workers"].into(), "the other one is still silent");
        heartbeats[1].beat();
        assert!(health.stuck().is_empty());
        tokio::time::advance(Duration::from_secs(31)).await;
        drop(watching);
        assert!(health.stuck().is_empty());
    }
}
