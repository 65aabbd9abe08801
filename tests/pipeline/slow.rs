//! What takes long: a pass of slow calls, and refusals that last. The tests move the clock, which only calls within the process
//! bear, so they are for the embedded store alone.

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use zen_agent::{
    category::Category,
    pipeline::{Pipeline, PipelineError},
    remediation::{Phase, StepName, ZenAgentRemediation},
};

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

#[tokio::test]
async fn a_listing_may_take_longer_than_a_call_about_one_object() {
    let world = World::new().await;
    world.create("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    let slow = world.tapped(Arc::new(|method, path: String| {
        let lists = method == http::Method::GET && path.ends_with("/zenagentremediations");
        async move {
            if lists {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
            None
        }
        .boxed()
    }));
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    slow.reconcile(HOME, "r").await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(20), "nothing was listed");
    tokio::time::resume();
    assert_eq!(world.drive(&slow, "r").await.phase(), Phase::Succeeded);
}

/// Longer than a refusal must last to be believed.
const LASTING: Duration = Duration::from_secs(31);

/// Looks, looks again when the refusal has lasted, and then until it asks no more.
async fn refused_for_long(world: &World, pipeline: &Pipeline, name: &str) -> ZenAgentRemediation {
    let progress = pipeline.reconcile(HOME, name).await.unwrap().unwrap();
    assert!(!progress.phase.is_terminal() && progress.next.is_some(), "one refusal is not believed: {progress:?}");
    tokio::time::pause();
    tokio::time::advance(LASTING).await;
    tokio::time::resume();
    world.drive(pipeline, name).await
}

#[tokio::test]
async fn a_missing_permission_ends_it_and_says_so_with_nothing_changed() {
    for writes_only in [false, true] {
        let world = World::new().await;
        world.create("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
        let refusing = move |method, path: String| path.contains("/pods/") && (!writes_only || is_write(&method, &path));
        let pipeline = world.tapped(Arc::new(move |method, path| {
            let refused = refusing(method, path);
            async move { refused.then_some(403) }.boxed()
        }));
        let ended = refused_for_long(&world, &pipeline, "r").await;
        assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "Forbidden"));
        assert!(message(&ended).contains("the tap refuses it"), "{}", message(&ended));
        assert_eq!(attempts(&ended, StepName::Execute), if writes_only { 2 } else { 0 });
        let begun = u8::from(writes_only);
        let execute = format!(r#"zen_agent_crd_processing_duration_seconds_count{{phase="execute",status="failed"}} {begun}"#);
        assert!(world.metrics.render().unwrap().contains(&execute));
        assert_eq!(world.pod_label("shop", "web-6d4cf56db6-x2x7p", "flag").await, None);
    }
}

#[tokio::test]
async fn a_permission_that_is_missing_half_way_undoes_the_first_half() {
    let world = World::new().await;
    world.create("zar-1", automatic(web_pod(), quarantine())).await;
    let pipeline = world.tapped(Arc::new(|method, path: String| {
        async move { (is_write(&method, &path) && path.contains("/pods/")).then_some(403) }.boxed()
    }));
    let ended = refused_for_long(&world, &pipeline, "zar-1").await;
    assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "Forbidden"));
    assert!(world.policies("shop").get_opt("zen-quarantine-zar-1").await.unwrap().is_none());
}

#[tokio::test]
async fn a_deletion_that_is_refused_ends_with_the_reason_and_the_pod_as_it_was() {
    for (name, action) in [("deleted", delete_pod()), ("evicted", evict())] {
        let world = World::new().await;
        let before = world.state(&web_pod()).await;
        world.create(name, unattended(web_pod(), action)).await;
        let refusing = world.tapped(Arc::new(|method, path: String| {
            let removes = method == http::Method::DELETE || path.ends_with("/eviction");
            async move { removes.then_some(403) }.boxed()
        }));
        let ended = refused_for_long(&world, &refusing, name).await;
        assert_eq!((ended.phase(), reason(&ended)), (Phase::Failed, "Forbidden"));
        assert_eq!(world.state(&web_pod()).await, before);
    }
}
