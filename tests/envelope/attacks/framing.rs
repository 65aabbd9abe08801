//! Where a request ends: what two parsers could see differently.

use super::{
    Case,
    Outcome::{Answer, Cut, Http},
    Spoil::Wire,
    TAKEN, case,
};

/// The body in one chunk, instead of with its length.
fn chunked(request: &str, coding: &str) -> String {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let head: Vec<_> = head.split("\r\n").filter(|line| !line.starts_with("content-length")).collect();
    format!("{}\r\ntransfer-encoding: {coding}\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", head.join("\r\n"), body.len())
}

/// The line of the length, replaced.
fn length(request: &str, lines: impl FnOnce(usize) -> String) -> String {
    let line = request.split("\r\n").find(|line| line.starts_with("content-length")).unwrap();
    let length = line.split(": ").nth(1).unwrap().parse().unwrap();
    request.replacen(line, &lines(length), 1)
}

/// A line more at the end of the head.
fn line(request: &str, line: &str) -> String {
    request.replacen("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"), 1)
}

const SMUGGLED: &str = "DELETE /api/v1/remediations/cleanup?older_than=0s HTTP/1.1\r\nhost: localhost\r\n\r\n";

pub(super) const CASES: &[Case] = &[
    case("a body in chunks", Wire(|r| chunked(&r, "chunked")), TAKEN),
    // The chunks count alone (RFC 9112, section 6.3), and what they hold is what was signed.
    case("chunks and a length", Wire(|r| line(&chunked(&r, "chunked"), "content-length: 5")), TAKEN),
    case("a length and chunks", Wire(|r| line(&r, "transfer-encoding: chunked")), Answer(401, "invalid_signature")),
    case("chunks within another coding", Wire(|r| chunked(&r, "gzip, chunked")), Answer(400, "malformed_header")),
    case("chunks that are not the last coding", Wire(|r| chunked(&r, "chunked, gzip")), Http(400)),
    case("a coding that looks like chunks", Wire(|r| chunked(&r, "xchunked")), Http(400)),
    case("chunks twice", Wire(|r| line(&chunked(&r, "chunked"), "transfer-encoding: chunked")), Answer(400, "malformed_header")),
    case("a coding after a tab", Wire(|r| line(&r, "transfer-encoding:\tchunked")), Answer(401, "invalid_signature")),
    case("a coding with a space before the colon", Wire(|r| line(&r, "transfer-encoding : chunked")), Http(400)),
    case("two lengths that differ", Wire(|r| line(&r, "content-length: 1")), Http(400)),
    case("two lengths in one line", Wire(|r| length(&r, |length| format!("content-length: {length}, {length}"))), Http(400)),
    case("a length with a sign", Wire(|r| length(&r, |length| format!("content-length: +{length}"))), Http(400)),
    case("a length below zero", Wire(|r| length(&r, |_| "content-length: -1".into())), Http(400)),
    case("a length in hex", Wire(|r| length(&r, |length| format!("content-length: {length:#x}"))), Http(400)),
    case("a length beyond all", Wire(|r| length(&r, |_| format!("content-length: {}", "9".repeat(30)))), Http(400)),
    case("a length of 1 TiB", Wire(|r| length(&r, |_| format!("content-length: {}", 1_u64 << 40))), Answer(413, "body_too_large")),
    case(
        "a length that is too short",
        Wire(|r| length(&r, |length| format!("content-length: {}", length - 1))),
        Answer(401, "invalid_signature"),
    ),
    case("no length, and a body", Wire(|r| length(&r, |_| "x-none: 1".into())), Answer(401, "invalid_signature")),
    case(
        "a chunk's size that overflows",
        Wire(|r| chunked(&r, "chunked").replacen("\r\n\r\n", "\r\n\r\nffffffffffffffff0\r\n", 1)),
        Answer(401, "invalid_signature"),
    ),
    case(
        "a chunk's size that is no number",
        Wire(|r| chunked(&r, "chunked").replacen("\r\n\r\n", "\r\n\r\nzz\r\n", 1)),
        Answer(401, "invalid_signature"),
    ),
    case("a second request behind a body's end", Wire(|r| format!("{r}{SMUGGLED}")), TAKEN),
    case("a header on two lines", Wire(|r| line(&r, "x-folded: a\r\n b")), Http(400)),
    case("a header without a colon", Wire(|r| line(&r, "nothing")), Http(400)),
    case("a header with a null byte", Wire(|r| line(&r, "x-null: a\0b")), Http(400)),
    case("a header with a bare carriage return", Wire(|r| line(&r, "x-bare: a\rb")), Http(400)),
    case("a header's name with a space", Wire(|r| line(&r, "x tenant: umbrella")), Http(400)),
    case("an older HTTP", Wire(|r| chunked(&r, "chunked").replacen("HTTP/1.1", "HTTP/1.0", 1)), Http(400)),
    case("a HTTP that there is none of", Wire(|r| r.replacen("HTTP/1.1", "HTTP/9.9", 1)), Http(400)),
    case("no HTTP at all", Wire(|_| "GET /v0/remediations\r\n\r\n".into()), Http(400)),
    case("the preface of HTTP/2", Wire(|_| "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into()), Cut),
    case("a request line of 1 MiB", Wire(|r| r.replacen("/v0/events", &format!("/v0/{}", "a".repeat(1 << 20)), 1)), Http(431)),
    case("noise", Wire(|_| "\u{1}\u{2}\u{3}\u{4}\r\n\r\n".into()), Http(400)),
];
