//! The emergency stop: nothing is changed while it is set, and everything goes on once it is lifted.

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, future::pending};
use tokio::{sync::Notify, time::timeout};
use zen_agent::{
    emergency::{EmergencyStop, Halt, Order},
    remediation::{Phase, StepName},
};

use crate::support::*;

const PATIENCE: Duration = Duration::from_secs(120);

fn halt() -> Option<Order> {
    Some(Order::Halt(Halt::Ordered { by: Some("ada".into()), reason: Some("an incident".into()) }))
}

#[tokio::test]
async fn while_it_is_set_nothing_is_begun_and_then_it_goes_on() {
    let world = World::new().await;
    let (orders, stop) = EmergencyStop::new();
    orders.send_replace(halt());
    let pipeline = world.stoppable(world.client.clone(), stop);
    world.create("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    let held = world.drive(&pipeline, "r").await;
    assert_eq!((held.phase(), condition(&held, "Held")), (Phase::Pending, ("True", "EmergencyStop")));
    // Who set it, and why, is not every tenant's business.
    assert_eq!(message(&held), "the emergency stop is set");
    assert_eq!(world.pod_label("shop", "web-6d4cf56db6-x2x7p", "flag").await, None);
    orders.send_replace(Some(Order::Proceed));
    let done = world.drive(&pipeline, "r").await;
    assert_eq!((done.phase(), condition(&done, "Held")), (Phase::Succeeded, ("False", "Released")));
}

#[tokio::test]
async fn before_the_first_order_nothing_is_begun() {
    let world = World::new().await;
    let (_orders, stop) = EmergencyStop::new();
    world.create("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    let held = world.drive(&world.stoppable(world.client.clone(), stop), "r").await;
    assert_eq!((held.phase(), condition(&held, "Held")), (Phase::Pending, ("True", "EmergencyStop")));
}

#[tokio::test]
async fn a_call_under_way_is_cut_off_and_gone_on_with_afterwards() {
    let world = World::new().await;
    let (orders, stop) = EmergencyStop::new();
    orders.send_replace(Some(Order::Proceed));
    // The write of the target never gets there.
    let arrived = Arc::new(Notify::new());
    let seen = arrived.clone();
    let client = tapped(
        world.client.clone(),
        Arc::new(move |method, path: String| {
            let seen = seen.clone();
            async move {
                if method == http::Method::PATCH && path.contains("/pods/") {
                    seen.notify_one();
                    pending::<()>().await;
                }
                None
            }
            .boxed()
        }),
    );
    let pipeline = Arc::new(world.stoppable(client, stop.clone()));
    world.create("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    let works = tokio::spawn({
        let pipeline = pipeline.clone();
        async move { pipeline.reconcile(HOME, "r").await.unwrap().unwrap() }
    });
    timeout(PATIENCE, arrived.notified()).await.unwrap();
    orders.send_replace(halt());
    let progress = timeout(PATIENCE, works).await.unwrap().unwrap();
    assert_eq!((progress.phase, progress.next), (Phase::InProgress, None));
    let held = world.get("r").await;
    assert_eq!(condition(&held, "Held"), ("True", "EmergencyStop"));
    orders.send_replace(Some(Order::Proceed));
    let done = world.drive(&world.stoppable(world.client.clone(), stop), "r").await;
    assert_eq!((done.phase(), condition(&done, "Held")), (Phase::Succeeded, ("False", "Released")));
    assert_eq!(attempts(&done, StepName::Execute), 2);
}

#[tokio::test]
async fn a_rollback_is_halted_too_and_ends_with_the_reason_that_it_was_begun_for() {
    let world = World::new().await;
    let (orders, stop) = EmergencyStop::new();
    orders.send_replace(Some(Order::Proceed));
    let pipeline = world.stoppable(world.client.clone(), stop);
    world.create("r", automatic(web_pod(), scale(0))).await;
    assert_eq!(world.set(patient()).reconcile(HOME, "r").await.unwrap().unwrap().phase, Phase::InProgress);
    orders.send_replace(halt());
    // The workload does not follow: validation, which changes nothing, runs out of time.
    let halted = world.drive(&pipeline, "r").await;
    assert_eq!((halted.phase(), condition(&halted, "Held")), (Phase::InProgress, ("True", "EmergencyStop")));
    assert!(halted.step(StepName::Rollback).is_some());
    assert_eq!(world.replicas("shop", "web").await, 0);
    orders.send_replace(Some(Order::Proceed));
    let done = world.drive(&pipeline, "r").await;
    assert_eq!((done.phase(), reason(&done)), (Phase::RolledBack, "ValidationTimedOut"));
    assert_eq!((world.replicas("shop", "web").await, condition(&done, "Held")), (3, ("False", "Released")));
}
