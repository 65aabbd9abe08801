//! The signature covers every byte that matters, for a short time, by a key of the tenant's own.

use super::*;

#[tokio::test]
async fn a_signature_holds_for_120_seconds_in_both_directions() {
    let gate = Gate::new();
    for (off, code) in [(-121, Some(Code::InvalidSignature)), (-120, None), (120, None), (121, Some(Code::InvalidSignature))] {
        assert_eq!(gate.code_of_draft(|draft| draft.timestamp = NOW + off).await, code, "{off} s");
    }
    for far in [0, 999_999_999_999] {
        assert_eq!(gate.code_of_draft(|draft| draft.timestamp = far).await, Some(Code::InvalidSignature));
    }
}

#[tokio::test]
async fn whatever_is_changed_after_signing_breaks_the_signature() {
    let changes: [(&str, After); 9] = [
        ("a byte of the body", |sent| sent.body[0] = b'['),
        ("the body's end", |sent| {
            sent.body.push(b' ');
            sent.set("content-length", &sent.body.len().to_string());
        }),
        ("no body", |sent| {
            sent.body.clear();
            sent.set("content-length", "0");
        }),
        ("the path", |sent| sent.target = "/v0/events/falco?a=1&b=%2F".into()),
        ("a parameter", |sent| sent.target = "/v0/events?a=2&b=%2F".into()),
        ("the order of parameters", |sent| sent.target = "/v0/events?b=%2F&a=1".into()),
        ("an equal spelling of the query", |sent| sent.target = "/v0/events?a=1&b=%2f".into()),
        ("the method", |sent| sent.method = "PUT"),
        ("the request id", |sent| sent.set("x-request-id", "0198c0de-0000-7000-8000-000000000002")),
    ];
    let gate = Gate::new();
    let right = Draft { target: "/v0/events?a=1&b=%2F".into(), ..Draft::new() }.sent(&gate.key);
    assert_eq!(gate.code(right.clone()).await, None);
    for (what, change) in changes {
        let mut sent = right.clone();
        change(&mut sent);
        assert_eq!(gate.code(sent).await, Some(Code::InvalidSignature), "{what}");
    }
}

#[tokio::test]
async fn the_version_is_signed_too_where_the_path_has_none() {
    let gate = Gate::new();
    let mut sent = Draft::new().sent(&gate.key);
    sent.set("x-zen-contract-version", "v1alpha1");
    assert_eq!(gate.ask(&READ, sent).await.unwrap_err().problem.code, Code::InvalidSignature);
}

#[tokio::test]
async fn every_part_of_the_header_is_covered() {
    let gate = Gate::new();
    let right = Draft::new().sent(&gate.key);
    let header = right.get("x-signature").to_owned();
    let last = if header.ends_with('0') { "1" } else { "0" };
    let flipped = format!("{}{last}", &header[..header.len() - 1]);
    for altered in [
        header.replace(&format!("t={NOW}"), &format!("t={}", NOW + 1)),
        header.replace(mint::KID, "k-2"),
        header.replace("v1=", "v0="),
        header.to_uppercase(),
        format!("{header},v1={}", "0".repeat(64)),
        format!("{header}, {header}"),
        header[..header.len() - 1].to_owned(),
        flipped,
    ] {
        let mut sent = right.clone();
        sent.set("x-signature", &altered);
        assert_eq!(gate.code(sent).await, Some(Code::InvalidSignature), "{altered}");
    }
}

#[tokio::test]
async fn any_key_of_the_tenant_signs_and_another_tenants_key_is_unknown() {
    let gate = Gate::new();
    let by = |kid: &str, secret| Draft { kid: kid.into(), secret, ..Draft::new() }.sent(&gate.key);
    assert_eq!(gate.code(by("k-2", [8; 32])).await, None, "the second key, as during a rotation");
    let refused = async |sent| gate.ask(&APPROVE, sent).await.unwrap_err().problem;
    let (theirs, nobodys) = (refused(by("k-umbrella", [9; 32])).await, refused(by("k-3", [9; 32])).await);
    assert_eq!((theirs.code, nobodys.code), (Code::InvalidSignature, Code::InvalidSignature));
    assert_eq!(theirs.detail, nobodys.detail, "nothing tells that the key exists elsewhere");
}

#[tokio::test]
async fn a_tenant_without_keys_sends_nothing() {
    let gate = Gate::new();
    let code = gate.code_of_draft(|draft| {
        draft.tenant = "nobody".into();
        draft.claims["tenant_id"] = "nobody".into();
        draft.peer.tenant = "nobody".parse().ok();
    });
    assert_eq!(code.await, Some(Code::InvalidSignature));
}

#[tokio::test]
async fn a_body_is_signed_also_where_the_operation_takes_none() {
    let gate = Gate::new();
    let mut sent = Draft { method: "GET", body: Vec::new(), ..Draft::new() }.sent(&gate.key);
    assert!(gate.ask(&READ, sent.clone()).await.is_ok());
    sent.body = b"smuggled".to_vec();
    sent.set("content-length", "8");
    assert_eq!(gate.ask(&READ, sent).await.unwrap_err().problem.code, Code::InvalidSignature);
}
