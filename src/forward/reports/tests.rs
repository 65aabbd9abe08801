use std::{collections::BTreeMap, time::Instant};

use embedded_kube::{EmbeddedKube, Options};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::*;
use crate::{
    forward::{Event, Tool},
    spool::{Bounds, Record as _, Spool, Unreadable},
    telemetry::{Health, health::Degraded},
};

const DEADLINE: Duration = Duration::from_secs(120);
const POLICY: ReportKind = ReportKind::PolicyReports;
const VULNERABILITY: ReportKind = ReportKind::VulnerabilityReports;

/// A cluster, and what a forwarder has of it on disk.
struct Ground {
    _folders: [tempfile::TempDir; 2],
    kube: EmbeddedKube,
    spool: Spool<Event>,
    intake: Arc<Intake>,
    taken: Taken,
    metrics: Metrics,
}

impl Ground {
    /// `records` is how many events fit into a tool's share, `history` how many changes the API server remembers.
    async fn new(records: u64, history: usize) -> Self {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let kube = EmbeddedKube::open(folders[0].path(), Options { watch_history: history, ..Options::default() }).unwrap();
        let (folder, health) = (folders[1].path(), Health::default());
        let bounds = Bounds { records, bytes: u64::MAX };
        let spool = Spool::open(folder, bounds, Unreadable::Refuse, health.clone(), Degraded::ForwardSpool).unwrap();
        let metrics = Metrics::new();
        let intake = Arc::new(Intake::new("acme".parse().unwrap(), spool.clone(), metrics.clone()).await.unwrap());
        let taken = Taken::open(folder, health).unwrap();
        Self { _folders: folders, kube, spool, intake, taken, metrics }
    }

    fn client(&self) -> Client {
        self.kube.client("default")
    }

    async fn define(&self, kind: ReportKind) {
        let resource = kind.resource();
        let definition: CustomResourceDefinition = serde_json::from_value(json!({
            "metadata": { "name": format!("{}.{}", resource.plural, resource.group) },
            "spec": {
                "group": resource.group,
                "names": { "kind": resource.kind, "plural": resource.plural },
                "scope": "Namespaced",
                "versions": [{
                    "name": resource.version, "served": true, "storage": true,
                    "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } },
                }],
            },
        }))
        .unwrap();
        Api::all(self.client()).create(&PostParams::default(), &definition).await.unwrap();
    }

    fn api(&self, kind: ReportKind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client(), "default", &kind.resource())
    }

    async fn create(&self, kind: ReportKind, name: &str, content: Value) {
        let object = DynamicObject::new(name, &kind.resource()).data(content);
        self.api(kind).create(&PostParams::default(), &object).await.unwrap();
    }

    async fn change(&self, kind: ReportKind, name: &str, to: &str) {
        let patch = Patch::Merge(json!({ "metadata": { "labels": { "to": to } } }));
        self.api(kind).patch(name, &PatchParams::default(), &patch).await.unwrap();
    }

    async fn delete(&self, kind: ReportKind, name: &str) {
        self.api(kind).delete(name, &DeleteParams::default()).await.unwrap();
    }

    fn follow(&self, kind: ReportKind) -> Following {
        // As a process that starts.
        self.metrics.follows(kind, false);
        let follower = Follower::new(kind, self.client(), Arc::clone(&self.intake), self.taken.clone(), self.metrics.clone());
        Following(tokio::spawn(follower.run()))
    }

    fn is_followed(&self, kind: ReportKind) -> bool {
        let series = format!("zen_agent_forward_watch_up{{resource=\"{}\"}} 1", kind.as_str());
        self.metrics.render().unwrap().contains(&series)
    }

    /// Takes the first event of a tool out of the spool; the name of its report, and what it was changed to.
    async fn next(&self, tool: Tool) -> Option<(String, String)> {
        let event = self.spool.first(tool.prefix()).await.unwrap()?;
        let body: Value = serde_json::from_str(&event.body).unwrap();
        assert!(!event.body.contains("resourceVersion"), "{}", event.body);
        let of = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        self.spool.remove(event).await.unwrap();
        Some((of("/metadata/name"), of("/metadata/labels/to")))
    }

    /// All that wait.
    async fn all(&self, tool: Tool) -> Vec<(String, String)> {
        let mut events = Vec::new();
        while let Some(event) = self.next(tool).await {
            events.push(event);
        }
        events
    }
}

/// Ends with the test.
struct Following(JoinHandle<()>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Following {
    async fn end(mut self) {
        self.0.abort();
        drop((&mut self.0).await);
    }
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < DEADLINE, "it does not come to this: {what}");
        sleep(Duration::from_millis(10)).await; // pacing of a poll with a deadline
    }
}

fn fails() -> Value {
    json!({ "results": [{ "policy": "require-labels", "result": "fail" }] })
}

fn of(name: &str, to: &str) -> (String, String) {
    (name.to_owned(), to.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_taken_when_it_is_created_or_changed_and_by_no_start_once_more_and_is_forgotten_when_it_is_deleted() {
    let ground = Ground::new(1_000, 1_000).await;
    ground.define(POLICY).await;
    // More than a page, and one that is none.
    for number in 0..2 * PAGE {
        ground.create(POLICY, &format!("r{number}"), fails()).await;
    }
    ground.create(POLICY, "r00-none", json!({ "results": [{ "result": "fail" }] })).await;
    let following = ground.follow(POLICY);
    until("all are taken", async || ground.is_followed(POLICY)).await;
    let all = ground.all(Tool::Kyverno).await;
    assert_eq!(all, (0..2 * PAGE).map(|number| of(&format!("r{number}"), "")).collect::<Vec<_>>());
    assert!(ground.metrics.render().unwrap().contains("refused_total{code=\"schema_violation\"} 1"));
    assert_eq!(ground.taken.count(POLICY), u64::from(2 * PAGE));

    ground.change(POLICY, "r1", "x").await;
    ground.create(POLICY, "new", fails()).await;
    until("both are taken", async || ground.taken.count(POLICY) == u64::from(2 * PAGE) + 1).await;
    ground.delete(POLICY, "r2").await;
    until("one is forgotten", async || ground.taken.count(POLICY) == u64::from(2 * PAGE)).await;
    assert_eq!(ground.all(Tool::Kyverno).await, [of("r1", "x"), of("new", "")]);

    following.end().await;
    ground.change(POLICY, "r3", "y").await;
    ground.delete(POLICY, "r4").await;
    let _following = ground.follow(POLICY);
    until("it is followed again", async || ground.is_followed(POLICY)).await;
    assert_eq!(ground.all(Tool::Kyverno).await, [of("r3", "y")], "what was taken, and has not changed, was sent once more");
    assert_eq!(ground.taken.count(POLICY), u64::from(2 * PAGE) - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_has_the_watch_wait_and_nothing_is_lost_or_repeated_also_where_it_expires_meanwhile() {
    let ground = Ground::new(1, 4).await;
    ground.define(POLICY).await;
    for name in ["a", "b", "c"] {
        ground.create(POLICY, name, fails()).await;
    }
    let _following = ground.follow(POLICY);
    until("the spool is full", async || ground.spool.is_full(Tool::Kyverno) && ground.taken.count(POLICY) == 1).await;
    // More than the API server remembers, so that it can only be listed anew.
    for change in 0..9 {
        ground.change(POLICY, "a", &change.to_string()).await;
    }
    ground.create(POLICY, "d", fails()).await;
    let (mut arrived, begun) = (Vec::new(), Instant::now());
    while !ground.is_followed(POLICY) || ground.spool.is_full(Tool::Kyverno) || ground.taken.count(POLICY) < 4 {
        assert!(begun.elapsed() < DEADLINE, "only {arrived:?} arrived");
        assert!(ground.spool.held().borrow().of(Tool::Kyverno).records <= 1, "more than fits was taken");
        arrived.extend(ground.next(Tool::Kyverno).await);
        sleep(Duration::from_millis(10)).await; // pacing of a poll with a deadline
    }
    let mut times = BTreeMap::new();
    arrived.iter().for_each(|event| *times.entry(event.clone()).or_default() += 1);
    let once = [of("a", ""), of("a", "8"), of("b", ""), of("c", ""), of("d", "")];
    assert_eq!(times, once.map(|event| (event, 1)).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_is_not_defined_yet_is_waited_for_and_holds_up_no_other() {
    let ground = Ground::new(1_000, 1_000).await;
    ground.define(POLICY).await;
    ground.create(POLICY, "a", fails()).await;
    let _following = [VULNERABILITY, POLICY].map(|kind| ground.follow(kind));
    until("the one is followed", async || ground.is_followed(POLICY)).await;
    assert_eq!(ground.all(Tool::Kyverno).await, [of("a", "")]);
    assert!(!ground.is_followed(VULNERABILITY));
    ground.define(VULNERABILITY).await;
    ground.create(VULNERABILITY, "v", json!({ "report": { "summary": { "criticalCount": 1 } } })).await;
    until("so is the other", async || ground.is_followed(VULNERABILITY)).await;
    assert_eq!(ground.all(Tool::Trivy).await, [of("v", "")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_that_finds_the_same_at_another_time_is_passed_over_and_what_else_it_finds_is_taken() {
    let ground = Ground::new(1_000, 1_000).await;
    for kind in [POLICY, VULNERABILITY] {
        ground.define(kind).await;
    }
    let _following = [POLICY, VULNERABILITY].map(|kind| ground.follow(kind));
    let policy = |result: &str, at: u64| json!({ "results": [{ "policy": "require-labels", "result": result, "timestamp": { "seconds": at, "nanos": 0 } }] });
    let vulnerable = |count: u64, at: &str| json!({ "report": { "updateTimestamp": at, "summary": { "criticalCount": count } } });
    ground.create(POLICY, "p", policy("fail", 1)).await;
    ground.create(VULNERABILITY, "v", vulnerable(1, "2026-01-01T00:00:00Z")).await;
    until("both are taken", async || ground.taken.count(POLICY) + ground.taken.count(VULNERABILITY) == 2).await;
    let scans = [(POLICY, policy("fail", 2)), (POLICY, policy("pass", 3)), (POLICY, policy("fail", 4))];
    let more = ["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"].map(|at| (VULNERABILITY, vulnerable(1, at)));
    for (kind, scan) in scans.into_iter().chain(more).chain([(VULNERABILITY, vulnerable(2, "2026-01-04T00:00:00Z"))]) {
        let name = if kind == POLICY { "p" } else { "v" };
        ground.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(scan)).await.unwrap();
    }
    // Behind all of these.
    ground.create(POLICY, "q", fails()).await;
    ground.create(VULNERABILITY, "w", vulnerable(1, "2026-01-01T00:00:00Z")).await;
    until("the last are taken", async || ground.taken.count(POLICY) + ground.taken.count(VULNERABILITY) == 4).await;
    assert_eq!(ground.all(Tool::Kyverno).await, ["p", "p", "p", "q"].map(|name| of(name, "")));
    assert_eq!(ground.all(Tool::Trivy).await, ["v", "v", "w"].map(|name| of(name, "")));
}

#[test]
fn a_place_names_its_kind() {
    for kind in ReportKind::ALL {
        assert_eq!(taken::Last::source(&format!("{}/8aa1a7cb", kind.as_str())), Some(kind));
    }
}
