//! The election, with candidates that crash, release, or lose the API server.

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;
use zen_agent::lease::{Election, NAME, Standing, Timing};

use crate::{server::Server, soon};

/// Nothing runs out by itself, whatever the machine takes.
const LASTING: Timing =
    Timing { duration: Duration::from_secs(3_600), renew_deadline: Duration::from_secs(1_800), retry: Duration::from_millis(100) };
/// A tenure that is not prolonged runs out soon, and the lease does not.
const BRIEF: Timing = Timing { renew_deadline: Duration::from_millis(1_200), ..LASTING };
/// To what a lease is shortened; a candidate goes by what is written.
const SHORT: Duration = Duration::from_secs(2);
/// What a busy machine may add. Nothing else ends within it; how long each step may take to the millisecond is shown where the
/// clock stands still (`lease::elector`).
const SLACK: Duration = Duration::from_secs(60);

struct Candidate {
    standing: Standing,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
}

impl Candidate {
    fn start(client: Client, name: &str, timing: Timing) -> Self {
        let election = Election::new(client, "default", name.to_owned(), timing);
        let (standing, shutdown) = (election.standing(), CancellationToken::new());
        let running = tokio::spawn(election.run(shutdown.clone()));
        Self { standing, shutdown, running }
    }

    /// Ends without a word, as by kill -9.
    async fn crash(self) {
        self.running.abort();
        drop(self.running.await);
    }
}

async fn record(client: Client) -> LeaseSpec {
    Api::<Lease>::namespaced(client, "default").get(NAME).await.unwrap().spec.unwrap()
}

/// Waits until so many renewals were seen.
async fn renewed(client: Client, times: usize) {
    let mut seen = BTreeSet::new();
    soon("it is renewed over and over", async {
        while seen.len() < times {
            seen.insert(record(client.clone()).await.renew_time.unwrap().0);
            tokio::time::sleep(LASTING.retry / 2).await; // pacing of a poll with a deadline
        }
    })
    .await;
}

#[tokio::test]
async fn the_lease_of_a_candidate_that_crashed_is_taken_over_when_it_has_run_out_and_not_sooner() {
    let server = Server::start().await;
    let leases: Api<Lease> = Api::namespaced(server.client().await, "default");
    let mut first = Candidate::start(server.client().await, "first", LASTING);
    let tenure = soon("the first is elected", first.standing.elected()).await;
    let mut second = Candidate::start(server.client().await, "second", LASTING);
    // It is renewed over and over, and the second waits: by now for longer than it has to wait in the end.
    renewed(server.client().await, 10).await;
    let early = tokio::time::timeout(2 * SHORT, second.standing.elected()).await;
    assert!(early.is_err() && tenure.holds());
    first.crash().await;
    let crashed = Instant::now();
    let shorter = Patch::Merge(json!({ "spec": { "leaseDurationSeconds": SHORT.as_secs() } }));
    leases.patch(NAME, &PatchParams::default(), &shorter).await.unwrap();
    let shortened = Instant::now();
    soon("the second is elected", second.standing.elected()).await;
    assert!(crashed.elapsed() >= SHORT, "{:?}", crashed.elapsed());
    assert!(shortened.elapsed() <= SHORT + LASTING.retry + SLACK, "{:?}", shortened.elapsed());
    let record = record(server.client().await).await;
    assert_eq!((record.holder_identity.as_deref(), record.lease_transitions), (Some("second"), Some(1)));
    second.crash().await;
}

#[tokio::test]
async fn nobody_prolongs_the_tenure_of_a_candidate_that_crashed() {
    let server = Server::start().await;
    let mut only = Candidate::start(server.client().await, "only", BRIEF);
    let tenure = soon("it is elected", only.standing.elected()).await;
    let crashed = Instant::now();
    only.crash().await;
    soon("it ends", tenure.ended()).await;
    assert!(crashed.elapsed() <= BRIEF.renew_deadline + SLACK, "{:?}", crashed.elapsed());
}

#[tokio::test]
async fn a_candidate_that_shuts_down_hands_over_at_once() {
    let server = Server::start().await;
    let mut first = Candidate::start(server.client().await, "first", LASTING);
    let tenure = soon("the first is elected", first.standing.elected()).await;
    let mut second = Candidate::start(server.client().await, "second", LASTING);
    let waiting = tokio::time::timeout(Duration::from_millis(300), second.standing.elected()).await;
    assert!(waiting.is_err());
    let stopped = Instant::now();
    first.shutdown.cancel();
    soon("it releases the lease", first.running).await.unwrap();
    assert!(!tenure.holds());
    soon("the second is elected", second.standing.elected()).await;
    assert!(stopped.elapsed() < LASTING.duration, "the lease did not have to run out: {:?}", stopped.elapsed());
    // One that does not lead has nothing to release.
    let third = Candidate::start(server.client().await, "third", LASTING);
    third.shutdown.cancel();
    soon("the third ends", third.running).await.unwrap();
    assert_eq!(record(server.client().await).await.holder_identity.as_deref(), Some("second"));
    second.crash().await;
}

#[tokio::test]
async fn a_leader_that_loses_the_api_server_gives_up_in_time_and_comes_back_with_it() {
    let server = Server::start().await;
    let mut only = Candidate::start(server.client().await, "only", BRIEF);
    soon("it is elected", only.standing.elected()).await;
    // Of four renewals the first two may have been sent before, and the last may stay unanswered: the tenure is of the third, or later.
    let before = Instant::now();
    renewed(server.client().await, 4).await;
    let tenure = soon("it is the leader", only.standing.elected()).await;
    let away = Instant::now();
    server.kill().await;
    soon("it gives up", tenure.ended()).await;
    assert!(before.elapsed() >= BRIEF.renew_deadline && away.elapsed() <= BRIEF.renew_deadline + SLACK);
    server.restart().await;
    let again = soon("it is elected again", only.standing.elected()).await;
    assert!(again.holds() && !tenure.holds(), "a tenure that ended does not come back");
    only.crash().await;
}

#[tokio::test]
async fn a_leader_whose_name_is_taken_off_or_whose_lease_is_deleted_notices_with_its_next_renewal() {
    let server = Server::start().await;
    let leases: Api<Lease> = Api::namespaced(server.client().await, "default");
    let mut only = Candidate::start(server.client().await, "only", LASTING);
    let tenure = soon("it is elected", only.standing.elected()).await;
    let taken = Patch::Merge(json!({ "spec": { "holderIdentity": "somebody", "leaseDurationSeconds": 1 } }));
    leases.patch(NAME, &PatchParams::default(), &taken).await.unwrap();
    soon("it sees another's name", tenure.ended()).await;
    let tenure = soon("which runs out", only.standing.elected()).await;
    leases.delete(NAME, &DeleteParams::default()).await.unwrap();
    soon("it writes the lease anew", async {
        while leases.get_opt(NAME).await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(tenure.holds());
    only.crash().await;
}
