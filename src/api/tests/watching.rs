//! What a client that watches is told.

use std::collections::VecDeque;

use futures::StreamExt as _;
use http::{Method, StatusCode};
use kube::api::DeleteParams;
use poem::Response;
use serde_json::{Value, json};
use tokio::time::{Duration, timeout};

use super::real::Agent;
use crate::{
    fixtures::{self, Fixtures},
    remediation::Phase,
    test_api::{Failure, MALFORMED, NAMESPACE},
};

const WATCH: &str = "/v1alpha1/watch/remediations";
const DEADLINE: Duration = Duration::from_secs(30);

/// Server-sent events as they come.
struct Events {
    bytes: futures::stream::BoxStream<'static, Vec<u8>>,
    text: String,
    ready: VecDeque<Event>,
}

#[derive(Debug, Default, PartialEq)]
struct Event {
    id: Option<String>,
    type_: String,
    data: Value,
}

impl Event {
    fn what(&self) -> (&str, &str) {
        (&self.type_, self.data["remediation"]["name"].as_str().unwrap_or_default())
    }

    fn status(&self) -> &str {
        self.data["remediation"]["status"].as_str().unwrap_or_default()
    }
}

impl Events {
    fn of(response: Response) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        let bytes = response.into_body().into_bytes_stream().map(|piece| piece.unwrap().to_vec()).boxed();
        Self { bytes, text: String::new(), ready: VecDeque::new() }
    }

    /// The next event; an id by itself is one of type and data nothing.
    async fn next(&mut self) -> Event {
        while self.ready.is_empty() {
            let piece = timeout(DEADLINE, self.bytes.next()).await.expect("an event in time").expect("the stream goes on");
            self.text += &String::from_utf8(piece).unwrap();
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let mut event = Event::default();
                for (name, value) in block.lines().filter_map(|line| line.split_once(": ")) {
                    match name {
                        "id" => event.id = Some(value.to_owned()),
                        "event" => event.type_ = value.to_owned(),
                        "data" => event.data = serde_json::from_str(value).unwrap(),
                        _ => {}
                    }
                }
                self.ready.extend((event != Event::default()).then_some(event));
                self.text = rest.to_owned();
            }
        }
        self.ready.pop_front().unwrap()
    }

    /// The next one that says something.
    async fn told(&mut self) -> Event {
        loop {
            let event = self.next().await;
            if !event.type_.is_empty() {
                return event;
            }
        }
    }
}

/// From the beginning: the caller of the other tests sends a position.
async fn begin(agent: &Agent, query: &str) -> Events {
    let mut events = Events::of(agent.send_without(Method::GET, &format!("{WATCH}{query}"), "last-event-id").await);
    assert_eq!(events.told().await.what(), ("reset", ""));
    events
}

async fn resume(agent: &Agent, position: &str) -> Events {
    Events::of(agent.send_with(Method::GET, WATCH, ("last-event-id", position)).await)
}

#[tokio::test]
async fn first_comes_what_there_is_then_every_change_and_the_last_of_the_list_is_a_position() {
    let agent = Agent::start().await;
    for name in ["a", "b"] {
        agent.kubernetes.create(name, None, json!({})).await;
    }
    let mut events = begin(&agent, "").await;
    let (a, b) = (events.next().await, events.next().await);
    assert_eq!((a.what(), b.what()), (("added", "a"), ("added", "b")));
    assert_eq!((a.id.is_some(), b.id.is_some()), (false, true), "within the list there is no position");

    agent.kubernetes.create("c", None, json!({})).await;
    agent.kubernetes.set_status("a", json!({ "phase": "failed", "updatedAt": "2026-07-01T12:00:00.000000Z" })).await;
    agent.kubernetes.objects().delete("b", &DeleteParams::default()).await.unwrap();
    for events in [&mut events, &mut resume(&agent, &b.id.unwrap()).await] {
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(events.told().await);
        }
        let what: Vec<_> = seen.iter().map(Event::what).collect();
        assert_eq!(what, [("added", "c"), ("changed", "a"), ("deleted", "b")]);
        assert!(seen.iter().all(|event| event.id.is_some()));
    }
}

#[tokio::test]
async fn of_nothing_there_is_a_position_too() {
    let agent = Agent::start().await;
    let mut events = Events::of(agent.send_without(Method::GET, WATCH, "last-event-id").await);
    let reset = events.told().await;
    assert_eq!(reset.what(), ("reset", ""));
    agent.kubernetes.create("a", None, json!({})).await;
    assert_eq!(resume(&agent, &reset.id.unwrap()).await.told().await.what(), ("added", "a"));
}

#[tokio::test]
async fn what_changes_on_an_earlier_page_while_a_later_one_is_listed_is_not_missed() {
    let agent = Agent::start().await;
    let many = Fixtures::new(1, jiff::Timestamp::now()).batch("x").namespace(NAMESPACE).status(Phase::Pending).generate(501);
    fixtures::create(&agent.kubernetes.objects(), many, 32).await.unwrap();
    agent.kubernetes.fail("continue=", Failure::Hold);
    let mut events = begin(&agent, "").await;
    for _ in 0..499 {
        assert_eq!(events.told().await.type_, "added");
    }
    while agent.kubernetes.asked("continue=") == 0 {
        tokio::task::yield_now().await;
    }
    agent.kubernetes.set_status("x-000000", json!({ "phase": "failed", "updatedAt": "2026-07-01T12:00:00.000000Z" })).await;
    agent.kubernetes.recover();
    assert_eq!((events.told().await.type_, events.told().await.type_), ("added".to_owned(), "added".to_owned()));
    assert_eq!(events.told().await.what(), ("changed", "x-000000"));
}

#[tokio::test]
async fn an_object_that_leaves_the_status_is_told_with_the_one_that_it_has_now() {
    let agent = Agent::start().await;
    for name in ["goes-on", "goes", "stays"] {
        agent.kubernetes.create(name, None, json!({})).await;
    }
    let mut events = begin(&agent, "?status=pending").await;
    for name in ["goes", "goes-on", "stays"] {
        assert_eq!(events.told().await.what(), ("added", name));
    }
    agent.kubernetes.create("other", None, json!({})).await;
    assert_eq!(events.told().await.what(), ("added", "other"));
    agent.kubernetes.set_status("goes-on", json!({ "phase": "in_progress" })).await;
    let left = events.told().await;
    assert_eq!((left.what(), left.status()), (("changed", "goes-on"), "in_progress"));
    agent.kubernetes.set_status("goes-on", json!({ "phase": "succeeded" })).await;
    agent.kubernetes.objects().delete("goes", &DeleteParams::default()).await.unwrap();
    assert_eq!(events.told().await.what(), ("deleted", "goes"), "and nothing of what is not looked for");
    agent.kubernetes.set_status("stays", json!({ "phase": "odd" })).await;
    let odd = events.told().await;
    assert_eq!((odd.what(), odd.status()), (("changed", "stays"), "unknown"));
    // Its position is that of the change, not of what was read after it: nothing in between is missed.
    let mut again =
        Events::of(agent.send_with(Method::GET, &format!("{WATCH}?status=pending"), ("last-event-id", &left.id.unwrap())).await);
    assert_eq!(again.told().await.what(), ("deleted", "goes"));
}

#[tokio::test]
async fn other_tenants_objects_are_never_told_of() {
    for (own_tenant, mine) in [("acme", None), ("umbrella", Some("acme"))] {
        let agent = Agent::of_tenant(own_tenant).await;
        agent.kubernetes.create("theirs", Some("stark"), json!({})).await;
        let (mut all, mut pending) = (begin(&agent, "").await, begin(&agent, "?status=pending").await);
        agent.kubernetes.set_status("theirs", json!({ "phase": "failed" })).await;
        agent.kubernetes.objects().delete("theirs", &DeleteParams::default()).await.unwrap();
        agent.kubernetes.create("mine", mine, json!({})).await;
        for events in [&mut all, &mut pending] {
            assert_eq!(events.told().await.what(), ("added", "mine"), "{own_tenant}");
        }
    }
}

#[tokio::test]
async fn a_deletion_is_told_once_when_it_begins() {
    let agent = Agent::start().await;
    agent.kubernetes.create("a", None, json!({})).await;
    agent.kubernetes.edit("a", json!({ "metadata": { "finalizers": ["example.com/wait"] } })).await;
    let mut events = begin(&agent, "").await;
    assert_eq!(events.told().await.what(), ("added", "a"));
    agent.kubernetes.objects().delete("a", &DeleteParams::default()).await.unwrap();
    assert_eq!(events.told().await.what(), ("deleted", "a"));
    agent.kubernetes.edit("a", json!({ "metadata": { "finalizers": null } })).await;
    agent.kubernetes.create("b", None, json!({})).await;
    let mut next = events.told().await;
    if next.what() == ("deleted", "a") {
        // The write that takes the finalizer away may show before the object goes.
        next = events.told().await;
    }
    assert_eq!(next.what(), ("added", "b"));
}

#[tokio::test]
async fn a_malformed_object_stops_no_watch() {
    let agent = Agent::start().await;
    agent.kubernetes.create("bad", None, json!({ "rule": MALFORMED })).await;
    let mut events = begin(&agent, "").await;
    agent.kubernetes.set_status("bad", json!({ "phase": "failed" })).await;
    agent.kubernetes.objects().delete("bad", &DeleteParams::default()).await.unwrap();
    agent.kubernetes.create("good", None, json!({})).await;
    assert_eq!(events.told().await.what(), ("added", "good"));
}

#[tokio::test]
async fn a_position_that_has_expired_begins_again_with_a_reset_after_a_wait() {
    let agent = Agent::start().await;
    agent.kubernetes.create("a", None, json!({})).await;
    agent.kubernetes.fail("watch=true", Failure::With(410, "expired", 2));
    let mut events = resume(&agent, "1").await;
    for _ in 0..2 {
        assert_eq!(events.told().await.what(), ("reset", ""));
        assert_eq!(events.told().await.what(), ("added", "a"));
    }
    agent.kubernetes.create("b", None, json!({})).await;
    assert_eq!(events.told().await.what(), ("added", "b"));
}

#[tokio::test]
async fn a_list_that_breaks_is_tried_again_and_does_not_end_the_stream() {
    let agent = Agent::start().await;
    agent.kubernetes.create("a", None, json!({})).await;
    agent.kubernetes.fail("limit=500", Failure::With(503, "no", 1));
    // What was not sent yet is not sent of a list that broke.
    let mut events = begin(&agent, "").await;
    assert_eq!(events.told().await.what(), ("added", "a"));
    assert_eq!(agent.kubernetes.asked("limit=500"), 2);
}

#[tokio::test]
async fn an_api_that_stays_away_is_asked_less_and_less_often() {
    let agent = Agent::start().await;
    agent.kubernetes.fail("limit=500", Failure::With(503, "no", usize::MAX));
    let mut events = Events::of(agent.send_without(Method::GET, &format!("{WATCH}?timeout_seconds=300"), "last-event-id").await);
    tokio::time::pause();
    while events.bytes.next().await.is_some() {}
    let asked = agent.kubernetes.asked("limit=500");
    assert!((5..30).contains(&asked), "{asked} times in five minutes");
}

#[tokio::test]
async fn a_certificate_has_a_bounded_number_of_watches() {
    let agent = Agent::start().await;
    let mut open = Vec::new();
    let refused = loop {
        let mut response = agent.send(Method::GET, WATCH, "").await;
        match response.status() {
            StatusCode::OK => open.push(Events::of(response)),
            StatusCode::TOO_MANY_REQUESTS => {
                assert!(response.headers().contains_key("retry-after"));
                break response.take_body().into_json::<Value>().await.unwrap();
            }
            other => unreachable!("{other}"),
        }
        assert!(open.len() < 1_000);
    };
    assert_eq!(refused["code"], "rate_limited");
    open.pop();
    let again = async {
        while agent.send(Method::GET, WATCH, "").await.status() != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, again).await.expect("a place that is left can be taken");
}

#[tokio::test]
async fn a_position_is_a_version_that_the_kubernetes_api_can_have_given() {
    let agent = Agent::start().await;
    for position in ["0", "abc", "-1", "1.5", "01", "99999999999999999999", "4711~", "1 OR 1"] {
        let mut response = agent.send_with(Method::GET, WATCH, ("last-event-id", position)).await;
        let problem: Value = response.take_body().into_json().await.unwrap();
        assert_eq!(problem["code"], "invalid_parameter", "{position}");
    }
}

#[tokio::test]
async fn a_position_that_is_yet_to_come_is_of_another_store_and_begins_again_with_a_reset() {
    let agent = Agent::start().await;
    assert_eq!(resume(&agent, "9000000000000000000").await.told().await.what(), ("reset", ""));
}
