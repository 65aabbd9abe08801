use super::*;
use crate::{
    spool::{Bounds, Unreadable},
    telemetry::{Health, health::Degraded},
};

const EVENT: &[u8] = include_bytes!("../../../tests/samples/falco-outbound-c2.json");

#[tokio::test]
async fn a_full_spool_takes_no_more_until_something_leaves_it() {
    let folder = tempfile::tempdir().unwrap();
    let bounds = Bounds { records: 2, bytes: u64::MAX };
    let spool = Spool::open(folder.path(), bounds, Unreadable::Refuse, Health::default(), Degraded::ForwardSpool).unwrap();
    let intake = Intake::new("acme".parse().unwrap(), spool.clone(), Metrics::new()).await.unwrap();
    let first = intake.take(Tool::Falco, EVENT).await.unwrap();
    assert_eq!(intake.take(Tool::Falco, EVENT).await.unwrap(), first, "it is kept once more: that it is the same, the agent knows");
    let refused = intake.take(Tool::Falco, EVENT).await.unwrap_err();
    assert_eq!((refused.code, refused.retry_after), (Code::Unavailable, Some(FULL_WAIT)));
    spool.remove(spool.first(Tool::Falco.prefix()).await.unwrap().unwrap()).await.unwrap();
    intake.take(Tool::Falco, EVENT).await.unwrap();
}

#[tokio::test]
async fn a_number_is_sent_as_it_was_written_or_refused() {
    let event = |number: &str| {
        let mut event: Value = serde_json::from_slice(EVENT).unwrap();
        event["output_fields"]["evt.num"] = "HERE".into();
        event.to_string().replace("\"HERE\"", number)
    };
    let tenant = "acme".parse().unwrap();
    // 2^53 + 1, a time in nanoseconds, and the ends of 64 bits.
    for number in ["9007199254740993", "1795452002100000001", "18446744073709551615", "-9223372036854775808", "0.1"] {
        let (_, text) = one(&tenant, Tool::Falco, event(number).as_bytes()).unwrap();
        assert!(text.contains(&format!("\"evt.num\":{number},")), "{number}: {text}");
    }
    for number in ["18446744073709551616", "1,\"evt.num\":2"] {
        assert_eq!(one(&tenant, Tool::Falco, event(number).as_bytes()).unwrap_err().code, Code::InvalidJson, "{number}");
    }
}

#[tokio::test]
async fn a_tool_whose_events_are_stuck_fills_its_own_share_and_nobody_elses_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let bounds = Bounds { records: 2, bytes: u64::MAX };
    let open = || Spool::open(folder.path(), bounds, Unreadable::Refuse, Health::default(), Degraded::ForwardSpool);
    let (report, result) = (
        include_bytes!("../../../tests/samples/trivy-operator-vulnerabilityreport.json"),
        include_bytes!("../../../tests/samples/policy-reporter-result.json"),
    );
    let full = async |intake: &Intake| {
        for tool in Tool::ALL {
            let body: &[u8] = match tool {
                Tool::Falco => EVENT,
                Tool::Trivy => report,
                Tool::Kyverno => result,
            };
            let refused = intake.take(tool, body).await.err().map(|problem| (problem.code, problem.retry_after));
            let expected = (tool == Tool::Falco).then_some((Code::Unavailable, Some(FULL_WAIT)));
            assert_eq!(refused, expected, "{tool:?}");
        }
    };
    let spool = open().unwrap();
    let intake = Intake::new("acme".parse().unwrap(), spool.clone(), Metrics::new()).await.unwrap();
    for _ in 0..2 {
        intake.take(Tool::Falco, EVENT).await.unwrap();
    }
    full(&intake).await;
    drop((intake, spool));
    let begun = std::time::Instant::now();
    let spool = loop {
        match open() {
            // The writer of the one before has not ended yet.
            Err(SpoolError::InUse(_)) if begun.elapsed().as_secs() < 60 => tokio::time::sleep(Duration::from_millis(5)).await, // pacing
            opened => break opened.unwrap(),
        }
    };
    let intake = Intake::new("acme".parse().unwrap(), spool.clone(), Metrics::new()).await.unwrap();
    full(&intake).await;
}

#[tokio::test]
async fn a_dead_letter_of_a_tool_whose_share_is_full_waits_and_those_of_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let bounds = Bounds { records: 1, bytes: u64::MAX };
    let spool = Spool::open(folder.path(), bounds, Unreadable::Refuse, Health::default(), Degraded::ForwardSpool).unwrap();
    let intake = Intake::new("acme".parse().unwrap(), spool.clone(), Metrics::new()).await.unwrap();
    intake.take(Tool::Falco, EVENT).await.unwrap();
    let letters = Letters::of(folder.path());
    for (tool, at) in [(Tool::Falco, 0), (Tool::Trivy, 1)] {
        let event = Event::new(&"acme".parse().unwrap(), tool, "{}".to_owned(), 7);
        letters.put(&event, "refused", Timestamp::from_second(at).unwrap()).unwrap();
    }
    letters.names().unwrap().iter().for_each(|name| letters.replay(name).unwrap());
    take_up(&intake, &letters).await.unwrap();
    let held = spool.held().borrow().clone();
    assert_eq!(Tool::ALL.map(|tool| held.of(tool).records), [1, 1, 0]);
    assert_eq!(letters.replayed(|_| true).unwrap().unwrap().1.tool, Tool::Falco, "it waits");
}

#[test]
fn the_letters_of_one_tool_push_out_none_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let letters = Letters::<Event>::kept_in(folder.path());
    let put = |tool, number: u64| {
        let event = Event::new(&"acme".parse().unwrap(), tool, number.to_string(), number);
        letters.put(&event, "refused", Timestamp::from_second(i64::try_from(number).unwrap()).unwrap()).unwrap();
    };
    put(Tool::Trivy, 0);
    let name = letters.names().unwrap().remove(0);
    let dead = folder.path().join("dead");
    for number in 0..1_000 {
        let file = std::fs::File::create(dead.join(format!("falco.{number}.json"))).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1 + number)).unwrap();
    }
    put(Tool::Falco, 5_000);
    let left = letters.names().unwrap();
    assert_eq!((left.len(), letters.dropped()), (1_001, 1));
    assert!(left.contains(&name) && !left.contains(&"falco.0".to_owned()));
    // What a crash has left half-written is none.
    std::fs::write(dead.join("falco.1.half"), "").unwrap();
    assert_eq!(letters.count(), 1_001);
}

#[tokio::test]
async fn numbers_go_on_after_those_of_the_process_before() {
    let folder = tempfile::tempdir().unwrap();
    let bounds = Bounds { records: 9, bytes: u64::MAX };
    let spool = Spool::open(folder.path(), bounds, Unreadable::Refuse, Health::default(), Degraded::ForwardSpool).unwrap();
    let intake = async || Intake::new("acme".parse().unwrap(), spool.clone(), Metrics::new()).await.unwrap();
    intake().await.take(Tool::Falco, EVENT).await.unwrap();
    intake().await.take(Tool::Falco, EVENT).await.unwrap();
    assert_eq!(spool.places().await.unwrap(), ["falco/00000000000000000000", "falco/00000000000000000001"]);
}
