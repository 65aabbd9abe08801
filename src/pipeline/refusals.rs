//! When a refusal (403) is to be believed.
//!
//! An API server that has just started may answer before it has read its roles, and then forbids everything for
//! some seconds (kubernetes#101422, #121635); a permission that is being granted looks the same. So a refusal ends
//! a remediation only after it was met again and again for [`PATIENCE`]:
//!
//! ```text
//!   plan, claim ── Held=True Forbidden, asked again ──┐ granted: goes on
//!   execute ────── tried again, attempts counted ─────┤ refused for PATIENCE: ends, with the reason Forbidden
//!   validate ────── looked at again ──────────────────┘
//!   rollback ────── tried again like after any other error, up to its attempts
//! ```
//!
//! The time is kept in memory, by this process's own clock: the next leader begins to count anew.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long a refusal must last; a kube-apiserver that starts takes some seconds to read its roles.
const PATIENCE: Duration = Duration::from_secs(30);
/// It is asked again soon at first, then more rarely.
const SHORTEST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// When remediations began to be refused, by their uid.
#[derive(Default)]
pub(super) struct Refusals(Mutex<HashMap<String, Instant>>);

impl Refusals {
    /// Notes a refusal: when to ask again; `None` once it is to be believed.
    pub(super) fn again(&self, uid: &str) -> Option<Duration> {
        let since = self.began().entry(uid.to_owned()).or_insert_with(Instant::now).elapsed();
        let left = PATIENCE.checked_sub(since).filter(|left| !left.is_zero())?;
        Some((since / 2).clamp(SHORTEST_WAIT, LONGEST_WAIT).min(left))
    }

    /// It is not refused any more, or is over.
    pub(super) fn forget(&self, uid: &str) {
        self.began().remove(uid);
    }

    fn began(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_asked_again_more_and_more_rarely_and_believed_in_the_end() {
        let (refusals, begun) = (Refusals::default(), Instant::now());
        let mut asked = 0;
        while let Some(wait) = refusals.again("a") {
            assert!((SHORTEST_WAIT..=LONGEST_WAIT).contains(&wait) || begun.elapsed() + wait == PATIENCE, "{wait:?}");
            asked += 1;
            tokio::time::advance(wait).await;
        }
        assert!(begun.elapsed() == PATIENCE && (8..16).contains(&asked), "{asked} times in {:?}", begun.elapsed());
        assert_eq!(refusals.again("b"), Some(SHORTEST_WAIT), "each remediation has its own time");
        refusals.forget("a");
        assert_eq!(refusals.again("a"), Some(SHORTEST_WAIT), "what was granted in between counts anew");
    }
}
