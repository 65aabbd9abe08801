//! The remediation of a patch: how it is made, and when it may begin.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource, ResourceExt, core::ObjectMeta};
use serde_json::json;

use crate::{
    pipeline::{
        Pipeline,
        api::ApiError,
        run::{self, under_way},
    },
    remediation::{
        APPROVED, Mode, PATCH_OF, Reason, RemediationSpec, RequestRecord, StepName, TENANT_LABEL, ZenAgentRemediation, conditions, names,
    },
};

/// Whether what is pending may begin, as far as it is one of several patches.
pub(in crate::pipeline) enum Admission {
    /// It is waited for, or is of no series.
    Granted,
    /// It will be waited for once it is written down.
    NotYet,
    /// Nobody waits for it any more; why.
    Over(String),
}

/// The remediation of the patch at `index`; none where there is no such patch.
pub(super) fn object(series: &ZenAgentRemediation, index: usize) -> Option<ZenAgentRemediation> {
    let (name, uid) = (series.name_any(), series.metadata.uid.clone().unwrap_or_default());
    let retries = series.status.as_ref().map_or(0, |status| status.retry_request_ids.len());
    let labels = series.tenant().map(|tenant| [(TENANT_LABEL.to_owned(), tenant.to_owned())].into());
    let spec = spec(series, index)?;
    let metadata = ObjectMeta {
        name: Some(names::patch(&name, &uid, retries, index)),
        namespace: series.namespace(),
        labels,
        annotations: Some([(PATCH_OF.to_owned(), uid)].into()),
        // Its deletion takes this one along; it is not kept from being deleted.
        owner_references: Some(vec![OwnerReference { block_owner_deletion: None, ..series.controller_owner_ref(&())? }]),
        ..ObjectMeta::default()
    };
    Some(ZenAgentRemediation { metadata, spec, status: None })
}

/// What the series says of all its patches. Of the request stays which it was, and who sent it, who is not to approve where the
/// policy asks for a second person; but the patch is not the task, and is kept as long as any remediation.
pub(super) fn spec(series: &ZenAgentRemediation, index: usize) -> Option<RemediationSpec> {
    let spec = &series.spec;
    let approved = |reason: Reason| {
        series.condition(APPROVED).is_some_and(|condition| conditions::is_true(condition) && condition.reason == reason.as_str())
    };
    let (by_policy, at_creation) = (approved(Reason::AutomaticPolicy), approved(Reason::ApprovedAtCreation));
    Some(RemediationSpec {
        source: spec.source.clone(),
        rule: spec.rule.clone(),
        severity: spec.severity.clone(),
        // What a person decides on was judged when the whole began; what runs by itself has to be fresh each time.
        event_time: spec.event_time.clone().filter(|_| by_policy),
        // What has to hold in the end holds once all are in place; where it does not, all of them are undone.
        verification: spec.verification.clone().filter(|_| index + 1 == spec.patches.len()),
        mode: if by_policy { spec.mode } else { Some(Mode::Propose) },
        policy_rule: spec.policy_rule.clone(),
        facts: spec.facts.clone(),
        reference: spec.reference.clone(),
        request: spec.request.clone().map(|request| RequestRecord { execution_id: None, ..request }),
        scheduled_time: spec.scheduled_time.clone(),
        patches: vec![spec.patches.get(index)?.clone()],
        approved_by: spec.approved_by.clone().filter(|_| at_creation),
        approved_at: spec.approved_at.clone().filter(|_| at_creation),
        approval_source: spec.approval_source.clone().filter(|_| at_creation),
        ..RemediationSpec::default()
    })
}

/// Whether what is there is what would have been made.
pub(super) fn is_as_made(there: &ZenAgentRemediation, wanted: &ZenAgentRemediation) -> bool {
    let is_of = |object: &ZenAgentRemediation| (object.patch_of().map(|owner| owner.uid.clone()), object.tenant().map(str::to_owned));
    // As it is stored, which of a time is not every digit.
    let same = json!(there.spec) == json!(wanted.spec);
    is_of(there) == is_of(wanted) && same && there.metadata.deletion_timestamp.is_none()
}

/// Whether it is what its series waits for now.
pub(in crate::pipeline) async fn admit(pipeline: &Pipeline, object: &ZenAgentRemediation) -> Result<Admission, ApiError> {
    let owner = match (object.made_for(), object.patch_of()) {
        (None, _) => return Ok(Admission::Granted),
        (Some(_), Some(owner)) => owner,
        (Some(_), None) => return Ok(Admission::Over("it is a patch of a remediation that was taken off it".to_owned())),
    };
    let series = run::read(&pipeline.client, &object.namespace().unwrap_or_default(), &owner.name).await?;
    let is_there =
        |series: &ZenAgentRemediation| series.metadata.uid.as_ref() == Some(&owner.uid) && series.metadata.deletion_timestamp.is_none();
    let over = |why: &str| Admission::Over(format!("it is a patch of the remediation {}, which {why}", owner.name));
    let Some(series) = series.filter(is_there) else { return Ok(over("is gone")) };
    if !series.is_series() || under_way(&series).is_none_or(|step| step.name != StepName::Execute) {
        return Ok(over("carries out no patch now"));
    }
    let made = series.status.as_ref().map(|status| status.patch_remediations.as_slice()).unwrap_or_default();
    let is_this = |uid: &String| object.metadata.uid.as_ref() == Some(uid);
    Ok(match made.get(series.applied_patches()) {
        Some(waited_for) if is_this(&waited_for.uid) => Admission::Granted,
        None if !made.iter().any(|made| is_this(&made.uid)) => Admission::NotYet,
        _ => over("waits for another one"),
    })
}
