//! A create, and the look after it.
//!
//! ```text
//!   still ours? ─▶ create ─▶ made, or its answer lost? ─▶ look at the remediation ─▶ being undone, ended, gone: take back
//!                  └── from here to the end, also where the pass is dropped on the way ──┘
//! ```
//!
//! A create has no precondition on what is not there, so a late one cannot be refused. A pass is dropped when the lease is
//! lost, when its time is over, and by the emergency stop; what it has sent by then the server may still carry out. So the
//! rest of it runs in a task of its own, which begins nothing new: it waits for the answer, looks, and takes back at most what
//! it made itself, under the emergency stop too: the stop ends changes, and this is the end of one.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::{sync::oneshot, time::sleep};
use tracing::Instrument;

use super::{
    ActionError, Site,
    site::{Standing, Subject},
};
use crate::{event::Target, lease::Tenure, remediation::Step};

/// The waits between looks whose pass was dropped: nobody else comes back to them. About two minutes.
const WAITS: [u64; 7] = [1, 2, 4, 8, 16, 32, 60];

/// Takes back what was created too late.
pub(super) type TakeBack = for<'s> fn(&'s Site<'s>) -> BoxFuture<'s, Result<(), ActionError>>;

/// A site that outlives the pass that it was made in.
struct Kept {
    client: kube::Client,
    tenure: Tenure,
    target: Target,
    namespace: String,
    name: String,
    uid: Option<String>,
    attempt: Option<Step>,
}

impl Kept {
    fn of(site: &Site<'_>) -> Self {
        let Subject { target, namespace, name, uid } = site.subject;
        Self {
            client: site.client.clone(),
            tenure: site.tenure.clone(),
            target: target.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: uid.map(str::to_owned),
            attempt: site.attempt.cloned(),
        }
    }

    fn site(&self) -> Site<'_> {
        let Self { client, tenure, target, namespace, name, uid, attempt } = self;
        Site { client, tenure, subject: Subject { target, namespace, name, uid: uid.as_deref() }, attempt: attempt.as_ref() }
    }

    /// Whether the remediation is being undone, or has ended, so that nobody else would take away what was made; then it is
    /// taken back.
    async fn look(&self, take_back: TakeBack) -> Result<Look, ActionError> {
        let site = self.site();
        if !matches!(site.standing().await?, Standing::Over) {
            return Ok(Look::Wanted);
        }
        take_back(&site).await?;
        Ok(Look::TakenBack)
    }
}

/// What the look after a create leads to.
enum Look {
    Wanted,
    TakenBack,
}

impl Site<'_> {
    /// Creates an object, and takes it back where that was too late.
    ///
    /// # Errors
    /// Those of the create, and of the look after it; [`ActionError::Overtaken`] where it was taken back.
    pub(super) async fn create(
        &self,
        create: impl Future<Output = Result<(), ActionError>> + Send + 'static,
        take_back: TakeBack,
    ) -> Result<(), ActionError> {
        self.still_ours().await?;
        let kept = Kept::of(self);
        let (tell, told) = oneshot::channel();
        let rest = async move {
            let made = create.await;
            let may_be_made = match &made {
                Ok(()) => true,
                // What the client repeated meets itself, where the first was carried out.
                Err(ActionError::Api(error)) => {
                    error.may_have_happened() || error.status().is_some_and(kube::core::Status::is_already_exists)
                }
                Err(_) => false,
            };
            if !may_be_made {
                _ = tell.send(made);
                return;
            }
            match kept.look(take_back).await {
                Ok(Look::Wanted) => _ = tell.send(made),
                Ok(Look::TakenBack) => _ = tell.send(Err(ActionError::Overtaken)),
                Err(error) => {
                    // Where the pass was dropped nobody repeats it.
                    if tell.send(Err(error)).is_err() {
                        look_again(&kept, take_back).await;
                    }
                }
            }
        };
        tokio::spawn(rest.in_current_span());
        // Without an answer its task has panicked: what it made is there for the next attempt.
        told.await.unwrap_or(Err(ActionError::Contended))
    }
}

/// Looks until a look succeeds.
async fn look_again(kept: &Kept, take_back: TakeBack) {
    for wait in WAITS {
        sleep(Duration::from_secs(wait)).await;
        match kept.look(take_back).await {
            Ok(Look::Wanted | Look::TakenBack) => return,
            Err(error) => tracing::warn!(%error, "whether what was created too late is still wanted could not be found out"),
        }
    }
}
