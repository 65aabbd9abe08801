//! What the audit log says of requests, and what the metrics count before anything happened.

#[path = "../../../tests/support/log.rs"]
mod captured;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use captured::Log;

use super::{REQUEST_ID, falco, real::Agent, server};
use crate::{problem::Code, telemetry::Metrics};

impl Log {
    fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The only audit record since the last call.
    fn audited(&self) -> Value {
        let mut records: Vec<Value> = self.lines().into_iter().filter(|line| line["target"] == "audit").collect();
        self.0.lock().unwrap().clear();
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)["fields"].take()
    }
}

#[tokio::test]
async fn whatever_a_request_is_answered_leaves_one_record_that_says_who_and_what() {
    let server = server();
    let (log, _guard) = Log::start();
    let rows = [
        (Method::POST, "/v0/events/falco", falco("fine"), "ingestFalco", 202, None),
        (Method::POST, "/v0/events/falco", falco("unavailable"), "ingestFalco", 503, Some("unavailable")),
        (Method::POST, "/v0/events/falco", falco("panic"), "ingestFalco", 500, Some("internal")),
        (Method::POST, "/v0/events/falco", "SECRET".to_owned(), "ingestFalco", 400, Some("invalid_json")),
        (Method::POST, "/v0/events/falco", json!({ "rule": 1, "SECRET": 1 }).to_string(), "ingestFalco", 422, Some("schema_violation")),
        (Method::GET, "/v0/remediations?limit=SECRET", String::new(), "listRemediations", 400, Some("invalid_parameter")),
        (Method::GET, "/v0/nosuch?token=SECRET", String::new(), "none: GET /v0/nosuch", 404, Some("not_found")),
        (Method::PUT, "/v0/events", String::new(), "none: PUT /v0/events", 405, Some("method_not_allowed")),
    ];
    for (method, uri, body, operation, status, code) in rows {
        let response = server.send(method, uri, body).await;
        assert_eq!(response.status().as_u16(), status, "{uri}");
        assert!(!log.lines().iter().any(|line| line.to_string().contains("SECRET")), "{uri}");
        let record = log.audited();
        assert_eq!((&record["operation"], &record["status"]), (&json!(operation), &json!(status)), "{record}");
        assert_eq!(record.get("code"), code.map(|code| json!(code)).as_ref(), "{record}");
        assert_eq!(
            (&record["tenant"], &record["request_id"], &record["cluster"]),
            (&json!("acme"), &json!(REQUEST_ID), &json!("cluster-1"))
        );
        let verified = !operation.starts_with("none");
        assert_eq!(record.get("subject"), verified.then(|| json!("test")).as_ref(), "{record}");
    }
}

#[tokio::test]
async fn what_is_logged_on_behalf_of_a_request_names_it() {
    let agent = Agent::start().await;
    let (log, _guard) = Log::start();
    agent.kubernetes.fail("", crate::test_api::Failure::With(503, "no", usize::MAX));
    assert_eq!(agent.send(Method::GET, "/v0/remediations", "").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let lines = log.lines();
    let cause = lines.iter().find(|line| line["fields"]["category"] == "transient").unwrap();
    assert_eq!((&cause["span"]["request_id"], &cause["span"]["tenant"]), (&json!(REQUEST_ID), &json!("acme")), "{cause}");
}

#[tokio::test]
async fn decisions_and_cleanups_are_recorded_also_when_they_are_not_answered_with_success() {
    let agent = Agent::start().await;
    agent.kubernetes.create("a", None, json!({})).await;
    let (log, _guard) = Log::start();
    agent.decide("a", "reject").await;
    let records: Vec<Value> = log.lines().into_iter().filter(|line| line["target"] == "audit").collect();
    let decided = &records[0]["fields"];
    assert_eq!((&decided["verdict"], &decided["remediation"], &decided["subject"]), (&json!("rejected"), &json!("a"), &json!("test")));
    // One is deleted, then the listing fails: the record has what was done.
    log.0.lock().unwrap().clear();
    agent.kubernetes.fail("status.phase%3D&", crate::test_api::Failure::With(503, "no", usize::MAX));
    let response = agent.send(Method::DELETE, "/api/v1/remediations/cleanup?older_than=0s", "").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let cleaned = log.lines().into_iter().find(|line| line["fields"]["message"] == "a cleanup ran").unwrap()["fields"].take();
    assert_eq!((&cleaned["deleted"], &cleaned["incomplete"], &cleaned["tenant"]), (&json!(1), &json!("transient"), &json!("acme")));
}

#[tokio::test]
async fn a_task_is_recorded_when_it_is_stored_and_each_time_that_it_comes_again() {
    let agent = Agent::start().await;
    let (log, _guard) = Log::start();
    for replayed in [false, true, true] {
        let task = super::tasks::task("exec-1").to_string();
        agent.send(Method::POST, "/api/v1/remediations/apply", &task).await;
        let mut records = log.lines().into_iter().filter(|line| line["target"] == "audit" && line["fields"]["execution_id"].is_string());
        let record = records.next().unwrap()["fields"].take();
        assert_eq!((&record["execution_id"], &record["replayed"]), (&json!("exec-1"), &json!(replayed)), "{record}");
        log.0.lock().unwrap().clear();
    }
}

#[tokio::test]
async fn a_request_is_carried_through_when_its_client_has_gone() {
    let agent = Agent::start().await;
    agent.kubernetes.create("a", None, json!({})).await;
    let (log, _guard) = Log::start();
    agent.kubernetes.fail("PATCH", crate::test_api::Failure::Hold);
    let mut request = Box::pin(agent.decide("a", "approve"));
    while agent.kubernetes.asked("PATCH") == 0 {
        assert!(futures::poll!(&mut request).is_pending());
        tokio::task::yield_now().await;
    }
    drop(request);
    agent.kubernetes.recover();
    let recorded = async {
        while !log.lines().iter().any(|line| line["fields"]["verdict"] == "approved") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), recorded).await.unwrap();
    assert!(agent.kubernetes.object("a").await.status.unwrap().approval.is_some());
}

#[test]
fn every_series_whose_labels_are_known_is_there_from_the_start() {
    let text = Metrics::new().render().unwrap();
    for code in Code::ALL {
        let series = format!("zen_agent_rejections_total{{reason=\"{}\"}} 0\n", code.as_str());
        assert!(text.contains(&series), "{series}");
    }
    for (operation, status) in
        [("ingestEvents", 202), ("ingestEvents", 409), ("watchRemediations", 200), ("cleanupRemediations", 503), ("none", 404)]
    {
        let series = format!("zen_agent_requests_total{{code=\"{status}\",operation=\"{operation}\"}} 0\n");
        assert!(text.contains(&series), "{series}");
    }
    for series in [
        "zen_agent_rejections_total{reason=\"handshake\"} 0\n",
        "zen_agent_rejections_total{reason=\"malformed_http\"} 0\n",
        "zen_agent_actions_total{action=\"network-quarantine\",outcome=\"rolled_back\"} 0\n",
        "zen_agent_events_ignored_total{reason=\"heartbeat\"} 0\n",
        "zen_agent_retention_total{outcome=\"gone\"} 0\n",
        "zen_agent_panics_total 0\n",
        "zen_agent_request_duration_seconds_count 0\n",
    ] {
        assert!(text.contains(series), "{series}");
    }
    assert!(!text.contains("tenant="), "no label names one");
}

/// The table of the specification: name, type, labels.
#[test]
fn the_eight_metrics_are_those_of_the_specification() {
    let text = Metrics::new().render().unwrap();
    let table = [
        ("zen_agent_crd_count", "gauge", &["status"][..]),
        ("zen_agent_crd_memory_bytes", "histogram", &["status"]),
        ("zen_agent_crd_age_seconds", "histogram", &["status"]),
        ("zen_agent_crd_processing_duration_seconds", "histogram", &["phase", "status"]),
        ("zen_agent_worker_pool_queue_depth", "gauge", &[]),
        ("zen_agent_worker_pool_workers_active", "gauge", &[]),
        ("zen_agent_worker_pool_work_processed_total", "counter", &["status"]),
        ("zen_agent_worker_pool_work_duration_seconds", "histogram", &["status"]),
    ];
    for (name, kind, labels) in table {
        assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name}");
        let sample = if kind == "histogram" { format!("{name}_count") } else { name.to_owned() };
        let series: Vec<&str> = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(&sample)).collect();
        let named = |line: &str| {
            let labels = line.split_once('{').map_or("", |(_, rest)| rest.split_once('}').unwrap().0);
            labels.split(',').filter(|label| !label.is_empty()).map(|label| label.split_once('=').unwrap().0.to_owned()).collect::<Vec<_>>()
        };
        assert!(series.iter().all(|line| named(line) == labels), "{name}: {series:?}");
        // Six statuses, in each of three phases where it has phases.
        let expected = match labels.len() {
            0 => 1,
            1 => 6,
            _ => 18,
        };
        assert_eq!(series.len(), expected, "{name}");
    }
}
