//! Discovery: which groups, versions and resources there are.

use serde_json::{Value, json};

use crate::types::{Trait, Types};

/// The document at `path`, if that is one of discovery's.
pub(crate) fn document(types: &Types, path: &str) -> Option<Value> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["version"] => {
            // What this server's answers are modelled on.
            let git = "v1.34.0+embedded";
            Some(json!({"major": "1", "minor": "34", "gitVersion": git, "gitCommit": "", "gitTreeState": "clean", "buildDate": "",
                        "goVersion": "", "compiler": "rustc", "platform": ""}))
        }
        ["api"] => Some(json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})),
        ["apis"] => Some(groups(types)),
        ["api", version] => resources(types, "", version),
        ["apis", group] => groups(types)["groups"].as_array()?.iter().find(|found| found["name"] == *group).cloned(),
        ["apis", group, version] => resources(types, group, version),
        _ => None,
    }
}

fn groups(types: &Types) -> Value {
    let mut groups: Vec<Value> = Vec::new();
    for ty in types.all().iter().filter(|ty| !ty.group.is_empty()) {
        let version = json!({"groupVersion": ty.api_version(), "version": ty.version});
        match groups.last_mut().filter(|group| group["name"] == *ty.group) {
            None => groups.push(json!({"kind": "APIGroup", "apiVersion": "v1", "name": ty.group, "versions": [version],
                                       "preferredVersion": version})),
            Some(group) => {
                if let Some(versions) = group["versions"].as_array_mut().filter(|versions| !versions.contains(&version)) {
                    versions.push(version);
                }
            }
        }
    }
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

fn resources(types: &Types, group: &str, version: &str) -> Option<Value> {
    let mut resources = Vec::new();
    let mut group_version = None;
    for ty in types.all().iter().filter(|ty| ty.group == group && ty.version == version) {
        group_version = Some(ty.api_version());
        resources.push(json!({
            "name": ty.plural, "singularName": ty.singular, "namespaced": ty.is_namespaced(), "kind": ty.kind,
            "shortNames": ty.short_names, "categories": ty.categories, "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
        }));
        if ty.has(Trait::Status) {
            resources.push(json!({
                "name": format!("{}/status", ty.plural), "singularName": "", "namespaced": ty.is_namespaced(), "kind": ty.kind,
                "verbs": ["get", "patch", "update"],
            }));
        }
        if ty.has(Trait::Evict) {
            resources.push(json!({
                "name": format!("{}/eviction", ty.plural), "singularName": "", "namespaced": ty.is_namespaced(), "group": "policy",
                "version": "v1", "kind": "Eviction", "verbs": ["create"],
            }));
        }
        if ty.has(Trait::Scale) {
            resources.push(json!({
                "name": format!("{}/scale", ty.plural), "singularName": "", "namespaced": ty.is_namespaced(), "group": "autoscaling",
                "version": "v1", "kind": "Scale", "verbs": ["get", "patch", "update"],
            }));
        }
    }
    let group_version = group_version?;
    Some(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}))
}
