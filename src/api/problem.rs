//! Problems on the wire: the one place that turns a refusal into `application/problem+json`.

use std::time::Duration;

use http::{HeaderName, HeaderValue, header};
use poem::Response;
use serde_json::{Value, json};

use crate::problem::{Code, Echo, Problem};

/// Where every kind of problem has its stable URI: this and the code.
const TYPES: &str = "https://zen.kube-zen.io/problems/";
/// What 429 and 503 say when nobody knows how long it will take.
const USUAL_WAIT: Duration = Duration::from_secs(5);

/// Repeats what was well-formed.
pub(super) fn write_echo(echo: &Echo, response: &mut Response) {
    if let Some(value) = echo.request_id.as_deref().and_then(|id| HeaderValue::from_str(id).ok()) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
    }
    if let Some(version) = echo.version {
        response.headers_mut().insert(HeaderName::from_static("x-zen-contract-version"), HeaderValue::from_static(version.as_str()));
    }
}

/// Writes a problem document.
pub(crate) fn render(problem: &Problem, echo: &Echo) -> Response {
    let (_, status, _) = problem.code.parts();
    let wait = wait(problem);
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/problem+json")
        .body(document(problem, echo).to_string());
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == http::StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    write_echo(echo, &mut response);
    response
}

pub(super) fn document(problem: &Problem, echo: &Echo) -> Value {
    let (code, status, title) = problem.code.parts();
    let mut document = json!({
        "type": format!("{TYPES}{code}"),
        "title": title,
        "status": status.as_u16(),
        "detail": problem.detail,
        "code": code,
    });
    if let Some(id) = &echo.request_id {
        document["request_id"] = json!(id);
    }
    if let Some(version) = echo.version {
        document["contract_version"] = json!(version.as_str());
    }
    if let Some(seconds) = wait(problem) {
        document["retry_after"] = json!(seconds);
    }
    if !problem.violations.is_empty() {
        document["violations"] =
            problem.violations.iter().map(|violation| json!({ "pointer": violation.pointer, "message": violation.message })).collect();
    }
    document
}

/// Whole seconds, rounded up: who waits that long has waited long enough.
fn wait(problem: &Problem) -> Option<u64> {
    let asked_for = match problem.code {
        Code::RateLimited | Code::QuotaExceeded | Code::Unavailable => Some(problem.retry_after.unwrap_or(USUAL_WAIT)),
        _ => problem.retry_after,
    };
    asked_for.map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}
