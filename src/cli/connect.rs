//! How commands reach the agent: credentials from a state directory, patience with an agent that is
//! busy, errors as people read them.

use std::path::PathBuf;

use uuid::Uuid;

pub(super) use crate::client::request_id;

use super::{Failure, output, sent::Sent};
use crate::{
    client::{Client, Credentials, DEFAULT_BASE_URL, Error, ResponseValue, Retries},
    contract::v0::types::Problem,
    random::SplitMix64,
};

/// That an agent is not there is told at once: whoever typed the command may have mistyped the address.
pub(super) const BUSY: Retries =
    Retries::WhileBusy(|wait| output::note(&format!("the agent is busy; asking again in {:.1} s", wait.as_secs_f64())));

/// Where the agent is, and who asks.
#[derive(clap::Args)]
pub(super) struct Connect {
    /// Folder of `zen-agent dev`; the credentials are in its `client`.
    #[arg(long, env = "ZEN_AGENT_STATE_DIR", default_value = ".zen-agent")]
    pub(super) state_dir: PathBuf,
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
        Client::new(&credentials, server.trim(), BUSY).map_err(|error| Failure::Usage(chain(&error)))
    }

    /// What commands sent with this state directory.
    pub(super) fn sent(&self) -> Sent {
        Sent::of(&self.state_dir)
    }
}

/// Random enough that clients that were refused together do not come back together.
pub(super) fn jitter() -> SplitMix64 {
    SplitMix64::new(Uuid::new_v4().as_u64_pair().0)
}

/// The answer to a call, or why there is none.
pub(super) async fn call<T>(call: impl Future<Output = Result<ResponseValue<T>, Error<Problem>>>) -> Result<T, Failure> {
    call.await.map(ResponseValue::into_inner).map_err(failure)
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
    use super::*;

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
