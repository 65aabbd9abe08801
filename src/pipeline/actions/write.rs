//! How a change is written to the cluster, or tried there: each carries the uid and resourceVersion of the read that it
//! was decided on.

use kube::{Api, Client, api::DynamicObject};

use super::{ActionError, apply, evict::evict};
use crate::{
    pipeline::api::{self, ApiError, Effect},
    remediation::{Change, Operation},
};

/// Has the API server admit the changes of an object that reads so, and make none of them.
pub(in crate::pipeline) async fn try_out(client: &Client, changes: &[Change], live: &DynamicObject) -> Result<(), ActionError> {
    for change in changes {
        match write(&api::of(client, &change.object).await?, change, live, Effect::Tried).await {
            // Whether its budget allows it shows when it is done.
            Ok(()) | Err(ActionError::Blocked { .. }) => {}
            Err(ActionError::Api(error)) if change.operation == Operation::Create && exists(&error) => {
                return Err(ActionError::NotOurs { what: format!("the {} {}", change.object.kind, change.object.name) });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn exists(error: &ApiError) -> bool {
    error.status().is_some_and(|status| status.reason == "AlreadyExists")
}

/// Writes a change of an object that was read so.
pub(super) async fn write(api: &Api<DynamicObject>, change: &Change, live: &DynamicObject, effect: Effect) -> Result<(), ActionError> {
    let patch = change.patch.clone().unwrap_or_default();
    match change.operation {
        Operation::Patch => Ok(api::patch_as_read(api, change.subresource, live, &patch, effect).await?),
        Operation::Apply => apply::write(api, change, live, effect).await.map(drop),
        Operation::Create => Ok(api::create(api, patch, effect).await?),
        Operation::Delete => Ok(api::delete_as_read("delete the target", api, live, effect).await?),
        Operation::Evict => evict(api, live, effect).await,
    }
}
