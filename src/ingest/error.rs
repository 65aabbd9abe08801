//! Why events were not stored, and what the caller is told.

use crate::{
    problem::{Code, Problem, QUOTA_WAIT},
    quota::NoRoom,
};

/// Why a request's events were not all stored. Repeating the request is always safe.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The request id stands for another body, operation or tenant.
    #[error("the request id was used for another request")]
    Conflict,
    /// The execution id stands for another task.
    #[error("the execution id was used for another task")]
    ExecutionConflict,
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
    /// There is no room for what is missing of this request; nothing of it was stored now.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// Objects of this request are deleted while it is processed.
    #[error("the remediations of this request keep vanishing between create and get")]
    Vanishing,
    /// The Kubernetes API did not store or read an object; whether it stored it is unknown.
    #[error("the Kubernetes API did not store a remediation")]
    Kubernetes(#[from] kube::Error),
    /// A defect: our own type does not serialize.
    #[error("a remediation cannot be encoded")]
    Encode(#[source] serde_json::Error),
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Conflict => Self::new(
                Code::RequestIdConflict,
                "This X-Request-Id stands for a request with other content; use a new id for new content",
            ),
            IngestError::ExecutionConflict => {
                Self::new(Code::ExecutionConflict, "This execution_id stands for a task with other content; a new task takes a new one")
            }
            IngestError::TooLarge { index, .. } => {
                Self::new(Code::BodyTooLarge, format!("The event at index {index} is too large to be stored; send fewer or shorter facts"))
            }
            IngestError::TooMany { events } => Self::new(
                Code::BodyTooLarge,
                format!("{events} events are too many for one request, which may have {}; split the report", super::MAX_EVENTS),
            ),
            IngestError::NoRoom(NoRoom::Uncounted) => {
                Self::new(Code::Unavailable, "The agent has just started and does not know yet what is stored; send the request again")
            }
            IngestError::NoRoom(NoRoom::Full { cap }) => Self::new(
                Code::QuotaExceeded,
                format!("You may have {cap} remediations stored, and would have more; decide on proposals, and clean up what has ended"),
            )
            .retry_after(QUOTA_WAIT),
            IngestError::Vanishing => Self::new(
                Code::Unavailable,
                "The remediations of this request are being deleted; send the same request again, with the same X-Request-Id",
            ),
            IngestError::Kubernetes(error) => Self::of_kubernetes(&error),
            IngestError::Encode(error) => {
                tracing::error!(%error, "a remediation cannot be encoded");
                Self::new(Code::Internal, "The events could not be stored; the operator of the agent finds the cause in its log")
            }
        }
    }
}
