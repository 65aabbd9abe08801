//! The custom resource as Kubernetes stores it.
//!
//! Its schema is a superset of the one that the product family's chart publishes already: the
//! family's fields stand under their own heading in both structs, and no field is required.

use std::{collections::BTreeMap, sync::LazyLock};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use kube::{CustomResource, CustomResourceExt, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Mode, Phase, Plan, Previous, Verification, VerificationStatus, fixed};
use crate::event::Target;

/// Label: the tenant that owns the object; without it, the agent's own tenant does.
pub const TENANT_LABEL: &str = "zen.kube-zen.io/tenant";
/// Label on everything the agent creates beside its own resources, such as NetworkPolicies.
pub const REMEDIATION_LABEL: &str = "zen.kube-zen.io/remediation";
/// The condition that says whether a remediation may run; the truth about approval. Of several patches each has its own.
pub const APPROVED: &str = "Approved";
/// The condition that says why an approved remediation is held back.
pub const HELD: &str = "Held";
/// The condition that says that a person asked for what has succeeded to be undone.
pub const ROLLBACK_REQUESTED: &str = "RollbackRequested";
/// The condition that says that a person asked for what had failed to be tried again.
pub const RETRIED: &str = "Retried";
/// The condition that says whether what was to hold after the change did, where probes were to be asked.
pub const VERIFIED: &str = "Verified";
/// The condition that says how a remediation ended.
pub const COMPLETE: &str = "Complete";

/// A wanted change to one object, and what became of it.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "zen.kube-zen.io",
    version = "v1",
    kind = "ZenAgentRemediation",
    plural = "zenagentremediations",
    shortname = "zar",
    shortname = "zarem",
    shortname = "zarems",
    category = "security",
    namespaced,
    status = "RemediationStatus",
    derive = "PartialEq",
    derive = "Default",
    selectable = ".status.phase",
    selectable = ".spec.source",
    selectable = ".spec.severity",
    selectable = ".spec.target.namespace",
    selectable = ".spec.target.kind",
    selectable = ".spec.target.name",
    printcolumn = r#"{"name":"Status","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Severity","type":"string","jsonPath":".spec.severity"}"#,
    printcolumn = r#"{"name":"Rule","type":"string","jsonPath":".spec.rule"}"#,
    printcolumn = r#"{"name":"Target","type":"string","jsonPath":".spec.target.name"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.reason"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase", default)]
pub struct RemediationSpec {
    /// The tool that reported the finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The rule, check or policy that fired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// critical, high, medium, low or info.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// When the finding was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_time: Option<MicroTime>,
    /// The object that the finding is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// What has to hold afterwards, or it is undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// Whether it runs at once or waits for approval; waits when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// The policy rule that led to this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_rule: Option<String>,
    /// Facts of the finding, as text.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
    /// Where the full report is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The request that asked for this: the idempotency record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestRecord>,
    /// Seconds after its end at which this object may be deleted; overrides the retention period.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 315_360_000))]
    pub ttl_seconds_after_finished: Option<i64>,

    // The family's published fields.
    /// The SaaS's id of this remediation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remediation_id: Option<String>,
    /// The SaaS's name for the kind of remediation.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// Not before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_time: Option<Time>,
    /// The SaaS's priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Manifests to apply; one of them is the action `apply`, and of several each becomes a remediation of its own, one after the other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<Patch>,
    /// Who approved it before it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// When it was approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<Time>,
    /// Where it was approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_source: Option<String>,
    /// The pull request that carries the same change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_request_url: Option<String>,
}

/// The request that created a remediation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequestRecord {
    /// X-Request-Id as sent.
    pub id: String,
    /// `sha256:<hex>` over operation and body.
    pub digest: String,
    /// The event's place in its batch.
    #[schemars(range(min = 0, max = 65_535))]
    pub index: i32,
    /// The token's subject that sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The task that it carries, where it is one.
    #[serde(default, rename = "executionId", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub execution_id: Option<String>,
}

/// A manifest to apply, as the family publishes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Patch {
    /// Group and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The manifest's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RemediationStatus {
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Where it stood, in older objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Phase>,
    /// The spec's generation that this status is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Why it ended, or what it waits for: one CamelCase word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Approved, Held, RollbackRequested, Retried, Verified and Complete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The object to be changed, found by kind and name and pinned by uid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// What will be done to it; written before anybody approves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// The uid of the target's controller, or else the target's own: what findings that come back are counted by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// The `X-Request-Id` of each retry: sent again, however late, it retries nothing more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retry_request_ids: Vec<String>,
    /// What is done to it: the spec's action as it was claimed. Until then absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// Until when a person may approve it; then it ends. Where it waits for one, and waiting has an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_deadline: Option<Time>,
    /// Who decided about it, where a person did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// What was there before the change; written before anything is changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// How far the verification is; from the action's effect on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationStatus>,
    /// One entry a step of the pipeline.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// The remediations of its patches, in their order, where it has several: each once it is there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub patch_remediations: Vec<PatchRemediation>,
    /// When the pipeline claimed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<MicroTime>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<MicroTime>,
    /// When this status last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<MicroTime>,

    // The family's published fields.
    /// When the change was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<Time>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Whether the SaaS knows the latest status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synced: Option<bool>,
    /// When the agent last tried to tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sync_attempt: Option<Time>,
    /// Patches applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_patches: Option<i32>,
    /// Patches in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_patches: Option<i32>,
}

/// The remediation of a patch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PatchRemediation {
    /// Its name; it is in the same namespace.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// A person's decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// What was decided.
    pub decision: Decision,
    /// Who decided: the token's subject, or the object's `approvedBy`.
    pub by: String,
    /// When.
    pub at: Time,
    /// Why, in the person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The digest of the plan that it was given to; until there is a plan, absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_digest: Option<String>,
}

/// What a person can decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It may run.
    Approved,
    /// It may not.
    Rejected,
}

/// A step of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StepName {
    /// Finds and pins the target.
    Plan,
    /// Changes it.
    Execute,
    /// Checks the effect.
    Validate,
    /// Undoes the change.
    Rollback,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// Begun; after a crash, begun again.
    Running,
    /// Done.
    Succeeded,
    /// Given up.
    Failed,
}

/// What a step did, and how often it was begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Which.
    pub name: StepName,
    /// How far.
    pub state: StepState,
    /// How often it was begun; more than one after a crash or a retry.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub attempts: i32,
    /// When it was first begun.
    pub started_at: MicroTime,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<MicroTime>,
    /// What it found, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl ZenAgentRemediation {
    /// Where it stands: `.status.phase`, else the older `.status.state`, else pending.
    pub fn phase(&self) -> Phase {
        let status = self.status.as_ref();
        status.and_then(|s| s.phase.clone().or_else(|| s.state.clone())).unwrap_or_default()
    }

    /// The tenant that owns it, where it says so.
    pub fn tenant(&self) -> Option<&str> {
        self.labels().get(TENANT_LABEL).map(String::as_str)
    }

    /// The task that it came with.
    pub fn execution_id(&self) -> Option<&str> {
        self.spec.request.as_ref()?.execution_id.as_deref()
    }

    /// What will be done, for the spec as it is now; once it has begun, what it began with.
    pub fn plan(&self) -> Option<&Plan> {
        let status = self.status.as_ref()?;
        let of_spec = self.phase() != Phase::Pending || status.observed_generation == self.metadata.generation;
        status.plan.as_ref().filter(|_| of_spec)
    }

    /// The condition of this type.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == type_)
    }

    /// The step of this name, once it has begun.
    pub fn step(&self, name: StepName) -> Option<&Step> {
        self.status.as_ref()?.steps.iter().find(|step| step.name == name)
    }
}

/// The CustomResourceDefinition, as `generated/crd.yaml` holds it and `zen-agent crd` prints it.
///
/// A fresh object has the status `pending` without a second write, by a default in the schema; what
/// must not change after that is kept by rules in it.
pub fn crd() -> CustomResourceDefinition {
    static MADE: LazyLock<CustomResourceDefinition> = LazyLock::new(definition);
    MADE.clone()
}

fn definition() -> CustomResourceDefinition {
    let mut crd = ZenAgentRemediation::crd();
    let schemas = crd.spec.versions.iter_mut().filter_map(|v| v.schema.as_mut()?.open_api_v3_schema.as_mut());
    for properties in schemas.filter_map(|schema| schema.properties.as_mut()) {
        if let Some(status) = properties.get_mut("status") {
            status.default = serde_json::from_str(r#"{"phase":"pending"}"#).ok();
        }
        if let Some(spec) = properties.get_mut("spec") {
            spec.x_kubernetes_validations = Some(fixed::rules());
        }
    }
    crd
}
