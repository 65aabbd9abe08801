//! From what a tool says about an object to a [`Target`] that can be looked up.

use super::Target;

/// A built-in kind, in the version this agent asks for it.
pub(super) struct Kind {
    resource: &'static str,
    kind: &'static str,
    api_version: &'static str,
    namespaced: bool,
}

const fn kind(resource: &'static str, kind: &'static str, api_version: &'static str, namespaced: bool) -> Kind {
    Kind { resource, kind, api_version, namespaced }
}

const RBAC: &str = "rbac.authorization.k8s.io/v1";
const ADMISSION: &str = "admissionregistration.k8s.io/v1";
const KINDS: [Kind; 31] = [
    kind("pods", "Pod", "v1", true),
    kind("services", "Service", "v1", true),
    kind("endpoints", "Endpoints", "v1", true),
    kind("configmaps", "ConfigMap", "v1", true),
    kind("secrets", "Secret", "v1", true),
    kind("serviceaccounts", "ServiceAccount", "v1", true),
    kind("persistentvolumeclaims", "PersistentVolumeClaim", "v1", true),
    kind("replicationcontrollers", "ReplicationController", "v1", true),
    kind("limitranges", "LimitRange", "v1", true),
    kind("resourcequotas", "ResourceQuota", "v1", true),
    kind("namespaces", "Namespace", "v1", false),
    kind("nodes", "Node", "v1", false),
    kind("persistentvolumes", "PersistentVolume", "v1", false),
    kind("deployments", "Deployment", "apps/v1", true),
    kind("replicasets", "ReplicaSet", "apps/v1", true),
    kind("statefulsets", "StatefulSet", "apps/v1", true),
    kind("daemonsets", "DaemonSet", "apps/v1", true),
    kind("jobs", "Job", "batch/v1", true),
    kind("cronjobs", "CronJob", "batch/v1", true),
    kind("horizontalpodautoscalers", "HorizontalPodAutoscaler", "autoscaling/v2", true),
    kind("poddisruptionbudgets", "PodDisruptionBudget", "policy/v1", true),
    kind("ingresses", "Ingress", "networking.k8s.io/v1", true),
    kind("networkpolicies", "NetworkPolicy", "networking.k8s.io/v1", true),
    kind("roles", "Role", RBAC, true),
    kind("rolebindings", "RoleBinding", RBAC, true),
    kind("clusterroles", "ClusterRole", RBAC, false),
    kind("clusterrolebindings", "ClusterRoleBinding", RBAC, false),
    kind("storageclasses", "StorageClass", "storage.k8s.io/v1", false),
    kind("customresourcedefinitions", "CustomResourceDefinition", "apiextensions.k8s.io/v1", false),
    kind("validatingwebhookconfigurations", "ValidatingWebhookConfiguration", ADMISSION, false),
    kind("mutatingwebhookconfigurations", "MutatingWebhookConfiguration", ADMISSION, false),
];

/// The built-in kind that a resource name of the API (`pods`) stands for.
pub(super) fn kind_of_resource(resource: &str) -> Option<&'static str> {
    KINDS.iter().find(|known| known.resource == resource).map(|known| known.kind)
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
        let kind = given(self.kind).filter(|kind| kind.len() <= 63 && kind.bytes().all(|b| b.is_ascii_alphanumeric()))?;
        let name = given(self.name).filter(|name| is_path_segment(name))?;
        let namespace = given(self.namespace);
        if !namespace.is_none_or(is_dns_label) {
            return None;
        }
        let reported = given(self.api_version);
        let built_in = KINDS.iter().find(|known| known.kind == kind && reported.is_none_or(|version| is_version_of(version, known)));
        let (api_version, namespace) = match built_in {
            Some(known) if known.namespaced => (known_version(reported, known), Some(namespace?)),
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

fn is_version_of(version: &str, known: &Kind) -> bool {
    let group = |version: &str| version.split_once('/').map(|(group, _)| group.to_owned());
    group(version).is_none_or(|reported| Some(reported) == group(known.api_version))
}

fn known_version<'a>(reported: Option<&'a str>, known: &'a Kind) -> &'a str {
    reported.filter(|version| version.contains('/') && is_api_version(version)).unwrap_or(known.api_version)
}

fn is_dns_label(text: &str) -> bool {
    let edge = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.len() <= 63
        && text.bytes().next().is_some_and(edge)
        && text.bytes().last().is_some_and(edge)
        && text.bytes().all(|b| edge(b) || b == b'-')
}

// Names of RBAC objects hold colons, so this is wider than a DNS name.
fn is_path_segment(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'@');
    name.len() <= 253 && name != "." && name != ".." && name.bytes().all(plain)
}

fn is_api_version(text: &str) -> bool {
    let version = |text: &str| {
        text.len() <= 63 && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    match text.split_once('/') {
        Some((group, rest)) => group.len() <= 253 && group.split('.').all(is_dns_label) && version(rest),
        None => version(text),
    }
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
            ((RBAC, "ClusterRole", "", "system:node"), Some("rbac.authorization.k8s.io/v1 ClusterRole /system:node")),
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
