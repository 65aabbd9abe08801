//! What is to be told of a remediation, as the object says it.

use jiff::Timestamp;
use kube::ResourceExt;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    contract::saas::types::{ReportedStatus, StatusDetails, StatusReport, Verification, VerificationOutcome},
    key::ObjectKey,
    remediation::{Phase, Reason, StepName, StepState, ZenAgentRemediation, approval, names},
    spool::{Record, Spool, SpoolError},
};

/// Who speaks, and of what.
#[derive(Clone, Debug)]
pub(super) struct Speaker {
    pub(super) cluster: String,
    /// Where ids have no namespace.
    pub(super) namespace: String,
}

/// A status that is to be told, until it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// The object's: another one of the same name is another remediation.
    pub(crate) uid: String,
    /// What stands in the path.
    pub(super) id: String,
    /// The same for each attempt.
    pub(super) request_id: String,
    pub(super) queued_at: Timestamp,
    pub(crate) report: StatusReport,
}

impl Entry {
    /// What there is to tell of this object; nothing of a status that another program wrote.
    pub(super) fn of(object: &ZenAgentRemediation, speaker: &Speaker) -> Option<Self> {
        let own_id = names::id(&speaker.namespace, &object.namespace().unwrap_or_default(), &object.name_any());
        let status = object.status.clone().unwrap_or_default();
        let created = object.metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |at| at.0);
        let cut = |text: &String| crate::remediation::shorten(text);
        let report = StatusReport {
            cluster_id: speaker.cluster.clone(),
            execution_id: object.execution_id().map(str::to_owned),
            remediation: own_id.clone(),
            status: reported(object)?,
            updated_at: status.updated_at.as_ref().map_or(created, |at| at.0).into(),
            started_at: status.started_at.as_ref().map(|at| at.0.into()),
            finished_at: status.completed_at.as_ref().map(|at| at.0.into()),
            verification: verification(object),
            details: Some(StatusDetails {
                action: object.spec.action_kind().map(|kind| kind.as_str().to_owned()),
                reason: status.reason.as_ref().map(cut),
                message: status.message.as_ref().map(cut),
            }),
        };
        let named = object.spec.remediation_id.clone().filter(|id| is_path_segment(id));
        Some(Self {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            uid: object.metadata.uid.clone().unwrap_or_default(),
            id: named.unwrap_or(own_id),
            request_id: new_request(),
            queued_at: Timestamp::now(),
            report,
        })
    }

    /// The remediation's id in the agent's API, and the status that was to be told.
    pub(crate) fn about(&self) -> (&str, String) {
        (&self.report.remediation, self.report.status.to_string())
    }

    pub(super) fn key(&self) -> ObjectKey {
        ObjectKey::new(self.namespace.as_str(), self.name.as_str())
    }

    /// Whether the remediation has ended, though a person may have it retried, or rolled back.
    pub(super) fn has_ended(&self) -> bool {
        !matches!(self.report.status, ReportedStatus::Pending | ReportedStatus::Running)
    }
}

/// Characters of a remediation's name in that of its dead letter.
const NAME: usize = 128;

impl Record for Entry {
    type Source = ();

    fn place(&self) -> String {
        format!("{}/{}/{}", self.namespace, self.name, self.uid)
    }

    fn source(_place: &str) -> Option<()> {
        Some(())
    }

    fn letter(&self) -> String {
        // The uid alone makes it one of a kind.
        let name: String = self.name.chars().take(NAME).collect();
        format!("{}.{name}.{}", self.namespace, self.uid)
    }

    fn source_of_letter(_: &str) -> Option<()> {
        Some(())
    }

    /// It says something else, and is no older.
    fn replaces(&self, former: &Self) -> bool {
        self.report != former.report && self.report.updated_at >= former.report.updated_at
    }

    fn is(&self, other: &Self) -> bool {
        self.request_id == other.request_id
    }
}

impl Spool<Entry> {
    /// What is to be told of the objects of this name, one after another.
    pub(crate) async fn of(&self, key: &ObjectKey) -> Result<Vec<Entry>, SpoolError> {
        self.beginning(format!("{}/{}/", key.namespace, key.name)).await
    }

    /// Whom the entries are about.
    pub(crate) async fn keys(&self) -> Result<Vec<ObjectKey>, SpoolError> {
        let key = |place: String| {
            let mut parts = place.split('/');
            ObjectKey::new(parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
        };
        Ok(self.places().await?.into_iter().map(key).collect())
    }
}

/// Whether an id stands in a path as it is: others write it, and what is no such id would lead to another path.
fn is_path_segment(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '~' | '-');
    (1..=1_024).contains(&id.len()) && id.chars().all(plain) && id.chars().any(|c| c.is_ascii_alphanumeric())
}

fn reported(object: &ZenAgentRemediation) -> Option<ReportedStatus> {
    let because = |reason: Reason| object.status.as_ref().and_then(|status| status.reason.as_deref()) == Some(reason.as_str());
    Some(match object.phase() {
        Phase::Pending => ReportedStatus::Pending,
        Phase::InProgress => ReportedStatus::Running,
        Phase::Succeeded => ReportedStatus::Success,
        Phase::RolledBack => ReportedStatus::RolledBack,
        Phase::Failed if [Reason::Cancelled, Reason::Rejected, Reason::ApprovalExpired].into_iter().any(because) => {
            ReportedStatus::Cancelled
        }
        Phase::Failed => ReportedStatus::Failed,
        Phase::Unknown(_) => return None,
    })
}

/// Whether the change held, its effect and its probes, as far as that is known.
fn verification(object: &ZenAgentRemediation) -> Option<Verification> {
    let step = object.step(StepName::Validate)?;
    Some(Verification {
        attempts: step.attempts,
        started_at: step.started_at.0.into(),
        finished_at: step.finished_at.as_ref().map(|at| at.0.into()),
        outcome: match step.state {
            StepState::Running => VerificationOutcome::Running,
            StepState::Succeeded => VerificationOutcome::Succeeded,
            StepState::Failed => VerificationOutcome::Failed,
        },
        detail: step.message.as_deref().map(crate::remediation::shorten),
    })
}

/// An id that no other report has.
pub(super) fn new_request() -> String {
    Uuid::now_v7().to_string()
}

/// Whether the SaaS knows the object's latest status.
pub(crate) fn is_told(object: &ZenAgentRemediation) -> bool {
    object.status.as_ref().and_then(|status| status.synced) == Some(true)
}

/// Whether the pipeline leaves the object alone, so that a write on it disturbs nobody.
pub(super) fn rests(object: &ZenAgentRemediation) -> bool {
    object.phase().is_terminal() || approval::waits(object)
}

/// What there would be to tell of an object of this name.
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
pub(crate) fn an_entry(name: &str) -> Entry {
    let object = serde_json::json!({
        "apiVersion": "zen.kube-zen.io/v1", "kind": "ZenAgentRemediation",
        "metadata": { "namespace": "zen-agent", "name": name, "uid": format!("uid-{name}") }, "spec": {},
    });
    let speaker = Speaker { cluster: "cluster-1".into(), namespace: "zen-agent".into() };
    Entry::of(&serde_json::from_value(object).unwrap(), &speaker).unwrap()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn entry(status: Value) -> Option<Entry> {
        let object = json!({
            "apiVersion": "zen.kube-zen.io/v1", "kind": "ZenAgentRemediation",
            "metadata": { "namespace": "zen-agent", "name": "zat-1", "uid": "u", "creationTimestamp": "2026-07-01T12:00:00Z" },
            "spec": { "remediationId": "rem-1", "action": { "scale": { "replicas": 0 } },
                "request": { "id": "i", "digest": "d", "index": 0, "executionId": "exec-1" } },
            "status": status,
        });
        let speaker = Speaker { cluster: "cluster-1".into(), namespace: "zen-agent".into() };
        Entry::of(&serde_json::from_value(object).unwrap(), &speaker)
    }

    #[test]
    fn every_status_has_a_word_of_the_contract() {
        for (phase, reason, word) in [
            ("pending", "", "pending"),
            ("in_progress", "", "running"),
            ("succeeded", "Validated", "success"),
            ("rolled_back", "ValidationTimedOut", "rolled_back"),
            ("failed", "TargetNotFound", "failed"),
            ("failed", "Cancelled", "cancelled"),
            ("failed", "Rejected", "cancelled"),
            ("failed", "ApprovalExpired", "cancelled"),
        ] {
            let entry = entry(json!({ "phase": phase, "reason": reason })).unwrap();
            assert_eq!(entry.report.status.to_string(), word, "{phase} {reason}");
            assert_eq!(entry.has_ended(), !["pending", "running"].contains(&word), "{phase}");
        }
        assert_eq!(entry(json!({ "phase": "odd" })), None);
    }

    #[test]
    fn a_report_says_which_task_it_is_about_and_holds_to_the_contract() {
        let entry = entry(json!({ "phase": "succeeded", "reason": "Validated", "message": "ä".repeat(9_000),
            "updatedAt": "2026-07-01T12:00:03.000000Z", "startedAt": "2026-07-01T12:00:01.000000Z", "completedAt": "2026-07-01T12:00:03.000000Z" }));
        let entry = entry.unwrap();
        assert_eq!(entry.id, "rem-1");
        let report = serde_json::to_value(&entry.report).unwrap();
        assert_eq!(report["details"]["message"].as_str().unwrap().chars().count(), 1_024);
        assert_eq!(
            ["execution_id", "remediation", "started_at", "finished_at"].map(|name| report[name].as_str().unwrap()),
            ["exec-1", "zat-1", "2026-07-01T12:00:01Z", "2026-07-01T12:00:03Z"]
        );
    }

    #[test]
    fn an_id_that_would_lead_to_another_path_is_not_used() {
        for id in ["", ".", "..", "a/b", "..\\..\\x", "a%2fb", "a b", "ä", "?", "#"] {
            assert!(!is_path_segment(id), "{id}");
        }
        assert!(is_path_segment("rem-42") && is_path_segment("urn:uuid:1") && is_path_segment("shop~r.1"));
    }

    #[test]
    fn newer_replaces_older_also_where_that_had_ended() {
        let at =
            |phase: &str, second: u8| entry(json!({ "phase": phase, "updatedAt": format!("2026-07-01T12:00:0{second}.000000Z") })).unwrap();
        assert!(at("in_progress", 2).replaces(&at("pending", 1)));
        assert!(!at("pending", 1).replaces(&at("in_progress", 2)), "it is older");
        assert!(!at("pending", 1).replaces(&at("pending", 1)), "it is the same");
        assert!(at("rolled_back", 3).replaces(&at("succeeded", 2)), "a person had it rolled back");
    }
}
