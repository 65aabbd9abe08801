//! An error with all its causes, as one line of a log.
//!
//! An error of the client says no more than "client error (Connect)"; that the connection was refused, or a
//! certificate has expired, stands in what caused it.

use std::{error::Error, fmt::Write as _};

/// The error and its causes, but for what a refusal quotes of an object: that is an event's.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let (words, cause) = match of_server(error) {
            Some(status) if status.code == 422 => (format!("{} {}", status.code, status.reason), None),
            Some(status) => (format!("{} {}: {}", status.code, status.reason, status.message), None),
            None => (error.to_string(), error.source()),
        };
        // Many say in their own words what their cause says.
        if !text.contains(&words) {
            let colon = if text.is_empty() { "" } else { ": " };
            // Writing to a String cannot fail.
            write!(text, "{colon}{words}").unwrap_or_default();
        }
        next = cause;
    }
    text
}

/// What the API server answered, where it did.
fn of_server<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a kube::core::Status> {
    let boxed = || error.downcast_ref::<Box<kube::Error>>().map(|error| &**error);
    match error.downcast_ref().or_else(boxed)? {
        kube::Error::Api(status) => Some(status),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use kube::core::Status;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("client error (Connect)")]
    struct Connect(#[source] io::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("the change was not made: {0}")]
    struct Wrapped(#[source] Box<kube::Error>);

    fn refused() -> kube::Error {
        kube::Error::Service(Box::new(Connect(io::Error::from(io::ErrorKind::ConnectionRefused))))
    }

    #[test]
    fn all_causes_are_named_and_each_of_them_once() {
        let wrapped = chain(&Wrapped(Box::new(refused())));
        for text in [chain(&refused()), wrapped] {
            assert!(text.ends_with("client error (Connect): connection refused"), "{text}");
            assert_eq!(text.matches("client error").count(), 1, "{text}");
        }
    }

    #[test]
    fn an_answer_is_told_without_the_content_of_an_object() {
        let answer = |code, message: &str| kube::Error::Api(Status::failure(message, "Because").with_code(code).boxed());
        assert_eq!(chain(&answer(403, "pods is forbidden")), "403 Because: pods is forbidden");
        assert_eq!(chain(&answer(422, "spec.facts: Invalid value: SECRET")), "422 Because");
    }
}
