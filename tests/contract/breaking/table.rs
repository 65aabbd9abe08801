//! The changes of v0, and what has to be said of each.

use serde_json::{Value, json};
use zen_agent::contract::v0;

use super::change::{Change, SCHEMAS, at, both, drop, pull, push, put, rename, rename_component};

const EVENTS: &str = "/paths/~1v0~1events/post";
const LIST: &str = "/paths/~1v0~1remediations/get";
const GET: &str = "/paths/~1v0~1remediations~1{id}/get";
const APPROVE: &str = "/paths/~1v0~1remediations~1{id}~1approve/post";
const FALCO: &str = "/paths/~1v0~1events~1falco/post";

/// What oasdiff says of a row.
pub(super) enum Oasdiff {
    /// The same.
    Agrees,
    /// The other thing, and why it is not followed.
    Differs(&'static str),
}
pub(super) use Oasdiff::{Agrees, Differs};

pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) change: Change,
    /// The end of the place where the break is told, and what is told.
    pub(super) told: (&'static str, &'static str),
    pub(super) oasdiff: Oasdiff,
}

fn row(name: &'static str, change: Change, place: &'static str, told: &'static str, oasdiff: Oasdiff) -> Row {
    Row { name, change, told: (place, told), oasdiff }
}

const NATIVE: &str = "it sees that the value is still taken, not that it has no effect any more";
const EXTENSION: &str = "it does not know our extension";
const ERRORS: &str = "it asks for no error to stay; a client that goes by 404 waits for it";

pub(super) fn breaking() -> Vec<Row> {
    let schema = |rest: &str| format!("{SCHEMAS}/{rest}");
    let new_header = json!({ "name": "X-New", "in": "header", "required": true, "schema": { "type": "string", "maxLength": 9 } });
    let new_query = json!({ "name": "new", "in": "query", "required": true, "schema": { "type": "string", "maxLength": 9 } });
    let new_scheme = json!([{ "bearerJwt": [], "hmacSignature": [], "second": [] }]);
    let add_scheme = put("/components/securitySchemes/second", json!({ "type": "apiKey", "in": "header", "name": "X-Second" }));
    let accepted = "/components/responses/Accepted";
    vec![
        row(
            "answer-field-removed",
            drop(schema("Remediation/properties/message")),
            "Remediation/properties/message",
            "gone",
            Differs("of an optional property it only warns; a client that shows it has lost it"),
        ),
        row(
            "answer-required-field-removed",
            both(drop(schema("Remediation/properties/created_at")), pull(schema("Remediation/required"), "created_at")),
            "Remediation/properties/created_at",
            "gone",
            Agrees,
        ),
        row(
            "request-field-removed",
            drop(schema("Decision/properties/plan_digest")),
            "Decision/properties/plan_digest",
            "gone",
            Differs("it only warns; our requests are closed, so that who sends it is refused"),
        ),
        row(
            "native-field-removed",
            drop(schema("FalcoEvent/properties/message")),
            "FalcoEvent/properties/message",
            "gone",
            Differs(NATIVE),
        ),
        row(
            "answer-type-changed",
            put(schema("Step/properties/attempts"), json!({ "type": "string" })),
            "Step/properties/attempts/type",
            "\"string\"",
            Agrees,
        ),
        row(
            "answer-type-widened",
            put(schema("Step/properties/attempts/type"), json!("number")),
            "Step/properties/attempts/type",
            "\"number\"",
            Agrees,
        ),
        row(
            "request-type-changed",
            put(schema("ActionParams/properties/replicas"), json!({ "type": "string" })),
            "replicas/type",
            "\"string\"",
            Agrees,
        ),
        row("answer-format-removed", drop(schema("Remediation/properties/created_at/format")), "created_at/format", "nothing", Agrees),
        row(
            "request-field-required",
            push(schema("Decision/required"), json!("plan_digest")),
            "Decision/properties/plan_digest",
            "required",
            Agrees,
        ),
        row(
            "request-field-added-and-required",
            both(
                push(schema("Task/required"), json!("reason")),
                put(schema("Task/properties/reason"), json!({ "type": "string", "maxLength": 9 })),
            ),
            "Task/properties/reason",
            "new, and required",
            Agrees,
        ),
        row(
            "answer-field-optional",
            pull(schema("Remediation/required"), "created_at"),
            "Remediation/properties/created_at",
            "optional",
            Agrees,
        ),
        row(
            "answer-header-removed",
            drop(format!("{accepted}/headers/Idempotent-Replayed")),
            "Accepted/headers/Idempotent-Replayed",
            "gone",
            Differs("of an optional header it only warns; a client that goes by it treats a repetition as new"),
        ),
        row(
            "answer-required-header-removed",
            drop("/components/responses/TooManyRequests/headers/Retry-After"),
            "TooManyRequests/headers/Retry-After",
            "gone",
            Agrees,
        ),
        row("answer-header-optional", drop("/components/headers/RetryAfter/required"), "headers/RetryAfter/required", "optional", Agrees),
        row(
            "answer-header-type-changed",
            put("/components/headers/RetryAfter/schema", json!({ "type": "string" })),
            "RetryAfter/schema/type",
            "\"string\"",
            Agrees,
        ),
        row(
            "request-header-added-and-required",
            push(format!("{EVENTS}/parameters"), new_header),
            "events/post/parameters",
            "X-New is new, and required",
            Agrees,
        ),
        row(
            "request-header-removed",
            drop(format!("{EVENTS}/parameters/1")),
            "parameters/RequestId",
            "gone",
            Differs("it only warns; what is not declared has no effect any more"),
        ),
        row(
            "query-added-and-required",
            push(format!("{LIST}/parameters"), new_query),
            "remediations/get/parameters",
            "new is new, and required",
            Agrees,
        ),
        row(
            "query-removed",
            drop(format!("{LIST}/parameters/8")),
            "get/parameters/8",
            "limit is gone",
            Differs("it only warns; a parameter that is not declared is refused with 400"),
        ),
        row(
            "query-required",
            put(format!("{LIST}/parameters/8/required"), json!(true)),
            "parameters/8/required",
            "limit is required",
            Agrees,
        ),
        row(
            "query-maximum-lowered",
            put(format!("{LIST}/parameters/8/schema/maximum"), json!(100)),
            "schema/maximum",
            "is 100, and was 500",
            Agrees,
        ),
        row(
            "query-default-changed",
            put(format!("{LIST}/parameters/8/schema/default"), json!(10)),
            "schema/default",
            "is 10, and was 100",
            Differs("it only tells; who leaves the parameter out gets something else"),
        ),
        row(
            "success-removed",
            both(put(format!("{EVENTS}/responses/200"), json!({ "description": "x" })), drop(format!("{EVENTS}/responses/202"))),
            "responses/202",
            "202 is gone",
            Agrees,
        ),
        row("problem-removed", drop(format!("{GET}/responses/404")), "responses/404", "404 is gone", Differs(ERRORS)),
        row("request-enum-value-removed", pull(schema("ActionName/enum"), "evict"), "ActionName/enum", "\"evict\" is gone", Agrees),
        row(
            "answer-enum-value-added",
            push(schema("Step/properties/state/enum"), json!("skipped")),
            "Step/properties/state/enum",
            "\"skipped\" is new",
            Agrees,
        ),
        row("answer-enum-removed", drop(schema("Approval/properties/state/enum")), "Approval/properties/state/enum", "nothing", Agrees),
        row(
            "query-enum-value-removed-and-answer-kept",
            put("/components/parameters/SeverityFilter/schema", json!({ "type": "string", "enum": ["critical", "high", "medium", "low"] })),
            "Severity/enum",
            "\"info\" is gone",
            Agrees,
        ),
        row(
            "pattern-narrowed",
            put("/components/parameters/TenantId/schema/pattern", json!("^[a-z]+$")),
            "TenantId/schema/pattern",
            "^[a-z]+$",
            Differs("of patterns it only warns"),
        ),
        row(
            "pattern-added",
            put(schema("Cancellation/properties/execution_id/pattern"), json!("^[a-z]+$")),
            "execution_id/pattern",
            "^[a-z]+$",
            Agrees,
        ),
        row(
            "max-length-lowered",
            put(schema("Decision/properties/reason/maxLength"), json!(10)),
            "Decision/properties/reason/maxLength",
            "is 10, and was 1024",
            Agrees,
        ),
        row(
            "min-length-raised",
            put(schema("Decision/properties/reason/minLength"), json!(2)),
            "Decision/properties/reason/minLength",
            "is 2, and was 1",
            Agrees,
        ),
        row(
            "max-items-lowered",
            put(schema("EventBatch/properties/events/maxItems"), json!(50)),
            "events/maxItems",
            "is 50, and was 100",
            Agrees,
        ),
        row(
            "max-properties-lowered",
            put(schema("ActionParams/properties/labels/maxProperties"), json!(8)),
            "labels/maxProperties",
            "is 8, and was 64",
            Agrees,
        ),
        row(
            "key-length-lowered",
            put(schema("SecurityEvent/properties/facts/x-max-key-length"), json!(8)),
            "facts/x-max-key-length",
            "is 8, and was 128",
            Differs(EXTENSION),
        ),
        row(
            "answer-max-length-raised",
            put(schema("Violation/properties/message/maxLength"), json!(4096)),
            "Violation/properties/message/maxLength",
            "is 4096, and was 1024",
            Agrees,
        ),
        row(
            "answer-bound-removed",
            drop(schema("RemediationList/properties/items/maxItems")),
            "items/maxItems",
            "is nothing, and was 500",
            Agrees,
        ),
        row(
            "operation-removed",
            drop("/paths/~1v0~1remediations~1{id}~1reject"),
            "{id}~1reject/post",
            "POST /v0/remediations/{id}/reject is gone",
            Agrees,
        ),
        row(
            "path-renamed",
            rename("/paths", "/v0/events/falco", "/v0/events/falco-alert"),
            "falco/post",
            "POST /v0/events/falco is gone",
            Agrees,
        ),
        row("method-changed", rename("/paths/~1v0~1remediations~1{id}~1approve", "post", "put"), "approve/post", "is gone", Agrees),
        row(
            "request-media-type-removed",
            rename(format!("{FALCO}/requestBody/content"), "application/json", "application/xml"),
            "content/application~1json",
            "application/json is gone",
            Agrees,
        ),
        row(
            "request-protobuf-removed",
            drop(format!("{EVENTS}/requestBody/content/application~1x-protobuf")),
            "content/application~1x-protobuf",
            "application/x-protobuf is gone",
            Agrees,
        ),
        row(
            "answer-media-type-removed",
            rename(format!("{GET}/responses/200/content"), "application/json", "application/xml"),
            "content/application~1json",
            "application/json is gone",
            Agrees,
        ),
        row(
            "role-raised",
            put(format!("{APPROVE}/x-required-role"), json!("admin")),
            "approve/post/x-required-role",
            "is \"admin\", and was \"approver\"",
            Differs(EXTENSION),
        ),
        row(
            "scheme-required-too",
            both(add_scheme, put(format!("{EVENTS}/security"), new_scheme)),
            "events/post/security",
            "does not satisfy",
            Agrees,
        ),
        row(
            "scheme-elsewhere",
            put("/components/securitySchemes/hmacSignature/name", json!("X-Sig")),
            "hmacSignature/name",
            "X-Sig",
            Agrees,
        ),
        row(
            "request-closed",
            put(schema("FalcoEvent/additionalProperties"), json!(false)),
            "FalcoEvent/additionalProperties",
            "not taken",
            Differs("it does not compare this"),
        ),
        row(
            "request-values-typed",
            put(schema("ActionParams/properties/labels/additionalProperties/maxLength"), json!(10)),
            "additionalProperties/maxLength",
            "is 10, and was 63",
            Agrees,
        ),
        row(
            "request-null-refused",
            drop(schema("FalcoEvent/properties/output_fields/additionalProperties/oneOf/1")),
            "additionalProperties/nullable",
            "may not be null",
            Agrees,
        ),
        row("answer-null", put(schema("Remediation/properties/message/nullable"), json!(true)), "message/nullable", "may be null", Agrees),
        row("request-branch-removed", drop(schema("Fact/oneOf/2")), "Fact/oneOf", "a branch is gone", Agrees),
        row(
            "request-branch-narrowed",
            put(schema("Fact/oneOf/0/maxLength"), json!(10)),
            "Fact/oneOf/0/maxLength",
            "is 10, and was 1024",
            Agrees,
        ),
        row(
            "request-selectors-changed",
            put(schema("TrivyOperatorObject/x-select-by-presence/0"), json!(["other"])),
            "x-select-by-presence",
            "select",
            Differs(EXTENSION),
        ),
        row(
            "native-field-required",
            push(schema("FalcoEvent/required"), json!("output")),
            "FalcoEvent/properties/output",
            "required",
            Agrees,
        ),
    ]
}

/// What breaks nobody, of which oasdiff says the same.
pub(super) fn compatible() -> Vec<(&'static str, Change)> {
    let schema = |rest: &str| format!("{SCHEMAS}/{rest}");
    let operation = |id: &str| {
        let mut operation: Value = serde_json::from_str::<Value>(v0::DOCUMENT).unwrap().pointer(LIST).unwrap().clone();
        operation["operationId"] = json!(id);
        operation
    };
    let query = json!({ "name": "new", "in": "query", "schema": { "type": "string", "maxLength": 9 } });
    let text = json!({ "type": "string", "maxLength": 9 });
    let id = both(
        rename("/paths", "/v0/remediations/{id}", "/v0/remediations/{name}"),
        both(
            put("/paths/~1v0~1remediations~1{name}/get/parameters/4", json!({ "$ref": "#/components/parameters/Name" })),
            Box::new(|document| {
                let mut parameter = document["components"]["parameters"]["RemediationId"].clone();
                parameter["name"] = json!("name");
                document["components"]["parameters"]["Name"] = parameter;
            }),
        ),
    );
    vec![
        ("nothing", Box::new(|_| {})),
        ("operation-added", put("/paths/~1v0~1summary", json!({ "get": operation("summary") }))),
        ("query-added", push(format!("{LIST}/parameters"), query)),
        ("request-field-added", put(schema("Decision/properties/ticket"), text.clone())),
        ("answer-field-added", put(schema("Remediation/properties/ticket"), text.clone())),
        ("answer-field-required", push(schema("Remediation/required"), json!("message"))),
        ("shared-field-added", put(schema("Verification/properties/ticket"), text)),
        ("answer-header-added", put("/components/responses/Accepted/headers/X-New", json!({ "schema": { "type": "string" } }))),
        ("problem-added", put(format!("{GET}/responses/410"), json!({ "description": "x" }))),
        ("request-enum-value-added", push(schema("ActionName/enum"), json!("reboot"))),
        ("request-enum-removed", drop(schema("ActionName/enum"))),
        ("answer-enum-value-removed", pull(schema("Approval/properties/state/enum"), "rejected")),
        ("max-length-raised", put(schema("Decision/properties/reason/maxLength"), json!(2048))),
        ("answer-bound-lowered", put(schema("Violation/properties/message/maxLength"), json!(512))),
        ("request-pattern-removed", drop(schema("Decision/properties/reason/pattern"))),
        (
            "request-type-widened",
            put(schema("ActionParams/properties/replicas"), json!({ "type": "number", "minimum": 0, "maximum": 10000 })),
        ),
        ("request-field-optional", pull(schema("FalcoEvent/required"), "hostname")),
        ("request-opened", drop(schema("Decision/additionalProperties"))),
        ("request-branch-added", push(schema("Fact/oneOf"), json!({ "type": "array", "items": { "type": "string" } }))),
        ("request-null-taken", put(schema("Decision/properties/plan_digest/nullable"), json!(true))),
        (
            "request-union",
            put(
                schema("EventBatch/properties/events/items"),
                json!({ "oneOf": [{ "type": "string" }, { "$ref": "#/components/schemas/SecurityEvent" }] }),
            ),
        ),
        ("media-type-added", put(format!("{FALCO}/requestBody/content/application~1cbor"), json!({ "schema": { "type": "string" } }))),
        ("role-lowered", put(format!("{APPROVE}/x-required-role"), json!("viewer"))),
        ("security-added", push(format!("{EVENTS}/security"), json!({ "bearerJwt": [] }))),
        ("deprecated", put(format!("{GET}/deprecated"), json!(true))),
        ("described-otherwise", both(put("/info/description", json!("x")), put(schema("Remediation/description"), json!("x")))),
        ("another-example", put(format!("{GET}/responses/200/content/application~1json/example"), json!({}))),
        ("another-order", Box::new(|document| at(document, &format!("{SCHEMAS}/Remediation/required")).as_array_mut().unwrap().reverse())),
        (
            "branches-in-another-order",
            Box::new(|document| at(document, &format!("{SCHEMAS}/Fact/oneOf")).as_array_mut().unwrap().reverse()),
        ),
        ("another-version", put("/info/version", json!("9.9.9"))),
        ("operation-id-renamed", put(format!("{GET}/operationId"), json!("readRemediation"))),
        ("component-renamed", rename_component("Decision", "Verdict")),
        ("path-parameter-renamed", id),
    ]
}
