//! What `apply` creates, which no precondition keeps from being made late, and how it goes away again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::FutureExt;
use kube::{Client, client::Body};
use serde_json::json;
use tokio::sync::Notify;
use zen_agent::{
    category::Category,
    pipeline::{PipelineError, Progress},
    policy::Guardrails,
    remediation::Phase,
};

use crate::{
    apply::{found, wanted},
    pipeline::{actions::executed, crash::die_after},
    soon,
    support::*,
};

/// Where something stops until it is let go on.
#[derive(Clone, Default)]
struct Stop {
    reached: Arc<Notify>,
    on: Arc<Notify>,
}

impl Stop {
    async fn here(&self) {
        self.reached.notify_one();
        self.on.notified().await;
    }
}

/// What becomes of the answer to a late create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Heard,
    Lost,
}

/// A client whose creates of ConfigMaps come late.
fn late(client: Client, stop: Stop, answer: Answer) -> Client {
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let (client, stop) = (client.clone(), stop.clone());
        async move {
            let creates = request.method() == http::Method::POST && request.uri().path().ends_with("/configmaps");
            if creates && !request.uri().query().unwrap_or_default().contains("dryRun") {
                stop.here().await;
                let made = client.send(request).await.map_err(tower::BoxError::from)?;
                return Ok(if answer == Answer::Lost { refused(504) } else { made });
            }
            client.send(request).await.map_err(tower::BoxError::from)
        }
    });
    Client::new(service, "default")
}

/// A leader for which the namespace is protected by now, so that it undoes; it stops before it writes that this is done.
fn undoing(world: &World, stop: Stop) -> zen_agent::pipeline::Pipeline {
    let writes = Arc::new(AtomicUsize::new(0));
    let client = tapped(
        world.client.clone(),
        Arc::new(move |method: http::Method, path: String| {
            let (writes, stop) = (writes.clone(), stop.clone());
            async move {
                // That it attempts to execute, that it undoes, and that it has.
                if method == http::Method::PATCH && path.ends_with("/status") && writes.fetch_add(1, Ordering::SeqCst) == 2 {
                    stop.here().await;
                }
                None
            }
            .boxed()
        }),
    );
    world.guarded_through(client, Guardrails { protected_namespaces: ["shop".to_owned()].into(), ..Guardrails::none() })
}

#[tokio::test]
async fn a_create_that_a_frozen_leader_makes_while_the_next_one_undoes_or_afterwards_does_not_stay() {
    for (answer, is_over) in [(Answer::Heard, false), (Answer::Lost, false), (Answer::Heard, true), (Answer::Lost, true)] {
        within_a_call(async || {
            let world = World::new().await;
            world.create("r", wanted("fresh", json!({ "a": "1" }))).await;
            die_after(&world, "r", 1).await.unwrap_err();
            let (create, end) = (Stop::default(), Stop::default());
            let frozen = world.through(late(world.client.clone(), create.clone(), answer));
            let frozen = tokio::spawn(async move { frozen.reconcile(HOME, "r").await });
            soon("the frozen leader creates", create.reached.notified()).await;
            let next = undoing(&world, end.clone());
            let next = tokio::spawn(async move { next.reconcile(HOME, "r").await });
            soon("the next leader has found nothing to undo", end.reached.notified()).await;
            assert!(found(&world, "fresh").await.is_none());
            let wakes_up = async |frozen: tokio::task::JoinHandle<Result<Option<Progress>, PipelineError>>| {
                create.on.notify_one();
                let error = soon("the frozen leader looks again", frozen).await.unwrap().expect_err("it was overtaken");
                if error.category() == Category::Timeout {
                    return None;
                }
                assert_eq!(error.category(), Category::Conflict, "{answer:?} {is_over}: {error}");
                Some(())
            };
            let ends = async |next: tokio::task::JoinHandle<Result<Option<Progress>, PipelineError>>| {
                end.on.notify_one();
                match soon("the next leader ends it", next).await.unwrap() {
                    Err(error) if error.category() == Category::Timeout => None,
                    ended => ended.map(drop).map(Some).unwrap(),
                }
            };
            if is_over {
                ends(next).await?;
                wakes_up(frozen).await?;
            } else {
                wakes_up(frozen).await?;
                ends(next).await?;
            }
            let ended = world.get("r").await;
            assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "ProtectedNamespace"), "{}", message(&ended));
            assert!(found(&world, "fresh").await.is_none(), "{answer:?} {is_over}");
            Some(())
        })
        .await;
    }
}

#[tokio::test]
async fn what_was_created_goes_away_with_what_its_controllers_made_of_it() {
    let world = World::new().await;
    let job = target("batch/v1", "Job", "shop", "once");
    let template = json!({ "spec": { "restartPolicy": "Never", "containers": [{ "name": "a", "image": "a" }] } });
    let manifest = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "once" }, "spec": { "template": template } });
    executed(&world, "r", automatic(job.clone(), apply(&manifest)), 3).await;
    let jobs = world.objects("batch/v1", "Job", Some("shop"));
    let made = jobs.get("once").await.unwrap();
    // As its controller would; by default the server would leave the pods of a deleted Job behind.
    let owner = json!([{ "apiVersion": "batch/v1", "kind": "Job", "name": "once", "uid": made.metadata.uid, "controller": true }]);
    world
        .place(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "once-x", "namespace": "shop", "ownerReferences": owner },
            "spec": { "restartPolicy": "Never", "containers": [{ "name": "a", "image": "a" }] },
        }))
        .await;
    let ended = world.undo("r", "/jobs/").await;
    assert_eq!(ended.phase(), Phase::RolledBack, "{}", message(&ended));
    assert!(jobs.get_opt("once").await.unwrap().is_none());
    let gone = async {
        while world.pods("shop").get_opt("once-x").await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(100)).await; // pacing of a poll with a deadline
        }
    };
    soon("the garbage collector deletes the pod", gone).await;
}
