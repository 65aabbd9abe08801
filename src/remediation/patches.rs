//! What the family's `spec.patches` mean here: one patch is the action `apply`, of the object that it names.
//!
//! | patches | meaning |
//! |---|---|
//! | one | `apply` of its text; apiVersion, kind, name and namespace beside it name the target, and stand in for what the text leaves out |
//! | several, up to 16 | a remediation of each, one after the other: a remediation pins, records and undoes one object (`pipeline::series`) |
//! | beside an action | none: the action is what is done |
//!
//! `totalPatches` and `appliedPatches` say how many there are, and are in place; `patchRemediations`, of several, which
//! remediations they are.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

use super::{Action, ActionKind, Patch, Phase, RemediationSpec, ZenAgentRemediation};
use crate::{
    event::Target,
    pipeline::actions::{self, ApplyAction},
};

impl RemediationSpec {
    /// What is to be done.
    pub fn wanted_action(&self) -> Option<Cow<'_, Action>> {
        let patch = || Some(Cow::Owned(Action::Apply(ApplyAction { manifest: manifest(self.patch()?) })));
        self.action.as_ref().map(Cow::Borrowed).or_else(patch)
    }

    /// The kind of it.
    pub fn action_kind(&self) -> Option<ActionKind> {
        self.action.as_ref().map(Action::kind).or_else(|| self.patch().map(|_| ActionKind::Apply))
    }

    /// The object that it is to be done to.
    pub fn wanted_target(&self) -> Option<Cow<'_, Target>> {
        let patch = || self.patch().map(|patch| Cow::Owned(target(patch)));
        self.target.as_ref().map(Cow::Borrowed).or_else(patch)
    }

    /// The only patch, where it says what is to be done.
    pub(crate) fn patch(&self) -> Option<&Patch> {
        match self.patches.as_slice() {
            [patch] if self.action.is_none() => Some(patch),
            _ => None,
        }
    }
}

/// Annotation on the remediation of a patch: the uid of the one that has the patches.
pub const PATCH_OF: &str = "zen.kube-zen.io/patch-of";

/// How many patches a remediation may have.
pub const MAX_PATCHES: usize = 16;

impl ZenAgentRemediation {
    /// Whether it is done by remediations of its patches: as its spec says until it begins, and then as it began.
    pub fn is_series(&self) -> bool {
        match (self.phase(), &self.status) {
            (Phase::Pending, _) => self.spec.action.is_none() && self.spec.patches.len() > 1,
            (_, Some(status)) => status.action.is_none() && status.total_patches.is_some_and(|total| total > 1),
            (_, None) => false,
        }
    }

    /// The remediation that has the patch which this one is of, where it is of one of several.
    pub fn patch_of(&self) -> Option<&OwnerReference> {
        let uid = self.made_for()?;
        let is_series = |owner: &&OwnerReference| {
            let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
            owner.controller == Some(true) && group == Self::group(&()) && owner.kind == Self::kind(&()) && owner.uid == uid
        };
        self.owner_references().iter().find(is_series)
    }

    /// The uid of the remediation that it was made for, as a patch of it. The owner may be taken off (`--cascade=orphan`); this stays.
    pub fn made_for(&self) -> Option<&str> {
        self.annotations().get(PATCH_OF).map(String::as_str)
    }

    /// How many of its patches are in place.
    pub fn applied_patches(&self) -> usize {
        let applied = self.status.as_ref().and_then(|status| status.applied_patches);
        applied.and_then(|applied| usize::try_from(applied).ok()).unwrap_or_default()
    }
}

fn target(patch: &Patch) -> Target {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let Patch { api_version, kind, name, namespace, .. } = patch;
    Target { api_version: text(api_version), kind: text(kind), namespace: namespace.clone(), name: text(name), uid: None }
}

/// The patch's text with what stands beside it; a text that is no object is left for the action to refuse.
fn manifest(patch: &Patch) -> String {
    let text = patch.patch.clone().unwrap_or_default();
    if actions::bounded(&text).is_err() {
        return text;
    }
    let read = serde_yaml_ng::from_str(&text).ok().and_then(|value: serde_yaml_ng::Value| serde_json::to_value(value).ok());
    let Some(Value::Object(mut fields)) = read else { return text };
    let mut stand_in = |key: &str, value: &Option<String>| {
        if let Some(value) = value {
            fields.entry(key).or_insert_with(|| value.as_str().into());
        }
    };
    stand_in("apiVersion", &patch.api_version);
    stand_in("kind", &patch.kind);
    if let (Some(metadata), Some(name)) = (fields.entry("metadata").or_insert_with(|| json!({})).as_object_mut(), &patch.name) {
        metadata.entry("name").or_insert_with(|| name.as_str().into());
    }
    Value::Object(fields).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::{api::view, remediation::ZenAgentRemediation};

    fn spec(texts: &[&str]) -> RemediationSpec {
        let text = |text: &str| Some(text.to_owned());
        let patch = |patch: &&str| Patch {
            api_version: text("v1"),
            kind: text("ConfigMap"),
            name: text("a"),
            namespace: text("shop"),
            patch: text(patch),
        };
        RemediationSpec { patches: texts.iter().map(patch).collect(), ..RemediationSpec::default() }
    }

    #[test]
    fn what_would_be_large_once_it_is_read_is_not_read_and_refused_by_the_action() {
        let aliases = format!("a: &a \"{}\"\nb: [{}]", "x".repeat(1_000), "*a, ".repeat(1_000));
        for text in [aliases.as_str(), "a: &b c\nd: *b", "a: &-b c\nd: *-b", &format!("data: {{ b: {} }}", "x".repeat(100_000))] {
            let wanted = spec(&[text]).wanted_action().map(Cow::into_owned);
            assert!(matches!(&wanted, Some(Action::Apply(ApplyAction { manifest })) if manifest == text));
            assert!(wanted.unwrap().problem().is_some());
        }
        // A star is no alias.
        assert!(spec(&["data: { schedule: '*/5 * * * *', b: 'a*b' }"]).wanted_action().unwrap().problem().is_none());
    }

    #[test]
    fn one_patch_is_an_apply_of_the_object_that_it_names_and_several_are_none() {
        let one = spec(&["data: {b: c}"]);
        let Some(Action::Apply(ApplyAction { manifest })) = one.wanted_action().map(Cow::into_owned) else { panic!("no apply") };
        let wanted = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": { "b": "c" } });
        assert_eq!(serde_json::from_str::<Value>(&manifest).unwrap(), wanted);
        let target = one.wanted_target().unwrap();
        assert_eq!(one.wanted_action().unwrap().mismatch(&target), None);
        assert!(spec(&["kind: Secret"]).wanted_action().unwrap().mismatch(&target).is_some(), "the text is not overruled");
        assert!(spec(&["[]"]).wanted_action().unwrap().problem().is_some());
        assert!(spec(&["a: b", "a: b"]).wanted_action().is_none() && spec(&[]).wanted_action().is_none());
        let kinds = [&["a: b"][..], &["a: b", "a: b"], &[]].map(|texts| spec(texts).action_kind());
        assert_eq!(kinds, [Some(ActionKind::Apply), None, None]);
        let shown = view::remediation(&ZenAgentRemediation { spec: one, ..ZenAgentRemediation::default() }, "id".to_owned());
        assert_eq!((shown.action.as_deref(), shown.target.map(|target| target.name)), (Some("apply"), Some("a".to_owned())));
    }
}
