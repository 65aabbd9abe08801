//! What a candidate saw, and what follows from it; it has neither a clock nor a connection.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};

use super::{NAME, Timing};

/// Whose the lease is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Our name is on it.
    Ours,
    /// It is not there, released, or its holder did not renew it in time.
    Free,
    /// Another's.
    Taken,
}

pub(super) struct Elector {
    me: String,
    timing: Timing,
    /// As last seen or written.
    seen: Option<Seen>,
    /// When the renewal was sent that was acknowledged last; none when not leading.
    renewed: Option<Instant>,
}

struct Seen {
    lease: Lease,
    /// When its record was first seen to be this one.
    since: Instant,
}

impl Seen {
    fn spec(&self) -> Option<&LeaseSpec> {
        self.lease.spec.as_ref()
    }

    fn holder(&self) -> Option<&str> {
        self.spec()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
    }
}

impl Elector {
    pub(super) fn new(me: String, timing: Timing) -> Self {
        Self { me, timing, seen: None, renewed: None }
    }

    pub(super) fn me(&self) -> &str {
        &self.me
    }

    /// Whose name is on the lease.
    pub(super) fn holder(&self) -> Option<&str> {
        self.seen.as_ref()?.holder()
    }

    /// Notes what a read showed.
    pub(super) fn saw(&mut self, lease: Option<Lease>, now: Instant) {
        self.seen = lease.map(|lease| {
            let known = self.seen.take().filter(|seen| seen.lease.metadata.uid == lease.metadata.uid && seen.lease.spec == lease.spec);
            Seen { since: known.map_or(now, |known| known.since), lease }
        });
        if self.holder().is_some_and(|holder| holder != self.me) {
            self.renewed = None;
        }
    }

    /// Notes that a write of ours, sent at that time, was acknowledged.
    pub(super) fn wrote(&mut self, lease: Lease, sent: Instant) {
        self.seen = Some(Seen { lease, since: sent });
        self.renewed = Some(sent);
    }

    pub(super) fn verdict(&self, now: Instant) -> Verdict {
        let Some(seen) = &self.seen else { return Verdict::Free };
        match seen.holder() {
            None => Verdict::Free,
            Some(holder) if holder == self.me => Verdict::Ours,
            Some(_) if now.saturating_duration_since(seen.since) >= self.granted(seen) => Verdict::Free,
            Some(_) => Verdict::Taken,
        }
    }

    /// How long its holder said that it has it.
    fn granted(&self, seen: &Seen) -> Duration {
        let seconds = seen.spec().and_then(|spec| spec.lease_duration_seconds).and_then(|seconds| u64::try_from(seconds).ok());
        seconds.map_or(self.timing.duration, Duration::from_secs)
    }

    /// Until when we lead; none when we do not.
    pub(super) fn leads_until(&self, now: Instant) -> Option<Instant> {
        self.renewed.map(|sent| sent + self.timing.renew_deadline).filter(|until| now < *until)
    }

    /// The lease with our name on it; only to be written where the verdict is not [`Verdict::Taken`].
    pub(super) fn claim(&self, time: Timestamp) -> Lease {
        let former = self.seen.as_ref().and_then(Seen::spec).cloned();
        let again = former.as_ref().filter(|former| former.holder_identity.as_ref() == Some(&self.me));
        let transitions = former.as_ref().map_or(0, |former| former.lease_transitions.unwrap_or(0));
        let spec = LeaseSpec {
            holder_identity: Some(self.me.clone()),
            // The API wants whole seconds, and at least one.
            lease_duration_seconds: i32::try_from(self.timing.duration.as_secs().max(1)).ok(),
            renew_time: Some(MicroTime(time)),
            acquire_time: again.map_or(Some(MicroTime(time)), |again| again.acquire_time.clone()),
            lease_transitions: Some(if again.is_some() || former.is_none() { transitions } else { transitions.saturating_add(1) }),
            ..former.clone().unwrap_or_default()
        };
        Lease { metadata: self.metadata(), spec: Some(spec) }
    }

    /// The lease with our name taken off it, where it is on it.
    pub(super) fn release(&mut self, time: Timestamp) -> Option<Lease> {
        self.renewed = None;
        let former = self.seen.as_ref().filter(|seen| seen.holder() == Some(&self.me)).and_then(Seen::spec)?.clone();
        let spec = LeaseSpec { holder_identity: None, lease_duration_seconds: Some(1), renew_time: Some(MicroTime(time)), ..former };
        Some(Lease { metadata: self.metadata(), spec: Some(spec) })
    }

    /// That of the lease as seen, whose resourceVersion makes the write a compare-and-swap.
    fn metadata(&self) -> ObjectMeta {
        let seen = self.seen.as_ref().map(|seen| seen.lease.metadata.clone());
        seen.unwrap_or_else(|| ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    /// The one copy of the lease, as the API server keeps it.
    #[derive(Default)]
    struct Server(Option<Lease>, u64);

    impl Server {
        /// Compare and swap.
        fn write(&mut self, mut lease: Lease) -> Option<Lease> {
            let current = self.0.as_ref().and_then(|lease| lease.metadata.resource_version.clone());
            if lease.metadata.resource_version != current {
                return None;
            }
            self.1 += 1;
            lease.metadata.resource_version = Some(self.1.to_string());
            lease.metadata.uid = Some("uid".to_owned());
            self.0 = Some(lease.clone());
            Some(lease)
        }

        fn spec(&self) -> &LeaseSpec {
            self.0.as_ref().unwrap().spec.as_ref().unwrap()
        }
    }

    /// A turn whose calls take no time; answers whether it leads then.
    fn turn(elector: &mut Elector, server: &mut Server, now: Instant) -> bool {
        elector.saw(server.0.clone(), now);
        if elector.verdict(now) != Verdict::Taken
            && let Some(written) = server.write(elector.claim(Timestamp::now()))
        {
            elector.wrote(written, now);
        }
        elector.leads_until(now).is_some()
    }

    fn candidate(name: &str) -> Elector {
        Elector::new(name.to_owned(), Timing::default())
    }

    #[test]
    fn the_first_takes_it_and_keeps_it_as_long_as_it_renews() {
        let (mut server, t) = (Server::default(), Instant::now());
        let (mut a, mut b) = (candidate("a"), candidate("b"));
        assert!(turn(&mut a, &mut server, t));
        let acquired = server.spec().acquire_time.clone();
        for second in (2..60).step_by(2) {
            assert!(turn(&mut a, &mut server, t + S(second)));
            assert!(!turn(&mut b, &mut server, t + S(second)));
        }
        let spec = server.spec();
        assert_eq!((spec.holder_identity.as_deref(), spec.lease_transitions, spec.lease_duration_seconds), (Some("a"), Some(0), Some(15)));
        assert_eq!(spec.acquire_time, acquired);
        assert!(spec.renew_time > acquired);
    }

    #[test]
    fn a_silent_holder_gives_up_five_seconds_before_another_may_take_over() {
        let (mut server, t) = (Server::default(), Instant::now());
        let (mut a, mut b) = (candidate("a"), candidate("b"));
        turn(&mut a, &mut server, t);
        assert!(!turn(&mut b, &mut server, t), "it was seen now");
        assert!(a.leads_until(t + Duration::from_millis(9_999)).is_some() && a.leads_until(t + S(10)).is_none());
        assert!(!turn(&mut b, &mut server, t + Duration::from_millis(14_999)));
        assert!(turn(&mut b, &mut server, t + S(15)));
        assert_eq!(server.spec().lease_transitions, Some(1));
        // The former holder wakes up with its old copy: its write fails, and it sees why.
        assert_eq!(server.write(a.claim(Timestamp::now())), None);
        assert!(!turn(&mut a, &mut server, t + S(16)));
        assert_eq!(a.leads_until(t), None);
    }

    #[test]
    fn a_candidate_counts_from_when_it_saw_the_record_change_and_not_from_what_is_written() {
        let (mut server, t) = (Server::default(), Instant::now());
        let (mut a, mut late) = (candidate("a"), candidate("late"));
        turn(&mut a, &mut server, t);
        // A holder whose clock is wrong by years, in either direction.
        for time in [Timestamp::UNIX_EPOCH, "2999-01-01T00:00:00Z".parse().unwrap()] {
            let mut lease = server.0.clone().unwrap();
            lease.spec.as_mut().unwrap().renew_time = Some(MicroTime(time));
            server.write(lease).unwrap();
            assert!(!turn(&mut late, &mut server, t + S(100)));
            assert!(!turn(&mut late, &mut server, t + S(114)));
        }
        assert!(turn(&mut late, &mut server, t + S(115)));
    }

    #[test]
    fn a_change_beside_the_record_does_not_prolong_it() {
        let (mut server, t) = (Server::default(), Instant::now());
        let (mut a, mut b) = (candidate("a"), candidate("b"));
        turn(&mut a, &mut server, t);
        turn(&mut b, &mut server, t);
        let mut annotated = server.0.clone().unwrap();
        annotated.metadata.annotations = Some([("by".to_owned(), "somebody".to_owned())].into());
        server.write(annotated).unwrap();
        assert!(!turn(&mut b, &mut server, t + S(14)));
        assert!(turn(&mut b, &mut server, t + S(15)));
        assert!(server.0.unwrap().metadata.annotations.is_some(), "and it stays");
    }

    #[test]
    fn of_two_that_find_it_free_one_gets_it() {
        let (mut server, t) = (Server::default(), Instant::now());
        let (mut a, mut b) = (candidate("a"), candidate("b"));
        a.saw(None, t);
        b.saw(None, t);
        let claims = (a.claim(Timestamp::now()), b.claim(Timestamp::now()));
        assert!(server.write(claims.0).is_some() && server.write(claims.1).is_none());
    }

    #[test]
    fn a_released_lease_is_free_at_once_and_only_its_holder_releases_it() {
        let (mut server, t) = (Server::default(), Instant::now());
        let (mut a, mut b) = (candidate("a"), candidate("b"));
        turn(&mut a, &mut server, t);
        turn(&mut b, &mut server, t);
        assert_eq!(b.release(Timestamp::now()), None);
        server.write(a.release(Timestamp::now()).unwrap()).unwrap();
        assert_eq!(a.leads_until(t), None);
        assert_eq!(server.spec().holder_identity, None);
        assert!(turn(&mut b, &mut server, t));
        assert_eq!(server.spec().lease_transitions, Some(1));
    }

    #[test]
    fn a_name_of_its_own_that_is_on_it_already_lets_it_lead_at_once() {
        let (mut server, t) = (Server::default(), Instant::now());
        turn(&mut candidate("dev"), &mut server, t);
        assert!(turn(&mut candidate("dev"), &mut server, t + S(1)));
        assert_eq!(server.spec().lease_transitions, Some(0));
    }

    #[test]
    fn a_lease_that_is_deleted_is_written_anew() {
        let (mut server, t) = (Server::default(), Instant::now());
        let mut a = candidate("a");
        turn(&mut a, &mut server, t);
        server.0 = None;
        assert!(turn(&mut a, &mut server, t + S(2)));
    }

    #[test]
    fn a_holder_that_grants_itself_another_time_has_that() {
        let (mut server, t) = (Server::default(), Instant::now());
        let mut slow = Elector::new("slow".to_owned(), Timing { duration: S(60), ..Timing::default() });
        let mut b = candidate("b");
        turn(&mut slow, &mut server, t);
        assert!(!turn(&mut b, &mut server, t) && !turn(&mut b, &mut server, t + S(59)));
        assert!(turn(&mut b, &mut server, t + S(60)));
    }
}
