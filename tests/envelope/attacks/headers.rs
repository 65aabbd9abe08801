//! The headers that every request has, and those that it should not have.

use super::{
    Case,
    Outcome::{Answer, Http},
    Spoil::{Draft, Sent, Wire},
    TAKEN, case,
};
use crate::mint;

const MISSING: super::Outcome = Answer(400, "missing_header");
const MALFORMED: super::Outcome = Answer(400, "malformed_header");

/// The header once more.
fn again(sent: &mut mint::Sent, name: &str) {
    let same = sent.get(name).to_owned();
    sent.add(name, &same);
}

pub(super) const CASES: &[Case] = &[
    case("no version", Sent(|r| r.remove("x-zen-contract-version")), MISSING),
    case("no request id", Sent(|r| r.remove("x-request-id")), MISSING),
    case("no tenant", Sent(|r| r.remove("x-tenant-id")), MISSING),
    case("two versions, the same", Sent(|r| again(r, "x-zen-contract-version")), MALFORMED),
    case("two versions", Sent(|r| r.add("x-zen-contract-version", "v1alpha1")), MALFORMED),
    case("two request ids, the same", Sent(|r| again(r, "x-request-id")), MALFORMED),
    case(
        "two request ids in two cases of the name",
        Wire(|r| r.replacen("\r\n\r\n", &format!("\r\nX-REQUEST-ID: {}\r\n\r\n", mint::REQUEST_ID), 1)),
        MALFORMED,
    ),
    case("two tenants, the same", Sent(|r| again(r, "x-tenant-id")), MALFORMED),
    case("two tenants", Sent(|r| r.add("x-tenant-id", "umbrella")), MALFORMED),
    case("names in capitals", Wire(|r| r.replace("x-signature", "X-SIGNATURE").replace("x-tenant-id", "X-Tenant-ID")), TAKEN),
    case("a name with an underscore", Wire(|r| r.replace("x-tenant-id", "x_tenant_id")), MISSING),
    case("an unknown version", Draft(|d| d.version = "v9".into()), Answer(400, "unsupported_version")),
    case("a version in capitals", Draft(|d| d.version = "V0".into()), Answer(400, "unsupported_version")),
    case("two versions in one header", Draft(|d| d.version = "v0,v1alpha1".into()), Answer(400, "unsupported_version")),
    case("an empty version", Draft(|d| d.version = String::new()), Answer(400, "unsupported_version")),
    case("another version than the path's", Draft(|d| d.version = "v1alpha1".into()), Answer(400, "version_mismatch")),
    case("a request id that is none", Draft(|d| d.request_id = "1".into()), MALFORMED),
    case("a request id in braces", Draft(|d| d.request_id = format!("{{{}}}", d.request_id)), MALFORMED),
    case("a request id as a URN", Draft(|d| d.request_id = format!("urn:uuid:{}", d.request_id)), MALFORMED),
    case("a request id without hyphens", Draft(|d| d.request_id = d.request_id.replace('-', "")), MALFORMED),
    case("a ULID beyond 128 bits", Draft(|d| d.request_id = "8ZZZZZZZZZZZZZZZZZZZZZZZZZ".into()), MALFORMED),
    case("a ULID", Draft(|d| d.request_id = "01K0000000000000000000ZZZZ".into()), TAKEN),
    case("a request id with a path in it", Draft(|d| d.request_id.replace_range(..3, "../")), MALFORMED),
    case("a request id of wide digits", Sent(|r| r.set("x-request-id", "０198c0de-0000-7000-8000-00000000000")), MALFORMED),
    case("a tenant with a path in it", Draft(|d| d.tenant = "../umbrella".into()), MALFORMED),
    case("a tenant of 64 letters", Draft(|d| d.tenant = "a".repeat(64)), MALFORMED),
    case("an empty tenant", Draft(|d| d.tenant = String::new()), MALFORMED),
    case("a tenant with a Cyrillic a", Sent(|r| r.set("x-tenant-id", "\u{430}cme")), MALFORMED),
    case("a tenant with a selector in it", Draft(|d| d.tenant = "acme,other=x".into()), MALFORMED),
    case("a tenant in capitals, which is another", Draft(|d| d.tenant = "ACME".into()), Answer(403, "tenant_mismatch")),
    case("a tenant that does not exist", Draft(|d| d.tenant = "nobody".into()), Answer(403, "tenant_mismatch")),
    case("a method override", Sent(|r| r.add("x-http-method-override", "DELETE")), TAKEN),
    case(
        "an original URL",
        Sent(|r| {
            r.add("x-original-url", "/v1alpha1/resume");
            r.add("x-rewrite-url", "/v1alpha1/resume")
        }),
        TAKEN,
    ),
    case(
        "forwarded for the machine itself",
        Sent(|r| {
            r.add("x-forwarded-for", "127.0.0.1");
            r.add("forwarded", "for=127.0.0.1")
        }),
        TAKEN,
    ),
    case("a certificate in a header", Sent(|r| r.add("x-forwarded-client-cert", "Subject=\"O=umbrella\"")), TAKEN),
    case("no host", Wire(|r| r.replace("host: localhost\r\n", "")), Answer(400, "missing_header")),
    case("two hosts", Wire(|r| r.replace("host: localhost\r\n", "host: localhost\r\nhost: evil\r\n")), Answer(400, "malformed_header")),
    case(
        "a thousand headers",
        Wire(|r| {
            let more: String = (0..1_000).map(|index| format!("x-{index}: 1\r\n")).collect();
            r.replacen("host:", &format!("{more}host:"), 1)
        }),
        Http(431),
    ),
    case("a header of 1 MiB", Wire(|r| r.replacen("host:", &format!("x-long: {}\r\nhost:", "x".repeat(1 << 20)), 1)), Http(431)),
];
