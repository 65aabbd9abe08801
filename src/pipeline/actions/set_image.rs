//! `set-image`: sets images of a workload's containers. Undone by the former images, where they are still those
//! that were set; the rollout back is the workload's own matter.

use std::collections::BTreeMap;

use kube::api::DynamicObject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Act, ActionError, Level, Permission, Reversibility, Site, Subject, Verdict, rollout};
use crate::{naming::is_dns_label, remediation::Change};

type Images = BTreeMap<String, String>;

/// Characters of an image reference; the longest that registries take have some 400.
const MAX_IMAGE: usize = 1_024;
/// The lists of containers in a pod's spec.
const LISTS: [&str; 2] = ["containers", "initContainers"];

/// Parameters of `set-image`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SetImageAction {
    /// Images by the names of containers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub containers: Images,
    /// Images by the names of init containers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub init_containers: Images,
}

/// The former images.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PreviousImages {
    /// Of containers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub containers: Images,
    /// Of init containers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub init_containers: Images,
}

impl SetImageAction {
    fn image(&self, list: &str, name: &str) -> Option<&str> {
        if list == LISTS[0] { &self.containers } else { &self.init_containers }.get(name).map(String::as_str)
    }

    /// List, container, image.
    fn wanted(&self) -> impl Iterator<Item = (&'static str, &String, &String)> {
        let lists = [(LISTS[0], &self.containers), (LISTS[1], &self.init_containers)];
        lists.into_iter().flat_map(|(list, images)| images.iter().map(move |(name, image)| (list, name, image)))
    }

    /// The patch that gives those containers another image for which `other` has one.
    fn patch(
        &self,
        subject: Subject<'_>,
        live: &DynamicObject,
        other: impl Fn(&'static str, &str, &str) -> Result<Option<String>, ActionError>,
    ) -> Result<Option<Change>, ActionError> {
        let mut patch = BTreeMap::<_, Vec<Value>>::new();
        for (list, name, _) in self.wanted() {
            if let Some(image) = other(list, name, image_of(live, list, name)?)? {
                patch.entry(list).or_default().push(json!({ "name": name, "image": image }));
            }
        }
        Ok((!patch.is_empty()).then(|| subject.patch(None, live, json!({ "spec": { "template": { "spec": patch } } }))))
    }
}

impl PreviousImages {
    fn get(&self, list: &str, name: &str) -> Option<&String> {
        if list == LISTS[0] { &self.containers } else { &self.init_containers }.get(name)
    }
}

impl Act for SetImageAction {
    type Previous = PreviousImages;

    const LEVEL: Level = Level::Rollout;
    const PERMISSIONS: &'static [Permission] = rollout::PERMISSIONS;
    const REVERSIBILITY: Reversibility = Reversibility::Reversible;

    fn problem(&self) -> Option<String> {
        if self.wanted().next().is_none() {
            return Some("set-image names no container".to_owned());
        }
        let is_image = |image: &str| (1..=MAX_IMAGE).contains(&image.len()) && image.bytes().all(|byte| byte.is_ascii_graphic());
        let wrong = self.wanted().find(|(_, name, image)| !is_dns_label(name) || !is_image(image));
        wrong.map(|_| "set-image has a container or an image that Kubernetes does not take".to_owned())
    }

    fn prepare(&self, live: &DynamicObject) -> Result<PreviousImages, ActionError> {
        rollout::check(live)?;
        let mut previous = PreviousImages::default();
        for (list, name, _) in self.wanted() {
            let images = if list == LISTS[0] { &mut previous.containers } else { &mut previous.init_containers };
            images.insert(name.clone(), image_of(live, list, name)?.to_owned());
        }
        Ok(previous)
    }

    fn change(&self, subject: Subject<'_>, live: &DynamicObject, previous: &PreviousImages) -> Result<Option<Change>, ActionError> {
        self.patch(subject, live, |list, name, now| match (self.image(list, name), previous.get(list, name)) {
            (wanted, _) if wanted == Some(now) => Ok(None),
            (Some(wanted), Some(former)) if former == now => Ok(Some(wanted.to_owned())),
            _ => Err(ActionError::Changed { field: format!("the image of the container {name}") }),
        })
    }

    async fn validate(&self, site: &Site<'_>) -> Result<Verdict, ActionError> {
        let live = site.read().await?;
        for (list, name, wanted) in self.wanted() {
            match image_of(&live, list, name) {
                Ok(now) if now == wanted => {}
                _ => return Ok(Verdict::Impossible(format!("another party changed the image of the container {name}"))),
            }
        }
        Ok(rollout::judge(&site.subject.target.kind, &live))
    }

    async fn rollback(&self, site: &Site<'_>, previous: &PreviousImages) -> Result<(), ActionError> {
        let change = |live: &DynamicObject| {
            self.patch(site.subject, live, |list, name, now| {
                let former = previous.get(list, name).filter(|former| *former != now && self.image(list, name) == Some(now));
                Ok(former.cloned())
            })
        };
        site.revert(change).await
    }

    fn leftover(&self, subject: Subject<'_>) -> String {
        let names: Vec<_> = self.wanted().map(|(_, name, _)| name.as_str()).collect();
        format!("the images of {} on {}", names.join(", "), subject.named())
    }
}

fn pod_spec(live: &DynamicObject) -> &Value {
    &live.data["spec"]["template"]["spec"]
}

fn image_of<'a>(live: &'a DynamicObject, list: &str, name: &str) -> Result<&'a str, ActionError> {
    let mut containers = pod_spec(live)[list].as_array().into_iter().flatten();
    let found = containers.find(|container| container["name"] == name).and_then(|container| container["image"].as_str());
    found.ok_or_else(|| ActionError::Unsuitable { why: format!("it has no container {name} in spec.template.spec.{list}") })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn action(containers: &[(&str, &str)], init_containers: &[(&str, &str)]) -> SetImageAction {
        let images = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, image)| ((*name).to_owned(), (*image).to_owned())).collect();
        SetImageAction { containers: images(containers), init_containers: images(init_containers) }
    }

    fn workload(spec: Value) -> DynamicObject {
        let resource = kube::api::ApiResource::erase::<k8s_openapi::api::apps::v1::Deployment>(&());
        DynamicObject::new("web", &resource).data(json!({ "spec": spec }))
    }

    #[test]
    fn a_container_that_is_not_there_and_a_workload_that_would_not_roll_out_are_refused_before_anything_is_changed() {
        let containers = json!({ "spec": { "containers": [{ "name": "web", "image": "a" }] } });
        let prepared = |action: &SetImageAction, spec: Value| action.prepare(&workload(spec));
        let web = action(&[("web", "b")], &[]);
        let previous = prepared(&web, json!({ "template": containers })).unwrap();
        assert_eq!(previous.containers, action(&[("web", "a")], &[]).containers);
        for spec in [
            json!({ "template": containers, "paused": true }),
            json!({ "template": containers, "updateStrategy": { "type": "OnDelete" } }),
            json!({ "template": {} }),
        ] {
            assert!(matches!(prepared(&web, spec.clone()), Err(ActionError::Unsuitable { .. })), "{spec}");
        }
        let init = action(&[], &[("web", "b")]);
        assert!(matches!(prepared(&init, json!({ "template": containers })), Err(ActionError::Unsuitable { .. })));
    }

    #[test]
    fn parameters_without_a_container_or_with_no_image_are_refused() {
        assert_eq!(action(&[("web", "docker.io/library/nginx:1.27@sha256:0")], &[("init", "b")]).problem(), None);
        for wrong in [action(&[], &[]), action(&[("web", "")], &[]), action(&[("web", "a b")], &[]), action(&[("We b", "a")], &[])] {
            assert!(wrong.problem().is_some(), "{wrong:?}");
        }
    }
}
