//! Where an action acts: reads and writes of the pinned target, for one attempt of one remediation.

use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, ObjectMeta, TypeMeta},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{ActionError, write::write};
use crate::{
    category::Category,
    event::Target,
    lease::Tenure,
    naming::is_label_value,
    pipeline::{
        Pipeline,
        api::{self, ApiError, Effect},
        run,
    },
    remediation::{Change, Phase, Step, StepName, Subresource, ZenAgentRemediation},
};

/// How often a write is tried again because the object changed between read and write.
pub(super) const PASSES: usize = 8;

/// Annotation on what is made: namespace and name of its remediation, for people.
const OWNER: &str = "zen.kube-zen.io/remediation";
/// Annotation on what is made: the remediation's uid. Another one of the same name is not the owner.
const OWNER_UID: &str = "zen.kube-zen.io/remediation-uid";

/// What is changed, and for which remediation.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The target, pinned.
    pub(super) target: &'a Target,
    /// The remediation's namespace.
    pub(super) namespace: &'a str,
    /// The remediation's name.
    pub(super) name: &'a str,
    /// The remediation's uid.
    pub(super) uid: Option<&'a str>,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(target: &'a Target, remediation: &'a ZenAgentRemediation) -> Self {
        let ObjectMeta { namespace, name, uid, .. } = &remediation.metadata;
        let text = |text: &'a Option<String>| text.as_deref().unwrap_or_default();
        Self { target, namespace: text(namespace), name: text(name), uid: uid.as_deref() }
    }

    /// A patch of the target, or of a part of it.
    pub(super) fn patch(&self, part: Option<Subresource>, live: &DynamicObject, patch: Value) -> Change {
        Change::patch(self.target, part, &json!(live), patch)
    }

    /// The target, for people.
    pub(super) fn named(&self) -> String {
        let Target { kind, namespace, name, .. } = self.target;
        format!("{kind} {}{name}", namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default())
    }

    /// The target as it is now, if it still is the one that was pinned.
    pub(crate) async fn read(&self, api: &Api<DynamicObject>) -> Result<DynamicObject, ActionError> {
        let Target { kind, name, uid, .. } = self.target;
        match (api::find("read the target", api.get(name)).await?, self.pin()) {
            (None, Pin::Absent) => Ok(self.nothing()),
            (Some(live), Pin::Absent) if self.made(&live) => Ok(live),
            (Some(_), Pin::Absent) => Err(ActionError::NotOurs { what: self.named() }),
            (None, Pin::Uid(_)) => Err(ActionError::Gone { kind: kind.clone(), name: name.clone() }),
            (Some(live), Pin::Uid(_)) if live.metadata.uid != *uid => Err(ActionError::Replaced { kind: kind.clone(), name: name.clone() }),
            (Some(live), Pin::Uid(_)) => Ok(live),
        }
    }

    pub(super) fn pin(&self) -> Pin<'a> {
        self.target.uid.as_deref().map_or(Pin::Absent, Pin::Uid)
    }

    /// How the target reads that is not there: without a uid.
    fn nothing(&self) -> DynamicObject {
        let Target { api_version, kind, namespace, name, .. } = self.target.clone();
        let metadata = ObjectMeta { name: Some(name), namespace, ..ObjectMeta::default() };
        DynamicObject { types: Some(TypeMeta { api_version, kind }), metadata, data: json!({}) }
    }

    /// What marks an object as made by this remediation.
    pub(super) fn marks(&self) -> [(&'static str, String); 2] {
        [(OWNER, format!("{}/{}", self.namespace, self.name)), (OWNER_UID, self.uid.unwrap_or_default().to_owned())]
    }

    /// The remediation's name where it fits into a label; of longer ones, which others gave, a digest.
    pub(super) fn label(&self) -> String {
        let name = self.name;
        if is_label_value(name) { name.to_owned() } else { format!("sha256-{}", hex::encode(&Sha256::digest(name)[..20])) }
    }

    /// Whether this remediation made it.
    pub(super) fn made(&self, live: &impl ResourceExt) -> bool {
        self.uid.is_some() && live.annotations().get(OWNER_UID).map(String::as_str) == self.uid
    }
}

/// What the target was when it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pin<'a> {
    /// The object of this uid.
    Uid(&'a str),
    /// Not there: whatever is there now and was not made by this remediation is somebody else's.
    Absent,
}

/// Whose turn it is to write.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// This attempt's, as each write has to find.
    Own,
    /// No more: all that is left to it is to take back what it has created too late.
    Over,
}

/// Where an action acts, and for which remediation.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(super) client: &'a Client,
    pub(super) tenure: &'a Tenure,
    pub(super) subject: Subject<'a>,
    /// The attempt that acts.
    pub(super) attempt: Option<&'a Step>,
}

/// What a fresh read shows of the remediation.
pub(super) enum Standing {
    /// The attempt that acts is the one under way.
    Ours,
    /// Another attempt is, or the next step, or it has succeeded: what is made by then was looked at, or will be.
    Overtaken,
    /// It is being undone, has ended otherwise, or is gone: what is made now nobody takes away.
    Over,
}

impl<'a> Site<'a> {
    pub(crate) fn new(pipeline: &'a Pipeline, target: &'a Target, remediation: &'a ZenAgentRemediation) -> Self {
        let Pipeline { client, tenure, .. } = pipeline;
        Self { client, tenure, subject: Subject::new(target, remediation), attempt: run::under_way(remediation) }
    }

    pub(crate) const fn subject(&self) -> Subject<'a> {
        self.subject
    }

    pub(super) async fn standing(&self) -> Result<Standing, ApiError> {
        let Subject { namespace, name, uid, .. } = self.subject;
        let fresh = run::read(self.client, namespace, name).await?;
        let Some(fresh) = fresh.filter(|fresh| fresh.metadata.uid.as_deref() == uid) else { return Ok(Standing::Over) };
        Ok(match (run::under_way(&fresh), self.attempt) {
            (Some(now), Some(attempt))
                if (now.name, now.attempts, &now.started_at) == (attempt.name, attempt.attempts, &attempt.started_at) =>
            {
                Standing::Ours
            }
            (Some(now), _) if now.name == StepName::Rollback => Standing::Over,
            _ if matches!(fresh.phase(), Phase::InProgress | Phase::Succeeded) => Standing::Overtaken,
            _ => Standing::Over,
        })
    }

    /// Stands between the read that a write to the cluster is decided on, and that write.
    ///
    /// # Errors
    /// When the attempt that acts is not the one under way: this process was frozen meanwhile, or has
    /// lost the lease, and another goes on.
    pub(super) async fn still_ours(&self) -> Result<(), ActionError> {
        if !self.tenure.holds() {
            return Err(ActionError::Overtaken);
        }
        match self.standing().await? {
            Standing::Ours => Ok(()),
            Standing::Overtaken | Standing::Over => Err(ActionError::Overtaken),
        }
    }

    /// Stands before the deletion of what this remediation made: whether it still is to go. Whoever takes back what came too late
    /// looks each time, since it may be tried again by now, and have found the object in its place.
    ///
    /// # Errors
    /// As [`Site::still_ours`].
    pub(super) async fn may_delete(&self, turn: Turn) -> Result<bool, ActionError> {
        match turn {
            Turn::Own => self.still_ours().await.map(|()| true),
            Turn::Over => Ok(matches!(self.standing().await?, Standing::Over)),
        }
    }

    pub(super) async fn api(&self) -> Result<Api<DynamicObject>, ActionError> {
        Ok(api::of(self.client, self.subject.target).await?)
    }

    /// The target as it is now, if it still is the one that was pinned.
    pub(crate) async fn read(&self) -> Result<DynamicObject, ActionError> {
        self.subject.read(&self.api().await?).await
    }

    /// Reads and writes until a fresh read leaves nothing to write.
    pub(super) async fn converge(&self, change: impl Fn(&DynamicObject) -> Result<Option<Change>, ActionError>) -> Result<(), ActionError> {
        let api = self.api().await?;
        for _ in 0..PASSES {
            let live = self.subject.read(&api).await?;
            let Some(change) = change(&live)? else { return Ok(()) };
            self.still_ours().await?;
            match write(&api, &change, &live, Effect::Made).await {
                Ok(()) => {}
                // Somebody else wrote, deleted or replaced it since: the next read shows which.
                Err(ActionError::Api(error)) if matches!(error.category(), Category::Conflict | Category::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ActionError::Contended)
    }

    /// Like [`Site::converge`], for a target that may be gone: then nothing is left to write.
    pub(super) async fn revert(&self, change: impl Fn(&DynamicObject) -> Result<Option<Change>, ActionError>) -> Result<(), ActionError> {
        match self.converge(change).await {
            Err(ActionError::Gone { .. } | ActionError::Replaced { .. }) => Ok(()),
            other => other,
        }
    }
}
