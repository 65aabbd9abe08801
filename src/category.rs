//! What kind of failure it was, which decides whether it is tried again.

use std::{error::Error as StdError, io};

use kube::core::Status;

/// The kinds of failure. Their names stand in log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Category {
    /// A dependency is away or overloaded, or credentials are being rotated.
    Transient,
    /// No answer within the time allowed.
    Timeout,
    /// Somebody else changed the object meanwhile; a fresh read is needed.
    Conflict,
    /// The agent lacks the permission, until somebody grants it; or the API server has just started and has not read its roles.
    Forbidden,
    /// The object, or its type, is not there.
    NotFound,
    /// The request is well-formed and not acceptable.
    Validation,
    /// Anything else that no repetition will change.
    Permanent,
}

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Soon, waiting longer each time.
    Backoff,
    /// Not before the object changes, or is redelivered by the resync.
    Never,
}

impl Category {
    /// The category of a failed call to the Kubernetes API.
    pub fn of(error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(status),
            kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => Self::of_transport(error),
            kube::Error::Auth(_) => Self::Transient,
            kube::Error::Discovery(_) => Self::NotFound,
            _ => Self::Permanent,
        }
    }

    fn of_status(status: &Status) -> Self {
        match status.code {
            403 => Self::Forbidden,
            404 => Self::NotFound,
            408 | 504 => Self::Timeout,
            409 => Self::Conflict,
            400 | 413 | 415 | 422 => Self::Validation,
            // 401: credentials are being rotated. 405: a definition is being deleted, and perhaps made again. 410 asks for a fresh list,
            // which is what the next attempt begins with.
            401 | 405 | 410 | 429 | 500..=599 => Self::Transient,
            _ => Self::Permanent,
        }
    }

    fn of_transport(error: &kube::Error) -> Self {
        let mut source: Option<&(dyn StdError + 'static)> = error.source();
        while let Some(cause) = source {
            let timed_out = cause.is::<tokio::time::error::Elapsed>()
                || cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut);
            if timed_out {
                return Self::Timeout;
            }
            source = cause.source();
        }
        Self::Transient
    }

    /// What to do about it.
    pub const fn retry(self) -> Retry {
        match self {
            Self::Transient | Self::Timeout | Self::Conflict | Self::Forbidden => Retry::Backoff,
            Self::NotFound | Self::Validation | Self::Permanent => Retry::Never,
        }
    }

    /// The category as log lines name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Timeout => "timeout",
            Self::Conflict => "conflict",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Validation => "validation",
            Self::Permanent => "permanent",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_of_the_api_has_a_category() {
        let of = |code| Category::of(&kube::Error::Api(Status::failure("", "").with_code(code).boxed()));
        assert_eq!(of(401), Category::Transient);
        assert_eq!(of(403), Category::Forbidden);
        assert_eq!(of(404), Category::NotFound);
        assert_eq!(of(405), Category::Transient);
        assert_eq!(of(409), Category::Conflict);
        assert_eq!(of(410), Category::Transient);
        assert_eq!(of(422), Category::Validation);
        assert_eq!(of(429), Category::Transient);
        assert_eq!(of(503), Category::Transient);
        assert_eq!(of(504), Category::Timeout);
    }

    #[derive(Debug, thiserror::Error)]
    #[error("could not connect")]
    struct Connect(#[source] io::Error);

    #[test]
    fn a_timeout_is_found_however_deep_it_is_wrapped() {
        let service = |kind| Category::of(&kube::Error::Service(Box::new(Connect(io::Error::from(kind)))));
        assert_eq!(service(io::ErrorKind::TimedOut), Category::Timeout);
        assert_eq!(service(io::ErrorKind::ConnectionRefused), Category::Transient);
    }
}
