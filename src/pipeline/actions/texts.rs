//! Texts by key in an object's metadata: what labels and annotations have in common.

use std::collections::BTreeMap;

use kube::api::DynamicObject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{ActionError, Permission, Site, Subject, Verdict};

pub(super) type Texts = BTreeMap<String, String>;

/// Pods and workloads; operators grant further kinds.
pub(super) const PERMISSIONS: &[Permission] = &[
    Permission::to("", "pods", &["get", "patch"]),
    Permission::to("apps", "deployments", &["get", "patch"]),
    Permission::to("apps", "replicasets", &["get", "patch"]),
    Permission::to("apps", "statefulsets", &["get", "patch"]),
    Permission::to("apps", "daemonsets", &["get", "patch"]),
    Permission::to("batch", "jobs", &["get", "patch"]),
    Permission::to("batch", "cronjobs", &["get", "patch"]),
];

/// The former values of labels or annotations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PreviousTexts {
    /// Those that had another value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub values: Texts,
    /// Those that were not there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<String>,
}

/// Which texts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    Labels,
    Annotations,
}

impl Field {
    const fn name(self) -> &'static str {
        match self {
            Self::Labels => "labels",
            Self::Annotations => "annotations",
        }
    }

    fn get<'a>(self, live: &'a DynamicObject, key: &str) -> Option<&'a String> {
        let texts = match self {
            Self::Labels => &live.metadata.labels,
            Self::Annotations => &live.metadata.annotations,
        };
        texts.as_ref()?.get(key)
    }

    pub(super) fn prepare(self, wanted: &Texts, live: &DynamicObject) -> PreviousTexts {
        let mut previous = PreviousTexts::default();
        for key in wanted.keys() {
            match self.get(live, key) {
                Some(value) => _ = previous.values.insert(key.clone(), value.clone()),
                None => previous.absent.push(key.clone()),
            }
        }
        previous
    }

    pub(super) async fn validate(self, wanted: &Texts, site: &Site<'_>) -> Result<Verdict, ActionError> {
        let live = site.read().await?;
        let lost = wanted.iter().find(|(key, value)| self.get(&live, key) != Some(value));
        Ok(match lost {
            None => Verdict::Holds(format!("the {} are set", self.name())),
            Some((key, _)) => Verdict::Impossible(format!("of the {}, {key} was changed by another party", self.name())),
        })
    }

    pub(super) async fn rollback(self, wanted: &Texts, site: &Site<'_>, previous: &PreviousTexts) -> Result<(), ActionError> {
        site.revert(|live| Ok(self.unset(wanted, previous, live).map(|patch| site.subject.patch(None, live, patch)))).await
    }

    pub(super) fn leftover(self, wanted: &Texts, subject: Subject<'_>) -> String {
        let keys: Vec<_> = wanted.keys().map(String::as_str).collect();
        format!("the {} {} on {}", self.name(), keys.join(", "), subject.named())
    }

    pub(super) fn set(self, wanted: &Texts, previous: &PreviousTexts, live: &DynamicObject) -> Result<Option<Value>, ActionError> {
        let mut patch = Map::new();
        for (key, value) in wanted {
            match self.get(live, key) {
                now if now == Some(value) => {}
                now if now == previous.values.get(key) => _ = patch.insert(key.clone(), value.as_str().into()),
                _ => return Err(ActionError::Changed { field: format!("{key} of the {}", self.name()) }),
            }
        }
        Ok(self.patch(patch))
    }

    /// Sets back what still reads as wanted, and read otherwise before.
    fn unset(self, wanted: &Texts, previous: &PreviousTexts, live: &DynamicObject) -> Option<Value> {
        let held = wanted.iter().filter(|(key, value)| self.get(live, key) == Some(value));
        let undone = held.filter_map(|(key, value)| {
            let former = previous.values.get(key);
            (former != Some(value)).then(|| (key.clone(), former.map_or(Value::Null, |former| former.as_str().into())))
        });
        self.patch(undone.collect())
    }

    fn patch(self, texts: Map<String, Value>) -> Option<Value> {
        (!texts.is_empty()).then(|| json!({ "metadata": { self.name(): texts } }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const BOTH: [Field; 2] = [Field::Labels, Field::Annotations];

    fn texts<const N: usize>(pairs: [(&str, &str); N]) -> Texts {
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    fn pod(field: Field, texts: Texts) -> DynamicObject {
        let mut pod = DynamicObject::new("web", &kube::api::ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&()));
        match field {
            Field::Labels => pod.metadata.labels = Some(texts),
            Field::Annotations => pod.metadata.annotations = Some(texts),
        }
        pod
    }

    #[test]
    fn a_text_that_reads_as_wanted_is_neither_written_nor_undone() {
        for field in BOTH {
            let wanted = texts([("flag", "falco")]);
            let live = pod(field, wanted.clone());
            let previous = field.prepare(&wanted, &live);
            assert_eq!(field.set(&wanted, &previous, &live).unwrap(), None);
            assert_eq!(field.unset(&wanted, &previous, &live), None);
        }
    }

    #[test]
    fn undoing_restores_former_values_and_leaves_what_another_party_set() {
        for field in BOTH {
            let wanted = texts([("a", "new"), ("b", "new"), ("c", "new")]);
            let before = pod(field, texts([("a", "old"), ("c", "old")]));
            let previous = field.prepare(&wanted, &before);
            let all = json!({ "metadata": { field.name(): { "a": "new", "b": "new", "c": "new" } } });
            assert_eq!(field.set(&wanted, &previous, &before).unwrap(), Some(all));
            let after = pod(field, texts([("a", "new"), ("b", "new"), ("c", "theirs")]));
            let undone = json!({ "metadata": { field.name(): { "a": "old", "b": null } } });
            assert_eq!(field.unset(&wanted, &previous, &after), Some(undone));
        }
    }

    #[test]
    fn a_text_that_another_party_changed_in_between_is_not_overwritten() {
        for field in BOTH {
            let wanted = texts([("a", "new")]);
            let previous = field.prepare(&wanted, &pod(field, texts([("a", "old")])));
            for theirs in [texts([("a", "theirs")]), Texts::new()] {
                assert!(matches!(field.set(&wanted, &previous, &pod(field, theirs)), Err(ActionError::Changed { .. })));
            }
        }
    }
}
