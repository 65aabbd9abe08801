//! Kubernetes Events: what people find on a remediation and on its target.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::FutureExt;
use k8s_openapi::api::events::v1::Event;
use kube::{Api, api::ListParams};
use zen_agent::{
    emergency::EmergencyStop,
    identity::Role,
    kube_events::Events,
    lease::Tenure,
    pipeline::Pipeline,
    policy::Guardrails,
    remediation::{
        Phase, ZenAgentRemediation,
        approval::{self, Decider},
    },
};

use crate::support::*;

/// Waits until so many Events had this outcome.
async fn counted(world: &World, outcome: &str, count: u64) {
    let counted = async {
        while world.metrics.events.with_label_values(&[outcome]).get() < count {
            tokio::time::sleep(Duration::from_millis(20)).await; // pacing of a poll with a deadline
        }
    };
    tokio::time::timeout(Duration::from_secs(120), counted).await.expect("the Events are dealt with in time");
}

/// The Events of a namespace about the object of this uid.
async fn about(world: &World, namespace: &str, uid: Option<&String>) -> Vec<Event> {
    assert!(uid.is_some());
    let listed = Api::<Event>::namespaced(world.client.clone(), namespace).list(&ListParams::default()).await.unwrap();
    listed.items.into_iter().filter(|event| event.regarding.as_ref().unwrap().uid.as_ref() == uid).collect()
}

/// Reason → type and note.
type Told = BTreeMap<String, (String, String)>;

async fn on_remediation(world: &World, object: &ZenAgentRemediation) -> Told {
    told(about(world, HOME, object.metadata.uid.as_ref()).await)
}

async fn on_target(world: &World, object: &ZenAgentRemediation) -> Told {
    let target = object.status.as_ref().unwrap().target.as_ref().unwrap();
    told(about(world, target.namespace.as_ref().unwrap(), target.uid.as_ref()).await)
}

fn told(events: Vec<Event>) -> Told {
    events.into_iter().map(|event| (event.reason.unwrap(), (event.type_.unwrap(), event.note.unwrap()))).collect()
}

fn reasons(told: &Told) -> Vec<&str> {
    told.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn each_transition_is_told_on_the_remediation_and_on_its_target() {
    let world = World::new().await;
    world.create("r", proposal(web_pod(), label(&[("flag", "falco")]))).await;
    let waiting = world.drive(&world.pipeline(), "r").await;
    let ada = Decider { subject: "ada", role: Role::Approver };
    approval::approve(&world.remediations(), &world.events, waiting, ada, Some("seen it")).await.unwrap();
    let done = world.drive(&world.pipeline(), "r").await;
    assert_eq!(done.phase(), Phase::Succeeded);
    counted(&world, "recorded", 8).await;
    let expected = ["RemediationApproved", "RemediationProposed", "RemediationStarted", "RemediationSucceeded"];
    let told = on_remediation(&world, &done).await;
    assert_eq!(reasons(&told), expected);
    assert_eq!(told["RemediationApproved"], ("Normal".to_owned(), "Approved: approved by ada (approver): seen it".to_owned()));
    let told = on_target(&world, &done).await;
    assert_eq!(reasons(&told), expected);
    // Those who may read the target's namespace do not read what an approver said.
    assert_eq!(told["RemediationApproved"].1, "label: Approved");
}

#[tokio::test]
async fn a_rollback_and_a_refusal_are_warnings() {
    let world = World::new().await;
    let ended = world.run("r", automatic(web_pod(), scale(0))).await;
    assert_eq!(ended.phase(), Phase::RolledBack);
    counted(&world, "recorded", 8).await;
    let told = on_target(&world, &ended).await;
    assert_eq!(reasons(&told), ["RemediationApproved", "RemediationRolledBack", "RemediationRollingBack", "RemediationStarted"]);
    assert_eq!(told["RemediationRolledBack"], ("Warning".to_owned(), "scale: ValidationTimedOut".to_owned()));
    let refused = world.run("refused", automatic(target("v1", "Pod", "shop", "no-such-pod"), quarantine())).await;
    counted(&world, "recorded", 9).await;
    let told = on_remediation(&world, &refused).await;
    assert_eq!(reasons(&told), ["RemediationFailed"]);
    assert_eq!(told["RemediationFailed"], ("Warning".to_owned(), "TargetNotFound: Pod no-such-pod was not found".to_owned()));
}

#[tokio::test]
async fn what_repeats_counts_up_one_event() {
    let world = World::new().await;
    let done = world.run("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    counted(&world, "recorded", 6).await;
    world.events.tell(None, &done);
    counted(&world, "recorded", 8).await;
    let told = about(&world, HOME, done.metadata.uid.as_ref()).await;
    let succeeded: Vec<_> = told.iter().filter(|event| event.reason.as_deref() == Some("RemediationSucceeded")).collect();
    assert_eq!(succeeded.len(), 1);
    assert_eq!(succeeded[0].series.as_ref().map(|series| series.count), Some(2));
}

#[tokio::test]
async fn an_event_that_is_refused_is_counted_and_stops_nothing() {
    let world = World::new().await;
    let refusing = tapped(world.client.clone(), Arc::new(|_, _| async { Some(403) }.boxed()));
    let events = Events::start(refusing, world.metrics.clone());
    let (metrics, tenure, never) = (world.metrics.clone(), Tenure::endless(), EmergencyStop::never());
    let pipeline = Pipeline::new(world.client.clone(), settings(), live(Guardrails::none()), events, metrics, tenure, never);
    world.create("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    assert_eq!(world.drive(&pipeline, "r").await.phase(), Phase::Succeeded);
    counted(&world, "failed", 6).await;
}
