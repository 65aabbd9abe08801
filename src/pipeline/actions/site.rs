//! Where an action acts: reads and writes of the pinned target, for one attempt of one remediation.

use kube::{
    Api, Client,
    api::{DynamicObject, ObjectMeta},
};
use serde_json::Value;

use super::ActionError;
use crate::{
    category::Category,
    event::Target,
    lease::Tenure,
    pipeline::{
        Pipeline,
        api::{self, ApiError, Part},
        run,
    },
    remediation::{Phase, Step, ZenAgentRemediation},
};

/// How often a write is tried again because the object changed between read and write.
pub(super) const PASSES: usize = 8;

/// Where an action acts, and for which remediation.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(super) client: &'a Client,
    tenure: &'a Tenure,
    /// The pinned target.
    pub(super) target: &'a Target,
    /// What of it is written.
    part: Part,
    /// The remediation's namespace.
    pub(super) namespace: &'a str,
    /// The remediation's name.
    pub(super) name: &'a str,
    /// The remediation's uid.
    pub(super) uid: Option<&'a str>,
    /// The attempt that acts.
    attempt: Option<&'a Step>,
}

/// What a fresh read shows of the remediation.
pub(super) enum Standing {
    /// The attempt that acts is the one under way.
    Ours,
    /// Another attempt is, or another step.
    Overtaken,
    /// Nothing is under way any more.
    Over,
}

impl<'a> Site<'a> {
    pub(crate) fn new(pipeline: &'a Pipeline, target: &'a Target, remediation: &'a ZenAgentRemediation) -> Self {
        let ObjectMeta { namespace, name, uid, .. } = &remediation.metadata;
        Self {
            client: &pipeline.client,
            tenure: &pipeline.tenure,
            target,
            part: Part::Whole,
            namespace: namespace.as_deref().unwrap_or_default(),
            name: name.as_deref().unwrap_or_default(),
            uid: uid.as_deref(),
            attempt: run::under_way(remediation),
        }
    }

    /// The same, where only the number of replicas is written, which is a permission of its own.
    pub(super) const fn scale(self) -> Self {
        Self { part: Part::Scale, ..self }
    }

    pub(super) async fn standing(&self) -> Result<Standing, ApiError> {
        let fresh = run::read(self.client, self.namespace, self.name).await?;
        let Some(fresh) = fresh.filter(|fresh| fresh.metadata.uid.as_deref() == self.uid) else { return Ok(Standing::Over) };
        Ok(match (run::under_way(&fresh), self.attempt) {
            (Some(now), Some(attempt))
                if (now.name, now.attempts, &now.started_at) == (attempt.name, attempt.attempts, &attempt.started_at) =>
            {
                Standing::Ours
            }
            _ if fresh.phase() == Phase::InProgress => Standing::Overtaken,
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

    pub(super) async fn api(&self) -> Result<Api<DynamicObject>, ActionError> {
        Ok(api::of(self.client, self.target).await?)
    }

    /// The target, for people.
    pub(super) fn named(&self) -> String {
        let Target { kind, namespace, name, .. } = self.target;
        format!("{kind} {}{name}", namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default())
    }

    /// The target as it is now, if it still is the one that was pinned.
    pub(crate) async fn read(&self) -> Result<DynamicObject, ActionError> {
        self.read_from(&self.api().await?).await
    }

    async fn read_from(&self, api: &Api<DynamicObject>) -> Result<DynamicObject, ActionError> {
        let Target { kind, name, uid, .. } = self.target;
        match api::find("read the target", api.get(name)).await? {
            None => Err(ActionError::Gone { kind: kind.clone(), name: name.clone() }),
            Some(live) if live.metadata.uid != *uid => Err(ActionError::Replaced { kind: kind.clone(), name: name.clone() }),
            Some(live) => Ok(live),
        }
    }

    /// Reads and writes until a fresh read leaves nothing to write.
    pub(super) async fn converge(&self, change: impl Fn(&DynamicObject) -> Result<Option<Value>, ActionError>) -> Result<(), ActionError> {
        let api = self.api().await?;
        for _ in 0..PASSES {
            let live = self.read_from(&api).await?;
            let Some(patch) = change(&live)? else { return Ok(()) };
            self.still_ours().await?;
            match api::patch_as_read(&api, self.part, &live, patch).await {
                Ok(()) => {}
                // Somebody else wrote, deleted or replaced it since: the next read shows which.
                Err(error) if matches!(error.category(), Category::Conflict | Category::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ActionError::Contended)
    }

    /// Like [`Site::converge`], to undo: a target that is gone needs no undoing.
    pub(super) async fn revert(&self, change: impl Fn(&DynamicObject) -> Result<Option<Value>, ActionError>) -> Result<(), ActionError> {
        match self.converge(change).await {
            Err(ActionError::Gone { .. } | ActionError::Replaced { .. }) => Ok(()),
            other => other,
        }
    }
}
