//! A leader that was frozen and wakes up when another has gone on: nothing is done twice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{api::apps::v1::Deployment, apimachinery::pkg::apis::meta::v1::MicroTime};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::sync::Notify;
use zen_agent::{
    category::Category,
    deadline::CALL,
    emergency::EmergencyStop,
    lease::{Election, Tenure, Timing},
    pipeline::{Pipeline, actions::QUARANTINE_LABEL},
    policy::Guardrails,
    remediation::{Phase, StepName, ZenAgentRemediation},
};

use crate::support::*;

const POD: &str = "web-6d4cf56db6-x2x7p";

/// A leader that freezes at the first call of this method to a path with this part, until it is woken.
struct Frozen {
    pipeline: Pipeline,
    froze: Arc<Notify>,
    wake: Arc<Notify>,
}

fn freezing(world: &World, method: http::Method, part: &'static str) -> Frozen {
    let (froze, wake, first) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(AtomicBool::new(true)));
    let tap = {
        let (froze, wake) = (froze.clone(), wake.clone());
        move |called: http::Method, path: String| {
            let (froze, wake) = (froze.clone(), wake.clone());
            let here = called == method && path.contains(part) && first.swap(false, Ordering::SeqCst);
            async move {
                if here {
                    froze.notify_one();
                    wake.notified().await;
                }
                None
            }
            .boxed()
        }
    };
    Frozen { pipeline: world.tapped(Arc::new(tap)), froze, wake }
}

impl Frozen {
    /// Runs into the freeze, lets `meanwhile` happen, wakes up, and goes on to the end; `None` where the call was over by then.
    async fn sleeps_through<T>(self, name: &'static str, meanwhile: impl Future<Output = T>) -> Option<T> {
        let Self { pipeline, froze, wake } = self;
        let pass = tokio::spawn(async move { pipeline.reconcile(HOME, name).await });
        froze.notified().await;
        let result = meanwhile.await;
        wake.notify_one();
        let error = pass.await.unwrap().expect_err("it was overtaken");
        if error.category() == Category::Timeout {
            return None;
        }
        assert_eq!(error.category(), Category::Conflict, "{error}");
        Some(result)
    }
}

async fn generation(world: &World) -> i64 {
    Api::<Deployment>::namespaced(world.client.clone(), "shop").get("web").await.unwrap().metadata.generation.unwrap()
}

#[tokio::test]
async fn a_leader_that_wakes_up_after_the_rollback_does_not_make_the_change_again() {
    // Before the write of the target; before the read that it is decided on; before the look at the remediation.
    for (method, part) in [(http::Method::PATCH, "/deployments/"), (http::Method::GET, "/deployments/web")] {
        within_a_call(async || {
            let world = World::new().await;
            world.create("r", automatic(target("apps/v1", "Deployment", "shop", "web"), scale(0))).await;
            // The claim has been written by now, so that the plan's reads are not meant.
            super::crash::die_after(&world, "r", 1).await.unwrap_err();
            let before = generation(&world).await;
            let frozen = freezing(&world, method.clone(), part);
            let ended = frozen.sleeps_through("r", world.drive(&world.pipeline(), "r")).await?;
            assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ValidationTimedOut"), "{method}");
            assert_eq!(attempts(&ended, StepName::Execute), 3, "the one that died, the one that froze, the one that went on");
            assert_eq!(
                (world.replicas("shop", "web").await, generation(&world).await),
                (3, before + 2),
                "{method}: set once and set back once"
            );
            assert_eq!(world.get("r").await, ended, "{method}");
            Some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_leader_that_wakes_up_after_the_change_was_made_does_not_make_it_again() {
    within_a_call(async || {
        let world = World::new().await;
        world.create("r", automatic(target("apps/v1", "Deployment", "shop", "web"), scale(0))).await;
        let before = generation(&world).await;
        let frozen = freezing(&world, http::Method::PATCH, "/deployments/");
        let goes_on = async {
            world.set(patient()).reconcile(HOME, "r").await.unwrap();
            world.settle("shop", "web").await;
            let ended = world.drive(&world.pipeline(), "r").await;
            // Somebody scales it up again: that is none of ours.
            world.patch_deployment("shop", "web", json!({ "spec": { "replicas": 3 } })).await;
            ended
        };
        let ended = frozen.sleeps_through("r", goes_on).await?;
        assert_eq!((ended.phase(), attempts(&ended, StepName::Execute)), (Phase::Succeeded, 2));
        assert_eq!((world.replicas("shop", "web").await, generation(&world).await), (3, before + 2));
        Some(())
    })
    .await;
}

/// The next leader makes the change, and another party takes the label away: the quarantine is undone.
async fn lifted(world: &World) -> ZenAgentRemediation {
    let pods = world.pods("shop");
    let next = world.tapped(Arc::new(move |_, path: String| {
        let pods = pods.clone();
        async move {
            if path.ends_with("/zar-1/status") {
                let off = Patch::Merge(json!({ "metadata": { "labels": { QUARANTINE_LABEL: null } } }));
                pods.patch(POD, &PatchParams::default(), &off).await.unwrap();
            }
            None
        }
        .boxed()
    }));
    world.drive(&next, "zar-1").await
}

#[tokio::test]
async fn a_quarantine_that_was_lifted_meanwhile_leaves_no_policy_behind() {
    for (method, part) in [(http::Method::POST, "/networkpolicies"), (http::Method::PATCH, "/pods/")] {
        within_a_call(async || {
            let world = World::new().await;
            world.create("zar-1", automatic(web_pod(), quarantine())).await;
            let frozen = freezing(&world, method.clone(), part);
            let ended = frozen.sleeps_through("zar-1", lifted(&world)).await?;
            assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ValidationFailed"), "{method}");
            assert!(world.policies("shop").get_opt("zen-quarantine-zar-1").await.unwrap().is_none(), "{method}");
            assert_eq!(world.pod_label("shop", POD, QUARANTINE_LABEL).await, None, "{method}");
            Some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_create_that_was_on_its_way_when_its_pass_was_dropped_is_taken_back_once_it_is_too_late() {
    within_a_call(async || {
        let world = World::new().await;
        world.create("zar-1", automatic(web_pod(), quarantine())).await;
        let [on_its_way, taken_back, arrives] = [(); 3].map(|()| Arc::new(Notify::new()));
        let tap = {
            let (on_its_way, taken_back, arrives) = (on_its_way.clone(), taken_back.clone(), arrives.clone());
            move |method: http::Method, path: String| {
                let (on_its_way, taken_back, arrives) = (on_its_way.clone(), taken_back.clone(), arrives.clone());
                async move {
                    match method {
                        http::Method::POST if path.contains("/networkpolicies") => {
                            on_its_way.notify_one();
                            arrives.notified().await;
                        }
                        http::Method::DELETE if path.contains("/networkpolicies") => taken_back.notify_one(),
                        _ => {}
                    }
                    None
                }
                .boxed()
            }
        };
        let pipeline = world.tapped(Arc::new(tap));
        let pass = tokio::spawn(async move { pipeline.reconcile(HOME, "zar-1").await });
        on_its_way.notified().await;
        let sent = Instant::now();
        // As the workers are stopped when the lease is lost.
        pass.abort();
        assert!(pass.await.unwrap_err().is_cancelled());
        let ended = lifted(&world).await;
        assert_eq!((ended.phase(), reason(&ended)), (Phase::RolledBack, "ValidationFailed"));
        // Some time is left in which the server answers.
        if sent.elapsed() > CALL * 4 / 5 {
            return None;
        }
        arrives.notify_one();
        let gone = async {
            taken_back.notified().await;
            while world.policies("shop").get_opt("zen-quarantine-zar-1").await.unwrap().is_some() {
                tokio::time::sleep(Duration::from_millis(20)).await; // pacing of a poll with a deadline
            }
        };
        tokio::time::timeout(Duration::from_secs(60), gone).await.unwrap();
        assert_eq!(world.get("zar-1").await, ended);
        assert_eq!(world.pod_label("shop", POD, QUARANTINE_LABEL).await, None);
        Some(())
    })
    .await;
}

#[tokio::test]
async fn a_leader_that_wakes_up_after_a_quarantine_has_succeeded_leaves_it_in_place() {
    // Before the policy is created, and before it is looked for.
    for method in [http::Method::POST, http::Method::GET] {
        let world = World::new().await;
        world.create("zar-1", automatic(web_pod(), quarantine())).await;
        let frozen = freezing(&world, method.clone(), "/networkpolicies");
        let Frozen { pipeline, froze, wake } = frozen;
        let pass = tokio::spawn(async move { pipeline.reconcile(HOME, "zar-1").await });
        froze.notified().await;
        let ended = world.drive(&world.pipeline(), "zar-1").await;
        assert_eq!(ended.phase(), Phase::Succeeded, "{method}");
        wake.notify_one();
        drop(pass.await.unwrap());
        assert_eq!(world.get("zar-1").await, ended, "{method}");
        assert!(world.policies("shop").get_opt("zen-quarantine-zar-1").await.unwrap().is_some(), "{method}");
        assert!(world.pod_label("shop", POD, QUARANTINE_LABEL).await.is_some(), "{method}");
    }
}

/// A tenure of which nobody prolongs anything any more.
async fn lapsed(world: &World) -> Tenure {
    let timing = Timing { renew_deadline: Duration::from_millis(300), ..Timing::default() };
    let election = Election::new(world.client.clone(), HOME, "a".to_owned(), timing);
    let mut standing = election.standing();
    let tenure = tokio::select! {
        tenure = standing.elected() => tenure,
        () = election.run(tokio_util::sync::CancellationToken::new()) => unreachable!("nobody stops it"),
    };
    tenure.ended().await;
    tenure
}

#[tokio::test]
async fn without_the_lease_nothing_is_written() {
    let world = World::new().await;
    let tenure = lapsed(&world).await;
    let (events, metrics, never) = (world.events.clone(), world.metrics.clone(), EmergencyStop::never());
    let pipeline = Pipeline::new(world.client.clone(), settings(), live(Guardrails::none()), events, metrics, tenure, never);
    let new = world.create("new", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    let claimed = world.create("claimed", automatic(web_pod(), label(&[("owned", "yes")]))).await;
    super::crash::die_after(&world, "claimed", 1).await.unwrap_err();
    for (name, former) in [("new", &new), ("claimed", &world.get("claimed").await)] {
        let error = pipeline.reconcile(HOME, name).await.unwrap_err();
        assert_eq!(error.category(), Category::Conflict, "{error}");
        assert_eq!(world.get(name).await, *former);
    }
    assert_ne!(world.get("claimed").await, claimed);
    for label in ["flag", "owned"] {
        assert_eq!(world.pod_label("shop", POD, label).await, None);
    }
}

/// Whether the workload has followed by the time that somebody takes over.
#[derive(PartialEq)]
enum Effect {
    Shows,
    DoesNotShow,
}

/// Takes over a scaling that waits for its effect, with this difference between the writer's clock and ours.
async fn taken_over(difference: SignedDuration, effect: Effect) -> (World, Phase) {
    let world = World::new().await;
    world.create("r", automatic(web_pod(), scale(0))).await;
    world.set(patient()).reconcile(HOME, "r").await.unwrap();
    let mut steps = world.get("r").await.status.unwrap().steps;
    for step in &mut steps {
        step.started_at = MicroTime(Timestamp::now() + difference);
    }
    world.patch_status("r", json!({ "steps": steps })).await;
    if effect == Effect::Shows {
        world.settle("shop", "web").await;
    }
    let ended = world.drive(&world.pipeline(), "r").await;
    assert_eq!(attempts(&ended, StepName::Validate), 2, "the one that was cut off, and the one that took over");
    (world, ended.phase())
}

#[tokio::test]
async fn a_clock_that_was_ahead_does_not_put_the_deadline_off() {
    let (world, phase) = taken_over(SignedDuration::from_hours(24), Effect::DoesNotShow).await;
    assert_eq!((phase, world.replicas("shop", "web").await), (Phase::RolledBack, 3));
}

#[tokio::test]
async fn a_clock_that_was_behind_does_not_undo_what_holds() {
    let (world, phase) = taken_over(-SignedDuration::from_hours(24), Effect::Shows).await;
    assert_eq!((phase, world.replicas("shop", "web").await), (Phase::Succeeded, 0));
}
