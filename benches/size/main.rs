//! What 100,000 remediations cost on a real API server, beside the same work by client-go and kubectl.
//!
//! ```text
//!  cargo bench --bench size                 everything, with 100,000; about a quarter of an hour on two idle cores
//!  SIZE=5000 cargo bench --bench size       with fewer
//! ```
//!
//! 1. Fills a control plane of its own (`tests/controlplane`): half of the objects ended eight days ago, a tenth failed lately.
//! 2. Start to ready: an informer has them all; before the filling also with nothing to have. The agent beside a shared informer of client-go, and `kubectl get`.
//! 3. A stream of those that failed, selected by the server, in pages of 500.
//! 4. Retention of the old half, and the time until the garbage collector has let all of them go; then they are made
//!    again, and client-go deletes them.
//!
//! All of one row run one after the other on the same server, each in a process of its own, whose memory and CPU time are
//! those that proc(5) shows. The table is printed, and written with the limits that it was held to to
//! `target/bench/size.json`; a limit that is not held is a failure. Needs Go, as the control plane does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed bench")]

mod fill;
mod meter;
mod report;
mod rivals;
#[path = "../../tests/support/serve.rs"]
mod serve;

use std::time::{Duration, Instant};

use controlplane::ControlPlane;
use futures::TryStreamExt;
use kube::{Api, api::ListParams};
use zen_agent::{remediation::ZenAgentRemediation, stream};

use fill::Fill;
use report::{Report, Row};
use rivals::Rivals;

/// What the stream selects.
const SELECTOR: &str = "status.phase=failed";
const SIZE: usize = 100_000;

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if std::env::args().nth(1).as_deref() == Some("stream") {
        return runtime.block_on(stream());
    }
    let size = std::env::var("SIZE").map_or(SIZE, |text| text.parse().expect("SIZE is a number"));
    let control_plane = ControlPlane::start(&[]);
    let rivals = Rivals::build(&control_plane);
    runtime.block_on(measure(size, &control_plane, &rivals)).finish();
}

async fn measure(size: usize, control_plane: &ControlPlane, rivals: &Rivals<'_>) -> Report {
    let mut report = Report::new(size);
    let fill = Fill::prepare(control_plane.client().await, size).await;
    let agent = rivals.agent("7d");
    report.add(Row::new("nothing stored", "zen-agent serve", agent.ready, agent.settled()));
    agent.stop();
    let filled = fill.everything().await;
    println!("{size} remediations stored in {:.0} s", filled.as_secs_f64());

    let agent = rivals.agent("3650d");
    report.add(Row::new("start to ready", "zen-agent serve", agent.ready, agent.settled()));
    agent.stop();
    let informer = rivals.informer();
    report.add(Row::new("start to ready", "client-go informer", informer.ready, informer.settled()));
    informer.stop();
    report.add(rivals.kubectl("start to ready", "kubectl get -o name", &[], size));

    report.add(rivals.stream(fill.failed));
    report.add(rivals.peer("filtered stream", "client-go pager", &["stream", SELECTOR], fill.failed));
    report.add(rivals.kubectl("filtered stream", "kubectl get --field-selector", &["--field-selector", SELECTOR], fill.failed));

    let agent = rivals.agent("7d");
    let swept = agent.swept(fill.old);
    report.add(Row::new("retention", "zen-agent serve", swept, agent.seen()));
    fill.gone().await;
    report.gone("zen-agent serve", agent.since_start() - agent.ready);
    agent.stop();
    fill.old_ones().await;
    let begun = Instant::now();
    report.add(rivals.peer("retention", "client-go, 16 at a time", &["retention"], fill.old));
    fill.gone().await;
    report.gone("client-go, 16 at a time", begun.elapsed());
    report
}

/// The stream of the library, as a process whose memory is its own.
async fn stream() {
    let client = controlplane::client(std::env::var("KUBECONFIG").expect("KUBECONFIG is set").as_ref()).await;
    let failed = ListParams::default().fields(SELECTOR);
    let objects = stream::objects::<ZenAgentRemediation>(Api::all(client), failed, stream::PAGE_SIZE);
    let count = objects.try_fold(0, |count, _| async move { Ok(count + 1) }).await.unwrap();
    println!("{count}");
}

/// Longer than anything here takes, on a slow machine.
const PATIENCE: Duration = Duration::from_secs(3_600);
