//! A pass of slow calls. It stops the clock, which only calls within the process bear, so it is for the embedded store alone.

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use zen_agent::{category::Category, pipeline::PipelineError, remediation::Phase};

use crate::support::*;

#[tokio::test]
async fn a_pass_of_slow_calls_is_cut_off_before_it_makes_its_worker_look_stuck() {
    let world = World::new().await;
    world.create("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    let slow = world.tapped(Arc::new(|_, _| tokio::time::sleep(Duration::from_secs(9)).map(|()| None).boxed()));
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let error = slow.reconcile(HOME, "r").await.unwrap_err();
    assert!(matches!(error, PipelineError::Timeout), "{error}");
    assert_eq!(error.category(), Category::Timeout);
    assert!(begun.elapsed() < Duration::from_secs(60));
    tokio::time::resume();
    assert_eq!(world.drive(&world.pipeline(), "r").await.phase(), Phase::Succeeded);
}
