//! Requests that were valid once, sent again: to the same replica and to another, in turn and at once.

use futures::future::join_all;
use kube::{ResourceExt, api::ListParams};
use serde_json::json;

use crate::{
    ground::{Ground, Tenant},
    mint::{CLUSTER, Draft},
};

/// A request that leads to one remediation.
fn request(rule: &str) -> Draft {
    let event = json!({ "source": "test", "rule": rule, "severity": "high", "time": jiff::Timestamp::now().to_string(),
        "target": { "apiVersion": "v1", "kind": "ServiceAccount", "namespace": "shop", "name": "web" } });
    let mut draft = Ground::draft(Tenant::Own, "viewer");
    draft.body = json!({ "cluster_id": CLUSTER, "events": [event] }).to_string().into_bytes();
    draft
}

async fn stored(ground: &Ground) -> Vec<String> {
    ground.objects().list(&ListParams::default()).await.unwrap().items.iter().map(ResourceExt::name_any).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_recorded_and_sent_again_acts_once_whichever_replica_gets_it_however_often() {
    let ground = Ground::new().await;
    let caller = Some(&ground.callers[Tenant::Own as usize]);
    for round in 0..5 {
        let bytes = request(&format!("rule {round}")).sent(&ground.key).http1();
        let answers = join_all((0..12).map(|index| ground.exchange(index % 2, caller, &bytes))).await;
        let again = [ground.exchange(0, caller, &bytes).await, ground.exchange(1, caller, &bytes).await];
        let mut outcomes: Vec<_> = answers
            .into_iter()
            .chain(again)
            .map(|answer| {
                let answer = answer.unwrap();
                assert_eq!(answer.status, 202, "{answer:?}");
                answer.json()["results"][0]["outcome"].as_str().unwrap().to_owned()
            })
            .collect();
        outcomes.sort();
        assert_eq!(outcomes.iter().filter(|outcome| *outcome == "created").count(), 1, "{outcomes:?}");
        assert_eq!(outcomes.iter().filter(|outcome| *outcome == "replayed").count(), 13, "{outcomes:?}");
        assert_eq!(stored(&ground).await.len(), round + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_that_was_used_takes_no_other_content_on_any_replica() {
    let ground = Ground::new().await;
    let caller = Some(&ground.callers[Tenant::Own as usize]);
    let first = request("first");
    let id = first.request_id.clone();
    assert_eq!(ground.exchange(0, caller, &first.sent(&ground.key).http1()).await.unwrap().status, 202);
    for replica in [0, 1] {
        for other in [
            // Another event; the same to another operation; in another spelling of the id.
            request("second"),
            Draft { target: "/v0/events/falco".into(), body: crate::agent::sample("falco-shell-in-container.json"), ..request("") },
            Draft { request_id: id.to_uppercase(), ..request("third") },
        ] {
            let id = if other.request_id.eq_ignore_ascii_case(&id) { other.request_id.clone() } else { id.clone() };
            let answer = ground.exchange(replica, caller, &Draft { request_id: id, ..other }.sent(&ground.key).http1()).await.unwrap();
            assert_eq!((answer.status, answer.code().as_str()), (409, "request_id_conflict"), "{answer:?}");
        }
    }
    // Another tenant's id is its own.
    let guest = Ground::draft(Tenant::Guest, "viewer");
    let guests = Draft { request_id: id, body: request("of a guest").body, ..guest };
    assert_eq!(ground.ask(Tenant::Guest, guests).await.status, 202);
    assert_eq!(stored(&ground).await.len(), 2);
}
