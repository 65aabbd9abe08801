//! One event to the agent, and what its answer means.
//!
//! | answer | meaning |
//! |---|---|
//! | 2xx | the agent has it |
//! | `invalid_json`, `schema_violation`, `body_too_large`, `unsupported_media_type`, `request_id_conflict` | refused: it would be refused again |
//! | 429, 503 | busy: later, after Retry-After, else as what failed |
//! | 401, 403 | later, with credentials that are read anew |
//! | anything else, none in time, or one that is not the contract's | later: it says nothing of the event |
//!
//! An event goes to nobody but the tenant that it was taken for: while the credentials are another's, it is foreign.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout};

use super::{
    ForwardError,
    event::{Event, Tool},
};
use crate::{
    causes::chain,
    client::{Client, ClientError, Credentials, Error, Retries, retry_after},
    contract::v0::types::{self, Problem, ProblemCode, Receipt},
    deadline::REQUEST,
    identity::Tenant,
};

/// How long the agent may take.
pub(super) const ANSWER: Duration = Duration::from_secs(45);
// Or what the agent is about to answer would be asked for once more.
const _: () = assert!(REQUEST.as_secs() < ANSWER.as_secs());
/// How long a client is used until its credentials are read anew, which may have been renewed.
const CREDENTIALS: Duration = Duration::from_secs(60);

/// What became of an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Taken(Effect),
    /// It would be refused again.
    Refused(String),
    /// It is another tenant's than the credentials.
    Foreign(String),
    Later(Later),
}

/// What a taken event has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// A remediation at least, which was not there before.
    Created,
    /// Nothing that was not there before.
    Nothing,
}

/// Not now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Later {
    pub(super) why: String,
    /// Not before this time.
    pub(super) least: Duration,
    pub(super) said_by: SaidBy,
}

/// Who said so, the more of them the less it says of the event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum SaidBy {
    /// Nobody, or something in between.
    #[default]
    Another,
    /// The agent, in the words of its contract.
    Agent,
    /// The agent: 429 or 503.
    Busy,
    /// The forwarder, which cannot send anything, or not keep it.
    Forwarder,
}

impl Later {
    /// For a reason that is found here.
    pub(super) fn here(why: impl Into<String>) -> Self {
        Self { why: why.into(), least: Duration::ZERO, said_by: SaidBy::Forwarder }
    }

    /// For want of an answer that says something.
    fn unanswered(why: impl Into<String>) -> Self {
        Self { said_by: SaidBy::Another, ..Self::here(why) }
    }
}

/// Whoever gives events to the agent.
pub(super) trait Post: Send + Sync + 'static {
    fn send(&mut self, event: &Event) -> impl Future<Output = Outcome> + Send;
}

/// Sends events, with the credentials as they are now.
pub(super) struct Courier {
    to: String,
    credentials: PathBuf,
    client: Option<Made>,
}

/// A client, whose it is, and since when.
struct Made {
    client: Client,
    tenant: Tenant,
    at: Instant,
}

impl Courier {
    pub(super) fn new(to: &str, credentials: &Path) -> Self {
        Self { to: to.to_owned(), credentials: credentials.to_owned(), client: None }
    }

    /// Whether a client can be made.
    pub(super) fn check(&self) -> Result<(), ForwardError> {
        Client::new(&Credentials::read(&self.credentials)?, &self.to, Retries::Never)?;
        Ok(())
    }

    async fn client(&mut self) -> Result<&Made, ForwardError> {
        let made = match self.client.take().filter(|made| made.at.elapsed() < CREDENTIALS) {
            Some(made) => made,
            None => {
                let (to, folder) = (self.to.clone(), self.credentials.clone());
                // A handful of small files; read where reading may block.
                let making = tokio::task::spawn_blocking(move || {
                    let credentials = Credentials::read(&folder)?;
                    let client = Client::new(&credentials, &to, Retries::Never)?;
                    Ok::<_, ForwardError>(Made { client, tenant: credentials.tenant().clone(), at: Instant::now() })
                });
                making.await.map_err(|_| ClientError::BaseUrl)??
            }
        };
        Ok(self.client.insert(made))
    }
}

impl Post for Courier {
    async fn send(&mut self, event: &Event) -> Outcome {
        let client = match self.client().await {
            Ok(Made { tenant, .. }) if tenant.as_str() != event.tenant => {
                let why = format!("it is an event of the tenant {}, and the credentials are those of {tenant}", event.tenant);
                self.client = None;
                return Outcome::Foreign(why);
            }
            Ok(made) => made.client.stable.clone(),
            Err(error) => return Outcome::Later(Later::here(format!("no client of the agent: {}", chain(&error)))),
        };
        let (id, body) = (&event.request_id, Bytes::copy_from_slice(event.body.as_bytes()));
        let sending = async {
            match event.tool {
                Tool::Falco => client.ingest_falco(id, body).await,
                Tool::Trivy => client.ingest_trivy(id, body).await,
                Tool::Kyverno => client.ingest_kyverno(id, body).await,
            }
        };
        let outcome = match timeout(ANSWER, sending).await {
            Ok(Ok(receipt)) => Outcome::Taken(effect(&receipt)),
            Ok(Err(error)) => judge(error),
            Err(_) => Outcome::Later(Later::unanswered(format!("no answer within {} s", ANSWER.as_secs()))),
        };
        if matches!(outcome, Outcome::Later(_)) {
            // A token or a certificate that has ended, it may be.
            self.client = None;
        }
        outcome
    }
}

fn effect(receipt: &Receipt) -> Effect {
    let created = receipt.results.iter().any(|result| result.outcome == types::Outcome::Created);
    if created { Effect::Created } else { Effect::Nothing }
}

fn judge(error: Error<Problem>) -> Outcome {
    use ProblemCode as Code;
    let wait = |headers: &HeaderMap| retry_after(headers, Timestamp::now()).unwrap_or_default();
    match error {
        Error::ErrorResponse(problem) => {
            let why = format!("the agent answered {} {}", problem.status().as_u16(), problem.code);
            match problem.code {
                Code::InvalidJson | Code::SchemaViolation | Code::BodyTooLarge | Code::UnsupportedMediaType | Code::RequestIdConflict => {
                    Outcome::Refused(why)
                }
                _ => {
                    let busy = matches!(problem.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
                    let said_by = if busy { SaidBy::Busy } else { SaidBy::Agent };
                    Outcome::Later(Later { why, least: wait(problem.headers()), said_by })
                }
            }
        }
        Error::UnexpectedResponse(response) => {
            let why = format!("answered {}, which is none of the contract's", response.status().as_u16());
            Outcome::Later(Later { why, least: wait(response.headers()), said_by: SaidBy::Another })
        }
        Error::CommunicationError(error) => Outcome::Later(Later::unanswered(chain(&error))),
        // Its text may hold what was sent, or the credentials.
        _ => Outcome::Later(Later::unanswered("the request could not be made, or its answer not be read")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use crate::client::ResponseValue;
    use http::{HeaderValue, header::RETRY_AFTER};
    use serde_json::json;

    use super::*;

    fn headers(wait: Option<&'static str>) -> HeaderMap {
        wait.into_iter().map(|wait| (RETRY_AFTER, HeaderValue::from_static(wait))).collect()
    }

    /// What the agent says by this problem.
    fn says(code: crate::problem::Code, wait: Option<&'static str>) -> Outcome {
        let (code, status, title) = code.parts();
        let problem = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": "", "code": code });
        judge(Error::ErrorResponse(ResponseValue::new(serde_json::from_value(problem).unwrap(), status, headers(wait))))
    }

    /// What something in between says.
    fn intercepts(status: StatusCode, wait: Option<&'static str>) -> Outcome {
        let mut response = http::Response::new("<html>");
        (*response.status_mut(), *response.headers_mut()) = (status, headers(wait));
        judge(Error::UnexpectedResponse(response.into()))
    }

    #[test]
    fn refused_is_what_the_agent_says_of_the_event_itself_and_everything_else_is_later() {
        use crate::problem::Code as C;
        let of_the_event = [C::InvalidJson, C::SchemaViolation, C::BodyTooLarge, C::UnsupportedMediaType, C::RequestIdConflict];
        for code in C::ALL {
            match says(code, None) {
                Outcome::Refused(why) => {
                    assert!(of_the_event.contains(&code), "{code:?}");
                    assert_eq!(why, format!("the agent answered {} {}", code.status().as_u16(), code.as_str()));
                }
                Outcome::Later(later) => {
                    assert!(!of_the_event.contains(&code), "{code:?}");
                    let busy = matches!(code.status().as_u16(), 429 | 503);
                    assert_eq!((later.said_by, later.least), (if busy { SaidBy::Busy } else { SaidBy::Agent }, Duration::ZERO));
                }
                Outcome::Taken(_) | Outcome::Foreign(_) => panic!("{code:?}"),
            }
        }
        for status in [413, 400, 404, 422, 429, 502, 503, 504] {
            let Outcome::Later(later) = intercepts(StatusCode::from_u16(status).unwrap(), None) else { panic!("{status}") };
            assert_eq!(later.said_by, SaidBy::Another, "{status}");
        }
    }

    #[test]
    fn retry_after_is_kept_to_whoever_says_it() {
        let least = |outcome| match outcome {
            Outcome::Later(later) => later.least.as_secs(),
            other => panic!("{other:?}"),
        };
        assert_eq!(least(says(crate::problem::Code::RateLimited, Some("7"))), 7);
        assert_eq!(least(says(crate::problem::Code::Unavailable, Some("99999"))), 3_600, "not for ever");
        assert_eq!(least(intercepts(StatusCode::SERVICE_UNAVAILABLE, Some("120"))), 120);
        assert_eq!(least(intercepts(StatusCode::SERVICE_UNAVAILABLE, Some("soon"))), 0);
    }

    #[test]
    fn an_answer_that_cannot_be_read_says_nothing_of_the_event_and_is_not_repeated_in_the_log() {
        let no_receipt = serde_json::from_slice::<Receipt>(b"{}").unwrap_err();
        let Outcome::Later(later) = judge(Error::InvalidResponsePayload("token".into(), no_receipt)) else { panic!("it is later") };
        assert_eq!(later, Later::unanswered("the request could not be made, or its answer not be read"));
    }

    #[tokio::test]
    async fn an_event_of_another_tenant_is_sent_to_nobody() {
        let state = tempfile::tempdir().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let credentials = crate::dev::credentials::Credentials::prepare(state.path(), &url, Timestamp::now()).unwrap();
        let mut courier = Courier::new(&url, &credentials.client);
        let event = Event::new(&"other".parse().unwrap(), Tool::Falco, "{}".to_owned(), 0);
        let outcome = courier.send(&event).await;
        assert_eq!(outcome, Outcome::Foreign("it is an event of the tenant other, and the credentials are those of dev".to_owned()));
        assert!(timeout(Duration::from_millis(100), listener.accept()).await.is_err(), "it has asked for the agent");
        // That is about the tenant alone: with its own credentials it goes.
        let own = Event::new(&"dev".parse().unwrap(), Tool::Falco, "{}".to_owned(), 1);
        let asked = async {
            tokio::select! {
                outcome = courier.send(&own) => panic!("nobody answers, and it ended: {outcome:?}"),
                accepted = listener.accept() => accepted,
            }
        };
        assert!(timeout(Duration::from_secs(30), asked).await.is_ok_and(|accepted| accepted.is_ok()));
    }
}
