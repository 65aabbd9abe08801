use std::{
    collections::HashMap,
    future::{Future, pending},
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    time::Duration,
};

use kube::Api;
use serde_json::json;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use zen_agent::{
    category::Category,
    heartbeat::BEAT,
    informer::{self, remediations},
    key::ObjectKey,
    queue::{Backoff, Priority},
    remediation::Phase,
    telemetry::Metrics,
    worker::{Backlog, Config, Drained, Next, Pool, Process, ProcessError, Processed, Refused},
};

use crate::{fake::Fake, soon};

fn backoff() -> Backoff {
    Backoff { base: Duration::from_millis(2), max: Duration::from_millis(8) }
}

fn pool(workers: usize, queue: usize, process: impl Process) -> (Pool, Backlog, Metrics) {
    let metrics = Metrics::new();
    let backlog = Backlog::new(backoff(), 1, metrics.queue_depth.clone());
    let config = Config { workers: NonZeroUsize::new(workers).unwrap(), queue: NonZeroUsize::new(queue).unwrap() };
    (Pool::start(config, backlog.clone(), metrics.clone(), process), backlog, metrics)
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("zen", name)
}

const DONE: Option<Processed> = Some(Processed { phase: Phase::Succeeded, next: Next::Done, wakes: None });

/// Work that reports its beginning, and ends when the test allows it to.
#[derive(Clone)]
struct Gated {
    begun: mpsc::UnboundedSender<String>,
    gate: Arc<Semaphore>,
}

impl Gated {
    fn new() -> (Self, mpsc::UnboundedReceiver<String>) {
        let (begun, begins) = mpsc::unbounded_channel();
        (Self { begun, gate: Arc::new(Semaphore::new(0)) }, begins)
    }
}

impl Process for Gated {
    async fn process(&self, key: ObjectKey) -> Result<Option<Processed>, ProcessError> {
        self.begun.send(key.name).unwrap();
        self.gate.acquire().await.unwrap().forget();
        Ok(DONE)
    }
}

/// Work that a closure decides, by name and by how often it was tried before.
struct Scripted<F> {
    script: F,
    tries: Mutex<HashMap<String, u32>>,
    done: mpsc::UnboundedSender<(String, u32)>,
}

impl<F: Fn(&str, u32) -> Result<Option<Processed>, ProcessError> + Send + Sync + 'static> Process for Scripted<F> {
    async fn process(&self, key: ObjectKey) -> Result<Option<Processed>, ProcessError> {
        let tries = {
            let mut tries = self.tries.lock().unwrap();
            let entry = tries.entry(key.name.clone()).or_default();
            *entry += 1;
            *entry
        };
        self.done.send((key.name.clone(), tries)).unwrap();
        (self.script)(&key.name, tries)
    }
}

fn scripted<F>(script: F) -> (Scripted<F>, mpsc::UnboundedReceiver<(String, u32)>)
where
    F: Fn(&str, u32) -> Result<Option<Processed>, ProcessError> + Send + Sync + 'static,
{
    let (done, tries) = mpsc::unbounded_channel();
    (Scripted { script, tries: Mutex::default(), done }, tries)
}

/// Waits, without a clock, until something holds that other tasks bring about.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    soon(what, async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Runs `test` beside the pool's dispatcher.
async fn dispatched<T>(pool: &Pool, test: impl Future<Output = T>) -> T {
    let shutdown = CancellationToken::new();
    tokio::select! {
        () = pool.dispatch(&shutdown) => unreachable!("nobody stops it"),
        result = test => result,
    }
}

#[tokio::test]
async fn a_full_queue_hands_the_key_back_at_once_or_lets_the_caller_wait() {
    let (work, mut begins) = Gated::new();
    let (pool, _, metrics) = pool(1, 2, work.clone());
    pool.try_enqueue(key("a")).unwrap();
    assert_eq!(soon("a begins", begins.recv()).await.unwrap(), "a");
    pool.try_enqueue(key("b")).unwrap();
    pool.try_enqueue(key("c")).unwrap();
    assert_eq!(pool.try_enqueue(key("d")), Err(Refused::Full(key("d"))));
    assert_eq!((pool.queue_size(), pool.active_workers()), (2, 1));
    assert_eq!((metrics.queue_depth.get(), metrics.workers_active.get()), (2, 1));
    {
        let waiting = pool.enqueue(key("d"));
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        work.gate.add_permits(1);
        soon("there is room", waiting).await.unwrap();
    }
    work.gate.add_permits(3);
    eventually("all is done", || metrics.queue_depth.get() == 0 && metrics.workers_active.get() == 0).await;
    assert!(metrics.render().unwrap().contains("work_processed_total{status=\"succeeded\"} 4"));
}

#[tokio::test]
async fn no_more_than_the_workers_are_active_and_the_rest_waits_in_the_backlog() {
    let (work, mut begins) = Gated::new();
    let (pool, backlog, metrics) = pool(3, 2, work.clone());
    for index in 0..20 {
        backlog.add(&key(&index.to_string()), Priority::Normal);
    }
    assert_eq!(metrics.queue_depth.get(), 20);
    dispatched(&pool, async {
        for _ in 0..3 {
            soon("work begins", begins.recv()).await.unwrap();
        }
        eventually("the queue fills", || pool.queue_size() == 2).await;
        assert_eq!((pool.active_workers(), backlog.len()), (3, 15));
        assert_eq!(metrics.queue_depth.get(), 17);
        work.gate.add_permits(20);
        for _ in 3..20 {
            soon("work begins", begins.recv()).await.unwrap();
        }
        eventually("all is done", || pool.active_workers() == 0 && pool.queue_size() == 0).await;
    })
    .await;
    assert_eq!(metrics.queue_depth.get(), 0);
}

#[tokio::test]
async fn a_key_that_changes_while_it_is_worked_on_is_worked_on_once_more_and_never_twice_at_once() {
    let (work, mut begins) = Gated::new();
    let (pool, backlog, _) = pool(4, 4, work.clone());
    dispatched(&pool, async {
        backlog.add(&key("a"), Priority::Normal);
        soon("a begins", begins.recv()).await.unwrap();
        for _ in 0..5 {
            backlog.add(&key("a"), Priority::Normal);
            pool.try_enqueue(key("a")).unwrap();
        }
        backlog.add(&key("b"), Priority::Normal);
        assert_eq!(soon("b begins", begins.recv()).await.unwrap(), "b", "a is not begun again beside itself");
        work.gate.add_permits(2);
        assert_eq!(soon("a begins again", begins.recv()).await.unwrap(), "a");
        work.gate.add_permits(1);
        eventually("all is done", || pool.active_workers() == 0).await;
        assert!(begins.try_recv().is_err(), "and only once more");
    })
    .await;
}

#[tokio::test]
async fn a_panic_is_contained_counted_and_tried_again() {
    let (work, mut tries) = scripted(|name, tries| {
        assert!(name != "bad" || tries > 2, "a defect");
        Ok(DONE)
    });
    let (pool, backlog, metrics) = pool(1, 1, work);
    dispatched(&pool, async {
        backlog.add(&key("bad"), Priority::Normal);
        backlog.add(&key("good"), Priority::Normal);
        let mut seen = Vec::new();
        while seen.len() < 4 {
            seen.push(soon("work", tries.recv()).await.unwrap());
        }
        assert!(seen.contains(&("good".to_owned(), 1)) && seen.contains(&("bad".to_owned(), 3)));
    })
    .await;
    assert_eq!(metrics.panics.get(), 2);
    assert!(metrics.render().unwrap().contains("work_processed_total{status=\"failed\"} 2"));
}

#[tokio::test]
async fn the_category_of_a_failure_decides_whether_it_is_tried_again() {
    let (work, mut tries) = scripted(|name, tries| {
        let category = match name {
            "transient" | "conflict" | "forbidden" if tries > 3 => return Ok(DONE),
            "transient" => Category::Transient,
            "conflict" => Category::Conflict,
            "forbidden" => Category::Forbidden,
            _ => Category::Validation,
        };
        Err(ProcessError { category, source: "no".into() })
    });
    let (pool, backlog, metrics) = pool(2, 2, work);
    dispatched(&pool, async {
        for name in ["transient", "conflict", "forbidden", "invalid"] {
            backlog.add(&key(name), Priority::Normal);
        }
        let mut seen = HashMap::new();
        while seen.values().sum::<u32>() < 13 {
            let (name, tries) = soon("work", tries.recv()).await.unwrap();
            seen.insert(name, tries);
        }
        assert_eq!(seen["invalid"], 1, "repeating changes nothing");
        eventually("the last settles", || pool.active_workers() == 0).await;
        backlog.add(&key("invalid"), Priority::Normal);
        assert_eq!(soon("a change brings it again", tries.recv()).await.unwrap(), ("invalid".to_owned(), 2));
    })
    .await;
    assert_eq!(metrics.panics.get(), 0);
}

#[tokio::test]
async fn neither_a_conflict_nor_an_object_that_is_gone_counts_as_a_failure() {
    let (work, mut tries) = scripted(|name, tries| match (name, tries) {
        ("conflict", 1) => Err(ProcessError { category: Category::Conflict, source: "no".into() }),
        ("away", 1) => Err(ProcessError { category: Category::Timeout, source: "no".into() }),
        ("gone", _) => Ok(None),
        ("gone-meanwhile", _) => Err(ProcessError { category: Category::NotFound, source: "no".into() }),
        _ => Ok(DONE),
    });
    let (pool, backlog, metrics) = pool(1, 1, work);
    dispatched(&pool, async {
        for name in ["gone", "gone-meanwhile", "conflict", "away"] {
            backlog.add(&key(name), Priority::Normal);
        }
        for _ in 0..6 {
            soon("work", tries.recv()).await.unwrap();
        }
        eventually("the last settles", || pool.active_workers() == 0).await;
    })
    .await;
    let text = metrics.render().unwrap();
    for counted in ["\"succeeded\"} 2", "\"failed\"} 1", "\"unknown\"} 0"] {
        assert!(text.contains(&format!("work_processed_total{{status={counted}")), "{text}");
    }
}

#[tokio::test]
async fn work_that_asks_to_be_continued_comes_again_after_that_time() {
    let again = Some(Processed { phase: Phase::InProgress, next: Next::After(Duration::from_millis(5)), wakes: None });
    let (work, mut tries) = scripted(move |_, tries| Ok(if tries < 3 { again.clone() } else { DONE }));
    let (pool, backlog, _) = pool(1, 1, work);
    dispatched(&pool, async {
        backlog.add(&key("a"), Priority::Normal);
        for attempt in 1..=3 {
            assert_eq!(soon("work", tries.recv()).await.unwrap(), ("a".to_owned(), attempt));
        }
    })
    .await;
}

#[tokio::test]
async fn what_waited_for_work_that_is_done_is_worked_on_next() {
    let (work, mut tries) = scripted(|name, _| Ok(DONE.map(|done| Processed { wakes: (name == "first").then(|| key("second")), ..done })));
    let (pool, backlog, _) = pool(1, 1, work);
    backlog.add_after(&key("second"), Duration::from_secs(3_600));
    dispatched(&pool, async {
        backlog.add(&key("first"), Priority::Normal);
        for name in ["first", "second"] {
            assert_eq!(soon("work", tries.recv()).await.unwrap().0, name);
        }
    })
    .await;
}

#[tokio::test]
async fn a_drain_lets_work_finish_hands_back_the_rest_and_takes_nothing_more() {
    let (work, mut begins) = Gated::new();
    let (first, backlog, metrics) = pool(1, 2, work.clone());
    for name in ["a", "b", "c"] {
        soon("there is room", first.enqueue(key(name))).await.unwrap();
    }
    soon("a begins", begins.recv()).await.unwrap();
    let drain = first.drain(Duration::from_secs(20));
    tokio::pin!(drain);
    assert!(futures::poll!(&mut drain).is_pending());
    assert_eq!(first.try_enqueue(key("d")), Err(Refused::Closed(key("d"))));
    assert_eq!(first.enqueue(key("d")).await, Err(Refused::Closed(key("d"))));
    work.gate.add_permits(9);
    assert_eq!(soon("it is drained", drain).await, Drained { handed_back: 2, abandoned: 0 });
    assert!(begins.try_recv().is_err());
    assert_eq!((metrics.queue_depth.get(), backlog.len()), (2, 2));
    // The next pool on the same backlog does what the first one left.
    let config = Config { workers: NonZeroUsize::MIN, queue: NonZeroUsize::MIN };
    let next = Pool::start(config, backlog.clone(), metrics.clone(), work);
    dispatched(&next, async {
        for name in ["b", "c"] {
            assert_eq!(soon("the next pool works", begins.recv()).await.unwrap(), name);
        }
        eventually("all is done", || metrics.queue_depth.get() == 0 && next.active_workers() == 0).await;
    })
    .await;
}

#[tokio::test]
async fn work_that_is_not_done_at_the_deadline_is_abandoned() {
    struct Endless(mpsc::UnboundedSender<()>);
    impl Process for Endless {
        async fn process(&self, _: ObjectKey) -> Result<Option<Processed>, ProcessError> {
            self.0.send(()).unwrap();
            pending().await
        }
    }
    let (sender, mut begun) = mpsc::unbounded_channel();
    let (pool, backlog, metrics) = pool(2, 2, Endless(sender));
    pool.try_enqueue(key("a")).unwrap();
    soon("a begins", begun.recv()).await.unwrap();
    assert_eq!(pool.drain(Duration::from_millis(10)).await, Drained { handed_back: 0, abandoned: 1 });
    assert_eq!(metrics.workers_active.get(), 0);
    assert_eq!(backlog.len(), 1, "the next pool on the same backlog may have it");
}

#[tokio::test]
async fn a_worker_that_is_stuck_stops_beating_also_where_the_others_are_free() {
    let (work, mut begins) = Gated::new();
    let (pool, _, _) = pool(3, 1, work.clone());
    tokio::time::pause();
    let stuck = || pool.heartbeats().iter().filter(|heartbeat| heartbeat.age() > BEAT).count();
    tokio::time::sleep(10 * BEAT).await;
    assert_eq!(stuck(), 0, "whoever is free beats");
    pool.try_enqueue(key("a")).unwrap();
    soon("a begins", begins.recv()).await.unwrap();
    tokio::time::sleep(2 * BEAT).await;
    assert_eq!(stuck(), 1);
    work.gate.add_permits(1);
    eventually("it beats again", || stuck() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_goes_first_and_what_waits_for_a_person_last_and_not_with_every_resync() {
    let (fake, metrics) = (Fake::new(), Metrics::new());
    let backlog = Backlog::new(backoff(), 1, metrics.queue_depth.clone());
    let waits = json!([{ "type": "Approved", "status": "False", "reason": "WaitingForApproval", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z" }]);
    for (name, status) in [
        ("a-proposal", json!({ "phase": "pending", "conditions": waits })),
        ("b-new", json!({ "phase": "pending" })),
        ("c-under-way", json!({ "phase": "in_progress" })),
    ] {
        fake.put("zenagentremediations", "zen", name, json!({ "spec": {}, "status": status }));
    }
    let config = informer::Config { resync: Duration::from_millis(20), ..informer::Config::default() };
    let informer = remediations::informer(Api::all(fake.client()), config, metrics.clone(), backlog.clone(), crate::served::unlimited());
    let (store, shutdown) = (informer.store(), CancellationToken::new());
    tokio::spawn(informer.run(shutdown.clone()));
    soon("the cache is synced", store.synced()).await;
    eventually("all of them want work", || backlog.len() == 3).await;
    let (work, mut tries) = scripted(|_, _| Ok(DONE));
    let pool = Pool::start(Config { workers: NonZeroUsize::MIN, queue: NonZeroUsize::MIN }, backlog, metrics, work);
    let mut seen = Vec::new();
    let resynced = async {
        while seen.iter().filter(|name| *name == "b-new").count() < 3 {
            seen.push(soon("work", tries.recv()).await.unwrap().0);
        }
    };
    dispatched(&pool, resynced).await;
    assert_eq!(seen[..3], ["c-under-way", "b-new", "a-proposal"]);
    assert_eq!(seen.iter().filter(|name| *name == "a-proposal").count(), 1, "{seen:?}");
    shutdown.cancel();
}

#[tokio::test]
async fn from_watch_to_worker_every_open_remediation_is_processed_in_one_term_after_another() {
    let (fake, metrics) = (Fake::new(), Metrics::new());
    let backlog = Backlog::new(backoff(), 1, metrics.queue_depth.clone());
    for name in ["a", "b", "c"] {
        fake.put("zenagentremediations", "zen", name, json!({ "spec": {}, "status": { "phase": "pending" } }));
    }
    fake.put("zenagentremediations", "zen", "over", json!({ "spec": {}, "status": { "phase": "failed" } }));
    let (done, mut tries) = mpsc::unbounded_channel();
    let script = |_: &str, _: u32| Ok(DONE);
    let informer = remediations::informer(
        Api::all(fake.client()),
        informer::Config::default(),
        metrics.clone(),
        backlog.clone(),
        crate::served::unlimited(),
    );
    let (store, shutdown) = (informer.store(), CancellationToken::new());
    let running = tokio::spawn(informer.run(shutdown.clone()));
    soon("the cache is synced", store.synced()).await;
    for (term, expected) in [("first", vec!["a", "b", "c"]), ("second", vec!["between", "during"])] {
        let work = Scripted { script, tries: Mutex::default(), done: done.clone() };
        let config = Config { workers: NonZeroUsize::new(2).unwrap(), queue: NonZeroUsize::MIN };
        let pool = Pool::start(config, backlog.clone(), metrics.clone(), work);
        let seen = dispatched(&pool, async {
            if term == "second" {
                fake.put("zenagentremediations", "zen", "during", json!({ "spec": {}, "status": { "phase": "pending" } }));
            }
            let mut seen = Vec::new();
            for _ in &expected {
                seen.push(soon("work", tries.recv()).await.unwrap().0);
            }
            seen.sort();
            seen
        })
        .await;
        assert_eq!(seen, expected, "{term}");
        eventually("the last settles", || pool.active_workers() == 0).await;
        assert_eq!(pool.drain(Duration::from_secs(20)).await, Drained { handed_back: 0, abandoned: 0 });
        if term == "first" {
            // Nobody leads: the informer goes on, and what it finds waits.
            fake.put("zenagentremediations", "zen", "between", json!({ "spec": {}, "status": { "phase": "pending" } }));
            eventually("it waits", || backlog.len() == 1).await;
        }
    }
    shutdown.cancel();
    soon("the informer ends", running).await.unwrap();
}
