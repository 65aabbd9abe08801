//! `contracts/signature-vectors.json` is what this agent signs and accepts.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use zen_agent::signature::{Signature, base_string, read_secret, sign};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    description: String,
    valid: Vec<Valid>,
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Valid {
    name: String,
    secret: String,
    kid: String,
    timestamp: i64,
    method: String,
    path: String,
    version: String,
    tenant: String,
    request_id: String,
    body_base64: String,
    base_string: String,
    header: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    name: String,
    header: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../contracts/signature-vectors.json")).unwrap()
}

#[test]
fn every_valid_vector_is_reproduced_byte_for_byte() {
    let vectors = vectors();
    assert!(!vectors.description.is_empty() && vectors.valid.len() >= 8);
    for v in vectors.valid {
        let digest = Sha256::digest(STANDARD.decode(&v.body_base64).unwrap()).into();
        let base = base_string(v.timestamp, &v.method, &v.path, &v.version, &v.tenant, &v.request_id, &digest);
        assert_eq!(base, v.base_string, "{}", v.name);
        let secret = read_secret(&v.secret).unwrap();
        assert_eq!(sign(secret.expose_secret(), &v.kid, v.timestamp, &base), v.header, "{}", v.name);
        let read: Signature = v.header.parse().unwrap();
        assert_eq!((read.to_string(), read.timestamp, read.kid), (v.header, v.timestamp, v.kid), "{}", v.name);
    }
}

#[test]
fn every_malformed_header_is_refused() {
    let vectors = vectors();
    assert!(vectors.refused.len() >= 10);
    for refused in vectors.refused {
        assert!(refused.header.parse::<Signature>().is_err(), "{}", refused.name);
    }
}
