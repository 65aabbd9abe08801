#![allow(clippy::unwrap_used, reason = "a test may stop where its premise fails")]

use std::{collections::BTreeMap, num::NonZeroUsize, sync::Arc};

use jiff::Timestamp;

use super::*;
use crate::{
    contract::ContractVersion,
    event::{Scalar, SecurityEvent, Severity, Target},
    identity::Role,
    informer::{Handler as _, remediations::Summary},
    key::ObjectKey,
    policy::Policy,
    problem::{Code, Problem},
    quota::NoRoom,
    remediation::{Action, ActionKind, Mode},
    test_api::{Failure, NAMESPACE, TestApi},
};

const UUID: &str = "7de2aebb-cc5b-4029-9fa5-c13406446e7e";
const ACT: &str = "default: { mode: automatic, action: { scale: { replicas: 0 } } }";
const ACT_ON_CRITICAL: &str = "default: { mode: automatic, minSeverity: critical, action: { scale: { replicas: 0 } } }";

fn ingest(api: &TestApi, policy: &str) -> Ingest {
    let policy = policy::Live::new(Policy::parse(policy).unwrap(), NAMESPACE);
    let quota = Quota::new(NonZeroUsize::MAX, &"acme".parse().unwrap(), [&"globex".parse().unwrap()]);
    quota.on_sync();
    Ingest::new(api.client(), NAMESPACE, policy, quota, Metrics::new())
}

fn caller(request_id: &str, body: u8) -> Caller {
    Caller {
        tenant: "acme".parse().unwrap(),
        cluster: "dev".into(),
        certificate: [0; 32],
        subject: "forwarder".into(),
        role: Role::Viewer,
        version: ContractVersion::V0,
        request_id: request_id.parse().unwrap(),
        body_digest: [body; 32],
        token_expires: Timestamp::MAX,
    }
}

fn event(severity: Severity) -> Normalized {
    Normalized::Event(Box::new(SecurityEvent {
        source: "falco".into(),
        rule: "Terminal shell in container".into(),
        severity,
        time: Timestamp::UNIX_EPOCH,
        target: Target { api_version: "v1".into(), kind: "Pod".into(), namespace: Some("shop".into()), name: "web-1".into(), uid: None },
        facts: BTreeMap::from([("evt.time".to_owned(), Scalar::Number(1_795_451_516_746_609_046_i64.into()))]),
        reference: None,
    }))
}

const HEARTBEAT: Normalized = Normalized::Ignored(Ignored::Heartbeat);

fn created(remediation: &str) -> Outcome {
    Outcome::Created { remediation: remediation.into() }
}

fn replayed(remediation: &str) -> Outcome {
    Outcome::Replayed { remediation: remediation.into() }
}

fn ignored(reason: Ignored) -> Outcome {
    Outcome::Ignored { reason }
}

fn anchor(caller: &Caller) -> String {
    names::anchor(&caller.tenant, &caller.request_id)
}

#[tokio::test]
async fn an_event_becomes_a_stored_remediation_that_tells_where_it_is_from() {
    let (api, caller) = (TestApi::start().await, caller(UUID, 1));
    let receipt = ingest(&api, ACT).accept("ingestFalco", &caller, vec![event(Severity::Critical)]).await.unwrap();
    assert_eq!(receipt.results, [created(&anchor(&caller))]);
    assert!(!receipt.all_replayed());

    let stored = api.object(&anchor(&caller)).await;
    assert_eq!(stored.tenant(), Some("acme"));
    let spec = stored.spec;
    assert_eq!((spec.source.as_deref(), spec.severity.as_deref()), (Some("falco"), Some("critical")));
    assert_eq!(spec.target.unwrap().name, "web-1");
    assert_eq!(spec.facts["evt.time"], "1795451516746609046");
    assert_eq!((spec.mode, spec.policy_rule.as_deref()), (Some(Mode::Automatic), Some("default")));
    assert!(matches!(spec.action, Some(Action::Scale(_))));
    let request = spec.request.unwrap();
    assert_eq!((request.id.as_str(), request.index, request.subject.as_deref()), (UUID, 0, Some("forwarder")));
    assert_eq!(request.digest, names::digest("ingestFalco", &[1; 32]));
}

#[tokio::test]
async fn a_repeated_request_is_answered_with_the_same_names_and_creates_nothing() {
    let (api, caller) = (TestApi::start().await, caller(UUID, 1));
    let ingest = ingest(&api, ACT);
    let events = || vec![HEARTBEAT, event(Severity::High), event(Severity::Low)];
    let (first, second) = (anchor(&caller), names::beside(&anchor(&caller), 2));
    let once = ingest.accept("ingestEvents", &caller, events()).await.unwrap();
    assert_eq!(once.results, [ignored(Ignored::Heartbeat), created(&first), created(&second)]);
    let twice = ingest.accept("ingestEvents", &caller, events()).await.unwrap();
    assert_eq!(twice.results, [ignored(Ignored::Heartbeat), replayed(&first), replayed(&second)]);
    assert!(twice.all_replayed());
    assert_eq!(api.names().await.len(), 2);
}

#[tokio::test]
async fn the_same_request_id_with_other_content_is_a_conflict_and_creates_nothing() {
    let api = TestApi::start().await;
    let ingest = ingest(&api, ACT);
    ingest.accept("ingestFalco", &caller(UUID, 1), vec![HEARTBEAT, event(Severity::Low)]).await.unwrap();
    let others = [
        ("ingestFalco", 2, vec![event(Severity::Low)]),
        ("ingestFalco", 2, vec![event(Severity::Low), event(Severity::Low), event(Severity::Low)]),
        ("ingestFalco", 2, vec![HEARTBEAT]),
        ("ingestEvents", 1, vec![event(Severity::Low)]),
    ];
    for (operation, body, events) in others {
        let error = ingest.accept(operation, &caller(UUID, body), events).await.unwrap_err();
        assert!(matches!(error, IngestError::Conflict), "{error}");
        assert_eq!(Problem::from(error).code, Code::RequestIdConflict);
    }
    assert_eq!(api.names().await.len(), 1);
}

#[tokio::test]
async fn while_one_object_of_a_batch_stands_its_id_takes_no_other_batch_and_stores_nothing_of_it() {
    let api = TestApi::start().await;
    let ingest = ingest(&api, ACT);
    let batch = || vec![event(Severity::Low), event(Severity::Low)];
    ingest.accept("ingestEvents", &caller(UUID, 1), batch()).await.unwrap();
    // A cleanup took what had ended first.
    let anchor = anchor(&caller(UUID, 1));
    api.objects().delete(&anchor, &kube::api::DeleteParams::default()).await.unwrap();
    let error = ingest.accept("ingestEvents", &caller(UUID, 2), batch()).await.unwrap_err();
    assert!(matches!(error, IngestError::Conflict), "{error}");
    assert_eq!(api.names().await, [format!("{anchor}-1")]);
}

#[tokio::test]
async fn nobody_is_told_of_a_remediation_that_is_being_deleted() {
    let api = TestApi::start().await;
    let (ingest, caller) = (ingest(&api, ACT), caller(UUID, 1));
    ingest.accept("ingestFalco", &caller, vec![event(Severity::Low)]).await.unwrap();
    let name = anchor(&caller);
    api.edit(&name, serde_json::json!({ "metadata": { "finalizers": ["example.com/hold"] } })).await;
    api.objects().delete(&name, &kube::api::DeleteParams::default()).await.unwrap();
    let error = ingest.accept("ingestFalco", &caller, vec![event(Severity::Low)]).await.unwrap_err();
    assert_eq!(Problem::from(error).code, Code::Unavailable);
}

#[tokio::test]
async fn an_object_of_that_name_that_records_no_request_is_a_conflict() {
    let (api, caller) = (TestApi::start().await, caller(UUID, 1));
    let ingest = ingest(&api, ACT);
    api.create(&anchor(&caller), None, serde_json::json!({})).await;
    let error = ingest.accept("ingestFalco", &caller, vec![event(Severity::Low)]).await.unwrap_err();
    assert!(matches!(error, IngestError::Conflict), "{error}");
}

#[tokio::test]
async fn another_tenant_may_use_the_same_request_id() {
    let api = TestApi::start().await;
    let ingest = ingest(&api, ACT);
    ingest.accept("ingestFalco", &caller(UUID, 1), vec![event(Severity::Low)]).await.unwrap();
    let other = Caller { tenant: "globex".parse().unwrap(), ..caller(UUID, 2) };
    let receipt = ingest.accept("ingestFalco", &other, vec![event(Severity::Low)]).await.unwrap();
    assert_eq!(receipt.results, [created(&anchor(&other))]);
    assert_eq!(api.names().await.len(), 2);
}

#[tokio::test]
async fn wherever_a_batch_is_interrupted_its_repetition_creates_what_is_missing() {
    let events = || (0..10).map(|_| event(Severity::Low)).collect::<Vec<_>>();
    for writes in 0..10 {
        let (api, caller) = (TestApi::start().await, caller(UUID, 1));
        let ingest = ingest(&api, ACT);
        api.fail("", Failure::AfterCreates(writes));
        let error = ingest.accept("ingestEvents", &caller, events()).await.unwrap_err();
        let problem = Problem::from(error);
        assert_eq!(problem.code, Code::Unavailable);
        assert_eq!(api.names().await.len(), writes);

        api.recover();
        let receipt = ingest.accept("ingestEvents", &caller, events()).await.unwrap();
        let replays = receipt.results.iter().filter(|outcome| matches!(outcome, Outcome::Replayed { .. })).count();
        assert_eq!((replays, api.names().await.len()), (writes, 10));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_32_identical_requests_at_once_exactly_one_creates() {
    let api = TestApi::start().await;
    let ingest = ingest(&api, ACT);
    let deliveries: Vec<_> = (0..32)
        .map(|_| {
            let ingest = ingest.clone();
            tokio::spawn(async move { ingest.accept("ingestFalco", &caller(UUID, 1), vec![event(Severity::High)]).await.unwrap() })
        })
        .collect();
    let mut outcomes = Vec::new();
    for delivery in deliveries {
        outcomes.extend(delivery.await.unwrap().results);
    }
    let name = anchor(&caller(UUID, 1));
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == created(&name)).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == replayed(&name)).count(), 31);
    assert_eq!(api.names().await, [name]);
}

#[tokio::test]
async fn a_policy_that_changed_in_between_does_not_change_what_was_created() {
    let (api, caller) = (TestApi::start().await, caller(UUID, 1));
    let events = || vec![event(Severity::Low), event(Severity::Critical), event(Severity::Low)];
    let (first, name) = (anchor(&caller), |index| names::beside(&anchor(&caller), index));

    // Strict first: only the middle one, under the anchor; then lax: it keeps that name, the others appear.
    ingest(&api, ACT_ON_CRITICAL).accept("ingestEvents", &caller, events()).await.unwrap();
    let receipt = ingest(&api, ACT).accept("ingestEvents", &caller, events()).await.unwrap();
    assert_eq!(receipt.results, [created(&name(0)), replayed(&first), created(&name(2))]);

    // Strict again: what is there is replayed, although it would be ignored now.
    let receipt = ingest(&api, ACT_ON_CRITICAL).accept("ingestEvents", &caller, events()).await.unwrap();
    assert_eq!(receipt.results, [replayed(&name(0)), replayed(&first), replayed(&name(2))]);
    let receipt = ingest(&api, "default: { mode: observe }").accept("ingestEvents", &caller, events()).await.unwrap();
    assert_eq!(receipt.results, [replayed(&name(0)), replayed(&first), replayed(&name(2))]);
    assert_eq!(api.names().await.len(), 3);
}

#[tokio::test]
async fn what_leads_to_nothing_leaves_no_record_and_is_counted() {
    let api = TestApi::start().await;
    let ingest = ingest(&api, ACT_ON_CRITICAL);
    for body in [1, 2] {
        let receipt = ingest.accept("ingestEvents", &caller(UUID, body), vec![HEARTBEAT, event(Severity::Low)]).await.unwrap();
        assert_eq!(receipt.results, [ignored(Ignored::Heartbeat), ignored(Ignored::BelowThreshold)]);
        assert!(!receipt.all_replayed());
    }
    assert!(api.names().await.is_empty());
    let text = ingest.metrics.render().unwrap();
    assert!(text.contains(r#"zen_agent_events_ignored_total{reason="below_threshold"} 2"#), "{text}");
}

#[tokio::test]
async fn two_spellings_of_a_request_id_are_one_request() {
    for id in [UUID, "01arz3ndektsv4rrffq69g5fav"] {
        let api = TestApi::start().await;
        let ingest = ingest(&api, ACT);
        let accept = async |id: String| ingest.accept("ingestFalco", &caller(&id, 1), vec![event(Severity::Low)]).await.unwrap();
        let lower = accept(id.to_owned()).await;
        let upper = accept(id.to_uppercase()).await;
        assert!(matches!((&lower.results[0], &upper.results[0]),
            (Outcome::Created { remediation: a }, Outcome::Replayed { remediation: b }) if a == b));
    }
}

#[tokio::test]
async fn an_event_too_large_to_keep_is_refused_before_anything_is_written() {
    let api = TestApi::start().await;
    let mut large = event(Severity::Low);
    if let Normalized::Event(event) = &mut large {
        event.facts = (0..64).map(|i| (format!("fact-{i}"), Scalar::Text("x".repeat(1_100)))).collect();
    }
    let error = ingest(&api, ACT).accept("ingestEvents", &caller(UUID, 1), vec![event(Severity::Low), large]).await.unwrap_err();
    assert!(matches!(error, IngestError::TooLarge { index: 1, .. }), "{error}");
    assert_eq!(Problem::from(error).code, Code::BodyTooLarge);
    let many = vec![HEARTBEAT; MAX_EVENTS + 1];
    let error = ingest(&api, ACT).accept("ingestEvents", &caller(UUID, 1), many).await.unwrap_err();
    assert_eq!(Problem::from(error).code, Code::BodyTooLarge);
    assert!(api.names().await.is_empty());
}

#[tokio::test]
async fn what_the_kubernetes_api_refuses_is_told_apart_from_what_it_cannot_do_now() {
    let quota = "zenagentremediations.zen.kube-zen.io \"zar-1\" is forbidden: exceeded quota: objects, limited: 10";
    let cases = [
        (403, "no", Code::Unavailable),
        (403, quota, Code::QuotaExceeded),
        (422, "no", Code::Internal),
        (404, "no", Code::Unavailable),
        (429, "no", Code::Unavailable),
        (500, "no", Code::Unavailable),
        (503, "no", Code::Unavailable),
    ];
    for (status, message, code) in cases {
        let api = TestApi::start().await;
        api.fail("", Failure::With(status, message, usize::MAX));
        let error = ingest(&api, ACT).accept("ingestFalco", &caller(UUID, 1), vec![event(Severity::Low)]).await.unwrap_err();
        assert_eq!(Problem::from(error).code, code, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_kubernetes_api_that_never_answers_is_given_up_on() {
    let api = TestApi::start().await;
    api.fail("", Failure::Hold);
    let error = ingest(&api, ACT).accept("ingestFalco", &caller(UUID, 1), vec![event(Severity::Low)]).await.unwrap_err();
    assert_eq!(Problem::from(error).code, Code::Unavailable);
}

/// An agent that may store so many, of a tenant that has none.
fn with_room(api: &TestApi, cap: usize) -> (Ingest, Quota) {
    let quota = Quota::new(NonZeroUsize::new(cap).unwrap(), &"acme".parse().unwrap(), []);
    quota.on_sync();
    (Ingest { quota: quota.clone(), ..ingest(api, ACT) }, quota)
}

/// Tells the quota what the informer would have seen.
async fn seen(api: &TestApi, quota: &Quota) {
    for name in api.names().await {
        let summary = Arc::new(Summary::of(&api.object(&name).await, quota));
        quota.on_add(&ObjectKey::new(NAMESPACE, name), &summary);
    }
}

#[tokio::test]
async fn at_the_cap_nothing_new_is_stored_and_what_is_stored_is_still_answered() {
    let api = TestApi::start().await;
    let (ingest, quota) = with_room(&api, 3);
    let batch = |events: usize| (0..events).map(|_| event(Severity::Low)).collect::<Vec<_>>();
    let first = ingest.accept("ingestEvents", &caller(UUID, 1), batch(3)).await.unwrap();
    seen(&api, &quota).await;

    let other = "01KAWB5YV4Q1V5B9QWQ0N7T3ZC";
    let error = ingest.accept("ingestEvents", &caller(other, 1), batch(1)).await.unwrap_err();
    assert!(matches!(error, IngestError::NoRoom(NoRoom::Full { .. })), "{error}");
    let told = Problem::from(error);
    assert_eq!(told.code, Code::QuotaExceeded);
    assert!(told.retry_after.is_some() && told.detail.contains('3'), "{told:?}");
    assert_eq!(api.names().await.len(), 3);

    let again = ingest.accept("ingestEvents", &caller(UUID, 1), batch(3)).await.unwrap();
    assert!(again.all_replayed());
    assert_eq!(again.results.len(), first.results.len());
    let nothing = ingest.accept("ingestFalco", &caller(other, 2), vec![HEARTBEAT]).await.unwrap();
    assert_eq!(nothing.results, [ignored(Ignored::Heartbeat)]);
    let conflict = ingest.accept("ingestEvents", &caller(UUID, 2), batch(3)).await.unwrap_err();
    assert!(matches!(conflict, IngestError::Conflict), "{conflict}");
}

#[tokio::test]
async fn a_batch_that_does_not_fit_is_refused_whole_and_one_that_broke_off_needs_room_for_the_rest_only() {
    let api = TestApi::start().await;
    let (ingest, quota) = with_room(&api, 3);
    let batch = |events: usize| (0..events).map(|_| event(Severity::Low)).collect::<Vec<_>>();
    let error = ingest.accept("ingestEvents", &caller(UUID, 1), batch(4)).await.unwrap_err();
    assert!(matches!(error, IngestError::NoRoom(NoRoom::Full { .. })), "{error}");
    assert!(api.names().await.is_empty());

    api.fail("", Failure::AfterCreates(2));
    ingest.accept("ingestEvents", &caller(UUID, 2), batch(3)).await.unwrap_err();
    api.recover();
    seen(&api, &quota).await;
    let stored = api.names().await.len();
    assert!(stored < 3, "{stored}");
    let completed = ingest.accept("ingestEvents", &caller(UUID, 2), batch(3)).await.unwrap();
    assert_eq!(completed.results.iter().filter(|outcome| matches!(outcome, Outcome::Created { .. })).count(), 3 - stored);
}

#[tokio::test]
async fn at_the_cap_no_new_task_is_stored_and_one_that_is_stored_is_still_answered() {
    let api = TestApi::start().await;
    let (ingest, quota) = with_room(&api, 1);
    let task = |execution_id: &str| Task {
        execution_id: execution_id.to_owned(),
        remediation_id: "rem-1".to_owned(),
        action: Action::of(ActionKind::Evict, serde_json::Map::new()).unwrap(),
        target: Target { api_version: "v1".into(), kind: "Pod".into(), namespace: Some("shop".into()), name: "web-1".into(), uid: None },
        verification: None,
        scheduled_time: None,
    };
    let first = ingest.take("applyRemediation", &caller(UUID, 1), task("exec-1")).await.unwrap();
    assert!(!first.replayed);
    seen(&api, &quota).await;
    let refused = ingest.take("applyRemediation", &caller(UUID, 2), task("exec-2")).await.unwrap_err();
    assert!(matches!(refused, IngestError::NoRoom(NoRoom::Full { .. })), "{refused}");
    let again = ingest.take("applyRemediation", &caller(UUID, 1), task("exec-1")).await.unwrap();
    assert_eq!(again, Taken { replayed: true, ..first });
    let conflict = ingest.take("applyRemediation", &caller(UUID, 3), task("exec-1")).await.unwrap_err();
    assert!(matches!(conflict, IngestError::ExecutionConflict), "{conflict}");
}
