//! When a call is made again.
//!
//! ```text
//!  sign ─▶ send ─▶ answer ────────────────────────────────────────────▶ the caller's
//!   ▲               │ busy (429, 503), nobody there, answer lost
//!   └─── wait ◀─────┘ as long as the server says, or twice as long each time, for a minute in all
//! ```
//!
//! It is the same request, with the X-Request-Id that it had, so it has effect once; what would not is not sent again. It is
//! signed again, since a signature is good for some minutes only.

use std::{error::Error as StdError, io, time::Duration};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use jiff::Timestamp;
use reqwest::{Request, Response};
use tokio::time::{Instant, sleep};

use crate::sign::{Session, sign};

/// For how long a call is made again.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The first wait, and the longest one that no server asked for; a random part is added to each.
const WAITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// The longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// What is never sent again: it lifts the stop that there is, which by then may be another one, that whoever called has not seen.
const ONCE: [&str; 1] = ["emergency_resume"];

/// Which calls are made again, for [`PATIENCE`] at most.
#[derive(Clone, Copy, Debug)]
pub enum Retries {
    /// None: the caller has a queue of its own.
    Never,
    /// Those that are answered with "not now"; somebody is told how long each wait is.
    WhileBusy(fn(Duration)),
    /// Those too that reach nobody, and those whose answer does not begin.
    WhileAway,
}

/// Sends a request that is signed; sends it again as its session says.
pub(crate) async fn execute<F>(
    session: &Session,
    operation: &str,
    mut request: Request,
    send: impl Fn(Request) -> F,
) -> reqwest::Result<Response>
where
    F: Future<Output = reqwest::Result<Response>>,
{
    let (first, longest) = WAITS;
    let mut waits = ExponentialBuilder::default().with_min_delay(first).with_max_delay(longest).without_max_times().with_jitter().build();
    let begun = Instant::now();
    let retries = if ONCE.contains(&operation) { Retries::Never } else { session.retries() };
    loop {
        // Its bytes are shared.
        let again = request.try_clone();
        let answer = send(request).await;
        let asked = match retries.wait(&answer) {
            Some(asked) => asked,
            None => return answer,
        };
        let wait = asked.max(waits.next().unwrap_or(longest));
        let Some(mut again) = again.filter(|_| begun.elapsed() + wait <= PATIENCE) else { return answer };
        if let Retries::WhileBusy(told) = retries {
            told(wait);
        }
        sleep(wait).await;
        if sign(session, &mut again).await.is_err() {
            return answer;
        }
        request = again;
    }
}

impl Retries {
    /// How long the server wants to be left alone, at least, before it is asked again; nothing where it is not.
    fn wait(self, answer: &reqwest::Result<Response>) -> Option<Duration> {
        match (self, answer) {
            (Self::Never, _) => None,
            (_, Ok(answer)) if matches!(answer.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => {
                Some(retry_after(answer.headers(), Timestamp::now()).unwrap_or_default())
            }
            (Self::WhileAway, Err(error)) if (error.is_connect() || error.is_timeout() || error.is_request()) && !is_refused(error) => {
                Some(Duration::ZERO)
            }
            _ => None,
        }
    }
}

/// Whether one side does not take the other's certificate, which no wait mends: rustls says so as invalid data, and of what it
/// says in the middle of HTTP/2 no more than that is left.
fn is_refused(error: &(dyn StdError + 'static)) -> bool {
    let io = error.downcast_ref::<io::Error>();
    // What an `io::Error` holds is not among its sources.
    let held = io.and_then(io::Error::get_ref);
    io.is_some_and(|io| io.kind() == io::ErrorKind::InvalidData)
        || held.is_some_and(|held| is_refused(held))
        || error.source().is_some_and(is_refused)
}

/// What Retry-After says: seconds, or the date of RFC 9110, section 10.2.3; an hour at most.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            Duration::try_from(at.duration_since(now)).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::{credentials::test_credentials, version::ContractVersion};

    type Answer = reqwest::Result<Response>;

    fn answer(status: u16, wait: Option<&'static str>) -> Answer {
        let mut answer = http::Response::builder().status(status);
        if let Some(wait) = wait {
            answer = answer.header(RETRY_AFTER, wait);
        }
        Ok(answer.body("").unwrap().into())
    }

    /// What reqwest says where nobody listens.
    async fn away() -> Answer {
        // Whoever was first has installed the same one.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        Err(reqwest::get("http://127.0.0.1:1").await.unwrap_err())
    }

    /// Calls that are answered so, by their number: the last answer, the request ids and signatures that were sent, and how long it took.
    async fn call<F: Future<Output = Answer>>(retries: Retries, answers: impl Fn(usize) -> F) -> (Answer, Vec<[String; 2]>, Duration) {
        call_of("ingest_events", retries, answers).await
    }

    async fn call_of<F>(operation: &str, retries: Retries, answers: impl Fn(usize) -> F) -> (Answer, Vec<[String; 2]>, Duration)
    where
        F: Future<Output = Answer>,
    {
        let session = Session::new(&test_credentials(), ContractVersion::V0, retries);
        let mut request = Request::new(http::Method::POST, "https://127.0.0.1:1/v0/events".parse().unwrap());
        request.headers_mut().insert("x-request-id", "0198c0de-0000-7000-8000-000000000001".parse().unwrap());
        sign(&session, &mut request).await.unwrap();
        let (sent, begun) = (RefCell::new(Vec::new()), Instant::now());
        let last = execute(&session, operation, request, |request| {
            let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
            sent.borrow_mut().push([header("x-request-id"), header("x-signature")]);
            answers(sent.borrow().len())
        });
        (last.await, sent.take(), begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_agent_is_asked_again_when_it_says_with_the_same_request() {
        for retries in [Retries::WhileAway, Retries::WhileBusy(|_| ())] {
            let busy = |call| async move {
                match call {
                    1 => answer(429, Some("7")),
                    2 => answer(503, Some("7")),
                    _ => answer(202, None),
                }
            };
            let (last, sent, took) = call(retries, busy).await;
            assert_eq!((last.unwrap().status().as_u16(), sent.len(), took), (202, 3, Duration::from_secs(14)));
            assert!(sent.iter().all(|[id, _]| *id == sent[0][0]));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_and_never_begins_for_other_refusals() {
        let of = |status, wait| call(Retries::WhileAway, move |_| async move { answer(status, wait) });
        let (last, sent, took) = of(503, None).await;
        assert_eq!(last.unwrap().status(), 503);
        assert!((5..40).contains(&sent.len()) && took <= PATIENCE, "{} calls in {took:?}", sent.len());
        for (status, wait) in [(503, Some("3600")), (403, Some("1")), (500, None), (409, None)] {
            let (last, sent, took) = of(status, wait).await;
            assert_eq!((last.unwrap().status().as_u16(), sent.len(), took), (status, 1, Duration::ZERO));
        }
    }

    #[tokio::test]
    async fn a_stop_that_came_in_between_is_not_lifted_by_a_repeat() {
        // The operation is called as its method.
        let _ = crate::v1alpha1::Client::emergency_resume;
        for retries in [Retries::WhileAway, Retries::WhileBusy(|_| ())] {
            let (last, sent, _) = call_of("emergency_resume", retries, |_| async { answer(503, Some("0")) }).await;
            assert_eq!((last.unwrap().status().as_u16(), sent.len()), (503, 1));
        }
    }

    #[tokio::test]
    async fn who_cannot_be_reached_is_asked_again_where_that_is_wanted() {
        let comes_back = |call| async move { if call == 1 { away().await } else { answer(202, None) } };
        let (last, sent, _) = call(Retries::WhileAway, comes_back).await;
        assert_eq!((last.unwrap().status().as_u16(), sent.len()), (202, 2));
        for retries in [Retries::WhileBusy(|_| ()), Retries::Never] {
            let (last, sent, _) = call(retries, |_| away()).await;
            assert!(last.is_err() && sent.len() == 1);
        }
        let (last, sent, _) = call(Retries::Never, |_| async { answer(503, Some("0")) }).await;
        assert_eq!((last.unwrap().status().as_u16(), sent.len()), (503, 1));
    }

    #[test]
    fn a_wait_is_seconds_or_a_date_and_never_too_long() {
        let now: Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("7", Some(7)),
            ("Wed, 01 Jul 2026 12:00:09 GMT", Some(9)),
            ("Wed, 01 Jul 2026 11:00:00 GMT", Some(0)),
            ("999999", Some(3_600)),
            ("soon", None),
            ("-1", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
