//! Whether a connection is used.

use std::time::Duration;

use tokio::{sync::watch, time::timeout};

/// Counts the requests of one connection.
pub(crate) struct Activity(watch::Sender<Requests>);

#[derive(Clone, Copy, Default)]
struct Requests {
    under_way: usize,
    begun: bool,
}

/// Why a connection is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quiet {
    /// No request ever came.
    Unused,
    /// None came for long.
    Idle,
}

/// A request under way; dropping it ends it.
pub(crate) struct InFlight(watch::Sender<Requests>);

impl Activity {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Requests::default()))
    }

    pub(crate) fn begin(&self) -> InFlight {
        self.0.send_modify(|requests| *requests = Requests { under_way: requests.under_way + 1, begun: true });
        InFlight(self.0.clone())
    }

    /// Ends when there was no request within `first` of the call, or later none for `idle`.
    pub(crate) async fn quiet(&self, first: Duration, idle: Duration) -> Quiet {
        let mut seen = self.0.subscribe();
        if timeout(first, seen.wait_for(|requests| requests.begun)).await.is_err() {
            return Quiet::Unused;
        }
        // `wait_for` fails only without a sender, and `self` holds one.
        while seen.wait_for(|requests| requests.under_way == 0).await.is_ok() {
            // Any change is a request that came, even if it has ended by now.
            if timeout(idle, seen.changed()).await.is_err() {
                return Quiet::Idle;
            }
        }
        Quiet::Idle
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.send_modify(|requests| requests.under_way -= 1);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, advance};

    use super::*;

    const FIRST: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_request_is_unused() {
        let begun = Instant::now();
        assert_eq!(Activity::new().quiet(FIRST, IDLE).await, Quiet::Unused);
        assert_eq!(begun.elapsed(), FIRST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_under_way_keeps_a_connection_however_long_it_takes() {
        let activity = Activity::new();
        let request = activity.begin();
        let hour = Duration::from_secs(3_600);
        assert!(timeout(hour, activity.quiet(FIRST, IDLE)).await.is_err());
        drop(request);
        let ended = Instant::now();
        assert_eq!(activity.quiet(FIRST, IDLE).await, Quiet::Idle);
        assert_eq!(ended.elapsed(), IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn each_request_starts_the_idle_time_anew() {
        let activity = Activity::new();
        drop(activity.begin());
        let begun = Instant::now();
        let requests = async {
            for _ in 0..3 {
                advance(IDLE / 2).await;
                drop(activity.begin());
            }
            std::future::pending::<()>().await;
        };
        let quiet = tokio::select! {
            quiet = activity.quiet(FIRST, IDLE) => quiet,
            () = requests => unreachable!("it waits for ever"),
        };
        assert_eq!((quiet, begun.elapsed()), (Quiet::Idle, IDLE / 2 * 3 + IDLE));
    }
}
