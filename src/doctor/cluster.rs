//! The Kubernetes API: whether it answers, what time it has, and whether it knows remediations.

use std::time::Duration;

use http::Request;
use jiff::{Timestamp, fmt::rfc2822};
use kube::{Client, client::Body};
use tokio::time::timeout;

use super::{Finding, Verdict};
use crate::{
    causes::chain,
    remediation::definition::{self, Checked},
};

/// The name of the check on which the others depend.
pub(super) const KUBERNETES: &str = "kubernetes";
const CLOCK: &str = "clock";
const DEFINITION: &str = "definition";
/// How long each call may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Signatures and tokens that are further off are refused.
const REFUSED: i64 = 120;
/// More than clocks that are set by the network differ.
const ODD: i64 = 10;

pub(super) async fn examine(client: &Client) -> Vec<Finding> {
    match timeout(PATIENCE, client.apiserver_version()).await {
        Ok(Ok(version)) => {
            let answers = Finding::new(KUBERNETES, Verdict::Ok, format!("answers, as {}", version.git_version));
            vec![answers, clock(client).await, defined(client).await]
        }
        Ok(Err(error)) => vec![Finding::new(KUBERNETES, Verdict::Failed, chain(&error))],
        Err(_) => vec![Finding::new(KUBERNETES, Verdict::Failed, format!("does not answer within {} s", PATIENCE.as_secs()))],
    }
}

/// Compares the clocks: the API server's is that of those who sign, or close to it.
async fn clock(client: &Client) -> Finding {
    let Ok(request) = Request::get("/version").body(Body::empty()) else { return unknown() };
    let Ok(Ok(answer)) = timeout(PATIENCE, client.send(request)).await else { return unknown() };
    let date = answer.headers().get(http::header::DATE).and_then(|date| rfc2822::parse(date.to_str().ok()?).ok());
    date.map_or_else(unknown, |theirs| judge(Timestamp::now().as_second() - theirs.timestamp().as_second()))
}

fn unknown() -> Finding {
    Finding::new(CLOCK, Verdict::Skipped, "the API server does not say what time it has")
}

fn judge(ahead: i64) -> Finding {
    let (seconds, direction) = (ahead.abs(), if ahead < 0 { "behind" } else { "ahead of" });
    let said = format!("{seconds} s {direction} the API server's");
    match seconds {
        0..=ODD => Finding::new(CLOCK, Verdict::Ok, said),
        ..=REFUSED => Finding::new(CLOCK, Verdict::Warning, format!("{said}; set it by the network")),
        _ => Finding::new(CLOCK, Verdict::Failed, format!("{said}; signatures and tokens more than {REFUSED} s off are refused")),
    }
}

async fn defined(client: &Client) -> Finding {
    match timeout(PATIENCE, definition::required(client)).await {
        Ok(Ok(Checked::Fit)) => Finding::new(DEFINITION, Verdict::Ok, "remediations are known, as this agent needs them"),
        Ok(Ok(Checked::Forbidden)) => Finding::new(
            DEFINITION,
            Verdict::Skipped,
            "this user may not read the definition of remediations, so nobody knows whether it is there",
        ),
        Ok(Err(unfit)) => Finding::new(DEFINITION, Verdict::Failed, unfit.to_string()),
        Err(_) => Finding::new(DEFINITION, Verdict::Failed, "remediations are not served yet"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_api::{Failure, TestApi};

    #[tokio::test]
    async fn a_definition_that_nobody_may_look_at_is_not_said_to_be_there() {
        let api = TestApi::start().await;
        assert_eq!(defined(&api.client()).await.result, Verdict::Ok);
        api.fail("GET", Failure::With(403, "Forbidden", usize::MAX));
        assert_eq!(defined(&api.client()).await.result, Verdict::Skipped);
    }

    #[test]
    fn a_clock_that_is_far_off_either_way_is_told() {
        for (ahead, wanted) in [
            (0, Verdict::Ok),
            (-10, Verdict::Ok),
            (11, Verdict::Warning),
            (-120, Verdict::Warning),
            (121, Verdict::Failed),
            (-3_600, Verdict::Failed),
        ] {
            assert_eq!(judge(ahead).result, wanted, "{ahead}");
        }
    }

    #[test]
    fn the_date_of_an_answer_is_read() {
        let read = rfc2822::parse("Sun, 06 Nov 1994 08:49:37 GMT").map(|date| date.timestamp().as_second());
        assert_eq!(read.ok(), Some(784_111_777));
    }
}
