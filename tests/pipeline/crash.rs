//! A crash after any write: whoever comes next ends it legally, with the target remediated or as it was.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures::FutureExt;
use zen_agent::{
    pipeline::{PipelineError, actions::QUARANTINE_LABEL},
    remediation::{Action, Phase, StepName, ZenAgentRemediation},
};

use crate::support::*;

const POD: &str = "web-6d4cf56db6-x2x7p";

/// Drives a remediation with an agent that dies after so many writes; `Ok` when it needs no more of them.
pub(crate) async fn die_after(world: &World, name: &str, writes: usize) -> Result<(), PipelineError> {
    let left = Arc::new(AtomicUsize::new(writes));
    let dead = Arc::new(AtomicUsize::new(usize::from(writes == 0)));
    let pipeline = world.tapped(Arc::new(move |method, path: String| {
        let (left, dead) = (left.clone(), dead.clone());
        async move {
            if dead.load(Ordering::SeqCst) == 1 {
                return Some(500);
            }
            if is_write(&method, &path) && left.fetch_sub(1, Ordering::SeqCst) == 1 {
                dead.store(1, Ordering::SeqCst);
            }
            None
        }
        .boxed()
    }));
    while let Some(wait) = pipeline.reconcile(HOME, name).await?.unwrap().next {
        tokio::time::sleep(wait).await;
    }
    Ok(())
}

/// Dies after 1, 2, 3 … writes of a remediation, each in a new world, and looks at how it ends.
async fn dies_anywhere(action: Action, ends: Phase, check: impl AsyncFn(&World, &ZenAgentRemediation)) {
    for writes in 1.. {
        assert!(writes < 16, "it never comes to an end");
        let world = World::new().await;
        world.create("zar-1", automatic(web_pod(), action.clone())).await;
        let survived = die_after(&world, "zar-1", writes).await.is_ok();
        let begun = world.get("zar-1").await;
        let ended = world.drive(&world.pipeline(), "zar-1").await;
        assert_eq!(ended.phase(), ends, "after {writes} writes: {}", message(&ended));
        // The state before the change is what the first agent recorded.
        assert_eq!(begun.status.as_ref().and_then(|s| s.previous.clone()), ended.status.as_ref().and_then(|s| s.previous.clone()));
        let cut_off = [StepName::Execute, StepName::Rollback]
            .into_iter()
            .find(|step| begun.step(*step).is_some_and(|step| step.state == zen_agent::remediation::StepState::Running));
        if let Some(step) = cut_off {
            assert_eq!(attempts(&ended, step), attempts(&begun, step) + 1, "after {writes} writes");
        }
        check(&world, &ended).await;
        if survived {
            return;
        }
    }
}

#[tokio::test]
async fn a_label_ends_set_whatever_write_the_agent_dies_after() {
    dies_anywhere(label(&[("flag", "falco")]), Phase::Succeeded, async |world, _| {
        assert_eq!(world.pod_label("shop", POD, "flag").await.as_deref(), Some("falco"));
    })
    .await;
}

#[tokio::test]
async fn a_quarantine_ends_in_place_whatever_write_the_agent_dies_after() {
    dies_anywhere(quarantine(), Phase::Succeeded, async |world, _| {
        assert_eq!(world.pod_label("shop", POD, QUARANTINE_LABEL).await.as_deref(), Some("zar-1"));
        assert!(world.policies("shop").get_opt("zen-quarantine-zar-1").await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_scaling_that_cannot_be_validated_ends_as_before_whatever_write_the_agent_dies_after() {
    dies_anywhere(scale(0), Phase::RolledBack, async |world, ended| {
        assert_eq!(reason(ended), "ValidationTimedOut");
        assert_eq!(world.replicas("shop", "web").await, 3);
    })
    .await;
}
