//! Places for streams, of which there are so many: of all callers, and of one certificate.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::problem::{Code, Problem};

/// A stream costs a watch at the Kubernetes API, and what waits for a slow client.
const OF_ALL: usize = 256;
const OF_ONE: usize = 32;
/// A stream ends within five minutes; some end sooner.
const WAIT: Duration = Duration::from_secs(30);

/// The places that are taken, by the certificate's fingerprint. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Places(Arc<Mutex<HashMap<[u8; 32], usize>>>);

/// A place; dropping it leaves it.
pub(super) struct Place {
    places: Places,
    certificate: [u8; 32],
}

impl Places {
    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], usize>> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place.
    pub(super) fn take(&self, certificate: [u8; 32]) -> Result<Place, Problem> {
        let refused = |detail: String| Err(Problem::new(Code::RateLimited, detail).retry_after(WAIT));
        let mut taken = self.lock();
        if taken.values().sum::<usize>() >= OF_ALL {
            return refused(format!("The agent has {OF_ALL} open watches, as many as it allows"));
        }
        let of_one = taken.entry(certificate).or_default();
        if *of_one >= OF_ONE {
            return refused(format!("This certificate has {OF_ONE} open watches, as many as it may have"));
        }
        *of_one += 1;
        Ok(Place { places: self.clone(), certificate })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(of_one) = taken.get_mut(&self.certificate) {
            *of_one -= 1;
            if *of_one == 0 {
                taken.remove(&self.certificate);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn neither_one_certificate_nor_all_together_take_more_than_their_places() {
        let places = Places::default();
        let mut held: Vec<Place> = (0..OF_ONE).map(|_| places.take([0; 32]).unwrap()).collect();
        let refused = places.take([0; 32]).err().unwrap();
        assert_eq!((refused.code, refused.retry_after), (Code::RateLimited, Some(WAIT)));
        for place in OF_ONE..OF_ALL {
            held.push(places.take([u8::try_from(1 + place / OF_ONE).unwrap(); 32]).unwrap());
        }
        assert_eq!(places.take([99; 32]).err().unwrap().code, Code::RateLimited);
        held.remove(0);
        held.push(places.take([99; 32]).unwrap());
        drop(held);
        assert!(places.lock().is_empty(), "nothing is kept of certificates without a stream");
    }
}
