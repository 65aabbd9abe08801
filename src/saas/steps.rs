//! The two steps of telling, and what is looked after beside them.

use std::{io, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use kube::{Api, core::DeserializeGuard};
use tokio::time::{Instant, interval};

use super::{
    Inner, SpoolError,
    entry::{Entry, is_told, new_request},
    mark,
    send::Outcome,
    work::Again,
};
use crate::{
    causes::chain,
    deadline::{CALL, within},
    key::ObjectKey,
    queue::Priority,
    remediation::ZenAgentRemediation,
    spool::Letters,
    stream::well_formed,
    telemetry::metrics::Told,
};

/// How long a report is tried.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How often it is looked for dead letters that are to be sent again.
const LOOK: Duration = Duration::from_secs(2);
/// How often it is looked for dead letters that are too old.
const PRUNE: Duration = Duration::from_secs(3_600);

/// Why a step did not come to its end; it is tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("the Kubernetes API did not answer as hoped")]
    Kubernetes(#[from] kube::Error),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Shared(#[from] Arc<SpoolError>),
    #[error("the dead letters could not be read or written")]
    Letters(#[from] io::Error),
}

impl Inner {
    /// Step 1: what the object says goes to the spool, and what is superseded leaves it.
    pub(super) async fn observe(&self, key: &ObjectKey) -> Result<Again, Trouble> {
        let object = self.read(key).await?;
        let uid = object.as_ref().and_then(|object| object.metadata.uid.as_deref());
        for former in self.spool.of(key).await? {
            let superseded = match &object {
                Some(object) if Some(former.uid.as_str()) == uid => is_told(object),
                // Gone; of what has ended nobody but the spool knows.
                _ => !former.has_ended(),
            };
            if superseded {
                self.spool.remove(former).await?;
            }
        }
        let untold = object.as_ref().filter(|object| !is_told(object)).and_then(|object| Entry::of(object, &self.speaker));
        // That it was refused is noted on the object, which is a change of it, and no reason to send it again.
        if let Some(entry) = untold {
            let (given_up, entry) =
                self.letters(move |letters| (letters.kept(&entry).is_some_and(|kept| kept.report == entry.report), entry)).await?;
            if !given_up {
                self.spool.put(entry).await?;
            }
        }
        if !self.spool.of(key).await?.is_empty() {
            self.sending.backlog().add(key, Priority::Normal);
        }
        Ok(Again::Done)
    }

    /// Step 2: what the spool has of this name is sent, and what came of it is noted.
    pub(super) async fn tell(&self, key: &ObjectKey) -> Result<Again, Trouble> {
        for entry in self.spool.of(key).await? {
            if self.knows(&entry).await? {
                self.spool.remove(entry).await?;
                continue;
            }
            if Timestamp::now().duration_since(entry.queued_at) > LONGEST {
                self.bury(&entry, "nobody took it for seven days", Told::Expired).await?;
                continue;
            }
            let attempt = match self.circuit.attempt() {
                Ok(attempt) => attempt,
                Err(wait) => return Ok(Again::After(wait)),
            };
            match self.sender.send(&entry).await {
                Outcome::Taken => {
                    attempt.succeeded();
                    self.note(&entry, true).await?;
                    self.spool.remove(entry).await?;
                    self.metrics.told(Told::Taken);
                }
                Outcome::Refused(status) => {
                    attempt.succeeded();
                    self.bury(&entry, &format!("the SaaS answered {}", status.as_u16()), Told::Refused).await?;
                }
                Outcome::Later(wait) => {
                    self.metrics.told(Told::Later);
                    if wait.is_zero() {
                        attempt.failed();
                        return Ok(Again::Backoff);
                    }
                    attempt.succeeded();
                    self.circuit.pause(wait);
                    return Ok(Again::After(wait));
                }
                Outcome::Unauthorized => {
                    attempt.failed();
                    self.metrics.told(Told::Failed);
                    tracing::warn!(%key, "the SaaS does not accept the agent's credentials; they are read anew, and the report is sent again");
                    return Ok(Again::Backoff);
                }
                Outcome::Failed(why) => {
                    attempt.failed();
                    self.metrics.told(Told::Failed);
                    tracing::warn!(%key, why, "the SaaS was not told; the report is sent again");
                    return Ok(Again::Backoff);
                }
            }
        }
        Ok(Again::Done)
    }

    /// Gives a report up, for a person to look at.
    async fn bury(&self, entry: &Entry, why: &str, told: Told) -> Result<(), Trouble> {
        let (buried, reason) = (entry.clone(), why.to_owned());
        self.letters(move |letters| letters.put(&buried, &reason, Timestamp::now())).await??;
        self.note(entry, false).await?;
        self.spool.remove(entry.clone()).await?;
        self.metrics.told(told);
        tracing::error!(remediation = %entry.key(), status = %entry.report.status, why, "a report to the SaaS was given up on: zen-agent spool list");
        Ok(())
    }

    async fn note(&self, told: &Entry, taken: bool) -> Result<(), Trouble> {
        let Some(object) = self.read(&told.key()).await? else { return Ok(()) };
        let Some(now) = Entry::of(&object, &self.speaker).filter(|now| now.uid == told.uid) else { return Ok(()) };
        let api = Api::namespaced(self.client.clone(), &told.namespace);
        Ok(mark::note(&api, &object, told, &now, taken).await?)
    }

    /// Whether the SaaS knows it by now: whoever observed the object just before that was noted has put the report into the spool again.
    async fn knows(&self, entry: &Entry) -> Result<bool, kube::Error> {
        let told = self.read(&entry.key()).await?.filter(is_told);
        let known = told.and_then(|object| Entry::of(&object, &self.speaker));
        Ok(known.is_some_and(|known| known.uid == entry.uid && known.report == entry.report))
    }

    /// The object, if it is there and its tenant the one whose remediations are told.
    async fn read(&self, key: &ObjectKey) -> Result<Option<ZenAgentRemediation>, kube::Error> {
        let api: Api<DeserializeGuard<ZenAgentRemediation>> = Api::namespaced(self.client.clone(), &key.namespace);
        let found = within(CALL, api.get_opt(&key.name)).await?.and_then(well_formed);
        Ok(found.filter(|object| object.tenant().unwrap_or(self.tenant.as_str()) == self.tenant.as_str()))
    }

    /// Takes up what is to be sent again, drops letters that are too old, and shows how much there is.
    pub(super) async fn look_after(&self) {
        let (mut ticks, mut pruned, mut gone_on_with) = (interval(LOOK), None::<Instant>, false);
        loop {
            self.caretaker.beat();
            ticks.tick().await;
            if !gone_on_with {
                gone_on_with =
                    self.go_on().await.inspect_err(|error| tracing::warn!(error = chain(error), "the spool cannot be read now")).is_ok();
            }
            if let Err(trouble) = self.take_up().await {
                tracing::warn!(error = chain(&trouble), "a dead letter cannot be sent again now");
            }
            if pruned.is_none_or(|at| at.elapsed() >= PRUNE) {
                pruned = Some(Instant::now());
                let outcome = self.letters(|letters| letters.prune(Timestamp::now())).await.flatten();
                if let Err(error) = outcome {
                    tracing::warn!(%error, "dead letters that are too old cannot be dropped now");
                }
            }
            let letters = self.letters(Letters::count).await.unwrap_or_default();
            self.metrics.saas_spool.set(i64::try_from(self.spool.held().borrow().of(()).records).unwrap_or(i64::MAX));
            self.metrics.saas_dead_letters.set(i64::try_from(letters).unwrap_or(i64::MAX));
        }
    }

    /// What was spooled in another term may be told by now, or be about nothing any more; while the spool is full nothing is observed,
    /// so it is sent as it is.
    async fn go_on(&self) -> Result<(), SpoolError> {
        let is_full = self.spool.is_full(());
        for key in self.spool.keys().await? {
            self.watched.backlog().add(&key, Priority::Normal);
            if is_full {
                self.sending.backlog().add(&key, Priority::Normal);
            }
        }
        Ok(())
    }

    async fn take_up(&self) -> Result<(), Trouble> {
        while let Some((name, entry)) = self.letters(|letters| letters.replayed(|_| true)).await?? {
            let key = entry.key();
            self.spool.put(Entry { request_id: new_request(), queued_at: Timestamp::now(), ..entry }).await?;
            self.letters(move |letters| letters.taken_up(&name)).await??;
            self.watched.backlog().add(&key, Priority::High);
        }
        Ok(())
    }

    /// Does with the letters what waits for the disk, where waiting holds nobody up.
    async fn letters<R: Send + 'static>(&self, what: impl FnOnce(&Letters<Entry>) -> R + Send + 'static) -> Result<R, io::Error> {
        let letters = self.letters.clone();
        tokio::task::spawn_blocking(move || what(&letters)).await.map_err(io::Error::other)
    }
}
