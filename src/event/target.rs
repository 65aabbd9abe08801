//! From what a tool says about an object to a [`Target`] that can be looked up.

use super::Target;
use crate::{
    kinds::{BUILT_IN, BuiltIn, Scope},
    naming::{is_api_version, is_dns_label, is_kind, is_object_name},
};

/// The built-in kind that a resource name of the API (`pods`) stands for.
pub(super) fn kind_of_resource(resource: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|known| known.resource == resource).map(|known| known.kind)
}

/// What a tool says about an object; each part may be empty or absent.
#[derive(Default)]
pub(super) struct Reported<'a> {
    pub(super) api_version: Option<&'a str>,
    pub(super) kind: Option<&'a str>,
    pub(super) namespace: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) uid: Option<&'a str>,
}

impl Reported<'_> {
    /// The target, unless kind or name is missing, the kind lives in a namespace and none is
    /// given, or a part could not stand in a path of the Kubernetes API.
    ///
    /// A built-in kind that comes without a group gets its own: Policy Reporter is known to write
    /// `v1` for a Deployment, and nothing answers there.
    pub(super) fn target(self) -> Option<Target> {
        let kind = given(self.kind).filter(|kind| is_kind(kind))?;
        let name = given(self.name).filter(|name| is_object_name(name))?;
        let namespace = given(self.namespace);
        if !namespace.is_none_or(is_dns_label) {
            return None;
        }
        let reported = given(self.api_version);
        let built_in = BUILT_IN.iter().find(|known| known.kind == kind && reported.is_none_or(|version| is_version_of(version, known)));
        let (api_version, namespace) = match built_in {
            Some(known) if known.scope == Scope::Namespace => (known_version(reported, known), Some(namespace?)),
            Some(known) => (known_version(reported, known), None),
            None => (reported.filter(|version| is_api_version(version))?, namespace),
        };
        Some(Target {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            // Whatever it looks like: one that equals no object's keeps the action off the object.
            uid: given(self.uid).map(|uid| uid.chars().take(MAX_UID).collect()),
        })
    }
}

/// The text, unless it is one of the tools' ways to say nothing.
pub(super) fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty() && *text != "<NA>")
}

fn is_version_of(version: &str, known: &BuiltIn) -> bool {
    let group = |version: &str| version.split_once('/').map(|(group, _)| group.to_owned());
    group(version).is_none_or(|reported| Some(reported) == group(known.api_version))
}

fn known_version<'a>(reported: Option<&'a str>, known: &'a BuiltIn) -> &'a str {
    reported.filter(|version| version.contains('/') && is_api_version(version)).unwrap_or(known.api_version)
}

/// No uid of Kubernetes is longer.
const MAX_UID: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn target(api_version: &str, kind: &str, namespace: &str, name: &str) -> Option<String> {
        let reported =
            Reported { api_version: Some(api_version), kind: Some(kind), namespace: Some(namespace), name: Some(name), uid: None };
        reported.target().map(|t| format!("{} {} {}/{}", t.api_version, t.kind, t.namespace.unwrap_or_default(), t.name))
    }

    #[test]
    fn a_target_has_kind_name_and_a_namespace_where_its_kind_lives_in_one() {
        let cases = [
            (("", "Pod", "shop", "web-1"), Some("v1 Pod shop/web-1")),
            (("v1", "Deployment", "shop", "web"), Some("apps/v1 Deployment shop/web")),
            (("apps/v1beta2", "Deployment", "shop", "web"), Some("apps/v1beta2 Deployment shop/web")),
            (("v1", "Namespace", "shop", "shop"), Some("v1 Namespace /shop")),
            (
                ("rbac.authorization.k8s.io/v1", "ClusterRole", "", "system:node"),
                Some("rbac.authorization.k8s.io/v1 ClusterRole /system:node"),
            ),
            (("serving.knative.dev/v1", "Service", "shop", "web"), Some("serving.knative.dev/v1 Service shop/web")),
            (("example.org/v1", "Widget", "", "w"), Some("example.org/v1 Widget /w")),
            (("", "Widget", "shop", "w"), None),
            (("v1", "Pod", "", "web-1"), None),
            (("v1", "Pod", "<NA>", "web-1"), None),
            (("v1", "Pod", "shop", "<NA>"), None),
            (("v1", "", "shop", "web-1"), None),
        ];
        for ((api_version, kind, namespace, name), wanted) in cases {
            assert_eq!(target(api_version, kind, namespace, name).as_deref(), wanted, "{api_version} {kind} {namespace}/{name}");
        }
    }

    #[test]
    fn nothing_that_could_bend_a_request_path_becomes_a_target() {
        for name in ["../secrets/x", "..", "a/b", "a?dryRun=All", "a%2fb", "a b", "a\nb", "é", &"a".repeat(254)] {
            assert_eq!(target("v1", "Pod", "shop", name), None, "{name}");
        }
        for namespace in ["../kube-system", "Shop", "a.b", "-a", "a-", &"a".repeat(64)] {
            assert_eq!(target("v1", "Pod", namespace, "web-1"), None, "{namespace}");
        }
        for version in ["apis/../v1", "example.org/v1/x", "example.org/", "/v1", "example..org/v1", "v1?x"] {
            assert_eq!(target(version, "Widget", "shop", "w"), None, "{version}");
        }
        assert_eq!(target("v1", "Pod/exec", "shop", "web-1"), None);
        assert_eq!(target("apps/../v1", "Deployment", "shop", "web").as_deref(), Some("apps/v1 Deployment shop/web"));
    }
}
