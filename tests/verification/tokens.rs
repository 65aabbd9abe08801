//! Tokens: who signed them, for whom, for how long, and what is remembered of them.

use jsonwebtoken::Header;
use serde_json::{Value, json};
use zen_agent::verify::TokenKeys;

use super::{mint::claims, *};

#[tokio::test]
async fn exp_and_nbf_are_allowed_120_seconds() {
    let gate = Gate::new();
    let rows = [
        (json!({ "exp": NOW - 120 }), None),
        (json!({ "exp": NOW - 121 }), Some(Code::InvalidToken)),
        (json!({ "nbf": NOW + 120 }), None),
        (json!({ "nbf": NOW + 121 }), Some(Code::InvalidToken)),
        (json!({ "nbf": null }), None),
        (json!({ "exp": NOW as f64 + 0.5 }), None),
    ];
    for (change, code) in rows {
        assert_eq!(gate.code_of_draft(|draft| merge(&mut draft.claims, &change)).await, code, "{change}");
    }
}

#[tokio::test]
async fn every_claim_has_to_be_there_and_to_be_right() {
    let gate = Gate::new();
    for change in [
        json!({ "iss": "https://other.example" }),
        json!({ "iss": null }),
        json!({ "aud": "other" }),
        json!({ "aud": ["other"] }),
        json!({ "aud": null }),
        json!({ "exp": null }),
        json!({ "exp": "tomorrow" }),
        json!({ "exp": -1 }),
        json!({ "nbf": "yesterday" }),
        json!({ "tenant_id": null }),
        json!({ "tenant_id": "a/b" }),
        json!({ "cluster_id": null }),
        json!({ "cluster_id": "" }),
        json!({ "role": null }),
        json!({ "role": "root" }),
        json!({ "role": "Admin" }),
        json!({ "sub": "two\nlines" }),
        json!({ "sub": "x".repeat(254) }),
    ] {
        assert_eq!(gate.code_of_draft(|draft| merge(&mut draft.claims, &change)).await, Some(Code::InvalidToken), "{change}");
    }
    for change in [json!({ "aud": ["other", mint::AUDIENCE] }), json!({ "sub": null }), json!({ "extra": {} })] {
        let mut draft = Draft::new();
        merge(&mut draft.claims, &change);
        assert!(gate.ask(&APPROVE, draft.sent(&gate.key)).await.is_ok(), "{change}");
    }
}

#[tokio::test]
async fn only_a_known_key_with_its_own_algorithm_signs() {
    let gate = Gate::new();
    let right = gate.key.token(&claims());
    let (head, signature) = right.rsplit_once('.').unwrap();
    let foreign = TokenKey::es256();
    let critical = Header { crit: Some(vec!["exp".into()]), ..gate.key.header() };
    for (what, token) in [
        ("none", mint::unsigned_token(&claims())),
        ("HMAC with the public key", mint::confused_token(&gate.key.public_pem, &claims())),
        ("a foreign key", foreign.token(&claims())),
        ("another algorithm", TokenKey::ed25519().token(&claims())),
        ("a critical extension", gate.key.token_with(&critical, &claims())),
        ("no signature", format!("{head}.")),
        ("another token's signature", format!("{}.{signature}", gate.key.token(&json!({})).rsplit_once('.').unwrap().0)),
        ("a fourth part", format!("{right}.")),
        (
            "more than 8 KiB",
            gate.key.token(&{
                let mut claims = claims();
                claims["extra"] = "x".repeat(8_192).into();
                claims
            }),
        ),
        ("no token at all", "x".into()),
    ] {
        assert_eq!(gate.code_of_token(&token).await, Some(Code::InvalidToken), "{what}");
    }
    assert_eq!(gate.code_of_token(&right).await, None);
}

#[tokio::test]
async fn a_token_from_the_cache_still_ends_and_still_begins() {
    let gate = Gate::new();
    let token = gate.key.token(&claims());
    let at = async |second| {
        gate.set_clock(second);
        gate.code(Draft { timestamp: second, ..Draft::new() }.sent_with(&token)).await
    };
    assert_eq!(at(NOW).await, None);
    assert_eq!(at(NOW + 3_600 + 120).await, None);
    assert_eq!(at(NOW + 3_600 + 121).await, Some(Code::InvalidToken));
    assert_eq!(at(NOW).await, None, "the clock was set right");
    assert_eq!(at(NOW - 60 - 121).await, Some(Code::InvalidToken), "before nbf, though it is remembered");
}

#[tokio::test]
async fn a_key_that_is_removed_takes_its_tokens_with_it_at_once() {
    let gate = Gate::new();
    let (old, new) = (gate.key.token(&claims()), TokenKey::ed25519());
    assert_eq!(gate.code_of_token(&old).await, None, "and from here on it is remembered");

    let mut keys = TokenKeys::default();
    keys.add(&new.public_pem, "test").unwrap();
    gate.verifier.replace_token_keys(keys);
    assert_eq!(gate.code_of_token(&old).await, Some(Code::InvalidToken));
    assert_eq!(gate.code_of_token(&new.token(&claims())).await, None);

    let mut keys = TokenKeys::default();
    keys.add(&gate.key.public_pem, "test").unwrap();
    gate.verifier.replace_token_keys(keys);
    assert_eq!(gate.code_of_token(&old).await, None, "the key is back");
}

/// Sets the keys of `change`; null removes one.
fn merge(claims: &mut Value, change: &Value) {
    let claims = claims.as_object_mut().unwrap();
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.remove(name)),
            value => drop(claims.insert(name.clone(), value.clone())),
        }
    }
}
