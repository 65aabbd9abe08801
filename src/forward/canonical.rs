//! The canonical bytes of a body: without what changes though the finding is the same, serialized by RFC 8785 (JCS).
//!
//! Sorted keys alone would not do: `1.0`, `1` and `1e0` are one number, and `"\u00e9"` and `"é"` one text, but other bytes, so another
//! request. RFC 8785 has one spelling of each. Its numbers are those of ECMAScript, which are exact up to 2^53, and it takes no
//! others (I-JSON). Falco writes `evt.time` in nanoseconds, far above that: rounded, it would say another time than the tool did. Such
//! whole numbers, up to 64 bits, are written by their digits, which is one spelling, too, and read exactly by the agent.
//!
//! What cannot be written as it stands is refused ([`check`]), or two bodies would become one request: a whole number beyond 64 bits,
//! which would be rounded, and an object with two members of one name, of which each reader takes the one that it likes. A number with
//! a fraction or an exponent is the double next to it, to the tools, to RFC 8785 and to the agent.

use serde_json::{Map, Number, Value};

use super::Tool;

/// What falcosidekick makes anew each time that it receives an event.
const FALCO: [&str; 1] = ["uuid"];
/// What the API server changes of an object's metadata, whatever its content.
const METADATA: [&str; 4] = ["generation", "managedFields", "resourceVersion", "selfLink"];

/// The bytes under which an event is sent.
pub(super) fn bytes(tool: Tool, mut body: Value) -> String {
    match tool {
        Tool::Falco => without(Some(&mut body), &FALCO),
        Tool::Trivy => {
            without(body.pointer_mut("/metadata"), &METADATA);
            without(body.pointer_mut("/operatorObject/metadata"), &METADATA);
        }
        Tool::Kyverno => without(body.pointer_mut("/metadata"), &METADATA),
    }
    let mut text = String::new();
    write(&body, &mut text);
    text
}

/// Why a body has no canonical bytes that say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Ambiguous {
    /// A number that would be rounded.
    #[error("The body has a whole number of more than 64 bits, which would be rounded; send it as a text")]
    Number,
    /// A member that would be dropped.
    #[error("The body has an object with two members of one name; send one of them")]
    Member,
}

/// Whether the value that was read of this text says what the text does.
pub(super) fn check(text: &[u8], value: &Value) -> Result<(), Ambiguous> {
    let mut members = 0;
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            b'"' => after_text(after),
            b'-' | b'0'..=b'9' => {
                let end = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
                let (number, after) = rest.split_at(end.unwrap_or(rest.len()));
                if !is_kept(number) {
                    return Err(Ambiguous::Number);
                }
                after
            }
            b':' => {
                members += 1;
                after
            }
            _ => after,
        };
    }
    if members == count(value) { Ok(()) } else { Err(Ambiguous::Member) }
}

/// What follows a text that has begun.
fn after_text(mut rest: &[u8]) -> &[u8] {
    loop {
        match rest {
            [b'"', after @ ..] => return after,
            [b'\\', _, after @ ..] | [_, after @ ..] => rest = after,
            [] => return rest,
        }
    }
}

/// Whether a number has the value here that its text says.
fn is_kept(number: &[u8]) -> bool {
    let number = std::str::from_utf8(number).unwrap_or_default();
    let is_exact = number.contains(['.', 'e', 'E']) || number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
    // Beyond that, those of which the digits are what is written of the double.
    is_exact || number.parse::<f64>().is_ok_and(|double| ryu_js::Buffer::new().format(double) == number)
}

/// The members of all objects.
fn count(value: &Value) -> usize {
    match value {
        Value::Object(members) => members.len() + members.values().map(count).sum::<usize>(),
        Value::Array(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}

fn without(object: Option<&mut Value>, names: &[&str]) {
    if let Some(Value::Object(members)) = object {
        members.retain(|name, _| !names.contains(&name.as_str()));
    }
}

/// The depth is that of a text that serde_json has read, which is bounded.
fn write(value: &Value, text: &mut String) {
    match value {
        Value::Number(number) => write_number(number, text),
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Value::Object(members) => write_object(members, text),
        // serde_json's spelling of the rest is RFC 8785's: the short escapes where there are, else \u00xx in lower case, and nothing
        // escaped that need not be.
        Value::Null | Value::Bool(_) | Value::String(_) => text.push_str(&value.to_string()),
    }
}

fn write_object(members: &Map<String, Value>, text: &mut String) {
    let mut members: Vec<_> = members.iter().collect();
    // By UTF-16 code units, which above U+FFFF is another order than that of the characters.
    members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    text.push('{');
    for (place, (name, value)) in members.into_iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(&Value::from(name.as_str()).to_string());
        text.push(':');
        write(value, text);
    }
    text.push('}');
}

fn write_number(number: &Number, text: &mut String) {
    match number.as_f64().filter(|_| number.is_f64()) {
        // Of ECMAScript, which has no infinities in JSON; and neither has serde_json.
        Some(float) => text.push_str(ryu_js::Buffer::new().format_finite(float)),
        None => text.push_str(&number.to_string()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> String {
        bytes(Tool::Falco, serde_json::from_str(text).unwrap())
    }

    #[test]
    fn the_example_of_rfc_8785_is_serialized_as_it_says() {
        let input = r#"{
            "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
            "literals": [null, true, false]
        }"#;
        let output = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        assert_eq!(of(input), output);
    }

    #[test]
    fn keys_are_in_the_order_of_their_utf_16_code_units() {
        // The example of RFC 8785, section 3.2.3.
        let input = r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#;
        assert_eq!(of(input), "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}");
    }

    #[test]
    fn numbers_are_written_as_ecmascript_does_and_whole_ones_beyond_its_precision_by_their_digits() {
        // Of RFC 8785, appendix B, and the spellings of one number.
        for (input, output) in [
            ("-0", "0"),
            ("-0.0", "0"),
            ("1.0", "1"),
            ("1e0", "1"),
            ("100e-2", "1"),
            ("5e-324", "5e-324"),
            ("-1.7976931348623157e308", "-1.7976931348623157e+308"),
            ("9007199254740992", "9007199254740992"),
            ("295147905179352830000", "295147905179352830000"),
            ("9.999999999999997e22", "9.999999999999997e+22"),
            ("1e23", "1e+23"),
            ("333333333.3333332", "333333333.3333332"),
            ("0.000001", "0.000001"),
            ("1e-7", "1e-7"),
            ("1e21", "1e+21"),
            ("1795452002100000001", "1795452002100000001"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            assert_eq!(of(input), output, "{input}");
        }
    }

    fn checked(text: &str) -> Result<(), Ambiguous> {
        check(text.as_bytes(), &serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_whole_number_of_more_than_64_bits_is_refused_unless_it_is_written_as_it_was() {
        for number in [
            "18446744073709551616",
            "-9223372036854775809",
            "295147905179352825856",
            "1000000000000000000000",
            "123456789012345678901234567890",
        ] {
            for text in [number.to_owned(), format!("[0,{number}]"), format!(r#"{{"a":{{"b":{number}}}}}"#)] {
                assert_eq!(checked(&text), Err(Ambiguous::Number), "{text}");
            }
            assert_eq!(checked(&format!(r#"{{"a":"{number}","{number}":"\\\"{number}"}}"#)), Ok(()), "as a text");
        }
        for number in [
            "0",
            "-0",
            "9007199254740993",
            "1795452002100000001",
            "18446744073709551615",
            "-9223372036854775808",
            "295147905179352830000",
            "333333333.33333329",
            "9.8",
            "1e4",
            "-0.0",
        ] {
            assert_eq!(checked(&format!(r#"{{"a":{number}}}"#)), Ok(()), "{number}");
        }
    }

    #[test]
    fn two_members_of_one_name_are_refused_however_they_are_written_and_wherever_they_are() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"[[{"b":{"a":{},"c":0,"a":{}}}]]"#,
            r#"{"a":{"x":1,"y":2},"a":{}}"#,
            r#"{"a":{},"a":{"x":1,"y":2}}"#,
        ] {
            assert_eq!(checked(text), Err(Ambiguous::Member), "{text}");
        }
        for text in [r#"{"a":{"a":{"a":":"}},"b:":[{"a":1},{"a":1}]}"#, r#"{"\"":":\\","\\":"\":"}"#, "{}", r#""a:b""#, "[]"] {
            assert_eq!(checked(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_changes_though_the_finding_is_the_same_is_removed_and_nothing_else() {
        let object =
            |more: &str| format!(r#"{{"kind":"K","metadata":{{"name":"n","uid":"u"{more}}},"report":{{"uuid":"x","generation":1}}}}"#);
        let volatile = r#","resourceVersion":"7","generation":2,"managedFields":[{}],"selfLink":"/x""#;
        for tool in [Tool::Trivy, Tool::Kyverno] {
            let of = |text: &str| bytes(tool, serde_json::from_str(text).unwrap());
            assert_eq!(of(&object(volatile)), of(&object("")));
            assert!(of(&object("")).contains(r#""report":{"generation":1,"uuid":"x"}"#));
        }
        let enveloped = |more: &str| format!(r#"{{"verb":"update","operatorObject":{}}}"#, object(more));
        let trivy = |text: &str| bytes(Tool::Trivy, serde_json::from_str(text).unwrap());
        assert_eq!(trivy(&enveloped(volatile)), trivy(&enveloped("")));
        assert_eq!(of(r#"{"uuid":"1","output_fields":{"uuid":"2"}}"#), r#"{"output_fields":{"uuid":"2"}}"#);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".*", inner, 0..4).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn canonical_bytes_are_json_of_the_same_value_and_canonical_themselves(value in any_json()) {
            let once = bytes(Tool::Kyverno, value);
            let again: Value = serde_json::from_str(&once).unwrap();
            prop_assert_eq!(bytes(Tool::Kyverno, again), once);
        }

        #[test]
        fn whatever_is_written_once_is_taken(value in any_json()) {
            prop_assert_eq!(check(value.to_string().as_bytes(), &value), Ok(()));
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(check(pretty.as_bytes(), &value), Ok(()));
        }
    }
}
