//! How commands reach the agent: credentials from a state directory, errors as people read them.

use std::path::PathBuf;

use progenitor_client::{Error, ResponseValue};
use uuid::Uuid;

use super::Failure;
use crate::{
    client::{Client, Credentials, DEFAULT_BASE_URL},
    contract::v0::types::Problem,
};

/// Where the agent is, and who asks.
#[derive(clap::Args)]
pub(super) struct Connect {
    /// Folder of `zen-agent dev`; the credentials are in its `client`.
    #[arg(long, env = "ZEN_AGENT_STATE_DIR", default_value = ".zen-agent")]
    state_dir: PathBuf,
    /// Address of the agent's API; else what `dev` left in `client/url`.
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

/// The answer, or why there is none.
pub(super) fn answer<T>(result: Result<ResponseValue<T>, Error<Problem>>) -> Result<T, Failure> {
    result.map(ResponseValue::into_inner).map_err(|error| match error {
        Error::ErrorResponse(response) => Failure::Refused(refusal(&response)),
        Error::CommunicationError(error) => Failure::Unreachable(chain(&error)),
        Error::InvalidRequest(why) | Error::Custom(why) => Failure::Usage(why),
        other => Failure::Refused(chain(&other)),
    })
}

fn refusal(problem: &Problem) -> String {
    let mut text = format!("refused with {} {}: {}", problem.status, problem.code, problem.detail);
    for violation in &problem.violations {
        text.push_str(&format!("\n  {}: {}", violation.pointer, violation.message));
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
