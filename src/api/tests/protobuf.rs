//! Bodies in Protocol Buffers go the way of those in JSON.

use http::{Method, StatusCode};
use poem::Endpoint as _;
use serde_json::{Value, json};

use super::{REQUEST_ID, Server, json_of, real::Agent, server};
use crate::contract::{MediaType, v0, v1alpha1};

const PROTOBUF: &str = "application/x-protobuf";

/// A field that has a length.
fn field(number: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let length = u8::try_from(content.len()).unwrap();
    assert!(length < 0x80, "its length is one byte");
    [&[number << 3 | 2, length][..], content].concat()
}

fn event(rule: &str) -> Vec<u8> {
    let target = [field(1, "apps/v1"), field(2, "Deployment"), field(3, "shop"), field(4, "web")].concat();
    [field(1, "falco"), field(2, rule), vec![0x18, 2], field(4, "2026-07-01T12:00:00Z"), field(5, target)].concat()
}

fn batch(event: impl AsRef<[u8]>) -> Vec<u8> {
    [field(1, "cluster-1"), field(2, event)].concat()
}

fn event_in_json(rule: &str) -> Value {
    let target = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web" });
    json!({ "source": "falco", "rule": rule, "severity": "high", "time": "2026-07-01T12:00:00Z", "target": target })
}

async fn problem(server: &Server, body: &[u8]) -> (u16, String, Value) {
    let (status, problem) = server.send_as(PROTOBUF, "/v0/events", body).await;
    (status.as_u16(), problem["code"].as_str().unwrap_or_default().to_owned(), problem)
}

#[tokio::test]
async fn the_same_in_protocol_buffers_is_answered_as_in_json() {
    let server = server();
    let in_json = json!({ "cluster_id": "cluster-1", "events": [event_in_json("one")] }).to_string();
    let (_, answer) = server.send_as("application/json", "/v0/events", in_json.as_bytes()).await;
    assert_eq!(answer["results"][0]["remediation"], "one");
    for uri in ["/v0/events", "/v1alpha1/events"] {
        assert_eq!(server.send_as(PROTOBUF, uri, &batch(event("one"))).await, (StatusCode::ACCEPTED, answer.clone()));
    }
    let decision = field(1, "seen it");
    for version in ["v0", "v1alpha1"] {
        let (status, approved) = server.send_as(PROTOBUF, &format!("/{version}/remediations/zar-1/approve"), &decision).await;
        assert_eq!((status, &approved["reason"]), (StatusCode::OK, &json!("seen it")));
    }
}

#[tokio::test]
async fn what_could_be_json_and_a_message_is_neither() {
    // As a message, a reason of 123 bytes; as JSON, one that comes with the digest of a plan. The type is not signed.
    let rest = r#""plan_digest":"sha256:0""#;
    let reason = format!(r#""reason":"{}",{rest}}}"#, "x".repeat(123 - 13 - rest.len()));
    let both = [b"\n{", reason.as_bytes()].concat();
    assert!(both.len() == 125 && serde_json::from_slice::<Value>(&both).is_ok(), "{}", both.len());
    let (status, problem) = server().send_as(PROTOBUF, "/v0/remediations/zar-1/approve", &both).await;
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_json")));
}

#[test]
fn every_body_may_be_a_message() {
    let of_bodies: Vec<_> = v0::ROUTES.iter().chain(v1alpha1::ROUTES).filter(|route| route.body.is_some()).collect();
    assert!(of_bodies.len() > 10);
    for route in of_bodies {
        assert!(matches!(route.operation.media_types, [MediaType::Json, MediaType::Protobuf(_)]), "{}", route.path);
    }
}

#[tokio::test]
async fn what_is_no_message_is_a_400_that_tells_where_and_not_what() {
    let server = server();
    let cut = batch(event("SECRET"));
    let twice = [field(1, "SECRET"), field(1, "SECRET")].concat();
    let rows: [&[u8]; 5] = [&cut[..cut.len() - 1], &twice, b"SECRET", br#"{"cluster_id":"c"}"#, &[0x0a, 1, 0xff]];
    for body in rows {
        let (status, code, problem) = problem(&server, body).await;
        assert_eq!((status, code.as_str()), (400, "invalid_json"), "{problem}");
        assert!(problem["detail"].as_str().unwrap().starts_with("The body is no zen.agent.v0.EventBatch: at byte "), "{problem}");
        assert!(!problem.to_string().contains("SECRET"));
    }
    let (status, problem) = server.send_as("application/json", "/v0/events", &batch(event("one"))).await;
    assert_eq!((status.as_u16(), &problem["code"]), (400, &json!("invalid_json")));
}

#[tokio::test]
async fn what_the_contract_does_not_have_is_a_violation_at_its_place() {
    let server = server();
    // An event of field 15, of a severity that nobody knows, and of a target that is not complete.
    let event = [&[0x78, 1, 0x18, 99][..], &field(5, field(2, "Pod"))].concat();
    let (status, code, problem) = problem(&server, &batch(event)).await;
    assert_eq!((status, code.as_str()), (422, "schema_violation"), "{problem}");
    let mut pointers: Vec<_> = problem["violations"].as_array().unwrap().iter().map(|told| told["pointer"].as_str().unwrap()).collect();
    pointers.sort_unstable();
    pointers.dedup();
    let expected = [
        "/events/0/15",
        "/events/0/rule",
        "/events/0/severity",
        "/events/0/source",
        "/events/0/target/apiVersion",
        "/events/0/target/name",
        "/events/0/time",
    ];
    assert_eq!(pointers, expected);
    let (status, code, problem) = self::problem(&server, &[]).await;
    assert_eq!((status, code.as_str(), problem["violations"].as_array().unwrap().len()), (422, "schema_violation", 2), "{problem}");
}

#[tokio::test]
async fn a_body_that_would_grow_out_of_proportion_is_refused_before_it_is_built() {
    let server = server();
    let events = [0x12, 0].repeat(1_200_000);
    assert_eq!(problem(&server, &events).await.0, 413);
    // What it took until then is given back.
    for _ in 0..3 {
        assert_eq!(problem(&server, &events).await.1, "body_too_large");
    }
    assert_eq!(server.send_as(PROTOBUF, "/v0/events", &batch(event("one"))).await.0, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn another_media_type_is_a_415_and_parameters_of_it_are_ignored() {
    let server = server();
    let body = batch(event("one"));
    for refused in ["application/protobuf", "application/x-protobuf-delimited", "application/vnd.google.protobuf", ""] {
        let (status, problem) = server.send_as(refused, "/v0/events", &body).await;
        assert_eq!((status.as_u16(), &problem["code"]), (415, &json!("unsupported_media_type")), "{refused}");
        let detail = "Send the body as application/json or application/x-protobuf, without a content encoding";
        assert_eq!(problem["detail"], detail);
    }
    let (status, _) = server.send_as("Application/X-Protobuf; messageType=zen.agent.v0.EventBatch", "/v0/events", &body).await;
    assert_eq!(status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn nothing_is_read_that_is_not_signed() {
    let server = server();
    let mut request = server.caller.request_of(Method::POST, "/v0/events", PROTOBUF, batch(event("one")));
    // No message; but first of all no bytes that were signed.
    request.set_body(vec![0xff; 3]);
    let response = server.operations.call(request).await.unwrap();
    assert_eq!((response.status().as_u16(), json_of(response).await["code"].as_str()), (401, Some("invalid_signature")));
}

#[tokio::test]
async fn a_request_that_is_sent_again_has_effect_once_and_in_json_it_is_another_one() {
    let agent = Agent::start().await;
    let body = batch(event("one"));
    let (status, first) = agent.send_protobuf("/v0/events", &body).await;
    assert_eq!((status, &first["results"][0]["outcome"]), (StatusCode::ACCEPTED, &json!("created")), "{first}");
    let (status, again) = agent.send_protobuf("/v0/events", &body).await;
    assert_eq!((status, &again["results"][0]["outcome"]), (StatusCode::ACCEPTED, &json!("replayed")), "{again}");
    assert_eq!(again["results"][0]["remediation"], first["results"][0]["remediation"]);
    assert_eq!(again["request_id"], REQUEST_ID);
    let in_json = json!({ "cluster_id": "cluster-1", "events": [event_in_json("one")] }).to_string();
    let (status, problem) = agent.ask(Method::POST, "/v0/events", &in_json).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("request_id_conflict")));
    assert_eq!(agent.listed("").await.len(), 1);
}
