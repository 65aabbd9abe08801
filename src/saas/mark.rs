//! `status.synced` and `status.lastSyncAttempt`: whether the SaaS knows the latest status, on the object.
//!
//! Written only where the pipeline leaves the object alone, so that the write is in nobody's way, and by the version that
//! was told: what changed since is told again. Every later status takes `synced` back (`status_write`).

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::entry::{Entry, is_told, rests};
use crate::{
    deadline::{CALL, within},
    remediation::ZenAgentRemediation,
};

/// Notes on the object that this was told, or refused.
pub(super) async fn note(
    api: &Api<ZenAgentRemediation>,
    object: &ZenAgentRemediation,
    told: &Entry,
    now: &Entry,
    taken: bool,
) -> Result<(), kube::Error> {
    if !rests(object) || is_told(object) || now.report != told.report {
        return Ok(());
    }
    let patch = json!({
        "metadata": { "uid": object.metadata.uid, "resourceVersion": object.metadata.resource_version },
        "status": { "synced": taken, "lastSyncAttempt": Time(Timestamp::now()) },
    });
    match within(CALL, api.patch_status(&told.name, &PatchParams::default(), &Patch::Merge(patch))).await {
        // Changed, or deleted, meanwhile: what it is now is told next.
        Err(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found() => Ok(()),
        other => other.map(drop),
    }
}
