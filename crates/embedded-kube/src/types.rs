//! Which resource types there are: the built-in table, and what CustomResourceDefinitions add.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::columns::{self, Column};
use crate::schema::Schema;

/// Whether objects of a type live in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Cluster,
    Namespaced,
}

/// What sets one type's behaviour apart from another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trait {
    /// Has the status subresource: writes of the object ignore status, and the reverse.
    Status,
    /// `metadata.generation` counts the changes of what is wanted.
    Generation,
    /// A PUT without resourceVersion overwrites whatever is there.
    UnconditionalUpdate,
    /// DELETE answers with the object that is gone, not with a Status.
    ReturnsDeleted,
    /// Has the scale subresource.
    Scale,
    /// Has the eviction subresource.
    Evict,
}
use Trait::{Evict, Generation, ReturnsDeleted, Scale, Status, UnconditionalUpdate};

/// One served version of one resource type.
#[derive(Debug)]
pub(crate) struct ResourceType {
    pub group: String,
    pub version: String,
    pub kind: String,
    pub list_kind: String,
    pub plural: String,
    pub singular: String,
    pub short_names: Vec<String>,
    pub scope: Scope,
    pub traits: Vec<Trait>,
    /// Paths, such as `spec.nodeName`, that field selectors may name beside name and namespace.
    pub fields: Vec<String>,
    /// What tables show of it.
    pub columns: Vec<Column>,
    /// Groups of types that `kubectl get` knows by one name.
    pub categories: Vec<String>,
    /// Of custom types only.
    pub schema: Option<Schema>,
}

impl ResourceType {
    pub(crate) fn has(&self, wanted: Trait) -> bool {
        self.traits.contains(&wanted)
    }

    pub(crate) fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }

    /// `v1`, `apps/v1`.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `pods`, `deployments.apps`.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `Pod`, `Deployment.apps`.
    pub(crate) fn qualified_kind(&self) -> String {
        if self.group.is_empty() { self.kind.clone() } else { format!("{}.{}", self.kind, self.group) }
    }

    /// Where the type's objects begin in the store, or those of one namespace.
    pub(crate) fn prefix(&self, namespace: Option<&str>) -> String {
        match namespace {
            Some(namespace) => format!("{}/{}/{namespace}/", self.group, self.plural),
            None => format!("{}/{}/", self.group, self.plural),
        }
    }

    /// Where one object is.
    pub(crate) fn key(&self, namespace: Option<&str>, name: &str) -> String {
        format!("{}{name}", self.prefix(namespace))
    }
}

const CLUSTER: Scope = Scope::Cluster;
const SPACED: Scope = Scope::Namespaced;
type Words = &'static [&'static str];
type Row = (&'static str, &'static str, &'static str, &'static str, Words, Scope, &'static [Trait], Words);

/// What `kubectl get all` shows.
const IN_ALL: [&str; 8] = ["pods", "services", "deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs"];

/// Group, version, kind, plural, short names, scope, traits, selectable fields.
#[rustfmt::skip]
const BUILT_IN: &[Row] = &[
    ("", "v1", "Namespace", "namespaces", &["ns"], CLUSTER, &[Status, UnconditionalUpdate], &["status.phase"]),
    ("", "v1", "Node", "nodes", &["no"], CLUSTER, &[Status, UnconditionalUpdate], &["spec.unschedulable"]),
    ("", "v1", "Pod", "pods", &["po"], SPACED, &[Status, Generation, UnconditionalUpdate, ReturnsDeleted, Evict],
        &["spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork", "status.phase",
          "status.podIP", "status.nominatedNodeName"]),
    ("", "v1", "Service", "services", &["svc"], SPACED, &[Status, UnconditionalUpdate, ReturnsDeleted], &["spec.clusterIP", "spec.type"]),
    ("", "v1", "ServiceAccount", "serviceaccounts", &["sa"], SPACED, &[UnconditionalUpdate, ReturnsDeleted], &[]),
    ("", "v1", "ConfigMap", "configmaps", &["cm"], SPACED, &[UnconditionalUpdate], &[]),
    ("", "v1", "Secret", "secrets", &[], SPACED, &[UnconditionalUpdate], &["type"]),
    ("", "v1", "Event", "events", &["ev"], SPACED, &[UnconditionalUpdate],
        &["involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid", "involvedObject.apiVersion",
          "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason", "reportingComponent", "source", "type"]),
    ("apps", "v1", "Deployment", "deployments", &["deploy"], SPACED, &[Status, Scale, Generation, UnconditionalUpdate], &[]),
    ("apps", "v1", "ReplicaSet", "replicasets", &["rs"], SPACED, &[Status, Scale, Generation, UnconditionalUpdate], &["status.replicas"]),
    ("apps", "v1", "StatefulSet", "statefulsets", &["sts"], SPACED, &[Status, Scale, Generation, UnconditionalUpdate], &[]),
    ("apps", "v1", "DaemonSet", "daemonsets", &["ds"], SPACED, &[Status, Generation, UnconditionalUpdate], &[]),
    ("batch", "v1", "Job", "jobs", &[], SPACED, &[Status, Generation, UnconditionalUpdate], &["status.successful"]),
    ("batch", "v1", "CronJob", "cronjobs", &["cj"], SPACED, &[Status, Generation, UnconditionalUpdate], &[]),
    ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", &["netpol"], SPACED, &[Generation, UnconditionalUpdate], &[]),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", &["pdb"], SPACED, &[Status, Generation], &[]),
    ("events.k8s.io", "v1", "Event", "events", &["ev"], SPACED, &[UnconditionalUpdate],
        &["reason", "regarding.kind", "regarding.namespace", "regarding.name", "regarding.uid", "reportingController", "type"]),
    ("coordination.k8s.io", "v1", "Lease", "leases", &[], SPACED, &[], &[]),
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", &["crd", "crds"], CLUSTER, &[Status, Generation], &[]),
];

/// The plural of CustomResourceDefinitions, whose creation adds types.
pub(crate) const DEFINITIONS: &str = "customresourcedefinitions";
/// The plural of namespaces, which must exist before what lives in them.
pub(crate) const NAMESPACES: &str = "namespaces";

type ByName = HashMap<String, Arc<ResourceType>>;

/// The types that are served now; grows when a definition is created or changed.
#[derive(Debug)]
pub(crate) struct Types(RwLock<ByName>);

fn name(group: &str, version: &str, plural: &str) -> String {
    format!("{group}/{version}/{plural}")
}

impl Types {
    pub(crate) fn built_in() -> Self {
        let types = BUILT_IN.iter().map(|(group, version, kind, plural, short_names, scope, traits, fields)| {
            let ty = ResourceType {
                group: (*group).into(),
                version: (*version).into(),
                kind: (*kind).into(),
                list_kind: format!("{kind}List"),
                plural: (*plural).into(),
                singular: kind.to_lowercase(),
                short_names: short_names.iter().map(|&name| name.into()).collect(),
                scope: *scope,
                traits: traits.to_vec(),
                fields: fields.iter().map(|&field| field.into()).collect(),
                columns: columns::built_in(plural),
                categories: if IN_ALL.contains(plural) { vec!["all".into()] } else { Vec::new() },
                schema: None,
            };
            (name(group, version, plural), Arc::new(ty))
        });
        Self(RwLock::new(types.collect()))
    }

    /// Serves these versions of one resource, and no others of it.
    pub(crate) fn define(&self, versions: Vec<Arc<ResourceType>>) {
        let Some(first) = versions.first() else { return };
        let mut types = self.0.write().unwrap_or_else(PoisonError::into_inner);
        types.retain(|_, ty| ty.group != first.group || ty.plural != first.plural);
        types.extend(versions.into_iter().map(|ty| (name(&ty.group, &ty.version, &ty.plural), ty)));
    }

    pub(crate) fn get(&self, group: &str, version: &str, plural: &str) -> Option<Arc<ResourceType>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&name(group, version, plural)).cloned()
    }

    pub(crate) fn find(&self, matches: impl Fn(&ResourceType) -> bool) -> Option<Arc<ResourceType>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().find(|ty| matches(ty)).cloned()
    }

    /// All of them, in the order of group, version and plural.
    pub(crate) fn all(&self) -> Vec<Arc<ResourceType>> {
        let mut all: Vec<_> = self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        all.sort_by(|a, b| (&a.group, &a.version, &a.plural).cmp(&(&b.group, &b.version, &b.plural)));
        all
    }

    /// The type by the kind that an object or an owner reference names.
    pub(crate) fn by_kind(&self, api_version: &str, kind: &str) -> Option<Arc<ResourceType>> {
        self.find(|ty| ty.kind == kind && ty.api_version() == api_version)
    }
}
