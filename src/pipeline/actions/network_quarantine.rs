//! `network-quarantine`: a NetworkPolicy of this remediation's own that denies all traffic of one pod.
//!
//! ```text
//!   execute:   policy zen-quarantine-<remediation>, selecting exactly the label ─▶ the label on the pod
//!   rollback:  the label off the pod (or back to its former value) ─▶ the policy deleted
//! ```
//!
//! The policy comes first and selects nobody, so the label is what takes effect, at once. Policies
//! add up and depend on the network plugin: what is validated is that the policy is in place, not
//! that traffic is blocked. A policy of that name that is not this remediation's is never touched.

use futures::FutureExt;
use k8s_openapi::{
    Resource as _,
    api::networking::v1::{NetworkPolicy, NetworkPolicySpec},
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use kube::{
    Api, ResourceExt,
    api::{DynamicObject, ObjectMeta, PostParams},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Act, ActionError, Disruption, Level, Permission, Reversibility, Site, Subject, Verdict,
    site::{PASSES, Turn},
};
use crate::{
    category::Category,
    event::Target,
    pipeline::api::{Effect, call, delete_as_read, find},
    remediation::{Change, REMEDIATION_LABEL},
};

/// Label on a pod in quarantine: the remediation that put it there.
pub const QUARANTINE_LABEL: &str = "zen.kube-zen.io/quarantine";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Parameters of `network-quarantine`: none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkQuarantineAction {}

/// What a quarantine found on the pod; the policy is the agent's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PreviousQuarantine {
    /// The label's former value: the pod was in another remediation's quarantine, and is put back into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl Act for NetworkQuarantineAction {
    type Previous = PreviousQuarantine;

    const LEVEL: Level = Level::Pod;
    const PERMISSIONS: &'static [Permission] = &[
        // Listed by label: those in quarantine, which `minHealthyReplicas` does not count as healthy.
        Permission::to("", "pods", &["get", "list", "patch"]),
        // The pod's controller, which says how many replicas are healthy.
        Permission::to("apps", "replicasets", &["get"]),
        Permission::to("apps", "statefulsets", &["get"]),
        Permission::to("apps", "daemonsets", &["get"]),
        Permission::to("networking.k8s.io", "networkpolicies", &["get", "create", "update", "delete"]),
    ];
    const REVERSIBILITY: Reversibility = Reversibility::Reversible;

    fn problem(&self) -> Option<String> {
        None
    }

    fn disruption(&self) -> Disruption {
        Disruption::Pod
    }

    fn prepare(&self, live: &DynamicObject) -> Result<PreviousQuarantine, ActionError> {
        Ok(PreviousQuarantine { label: label(live).cloned() })
    }

    fn change(&self, subject: Subject<'_>, live: &DynamicObject, previous: &PreviousQuarantine) -> Result<Option<Change>, ActionError> {
        let value = subject.label();
        match label(live) {
            now if now == Some(&value) => Ok(None),
            now if now == previous.label.as_ref() => Ok(Some(label_change(subject, live, Some(&value)))),
            _ => Err(ActionError::Changed { field: format!("the label {QUARANTINE_LABEL}") }),
        }
    }

    fn plan(&self, subject: Subject<'_>, live: &DynamicObject, previous: &PreviousQuarantine) -> Result<Vec<Change>, ActionError> {
        let policy = json!(policy_of(subject));
        let text = str::to_owned;
        let object = Target {
            api_version: text(NetworkPolicy::API_VERSION),
            kind: text(NetworkPolicy::KIND),
            namespace: subject.target.namespace.clone(),
            name: policy_name(subject),
            uid: None,
        };
        Ok([Change::create(object, policy)].into_iter().chain(self.change(subject, live, previous)?).collect())
    }

    async fn execute(&self, site: &Site<'_>, previous: &PreviousQuarantine) -> Result<(), ActionError> {
        // A pod that is gone needs no policy.
        site.read().await?;
        put_policy(site).await?;
        site.converge(|live| self.change(site.subject, live, previous)).await
    }

    async fn validate(&self, site: &Site<'_>) -> Result<Verdict, ActionError> {
        let pod = site.read().await?;
        let policy = find("read the NetworkPolicy", policies(site).get(&policy_name(site.subject))).await?;
        let wanted = policy_of(site.subject);
        Ok(match policy {
            None => Verdict::Impossible("the NetworkPolicy was deleted by another party".to_owned()),
            Some(policy) if !site.subject.made(&policy) || !denies_all(&policy, &wanted) => {
                Verdict::Impossible("the NetworkPolicy was changed by another party".to_owned())
            }
            Some(_) if label(&pod) != Some(&site.subject.label()) => {
                Verdict::Impossible(format!("the label {QUARANTINE_LABEL} was changed by another party"))
            }
            Some(policy) => Verdict::Holds(format!("the NetworkPolicy {} is in place and selects the pod", policy.name_any())),
        })
    }

    async fn rollback(&self, site: &Site<'_>, previous: &PreviousQuarantine) -> Result<(), ActionError> {
        let former = previous.label.as_ref();
        let value = site.subject.label();
        let held = |live: &DynamicObject| label(live) == Some(&value) && former != Some(&value);
        site.revert(|live| Ok(held(live).then(|| label_change(site.subject, live, former)))).await?;
        delete_policy(site, Turn::Own).await
    }

    fn leftover(&self, subject: Subject<'_>) -> String {
        format!("the NetworkPolicy {} and the label {QUARANTINE_LABEL} on {}", policy_name(subject), subject.named())
    }
}

fn label(live: &DynamicObject) -> Option<&String> {
    live.metadata.labels.as_ref()?.get(QUARANTINE_LABEL)
}

fn label_change(subject: Subject<'_>, live: &DynamicObject, value: Option<&String>) -> Change {
    subject.patch(None, live, json!({ "metadata": { "labels": { QUARANTINE_LABEL: value } } }))
}

fn policy_name(subject: Subject<'_>) -> String {
    format!("zen-quarantine-{}", subject.label())
}

fn policies(site: &Site<'_>) -> Api<NetworkPolicy> {
    // The target is a Pod, which always has a namespace.
    Api::namespaced(site.client.clone(), site.subject.target.namespace.as_deref().unwrap_or_default())
}

fn policy_of(subject: Subject<'_>) -> NetworkPolicy {
    let value = subject.label();
    NetworkPolicy {
        metadata: ObjectMeta {
            name: Some(policy_name(subject)),
            namespace: subject.target.namespace.clone(),
            labels: Some([(REMEDIATION_LABEL.to_owned(), value.clone()), (MANAGED_BY.to_owned(), "zen-agent".to_owned())].into()),
            annotations: Some(subject.marks().map(|(key, value)| (key.to_owned(), value)).into()),
            ..ObjectMeta::default()
        },
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector {
                match_labels: Some([(QUARANTINE_LABEL.to_owned(), value)].into()),
                ..LabelSelector::default()
            }),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
            ..NetworkPolicySpec::default()
        }),
    }
}

/// Whether the policy selects exactly the label, and allows nothing in either direction.
fn denies_all(live: &NetworkPolicy, wanted: &NetworkPolicy) -> bool {
    let (Some(live), Some(wanted)) = (&live.spec, &wanted.spec) else { return false };
    let selects = |spec: &NetworkPolicySpec| spec.pod_selector.as_ref().and_then(|selector| selector.match_labels.clone());
    let expressions = live.pod_selector.as_ref().and_then(|selector| selector.match_expressions.as_ref());
    let types = |name: &str| live.policy_types.as_ref().is_some_and(|types| types.iter().any(|t| t == name));
    selects(live) == selects(wanted)
        && expressions.is_none_or(Vec::is_empty)
        && types("Ingress")
        && types("Egress")
        && live.ingress.as_ref().is_none_or(Vec::is_empty)
        && live.egress.as_ref().is_none_or(Vec::is_empty)
}

/// Creates the policy, or repairs this remediation's own.
async fn put_policy(site: &Site<'_>) -> Result<(), ActionError> {
    let api = policies(site);
    let wanted = policy_of(site.subject);
    let name = wanted.name_any();
    for _ in 0..PASSES {
        let written = match find("read the NetworkPolicy", api.get(&name)).await? {
            None => {
                let (api, wanted) = (api.clone(), wanted.clone());
                let create =
                    async move { Ok(call("create the NetworkPolicy", api.create(&PostParams::default(), &wanted)).await.map(drop)?) };
                site.create(create, |site| delete_policy(site, Turn::Over).boxed()).await
            }
            Some(live) if !site.subject.made(&live) => return Err(ActionError::NotOurs { what: format!("the NetworkPolicy {name}") }),
            Some(live) if denies_all(&live, &wanted) => return Ok(()),
            Some(mut live) => {
                live.spec.clone_from(&wanted.spec);
                site.still_ours().await?;
                call("repair the NetworkPolicy", api.replace(&name, &PostParams::default(), &live)).await.map(drop).map_err(Into::into)
            }
        };
        match written {
            Ok(()) => {}
            Err(ActionError::Api(error)) if error.category() == Category::Conflict => {}
            Err(error) => return Err(error),
        }
    }
    Err(ActionError::Contended)
}

/// Deletes the policy if it is this remediation's; ends when a fresh read shows none.
async fn delete_policy(site: &Site<'_>, turn: Turn) -> Result<(), ActionError> {
    let api = policies(site);
    let wanted = policy_of(site.subject);
    let name = wanted.name_any();
    for _ in 0..PASSES {
        let live = match find("read the NetworkPolicy", api.get(&name)).await? {
            Some(live) if site.subject.made(&live) => live,
            _ => return Ok(()),
        };
        if !site.may_delete(turn).await? {
            return Ok(());
        }
        match delete_as_read("delete the NetworkPolicy", &api, &live, Effect::Made).await {
            Ok(()) => {}
            Err(error) if matches!(error.category(), Category::Conflict | Category::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ActionError::Contended)
}
