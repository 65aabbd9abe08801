//! Paths and queries, all of them signed as they are sent: whatever a proxy would make of them, the agent makes nothing.

use super::{
    Case,
    Outcome::{Answer, Http},
    Spoil::Draft,
    case,
};
use crate::mint;

const UNKNOWN: super::Outcome = Answer(404, "not_found");
const PARAMETER: super::Outcome = Answer(400, "invalid_parameter");

fn get(draft: &mut mint::Draft, target: &str) {
    draft.method = "GET";
    draft.target = target.into();
    draft.body.clear();
}

pub(super) const CASES: &[Case] = &[
    case("a slash at the end", Draft(|d| d.target = "/v0/events/".into()), UNKNOWN),
    case("two slashes", Draft(|d| d.target = "//v0/events".into()), UNKNOWN),
    case("two slashes within", Draft(|d| d.target = "/v0//events".into()), UNKNOWN),
    case("a dot", Draft(|d| d.target = "/v0/./events".into()), UNKNOWN),
    case("two dots", Draft(|d| d.target = "/v0/x/../events".into()), UNKNOWN),
    case("two dots from another version", Draft(|d| d.target = "/v1alpha1/../v0/events".into()), UNKNOWN),
    case("in capitals", Draft(|d| d.target = "/V0/EVENTS".into()), UNKNOWN),
    case("a slash that is encoded", Draft(|d| d.target = "/v0%2Fevents".into()), UNKNOWN),
    case("a letter that is encoded", Draft(|d| d.target = "/v0/event%73".into()), UNKNOWN),
    case("a path parameter", Draft(|d| d.target = "/v0/events;a=b".into()), UNKNOWN),
    case("a null byte", Draft(|d| d.target = "/v0/events%00".into()), UNKNOWN),
    case("a line break", Draft(|d| d.target = "/v0/events%0d%0ax:1".into()), UNKNOWN),
    case("the admin listener's", Draft(|d| get(d, "/metrics")), UNKNOWN),
    case("the health of another listener", Draft(|d| get(d, "/health")), UNKNOWN),
    case("debug pages that others have", Draft(|d| get(d, "/debug/pprof/")), UNKNOWN),
    case("the Kubernetes API's", Draft(|d| get(d, "/api/v1/secrets")), UNKNOWN),
    case("a method that a path does not have", Draft(|d| d.method = "PUT"), Answer(405, "method_not_allowed")),
    case("the method TRACE", Draft(|d| d.method = "TRACE"), Answer(405, "method_not_allowed")),
    case("a method that there is none of", Draft(|d| d.method = "EVENTS"), Answer(405, "method_not_allowed")),
    case("the form of a proxy", Draft(|d| d.target = "https://localhost/v0/events".into()), Answer(401, "invalid_signature")),
    case("an id that is two dots", Draft(|d| get(d, "/v0/remediations/%2e%2e")), PARAMETER),
    case("an id with a slash", Draft(|d| get(d, "/v0/remediations/..%2f..%2fsecrets%2fx")), PARAMETER),
    case("an id with a question mark", Draft(|d| get(d, "/v0/remediations/a%3flimit=1")), PARAMETER),
    case("an id in another namespace that is not there", Draft(|d| get(d, "/v0/remediations/kube-system~x")), UNKNOWN),
    case("an id in a namespace that climbs", Draft(|d| get(d, "/v0/remediations/..~x")), PARAMETER),
    case("an id of 400 letters", Draft(|d| d.target = format!("/v0/remediations/{}", "a".repeat(400))), Answer(405, "method_not_allowed")),
    case("an id of 400 letters that is asked for", Draft(|d| get(d, &format!("/v0/remediations/{}", "a".repeat(400)))), PARAMETER),
    case("an id in Unicode", Draft(|d| get(d, "/v0/remediations/%D0%B0")), PARAMETER),
    case("an id of bytes that are no text", Draft(|d| get(d, "/v0/remediations/%ff%fe")), PARAMETER),
    case("an unknown parameter", Draft(|d| get(d, "/v0/remediations?tenant=umbrella")), PARAMETER),
    case("a parameter twice", Draft(|d| get(d, "/v0/remediations?limit=1&limit=2")), PARAMETER),
    case("a parameter as a list", Draft(|d| get(d, "/v0/remediations?limit[]=1")), PARAMETER),
    case("a limit below zero", Draft(|d| get(d, "/v0/remediations?limit=-1")), PARAMETER),
    case("a limit of zero", Draft(|d| get(d, "/v0/remediations?limit=0")), PARAMETER),
    case("a limit beyond all", Draft(|d| get(d, "/v0/remediations?limit=99999999999999999999")), PARAMETER),
    case("a limit in another form", Draft(|d| get(d, "/v0/remediations?limit=1e2")), PARAMETER),
    case("a limit in hex", Draft(|d| get(d, "/v0/remediations?limit=0x10")), PARAMETER),
    case("a status that there is none of", Draft(|d| get(d, "/v0/remediations?status=all")), PARAMETER),
    case("a namespace that is a path", Draft(|d| get(d, "/v0/remediations?namespace=..%2fkube-system")), PARAMETER),
    case("a namespace that is a selector", Draft(|d| get(d, "/v0/remediations?namespace=shop,status.phase!=x")), PARAMETER),
    case("a source that is a selector", Draft(|d| get(d, "/v0/remediations?source=falco,zen.kube-zen.io%2ftenant%3dumbrella")), PARAMETER),
    case("a page that was made up", Draft(|d| get(d, "/v0/remediations?continue=eyJ2IjoxfQ")), PARAMETER),
    case("a page with a line break", Draft(|d| get(d, "/v0/remediations?continue=a%0d%0ab")), PARAMETER),
    // Its default is a week.
    case(
        "a cleanup of everything, without an age",
        Draft(|d| {
            get(d, "/api/v1/remediations/cleanup");
            d.method = "DELETE"
        }),
        Answer(200, ""),
    ),
    case(
        "a cleanup of what runs",
        Draft(|d| {
            get(d, "/api/v1/remediations/cleanup?older_than=1h&statuses=pending");
            d.method = "DELETE"
        }),
        PARAMETER,
    ),
    case(
        "a cleanup of an age below zero",
        Draft(|d| {
            get(d, "/api/v1/remediations/cleanup?older_than=-1h&statuses=failed");
            d.method = "DELETE"
        }),
        PARAMETER,
    ),
    case("a target of 100 KiB", Draft(|d| get(d, &format!("/v0/remediations?namespace={}", "a".repeat(100 << 10)))), Http(431)),
];
