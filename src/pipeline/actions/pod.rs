//! What `delete-pod` and `evict` have in common: a pod that goes, and whether it is gone.

use kube::api::DynamicObject;

use super::{ActionError, Site, Subject, Verdict};
use crate::remediation::{Change, Operation};

/// The pod's removal, unless it is on its way.
pub(super) fn removal(operation: Operation, subject: Subject<'_>, live: &DynamicObject) -> Option<Change> {
    live.metadata.deletion_timestamp.is_none().then(|| Change::remove(operation, subject.target))
}

/// Has the pod removed, unless it is gone or on its way.
pub(super) async fn remove(operation: Operation, site: &Site<'_>) -> Result<(), ActionError> {
    site.revert(|live| Ok(removal(operation, site.subject, live))).await
}

/// Whether the pod is gone.
pub(super) async fn gone(site: &Site<'_>) -> Result<Verdict, ActionError> {
    match site.read().await {
        Err(ActionError::Gone { .. }) => Ok(Verdict::Holds("the pod is gone".to_owned())),
        Err(ActionError::Replaced { .. }) => Ok(Verdict::Holds("the pod is gone; another one has its name".to_owned())),
        Ok(live) if live.metadata.deletion_timestamp.is_some() => Ok(Verdict::NotYet("the pod is being stopped".to_owned())),
        Ok(_) => Ok(Verdict::NotYet("the pod is still there".to_owned())),
        Err(error) => Err(error),
    }
}

/// A pod that is still there was not removed; one that is not is not brought back.
pub(super) async fn nothing_to_undo(site: &Site<'_>) -> Result<(), ActionError> {
    present(site).await?.map(drop).ok_or(ActionError::Irreversible)
}

/// The pod, if it is there, and not on its way out.
async fn present(site: &Site<'_>) -> Result<Option<DynamicObject>, ActionError> {
    match site.read().await {
        Ok(live) => Ok(Some(live).filter(|live| live.metadata.deletion_timestamp.is_none())),
        Err(ActionError::Gone { .. } | ActionError::Replaced { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
