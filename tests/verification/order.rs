//! Each check refuses with its code, and the earlier of two faults decides.

use std::num::NonZeroU32;

use zen_agent::contract::ContractVersion;

use super::{log::Log, *};

type Before = fn(&mut Draft);

/// What is wrong with a request: before it is signed, and after.
struct Fault {
    code: Code,
    before: Before,
    after: After,
}

fn nothing<T>(_: &mut T) {}

/// One fault of every check after the rate, in the order of the checks.
fn faults() -> Vec<Fault> {
    let before = |code, before| Fault { code, before, after: nothing };
    let after = |code, after| Fault { code, before: nothing, after };
    vec![
        after(Code::MissingHeader, |sent| sent.remove("x-zen-contract-version")),
        before(Code::MalformedHeader, |draft| draft.request_id = "1".into()),
        before(Code::UnsupportedVersion, |draft| draft.version = "v9".into()),
        before(Code::InvalidToken, |draft| draft.claims["exp"] = (NOW - 3_600).into()),
        before(Code::TenantMismatch, |draft| draft.peer.tenant = "umbrella".parse().ok()),
        before(Code::ClusterMismatch, |draft| draft.peer.cluster = Some("cluster-2".into())),
        before(Code::UnsupportedMediaType, |draft| draft.content_type = "text/plain".into()),
        before(Code::BodyTooLarge, |draft| draft.body = vec![b' '; 4_097]),
        before(Code::InvalidSignature, |draft| draft.secret = [0; 32]),
        before(Code::InsufficientRole, |draft| draft.claims["role"] = "viewer".into()),
    ]
}

#[tokio::test]
async fn a_request_that_is_right_gets_through_with_all_that_was_established() {
    let gate = Gate::new();
    let sent = Draft::new().sent(&gate.key);
    let (caller, received) = gate.ask(&APPROVE, sent.clone()).await.unwrap().into_parts();
    assert_eq!((caller.tenant.as_str(), caller.cluster.as_str(), caller.subject.as_str()), (mint::TENANT, mint::CLUSTER, "tester"));
    assert_eq!((caller.role, caller.version, caller.request_id.as_sent()), (Role::Admin, ContractVersion::V0, mint::REQUEST_ID));
    assert_eq!(caller.token_expires.as_second(), NOW + 3_600);
    assert_eq!((received.uri.to_string(), received.body.to_vec()), (sent.target, sent.body));
    assert_eq!(received.headers["content-type"], "application/json");
    for spent in ["authorization", "x-signature"] {
        assert!(!received.headers.contains_key(spent), "{spent} goes no further");
    }
}

#[tokio::test]
async fn each_fault_alone_is_refused_with_its_code_and_counted() {
    for fault in faults() {
        let gate = Gate::new();
        let mut draft = Draft::new();
        (fault.before)(&mut draft);
        let mut sent = draft.sent(&gate.key);
        (fault.after)(&mut sent);
        assert_eq!(gate.code(sent).await, Some(fault.code));
        let counted = format!("zen_agent_rejections_total{{reason=\"{}\"}} 1", fault.code.as_str());
        assert!(gate.metrics.render().unwrap().contains(&counted), "{counted}");
    }
}

#[tokio::test]
async fn of_any_two_faults_the_one_that_is_checked_first_decides() {
    let (gate, faults) = (Gate::new(), faults());
    for (place, first) in faults.iter().enumerate() {
        for second in &faults[place + 1..] {
            let mut draft = Draft::new();
            (second.before)(&mut draft);
            (first.before)(&mut draft);
            let mut sent = draft.sent(&gate.key);
            (second.after)(&mut sent);
            (first.after)(&mut sent);
            assert_eq!(gate.code(sent).await, Some(first.code), "beside {:?}", second.code);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_over_its_rate_is_refused_before_anything_else_is_looked_at() {
    let gate = Gate::with(|setup| setup.requests_per_second = NonZeroU32::MIN);
    assert_eq!(gate.code_of_draft(nothing).await, None);
    for fault in faults() {
        let mut draft = Draft::new();
        (fault.before)(&mut draft);
        let mut sent = draft.sent(&gate.key);
        (fault.after)(&mut sent);
        let refusal = gate.ask(&APPROVE, sent).await.unwrap_err();
        assert_eq!((refusal.problem.code, refusal.problem.retry_after.is_some()), (Code::RateLimited, true));
    }
    assert_eq!(gate.code_of_draft(|draft| draft.peer.fingerprint = [2; 32]).await, None, "another certificate has its own rate");
}

#[tokio::test]
async fn each_header_is_demanded_once_and_well_formed() {
    let malformed = |code| [("", code), ("\u{e4}", code), (" ", code)];
    let headers = [
        (
            "x-zen-contract-version",
            Code::MissingHeader,
            Code::MalformedHeader,
            vec![("V0", Code::UnsupportedVersion), ("", Code::UnsupportedVersion)],
        ),
        ("x-request-id", Code::MissingHeader, Code::MalformedHeader, malformed(Code::MalformedHeader).to_vec()),
        (
            "x-tenant-id",
            Code::MissingHeader,
            Code::MalformedHeader,
            [("a/b", Code::MalformedHeader)].into_iter().chain(malformed(Code::MalformedHeader)).collect(),
        ),
        (
            "authorization",
            Code::InvalidToken,
            Code::InvalidToken,
            [("Basic YTpi", Code::InvalidToken), ("Bearer", Code::InvalidToken)].into_iter().chain(malformed(Code::InvalidToken)).collect(),
        ),
        ("x-signature", Code::InvalidSignature, Code::InvalidSignature, malformed(Code::InvalidSignature).to_vec()),
    ];
    let gate = Gate::new();
    for (name, missing, twice, malformed) in headers {
        let right = Draft::new().sent(&gate.key);
        let mut sent = right.clone();
        sent.remove(name);
        assert_eq!(gate.code(sent).await, Some(missing), "without {name}");
        let mut sent = right.clone();
        sent.add(name, right.get(name));
        assert_eq!(gate.code(sent).await, Some(twice), "two of {name}");
        for (value, code) in malformed {
            let mut sent = right.clone();
            sent.set(name, value);
            assert_eq!(gate.code(sent).await, Some(code), "{name}: {value:?}");
        }
    }
}

#[tokio::test]
async fn the_version_is_that_of_the_path_or_either_where_the_path_has_none() {
    let gate = Gate::new();
    assert_eq!(gate.code_of_draft(|draft| draft.version = "v1alpha1".into()).await, Some(Code::VersionMismatch));
    for version in ["v0", "v1alpha1"] {
        let mut draft = Draft::new();
        draft.version = version.into();
        let verified = gate.ask(&READ, draft.sent(&gate.key)).await.unwrap();
        assert_eq!(verified.caller().version.as_str(), version);
    }
}

#[tokio::test]
async fn header_token_and_certificate_have_to_agree_on_tenant_and_cluster() {
    let gate = Gate::new();
    let rows: [(Before, Code); 7] = [
        (|draft| draft.tenant = "umbrella".into(), Code::TenantMismatch),
        (|draft| draft.claims["tenant_id"] = "umbrella".into(), Code::TenantMismatch),
        (|draft| draft.peer.tenant = "umbrella".parse().ok(), Code::TenantMismatch),
        (|draft| draft.peer.tenant = None, Code::TenantMismatch),
        (|draft| draft.claims["cluster_id"] = "cluster-2".into(), Code::ClusterMismatch),
        (|draft| draft.peer.cluster = Some("Cluster-1".into()), Code::ClusterMismatch),
        (|draft| draft.peer.cluster = None, Code::ClusterMismatch),
    ];
    for (row, (edit, code)) in rows.into_iter().enumerate() {
        assert_eq!(gate.code_of_draft(edit).await, Some(code), "row {row}");
    }
}

#[tokio::test]
async fn a_token_without_a_cluster_does_not_pair_with_a_certificate_without_one() {
    let gate = Gate::new();
    let code = gate.code_of_draft(|draft| {
        draft.claims["cluster_id"] = "".into();
        draft.peer.cluster = None;
    });
    assert_eq!(code.await, Some(Code::InvalidToken));
}

#[tokio::test]
async fn credentials_of_another_cluster_are_refused_however_well_they_agree() {
    let gate = Gate::new();
    let code = gate.code_of_draft(|draft| {
        draft.claims["cluster_id"] = "cluster-2".into();
        draft.peer.cluster = Some("cluster-2".into());
    });
    assert_eq!(code.await, Some(Code::ClusterMismatch));
}

#[tokio::test]
async fn a_request_that_did_not_come_over_the_mtls_listener_is_a_defect_of_the_wiring() {
    let gate = Gate::new();
    let mut sent = Draft::new().sent(&gate.key);
    sent.peer = None;
    assert_eq!(gate.code(sent).await, Some(Code::Internal));
}

#[tokio::test]
async fn the_media_type_is_demanded_of_a_body_without_its_parameters() {
    let gate = Gate::new();
    for accepted in ["application/json", "Application/JSON; charset=utf-8", "application/json ;q=1"] {
        assert_eq!(gate.code_of_draft(|draft| draft.content_type = accepted.into()).await, None, "{accepted}");
    }
    for refused in ["application/jsonp", "application/x-www-form-urlencoded", ""] {
        assert_eq!(gate.code_of_draft(|draft| draft.content_type = refused.into()).await, Some(Code::UnsupportedMediaType), "{refused}");
    }
    let encoded = |encoding: &str| {
        let mut sent = Draft::new().sent(&gate.key);
        sent.add("content-encoding", encoding);
        sent
    };
    assert_eq!(gate.code(encoded("gzip")).await, Some(Code::UnsupportedMediaType));
    assert_eq!(gate.code(encoded("identity")).await, None);
    let mut untyped = Draft::new().sent(&gate.key);
    untyped.remove("content-type");
    assert_eq!(gate.code(untyped.clone()).await, Some(Code::UnsupportedMediaType));
    assert!(gate.ask(&READ, untyped).await.is_ok(), "an operation without a body asks for no type");
}

#[tokio::test]
async fn a_body_may_be_as_large_as_the_limit_and_not_a_byte_larger() {
    let gate = Gate::new();
    assert_eq!(gate.code_of_draft(|draft| draft.body = vec![b' '; 4_096]).await, None);
    let mut undeclared = Draft { body: vec![b' '; 4_097], ..Draft::new() }.sent(&gate.key);
    undeclared.remove("content-length");
    assert_eq!(gate.code(undeclared).await, Some(Code::BodyTooLarge));
    let mut lying = Draft::new().sent(&gate.key);
    lying.set("content-length", "5000");
    assert_eq!(gate.code(lying).await, Some(Code::BodyTooLarge), "what is declared is enough to refuse");
}

#[tokio::test]
async fn one_host_is_named_and_no_transfer_coding_but_chunked() {
    let gate = Gate::new();
    let rows: [(After, Option<Code>); 9] = [
        (|sent| sent.remove("host"), Some(Code::MissingHeader)),
        (|sent| sent.add("host", "localhost"), Some(Code::MalformedHeader)),
        (|sent| sent.add("host", "other"), Some(Code::MalformedHeader)),
        (|sent| sent.add("transfer-encoding", "chunked"), None),
        (|sent| sent.add("transfer-encoding", "Chunked"), None),
        (|sent| sent.add("transfer-encoding", "gzip, chunked"), Some(Code::MalformedHeader)),
        (|sent| sent.add("transfer-encoding", "identity"), Some(Code::MalformedHeader)),
        (
            |sent| {
                sent.add("transfer-encoding", "gzip");
                sent.add("transfer-encoding", "chunked");
            },
            Some(Code::MalformedHeader),
        ),
        (|sent| sent.set("host", "whatever.example:1"), None),
    ];
    for (row, (after, code)) in rows.into_iter().enumerate() {
        let mut sent = Draft::new().sent(&gate.key);
        after(&mut sent);
        assert_eq!(gate.code(sent).await, code, "row {row}");
    }
}

#[tokio::test]
async fn roles_include_those_below() {
    let gate = Gate::new();
    for (role, code) in [("viewer", Some(Code::InsufficientRole)), ("approver", None), ("admin", None)] {
        assert_eq!(gate.code_of_draft(|draft| draft.claims["role"] = role.into()).await, code, "{role}");
    }
}

#[tokio::test]
async fn a_refusal_echoes_what_is_well_formed_and_nothing_else() {
    let gate = Gate::new();
    let echo = async |edit: fn(&mut Sent)| {
        let mut sent = Draft::new().sent(&gate.key);
        sent.remove("authorization");
        edit(&mut sent);
        let refusal = gate.ask(&APPROVE, sent).await.unwrap_err();
        (refusal.echo.request_id, refusal.echo.version)
    };
    let id = || Some(mint::REQUEST_ID.to_owned());
    assert_eq!(echo(nothing).await, (id(), Some(ContractVersion::V0)));
    assert_eq!(echo(|sent| sent.set("x-zen-contract-version", "v9")).await, (id(), None));
    assert_eq!(echo(|sent| sent.set("x-request-id", "<script>")).await, (None, Some(ContractVersion::V0)));
    assert_eq!(echo(|sent| sent.add("x-request-id", mint::REQUEST_ID)).await, (None, Some(ContractVersion::V0)));
}

#[tokio::test]
async fn a_refusal_leaves_one_audit_record_that_names_who_and_why_and_no_secret() {
    let (log, _guard) = Log::start();
    let gate = Gate::new();
    let draft = Draft { body: b"do-not-log-this".to_vec(), secret: [0; 32], ..Draft::new() };
    let sent = draft.sent(&gate.key);
    let (token, signature) = (sent.get("authorization").to_owned(), sent.get("x-signature").to_owned());
    assert_eq!(gate.code(sent).await, Some(Code::InvalidSignature));

    let text = log.text();
    let records: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let audit: Vec<_> = records.iter().filter(|record| record["target"] == "audit").collect();
    assert_eq!(audit.len(), 1, "{text}");
    let fields = &audit[0]["fields"];
    for (name, value) in [
        ("code", "invalid_signature"),
        ("operation", "approve"),
        ("tenant", mint::TENANT),
        ("cluster", mint::CLUSTER),
        ("claimed_tenant", mint::TENANT),
        ("request_id", mint::REQUEST_ID),
    ] {
        assert_eq!(fields[name], value, "{name} in {fields}");
    }
    let mac = signature.split("v1=").nth(1).unwrap();
    for secret in [token.trim_start_matches("Bearer "), mac, "do-not-log-this"] {
        assert!(!text.contains(secret), "the log repeats {secret}");
    }
}
