//! The token: its algorithm, its key, its claims.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::Header;
use serde_json::{Value, json};

use super::{
    Case,
    Outcome::Answer,
    Spoil::{Draft, Sent, Token, Wire},
    TAKEN, case,
};
use crate::mint::{self, TokenKey};

const REFUSED: super::Outcome = Answer(401, "invalid_token");

/// A token by the right key, of which one claim is another, or none where it is null.
fn claim(key: &TokenKey, mut claims: Value, name: &str, value: Value) -> String {
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    key.token(&claims)
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// The parts of a token by the right key, put together anew.
fn parts(key: &TokenKey, claims: &Value, join: impl FnOnce(&[&str]) -> String) -> String {
    let token = key.token(claims);
    join(&token.split('.').collect::<Vec<_>>())
}

/// A token by the right key with more in its header.
fn header(key: &TokenKey, claims: &Value, edit: impl FnOnce(&mut Header)) -> String {
    let mut header = key.header();
    edit(&mut header);
    key.token_with(&header, claims)
}

/// A header that says what it likes, before claims and a signature that are right in themselves.
fn forged(key: &TokenKey, claims: &Value, header: &Value) -> String {
    parts(key, claims, |parts| [&BASE64_URL_SAFE_NO_PAD.encode(header.to_string()), parts[1], parts[2]].join("."))
}

pub(super) const CASES: &[Case] = &[
    case("none", Sent(|r| r.remove("authorization")), REFUSED),
    case(
        "twice",
        Sent(|r| {
            let same = r.get("authorization").to_owned();
            r.add("authorization", &same)
        }),
        REFUSED,
    ),
    case("empty", Token(|_, _| String::new()), REFUSED),
    case("of another scheme", Sent(|r| r.set("authorization", "Basic YWRtaW46YWRtaW4=")), REFUSED),
    case(
        "without a scheme",
        Sent(|r| {
            let token = r.get("authorization").replace("Bearer ", "");
            r.set("authorization", &token)
        }),
        REFUSED,
    ),
    case(
        "in the query alone",
        Wire(|r| {
            let token = r.split("Bearer ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned();
            r.replacen("/v0/events", &format!("/v0/events?access_token={token}"), 1)
                .replace(&format!("authorization: Bearer {token}\r\n"), "")
        }),
        REFUSED,
    ),
    case("of the algorithm none", Token(|_, claims| mint::unsigned_token(&claims)), REFUSED),
    case("of the algorithm NONE", Token(|key, claims| forged(key, &claims, &json!({ "alg": "NONE", "typ": "JWT" }))), REFUSED),
    case("by HMAC with the public key", Token(|key, claims| mint::confused_token(&key.public_pem, &claims)), REFUSED),
    case("that claims HS256 over a right signature", Token(|key, claims| forged(key, &claims, &json!({ "alg": "HS256" }))), REFUSED),
    case("that claims RS256 over a right signature", Token(|key, claims| forged(key, &claims, &json!({ "alg": "RS256" }))), REFUSED),
    case("that claims ES384 over a right signature", Token(|key, claims| forged(key, &claims, &json!({ "alg": "ES384" }))), REFUSED),
    case("without an algorithm", Token(|key, claims| forged(key, &claims, &json!({ "typ": "JWT" }))), REFUSED),
    case("by another key", Token(|_, claims| TokenKey::es256().token(&claims)), REFUSED),
    case("by another key of another kind", Token(|_, claims| TokenKey::ed25519().token(&claims)), REFUSED),
    case(
        "by a key that its header brings",
        Token(|_, claims| {
            let own = TokenKey::es256();
            let jwk = serde_json::from_value(own.jwk("mine")).unwrap();
            header(&own, &claims, |header| header.jwk = Some(jwk))
        }),
        REFUSED,
    ),
    case(
        "by a key at an address in its header",
        Token(|_, claims| header(&TokenKey::es256(), &claims, |header| header.jku = Some("http://127.0.0.1:1/keys".into()))),
        REFUSED,
    ),
    case(
        "by a certificate at an address in its header",
        Token(|_, claims| header(&TokenKey::es256(), &claims, |header| header.x5u = Some("http://127.0.0.1:1/chain".into()))),
        REFUSED,
    ),
    case(
        "by another key, with a path for its id",
        Token(|_, claims| header(&TokenKey::es256(), &claims, |header| header.kid = Some("../../dev/null".into()))),
        REFUSED,
    ),
    case(
        "by another key, with a query for its id",
        Token(|_, claims| header(&TokenKey::es256(), &claims, |header| header.kid = Some("' UNION SELECT 'key".into()))),
        REFUSED,
    ),
    case(
        "with a header that must be understood",
        Token(|key, claims| {
            // What stands in the header is signed here as well.
            header(key, &claims, |header| header.crit = Some(vec!["exp".into()]))
        }),
        REFUSED,
    ),
    case("without a signature", Token(|key, claims| parts(key, &claims, |parts| format!("{}.{}.", parts[0], parts[1]))), REFUSED),
    case("of two parts", Token(|key, claims| parts(key, &claims, |parts| format!("{}.{}", parts[0], parts[1]))), REFUSED),
    case("of four parts", Token(|key, claims| parts(key, &claims, |parts| format!("{}.x", parts.join(".")))), REFUSED),
    case("with padding", Token(|key, claims| parts(key, &claims, |parts| format!("{}==", parts.join(".")))), REFUSED),
    case(
        "with other claims than were signed",
        Token(|key, mut claims| {
            let signed = key.token(&claims);
            claims["sub"] = json!("somebody else");
            let other = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
            let parts: Vec<_> = signed.split('.').collect();
            [parts[0], &other, parts[2]].join(".")
        }),
        REFUSED,
    ),
    case("that is no JSON inside", Token(|_, _| "e30.bm90IGpzb24.AAAA".into()), REFUSED),
    case("of 16 KiB", Token(|key, claims| claim(key, claims, "padding", json!("x".repeat(16 << 10)))), REFUSED),
    case("expired by an hour", Token(|key, claims| claim(key, claims, "exp", json!(now() - 3_600))), REFUSED),
    case("expired by 130 seconds", Token(|key, claims| claim(key, claims, "exp", json!(now() - 130))), REFUSED),
    case("expired by a minute, as clocks differ", Token(|key, claims| claim(key, claims, "exp", json!(now() - 60))), TAKEN),
    case("that never expires", Token(|key, claims| claim(key, claims, "exp", Value::Null)), REFUSED),
    case("that expires in words", Token(|key, claims| claim(key, claims, "exp", json!("tomorrow"))), REFUSED),
    case("that expires in 1e300", Token(|key, claims| claim(key, claims, "exp", json!(1e300))), REFUSED),
    case("that expires below zero", Token(|key, claims| claim(key, claims, "exp", json!(-1))), REFUSED),
    case("not valid for another hour", Token(|key, claims| claim(key, claims, "nbf", json!(now() + 3_600))), REFUSED),
    case("not valid for another minute, as clocks differ", Token(|key, claims| claim(key, claims, "nbf", json!(now() + 60))), TAKEN),
    case("of another issuer", Token(|key, claims| claim(key, claims, "iss", json!("https://evil.example"))), REFUSED),
    case("of the issuer with a slash", Token(|key, claims| claim(key, claims, "iss", json!(format!("{}/", mint::ISSUER)))), REFUSED),
    case("of no issuer", Token(|key, claims| claim(key, claims, "iss", Value::Null)), REFUSED),
    case("for another audience", Token(|key, claims| claim(key, claims, "aud", json!("other"))), REFUSED),
    case("for no audience", Token(|key, claims| claim(key, claims, "aud", Value::Null)), REFUSED),
    case("for an empty list of audiences", Token(|key, claims| claim(key, claims, "aud", json!([]))), REFUSED),
    case(
        "for several audiences, this one among them",
        Token(|key, claims| claim(key, claims, "aud", json!(["other", mint::AUDIENCE]))),
        TAKEN,
    ),
    // The subject is for approvals and the audit log; RFC 7519 leaves it out where there is none.
    case("of nobody", Token(|key, claims| claim(key, claims, "sub", Value::Null)), TAKEN),
    case("of an empty subject", Token(|key, claims| claim(key, claims, "sub", json!(""))), TAKEN),
    case("of another tenant", Token(|key, claims| claim(key, claims, "tenant_id", json!("umbrella"))), Answer(403, "tenant_mismatch")),
    case("of no tenant", Token(|key, claims| claim(key, claims, "tenant_id", Value::Null)), REFUSED),
    case("of several tenants", Token(|key, claims| claim(key, claims, "tenant_id", json!([mint::TENANT, "umbrella"]))), REFUSED),
    case("of another cluster", Token(|key, claims| claim(key, claims, "cluster_id", json!("cluster-2"))), Answer(403, "cluster_mismatch")),
    case("of no cluster", Token(|key, claims| claim(key, claims, "cluster_id", Value::Null)), REFUSED),
    case("of an unknown role", Token(|key, claims| claim(key, claims, "role", json!("root"))), REFUSED),
    case("of a role in capitals", Token(|key, claims| claim(key, claims, "role", json!("Admin"))), REFUSED),
    case("of several roles", Token(|key, claims| claim(key, claims, "role", json!(["viewer", "admin"]))), REFUSED),
    case("of no role", Token(|key, claims| claim(key, claims, "role", Value::Null)), REFUSED),
    case(
        "of another tenant in all but the certificate",
        Draft(|d| {
            (d.tenant, d.kid, d.secret) = ("umbrella".into(), "k-umbrella".into(), [9; 32]);
            d.claims["tenant_id"] = json!("umbrella");
        }),
        Answer(403, "tenant_mismatch"),
    ),
];
