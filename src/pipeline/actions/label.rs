//! `label`: sets labels on the target itself. Undone by the labels' former values.

use std::collections::BTreeMap;

use kube::api::DynamicObject;
use serde_json::{Map, Value, json};

use super::{Act, ActionError, Level, Permission, Site, Verdict, gone_is_undone};
use crate::remediation::{LabelAction, Previous, PreviousLabels};

type Labels = BTreeMap<String, String>;

impl Act for LabelAction {
    const LEVEL: Level = Level::Itself;
    /// Pods and workloads; operators grant further kinds.
    const PERMISSIONS: &'static [Permission] = &[
        Permission::to("", "pods", &["get", "patch"]),
        Permission::to("apps", "deployments", &["get", "patch"]),
        Permission::to("apps", "replicasets", &["get", "patch"]),
        Permission::to("apps", "statefulsets", &["get", "patch"]),
        Permission::to("apps", "daemonsets", &["get", "patch"]),
        Permission::to("batch", "jobs", &["get", "patch"]),
        Permission::to("batch", "cronjobs", &["get", "patch"]),
    ];

    fn prepare(&self, live: &DynamicObject) -> Result<Previous, ActionError> {
        let now = live.metadata.labels.as_ref();
        let mut previous = PreviousLabels::default();
        for key in self.labels.keys() {
            match now.and_then(|labels| labels.get(key)) {
                Some(value) => _ = previous.values.insert(key.clone(), value.clone()),
                None => previous.absent.push(key.clone()),
            }
        }
        Ok(Previous::Labels(previous))
    }

    async fn execute(&self, site: &Site<'_>, previous: &Previous) -> Result<(), ActionError> {
        let previous = recorded(previous)?;
        site.converge(|live| set(&self.labels, previous, live)).await
    }

    async fn validate(&self, site: &Site<'_>) -> Result<Verdict, ActionError> {
        let live = site.read().await?;
        let lost = self.labels.iter().find(|(key, value)| label(&live, key) != Some(value));
        Ok(match lost {
            None => Verdict::Holds("the labels are set".to_owned()),
            Some((key, _)) => Verdict::Impossible(format!("the label {key} was changed by another party")),
        })
    }

    async fn rollback(&self, site: &Site<'_>, previous: &Previous) -> Result<(), ActionError> {
        let previous = recorded(previous)?;
        gone_is_undone(site.converge(|live| Ok(unset(&self.labels, previous, live))).await)
    }

    fn leftover(&self, site: &Site<'_>) -> String {
        let keys: Vec<_> = self.labels.keys().map(String::as_str).collect();
        format!("the labels {} on {}", keys.join(", "), site.named())
    }
}

fn recorded(previous: &Previous) -> Result<&PreviousLabels, ActionError> {
    match previous {
        Previous::Labels(labels) => Ok(labels),
        _ => Err(ActionError::NotRecorded),
    }
}

fn label<'a>(live: &'a DynamicObject, key: &str) -> Option<&'a String> {
    live.metadata.labels.as_ref()?.get(key)
}

fn set(wanted: &Labels, previous: &PreviousLabels, live: &DynamicObject) -> Result<Option<Value>, ActionError> {
    let mut patch = Map::new();
    for (key, value) in wanted {
        match label(live, key) {
            now if now == Some(value) => {}
            now if now == previous.values.get(key) => _ = patch.insert(key.clone(), value.as_str().into()),
            _ => return Err(ActionError::Changed { field: format!("the label {key}") }),
        }
    }
    Ok(labels_patch(patch))
}

/// Sets back what still reads as wanted, and read otherwise before.
fn unset(wanted: &Labels, previous: &PreviousLabels, live: &DynamicObject) -> Option<Value> {
    let held = wanted.iter().filter(|(key, value)| label(live, key) == Some(value));
    let undone = held.filter_map(|(key, value)| {
        let former = previous.values.get(key);
        (former != Some(value)).then(|| (key.clone(), former.map_or(Value::Null, |former| former.as_str().into())))
    });
    labels_patch(undone.collect())
}

fn labels_patch(labels: Map<String, Value>) -> Option<Value> {
    (!labels.is_empty()).then(|| json!({ "metadata": { "labels": labels } }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    fn pod(labels: Labels) -> DynamicObject {
        let mut pod = DynamicObject::new("web", &kube::api::ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&()));
        pod.metadata.labels = Some(labels);
        pod
    }

    fn previous(action: &LabelAction, live: &DynamicObject) -> PreviousLabels {
        recorded(&action.prepare(live).unwrap()).unwrap().clone()
    }

    #[test]
    fn a_label_that_reads_as_wanted_is_neither_written_nor_undone() {
        let action = LabelAction { labels: labels([("flag", "falco")]) };
        let live = pod(labels([("flag", "falco")]));
        let previous = previous(&action, &live);
        assert_eq!(set(&action.labels, &previous, &live).unwrap(), None);
        assert_eq!(unset(&action.labels, &previous, &live), None);
    }

    #[test]
    fn undoing_restores_former_values_and_leaves_what_another_party_set() {
        let action = LabelAction { labels: labels([("a", "new"), ("b", "new"), ("c", "new")]) };
        let before = pod(labels([("a", "old"), ("c", "old")]));
        let previous = previous(&action, &before);
        let wanted = json!({ "metadata": { "labels": { "a": "new", "b": "new", "c": "new" } } });
        assert_eq!(set(&action.labels, &previous, &before).unwrap(), Some(wanted));
        let after = pod(labels([("a", "new"), ("b", "new"), ("c", "theirs")]));
        assert_eq!(unset(&action.labels, &previous, &after), Some(json!({ "metadata": { "labels": { "a": "old", "b": null } } })));
    }

    #[test]
    fn a_label_that_another_party_changed_in_between_is_not_overwritten() {
        let action = LabelAction { labels: labels([("a", "new")]) };
        let previous = previous(&action, &pod(labels([("a", "old")])));
        assert!(matches!(set(&action.labels, &previous, &pod(labels([("a", "theirs")]))), Err(ActionError::Changed { .. })));
        assert!(matches!(set(&action.labels, &previous, &pod(Labels::new())), Err(ActionError::Changed { .. })));
    }
}
