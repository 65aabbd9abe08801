//! What is no message is refused, at its place, and nothing that another implementation reads otherwise is taken.

use std::{convert::Infallible, sync::LazyLock};

use proptest::{collection::vec, prelude::*};
use protox::{
    prost::Message as _,
    prost_reflect::{DescriptorPool, DynamicMessage},
};
use serde_json::{Value, json};
use zen_agent::contract::proto::{Message, Refused, Weight};

use super::{
    compiled, convert,
    roundtrip::{bodies, read},
    texts,
};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| compiled(texts()));

fn refused(message: &Message, bytes: &[u8]) -> Refused<Infallible> {
    message.read(bytes, |_| Ok(())).expect_err(&format!("{bytes:?} is read"))
}

#[test]
fn what_is_no_message_is_refused_at_its_place() {
    let all = bodies();
    let (batch, task, falco) = (all["EventBatch"], all["Task"], all["FalcoEvent"]);
    let rows: [(&Message, &[u8], usize, &str); 21] = [
        (batch, b"{}", 1, "a wire type that is not used any more, or never was"),
        (batch, &[0x0a], 1, "an end within a value"),
        (batch, &[0x0a, 0x80], 2, "an end within a value"),
        (batch, &[0x0a, 2, b'a'], 2, "a length beyond the end"),
        (batch, &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], 11, "a length beyond the end"),
        (batch, &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], 11, "a number of more than 64 bits"),
        (batch, &[0x0a, 1, 0xff], 3, "a text that is not UTF-8"),
        (batch, &[0x0a, 1, b'a', 0x0a, 1, b'b'], 4, "a second value where there is one"),
        (batch, &[0x08, 1], 1, "a field of another wire type"),
        (batch, &[0x0b, 0x0c], 1, "a wire type that is not used any more, or never was"),
        (batch, &[0x02, 0], 1, "a number that no field has"),
        (batch, &[0x80, 0x80, 0x80, 0x80, 0x10, 0], 5, "a number that no field has"),
        // Of an event, its rule ends behind it.
        (batch, &[0x12, 3, 0x12, 2, b'a', b'b'], 4, "a length beyond the end"),
        // What is not known has a form all the same.
        (batch, &[0x79, 0, 0, 0], 1, "an end within a value"),
        (batch, &[0x7d, 0, 0, 0], 1, "an end within a value"),
        (batch, &[0x7a, 9], 2, "a length beyond the end"),
        (task, &[0x32, 2, 0x4a, 0, 0x32, 0], 5, "a second value where there is one"),
        (falco, &[0x10, 0], 1, "a field that its message does not have"),
        (falco, &[0x0a, 5, 0x0a, 1, b'a', 0x12, 0], 7, "a value of no kind"),
        (falco, &[0x0a, 2, 0x18, 0], 3, "something else than a name and a value in a map"),
        (falco, &[0x0a, 9, 0x0a, 1, b'a', 0x12, 4, 0x20, 1, 0x38, 1], 10, "a second value where there is one"),
    ];
    for (message, bytes, at, why) in rows {
        assert_eq!(refused(message, bytes), Refused::Malformed { at, why }, "{message:?} {bytes:?}");
    }
    let number = |double: f64| [&[0x0a, 14, 0x0a, 1, b'a', 0x12, 9, 0x11][..], &double.to_le_bytes()].concat();
    for double in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(refused(falco, &number(double)), Refused::Malformed { at: 16, why: "a number that JSON does not have" });
    }
    let pair = [0x0a, 7, 0x0a, 1, b'a', 0x12, 2, 0x20, 1];
    assert_eq!(read(falco, &pair), json!({ "a": true }));
    assert_eq!(refused(falco, &[pair, pair].concat()), Refused::Malformed { at: 18, why: "a second value of one name" });
}

#[test]
fn what_is_not_declared_is_left_for_the_schema_to_refuse() {
    let all = bodies();
    // In an event, field 15 in three wire types, and a severity that nobody knows.
    let event = [0x78, 1, 0x7a, 1, b'x', 0x7d, 0, 0, 0, 0, 0x18, 99];
    let batch = [&[0x0a, 1, b'c', 0x12, 12][..], &event].concat();
    assert_eq!(read(all["EventBatch"], &batch), json!({ "cluster_id": "c", "events": [{ "15": null, "severity": 99 }] }));
    assert_eq!(read(all["EventBatch"], &[0x12, 2, 0x18, 0]), json!({ "events": [{ "severity": 0 }] }), "zero is none");
}

/// As serializers do that leave out what is empty.
#[test]
fn what_a_map_leaves_out_is_empty() {
    let task = bodies()["Task"];
    assert_eq!(read(task, &[0x32, 4, 0x0a, 2, 0x0a, 0]), json!({ "params": { "labels": { "": "" } } }));
    assert_eq!(read(task, &[0x32, 7, 0x0a, 5, 0x12, 1, b'a', 0x0a, 0]), json!({ "params": { "labels": { "": "a" } } }));
}

#[test]
fn what_pythons_protobuf_writes_is_read() {
    // The example of docs/protobuf.md.
    let bytes = hex::decode(concat!(
        "0a09636c75737465722d31126c0a077363616e6e657212164f7574626f756e6420746f2061206b6e6f776e20433218022214",
        "323032362d30372d30315431323a30303a30305a2a200a07617070732f7631120a4465706c6f796d656e741a0473686f7022",
        "03776562320f0a0870726f632e706964120338e724",
    ));
    let target = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web" });
    let event = json!({
        "source": "scanner", "rule": "Outbound to a known C2", "severity": "high", "time": "2026-07-01T12:00:00Z", "target": target,
        "facts": { "proc.pid": 4711 },
    });
    assert_eq!(read(bodies()["EventBatch"], &bytes.unwrap()), json!({ "cluster_id": "cluster-1", "events": [event] }));
}

#[test]
fn whole_numbers_are_exact() {
    let falco = bodies()["FalcoEvent"];
    let pool = compiled(texts());
    for number in [json!(1_782_907_200_123_456_789_i64), json!(u64::MAX), json!(i64::MIN), json!(0), json!(-1), json!(0.1), json!(1e300)] {
        let event = json!({ "n": number });
        let bytes = convert::message(&event, &pool.get_message_by_name("zen.agent.v0.FalcoEvent").unwrap()).encode_to_vec();
        assert_eq!(read(falco, &bytes), event);
    }
}

/// An object that has `depth` lists in each other.
fn nested(depth: usize) -> Value {
    json!({ "a": (0..depth).fold(json!(1), |inner, _| json!([inner])) })
}

#[test]
fn a_message_may_be_as_deep_as_json_and_no_deeper() {
    let falco = bodies()["FalcoEvent"];
    let of = compiled(texts()).get_message_by_name("zen.agent.v0.FalcoEvent").unwrap();
    for depth in 120..=130 {
        let value = nested(depth);
        let is_json = serde_json::from_str::<Value>(&value.to_string()).is_ok();
        let bytes = convert::message(&value, &of).encode_to_vec();
        assert_eq!(falco.read(&bytes, |_| Ok::<_, Infallible>(())).is_ok(), is_json, "{depth}");
    }
    // From the inside, and written backwards: a value that is a list, in a list that has this value.
    let mut bomb = Vec::new();
    let mut wrap = |tag: u8| {
        let (length, mut head) = (bomb.len(), vec![tag]);
        head.extend((0..10).map(|byte| (length >> (7 * byte) & 0x7f) as u8 | if byte < 9 { 0x80 } else { 0 }));
        head.reverse();
        bomb.extend(head);
    };
    for _ in 0..50_000 {
        [0x32, 0x0a].into_iter().for_each(&mut wrap);
    }
    [0x32, 0x12, 0x0a].into_iter().for_each(&mut wrap);
    bomb.reverse();
    let why = "more messages in each other than are read";
    assert!(matches!(refused(falco, &bomb), Refused::Malformed { why: told, .. } if told == why));
}

#[test]
fn nothing_is_built_that_there_is_no_room_for() {
    let batch = bodies()["EventBatch"];
    let bomb = [0x12, 0].repeat(1 << 20);
    let mut left = 1000;
    let read = batch.read(&bomb, |weight| {
        assert_eq!(weight, Weight::Container);
        left -= 1;
        if left == 0 { Err("full") } else { Ok(()) }
    });
    assert_eq!((read, left), (Err(Refused::NoRoom("full")), 0));
}

/// A sample, some of whose bytes are others.
fn damaged(pool: &DescriptorPool, sample: &Value, component: &str, changes: &[(usize, u8)]) -> Vec<u8> {
    let of = pool.get_message_by_name(&format!("zen.agent.v0.{component}")).unwrap();
    let mut bytes = convert::message(sample, &of).encode_to_vec();
    for (place, byte) in changes {
        let place = place % bytes.len();
        bytes[place] = *byte;
    }
    bytes
}

proptest! {
    #[test]
    fn what_is_read_another_implementation_reads_the_same(changes in vec((any::<usize>(), any::<u8>()), 0..4), cut in any::<usize>()) {
        let bodies = bodies();
        let event = json!({ "a": [null, 1, -1, 0.5, "x", { "b": true }], "time": "2026-07-01T12:00:00Z", "n": u64::MAX });
        let mut bytes = damaged(&POOL, &event, "FalcoEvent", &changes);
        bytes.truncate(bytes.len() - cut % 3);
        if let Ok(value) = bodies["FalcoEvent"].read(&bytes, |_| Ok::<_, Infallible>(())) {
            let of = POOL.get_message_by_name("zen.agent.v0.FalcoEvent").unwrap();
            let other = DynamicMessage::decode(of, bytes.as_slice()).unwrap();
            let other = convert::json(&other, &Default::default());
            // Whole numbers in a double are written as such.
            prop_assert_eq!(value.to_string().replace(".0", ""), other.to_string().replace(".0", ""));
        }
    }

    #[test]
    fn whatever_is_sent_is_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        for message in bodies().values() {
            drop(message.read(&bytes, |_| Ok::<_, Infallible>(())));
        }
    }
}
