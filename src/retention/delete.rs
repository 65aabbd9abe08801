//! Deletes one object that a sweep has met, if it is still what was read. The remediations of its patches go with it, so none of
//! them may be at work, as a person may have one undone by itself.

use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, Preconditions},
    core::DeserializeGuard,
};

use crate::{
    category::Category,
    causes::chain,
    deadline::{CALL, within},
    remediation::{PatchRemediation, ZenAgentRemediation, requests},
};

/// What is left of an object that matches: what its deletion needs.
pub(super) struct Met {
    namespace: String,
    name: String,
    preconditions: Preconditions,
    patches: Vec<PatchRemediation>,
}

impl Met {
    pub(super) fn of(object: &ZenAgentRemediation) -> Self {
        Self {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            preconditions: Preconditions { uid: object.uid(), resource_version: object.resource_version() },
            patches: object.status.as_ref().map(|status| status.patch_remediations.clone()).unwrap_or_default(),
        }
    }
}

/// What became of an object that matches.
pub(super) enum Fate {
    Deleted,
    Changed,
    Gone,
    Failed,
    /// The API server had too much to do, or did not answer: it is to be tried again when there is less under way.
    Held(Met),
    Previewed,
}

/// Deletes an object.
pub(super) async fn delete(client: &Client, met: Met) -> Fate {
    let Met { namespace, name, preconditions, patches } = &met;
    if preconditions.uid.is_none() || preconditions.resource_version.is_none() {
        tracing::error!(namespace, name, "a remediation came without uid or resourceVersion, and is not deleted");
        return Fate::Failed;
    }
    let api: Api<DeserializeGuard<ZenAgentRemediation>> = Api::namespaced(client.clone(), namespace);
    let params = DeleteParams::foreground().preconditions(preconditions.clone());
    let deleted = async {
        if is_at_work(&api, patches).await? {
            return Ok(Fate::Changed);
        }
        within(CALL, api.delete(name, &params)).await.map(|_| Fate::Deleted)
    };
    let error = match deleted.await {
        Ok(fate) => return fate,
        Err(error) => error,
    };
    match Category::of(&error) {
        Category::NotFound => Fate::Gone,
        Category::Conflict => after_conflict(client, &met).await,
        category => {
            tracing::warn!(namespace, name, category = category.as_str(), error = chain(&error), "cannot delete a remediation");
            if matches!(category, Category::Transient | Category::Timeout) { Fate::Held(met) } else { Fate::Failed }
        }
    }
}

/// Whether one of these remediations is being carried out or undone, or is about to be.
async fn is_at_work(api: &Api<DeserializeGuard<ZenAgentRemediation>>, patches: &[PatchRemediation]) -> Result<bool, kube::Error> {
    for made in patches {
        let there = within(CALL, api.get_opt(&made.name)).await?.and_then(|DeserializeGuard(read)| read.ok());
        let at_work = |patch: &ZenAgentRemediation| !patch.phase().is_terminal() || requests::is_to_be_undone(patch);
        if there.filter(|patch| patch.metadata.uid.as_ref() == Some(&made.uid)).is_some_and(|patch| at_work(&patch)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an object that is no longer as it was read was changed, or is being deleted: by somebody else, or by an attempt of which
/// no answer came.
async fn after_conflict(client: &Client, met: &Met) -> Fate {
    let api: Api<DeserializeGuard<ZenAgentRemediation>> = Api::namespaced(client.clone(), &met.namespace);
    match within(CALL, api.get_opt(&met.name)).await {
        Ok(Some(now)) if now.meta().uid == met.preconditions.uid && now.meta().deletion_timestamp.is_none() => Fate::Changed,
        Ok(_) => Fate::Gone,
        // It is known to be other than it was, and that it was not deleted here.
        Err(_) => Fate::Changed,
    }
}
