//! Attacks, each with the answer that it has to get. What is refused leaves nothing behind.
//!
//! A case takes a request that is right in everything, and spoils one thing of it: before it is signed ([`Spoil::Draft`]), after
//! that ([`Spoil::Sent`]), its token, its bytes on the wire, or the certificate that it comes with. A few are right all the same,
//! and say so by 202: a limit is known from both of its sides.

mod bodies;
mod certificates;
mod framing;
mod headers;
mod identifiers;
mod paths;
mod signatures;
mod tokens;

use std::{collections::BTreeSet, io};

use futures::{StreamExt as _, stream};
use kube::{ResourceExt, api::ListParams};
use serde_json::{Value, json};

use crate::{
    ground::{Answer, Ground, Tenant},
    mint::{CLUSTER, Ca, Draft, Leaf, Sent, TokenKey},
};

/// What is done to a request.
#[derive(Clone, Copy)]
enum Spoil {
    /// Before it is signed, so that the signature holds.
    Draft(fn(&mut Draft)),
    /// After it was signed.
    Sent(fn(&mut Sent)),
    /// The token, from the right claims.
    Token(fn(&TokenKey, Value) -> String),
    /// The bytes of HTTP/1.1.
    Wire(fn(String) -> String),
    /// The certificate.
    Certificate(fn(&Ca) -> Option<Leaf>),
}

/// What has to come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// This status, and code of the problem; no code where something was taken.
    Answer(u16, &'static str),
    /// It was taken, and nothing came of it.
    Ignored,
    /// This status, before the service is asked.
    Http(u16),
    /// The connection ends.
    Cut,
}

struct Case {
    name: &'static str,
    spoil: Spoil,
    outcome: Outcome,
}

const fn case(name: &'static str, spoil: Spoil, outcome: Outcome) -> Case {
    Case { name, spoil, outcome }
}

const TAKEN: Outcome = Outcome::Answer(202, "");

const GROUPS: [(&str, &[Case]); 8] = [
    ("signature", signatures::CASES),
    ("header", headers::CASES),
    ("path", paths::CASES),
    ("token", tokens::CASES),
    ("body", bodies::CASES),
    ("framing", framing::CASES),
    ("certificate", certificates::CASES),
    ("identifier", identifiers::CASES),
];

/// The body of one event, which leads to a remediation.
fn event(more: &Value) -> Value {
    let mut event = json!({ "source": "test", "rule": "a rule", "severity": "high", "time": jiff::Timestamp::now().to_string(),
        "target": { "apiVersion": "v1", "kind": "ServiceAccount", "namespace": "shop", "name": "web" } });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "cluster_id": CLUSTER, "events": [event] })
}

/// A request that is taken as it is.
fn right() -> Draft {
    let mut draft = Ground::draft(Tenant::Own, "admin");
    draft.body = event(&json!({})).to_string().into_bytes();
    draft
}

async fn attack(ground: &Ground, spoil: Spoil) -> io::Result<Answer> {
    let mut draft = right();
    if let Spoil::Draft(edit) = spoil {
        edit(&mut draft);
    }
    let token = match spoil {
        Spoil::Token(make) => make(&ground.key, draft.claims.clone()),
        _ => ground.key.token(&draft.claims),
    };
    let mut sent = draft.sent_with(&token);
    if let Spoil::Sent(edit) = spoil {
        edit(&mut sent);
    }
    let mut bytes = sent.http1();
    if let Spoil::Wire(edit) = spoil {
        bytes = edit(String::from_utf8(bytes).unwrap()).into_bytes();
    }
    match spoil {
        Spoil::Certificate(make) => ground.exchange(0, make(&ground.ca).as_ref(), &bytes).await,
        _ => ground.exchange(0, Some(&ground.callers[Tenant::Own as usize]), &bytes).await,
    }
}

fn matches(outcome: Outcome, answer: &io::Result<Answer>) -> bool {
    match (outcome, answer) {
        (Outcome::Cut, Err(_)) => true,
        (Outcome::Ignored, Ok(answer)) => answer.status == 202 && answer.json()["results"][0]["outcome"] == "ignored",
        (Outcome::Answer(status, code), Ok(answer)) => answer.status == status && answer.code() == code,
        (Outcome::Http(status), Ok(answer)) => answer.status == status && answer.code().is_empty(),
        _ => false,
    }
}

async fn stored(ground: &Ground) -> BTreeSet<String> {
    ground.objects().list(&ListParams::default()).await.unwrap().items.iter().map(ResourceExt::name_any).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_is_answered_as_the_table_says_and_leaves_nothing_behind() {
    let ground = Ground::new().await;
    let all = || GROUPS.iter().flat_map(|(group, cases)| cases.iter().map(move |case| (*group, case)));
    let names: BTreeSet<_> = all().map(|(group, case)| (group, case.name)).collect();
    assert_eq!(names.len(), all().count(), "no name stands twice");
    assert!(names.len() >= 150, "there are {}", names.len());
    let run = |taken: bool| {
        let wanted = all().filter(move |(_, case)| (case.outcome == TAKEN) == taken);
        let ground = &ground;
        let ran = wanted.map(async move |(group, case)| {
            let answer = attack(ground, case.spoil).await;
            let problem = format!("{group}: {} was to end as {:?}, and did as {answer:?}", case.name, case.outcome);
            (!matches(case.outcome, &answer)).then_some(problem)
        });
        stream::iter(ran).buffer_unordered(8).filter_map(async |problem| problem).collect::<Vec<_>>()
    };
    let mut wrong = run(false).await;
    let left = stored(&ground).await;
    wrong.extend((!left.is_empty()).then(|| format!("what was refused has left {left:?}")));
    wrong.extend(run(true).await);
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), names.len(), wrong.join("\n"));
    let taken = all().filter(|(_, case)| case.outcome == TAKEN).count();
    assert_eq!(stored(&ground).await.len(), taken, "what was taken is there, once");
}
