//! Why events were not stored, and what the caller is told.

use std::{error::Error, fmt::Write as _, time::Duration};

use crate::problem::{Code, Problem};

/// Why a request's events were not all stored. Repeating the request is always safe.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The request id stands for another body, operation or tenant.
    #[error("the request id was used for another request")]
    Conflict,
    /// One event's facts do not fit into an object.
    #[error("the event at index {index} takes {bytes} bytes, too many to store")]
    TooLarge {
        /// Its place in the body.
        index: usize,
        /// Its size as it would be stored.
        bytes: usize,
    },
    /// The body holds too many events.
    #[error("the body holds {events} events, too many for one request")]
    TooMany {
        /// How many.
        events: usize,
    },
    /// The Kubernetes API did not answer in time; whether it stored the object is unknown.
    #[error("the Kubernetes API did not answer in time")]
    Timeout,
    /// Objects of this request are deleted while it is processed.
    #[error("the remediations of this request keep vanishing between create and get")]
    Vanishing,
    /// The Kubernetes API cannot answer now, or lacks our namespace or resource.
    #[error("the Kubernetes API cannot store remediations now")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
        /// What it said.
        source: kube::Error,
    },
    /// The Kubernetes API refuses what we are, or what we send.
    #[error("the Kubernetes API refuses our remediations; check the agent's role, quotas and the installed CustomResourceDefinition")]
    Refused(#[source] kube::Error),
    /// A defect: our own type does not serialize.
    #[error("a remediation cannot be encoded")]
    Encode(#[source] serde_json::Error),
}

const RETRY_AFTER: Duration = Duration::from_secs(5);

impl From<kube::Error> for IngestError {
    fn from(source: kube::Error) -> Self {
        let told = |seconds: u32| if seconds == 0 { RETRY_AFTER } else { Duration::from_secs(seconds.into()) };
        match &source {
            kube::Error::Api(status) => match status.code {
                // 404 on create: the namespace or the resource is not installed yet.
                404 | 408 | 409 | 429 | 500..=599 => {
                    let retry_after = status.details.as_ref().map_or(RETRY_AFTER, |details| told(details.retry_after_seconds));
                    Self::Unavailable { retry_after, source }
                }
                _ => Self::Refused(source),
            },
            kube::Error::BuildRequest(_) | kube::Error::SerdeError(_) => Self::Refused(source),
            _ => Self::Unavailable { retry_after: RETRY_AFTER, source },
        }
    }
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        let busy = |wait| {
            Self::new(Code::Unavailable, "The events could not be stored now; send the same request again, with the same X-Request-Id")
                .retry_after(wait)
        };
        match error {
            IngestError::Conflict => Self::new(
                Code::RequestIdConflict,
                "This X-Request-Id stands for a request with other content; use a new id for new content",
            ),
            IngestError::TooLarge { index, .. } => {
                Self::new(Code::BodyTooLarge, format!("The event at index {index} is too large to be stored; send fewer or shorter facts"))
            }
            IngestError::TooMany { events } => {
                Self::new(Code::BodyTooLarge, format!("{events} events are too many for one request; split the report"))
            }
            IngestError::Timeout | IngestError::Vanishing => busy(RETRY_AFTER),
            IngestError::Unavailable { retry_after, .. } => busy(retry_after),
            IngestError::Refused(_) | IngestError::Encode(_) => {
                Self::new(Code::Internal, "The events could not be stored; the operator of the agent finds the cause in its log")
            }
        }
    }
}

/// The error with all its causes, for the log.
pub(super) fn chain(error: &IngestError) -> String {
    // A refusal of the object's content quotes the content, which is the event's.
    if let IngestError::Refused(kube::Error::Api(status)) = error
        && status.code == 422
    {
        return format!("{error}: {} {}", status.code, status.reason);
    }
    let error: &dyn Error = error;
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a String cannot fail.
        write!(text, ": {error}").unwrap_or_default();
        cause = error.source();
    }
    text
}
