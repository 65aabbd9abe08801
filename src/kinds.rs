//! The kinds that every cluster has: their resource names, versions and scopes, in one table.

/// Where the objects of a kind live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In a namespace.
    Namespace,
    /// In the cluster.
    Cluster,
}

/// A built-in kind, in the version this agent asks for it.
#[derive(Debug)]
pub struct BuiltIn {
    /// The resource's name in request paths, such as `pods`.
    pub resource: &'static str,
    /// The kind, such as `Pod`.
    pub kind: &'static str,
    /// Group and version, such as `apps/v1`.
    pub api_version: &'static str,
    /// Where its objects live.
    pub scope: Scope,
}

const fn kind(resource: &'static str, kind: &'static str, api_version: &'static str, scope: Scope) -> BuiltIn {
    BuiltIn { resource, kind, api_version, scope }
}

const RBAC: &str = "rbac.authorization.k8s.io/v1";
const ADMISSION: &str = "admissionregistration.k8s.io/v1";

/// All of them.
pub const BUILT_IN: [BuiltIn; 31] = [
    kind("pods", "Pod", "v1", Scope::Namespace),
    kind("services", "Service", "v1", Scope::Namespace),
    kind("endpoints", "Endpoints", "v1", Scope::Namespace),
    kind("configmaps", "ConfigMap", "v1", Scope::Namespace),
    kind("secrets", "Secret", "v1", Scope::Namespace),
    kind("serviceaccounts", "ServiceAccount", "v1", Scope::Namespace),
    kind("persistentvolumeclaims", "PersistentVolumeClaim", "v1", Scope::Namespace),
    kind("replicationcontrollers", "ReplicationController", "v1", Scope::Namespace),
    kind("limitranges", "LimitRange", "v1", Scope::Namespace),
    kind("resourcequotas", "ResourceQuota", "v1", Scope::Namespace),
    kind("namespaces", "Namespace", "v1", Scope::Cluster),
    kind("nodes", "Node", "v1", Scope::Cluster),
    kind("persistentvolumes", "PersistentVolume", "v1", Scope::Cluster),
    kind("deployments", "Deployment", "apps/v1", Scope::Namespace),
    kind("replicasets", "ReplicaSet", "apps/v1", Scope::Namespace),
    kind("statefulsets", "StatefulSet", "apps/v1", Scope::Namespace),
    kind("daemonsets", "DaemonSet", "apps/v1", Scope::Namespace),
    kind("jobs", "Job", "batch/v1", Scope::Namespace),
    kind("cronjobs", "CronJob", "batch/v1", Scope::Namespace),
    kind("horizontalpodautoscalers", "HorizontalPodAutoscaler", "autoscaling/v2", Scope::Namespace),
    kind("poddisruptionbudgets", "PodDisruptionBudget", "policy/v1", Scope::Namespace),
    kind("ingresses", "Ingress", "networking.k8s.io/v1", Scope::Namespace),
    kind("networkpolicies", "NetworkPolicy", "networking.k8s.io/v1", Scope::Namespace),
    kind("roles", "Role", RBAC, Scope::Namespace),
    kind("rolebindings", "RoleBinding", RBAC, Scope::Namespace),
    kind("clusterroles", "ClusterRole", RBAC, Scope::Cluster),
    kind("clusterrolebindings", "ClusterRoleBinding", RBAC, Scope::Cluster),
    kind("storageclasses", "StorageClass", "storage.k8s.io/v1", Scope::Cluster),
    kind("customresourcedefinitions", "CustomResourceDefinition", "apiextensions.k8s.io/v1", Scope::Cluster),
    kind("validatingwebhookconfigurations", "ValidatingWebhookConfiguration", ADMISSION, Scope::Cluster),
    kind("mutatingwebhookconfigurations", "MutatingWebhookConfiguration", ADMISSION, Scope::Cluster),
];
