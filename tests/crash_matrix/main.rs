//! An agent that is killed before and after each of its writes: whoever comes next ends the remediation legally, with the
//! target as remediated or as it was.
//!
//! ```text
//!  for each action, server, course, n and side:
//!    a fresh target and remediation ─▶ an agent, a process of its own ([`agent`]), that kills itself (SIGKILL) right before
//!    or right after its nth write ─▶ another agent, in this process, ends it ─▶ legal? ([`verdict`])
//!  until an agent needs no nth write, and lives.
//! ```
//!
//! | course | what | must end |
//! |---|---|---|
//! | holds | the controllers follow | succeeded and changed |
//! | undone | nothing follows, and while it is validated the target cannot be read | rolled back and as before, where that can be |
//! | asked | a person asks for what has succeeded to be undone, where it can be | rolled back and as before |
//! | verified | a condition probe passes, for a soak time | succeeded and changed |
//! | refuted | a condition probe does not pass | rolled back and as before |
//!
//! The last two are of one action, since what probes lead to is the same for all.
//!
//! Every write counts: of the remediation's status, of the target, of what belongs to it. The faults are put between the agent
//! and the API server ([`tap`]), so the agent has no code for them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod agent;
mod cases;
mod servers;
mod tap;

use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use futures::future::join;
use serde_json::Value;
use tokio::time::timeout;
use zen_agent::{
    pipeline::actions::Reversibility,
    remediation::{ActionKind, Phase, ZenAgentRemediation},
};

use cases::{Case, Ground};
use servers::Server;
use tap::{Boundary, Course, Side};

/// How long an agent may take to end one remediation.
const PATIENCE: Duration = Duration::from_secs(180);
/// No remediation needs so many writes.
const MOST_WRITES: usize = 40;

/// Kills at every boundary of one course.
async fn every_boundary(server: &Server, kind: ActionKind, ground: Ground, course: Course, side: Side) {
    for write in 1..MOST_WRITES {
        let case = Case::place(server, kind, ground, course, &format!("{}-{}-{write}", course.as_str(), side.as_str())).await;
        if course == Course::Asked {
            timeout(PATIENCE, case.ask(server)).await.expect("it succeeds in time");
        }
        let boundary = Boundary { write, side };
        let killed = kill(server, &case, course, boundary).await;
        let ended = match killed {
            true => {
                let orders = case.orders(server, course, None);
                // On the heap: a test's thread has little stack.
                timeout(PATIENCE, Box::pin(agent::end(server.client.clone(), &orders))).await.expect("it is ended in time")
            }
            false => case.remediation(server).await,
        };
        let place = format!("{} {course:?}, killed {side:?} write {write}", kind.as_str());
        verdict(&place, &case, course, &ended, &case.state(server).await);
        if !killed {
            assert!(write > 3, "{place}: claim, change and end are three writes at least");
            return;
        }
    }
    panic!("it never comes to an end");
}

/// Lets an agent work on it that dies at this boundary; whether it did.
async fn kill(server: &Server, case: &Case, course: Course, boundary: Boundary) -> bool {
    let orders = serde_json::to_string(&case.orders(server, course, Some(boundary))).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "agent::works_as_it_is_told_and_may_be_killed", "--nocapture"])
        .env(agent::ORDERS, orders)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let waited = tokio::task::spawn_blocking(move || {
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            if begun.elapsed() > PATIENCE {
                drop(child.kill());
                panic!("the agent neither ends nor dies in time: {:?}", child.wait());
            }
            thread::sleep(Duration::from_millis(5)); // pacing of a poll with a deadline
        }
    });
    let status = waited.await.unwrap();
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    assert!(status.success() || signal == Some(9), "the agent failed by itself: {status}");
    signal == Some(9)
}

/// Whether this is how it may end.
fn verdict(place: &str, case: &Case, course: Course, ended: &ZenAgentRemediation, state: &Value) {
    let status = ended.status.clone().unwrap_or_default();
    let said = format!("{place}: {} {:?} {:?}\n  before {}\n  now    {state}", ended.phase(), status.reason, status.message, case.before);
    let (as_before, changed) = (*state == case.before, (case.is_changed)(state));
    assert!(as_before != changed, "neither as before nor as remediated, or both: {said}");
    let undoable = case.kind.reversibility() == Reversibility::Reversible;
    let legal = match (ended.phase(), course) {
        (Phase::Succeeded, Course::Holds | Course::Verified) => changed,
        (Phase::RolledBack, Course::Asked | Course::Refuted) => as_before,
        (Phase::RolledBack, Course::Undone) => undoable && as_before,
        (Phase::Failed, Course::Undone) => !undoable,
        _ => false,
    };
    assert!(legal, "{said}");
    assert!(status.steps.iter().all(|step| step.finished_at.is_some()), "a step is still under way: {said}");
}

/// The whole matrix of one action on one server.
async fn survives(server: Server, kind: ActionKind, ground: Ground) {
    let courses: &[Course] = match kind.reversibility() {
        Reversibility::Reversible => &[Course::Holds, Course::Undone, Course::Asked],
        _ => &[Course::Holds, Course::Undone],
    };
    takes(&server, kind, ground, courses).await;
}

/// The same with probes.
async fn is_verified(server: Server) {
    takes(&server, ActionKind::Label, Ground::Taken, &[Course::Verified, Course::Refuted]).await;
}

async fn takes(server: &Server, kind: ActionKind, ground: Ground, courses: &[Course]) {
    for course in courses {
        let side = |side| every_boundary(server, kind, ground, *course, side);
        join(side(Side::Before), side(Side::After)).await;
    }
}

/// One test for each action and server; of those that the embedded server has not, on the real one.
macro_rules! matrix {
    (both: { $($test:ident: $Kind:ident,)* } real: { $($real:ident: $Real:ident on $Ground:ident,)* }) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::survives(super::servers::embedded().await, super::ActionKind::$Kind, super::Ground::Taken).await;
            })*

            #[tokio::test(flavor = "multi_thread")]
            async fn a_verification() {
                super::is_verified(super::servers::embedded().await).await;
            }
        }

        mod control_plane {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let server = super::servers::control_plane(stringify!($test)).await;
                super::survives(server, super::ActionKind::$Kind, super::Ground::Taken).await;
            })*

            $(#[tokio::test(flavor = "multi_thread")]
            async fn $real() {
                let server = super::servers::control_plane(stringify!($real)).await;
                super::survives(server, super::ActionKind::$Real, super::Ground::$Ground).await;
            })*

            #[tokio::test(flavor = "multi_thread")]
            async fn a_verification() {
                super::is_verified(super::servers::control_plane("a_verification").await).await;
            }
        }

        #[test]
        fn every_action_has_its_tests() {
            let mut tested = vec![$(ActionKind::$Kind,)* $(ActionKind::$Real),*];
            tested.dedup();
            assert_eq!(tested, ActionKind::ALL);
        }
    };
}

matrix! {
    both: {
        label: Label,
        annotate: Annotate,
        network_quarantine: NetworkQuarantine,
        scale: Scale,
        set_image: SetImage,
        restart: Restart,
        suspend: Suspend,
        delete_pod: DeletePod,
        evict: Evict,
        cordon: Cordon,
    }
    real: {
        apply: Apply on Taken,
        apply_to_nothing: Apply on Free,
    }
}
