//! Which resource a target's apiVersion and kind stand for, and whether a remediation may touch it.
//!
//! Every access to a target goes through [`find`]; so a denied kind is out of reach whatever a
//! policy, a task, or a status that somebody else wrote asks for.

use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
    batch::v1::{CronJob, Job},
    core::v1::{ConfigMap, Namespace, Node, PersistentVolumeClaim, Pod, Service, ServiceAccount},
    networking::v1::{Ingress, NetworkPolicy},
};
use kube::{
    Client, Resource,
    api::GroupVersionKind,
    discovery::{self, ApiResource, Scope},
};

use super::api::{self, ApiError};
use crate::{category::Category, event::Target, remediation::ZenAgentRemediation};

/// A kind that may be touched.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) resource: ApiResource,
    pub(super) scope: Scope,
}

/// Why a target's kind leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum KindError {
    /// No remediation may touch it.
    #[error(
        "{kind} in {api_version} is never touched: Secrets, RBAC, admission control, custom resource definitions and \
         the agent's own resources are out of bounds"
    )]
    Denied {
        /// Group and version.
        api_version: String,
        /// Kind.
        kind: String,
    },
    /// The text cannot be an object's coordinates.
    #[error("the target's {field} is not one that Kubernetes has")]
    Malformed {
        /// Which part.
        field: &'static str,
    },
    /// The cluster does not have it.
    #[error("the cluster has no kind {kind} in {api_version}")]
    Unknown {
        /// Group and version.
        api_version: String,
        /// Kind.
        kind: String,
    },
    /// It lives in namespaces, and the target names none.
    #[error("{kind} lives in a namespace, and the target names none")]
    NoNamespace {
        /// Kind.
        kind: String,
    },
    /// The API server could not be asked.
    #[error(transparent)]
    Api(#[from] ApiError),
}

/// Whether no remediation may touch this group and kind.
pub(super) fn is_denied(group: &str, kind: &str) -> bool {
    let group = group.to_ascii_lowercase();
    match group.as_str() {
        "" => kind.eq_ignore_ascii_case("Secret"),
        "rbac.authorization.k8s.io" | "admissionregistration.k8s.io" | "apiextensions.k8s.io" => true,
        other => other == ZenAgentRemediation::group(&()),
    }
}

/// Refuses a target whose kind is denied, or whose coordinates could leave their place in a URL.
pub(super) fn check(target: &Target) -> Result<(), KindError> {
    let (group, version) = target.api_version.split_once('/').unwrap_or(("", &target.api_version));
    if is_denied(group, &target.kind) {
        return Err(KindError::Denied { api_version: target.api_version.clone(), kind: target.kind.clone() });
    }
    let word = |text: &str| !text.is_empty() && text.len() <= 63 && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let malformed = |field| Err(KindError::Malformed { field });
    match target {
        _ if !(word(version) && (!target.api_version.contains('/') || is_subdomain(group))) => malformed("apiVersion"),
        Target { kind, .. } if !word(kind) => malformed("kind"),
        Target { name, .. } if !is_subdomain(name) => malformed("name"),
        Target { namespace: Some(namespace), .. } if !is_subdomain(namespace) => malformed("namespace"),
        _ => Ok(()),
    }
}

/// A DNS-1123 subdomain: what names of namespaces and of almost all objects are.
fn is_subdomain(text: &str) -> bool {
    let label = |label: &str| {
        let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = label.as_bytes();
        edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// The resource that the target's kind stands for: from the table for the kinds that findings name, else by asking the server.
pub(super) async fn find(client: &Client, target: &Target) -> Result<Kind, KindError> {
    check(target)?;
    if let Some(kind) = well_known(&target.api_version, &target.kind) {
        return Ok(kind);
    }
    let (group, version) = target.api_version.split_once('/').unwrap_or(("", &target.api_version));
    let gvk = GroupVersionKind::gvk(group, version, &target.kind);
    match api::call("find the target's kind", discovery::pinned_kind(client, &gvk)).await {
        Ok((resource, capabilities)) => Ok(Kind { resource, scope: capabilities.scope }),
        Err(error) if error.category() == Category::NotFound => {
            Err(KindError::Unknown { api_version: target.api_version.clone(), kind: target.kind.clone() })
        }
        Err(error) => Err(error.into()),
    }
}

fn well_known(api_version: &str, kind: &str) -> Option<Kind> {
    fn matches<K: Resource<DynamicType = ()>>(scope: Scope, api_version: &str, kind: &str) -> Option<Kind> {
        (K::api_version(&()) == api_version && K::kind(&()) == kind).then(|| Kind { resource: ApiResource::erase::<K>(&()), scope })
    }
    macro_rules! table {
        ($($kind:ty: $scope:ident),* $(,)?) => { None$(.or_else(|| matches::<$kind>(Scope::$scope, api_version, kind)))* };
    }
    table!(
        Pod: Namespaced, Deployment: Namespaced, ReplicaSet: Namespaced, StatefulSet: Namespaced, DaemonSet: Namespaced,
        Job: Namespaced, CronJob: Namespaced, Service: Namespaced, ConfigMap: Namespaced, ServiceAccount: Namespaced,
        PersistentVolumeClaim: Namespaced, Ingress: Namespaced, NetworkPolicy: Namespaced,
        Namespace: Cluster, Node: Cluster,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(api_version: &str, kind: &str, namespace: &str, name: &str) -> Target {
        Target { api_version: api_version.into(), kind: kind.into(), namespace: Some(namespace.into()), name: name.into(), uid: None }
    }

    #[test]
    fn secrets_rbac_admission_definitions_and_own_objects_are_denied_in_every_spelling() {
        let denied = [
            ("v1", "Secret"),
            ("v1", "secret"),
            ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
            ("rbac.authorization.k8s.io/v1beta1", "Role"),
            ("RBAC.authorization.k8s.io/v1", "Role"),
            ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
            ("zen.kube-zen.io/v1", "ZenAgentRemediation"),
        ];
        for (api_version, kind) in denied {
            assert!(matches!(check(&target(api_version, kind, "shop", "x")), Err(KindError::Denied { .. })), "{api_version} {kind}");
        }
    }

    #[test]
    fn coordinates_that_could_leave_their_place_in_a_url_are_malformed() {
        for (api_version, kind, namespace, name) in [
            ("v1", "Pod", "shop", "../secrets/x"),
            ("v1", "Pod", "shop/secrets/x?a=", "web"),
            ("v1", "Pod", "shop", ".."),
            ("v1", "Pod", "shop", ""),
            ("v1", "Pod/x", "shop", "web"),
            ("apps/../v1", "Deployment", "shop", "web"),
            ("/v1", "Secrets", "shop", "web"),
        ] {
            assert!(matches!(check(&target(api_version, kind, namespace, name)), Err(KindError::Malformed { .. })), "{namespace}/{name}");
        }
        assert!(check(&target("apps/v1", "Deployment", "shop", "web.v2")).is_ok());
    }
}
