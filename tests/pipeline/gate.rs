//! Who decides, and what holds a remediation back.

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use kube::api::DeleteParams;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use zen_agent::{
    category::Category,
    emergency::EmergencyStop,
    fixtures::{self, Fixtures},
    key::ObjectKey,
    policy::{Budget, Guardrails, Policy},
    remediation::{Decision, Phase, RemediationSpec, StepName},
};

use crate::support::*;

fn nginx_pod() -> zen_agent::event::Target {
    target("v1", "Pod", "default", "nginx-6d4cf56db6-7bzkm")
}

#[tokio::test]
async fn a_proposal_waits_and_nothing_is_touched() {
    let world = World::new().await;
    let waiting = world.run("r", proposal(web_pod(), label(&[("flag", "falco")]))).await;
    assert_eq!(waiting.phase(), Phase::Pending);
    assert_eq!(condition(&waiting, "Approved"), ("False", "WaitingForApproval"));
    assert_eq!(world.pod_label("shop", "web-6d4cf56db6-x2x7p", "flag").await, None);
    // Looking again writes nothing.
    let again = world.drive(&world.pipeline(), "r").await;
    assert_eq!(again.metadata.resource_version, waiting.metadata.resource_version);
}

#[tokio::test]
async fn an_approval_at_creation_counts_as_one() {
    let world = World::new().await;
    let now = Timestamp::now();
    let spec = proposal(web_pod(), label(&[("flag", "saas")]));
    let done = world.run("r", RemediationSpec { approved_by: Some("ada".into()), approved_at: Some(Time(now)), ..spec }).await;
    assert_eq!(done.phase(), Phase::Succeeded);
    assert_eq!(condition(&done, "Approved"), ("True", "ApprovedAtCreation"));
    let approval = done.status.unwrap().approval.unwrap();
    assert_eq!((approval.by.as_str(), approval.decision), ("ada", Decision::Approved));
}

#[tokio::test]
async fn beyond_the_budget_an_automatic_remediation_becomes_a_proposal() {
    let world = World::new().await;
    let budget = Budget { per_namespace: 2, window: Duration::from_secs(3_600) };
    let pipeline = world.guarded(Guardrails { budget: Some(budget), ..Guardrails::none() });
    for (name, pod) in [("a", "web-6d4cf56db6-x2x7p"), ("b", "web-6d4cf56db6-h9lqd"), ("c", "web-6d4cf56db6-t4zvk")] {
        world.create(name, automatic(target("v1", "Pod", "shop", pod), label(&[("flag", "falco")]))).await;
    }
    assert_eq!(world.drive(&pipeline, "a").await.phase(), Phase::Succeeded);
    assert_eq!(world.drive(&pipeline, "b").await.phase(), Phase::Succeeded);
    // Also for a pipeline that has seen none of it.
    let fresh = world.guarded(Guardrails { budget: Some(budget), ..Guardrails::none() });
    let third = world.drive(&fresh, "c").await;
    assert_eq!((third.phase(), condition(&third, "Approved")), (Phase::Pending, ("False", "BudgetExceeded")));
    // Another namespace has its own.
    world.create("d", automatic(nginx_pod(), label(&[("flag", "falco")]))).await;
    assert_eq!(world.drive(&pipeline, "d").await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn what_used_up_the_budget_counts_wherever_it_is_listed_and_also_when_it_is_deleted() {
    let world = World::new().await;
    let budget = Budget { per_namespace: 1, window: Duration::from_secs(3_600) };
    let guarded = || world.guarded(Guardrails { budget: Some(budget), ..Guardrails::none() });
    // More than two pages, before the one that counts.
    let others = Fixtures::new(1, Timestamp::now()).namespace(HOME).batch("a").status(Phase::Failed).generate(1_100);
    fixtures::create(&world.remediations(), others, 64).await.unwrap();
    world.create("z-first", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    assert_eq!(world.drive(&guarded(), "z-first").await.phase(), Phase::Succeeded);
    let pipeline = guarded();
    world.create("z-second", automatic(web_pod(), quarantine())).await;
    assert_eq!(reason(&world.drive(&pipeline, "z-second").await), "BudgetExceeded");
    world.remediations().delete("z-first", &DeleteParams::default()).await.unwrap();
    world.create("z-third", automatic(web_pod(), quarantine())).await;
    assert_eq!(reason(&world.drive(&pipeline, "z-third").await), "BudgetExceeded");
}

#[tokio::test]
async fn a_policy_that_looks_further_back_counts_what_the_former_one_had_forgotten() {
    let world = World::new().await;
    let within =
        |seconds| Guardrails { budget: Some(Budget { per_namespace: 1, window: Duration::from_secs(seconds) }), ..Guardrails::none() };
    let policy = live(within(0));
    let pipeline = world.under(policy.clone());
    for (name, after) in [("first", "Validated"), ("second", "Validated"), ("third", "BudgetExceeded")] {
        if name == "third" {
            policy.replace(Policy::observing(within(3_600)));
        }
        world.create(name, automatic(web_pod(), label(&[("flag", name)]))).await;
        assert_eq!(reason(&world.drive(&pipeline, name).await), after, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_place_of_a_budget_is_given_once_however_many_come_at_the_same_time() {
    let world = World::new().await;
    let budget = Budget { per_namespace: 1, window: Duration::from_secs(3_600) };
    let pipeline = Arc::new(world.guarded(Guardrails { budget: Some(budget), ..Guardrails::none() }));
    let names = ["web-6d4cf56db6-x2x7p", "web-6d4cf56db6-h9lqd", "web-6d4cf56db6-t4zvk"];
    for pod in names {
        world.create(pod, automatic(target("v1", "Pod", "shop", pod), label(&[("flag", "falco")]))).await;
    }
    let workers = names.map(|name| {
        let pipeline = pipeline.clone();
        tokio::spawn(async move { pipeline.reconcile(HOME, name).await })
    });
    futures::future::try_join_all(workers).await.unwrap();
    let ended = futures::future::join_all(names.map(|name| world.get(name))).await;
    assert_eq!(ended.iter().filter(|remediation| remediation.phase() == Phase::Succeeded).count(), 1);
    assert_eq!(ended.iter().filter(|remediation| reason(remediation) == "BudgetExceeded").count(), 2);
}

#[tokio::test]
async fn within_the_cool_down_of_its_target_an_automatic_remediation_becomes_a_proposal() {
    let world = World::new().await;
    let pipeline = world.guarded(Guardrails { cooldown: Some(Duration::from_secs(600)), ..Guardrails::none() });
    world.create("first", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    world.create("second", automatic(web_pod(), quarantine())).await;
    world.create("elsewhere", automatic(nginx_pod(), label(&[("flag", "falco")]))).await;
    assert_eq!(world.drive(&pipeline, "first").await.phase(), Phase::Succeeded);
    let second = world.drive(&pipeline, "second").await;
    assert_eq!((second.phase(), condition(&second, "Approved")), (Phase::Pending, ("False", "CoolDown")));
    assert_eq!(world.drive(&pipeline, "elsewhere").await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn a_finding_that_was_too_old_fails() {
    let world = World::new().await;
    let pipeline = world.guarded(Guardrails { staleness: Some(Duration::from_secs(3_600)), ..Guardrails::none() });
    let seen = |seconds_ago: i64| Some(MicroTime(Timestamp::from_second(Timestamp::now().as_second() - seconds_ago).unwrap()));
    world.create("old", RemediationSpec { event_time: seen(7_200), ..automatic(web_pod(), quarantine()) }).await;
    world.create("new", RemediationSpec { event_time: seen(60), ..automatic(web_pod(), quarantine()) }).await;
    let old = world.drive(&pipeline, "old").await;
    assert_eq!((old.phase(), reason(&old)), (Phase::Failed, "Stale"));
    assert_eq!(world.drive(&pipeline, "new").await.phase(), Phase::Succeeded);
}

#[tokio::test]
async fn a_scheduled_remediation_is_held_until_its_time() {
    let world = World::new().await;
    let hour = SignedDuration::from_hours(1);
    let later = Some(Time(Timestamp::now() + hour));
    world.create("r", RemediationSpec { scheduled_time: later, ..automatic(web_pod(), label(&[("flag", "falco")])) }).await;
    let pipeline = world.pipeline();
    let progress = pipeline.reconcile(HOME, "r").await.unwrap().unwrap();
    assert_eq!(progress.phase, Phase::Pending);
    assert!(progress.next.is_some_and(|wait| !wait.is_zero() && wait <= hour.unsigned_abs()), "{progress:?}");
    assert_eq!(condition(&world.get("r").await, "Held"), ("True", "Scheduled"));
    assert_eq!(world.pod_label("shop", "web-6d4cf56db6-x2x7p", "flag").await, None);
    // However long the machine takes for what is above and below, it is not begun before its time.
    let soon = Timestamp::from_second(Timestamp::now().as_second() + 2).unwrap();
    world.create("soon", RemediationSpec { scheduled_time: Some(Time(soon)), ..automatic(nginx_pod(), label(&[("flag", "falco")])) }).await;
    let done = world.drive(&pipeline, "soon").await;
    assert_eq!(done.phase(), Phase::Succeeded, "{}", message(&done));
    assert!(done.step(StepName::Execute).unwrap().started_at.0 >= soon);
}

#[tokio::test]
async fn in_dry_run_mode_nothing_is_changed() {
    let world = World::new().await;
    let pipeline = world.guarded(Guardrails { dry_run: true, ..Guardrails::none() });
    world.create("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    let held = world.drive(&pipeline, "r").await;
    assert_eq!((held.phase(), condition(&held, "Held")), (Phase::Pending, ("True", "DryRun")));
    assert_eq!(world.pod_label("shop", "web-6d4cf56db6-x2x7p", "flag").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_come_for_one_target_at_the_same_time_one_begins() {
    let world = World::new().await;
    let pipeline = Arc::new(world.set(patient()));
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    for name in names {
        world.create(name, automatic(web_pod(), scale(0))).await;
    }
    let workers = names.map(|name| {
        let pipeline = pipeline.clone();
        tokio::spawn(async move { pipeline.reconcile(HOME, name).await.unwrap().unwrap().phase })
    });
    let phases = futures::future::try_join_all(workers).await.unwrap();
    assert_eq!(phases.iter().filter(|phase| **phase == Phase::InProgress).count(), 1);
    assert_eq!(phases.iter().filter(|phase| **phase == Phase::Pending).count(), 7);
}

#[tokio::test]
async fn a_target_is_taken_while_the_claim_on_it_is_still_being_written() {
    within_a_call(async || {
        let world = World::new().await;
        world.create("first", automatic(web_pod(), scale(0))).await;
        world.create("second", automatic(web_pod(), scale(1))).await;
        let (arrived, go_on) = (Arc::new(Notify::new()), CancellationToken::new());
        let (seen, gate) = (arrived.clone(), go_on.clone());
        let tap: Tap = Arc::new(move |_, path: String| {
            let (seen, gate) = (seen.clone(), gate.clone());
            async move {
                if path.ends_with("/first/status") {
                    seen.notify_one();
                    gate.cancelled().await;
                }
                None
            }
            .boxed()
        });
        let pipeline = Arc::new(world.set_through(tapped(world.client.clone(), tap), patient()));
        let claims = pipeline.clone();
        let first = tokio::spawn(async move { claims.reconcile(HOME, "first").await });
        arrived.notified().await;
        assert_eq!(pipeline.reconcile(HOME, "second").await.unwrap().unwrap().phase, Phase::Pending);
        assert_eq!(condition(&world.get("second").await, "Held"), ("True", "TargetBusy"));
        go_on.cancel();
        match first.await.unwrap() {
            Err(error) if error.category() == Category::Timeout => return None,
            claimed => assert_eq!(claimed.unwrap().unwrap().phase, Phase::InProgress),
        }
        Some(())
    })
    .await;
}

#[tokio::test]
async fn one_remediation_works_on_a_target_at_a_time() {
    let world = World::new().await;
    let pipeline = world.set(patient());
    world.create("first", automatic(web_pod(), scale(0))).await;
    world.create("second", automatic(target("apps/v1", "Deployment", "shop", "web"), scale(1))).await;
    assert_eq!(pipeline.reconcile(HOME, "first").await.unwrap().unwrap().phase, Phase::InProgress);
    for pipeline in [&pipeline, &world.pipeline()] {
        let progress = pipeline.reconcile(HOME, "second").await.unwrap().unwrap();
        assert!(progress.phase == Phase::Pending && progress.next.is_some());
        assert_eq!(condition(&world.get("second").await, "Held"), ("True", "TargetBusy"));
    }
    world.settle("shop", "web").await;
    let ended = pipeline.reconcile(HOME, "first").await.unwrap().unwrap();
    assert_eq!((ended.phase, ended.wakes), (Phase::Succeeded, Some(ObjectKey::new(HOME, "second"))));
    assert_eq!(pipeline.reconcile(HOME, "second").await.unwrap().unwrap().phase, Phase::InProgress);
    world.settle("shop", "web").await;
    assert_eq!(world.drive(&pipeline, "second").await.phase(), Phase::Succeeded);
    assert_eq!(world.replicas("shop", "web").await, 1);
}

#[tokio::test]
async fn what_people_approved_does_not_use_up_the_budget_nor_start_a_cool_down() {
    let world = World::new().await;
    let spec = proposal(web_pod(), label(&[("flag", "saas")]));
    let approved = RemediationSpec { approved_by: Some("ada".into()), approved_at: Some(Time(Timestamp::now())), ..spec };
    assert_eq!(world.run("approved", approved).await.phase(), Phase::Succeeded);
    let budget = Budget { per_namespace: 1, window: Duration::from_secs(3_600) };
    let pipeline = world.guarded(Guardrails { budget: Some(budget), cooldown: Some(Duration::from_secs(600)), ..Guardrails::none() });
    world.create("automatic", automatic(web_pod(), quarantine())).await;
    assert_eq!(world.drive(&pipeline, "automatic").await.phase(), Phase::Succeeded);
    world.create("next", automatic(target("v1", "Pod", "shop", "web-6d4cf56db6-h9lqd"), quarantine())).await;
    assert_eq!(reason(&world.drive(&pipeline, "next").await), "BudgetExceeded");
}

#[tokio::test]
async fn no_tenant_reads_the_names_of_another_tenants_remediations() {
    let world = World::new().await;
    let guardrails = Guardrails { cooldown: Some(Duration::from_secs(600)), ..Guardrails::none() };
    let pipeline = world.make(world.client.clone(), patient(), live(guardrails), EmergencyStop::never());
    let create = async |name: &str, tenant: &str, spec: RemediationSpec| {
        world.create(name, spec).await;
        world.patch(name, serde_json::json!({ "metadata": { "labels": { "zen.kube-zen.io/tenant": tenant } } })).await;
    };
    create("running", "red", automatic(web_pod(), scale(0))).await;
    assert_eq!(pipeline.reconcile(HOME, "running").await.unwrap().unwrap().phase, Phase::InProgress);
    create("done", "red", automatic(nginx_pod(), label(&[("flag", "falco")]))).await;
    assert_eq!(world.drive(&pipeline, "done").await.phase(), Phase::Succeeded);
    for (tenant, cool) in [("red", "remediation zen-agent/done "), ("blue", "another ")] {
        let spec =
            RemediationSpec { approved_by: Some("ada".into()), approved_at: Some(Time(Timestamp::now())), ..proposal(web_pod(), scale(1)) };
        create(&format!("waits-{tenant}"), tenant, spec).await;
        pipeline.reconcile(HOME, &format!("waits-{tenant}")).await.unwrap();
        let waits = world.get(&format!("waits-{tenant}")).await;
        assert_eq!(reason(&waits), "TargetBusy");
        assert!(message(&waits).starts_with("another "), "{}", message(&waits));
        create(&format!("cool-{tenant}"), tenant, automatic(nginx_pod(), label(&[("flag", "trivy")]))).await;
        let cool = (world.drive(&pipeline, &format!("cool-{tenant}")).await, cool);
        assert_eq!(reason(&cool.0), "CoolDown");
        assert!(message(&cool.0).starts_with(cool.1), "{}", message(&cool.0));
    }
}

#[tokio::test]
async fn what_becomes_a_proposal_is_no_longer_held() {
    let world = World::new().await;
    let dry = world.guarded(Guardrails { dry_run: true, ..Guardrails::none() });
    world.create("r", automatic(web_pod(), label(&[("flag", "falco")]))).await;
    assert_eq!(condition(&world.drive(&dry, "r").await, "Held"), ("True", "DryRun"));
    let spent = Budget { per_namespace: 0, window: Duration::from_secs(3_600) };
    let proposal = world.drive(&world.guarded(Guardrails { budget: Some(spent), ..Guardrails::none() }), "r").await;
    assert_eq!(condition(&proposal, "Approved"), ("False", "BudgetExceeded"));
    assert_eq!(condition(&proposal, "Held"), ("False", "Released"));
}
