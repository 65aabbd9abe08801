//! How many remediations a tenant may have stored, lest one that floods takes the API server, or the cache, from all.
//!
//! ```text
//!   informer ── add, update, delete ──▶ stored ─┐
//!                                               ├─ stored + reserved + wanted ≤ cap ? ─▶ Reservation, while they are created
//!   ingest ─── reserve(tenant, wanted) ─────────┘                                     ├▶ Full: 429 quota_exceeded
//!                                                                                     └▶ Uncounted: 503
//! ```
//!
//! What is stored is counted from the informer's cache, so a check costs no call, and what anybody deletes makes room by
//! itself. It lags behind the server by what the last moments brought, here and on other replicas: by so much the cap can
//! be passed. Before the first listing is through nobody knows, and nothing new is stored. What is stored already is never
//! refused: a replay needs no room.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use kube::core::ObjectMeta;

use crate::{
    identity::Tenant,
    informer::{Handler, remediations::Summary},
    key::ObjectKey,
    remediation::TENANT_LABEL,
};

/// The count and the cap of every tenant. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Quota(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cap: usize,
    counted: AtomicBool,
    own: Tenant,
    places: BTreeMap<Tenant, Account>,
    // By `Account`. Nothing can panic under a lock.
    usage: Box<[Mutex<Usage>]>,
}

#[derive(Debug, Default)]
struct Usage {
    stored: usize,
    reserved: usize,
}

/// The tenant that an object counts for, in two bytes: the cache keeps one for each object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account(u16);

/// Room for objects that are being created; dropping it gives it back, once they are counted or have failed.
#[derive(Debug)]
pub struct Reservation<'a> {
    usage: &'a Mutex<Usage>,
    objects: usize,
}

/// Why there is no room.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoRoom {
    /// The tenant would have more stored than it may.
    #[error("the tenant may have {cap} remediations stored, and would have more")]
    Full {
        /// How many it may have.
        cap: usize,
    },
    /// What is stored was not counted yet.
    #[error("it is not known yet how many remediations are stored")]
    Uncounted,
}

impl Quota {
    /// `cap` objects for each of `tenants`; `own` is one of them, and owns what names no tenant.
    pub fn new<'a>(cap: NonZeroUsize, own: &'a Tenant, tenants: impl IntoIterator<Item = &'a Tenant>) -> Self {
        let mut places = BTreeMap::new();
        for tenant in std::iter::once(own).chain(tenants) {
            // Beyond so many tenants, the rest shares one count.
            let next = Account(u16::try_from(places.len()).unwrap_or(u16::MAX));
            places.entry(tenant.clone()).or_insert(next);
        }
        let usage = (0..places.len()).map(|_| Mutex::default()).collect();
        Self(Arc::new(Inner { cap: cap.get(), counted: AtomicBool::new(false), own: own.clone(), places, usage }))
    }

    /// The tenant that this object counts for. One that is being deleted counts for nobody: until it is gone, which is up
    /// to the garbage collector, it is out of its tenant's hands. Nor does one that somebody labelled with another name.
    pub fn account(&self, object: &ObjectMeta) -> Option<Account> {
        if object.deletion_timestamp.is_some() {
            return None;
        }
        self.place(tenant(object).unwrap_or(self.0.own.as_str()))
    }

    /// Whether this object is of the agent's own tenant.
    pub fn owns(&self, object: &ObjectMeta) -> bool {
        tenant(object).is_none_or(|tenant| tenant == self.0.own.as_str())
    }

    /// Room for so many more objects of this tenant.
    ///
    /// # Errors
    /// When there is none, or nobody knows. A tenant that was not named at the start has none.
    pub fn reserve(&self, tenant: &Tenant, objects: usize) -> Result<Reservation<'_>, NoRoom> {
        if objects > 0 && !self.0.counted.load(Ordering::Acquire) {
            return Err(NoRoom::Uncounted);
        }
        let full = || NoRoom::Full { cap: self.0.cap };
        let Account(place) = self.place(tenant.as_str()).ok_or_else(full)?;
        let usage = self.0.usage.get(usize::from(place)).ok_or_else(full)?;
        let mut counts = lock(usage);
        let room = self.0.cap.saturating_sub(counts.stored.saturating_add(counts.reserved));
        if objects > room {
            return Err(full());
        }
        counts.reserved += objects;
        Ok(Reservation { usage, objects })
    }

    fn place(&self, tenant: &str) -> Option<Account> {
        self.0.places.get(tenant).copied()
    }

    fn count(&self, account: Option<Account>, change: impl FnOnce(&mut usize)) {
        if let Some(usage) = account.and_then(|Account(place)| self.0.usage.get(usize::from(place))) {
            change(&mut lock(usage).stored);
        }
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        lock(self.usage).reserved -= self.objects;
    }
}

impl Handler<Summary> for Quota {
    fn on_add(&self, _: &ObjectKey, new: &Arc<Summary>) {
        self.count(new.account, |stored| *stored += 1);
    }

    fn on_update(&self, _: &ObjectKey, old: &Arc<Summary>, new: &Arc<Summary>) {
        if old.account != new.account {
            self.count(old.account, |stored| *stored -= 1);
            self.count(new.account, |stored| *stored += 1);
        }
    }

    fn on_delete(&self, _: &ObjectKey, old: &Arc<Summary>) {
        self.count(old.account, |stored| *stored -= 1);
    }

    fn on_sync(&self) {
        self.0.counted.store(true, Ordering::Release);
    }
}

fn tenant(object: &ObjectMeta) -> Option<&str> {
    object.labels.as_ref()?.get(TENANT_LABEL).map(String::as_str)
}

fn lock(usage: &Mutex<Usage>) -> MutexGuard<'_, Usage> {
    usage.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop where its premise fails")]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;
    use crate::remediation::ZenAgentRemediation;

    fn quota(cap: usize) -> Quota {
        let quota = Quota::new(NonZeroUsize::new(cap).unwrap(), &tenant("own"), &[tenant("acme")]);
        assert_eq!(quota.reserve(&tenant("acme"), 1).unwrap_err(), NoRoom::Uncounted);
        quota.on_sync();
        quota
    }

    fn tenant(name: &str) -> Tenant {
        name.parse().unwrap()
    }

    fn of(quota: &Quota, label: Option<&str>) -> Arc<Summary> {
        let mut object = ZenAgentRemediation::default();
        object.metadata.labels = label.map(|tenant| BTreeMap::from([(TENANT_LABEL.to_owned(), tenant.to_owned())]));
        Arc::new(Summary::of(&object, quota))
    }

    fn room(quota: &Quota, name: &str) -> usize {
        (0..).find(|more| quota.reserve(&tenant(name), more + 1).is_err()).unwrap()
    }

    #[test]
    fn of_what_another_tenant_has_there_is_nothing_to_tell() {
        let quota = quota(3);
        let told = |label| of(&quota, label).told;
        assert_eq!((told(Some("own")), told(None), told(Some("acme")), told(Some("stranger"))), (false, false, true, true));
    }

    #[test]
    fn what_is_stored_and_what_is_being_stored_counts_for_its_tenant_alone() {
        let (quota, key) = (quota(3), ObjectKey::new("default", "x"));
        quota.on_add(&key, &of(&quota, Some("acme")));
        let reservation = quota.reserve(&tenant("acme"), 2).unwrap();
        assert_eq!((room(&quota, "acme"), room(&quota, "own")), (0, 3));
        assert_eq!(quota.reserve(&tenant("acme"), 1).unwrap_err(), NoRoom::Full { cap: 3 });
        assert!(quota.reserve(&tenant("acme"), 0).is_ok(), "nothing needs no room");
        drop(reservation);
        assert_eq!(room(&quota, "acme"), 2);
        quota.on_delete(&key, &of(&quota, Some("acme")));
        assert_eq!(room(&quota, "acme"), 3);
    }

    #[test]
    fn what_names_no_tenant_counts_for_the_own_and_a_strangers_or_what_is_being_deleted_for_nobody() {
        let (quota, key) = (quota(3), ObjectKey::new("default", "x"));
        quota.on_add(&key, &of(&quota, None));
        quota.on_add(&key, &of(&quota, Some("stranger")));
        assert_eq!((room(&quota, "acme"), room(&quota, "own")), (3, 2));
        assert!(quota.reserve(&tenant("stranger"), 1).is_err());
        let mut leaving = ZenAgentRemediation::default();
        leaving.metadata.deletion_timestamp = Some(Time(jiff::Timestamp::now()));
        quota.on_update(&key, &of(&quota, None), &Arc::new(Summary::of(&leaving, &quota)));
        assert_eq!(room(&quota, "own"), 3);
        quota.on_add(&key, &of(&quota, None));
        quota.on_update(&key, &of(&quota, None), &of(&quota, Some("acme")));
        assert_eq!((room(&quota, "acme"), room(&quota, "own")), (2, 3));
    }
}
