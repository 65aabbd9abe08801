//! What the agent must be allowed to do in a cluster, and no more: the one place that says so.
//!
//! ```text
//!   here: what it always needs ─────────┐
//!   pipeline/actions/: what each action │──▶ generated for the chart: deploy/chart/files/rbac.yaml
//!     needs on targets ─────────────────┘──▶ `zen-agent rbac`, for those without Helm
//! ```
//!
//! | scope   | where it is granted |
//! |---------|---------------------|
//! | own     | in the agent's namespace |
//! | watched | where remediations are carried out: there too, or everywhere |
//! | targets | where targets may be changed: some namespaces, or everywhere; there too the kinds that `apply` may be given |
//! | cluster | on objects that have no namespace, targets among them |
//!
//! Permissions in RBAC are by resource: who may patch a Deployment may patch all of it. What keeps an
//! action to its field, and all of them from Secrets, RBAC and the like, is `pipeline::kinds`; here
//! such resources never appear at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use k8s_openapi::{
    api::rbac::v1::{ClusterRole, PolicyRule, Role},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use serde::Serialize;

use crate::{
    emergency,
    kinds::{BUILT_IN, Scope},
    lease,
    naming::{is_dns_label, is_dns_subdomain},
    pipeline::{actions::APPLY_VERBS, is_denied_group},
    remediation::ActionKind,
};

/// Access to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// API group, `""` for the core.
    pub group: &'static str,
    /// Resource, plural, with its subresource if it is about that.
    pub resource: &'static str,
    /// The only names it is about; all when empty.
    pub names: &'static [&'static str],
    /// Verbs.
    pub verbs: &'static [&'static str],
}

impl Permission {
    /// Access to all objects of a resource.
    pub const fn to(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Self {
        Self { group, resource, names: &[], verbs }
    }

    /// Where the objects of the resource live.
    fn scope(&self) -> Scope {
        let resource = self.resource.split('/').next().unwrap_or(self.resource);
        let group = |api_version: &'static str| api_version.split_once('/').map_or("", |(group, _)| group);
        let known = BUILT_IN.iter().find(|known| known.resource == resource && group(known.api_version) == self.group);
        known.map_or(Scope::Namespace, |known| known.scope)
    }

    fn rule(&self) -> PolicyRule {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        PolicyRule {
            api_groups: Some(texts(&[self.group])),
            resources: Some(texts(&[self.resource])),
            resource_names: (!self.names.is_empty()).then(|| texts(self.names)),
            verbs: texts(self.verbs),
            non_resource_urls: None,
        }
    }
}

const GROUP: &str = "zen.kube-zen.io";
/// Events on the objects that they are about, in those objects' namespaces.
const EVENTS: Permission = Permission::to("events.k8s.io", "events", &["create", "patch"]);

/// What is made from events is created here, and the leader's Lease and the emergency stop are here.
const OWN: &[Permission] = &[
    Permission::to(GROUP, "zenagentremediations", &["create"]),
    Permission::to("coordination.k8s.io", "leases", &["create"]),
    Permission { group: "coordination.k8s.io", resource: "leases", names: &[lease::NAME], verbs: &["get", "update"] },
    Permission::to("", "configmaps", &["create"]),
    Permission { group: "", resource: "configmaps", names: &[emergency::NAME], verbs: &["get", "update"] },
];
/// What is made of patches is created beside what has them.
const WATCHED: &[Permission] = &[
    Permission::to(GROUP, "zenagentremediations", &["create", "get", "list", "watch", "delete"]),
    Permission::to(GROUP, "zenagentremediations/status", &["patch"]),
    EVENTS,
];
const TARGETS: &[Permission] = &[EVENTS];
const CLUSTER: &[Permission] = &[Permission {
    group: "apiextensions.k8s.io",
    resource: "customresourcedefinitions",
    names: &["zenagentremediations.zen.kube-zen.io"],
    verbs: &["get"],
}];

fn rules(permissions: &[Permission]) -> Vec<PolicyRule> {
    rules_of(permissions.iter())
}

fn rules_of<'a>(permissions: impl Iterator<Item = &'a Permission>) -> Vec<PolicyRule> {
    permissions.map(Permission::rule).collect()
}

/// All that is declared, by scope and action; what the chart is rendered from.
#[derive(Debug, Serialize)]
pub struct Declared {
    own: Vec<PolicyRule>,
    watched: Vec<PolicyRule>,
    targets: Vec<PolicyRule>,
    cluster: Vec<PolicyRule>,
    /// In the targets' namespaces.
    actions: BTreeMap<&'static str, Vec<PolicyRule>>,
    /// On targets that have no namespace.
    #[serde(rename = "clusterActions")]
    cluster_actions: BTreeMap<&'static str, Vec<PolicyRule>>,
}

/// What an action needs on objects that live there.
fn of_action(kind: ActionKind, scope: Scope) -> Vec<PolicyRule> {
    let mut granted = rules_of(kind.permissions().iter().filter(|permission| permission.scope() == scope));
    if scope == Scope::Cluster && !granted.is_empty() {
        // What has no namespace has its Events in `default`, where the agent may have no role.
        granted.push(EVENTS.rule());
    }
    granted
}

impl Declared {
    /// Everything.
    pub fn all() -> Self {
        let actions = |scope| ActionKind::ALL.map(|kind| (kind.as_str(), of_action(kind, scope))).into();
        Self {
            own: rules(OWN),
            watched: rules(WATCHED),
            targets: rules(TARGETS),
            cluster: rules(CLUSTER),
            actions: actions(Scope::Namespace),
            cluster_actions: actions(Scope::Cluster),
        }
    }
}

/// A kind that manifests of `apply` may be of, as operators name it: `configmaps`, `ingresses.networking.k8s.io`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApplyTarget {
    group: String,
    resource: String,
}

/// Why a text names no kind that `apply` could be granted.
#[derive(Debug, thiserror::Error)]
pub enum NotAnApplyTarget {
    /// It is not of this form.
    #[error("give it as RESOURCE or RESOURCE.GROUP, such as configmaps or ingresses.networking.k8s.io")]
    Malformed,
    /// Nothing of the kind is ever changed.
    #[error("Secrets, RBAC, admission control, custom resource definitions and the agent's own resources are never changed")]
    Denied,
}

impl FromStr for ApplyTarget {
    type Err = NotAnApplyTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (resource, group) = text.split_once('.').unwrap_or((text, ""));
        if !is_dns_label(resource) || (text.contains('.') && !is_dns_subdomain(group)) {
            return Err(NotAnApplyTarget::Malformed);
        }
        if is_denied_group(group) || (group.is_empty() && resource == "secrets") {
            return Err(NotAnApplyTarget::Denied);
        }
        Ok(Self { group: group.to_owned(), resource: resource.to_owned() })
    }
}

impl ApplyTarget {
    fn rule(&self) -> PolicyRule {
        PolicyRule {
            api_groups: Some(vec![self.group.clone()]),
            resources: Some(vec![self.resource.clone()]),
            verbs: ["get"].iter().chain(&APPLY_VERBS).map(|verb| (*verb).to_owned()).collect(),
            ..PolicyRule::default()
        }
    }
}

/// Where targets may be changed.
#[derive(Clone, Debug)]
pub enum TargetNamespaces {
    /// In these.
    These(BTreeSet<String>),
    /// In all, with those of the cluster itself, such as kube-system.
    All,
}

/// What roles are wanted for.
#[derive(Clone, Debug)]
pub struct Roles {
    /// The agent's namespace.
    pub namespace: String,
    /// Whether remediations outside of it are carried out too.
    pub watch_all: bool,
    /// Where targets may be changed.
    pub target_namespaces: TargetNamespaces,
    /// The actions that are enabled.
    pub actions: BTreeSet<ActionKind>,
    /// The kinds that `apply` may be given, where it is enabled.
    pub apply_targets: BTreeSet<ApplyTarget>,
}

/// Permissions, where and what for.
#[derive(Clone, Debug)]
pub struct Need {
    /// The action that needs it; the agent itself without one.
    pub purpose: Option<ActionKind>,
    /// Where; in the whole cluster without one.
    pub namespace: Option<String>,
    /// Which.
    pub rule: PolicyRule,
}

impl Roles {
    /// All that these roles grant, one by one.
    pub fn needs(&self) -> Vec<Need> {
        let own = [Some(self.namespace.clone())];
        let watched = if self.watch_all { [None] } else { own.clone() };
        let targets: Vec<_> = match &self.target_namespaces {
            TargetNamespaces::All => vec![None],
            TargetNamespaces::These(namespaces) => namespaces.iter().cloned().map(Some).collect(),
        };
        let agent = [(OWN, &own[..]), (WATCHED, &watched), (CLUSTER, &[None]), (TARGETS, &targets)];
        let agent = agent.into_iter().flat_map(|(permissions, places)| each(None, permissions, places));
        let actions = self.actions.iter().flat_map(|kind| {
            let (cluster, namespaced): (Vec<_>, Vec<_>) =
                kind.permissions().iter().copied().partition(|permission| permission.scope() == Scope::Cluster);
            each(Some(*kind), &cluster, &[None]).into_iter().chain(each(Some(*kind), &namespaced, &targets))
        });
        let applied = self.applied().flat_map(|rule| {
            targets.iter().map(move |namespace| Need { purpose: Some(ActionKind::Apply), namespace: namespace.clone(), rule: rule.clone() })
        });
        agent.chain(actions).chain(applied).collect()
    }

    /// What `apply` needs, which no action declares: which kinds it is given is the operator's to say.
    fn applied(&self) -> impl Iterator<Item = PolicyRule> {
        let enabled = self.actions.contains(&ActionKind::Apply);
        self.apply_targets.iter().filter(move |_| enabled).map(ApplyTarget::rule)
    }

    /// The cluster's role.
    pub fn cluster_role(&self) -> ClusterRole {
        let mut granted = rules(CLUSTER);
        granted.extend(self.actions.iter().flat_map(|kind| of_action(*kind, Scope::Cluster)));
        if self.watch_all {
            granted.extend(rules(WATCHED));
        }
        if matches!(self.target_namespaces, TargetNamespaces::All) {
            granted.extend(self.targets());
        }
        ClusterRole { metadata: ObjectMeta { namespace: None, ..named() }, rules: Some(unique(granted)), aggregation_rule: None }
    }

    /// The roles in namespaces: the agent's own first.
    pub fn roles(&self) -> Vec<Role> {
        let mut granted = rules(OWN);
        if !self.watch_all {
            granted.extend(rules(WATCHED));
        }
        let role = |namespace: &str, name: &str, rules| Role {
            metadata: ObjectMeta { name: Some(name.to_owned()), namespace: Some(namespace.to_owned()), ..ObjectMeta::default() },
            rules: Some(unique(rules)),
        };
        let own = role(&self.namespace, NAME, granted);
        let mut roles = vec![own];
        if let TargetNamespaces::These(namespaces) = &self.target_namespaces {
            roles.extend(namespaces.iter().map(|namespace| role(namespace, &format!("{NAME}-targets"), self.targets())));
        }
        roles
    }

    fn targets(&self) -> Vec<PolicyRule> {
        let actions = self.actions.iter().flat_map(|kind| of_action(*kind, Scope::Namespace));
        rules(TARGETS).into_iter().chain(actions).chain(self.applied()).collect()
    }
}

fn each(purpose: Option<ActionKind>, permissions: &[Permission], places: &[Option<String>]) -> Vec<Need> {
    let one = |permission: &Permission| {
        let rule = permission.rule();
        places.iter().map(move |namespace| Need { purpose, namespace: namespace.clone(), rule: rule.clone() })
    };
    permissions.iter().flat_map(one).collect()
}

const NAME: &str = "zen-agent";

fn named() -> ObjectMeta {
    ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() }
}

/// Several actions need the same; it is granted once.
fn unique(rules: Vec<PolicyRule>) -> Vec<PolicyRule> {
    let mut kept = Vec::with_capacity(rules.len());
    for rule in rules {
        if !kept.contains(&rule) {
            kept.push(rule);
        }
    }
    kept
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::remediation::{ZenAgentRemediation, crd};
    use kube::{Resource, ResourceExt};

    #[test]
    fn what_is_declared_names_the_resource_as_its_definition_does() {
        let (group, plural) = (ZenAgentRemediation::group(&()), ZenAgentRemediation::plural(&()));
        assert_eq!((GROUP, OWN[0].resource, WATCHED[0].resource), (group.as_ref(), plural.as_ref(), plural.as_ref()));
        assert_eq!(CLUSTER[0].names, [crd().name_any()]);
    }

    #[test]
    fn a_kind_to_apply_is_named_as_operators_do_and_nothing_that_is_never_touched_is_one() {
        for (text, group, resource) in [("configmaps", "", "configmaps"), ("ingresses.networking.k8s.io", "networking.k8s.io", "ingresses")]
        {
            assert_eq!(text.parse::<ApplyTarget>().unwrap(), ApplyTarget { group: group.into(), resource: resource.into() });
        }
        for text in ["", ".", "configmaps.", ".apps", "*", "*.apps", "pods/exec", "Config Maps"] {
            assert!(matches!(text.parse::<ApplyTarget>(), Err(NotAnApplyTarget::Malformed)), "{text}");
        }
        for text in ["secrets", "roles.rbac.authorization.k8s.io", "zenagentremediations.zen.kube-zen.io"] {
            assert!(matches!(text.parse::<ApplyTarget>(), Err(NotAnApplyTarget::Denied)), "{text}");
        }
    }

    #[test]
    fn kinds_to_apply_are_granted_where_targets_are_and_only_where_apply_is_enabled() {
        let roles = |action: ActionKind| Roles {
            namespace: "zen-agent".into(),
            watch_all: false,
            target_namespaces: TargetNamespaces::These(["shop".to_owned()].into()),
            actions: [action].into(),
            apply_targets: ["configmaps".parse().unwrap()].into(),
        };
        let granted = |roles: &Roles| -> Vec<PolicyRule> {
            let of_targets = roles.roles().into_iter().filter(|role| role.namespace().as_deref() == Some("shop"));
            let rules = of_targets.flat_map(|role| role.rules.unwrap_or_default());
            rules.filter(|rule| rule.resources.as_ref().is_some_and(|some| some.contains(&"configmaps".to_owned()))).collect()
        };
        assert_eq!(granted(&roles(ActionKind::Scale)), []);
        let apply = roles(ActionKind::Apply);
        let rules = granted(&apply);
        assert_eq!(rules.iter().map(|rule| rule.verbs.join(" ")).collect::<Vec<_>>(), ["get create patch update delete"]);
        let needs = apply.needs();
        let need = needs.iter().find(|need| need.rule == rules[0]).unwrap();
        assert_eq!((need.purpose, need.namespace.as_deref()), (Some(ActionKind::Apply), Some("shop")));
    }

    #[test]
    fn nothing_that_is_declared_can_read_secrets_or_write_rbac_admission_or_definitions_or_all_of_something() {
        let of_actions = ActionKind::ALL.into_iter().flat_map(ActionKind::permissions);
        for permission in [OWN, WATCHED, TARGETS, CLUSTER].into_iter().flatten().chain(of_actions) {
            let Permission { group, resource, verbs, .. } = permission;
            let wild = [*group, *resource].contains(&"*") || verbs.contains(&"*");
            let secret = resource.starts_with("secrets") || resource.starts_with("serviceaccounts");
            let code = ["rbac.authorization.k8s.io", "admissionregistration.k8s.io", "authentication.k8s.io"].contains(group);
            let defines = *group == "apiextensions.k8s.io" && *verbs != ["get"];
            let runs = ["pods/exec", "pods/attach", "pods/ephemeralcontainers", "pods/portforward"].contains(resource);
            assert!(!(wild || secret || code || defines || runs), "{permission:?}");
        }
    }
}
