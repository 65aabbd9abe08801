//! Requests with every proof, through the real routes and verification, to handlers that answer plainly.

mod caller;
mod deprecated;
mod fake;
mod handlers;
mod log;
mod protobuf;
mod real;
mod served;
mod tasks;
mod watching;

use http::{Method, StatusCode, header};
use poem::{Endpoint as _, Request, Response};
use serde_json::{Value, json};

use caller::{REQUEST_ID, Signed, verifier_and_caller};
use fake::Fake;

use super::{Dispatcher, Operations, Surface};
use crate::{
    contract::{ContractVersion, v0, v1alpha1},
    problem::{Code, Echo, Problem},
    telemetry::Metrics,
};

struct Server {
    operations: Operations,
    documents: poem::Route,
    metrics: Metrics,
    caller: Signed,
}

fn server() -> Server {
    let metrics = Metrics::new();
    let (verifier, caller) = verifier_and_caller(&metrics);
    let dispatcher = Dispatcher::new(verifier, metrics.clone());
    let Surface { operations, documents } = Surface::new(Fake, &dispatcher, metrics.clone());
    Server { operations, documents, metrics, caller }
}

impl Server {
    async fn send(&self, method: Method, uri: &str, body: impl Into<String>) -> Response {
        self.operations.call(self.caller.request(method, uri, body.into())).await.unwrap()
    }

    async fn send_as(&self, media_type: &str, uri: &str, body: &[u8]) -> (StatusCode, Value) {
        let request = self.caller.request_of(Method::POST, uri, media_type, body.to_vec());
        let response = self.operations.call(request).await.unwrap();
        (response.status(), json_of(response).await)
    }

    async fn problem(&self, method: Method, uri: &str, body: impl Into<String>) -> Value {
        let mut response = self.send(method, uri, body).await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json", "{uri}");
        let document: Value = response.take_body().into_json().await.unwrap();
        assert_eq!(document["status"], response.status().as_u16());
        document
    }
}

fn falco(rule: &str) -> String {
    json!({ "time": "2026-07-01T12:00:00.123456789Z", "rule": rule, "priority": "Notice", "source": "syscall", "hostname": "n" })
        .to_string()
}

async fn json_of(mut response: Response) -> Value {
    response.take_body().into_json().await.unwrap()
}

#[tokio::test]
async fn an_accepted_batch_is_answered_by_its_receipt_and_the_echoes() {
    let events = json!({ "cluster_id": "cluster-1", "events": [
        { "source": "falco", "rule": "one", "severity": "high", "time": "2026-07-01T12:00:00Z",
          "facts": { "n": 9_007_199_254_740_993_i64, "t": "x", "b": true } },
    ] });
    let response = server().send(Method::POST, "/v0/events", events.to_string()).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(response.headers()["x-request-id"], REQUEST_ID);
    assert_eq!(response.headers()["x-zen-contract-version"], "v0");
    assert_eq!(response.headers()["idempotent-replayed"], "true");
    let expected = json!({ "request_id": REQUEST_ID, "results": [{ "index": 0, "outcome": "created", "remediation": "one" }] });
    assert_eq!(json_of(response).await, expected);
}

#[tokio::test]
async fn both_contracts_reach_the_same_handlers() {
    let server = server();
    for version in ["v0", "v1alpha1"] {
        let list = json_of(server.send(Method::GET, &format!("/{version}/remediations?limit=2"), "").await).await;
        assert_eq!(list["items"].as_array().unwrap().len(), 2);
        assert_eq!(list.get("continue"), None);
        let approved = server.send(Method::POST, &format!("/{version}/remediations/ns~zar-1/approve"), r#"{"reason":"yes"}"#).await;
        assert_eq!(json_of(approved).await["reason"], "yes");
    }
    let cleaned = json_of(server.send(Method::DELETE, "/api/v1/remediations/cleanup?dry_run=true", "").await).await;
    assert_eq!((&cleaned["dry_run"], &cleaned["older_than"]), (&json!(true), &json!("7d")));
}

#[tokio::test]
async fn a_watch_is_a_stream_of_server_sent_events_of_v1alpha1_alone() {
    let server = server();
    let mut response = server.send(Method::GET, "/v1alpha1/watch/remediations", "").await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    assert_eq!(response.headers()["x-request-id"], REQUEST_ID);
    assert_eq!(response.take_body().into_string().await.unwrap(), "data: 41\n\n");
    assert_eq!(server.problem(Method::GET, "/v0/watch/remediations", "").await["code"], "not_found");
}

#[tokio::test]
async fn a_body_that_is_no_json_is_told_where_and_not_what() {
    for body in ["", "{", "SECRET", "{\"a\":1}SECRET", "\u{feff}{}"] {
        let problem = server().problem(Method::POST, "/v0/events/falco", body).await;
        assert_eq!(problem["code"], "invalid_json");
        assert!(!problem.to_string().contains("SECRET"));
    }
}

#[tokio::test]
async fn a_body_that_would_grow_out_of_proportion_is_refused_before_it_is_built() {
    let objects = r#"{"":0},"#.repeat(1_200_000);
    let problem = server().problem(Method::POST, "/v0/events/trivy", format!(r#"{{"z":[{objects}0]}}"#)).await;
    assert_eq!((&problem["status"], &problem["code"]), (&json!(413), &json!("body_too_large")));
}

#[tokio::test]
async fn every_violation_is_named_by_its_pointer_and_nothing_that_was_sent_is_repeated() {
    let event = json!({ "source": "-SECRET", "severity": "SECRET", "time": "SECRET", "facts": { "a/b": ["SECRET"] }, "target": { "kind": 1 }, "extra": 1 });
    let problem = server().problem(Method::POST, "/v0/events", json!({ "cluster_id": "c", "events": [event] }).to_string()).await;
    assert_eq!((&problem["status"], &problem["code"]), (&json!(422), &json!("schema_violation")));
    let mut pointers: Vec<_> = problem["violations"].as_array().unwrap().iter().map(|v| v["pointer"].as_str().unwrap()).collect();
    pointers.sort_unstable();
    let expected = [
        "/events/0/extra",
        "/events/0/facts/a~1b",
        "/events/0/rule",
        "/events/0/severity",
        "/events/0/source",
        "/events/0/target/apiVersion",
        "/events/0/target/kind",
        "/events/0/target/name",
        "/events/0/time",
    ];
    assert_eq!(pointers, expected);
    assert!(!problem.to_string().contains("SECRET"), "{problem}");
}

#[tokio::test]
async fn violations_of_a_union_are_those_of_the_branch_that_was_meant() {
    let problem = server().problem(Method::POST, "/v0/events/kyverno", r#"{"policy":"p","status":"SECRET"}"#).await;
    let violations = problem["violations"].to_string();
    assert!(violations.contains("/status") && violations.contains("/resource") && !violations.contains("/event"), "{violations}");
    let problem = server().problem(Method::POST, "/v0/events/kyverno", r#"{"event":"SECRET"}"#).await;
    assert_eq!(problem["violations"][0]["pointer"], "/event");
    assert!(!problem.to_string().contains("SECRET"), "{problem}");
}

#[tokio::test]
async fn violations_are_bounded_whatever_is_sent() {
    let many: Value = (0..5_000).map(|_| json!(1)).collect();
    let body = json!({ "cluster_id": "c", "events": many }).to_string();
    let problem = server().problem(Method::POST, "/v0/events", body).await;
    assert_eq!(problem["violations"].as_array().unwrap().len(), crate::contract::MAX_VIOLATIONS);
    let huge: Value = (0..50_000).map(|_| json!(1)).collect();
    let problem = server().problem(Method::POST, "/v0/events", json!({ "cluster_id": "c", "events": huge }).to_string()).await;
    assert_eq!(problem["violations"].as_array().unwrap().len(), 1);
    let keys: serde_json::Map<_, _> = [("k".repeat(129), json!(1))].into_iter().collect();
    let event = json!({ "source": "s", "rule": "r", "severity": "low", "time": "2026-07-01T12:00:00Z", "facts": keys });
    let problem = server().problem(Method::POST, "/v0/events", json!({ "cluster_id": "c", "events": [event] }).to_string()).await;
    assert!(!problem.to_string().contains("kkk"), "{problem}");
}

#[tokio::test]
async fn a_value_that_no_type_can_hold_is_a_violation_at_its_place() {
    let event = json!({ "source": "s", "rule": "r", "severity": "low", "time": "2026-07-01T12:00:00+99:99" });
    let batch = json!({ "cluster_id": "c", "events": [event] });
    let trivy = |count: Value| {
        let mut report: Value = serde_json::from_str(include_str!("../../tests/samples/trivy-operator-vulnerabilityreport.json")).unwrap();
        report["report"]["summary"]["criticalCount"] = count;
        report
    };
    let kyverno = |time: &str| {
        let mut result: Value = serde_json::from_str(include_str!("../../tests/samples/policy-reporter-result.json")).unwrap();
        result["creationTimestamp"] = time.into();
        result
    };
    let rows = [
        ("/v0/events", batch, "/events/0/time"),
        ("/v0/events/trivy", trivy(json!(1e30)), "/report/summary/criticalCount"),
        ("/v0/events/trivy", trivy(json!(1.0)), "/report/summary/criticalCount"),
        ("/v0/events/trivy", trivy(json!(u64::MAX)), "/report/summary/criticalCount"),
        ("/v0/events/trivy", trivy(json!(1.5)), "/report/summary/criticalCount"),
        ("/v0/events/kyverno", kyverno("2026-07-01T12:00:00+99:99"), "/creationTimestamp"),
    ];
    for (uri, body, pointer) in rows {
        let problem = server().problem(Method::POST, uri, body.to_string()).await;
        let mut pointers: Vec<&Value> = problem["violations"].as_array().unwrap().iter().map(|violation| &violation["pointer"]).collect();
        pointers.dedup();
        assert_eq!((&problem["status"], pointers), (&json!(422), vec![&json!(pointer)]), "{problem}");
    }
}

#[tokio::test]
async fn a_refusal_says_how_many_violations_there_are_only_where_all_were_looked_for() {
    let told = async |events: usize, padding: usize| {
        let events: Value = (0..events).map(|_| json!({})).collect();
        let body = json!({ "cluster_id": "x".repeat(padding), "events": events }).to_string();
        let problem = server().problem(Method::POST, "/v0/events", body).await;
        (problem["detail"].as_str().unwrap().to_owned(), problem["violations"].as_array().unwrap().len())
    };
    // Each event lacks four fields, and a long name of a cluster is one violation more.
    assert_eq!(told(1, 1).await, ("The body has 4 violations.".to_owned(), 4));
    assert_eq!(told(0, 1).await, ("The body has 1 violation.".to_owned(), 1));
    assert_eq!(told(8, 1).await, ("The body has 32 violations.".to_owned(), 32));
    assert_eq!(told(8, 254).await, ("The body has at least 32 violations, where the search ended.".to_owned(), 32));
    assert_eq!(told(1, 70_000).await, ("The body has at least 1 violation, where the search ended.".to_owned(), 1));
}

#[tokio::test]
async fn a_parameter_that_breaks_the_contract_is_a_400() {
    for uri in
        ["/v0/remediations?limit=0", "/v0/remediations?nosuch=1", "/api/v1/remediations/cleanup?older_than=7w", "/v0/remediations/UPPER"]
    {
        let method = if uri.starts_with("/api") { Method::DELETE } else { Method::GET };
        assert_eq!(server().problem(method, uri, "").await["code"], "invalid_parameter", "{uri}");
    }
}

#[tokio::test]
async fn a_problem_that_the_contract_does_not_declare_leaves_as_500() {
    let problem = server().problem(Method::POST, "/v0/events/falco", falco("undeclared")).await;
    assert_eq!((&problem["status"], &problem["code"]), (&json!(500), &json!("internal")));
}

#[tokio::test]
async fn a_panic_costs_one_request_and_is_counted() {
    let server = server();
    let problem = server.problem(Method::POST, "/v0/events/falco", falco("panic")).await;
    assert_eq!(problem["code"], "internal");
    assert!(!problem.to_string().contains("defect"));
    assert_eq!(server.metrics.panics.get(), 1);
    assert_eq!(server.send(Method::POST, "/v0/events/falco", falco("fine")).await.status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_service_that_is_away_says_when_to_come_back() {
    let mut response = server().send(Method::POST, "/v0/events/falco", falco("unavailable")).await;
    assert_eq!(response.headers()[header::RETRY_AFTER], "5");
    let document: Value = response.take_body().into_json().await.unwrap();
    assert_eq!((&document["retry_after"], &document["request_id"]), (&json!(5), &json!(REQUEST_ID)));
}

#[tokio::test]
async fn a_declared_problem_is_counted_by_its_code_and_its_operation() {
    let server = server();
    assert_eq!(server.problem(Method::POST, "/v0/remediations/zar-1/reject", r#"{"reason":"no"}"#).await["code"], "state_conflict");
    let text = server.metrics.render().unwrap();
    assert!(text.contains(r#"zen_agent_rejections_total{reason="state_conflict"} 1"#), "{text}");
    assert!(text.contains(r#"zen_agent_requests_total{code="409",operation="rejectRemediation"} 1"#), "{text}");
}

#[tokio::test]
async fn an_unknown_route_is_a_404_that_echoes_what_is_well_formed() {
    for uri in
        ["/", "/v0", "/v0/", "/v2/events", "/v0/nosuch", "/v0/remediations/a/b", "/v0/remediations/", "/v1alpha1/nosuch", "/api/v1/nosuch"]
    {
        let problem = server().problem(Method::GET, uri, "").await;
        assert_eq!((&problem["code"], &problem["request_id"]), (&json!("not_found"), &json!(REQUEST_ID)), "{uri}");
    }
    let request =
        Request::builder().uri("/nosuch".parse().unwrap()).header("x-request-id", "SECRET").header("x-zen-contract-version", "v9").finish();
    let response = server().operations.call(request).await.unwrap();
    assert_eq!((response.headers().get("x-request-id"), response.headers().get("x-zen-contract-version")), (None, None));
}

#[tokio::test]
async fn a_wrong_method_is_a_405_that_names_the_right_ones() {
    let rows = [
        (Method::PUT, "/v0/events", "POST"),
        (Method::GET, "/v0/events/falco", "POST"),
        (Method::POST, "/v0/remediations/zar-1", "GET"),
        (Method::HEAD, "/v0/remediations", "GET"),
        (Method::OPTIONS, "/v1alpha1/watch/remediations", "GET"),
        (Method::GET, "/api/v1/remediations/cleanup", "DELETE"),
        (Method::DELETE, "/v1alpha1/remediations/zar-1/approve", "POST"),
    ];
    for (method, uri, allow) in rows {
        let response = server().send(method, uri, "").await;
        assert_eq!(
            (response.status(), &response.headers()[header::ALLOW]),
            (StatusCode::METHOD_NOT_ALLOWED, &allow.parse().unwrap()),
            "{uri}"
        );
    }
}

#[tokio::test]
async fn the_contract_itself_is_what_is_served_as_its_document() {
    let server = server();
    for (version, text) in [("v0", v0::DOCUMENT), ("v1alpha1", v1alpha1::DOCUMENT)] {
        let request = Request::builder().uri(format!("/{version}/openapi.json").parse().unwrap()).finish();
        let mut response = server.documents.call(request).await.unwrap();
        assert_eq!(response.take_body().into_string().await.unwrap(), text);
        let request = Request::builder().uri(format!("/docs/{version}").parse().unwrap()).finish();
        let page = server.documents.call(request).await.unwrap().take_body().into_string().await.unwrap();
        assert!(page.contains("listRemediations"));
        assert!(!page.contains("src=\"http"), "the page loads nothing from elsewhere");
    }
}

#[test]
fn every_code_is_declared_and_its_document_follows_the_contract() {
    let document: Value = serde_json::from_str(v0::DOCUMENT).unwrap();
    let declared = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].as_array().unwrap();
    assert_eq!(declared.len(), Code::ALL.len());
    let problems = crate::contract::component(include_str!(concat!(env!("OUT_DIR"), "/v0.schemas.json")), "Problem");
    for code in Code::ALL {
        let echo = Echo { request_id: Some(REQUEST_ID.into()), version: Some(ContractVersion::V0) };
        let document = super::problem::document(&Problem::new(code, "detail"), &echo);
        assert!(problems.is_valid(&document), "{document}");
    }
}
