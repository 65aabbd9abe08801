//! Two replicas, as processes: one of them works, and when it is killed, frozen or stopped, the other goes on. No
//! acknowledged event is lost, and nothing is done twice.

use std::time::{Duration, Instant};

use controlplane::Program;
use kube::api::{DeleteParams, ListParams};
use zen_agent::contract::v0::types::Outcome;

use crate::{
    agent::{Agent, DEADLINE, id, sample},
    pair::{LEASE, NAMES, OUTAGE, RETRY, Replicas, Senders},
    process::{main_job, until_kubernetes_is},
};

/// Of the test of `serve`: a leader killed, one frozen, the API server away twice and the store once.
const DISASTERS: i32 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_effect_once_whichever_replica_gets_it() {
    let replicas = Replicas::dev().await;
    let (one, two) = (replicas.client("one"), replicas.client("two"));
    let (request, event) = (id(), sample("falco-outbound-c2.json"));
    let created = one.stable.ingest_falco(&request, event.clone()).await.unwrap().into_inner();
    let replayed = two.stable.ingest_falco(&request, event.clone()).await.unwrap().into_inner();
    assert_eq!((created.results[0].outcome, replayed.results[0].outcome), (Outcome::Created, Outcome::Replayed));
    assert_eq!(created.results[0].remediation, replayed.results[0].remediation);
    // At the same time, too: one creates it.
    let request = id();
    let both = futures::future::join(one.stable.ingest_falco(&request, event.clone()), two.stable.ingest_falco(&request, event)).await;
    let mut outcomes =
        [both.0.unwrap().into_inner(), both.1.unwrap().into_inner()].map(|receipt| format!("{:?}", receipt.results[0].outcome));
    outcomes.sort();
    assert_eq!(outcomes, ["Created", "Replayed"]);
    let other = two.stable.ingest_falco(&request, sample("falco-shell-in-container.json")).await.expect_err("another body");
    assert_eq!(other.status().map(|status| status.as_u16()), Some(409));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_killed_is_followed_within_its_lease() {
    let mut replicas = Replicas::dev().await;
    let before = replicas.generations().await;
    for round in 1..=2 {
        let (leader, senders) = replicas.strike(Agent::kill).await;
        senders.end(&replicas, &[Replicas::other(leader)]).await;
        replicas.everything_was_done_once(&before, round).await;
        replicas.add(leader);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_freezes_is_followed_and_does_no_harm_when_it_wakes_up() {
    let mut replicas = Replicas::dev().await;
    let before = replicas.generations().await;
    for round in 1..=2 {
        let (leader, senders) = replicas.strike(|agent| agent.signal("STOP")).await;
        replicas.agents[leader].signal("CONT");
        replicas.scale_for_a_while().await;
        // It accepts events again, and knows those that the other took.
        senders.end(&replicas, &[leader]).await;
        replicas.everything_was_done_once(&before, round).await;
        assert_eq!(replicas.leader().await, Replicas::other(leader), "it does not come back to power by itself");
        replicas.is_shown_to_lead(Replicas::other(leader)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_stopped_hands_over_at_once() {
    let mut replicas = Replicas::dev().await;
    let before = replicas.generations().await;
    let leader = replicas.leader().await;
    replicas.is_shown_to_lead(leader).await;
    replicas.scale_for_a_while().await;
    let stopping = Instant::now();
    replicas.agents[leader].signal("TERM");
    assert!(replicas.agents.get_mut(leader).unwrap().wait(DEADLINE).success());
    let drained = stopping.elapsed();
    let holder = replicas.lease().await.unwrap().spec.unwrap().holder_identity.filter(|holder| !holder.is_empty());
    assert!(holder.as_ref().is_none_or(|holder| !holder.starts_with(leader)), "it is not released: {holder:?}");
    let took = replicas.leads(Replicas::other(leader)).await;
    // Nobody waited for the lease to run out.
    assert!(took < LEASE - 2 * RETRY, "{took:?} after it had ended, which took {drained:?}");
    replicas.is_shown_to_lead(Replicas::other(leader)).await;
    let transitions = replicas.lease().await.unwrap().spec.unwrap().lease_transitions;
    assert_eq!(transitions, Some(1));
    replicas.everything_was_done_once(&before, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_does_not_lead_can_go_without_notice() {
    let mut replicas = Replicas::dev().await;
    let before = replicas.generations().await;
    let leader = replicas.leader().await;
    let transitions = replicas.lease().await.unwrap().spec.unwrap().lease_transitions;
    let senders = Senders::start(&replicas);
    replicas.scale_for_a_while().await;
    replicas.agents.get_mut(Replicas::other(leader)).unwrap().kill();
    replicas.scale_for_a_while().await;
    // Longer than an event takes to be sent by way of the one that is left.
    tokio::time::sleep(Duration::from_secs(5)).await; // pacing
    senders.end(&replicas, &[leader]).await;
    replicas.everything_was_done_once(&before, 0).await;
    assert_eq!(replicas.leader().await, leader);
    assert_eq!(replicas.lease().await.unwrap().spec.unwrap().lease_transitions, transitions);
}

/// `serve` as it runs in a cluster: over mutual TLS, as a service account with its roles, with everything that can go
/// away going away, also for longer than a lease lasts.
#[tokio::test(flavor = "multi_thread")]
async fn two_of_serve_lose_nothing_and_do_nothing_twice_whatever_is_killed_frozen_or_away() {
    let mut replicas = Replicas::serve().await;
    // 1. All samples, at either of the two; what became of them is no part of what follows.
    for name in NAMES {
        main_job(replicas.state.path(), &replicas.agents[name]);
    }
    replicas.remediations().delete_collection(&DeleteParams::background(), &ListParams::default()).await.unwrap();
    let (before, senders) = (replicas.generations().await, Senders::start(&replicas));
    // 2. The leader is killed, and the API server restarted before anybody may follow.
    let first = replicas.leader().await;
    let second = Replicas::other(first);
    replicas.scale_for_a_while().await;
    replicas.agents.get_mut(first).unwrap().kill();
    restart(&replicas, Program::ApiServer);
    replicas.scale_for_a_while().await;
    replicas.leads(second).await;
    replicas.add(first);
    // 3. The next one is frozen, and the store restarted; it wakes up beside the one that follows.
    replicas.scale_for_a_while().await;
    replicas.agents[second].signal("STOP");
    restart(&replicas, Program::Etcd);
    replicas.scale_for_a_while().await;
    replicas.leads(first).await;
    replicas.agents[second].signal("CONT");
    // 4. The API server is away for longer than any lease lasts.
    replicas.scale_for_a_while().await;
    replicas.ground.control_plane().kill(Program::ApiServer);
    let away = Instant::now();
    until_kubernetes_is(&replicas.agents[first].admin, &["cannot be reached"]);
    tokio::time::sleep(OUTAGE.saturating_sub(away.elapsed())).await; // as long as it is away
    replicas.ground.control_plane().restart(Program::ApiServer);
    for name in NAMES {
        until_kubernetes_is(&replicas.agents[name].admin, &["ok"]);
    }
    replicas.scale_for_a_while().await;
    // 5. What was acknowledged has one remediation, which both know, and all has ended, each once.
    senders.end(&replicas, &NAMES).await;
    replicas.everything_was_done_once(&before, DISASTERS).await;
}

fn restart(replicas: &Replicas, program: Program) {
    replicas.ground.control_plane().kill(program);
    replicas.ground.control_plane().restart(program);
}
