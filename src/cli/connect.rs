//! How commands reach the agent: credentials from a state directory, patience with an agent that is
//! busy, errors as people read them.

use std::{path::PathBuf, time::Duration};

use http::header::RETRY_AFTER;
use progenitor_client::{Error, ResponseValue};
use tokio::time::Instant;
use uuid::Uuid;

use super::{Failure, output};
use crate::{
    client::{Client, Credentials, DEFAULT_BASE_URL},
    contract::v0::types::Problem,
    queue::Backoff,
    random::SplitMix64,
};

/// How long a busy agent is asked again.
const PATIENCE: Duration = Duration::from_secs(60);
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(500), max: Duration::from_secs(10) };

/// Where the agent is, and who asks.
#[derive(clap::Args)]
pub(super) struct Connect {
    /// Folder of `zen-agent dev`; the credentials are in its `client`.
    #[arg(long, env = "ZEN_AGENT_STATE_DIR", default_value = ".zen-agent")]
    state_dir: PathBuf,
    /// Address of the agent's API, such as https://127.0.0.1:8443; else what `dev` left in `client/url`.
    #[arg(long, env = "ZEN_AGENT_SERVER")]
    server: Option<String>,
}

impl Connect {
    pub(super) fn client(&self) -> Result<Client, Failure> {
        let folder = self.state_dir.join("client");
        let credentials = Credentials::read(&folder).map_err(|error| Failure::Usage(chain(&error)))?;
        let left = || std::fs::read_to_string(folder.join("url")).ok();
        let server = self.server.clone().or_else(left).unwrap_or_else(|| DEFAULT_BASE_URL.to_owned());
        Client::new(&credentials, server.trim()).map_err(|error| Failure::Usage(chain(&error)))
    }
}

/// A new request id.
pub(super) fn request_id() -> String {
    Uuid::now_v7().to_string()
}

/// Random enough that clients that were refused together do not come back together.
pub(super) fn jitter() -> SplitMix64 {
    SplitMix64::new(Uuid::new_v4().as_u64_pair().0)
}

/// The answer to a call, or why there is none. While the agent is busy (429, 503) the same call is
/// made again, when the agent asks for it or after a growing wait, for [`PATIENCE`] at most.
pub(super) async fn call<T, F>(mut call: impl FnMut() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<ResponseValue<T>, Error<Problem>>>,
{
    let (begun, mut random, mut failures) = (Instant::now(), jitter(), 0);
    loop {
        let error = match call().await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(error) => error,
        };
        let wait = match &error {
            Error::ErrorResponse(busy) if matches!(busy.status().as_u16(), 429 | 503) => {
                BACKOFF.wait(failures, &mut random).max(retry_after(busy))
            }
            _ => return Err(failure(error)),
        };
        if begun.elapsed() + wait > PATIENCE {
            return Err(failure(error));
        }
        output::note(&format!("the agent is busy; asking again in {:.1} s", wait.as_secs_f64()));
        tokio::time::sleep(wait).await;
        failures += 1;
    }
}

fn retry_after(busy: &ResponseValue<Problem>) -> Duration {
    let seconds = busy.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or_default())
}

/// Says what happened and never shows the answer's headers or a body that is not of the contract.
fn failure(error: Error<Problem>) -> Failure {
    match error {
        Error::ErrorResponse(response) => Failure::Refused(refusal(&response)),
        Error::CommunicationError(error) => Failure::Unreachable(chain(&error)),
        Error::InvalidRequest(why) | Error::Custom(why) => Failure::Usage(why),
        Error::UnexpectedResponse(response) => Failure::Refused(format!(
            "answered with status {}, which the contract does not have; is {} a Zen-Agent of this version?",
            response.status(),
            response.url().origin().ascii_serialization()
        )),
        Error::InvalidResponsePayload(_, error) => Failure::Refused(format!(
            "answered with a body that the contract does not have (at line {}, column {}); the agent may be of another version",
            error.line(),
            error.column()
        )),
        Error::ResponseBodyError(error) | Error::InvalidUpgrade(error) => {
            Failure::Unreachable(format!("the answer broke off: {}; the request may have had its effect", chain(&error)))
        }
    }
}

fn refusal(problem: &Problem) -> String {
    let mut text = format!("refused with {} {}: {}", problem.status, problem.code, problem.detail);
    for violation in &problem.violations {
        let place = if violation.pointer.is_empty() { "the body" } else { &violation.pointer };
        text.push_str(&format!("\n  {place}: {}", violation.message));
    }
    if let Some(seconds) = problem.retry_after {
        text.push_str(&format!("\n  try again in {seconds} s"));
    }
    text
}

/// An error and what is behind it.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::cell::Cell;

    use http::{HeaderMap, HeaderValue, StatusCode};
    use serde_json::json;

    use super::*;

    fn problem(status: u16, retry_after: Option<&'static str>) -> Error<Problem> {
        let problem = json!({ "type": "t", "title": "t", "status": status, "detail": "busy", "code": "unavailable" });
        let headers = retry_after.map(|value| (RETRY_AFTER, HeaderValue::from_static(value)));
        let headers = HeaderMap::from_iter(headers);
        Error::ErrorResponse(ResponseValue::new(serde_json::from_value(problem).unwrap(), StatusCode::from_u16(status).unwrap(), headers))
    }

    /// Calls with these refusals, by the number of the call; where there is none it is answered.
    async fn calls(refusal: impl Fn(u32) -> Option<(u16, Option<&'static str>)>) -> (Result<u32, Failure>, u32, Duration) {
        let (made, begun) = (Cell::new(0), Instant::now());
        let result = call(|| {
            made.set(made.get() + 1);
            let answer = match refusal(made.get()) {
                Some((status, retry_after)) => Err(problem(status, retry_after)),
                None => Ok(ResponseValue::new(made.get(), StatusCode::ACCEPTED, HeaderMap::new())),
            };
            async move { answer }
        });
        (result.await, made.get(), begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_agent_is_asked_again_when_it_says() {
        let busy = |call| match call {
            1 => Some((429, Some("7"))),
            2 => Some((503, Some("7"))),
            _ => None,
        };
        let (result, made, took) = calls(busy).await;
        assert!(matches!(result, Ok(3)) && made == 3 && took == Duration::from_secs(14), "{made} calls in {took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_and_never_begins_for_other_refusals() {
        let (result, made, took) = calls(|_| Some((503, None))).await;
        assert!(matches!(result, Err(Failure::Refused(_))));
        assert!((5..40).contains(&made) && took <= PATIENCE, "{made} calls in {took:?}");
        let (result, made, _) = calls(|_| Some((503, Some("3600")))).await;
        assert!(matches!(result, Err(Failure::Refused(_))) && made == 1, "an hour is too long");
        let (result, made, _) = calls(|_| Some((403, Some("1")))).await;
        assert!(matches!(result, Err(Failure::Refused(_))) && made == 1);
    }

    #[test]
    fn an_answer_that_the_contract_does_not_have_is_told_without_its_headers_and_body() {
        let answer = http::Response::builder().status(302).header("set-cookie", "SECRET").body("SECRET").unwrap();
        let Failure::Refused(text) = failure(Error::UnexpectedResponse(answer.into())) else { panic!("refused") };
        assert!(text.contains("302") && !text.contains("SECRET") && !text.contains("Response"), "{text}");
        let error = serde_json::from_str::<Problem>("{").unwrap_err();
        let Failure::Refused(text) = failure(Error::InvalidResponsePayload("SECRET".into(), error)) else { panic!("refused") };
        assert!(!text.contains("SECRET") && text.contains("line 1"), "{text}");
    }
}
