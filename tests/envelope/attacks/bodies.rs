//! Bodies: their type, their size, and what is in them. All of them are signed.

use serde_json::json;

use super::{
    Case,
    Outcome::Answer,
    Spoil::{Draft, Sent},
    TAKEN, case, event,
};
use crate::mint::{self, CLUSTER};

const JSON: super::Outcome = Answer(400, "invalid_json");
const SCHEMA: super::Outcome = Answer(422, "schema_violation");
const TYPE: super::Outcome = Answer(415, "unsupported_media_type");

fn body(draft: &mut mint::Draft, text: &str) {
    draft.body = text.as_bytes().to_vec();
}

/// The right body with this text in the place of its rule.
fn rule(draft: &mut mint::Draft, text: &str) {
    let right = String::from_utf8(draft.body.clone()).unwrap();
    body(draft, &right.replace("\"a rule\"", text));
}

pub(super) const CASES: &[Case] = &[
    case("empty", Draft(|d| body(d, "")), JSON),
    case("no JSON", Draft(|d| body(d, "events")), JSON),
    case(
        "JSON that is cut off",
        Draft(|d| {
            d.body.pop();
        }),
        JSON,
    ),
    case("JSON and more", Draft(|d| d.body.extend(b"{}")), JSON),
    case("JSON after a byte order mark", Draft(|d| d.body.splice(..0, *b"\xef\xbb\xbf").for_each(drop)), JSON),
    case("JSON in UTF-16", Draft(|d| d.body = String::from_utf8_lossy(&d.body).encode_utf16().flat_map(u16::to_le_bytes).collect()), JSON),
    case("bytes that are no UTF-8", Draft(|d| d.body = b"{\"cluster_id\":\"\xff\"}".to_vec()), JSON),
    case("half a surrogate", Draft(|d| rule(d, r#""\ud800""#)), JSON),
    case("a control character in a string", Draft(|d| rule(d, "\"\u{1}\"")), JSON),
    case("a comment", Draft(|d| rule(d, "/* none */ \"a rule\"")), JSON),
    case("a comma too many", Draft(|d| rule(d, "\"a rule\",")), JSON),
    case("NaN", Draft(|d| rule(d, "NaN")), JSON),
    case("a number beyond all", Draft(|d| rule(d, "1e999")), JSON),
    case("nested 200 deep", Draft(|d| body(d, &format!("{}{}", "[".repeat(200), "]".repeat(200)))), JSON),
    case("nested 100,000 deep", Draft(|d| body(d, &"[".repeat(100_000))), JSON),
    case("nested 100,000 deep in objects", Draft(|d| body(d, &"{\"a\":".repeat(100_000))), JSON),
    case("a list", Draft(|d| body(d, "[]")), SCHEMA),
    case("null", Draft(|d| body(d, "null")), SCHEMA),
    case("a text", Draft(|d| body(d, "\"events\"")), SCHEMA),
    case("no events", Draft(|d| body(d, &json!({ "cluster_id": CLUSTER, "events": [] }).to_string())), SCHEMA),
    case(
        "5,001 events",
        Draft(|d| {
            let one = event(&json!({}))["events"][0].clone();
            body(d, &json!({ "cluster_id": CLUSTER, "events": vec![one; 5_001] }).to_string());
        }),
        SCHEMA,
    ),
    case("a number for a rule", Draft(|d| rule(d, "1")), SCHEMA),
    case("a number of 400 digits for a rule", Draft(|d| rule(d, &"9".repeat(400))), JSON),
    case("an empty rule", Draft(|d| rule(d, "\"\"")), SCHEMA),
    case("a rule of 1 MiB", Draft(|d| rule(d, &format!("\"{}\"", "x".repeat(1 << 20)))), SCHEMA),
    case("a severity of its own", Draft(|d| body(d, &event(&json!({ "severity": "apocalyptic" })).to_string())), SCHEMA),
    case("a time that is none", Draft(|d| body(d, &event(&json!({ "time": "yesterday" })).to_string())), SCHEMA),
    case("a time in the year 99999", Draft(|d| body(d, &event(&json!({ "time": "99999-01-01T00:00:00Z" })).to_string())), SCHEMA),
    case(
        "another cluster",
        Draft(|d| body(d, &event(&json!({})).to_string().replace(CLUSTER, "cluster-2"))),
        Answer(403, "cluster_mismatch"),
    ),
    // The last one counts, for the schema as for what is stored (RFC 8259, section 4).
    case("a key twice", Draft(|d| rule(d, "\"a rule\",\"rule\":\"another\"")), TAKEN),
    case("another type", Draft(|d| d.content_type = "text/plain".into()), TYPE),
    case("XML", Draft(|d| d.content_type = "application/xml".into()), TYPE),
    case("a form", Draft(|d| d.content_type = "application/x-www-form-urlencoded".into()), TYPE),
    case("a form of parts", Draft(|d| d.content_type = "multipart/form-data; boundary=x".into()), TYPE),
    case("no type", Sent(|r| r.remove("content-type")), TYPE),
    case("two types", Sent(|r| r.add("content-type", "application/json")), TYPE),
    case("a type with parameters", Draft(|d| d.content_type = "Application/JSON; charset=utf-16".into()), TAKEN),
    case("JSON that is said to be a message", Draft(|d| d.content_type = "application/x-protobuf".into()), JSON),
    case(
        "a message that is cut off",
        Draft(|d| {
            d.content_type = "application/x-protobuf".into();
            d.body = vec![0x0a, 0xff]
        }),
        JSON,
    ),
    case(
        "a message that says it is 4 GiB",
        Draft(|d| {
            d.content_type = "application/x-protobuf".into();
            d.body = vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f];
        }),
        JSON,
    ),
    case("compressed", Sent(|r| r.add("content-encoding", "gzip")), TYPE),
    case("compressed twice", Sent(|r| r.add("content-encoding", "gzip, gzip")), TYPE),
    case("compressed by another", Sent(|r| r.add("content-encoding", "br")), TYPE),
    case("as it is, and says so", Sent(|r| r.add("content-encoding", "identity")), TAKEN),
    case("a bomb", Draft(|d| d.body = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3]), JSON),
    case("11 MiB, said before", Draft(|d| d.body = vec![b' '; 11 << 20]), Answer(413, "body_too_large")),
    case("two million values", Draft(|d| body(d, &format!("[{}0]", "0,".repeat(2_000_000)))), Answer(413, "body_too_large")),
];
