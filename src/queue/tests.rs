use std::collections::{BTreeMap, BTreeSet};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn queue() -> Queue<&'static str> {
    Queue::new(Backoff::default(), 7)
}

#[test]
fn a_key_added_twice_is_handed_out_once() {
    let (mut queue, now) = (queue(), Instant::now());
    queue.add(&"a", Priority::Normal);
    queue.add(&"b", Priority::Normal);
    queue.add(&"a", Priority::Normal);
    assert_eq!((queue.next(now), queue.next(now), queue.next(now)), (Some("a"), Some("b"), None));
}

#[test]
fn what_has_the_higher_priority_goes_first_and_a_key_that_is_added_twice_has_the_higher_of_the_two() {
    let (mut queue, now) = (queue(), Instant::now());
    for (key, priority) in [("c", Priority::Low), ("d", Priority::Low), ("b", Priority::Normal), ("a", Priority::High)] {
        queue.add(&key, priority);
    }
    queue.add(&"d", Priority::Normal);
    queue.add(&"a", Priority::Low);
    assert_eq!(queue.len(), 4);
    let mut order = Vec::new();
    while let Some(key) = queue.next(now) {
        // While it is worked on: it comes again, with what was asked for then.
        if order.is_empty() {
            queue.add(&key, Priority::Low);
            queue.add(&key, Priority::High);
        }
        order.push(key);
        queue.done(&key);
    }
    assert_eq!(order, ["a", "a", "b", "d", "c"]);
}

#[test]
fn a_key_added_while_it_is_processed_comes_again_after_it_is_done() {
    let (mut queue, now) = (queue(), Instant::now());
    queue.add(&"a", Priority::Normal);
    assert_eq!(queue.next(now), Some("a"));
    queue.add(&"a", Priority::Normal);
    assert_eq!(queue.next(now), None, "it is with a worker");
    queue.done(&"a");
    assert_eq!(queue.next(now), Some("a"));
    queue.done(&"a");
    assert_eq!(queue.next(now), None);
}

#[test]
fn a_waiting_key_becomes_ready_at_the_earlier_of_its_times() {
    let (mut queue, now) = (queue(), Instant::now());
    queue.add_after(&"a", now + 5 * SECOND);
    queue.add_after(&"a", now + 2 * SECOND);
    queue.add_after(&"a", now + 9 * SECOND);
    assert_eq!(queue.next_deadline(), Some(now + 2 * SECOND));
    assert_eq!(queue.next(now + SECOND), None);
    assert_eq!(queue.next(now + 2 * SECOND), Some("a"));
    assert_eq!(queue.next_deadline(), None);
}

#[test]
fn the_wait_doubles_with_each_failure_up_to_the_longest_and_starts_again_when_forgotten() {
    let (mut queue, now) = (queue(), Instant::now());
    for failure in 1..=20_u32 {
        assert_eq!(queue.retry(&"a", now), failure);
        let full = Duration::from_millis(500).saturating_mul(1 << (failure - 1)).min(300 * SECOND);
        let wait = queue.next_deadline().map(|at| at - now);
        assert!(wait.is_some_and(|wait| full / 2 <= wait && wait <= full), "{failure}: {wait:?}");
        let at = now + full;
        assert_eq!(queue.next(at), Some("a"));
        queue.done(&"a");
    }
    queue.forget(&"a");
    assert_eq!(queue.retry(&"a", now), 1);
}

#[test]
fn a_removed_key_is_not_handed_out_and_its_failures_are_forgotten() {
    let (mut queue, now) = (queue(), Instant::now());
    queue.retry(&"a", now);
    queue.add(&"a", Priority::Normal);
    queue.remove(&"a");
    assert_eq!(queue.next(now + 600 * SECOND), None);
    assert_eq!(queue.retry(&"a", now), 1);
}

#[test]
fn a_key_removed_while_it_is_processed_does_not_come_again() {
    let (mut queue, now) = (queue(), Instant::now());
    queue.add(&"a", Priority::Normal);
    assert_eq!(queue.next(now), Some("a"));
    queue.add(&"a", Priority::Normal);
    queue.remove(&"a");
    queue.done(&"a");
    assert_eq!(queue.next(now), None);
    assert!(queue.entries.is_empty());
}

#[test]
fn a_claim_overtakes_the_others_but_not_the_work_under_way() {
    let (mut queue, now) = (queue(), Instant::now());
    queue.add(&"a", Priority::Normal);
    queue.add(&"b", Priority::Normal);
    assert!(queue.claim(&"b"));
    assert!(!queue.claim(&"b"));
    assert_eq!((queue.next(now), queue.next(now)), (Some("a"), None));
    queue.done(&"b");
    assert_eq!(queue.next(now), Some("b"), "the second claim is owed");
}

/// What the queue promises, kept by the simplest means.
#[derive(Default)]
struct Model {
    /// The keys that must be handed out, and by when.
    owed: BTreeMap<u64, Instant>,
    processing: BTreeSet<u64>,
}

impl Model {
    fn owe(&mut self, key: u64, at: Instant) {
        let by = self.owed.entry(key).or_insert(at);
        *by = at.min(*by);
    }

    /// Asks the queue for a key and holds the answer against the promises.
    fn take(&mut self, queue: &mut Queue<u64>, now: Instant) -> bool {
        let next = queue.next(now);
        if let Some(key) = next {
            assert!(self.processing.insert(key), "{key} is with two workers");
            self.owed.remove(&key);
        } else {
            let lost = self.owed.iter().find(|&(key, &by)| by <= now && !self.processing.contains(key));
            assert_eq!(lost, None, "overdue, and not handed out");
        }
        next.is_some()
    }
}

#[test]
fn under_random_use_no_key_is_with_two_workers_and_nothing_added_is_lost() {
    let longest = Backoff::default().max;
    for seed in 0..300 {
        let (mut random, mut queue, mut model) = (SplitMix64::new(seed), Queue::new(Backoff::default(), seed), Model::default());
        let mut now = Instant::now();
        for _ in 0..400 {
            let key = random.below(6);
            match random.below(10) {
                0 | 1 => {
                    let priority = match random.below(3) {
                        0 => Priority::High,
                        1 => Priority::Normal,
                        _ => Priority::Low,
                    };
                    queue.add(&key, priority);
                    model.owe(key, now);
                }
                2 => {
                    let at = now + Duration::from_millis(random.below(5_000));
                    queue.add_after(&key, at);
                    model.owe(key, at);
                }
                3 => now += Duration::from_millis(random.below(2_000)),
                4 => {
                    queue.remove(&key);
                    model.owed.remove(&key);
                }
                5 => {
                    let free = queue.claim(&key);
                    assert_eq!(free, model.processing.insert(key));
                    if free {
                        model.owed.remove(&key);
                    } else {
                        model.owe(key, now);
                    }
                }
                6 if model.processing.remove(&key) => {
                    queue.retry(&key, now);
                    model.owe(key, now + longest);
                    queue.done(&key);
                }
                7 | 8 if model.processing.remove(&key) => {
                    queue.forget(&key);
                    queue.done(&key);
                }
                _ => {
                    model.take(&mut queue, now);
                }
            }
        }
        // Once every time has come and every worker is free, all that is owed comes, and nothing stays behind.
        now += longest + 10 * SECOND;
        loop {
            for key in std::mem::take(&mut model.processing) {
                queue.forget(&key);
                queue.done(&key);
            }
            if !model.take(&mut queue, now) {
                break;
            }
        }
        assert!(model.owed.is_empty(), "seed {seed}: lost {:?}", model.owed);
        assert!(queue.ready.is_empty() && queue.waiting.is_empty() && queue.entries.is_empty(), "seed {seed}: something stays");
    }
}
