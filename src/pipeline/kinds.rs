//! Which resource a target's apiVersion and kind stand for, and whether a remediation may touch it.
//!
//! Every access to a target goes through [`find`]; so a denied kind is out of reach whatever a
//! policy, a task, or a status that somebody else wrote asks for.

use kube::{
    Client, Resource,
    api::GroupVersionKind,
    discovery::{self, ApiResource, Scope},
};

use super::api::{self, ApiError};
use crate::{
    category::Category,
    event::Target,
    kinds::{self, BUILT_IN},
    naming::{is_api_version, is_dns_label, is_kind, is_object_name},
    remediation::ZenAgentRemediation,
};

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
        "{kind} in {api_version} is never touched: Secrets, RBAC, admission control, custom resource definitions, \
         API services and the agent's own resources are out of bounds"
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
    (group.is_empty() && kind.eq_ignore_ascii_case("Secret")) || is_denied_group(group)
}

/// Whether no remediation may touch anything of this group.
pub(crate) fn is_denied_group(group: &str) -> bool {
    let group = group.to_ascii_lowercase();
    match group.as_str() {
        "rbac.authorization.k8s.io" | "authorization.openshift.io" => true,
        "admissionregistration.k8s.io" | "apiextensions.k8s.io" | "apiregistration.k8s.io" => true,
        other => other == ZenAgentRemediation::group(&()),
    }
}

/// Refuses a target whose kind is denied, or whose coordinates could leave their place in a URL.
pub(super) fn check(target: &Target) -> Result<(), KindError> {
    let group = target.api_version.split_once('/').map_or("", |(group, _)| group);
    if is_denied(group, &target.kind) {
        return Err(KindError::Denied { api_version: target.api_version.clone(), kind: target.kind.clone() });
    }
    let malformed = |field| Err(KindError::Malformed { field });
    match target {
        Target { api_version, .. } if !is_api_version(api_version) => malformed("apiVersion"),
        Target { kind, .. } if !is_kind(kind) => malformed("kind"),
        Target { name, .. } if !is_object_name(name) => malformed("name"),
        Target { namespace: Some(namespace), .. } if !is_dns_label(namespace) => malformed("namespace"),
        _ => Ok(()),
    }
}

/// The resource that the target's kind stands for: from the table for the built-in kinds, else by asking the server.
pub(super) async fn find(client: &Client, target: &Target) -> Result<Kind, KindError> {
    check(target)?;
    let (group, version) = target.api_version.split_once('/').unwrap_or(("", &target.api_version));
    let gvk = GroupVersionKind::gvk(group, version, &target.kind);
    if let Some(known) = BUILT_IN.iter().find(|known| known.kind == target.kind && known.api_version == target.api_version) {
        let scope = match known.scope {
            kinds::Scope::Namespace => Scope::Namespaced,
            kinds::Scope::Cluster => Scope::Cluster,
        };
        return Ok(Kind { resource: ApiResource::from_gvk_with_plural(&gvk, known.resource), scope });
    }
    match api::call("find the target's kind", discovery::pinned_kind(client, &gvk)).await {
        Ok((resource, capabilities)) => Ok(Kind { resource, scope: capabilities.scope }),
        Err(error) if error.category() == Category::NotFound => {
            Err(KindError::Unknown { api_version: target.api_version.clone(), kind: target.kind.clone() })
        }
        Err(error) => Err(error.into()),
    }
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
            ("apiregistration.k8s.io/v1", "APIService"),
            ("authorization.openshift.io/v1", "RoleBinding"),
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
