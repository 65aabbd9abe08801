//! `apply`: a manifest that somebody gives, server-side, on the target that it names.
//!
//! ```text
//!   the target is there:      server-side apply, as read (uid, resourceVersion), never forced
//!     rollback: the fields that only this remediation holds ─▶ their former values, and its entries off managedFields
//!   it is not there (Pin::Absent): created, which fails where something is; marked with the remediation's uid
//!     rollback: deleted, unless somebody else holds anything in it by now
//! ```
//!
//! The field manager is the remediation's own. With one for all of them, each manifest would take away what the one before
//! it had set, as an apply does with what its manager no longer names. So the manager's entry in managedFields is both the
//! sign that the manifest was applied, and the proof of what is still held: whoever sets one of these fields to another value,
//! by whatever kind of write, takes it out of that entry. What another manager sets to the same value it holds too, and that
//! stays. What was recorded are the former values of exactly the fields that the server, asked by a dry run, would have this
//! manager hold.
//!
//! What succeeded stays held, as of every applier: who wants it otherwise has to force it, or have it rolled back first.
//! A rollback is a replacement of the object as read, which the server counts as one of the same manager; another one
//! takes its entries off. A dry run that would change nothing is what shows that the fields are as applied.
//! What has begun to be deleted counts as deleted: nobody can take that back.

mod fields;
mod manifest;

use futures::FutureExt;
use kube::{Api, ResourceExt, api::DynamicObject};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Act, ActionError, Disruption, Level, Permission, Reversibility, Site, Subject, Verdict,
    site::{PASSES, Pin, Turn},
};
use crate::{
    category::Category,
    event::Target,
    pipeline::api::{self, ApiError, Effect},
    remediation::{Change, REMEDIATION_LABEL},
};
use manifest::Manifest;
pub(crate) use manifest::bounded;

/// What it does to the kinds that the operator grants, besides reading them.
pub(crate) const VERBS: [&str; 4] = ["create", "patch", "update", "delete"];

/// Parameters of `apply`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApplyAction {
    /// The manifest, YAML or JSON, of the target and nothing else: without status, and of the metadata only name, namespace,
    /// labels and annotations.
    #[schemars(length(max = 8192))]
    pub manifest: String,
}

/// What the manifest's fields read before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PreviousManifest {
    /// The former values of the fields that the manifest sets, as JSON, of those that were there; absent where the object was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former: Option<String>,
}

impl PreviousManifest {
    fn former(&self) -> Result<Option<Value>, ActionError> {
        self.former.as_deref().map(|text| serde_json::from_str(text).map_err(|_| ActionError::NotRecorded)).transpose()
    }
}

impl ApplyAction {
    fn read(&self) -> Result<Manifest, ActionError> {
        Manifest::read(&self.manifest).map_err(|why| ActionError::Unsuitable { why })
    }

    /// The manifest as it is sent: in the target's place, and marked where it makes the object.
    fn manifest(&self, subject: Subject<'_>) -> Result<Value, ActionError> {
        let mut manifest = self.read()?.value;
        match &subject.target.namespace {
            Some(namespace) => manifest["metadata"]["namespace"] = namespace.as_str().into(),
            None => _ = manifest["metadata"].as_object_mut().and_then(|metadata| metadata.remove("namespace")),
        }
        if subject.pin() == Pin::Absent {
            for (key, value) in subject.marks() {
                manifest["metadata"]["annotations"][key] = value.into();
            }
            manifest["metadata"]["labels"][REMEDIATION_LABEL] = subject.label().into();
        }
        Ok(manifest)
    }
}

/// The field manager of a remediation.
fn manager(subject: Subject<'_>) -> String {
    format!("zen-agent-{}", subject.uid.unwrap_or_default())
}

/// Writes a manifest to what is there, or has it tried, also of what is not there.
pub(super) async fn write(
    api: &Api<DynamicObject>,
    change: &Change,
    live: &DynamicObject,
    effect: Effect,
) -> Result<DynamicObject, ActionError> {
    let (manager, manifest) = (change.manager.as_deref().unwrap_or_default(), change.patch.clone().unwrap_or_default());
    api::apply(api, manager, &manifest, live, effect).await.map_err(refusal)
}

fn refusal(error: ApiError) -> ActionError {
    let Some(status) = error.status() else { return error.into() };
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    if causes.iter().any(|cause| cause.reason == "FieldManagerConflict") {
        return ActionError::Conflict { why: status.message.clone() };
    }
    if status.code == 415 { ActionError::NoServerSideApply } else { error.into() }
}

/// What can be told apart in an object: all but what counts and tells its writes.
fn content(object: &DynamicObject) -> Value {
    let mut content = json!(object);
    if let Some(metadata) = content["metadata"].as_object_mut() {
        ["managedFields", "resourceVersion", "generation"].into_iter().for_each(|key| _ = metadata.remove(key));
    }
    content
}

impl Act for ApplyAction {
    type Previous = PreviousManifest;

    const LEVEL: Level = Level::Manifest;
    /// None: which kinds manifests may be of is the operator's to grant.
    const PERMISSIONS: &'static [Permission] = &[];
    const REVERSIBILITY: Reversibility = Reversibility::Reversible;

    fn problem(&self) -> Option<String> {
        Manifest::read(&self.manifest).err()
    }

    fn mismatch(&self, named: &Target) -> Option<String> {
        Manifest::read(&self.manifest).map_or_else(Some, |manifest| manifest.mismatch(named))
    }

    fn disruption(&self) -> Disruption {
        let manifest = self.read().ok();
        let replicas = manifest.as_ref().and_then(|manifest| manifest.value["spec"].get("replicas"));
        // A number that is none of replicas counts as none of them.
        replicas.map_or(Disruption::None, |replicas| {
            Disruption::AllBut(replicas.as_u64().and_then(|replicas| u32::try_from(replicas).ok()).unwrap_or(0))
        })
    }

    async fn survey(&self, subject: Subject<'_>, api: &Api<DynamicObject>, live: &DynamicObject) -> Result<PreviousManifest, ActionError> {
        if live.metadata.uid.is_none() {
            // To delete it would take with it what others have put there since.
            if subject.target.kind == "Namespace" {
                let why = "a namespace is not created: undoing that would delete what others put there; create it first".to_owned();
                return Err(ActionError::Unsuitable { why });
            }
            return Ok(PreviousManifest { former: None });
        }
        let manager = manager(subject);
        let foreseen = api::apply(api, &manager, &self.manifest(subject)?, live, Effect::Tried).await.map_err(refusal)?;
        let held = fields::applied(&foreseen, &manager).cloned().unwrap_or_default();
        Ok(PreviousManifest { former: Some(fields::excerpt(&held, &json!(live)).unwrap_or_default().to_string()) })
    }

    fn change(&self, subject: Subject<'_>, live: &DynamicObject, previous: &PreviousManifest) -> Result<Option<Change>, ActionError> {
        let manager = manager(subject);
        let done = match subject.pin() {
            // What is read in the place of what was absent is this remediation's own.
            Pin::Absent => live.metadata.uid.is_some(),
            Pin::Uid(_) => fields::applied(live, &manager).is_some(),
        };
        if done {
            return Ok(None);
        }
        let live = json!(live);
        if let Some(former) = previous.former()?
            && !fields::reads(&live, &former)
        {
            return Err(ActionError::Changed { field: "a field that the manifest sets".to_owned() });
        }
        Ok(Some(Change::apply(subject.target, &live, self.manifest(subject)?, manager)))
    }

    async fn execute(&self, site: &Site<'_>, previous: &PreviousManifest) -> Result<(), ActionError> {
        match site.subject.pin() {
            Pin::Uid(_) => site.converge(|live| self.change(site.subject, live, previous)).await,
            Pin::Absent => create(site, &self.manifest(site.subject)?).await,
        }
    }

    async fn validate(&self, site: &Site<'_>) -> Result<Verdict, ActionError> {
        let subject = site.subject;
        for _ in 0..PASSES {
            let live = match site.read().await {
                Ok(live) => live,
                Err(ActionError::NotOurs { what }) => return Ok(Verdict::Impossible(format!("{what} was made anew by another party"))),
                Err(error) => return Err(error),
            };
            if live.metadata.uid.is_none() || live.metadata.deletion_timestamp.is_some() {
                return Ok(Verdict::Impossible(format!("{} was deleted by another party", subject.named())));
            }
            let foreseen = api::apply(&site.api().await?, &manager(subject), &self.manifest(subject)?, &live, Effect::Tried).await;
            return match foreseen.map_err(refusal) {
                Ok(foreseen) if content(&foreseen) == content(&live) => Ok(Verdict::Holds("the fields read as applied".to_owned())),
                Ok(_) => Ok(Verdict::Impossible("a field that the manifest sets was changed by another party".to_owned())),
                Err(ActionError::Conflict { why }) => Ok(Verdict::Impossible(format!("another party changed what was applied: {why}"))),
                // An object that somebody writes often says nothing against the effect.
                Err(ActionError::Api(error)) if error.category() == Category::Conflict => continue,
                Err(error) => Err(error),
            };
        }
        Ok(Verdict::NotYet("the object changed whenever it was looked at".to_owned()))
    }

    async fn rollback(&self, site: &Site<'_>, previous: &PreviousManifest) -> Result<(), ActionError> {
        match previous.former()? {
            Some(former) => set_back(site, &former).await,
            None => take_away(site, Turn::Own).await,
        }
    }

    async fn left_behind(&self, site: &Site<'_>, previous: &PreviousManifest) -> Result<Option<String>, ActionError> {
        if previous.former.is_some() {
            return Ok(None);
        }
        let live = match site.read().await {
            Ok(live) if live.uid().is_some() && live.metadata.deletion_timestamp.is_none() => live,
            Ok(_) | Err(ActionError::NotOurs { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        match fields::other_holders(&live, &manager(site.subject)).as_slice() {
            // Since a moment ago.
            [] => Err(ActionError::Contended),
            holders => {
                Ok(Some(format!("{}, which it created, as a whole: {} holds part of it by now", site.subject.named(), holders.join(", "))))
            }
        }
    }

    fn leftover(&self, subject: Subject<'_>) -> String {
        match subject.pin() {
            Pin::Uid(_) => format!("what the field manager {} holds of {}", manager(subject), subject.named()),
            Pin::Absent => format!("{}, which it created", subject.named()),
        }
    }
}

/// Creates what the manifest says; ends when a fresh read shows it.
async fn create(site: &Site<'_>, manifest: &Value) -> Result<(), ActionError> {
    for _ in 0..PASSES {
        if site.read().await?.metadata.uid.is_some() {
            return Ok(());
        }
        let (api, manager, manifest) = (site.api().await?, manager(site.subject), manifest.clone());
        let create = async move { api::create_as(&api, &manager, &manifest).await.map(drop).map_err(refusal) };
        match site.create(create, |site| take_away(site, Turn::Over).boxed()).await {
            Ok(()) => {}
            // Somebody else made it, or took its namespace away: the next read shows which.
            Err(ActionError::Api(error)) if matches!(error.category(), Category::Conflict | Category::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Err(ActionError::Contended)
}

/// Sets back what only this remediation holds, and takes its entries off; ends when a fresh read shows none.
async fn set_back(site: &Site<'_>, former: &Value) -> Result<(), ActionError> {
    let (api, manager) = (site.api().await?, manager(site.subject));
    for _ in 0..PASSES {
        let live = match site.read().await {
            Ok(live) => live,
            Err(ActionError::Gone { .. } | ActionError::Replaced { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        let Some(wanted) = fields::without(&live, &manager, former) else { return Ok(()) };
        site.still_ours().await?;
        go_on(api::replace(&api, &manager, &wanted).await)?;
    }
    Err(ActionError::Contended)
}

/// Deletes what this remediation created and nobody else has changed; ends when a fresh read shows none.
async fn take_away(site: &Site<'_>, turn: Turn) -> Result<(), ActionError> {
    let (api, manager) = (site.api().await?, manager(site.subject));
    for _ in 0..PASSES {
        let live = match site.read().await {
            Ok(live) => live,
            Err(ActionError::NotOurs { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        if live.uid().is_none() || live.metadata.deletion_timestamp.is_some() || !fields::other_holders(&live, &manager).is_empty() {
            return Ok(());
        }
        if !site.may_delete(turn).await? {
            return Ok(());
        }
        go_on(api::delete_as_read("delete what was created", &api, &live, Effect::Made).await)?;
    }
    Err(ActionError::Contended)
}

/// Whether to look again: also where somebody else wrote or deleted it since it was read.
fn go_on(written: Result<(), ApiError>) -> Result<(), ActionError> {
    match written {
        Err(error) if !matches!(error.category(), Category::Conflict | Category::NotFound) => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_replicas_it_leaves_is_what_the_manifest_says_and_none_where_that_is_no_number_of_them() {
        for (spec, takes) in [
            (r#"{"replicas": 2}"#, Disruption::AllBut(2)),
            (r#"{"replicas": 0}"#, Disruption::AllBut(0)),
            (r#"{"replicas": -1}"#, Disruption::AllBut(0)),
            (r#"{"replicas": 1.5}"#, Disruption::AllBut(0)),
            (r#"{"replicas": "2"}"#, Disruption::AllBut(0)),
            (r#"{"replicas": 99999999999}"#, Disruption::AllBut(0)),
            (r#"{"replicas": []}"#, Disruption::AllBut(0)),
            (r#"{"paused": true}"#, Disruption::None),
        ] {
            let manifest = format!(r#"{{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {{"name": "web"}}, "spec": {spec}}}"#);
            assert_eq!(ApplyAction { manifest }.disruption(), takes, "{spec}");
        }
    }
}
