//! The sample workloads and the stand-in for their controllers.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use zen_agent::{demo, pipeline::Settings, remediation::Phase};

use crate::support::*;

#[tokio::test]
async fn a_sample_workload_follows_so_that_scaling_it_and_rolling_it_out_succeed() {
    let world = World::new().await;
    let shutdown = CancellationToken::new();
    let controllers = tokio::spawn(demo::run_controllers(world.client.clone(), shutdown.clone()));
    let patient = Settings { validation_timeout: Duration::from_secs(20), ..settings() };
    let pipeline = world.set(patient);
    for (name, replicas) in [("down", 0), ("up", 2)] {
        world.create(name, automatic(target("apps/v1", "Deployment", "shop", "web"), scale(replicas))).await;
        assert_eq!(world.drive(&pipeline, name).await.phase(), Phase::Succeeded);
    }
    world.create("stateful", automatic(target("v1", "Pod", "jobs", "batch-0"), scale(1))).await;
    assert_eq!(world.drive(&pipeline, "stateful").await.phase(), Phase::Succeeded);
    let pod = || target("v1", "Pod", "jobs", "batch-0");
    let images = |name: &str| set_image(&[(name, "example.com/new:1")], &[]);
    for (name, spec) in [
        ("image", automatic(target("apps/v1", "Deployment", "shop", "web"), images("web"))),
        ("restarted", automatic(target("apps/v1", "Deployment", "shop", "web"), restart())),
        ("stateful-image", automatic(pod(), images("batch"))),
        ("stateful-restarted", automatic(pod(), restart())),
    ] {
        world.create(name, spec).await;
        assert_eq!(world.drive(&pipeline, name).await.phase(), Phase::Succeeded, "{name}");
    }
    shutdown.cancel();
    controllers.await.unwrap();
}
