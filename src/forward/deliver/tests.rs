//! Hours and days of an agent that does not take what it is given, on a clock that does not wait.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use super::*;
use crate::{
    forward::{
        courier::Effect,
        suspect::{DAY, PATIENCE, Suspect, Verdict},
    },
    spool::{Bounds, Unreadable},
    telemetry::health::Degraded,
};

/// An agent that answers each event by its number.
struct Scripted<F> {
    answer: F,
    log: Log,
}

/// The numbers of what was sent, and when.
type Log = Arc<Mutex<Vec<(u64, Instant)>>>;

impl<F: FnMut(u64) -> Outcome + Send + Sync + 'static> Post for Scripted<F> {
    async fn send(&mut self, event: &Event) -> Outcome {
        self.log.lock().unwrap().push((event.number, Instant::now()));
        (self.answer)(event.number)
    }
}

struct Ground {
    folder: tempfile::TempDir,
    spool: Spool<Event>,
    letters: Letters<Event>,
    log: Log,
    running: tokio::task::JoinHandle<()>,
}

impl Ground {
    /// So many events wait for an agent that answers so.
    async fn new(events: u64, answer: impl FnMut(u64) -> Outcome + Send + Sync + 'static) -> Self {
        let ground = Self::on(tempfile::tempdir().unwrap(), events, answer);
        ground.await
    }

    /// The next process on the same folder.
    async fn restarted(self, answer: impl FnMut(u64) -> Outcome + Send + Sync + 'static) -> Self {
        self.running.abort();
        self.spool.close().await;
        Self::on(self.folder, 0, answer).await
    }

    async fn on(folder: tempfile::TempDir, events: u64, answer: impl FnMut(u64) -> Outcome + Send + Sync + 'static) -> Self {
        let (health, bounds) = (Health::default(), Bounds { records: 1_000, bytes: u64::MAX });
        let spool = Spool::open(folder.path(), bounds, Unreadable::Refuse, health.clone(), Degraded::ForwardSpool).unwrap();
        for number in 0..events {
            spool.put(Event::new(&"acme".parse().unwrap(), Tool::Falco, number.to_string(), number)).await.unwrap();
        }
        let (letters, log, metrics) = (Letters::of(folder.path()), Log::default(), Metrics::new());
        let post = Scripted { answer, log: Arc::clone(&log) };
        let delivery = Delivery::new(Tool::Falco, post, spool.clone(), letters.clone(), metrics, &health, folder.path());
        Self { folder, spool, letters, log, running: tokio::spawn(delivery.run()) }
    }

    fn left(&self) -> u64 {
        self.spool.held().borrow().of(Tool::Falco).records
    }

    /// The numbers of dead letters.
    fn parked(&self) -> Vec<u64> {
        let mut parked = self.letters.list(|_, letter| letter.entry.number).unwrap();
        parked.sort_unstable();
        parked
    }

    /// The numbers of what was sent.
    fn sent(&self) -> Vec<u64> {
        self.log.lock().unwrap().iter().map(|(number, _)| *number).collect()
    }

    /// Waits until nothing is left, for so long at most.
    async fn until_empty(&self, within: Duration) {
        let empty = async {
            while self.left() > 0 {
                sleep(Duration::from_secs(1)).await; // pacing of a poll with a deadline
            }
        };
        assert!(timeout(within, empty).await.is_ok(), "{} are left", self.left());
    }
}

fn later(said_by: SaidBy) -> Outcome {
    Outcome::Later(Later { why: "not now".to_owned(), least: Duration::ZERO, said_by })
}

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn while_nothing_gets_through_nothing_is_given_up_on_and_then_all_of_it_arrives_in_order() {
    for said_by in [SaidBy::Another, SaidBy::Agent] {
        let well = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let seen = Arc::clone(&well);
        let ground = Ground::new(4, move |_| match seen.load(std::sync::atomic::Ordering::Relaxed) {
            true => Outcome::Taken(Effect::Created),
            false => later(said_by),
        })
        .await;
        sleep(30 * HOUR).await;
        assert_eq!((ground.left(), ground.parked()), (4, Vec::new()));
        let so_far = ground.sent().len();
        well.store(true, std::sync::atomic::Ordering::Relaxed);
        ground.until_empty(HOUR).await;
        assert!(ground.parked().is_empty());
        // The first one again, and then all of it.
        assert_eq!(ground.sent().split_off(so_far), [0, 1, 2, 3]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_never_gets_through_while_others_do_is_given_up_on_after_a_quarter_of_an_hour_and_nothing_else_is() {
    let ground = Ground::new(8, |number| match number {
        0 => later(SaidBy::Another),
        _ => Outcome::Taken(Effect::Nothing),
    })
    .await;
    sleep(PATIENCE - Duration::from_secs(1)).await;
    assert_eq!(ground.left(), 8, "its order is kept until then");
    ground.until_empty(HOUR).await;
    assert_eq!(ground.parked(), [0]);
    let others: Vec<_> = ground.sent().into_iter().filter(|number| *number > 0).collect();
    assert_eq!(others, [1, 2, 3, 4, 5, 6, 7], "in their order, and once");
}

#[tokio::test(start_paused = true)]
async fn many_in_a_row_that_never_get_through_hide_nobody_from_each_other() {
    let ground = Ground::new(26, |number| match number {
        0..6 => later(SaidBy::Another),
        _ => Outcome::Taken(Effect::Nothing),
    })
    .await;
    ground.until_empty(8 * HOUR).await;
    assert_eq!(ground.parked(), [0, 1, 2, 3, 4, 5]);
    let others: Vec<_> = ground.sent().into_iter().filter(|number| *number >= 6).collect();
    assert_eq!(others, (6..26).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn one_that_nothing_waits_behind_holds_nobody_up_and_is_sent_for_ever() {
    let ground = Ground::new(1, |_| later(SaidBy::Another)).await;
    sleep(30 * HOUR).await;
    assert_eq!((ground.left(), ground.parked()), (1, Vec::new()));
    assert!(ground.sent().len() > 30 * 60, "{}", ground.sent().len());
}

#[tokio::test(start_paused = true)]
async fn what_the_agent_itself_puts_off_is_given_up_on_only_if_another_one_becomes_a_remediation_or_after_a_day() {
    let ground = Ground::new(200, |number| match number {
        0 => later(SaidBy::Agent),
        _ => Outcome::Taken(Effect::Nothing),
    })
    .await;
    sleep(2 * HOUR).await;
    assert!(ground.parked().is_empty(), "it may be for want of room, which the others need not");
    assert!(ground.left() < 200, "they get through meanwhile");
    let ground = Ground::new(5, |number| match number {
        0 => later(SaidBy::Agent),
        _ => Outcome::Taken(Effect::Created),
    })
    .await;
    ground.until_empty(HOUR).await;
    assert_eq!(ground.parked(), [0]);
    let begun = Instant::now();
    let ground = Ground::new(5, move |number| match number {
        0 => later(SaidBy::Agent),
        _ if begun.elapsed() < DAY => later(SaidBy::Agent),
        _ => Outcome::Taken(Effect::Nothing),
    })
    .await;
    sleep(DAY - HOUR).await;
    assert!(ground.parked().is_empty());
    ground.until_empty(2 * HOUR).await;
    assert_eq!(ground.parked(), [0]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_the_time_that_retry_after_names() {
    let mut times = 0;
    let ground = Ground::new(1, move |_| {
        times += 1;
        match times {
            1 => Outcome::Later(Later { least: Duration::from_secs(420), ..Later::here("busy") }),
            _ => Outcome::Taken(Effect::Nothing),
        }
    })
    .await;
    ground.until_empty(HOUR).await;
    let times: Vec<_> = ground.log.lock().unwrap().iter().map(|(_, at)| *at).collect();
    assert_eq!(times.len(), 2);
    assert!((420..430).contains(&(times[1] - times[0]).as_secs()), "{times:?}");
}

/// Something that changes while a test runs.
fn switch() -> (Arc<AtomicBool>, impl Fn() -> bool + Clone + Send + Sync) {
    let on = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&on);
    (on, move || seen.load(Ordering::Relaxed))
}

#[tokio::test(start_paused = true)]
async fn what_a_busy_agent_puts_off_is_never_given_up_on_and_holds_up_the_others_for_a_quarter_of_an_hour() {
    let (well, is_well) = switch();
    let ground = Ground::new(50, move |number| match number {
        0 if !is_well() => later(SaidBy::Busy),
        _ => Outcome::Taken(Effect::Created),
    })
    .await;
    sleep(PATIENCE + HOUR / 4).await;
    assert_eq!((ground.left(), ground.parked()), (1, Vec::new()));
    sleep(30 * HOUR).await;
    assert_eq!((ground.left(), ground.parked()), (1, Vec::new()));
    assert!(ground.sent().iter().filter(|number| **number == 0).count() > 1_000, "it is sent on");
    well.store(true, Ordering::Relaxed);
    ground.until_empty(HOUR / 10).await;
    assert!(ground.parked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_busy_among_many_resets_keeps_an_event_from_being_given_up_on() {
    let mut times = 0;
    let ground = Ground::new(20, move |number| match number {
        0 => {
            times += 1;
            later(if times == 3 { SaidBy::Busy } else { SaidBy::Another })
        }
        _ => Outcome::Taken(Effect::Created),
    })
    .await;
    sleep(30 * HOUR).await;
    assert_eq!((ground.left(), ground.parked()), (1, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_last_try_comes_before_an_event_is_given_up_on() {
    let counted = AtomicU32::new(0);
    let ground = Ground::new(5, move |number| match number {
        0 if counted.load(Ordering::Relaxed) < 3 => later(SaidBy::Another),
        0 => Outcome::Taken(Effect::Created),
        _ => {
            counted.fetch_add(1, Ordering::Relaxed);
            Outcome::Taken(Effect::Created)
        }
    })
    .await;
    ground.until_empty(HOUR).await;
    assert!(ground.parked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn many_that_fail_alike_cost_a_quarter_of_an_hour_once_and_a_minute_each() {
    for said_by in [SaidBy::Another, SaidBy::Busy] {
        let ground = Ground::new(360, move |number| match number {
            0..60 => later(said_by),
            _ => Outcome::Taken(Effect::Created),
        })
        .await;
        sleep(3 * HOUR).await;
        let (left, parked) = if said_by == SaidBy::Another { (0, 60) } else { (60, 0) };
        assert_eq!((ground.left(), ground.parked().len()), (left, parked));
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_failed_once_says_nothing_of_a_later_one_that_fails_alike_when_others_came_through_in_between() {
    let (well, is_well) = switch();
    let ground = Ground::new(20, move |number| match number {
        0 => later(SaidBy::Another),
        8 if !is_well() => later(SaidBy::Another),
        _ => Outcome::Taken(Effect::Created),
    })
    .await;
    sleep(PATIENCE + HOUR / 6).await;
    assert_eq!(ground.parked(), [0]);
    well.store(true, Ordering::Relaxed);
    ground.until_empty(HOUR / 10).await;
    assert_eq!(ground.parked(), [0]);
}

#[tokio::test(start_paused = true)]
async fn the_agents_own_word_is_believed_for_a_day_also_of_one_that_fails_as_the_one_before_it() {
    let (event, later) = (Event::new(&"acme".parse().unwrap(), Tool::Falco, "{}".to_owned(), 0), || match later(SaidBy::Agent) {
        Outcome::Later(later) => later,
        other => panic!("{other:?}"),
    });
    let mut suspect = Suspect::new(&event, Some(&later().why), &later());
    for (so_long, verdict) in [(HOUR, Verdict::Compare), (DAY, Verdict::Park)] {
        sleep(so_long).await;
        (0..5).for_each(|_| suspect.passed_by(Effect::Nothing));
        assert_eq!(suspect.failed(&later()), verdict);
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_of_another_tenant_holds_up_nobody_and_waits_for_its_credentials() {
    let (renewed, is_renewed) = switch();
    let ground = Ground::new(10, move |number| match number {
        0..5 if !is_renewed() => Outcome::Foreign("another's".to_owned()),
        _ => Outcome::Taken(Effect::Created),
    })
    .await;
    sleep(Duration::from_secs(30)).await;
    assert_eq!((ground.left(), ground.parked()), (5, Vec::new()));
    sleep(30 * HOUR).await;
    assert_eq!((ground.left(), ground.parked()), (5, Vec::new()));
    renewed.store(true, Ordering::Relaxed);
    ground.until_empty(HOUR / 10).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_known_of_a_suspect_outlives_a_restart() {
    let poison = |number| match number {
        0 => later(SaidBy::Another),
        _ => Outcome::Taken(Effect::Created),
    };
    let mut ground = Ground::new(8, poison).await;
    for _ in 0..2 {
        sleep(PATIENCE / 2).await;
        assert_eq!(ground.left(), 8);
        ground = ground.restarted(poison).await;
    }
    ground.until_empty(HOUR / 6).await;
    assert_eq!(ground.parked(), [0]);
}
