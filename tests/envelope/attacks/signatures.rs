//! The signature, its time, its key, and what it is spliced to.

use super::{
    Case,
    Outcome::Answer,
    Spoil::{Draft, Sent},
    TAKEN, case,
};
use crate::mint;

const REFUSED: super::Outcome = Answer(401, "invalid_signature");

/// The header with its parts changed.
fn part(sent: &mut mint::Sent, edit: impl FnOnce(&str) -> String) {
    let edited = edit(sent.get("x-signature"));
    sent.set("x-signature", &edited);
}

pub(super) const CASES: &[Case] = &[
    case("as it should be", Draft(|_| {}), TAKEN),
    case("missing", Sent(|r| r.remove("x-signature")), REFUSED),
    case("empty", Sent(|r| r.set("x-signature", "")), REFUSED),
    case(
        "twice the same",
        Sent(|r| {
            let same = r.get("x-signature").to_owned();
            r.add("x-signature", &same)
        }),
        REFUSED,
    ),
    case("twice, the second wrong", Sent(|r| r.add("x-signature", "t=1,kid=k-1,v1=00")), REFUSED),
    case("in capitals", Sent(|r| part(r, str::to_uppercase)), REFUSED),
    case(
        "hex in capitals",
        Sent(|r| {
            part(r, |s| {
                let (a, b) = s.split_once("v1=").unwrap();
                format!("{a}v1={}", b.to_uppercase())
            })
        }),
        REFUSED,
    ),
    case("one digit short", Sent(|r| part(r, |s| s[..s.len() - 1].to_owned())), REFUSED),
    case("one digit more", Sent(|r| part(r, |s| format!("{s}0"))), REFUSED),
    case(
        "one digit another",
        Sent(|r| {
            part(r, |s| {
                let last = if s.ends_with('0') { '1' } else { '0' };
                format!("{}{last}", &s[..s.len() - 1])
            })
        }),
        REFUSED,
    ),
    case("all zeros", Sent(|r| part(r, |s| format!("{}v1={}", s.split_once("v1=").unwrap().0, "0".repeat(64)))), REFUSED),
    case("no mac", Sent(|r| part(r, |s| s.split_once(",v1=").unwrap().0.to_owned())), REFUSED),
    case("an empty mac", Sent(|r| part(r, |s| format!("{}v1=", s.split_once("v1=").unwrap().0))), REFUSED),
    case("another scheme's mac alone", Sent(|r| part(r, |s| s.replace("v1=", "v0="))), REFUSED),
    case("two macs", Sent(|r| part(r, |s| format!("{s},v1={}", "0".repeat(64)))), REFUSED),
    case("something after the mac", Sent(|r| part(r, |s| format!("{s},x=1"))), REFUSED),
    case("spaces between", Sent(|r| part(r, |s| s.replace(',', ", "))), REFUSED),
    case("quoted", Sent(|r| part(r, |s| format!("\"{s}\""))), REFUSED),
    case("no time", Sent(|r| part(r, |s| s.split_once(',').unwrap().1.to_owned())), REFUSED),
    case("a negative time", Sent(|r| part(r, |s| s.replacen("t=", "t=-", 1))), REFUSED),
    case("a time with a sign", Sent(|r| part(r, |s| s.replacen("t=", "t=+", 1))), REFUSED),
    case("a time with a zero before", Sent(|r| part(r, |s| s.replacen("t=", "t=0", 1))), REFUSED),
    case("a time in hex", Sent(|r| part(r, |s| s.replacen("t=", "t=0x", 1))), REFUSED),
    case("a time with a fraction", Sent(|r| part(r, |s| s.replacen(',', ".5,", 1))), REFUSED),
    case("a time of 30 digits", Sent(|r| part(r, |s| s.replacen("t=", &format!("t={}", "9".repeat(20)), 1))), REFUSED),
    case(
        "another time than was signed",
        Sent(|r| {
            part(r, |s| {
                let (time, rest) = s.trim_start_matches("t=").split_once(',').unwrap();
                format!("t={},{rest}", time.parse::<i64>().unwrap() + 1)
            })
        }),
        REFUSED,
    ),
    case("signed 125 seconds ago", Draft(|d| d.timestamp -= 125), REFUSED),
    case("signed an hour ahead", Draft(|d| d.timestamp += 3_600), REFUSED),
    case("signed 180 seconds ahead", Draft(|d| d.timestamp += 180), REFUSED),
    case("signed a minute ago", Draft(|d| d.timestamp -= 60), TAKEN),
    case("signed a minute ahead", Draft(|d| d.timestamp += 60), TAKEN),
    case("signed at the beginning of time", Draft(|d| d.timestamp = 0), REFUSED),
    case("signed at its end", Draft(|d| d.timestamp = i64::MAX), REFUSED),
    case("no key", Sent(|r| part(r, |s| s.replace("kid=k-1,", ""))), REFUSED),
    case("an unknown key", Draft(|d| d.kid = "k-9".into()), REFUSED),
    case("a path for a key", Draft(|d| d.kid = "../k-1".into()), REFUSED),
    case("a key of 65 letters", Draft(|d| d.kid = "k".repeat(65)), REFUSED),
    case("the key of another tenant", Draft(|d| (d.kid, d.secret) = ("k-umbrella".into(), [9; 32])), REFUSED),
    case("another's secret under the own key's name", Draft(|d| d.secret = [9; 32]), REFUSED),
    case("a secret of zeros", Draft(|d| d.secret = [0; 32]), REFUSED),
    case("a header of 4 KiB", Sent(|r| part(r, |s| format!("{s}{}", "0".repeat(4_096)))), REFUSED),
    case(
        "the method of another request",
        Sent(|r| {
            r.method = "GET";
            r.target = "/v0/remediations".into()
        }),
        REFUSED,
    ),
    case("the path of another request", Sent(|r| r.target = "/v0/events/falco".into()), REFUSED),
    case("a query that was not signed", Sent(|r| r.target += "?dry_run=true"), REFUSED),
    case(
        "a version that was not signed",
        Sent(|r| {
            r.target = "/v1alpha1/events".into();
            r.set("x-zen-contract-version", "v1alpha1")
        }),
        REFUSED,
    ),
    case("a request id that was not signed", Sent(|r| r.set("x-request-id", mint::REQUEST_ID)), REFUSED),
    case(
        "the same request id in capitals",
        Sent(|r| {
            let id = r.get("x-request-id").to_uppercase();
            r.set("x-request-id", &id)
        }),
        REFUSED,
    ),
    case(
        "a body of another request",
        Sent(|r| r.body = String::from_utf8_lossy(&r.body).replace("a rule", "b rule").into_bytes()),
        REFUSED,
    ),
    case(
        "a body with a space more",
        Sent(|r| {
            r.body.push(b' ');
            let length = r.body.len().to_string();
            r.set("content-length", &length)
        }),
        REFUSED,
    ),
    case(
        "a body cut short",
        Sent(|r| {
            r.body.pop();
            let length = r.body.len().to_string();
            r.set("content-length", &length)
        }),
        REFUSED,
    ),
    case("the query signed in another order", Sent(|r| r.target = "/v0/events?b=1&a=1".into()), REFUSED),
];
