//! The election, with candidates that crash, release, or lose the API server.

use std::time::Duration;

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

/// As long as the API's whole seconds allow; all else in proportion.
const TIMING: Timing =
    Timing { duration: Duration::from_secs(2), renew_deadline: Duration::from_millis(1_200), retry: Duration::from_millis(100) };
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);

struct Candidate {
    standing: Standing,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
}

impl Candidate {
    fn start(client: Client, name: &str) -> Self {
        let election = Election::new(client, "default", name.to_owned(), TIMING);
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

#[tokio::test]
async fn the_lease_of_a_candidate_that_crashed_is_taken_over_when_it_has_run_out_and_not_sooner() {
    let server = Server::start().await;
    let mut first = Candidate::start(server.client().await, "first");
    let tenure = soon("the first is elected", first.standing.elected()).await;
    let mut second = Candidate::start(server.client().await, "second");
    // It is renewed over and over, and the second waits.
    let early = tokio::time::timeout(2 * TIMING.duration, second.standing.elected()).await;
    assert!(early.is_err() && tenure.holds());
    let crashed = Instant::now();
    first.crash().await;
    soon("nobody prolongs the tenure", tenure.ended()).await;
    assert!(crashed.elapsed() <= TIMING.renew_deadline + SLACK);
    soon("the second is elected", second.standing.elected()).await;
    let took = crashed.elapsed();
    let renewed_at_most_before = TIMING.retry + SLACK / 10;
    assert!(took >= TIMING.duration - renewed_at_most_before, "{took:?}");
    assert!(took <= TIMING.duration + TIMING.retry + SLACK, "{took:?}");
    let record = record(server.client().await).await;
    assert_eq!((record.holder_identity.as_deref(), record.lease_transitions), (Some("second"), Some(1)));
    second.crash().await;
}

#[tokio::test]
async fn a_candidate_that_shuts_down_hands_over_at_once() {
    let server = Server::start().await;
    let mut first = Candidate::start(server.client().await, "first");
    let tenure = soon("the first is elected", first.standing.elected()).await;
    let mut second = Candidate::start(server.client().await, "second");
    let waiting = tokio::time::timeout(Duration::from_millis(300), second.standing.elected()).await;
    assert!(waiting.is_err());
    let stopped = Instant::now();
    first.shutdown.cancel();
    soon("it releases the lease", first.running).await.unwrap();
    assert!(!tenure.holds());
    soon("the second is elected", second.standing.elected()).await;
    assert!(stopped.elapsed() < TIMING.duration, "the lease did not have to run out: {:?}", stopped.elapsed());
    // One that does not lead has nothing to release.
    let third = Candidate::start(server.client().await, "third");
    third.shutdown.cancel();
    soon("the third ends", third.running).await.unwrap();
    assert_eq!(record(server.client().await).await.holder_identity.as_deref(), Some("second"));
    second.crash().await;
}

#[tokio::test]
async fn a_leader_that_loses_the_api_server_gives_up_in_time_and_comes_back_with_it() {
    let server = Server::start().await;
    let mut only = Candidate::start(server.client().await, "only");
    let tenure = soon("it is elected", only.standing.elected()).await;
    let away = Instant::now();
    server.kill().await;
    soon("it gives up", tenure.ended()).await;
    assert!(away.elapsed() >= TIMING.renew_deadline - TIMING.retry - SLACK / 10 && away.elapsed() <= TIMING.renew_deadline + SLACK);
    server.restart().await;
    let again = soon("it is elected again", only.standing.elected()).await;
    assert!(again.holds() && !tenure.holds(), "a tenure that ended does not come back");
    only.crash().await;
}

#[tokio::test]
async fn a_leader_whose_name_is_taken_off_or_whose_lease_is_deleted_notices_with_its_next_renewal() {
    let server = Server::start().await;
    let leases: Api<Lease> = Api::namespaced(server.client().await, "default");
    let mut only = Candidate::start(server.client().await, "only");
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
