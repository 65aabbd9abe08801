//! Calls to the Kubernetes API: every one bounded in time, every failure sorted by what it means here.

use std::future::Future;

use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions},
    core::Status,
    discovery::Scope,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::kinds::{self, KindError};
use crate::{
    category::Category,
    deadline::CALL,
    event::Target,
    remediation::{Subresource, merge_patch},
};

/// A call that failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No answer; what was asked for may have happened.
    #[error("cannot {what}: the API server did not answer within {} s", CALL.as_secs())]
    Timeout {
        /// What the call was for.
        what: &'static str,
    },
    /// Not asked for: another replica may be leading.
    #[error("cannot {what}: the lease has run out")]
    NotLeading {
        /// What the call was for.
        what: &'static str,
    },
    /// Refused, or not delivered.
    #[error("cannot {what}: {}", explain(source))]
    Failed {
        /// What the call was for.
        what: &'static str,
        /// The client's error.
        source: Box<kube::Error>,
    },
}

impl ApiError {
    pub(super) fn failed(what: &'static str, source: kube::Error) -> Self {
        Self::Failed { what, source: Box::new(source) }
    }

    /// What kind of failure it was.
    pub fn category(&self) -> Category {
        match self {
            Self::Timeout { .. } => Category::Timeout,
            Self::NotLeading { .. } => Category::Conflict,
            Self::Failed { source, .. } => Category::of(source),
        }
    }

    /// Whether what was asked for may have been done all the same.
    pub(super) fn may_have_happened(&self) -> bool {
        matches!(self.category(), Category::Timeout | Category::Transient)
    }
}

impl ApiError {
    /// What the API server answered with.
    pub(super) fn status(&self) -> Option<&Status> {
        match self {
            Self::Failed { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => Some(status),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The server's own words, which name the object and, for a 403, the permission that is missing.
fn explain(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({})", status.message, status.code),
        other => other.to_string(),
    }
}

/// Makes a call, bounded in time.
pub(super) async fn call<T>(what: &'static str, call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, ApiError> {
    let answer = tokio::time::timeout(CALL, call).await.map_err(|_| ApiError::Timeout { what })?;
    answer.map_err(|source| ApiError::failed(what, source))
}

/// Like [`call`], with `None` where the object is not there.
pub(super) async fn find<T>(what: &'static str, get: impl Future<Output = Result<T, kube::Error>>) -> Result<Option<T>, ApiError> {
    match call(what, get).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.category() == Category::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The API for the target's kind, where a remediation may touch that kind at all.
pub(super) async fn of(client: &Client, target: &Target) -> Result<Api<DynamicObject>, KindError> {
    let kind = kinds::find(client, target).await?;
    match (kind.scope, target.namespace.as_deref()) {
        (Scope::Cluster, _) => Ok(Api::all_with(client.clone(), &kind.resource)),
        (Scope::Namespaced, Some(namespace)) => Ok(Api::namespaced_with(client.clone(), namespace, &kind.resource)),
        (Scope::Namespaced, None) => Err(KindError::NoNamespace { kind: target.kind.clone() }),
    }
}

/// Whether a write is made, or only admitted or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It is made.
    Made,
    /// The server says whether it would make it (`dryRun=All`).
    Tried,
}

impl Effect {
    const fn is_dry(self) -> bool {
        matches!(self, Self::Tried)
    }

    /// For a create.
    pub(super) fn post(self) -> PostParams {
        PostParams { dry_run: self.is_dry(), ..PostParams::default() }
    }
}

/// Writes a patch that only holds for `live` as it was read: its uid and its resourceVersion.
pub(super) async fn patch_as_read(
    api: &Api<DynamicObject>,
    part: Option<Subresource>,
    live: &DynamicObject,
    patch: &Value,
    effect: Effect,
) -> Result<(), ApiError> {
    let mut patch = merge_patch(&json!(live), patch);
    patch["metadata"]["uid"] = live.metadata.uid.clone().into();
    patch["metadata"]["resourceVersion"] = live.metadata.resource_version.clone().into();
    let name = live.metadata.name.as_deref().unwrap_or_default();
    let (params, patch) = (PatchParams { dry_run: effect.is_dry(), ..PatchParams::default() }, Patch::Merge(patch));
    match part {
        None => call("change the target", api.patch(name, &params, &patch)).await.map(drop),
        Some(Subresource::Scale) => call("scale the target", api.patch_scale(name, &params, &patch)).await.map(drop),
    }
}

/// Applies a manifest as this field manager, never by force; where the object was read, only to that, as it was read.
/// Answers how the object reads then.
pub(super) async fn apply(
    api: &Api<DynamicObject>,
    manager: &str,
    manifest: &Value,
    live: &DynamicObject,
    effect: Effect,
) -> Result<DynamicObject, ApiError> {
    let mut manifest = manifest.clone();
    if live.metadata.uid.is_some() {
        manifest["metadata"]["uid"] = live.metadata.uid.clone().into();
        manifest["metadata"]["resourceVersion"] = live.metadata.resource_version.clone().into();
    }
    let params = PatchParams { dry_run: effect.is_dry(), ..PatchParams::apply(manager) };
    call("apply the manifest", api.patch(&live.name_any(), &params, &Patch::Apply(manifest))).await
}

/// Creates an object as this manifest says, as this field manager, where nothing is: an apply would add to what is there.
pub(super) async fn create_as(api: &Api<DynamicObject>, manager: &str, manifest: &Value) -> Result<DynamicObject, ApiError> {
    let what = "create what the manifest says";
    let object = serde_json::from_value(manifest.clone()).map_err(|error| ApiError::failed(what, kube::Error::SerdeError(error)))?;
    let params = PostParams { field_manager: Some(manager.to_owned()), ..PostParams::default() };
    call(what, api.create(&params, &object)).await
}

/// Replaces an object that was changed since it was read in memory alone, as this field manager.
pub(super) async fn replace(api: &Api<DynamicObject>, manager: &str, changed: &DynamicObject) -> Result<(), ApiError> {
    let params = PostParams { field_manager: Some(manager.to_owned()), ..PostParams::default() };
    call("set back the target", api.replace(&changed.name_any(), &params, changed)).await.map(drop)
}

/// Creates an object as this manifest says.
pub(super) async fn create(api: &Api<DynamicObject>, manifest: Value, effect: Effect) -> Result<(), ApiError> {
    let what = "create what the action needs";
    let object = serde_json::from_value(manifest).map_err(|error| ApiError::failed(what, kube::Error::SerdeError(error)))?;
    call(what, api.create(&effect.post(), &object)).await.map(drop)
}

/// Deletes an object only as it was read: its uid and its resourceVersion.
pub(super) async fn delete_as_read<K>(what: &'static str, api: &Api<K>, live: &K, effect: Effect) -> Result<(), ApiError>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    let as_read = Preconditions { uid: live.uid(), resource_version: live.resource_version() };
    // Some kinds, such as Jobs of older versions, would leave behind what they made.
    let params = DeleteParams { preconditions: Some(as_read), dry_run: effect.is_dry(), ..DeleteParams::background() };
    call(what, api.delete(&live.name_any(), &params)).await.map(drop)
}
