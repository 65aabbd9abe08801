//! One report to the SaaS, and what its answer means.
//!
//! | answer | meaning |
//! |---|---|
//! | 204 | taken |
//! | 408, 425, 429, and 503 with Retry-After | later: after Retry-After, else as what failed |
//! | 401 | later, with credentials that are read anew |
//! | any other 4xx | refused: it would be refused again |
//! | anything else, or none in time | failed: whether it was taken is not known, and sending it again is harmless |

use std::{path::PathBuf, time::Duration};

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use super::entry::Entry;
use crate::client::{ClientError, Credentials, CredentialsError, retry_after, saas::Client};

/// How long the SaaS may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a client is used until its credentials are read anew, which may have been renewed.
const CREDENTIALS: Duration = Duration::from_secs(60);

/// Where the SaaS is, and who the agent is there.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address: https://HOST:PORT.
    pub base: String,
    /// The folder of the credentials, as [`Credentials`] describes it.
    pub credentials: PathBuf,
    /// The CA of its certificate, where that is not the folder's `ca.crt`.
    pub ca: Option<PathBuf>,
}

impl Peer {
    /// Reads the credentials and makes a client of them.
    ///
    /// # Errors
    /// When a file is missing or malformed, or the address is none.
    pub fn client(&self) -> Result<Client, PeerError> {
        let credentials = self.read()?;
        Ok(Client::of(&credentials, &self.base)?)
    }

    /// The credentials as they are now.
    ///
    /// # Errors
    /// When a file is missing or malformed.
    pub fn read(&self) -> Result<Credentials, CredentialsError> {
        Credentials::read_trusting(&self.credentials, self.ca.as_deref().unwrap_or(&self.credentials.join("ca.crt")))
    }
}

/// Why there is no client of the SaaS.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The client that would use them.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// What became of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Taken,
    /// Not now; not before this time, which is zero where the SaaS does not say.
    Later(Duration),
    /// The credentials were not accepted.
    Unauthorized,
    /// Never.
    Refused(StatusCode),
    /// Nobody knows; why.
    Failed(String),
}

/// Sends reports, with the credentials as they are now.
pub(super) struct Sender {
    peer: Peer,
    client: Mutex<Option<(Client, Instant)>>,
}

impl Sender {
    pub(super) fn new(peer: Peer) -> Self {
        Self { peer, client: Mutex::default() }
    }

    pub(super) async fn send(&self, entry: &Entry) -> Outcome {
        let client = match self.client().await {
            Ok(client) => client,
            Err(error) => return Outcome::Failed(format!("no client of the SaaS: {error}")),
        };
        let outcome = match timeout(ANSWER, client.report_status(&entry.id, &entry.request_id, &entry.report)).await {
            Ok(Ok(_)) => Outcome::Taken,
            Ok(Err(error)) => judge(&error),
            Err(_) => Outcome::Failed(format!("no answer within {} s", ANSWER.as_secs())),
        };
        if outcome == Outcome::Unauthorized {
            // A token that has ended, it may be.
            self.client.lock().await.take();
        }
        outcome
    }

    async fn client(&self) -> Result<Client, PeerError> {
        let mut kept = self.client.lock().await;
        if let Some((client, _)) = kept.as_ref().filter(|(_, made)| made.elapsed() < CREDENTIALS) {
            return Ok(client.clone());
        }
        let peer = self.peer.clone();
        // A handful of small files; read where reading may block.
        let client = tokio::task::spawn_blocking(move || peer.client()).await.map_err(|_| ClientError::BaseUrl)??;
        *kept = Some((client.clone(), Instant::now()));
        Ok(client)
    }
}

fn judge<E>(error: &crate::client::Error<E>) -> Outcome {
    use crate::client::Error;
    match error {
        Error::ErrorResponse(response) => of_status(response.status(), response.headers()),
        Error::UnexpectedResponse(response) => of_status(response.status(), response.headers()),
        Error::CommunicationError(error) => Outcome::Failed(crate::causes::chain(error)),
        // Its text may hold what was sent, or the credentials.
        _ => Outcome::Failed("the request could not be made, or its answer not be read".to_owned()),
    }
}

fn of_status(status: StatusCode, headers: &HeaderMap) -> Outcome {
    let wait = || retry_after(headers, Timestamp::now());
    match status.as_u16() {
        204 => Outcome::Taken,
        401 => Outcome::Unauthorized,
        408 | 425 | 429 => Outcome::Later(wait().unwrap_or_default()),
        400..=499 => Outcome::Refused(status),
        code => match wait() {
            Some(wait) if code == 503 => Outcome::Later(wait),
            _ => Outcome::Failed(format!("answered {code}")),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_an_answer_decides_what_becomes_of_a_report() {
        let of = |code| of_status(StatusCode::from_u16(code).unwrap(), &HeaderMap::new());
        assert_eq!(of(204), Outcome::Taken);
        for code in [400, 403, 404, 409, 410, 413, 415, 418, 422] {
            assert!(matches!(of(code), Outcome::Refused(_)), "{code}");
        }
        for code in [408, 425, 429] {
            assert_eq!(of(code), Outcome::Later(Duration::ZERO), "{code}");
        }
        assert_eq!(of(401), Outcome::Unauthorized);
        // A success that the contract does not know was not the SaaS's.
        for code in [200, 202, 301, 302, 500, 502, 503, 504] {
            assert!(matches!(of(code), Outcome::Failed(_)), "{code}");
        }
    }
}
