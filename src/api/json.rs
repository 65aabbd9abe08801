//! A body's JSON, weighed before it is built.
//!
//! What a parsed body takes has little to do with its length: `{"":0},` is seven bytes of text, and 700 of a
//! [`Value`]; ten megabytes of it were a gigabyte. So one pass counts what the next would build, and builds nothing:
//!
//! ```text
//!  bytes ─▶ weigh ─▶ more than one body may take?  413
//!                    more than is left of what all may take together?  503
//!                    else a share of it is taken, until the request is answered ─▶ Value ─▶ schema ─▶ types
//! ```
//!
//! Real reports take up to 14 times their length by this reckoning.

use std::{fmt, time::Duration};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::problem::{BUSY_WAIT, Code, Problem};

/// What a body may take, and what all may take that are worked on at once, as a multiple of the longest body.
const TIMES: usize = 20;
/// What an object or an array takes, in bytes: the node of a map, or the struct that an object becomes.
pub(super) const CONTAINER: usize = 768;
/// What any other value takes, its key included but not its text.
pub(super) const SCALAR: usize = 128;
/// What is shared out at once, in bytes.
pub(super) const UNIT: usize = 1024;

/// The memory of bodies that are parsed. An estimate: within a third of what was measured.
pub(crate) struct Memory {
    pub(super) most: usize,
    pub(super) free: Semaphore,
}

impl Memory {
    /// Room for bodies of up to `max_body` bytes.
    pub(crate) fn new(max_body: usize) -> Self {
        let most = max_body.saturating_mul(TIMES);
        Self { most, free: Semaphore::new(most.div_ceil(UNIT)) }
    }

    /// Parses a body. What it takes is given back when the share is dropped.
    pub(crate) fn parse(&self, body: &[u8]) -> Result<(Value, SemaphorePermit<'_>), Problem> {
        let share = self.free.try_acquire_many(self.units(body)?).map_err(|_| busy())?;
        Ok((serde_json::from_slice(body).map_err(no_json)?, share))
    }

    /// As [`Self::parse`], for those who send once: waits for its share, in its turn, for so long at most.
    pub(crate) async fn parse_within(&self, wait: Duration, body: &[u8]) -> Result<(Value, SemaphorePermit<'_>), Problem> {
        let share = timeout(wait, self.free.acquire_many(self.units(body)?)).await.map_err(|_| busy())?.map_err(|_| busy())?;
        Ok((serde_json::from_slice(body).map_err(no_json)?, share))
    }

    fn units(&self, body: &[u8]) -> Result<u32, Problem> {
        // More than there is of them is never to be had.
        Ok(u32::try_from(self.weigh(body)?.div_ceil(UNIT)).unwrap_or(u32::MAX))
    }

    fn weigh(&self, body: &[u8]) -> Result<usize, Problem> {
        let mut left = Left(self.most.checked_sub(body.len()));
        match (left.deserialize(&mut serde_json::Deserializer::from_slice(body)), left.0) {
            (Ok(()), Some(left)) => Ok(self.most - left),
            (_, None) => Err(too_many()),
            (Err(error), _) => Err(no_json(error)),
        }
    }
}

pub(super) fn busy() -> Problem {
    Problem::new(Code::Unavailable, "The agent works on too many large bodies; send the request again").retry_after(BUSY_WAIT)
}

pub(super) fn too_many() -> Problem {
    Problem::new(Code::BodyTooLarge, "The body has too many values; send it in parts")
}

fn no_json(error: serde_json::Error) -> Problem {
    // The error's own text may repeat what was sent; its place does not.
    Problem::new(Code::InvalidJson, format!("The body is not JSON, at line {}, column {}.", error.line(), error.column()))
}

/// What is left for the rest of a body, in bytes; nothing once it took too much.
struct Left(Option<usize>);

impl Left {
    fn take<E: Error>(&mut self, bytes: usize) -> Result<(), E> {
        self.0 = self.0.and_then(|left| left.checked_sub(bytes));
        self.0.map(drop).ok_or_else(|| E::custom("too many values"))
    }
}

impl<'de> DeserializeSeed<'de> for &mut Left {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Left {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.take(SCALAR)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.take(SCALAR)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.take(SCALAR)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.take(SCALAR)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.take(SCALAR)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.take(SCALAR)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.take(CONTAINER)?;
        while items.next_element_seed(&mut *self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.take(CONTAINER)?;
        while members.next_key::<IgnoredAny>()?.is_some() {
            members.next_value_seed(&mut *self)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    const MAX_BODY: usize = 1 << 20;

    fn code(memory: &Memory, body: &str) -> Option<Code> {
        memory.parse(body.as_bytes()).err().map(|problem| problem.code)
    }

    #[test]
    fn every_kind_of_value_is_weighed_and_parsed_as_it_stands() {
        let text = r#"{"a":[null,true,-1,18446744073709551615,1.5,"\u00e9"],"b":{}}"#;
        let memory = Memory::new(MAX_BODY);
        assert_eq!(memory.weigh(text.as_bytes()).unwrap(), 3 * CONTAINER + 6 * SCALAR + text.len());
        assert_eq!(memory.parse(text.as_bytes()).unwrap().0, json!({ "a": [null, true, -1, u64::MAX, 1.5, "é"], "b": {} }));
    }

    #[test]
    fn what_is_no_json_is_refused_as_such_whichever_pass_finds_it() {
        let memory = Memory::new(MAX_BODY);
        let deep = "[".repeat(200) + &"]".repeat(200);
        for body in ["", "{", "[1,]", "{} {}", r#""\ud800""#, r#"{"\ud800":1}"#, &deep] {
            assert_eq!(code(&memory, body), Some(Code::InvalidJson), "{body}");
        }
    }

    #[test]
    fn a_body_may_take_as_much_as_the_limit_and_not_a_value_more() {
        let memory = Memory::new(MAX_BODY);
        let zeros = |count: usize| format!("[{}]", vec!["0"; count].join(","));
        let most = (MAX_BODY * TIMES - CONTAINER) / (SCALAR + 2);
        assert_eq!(code(&memory, &zeros(most)), None);
        assert_eq!(code(&memory, &zeros(most + 8)), Some(Code::BodyTooLarge));
    }

    #[test]
    fn bodies_that_are_worked_on_at_once_share_a_bounded_memory() {
        let memory = Memory::new(MAX_BODY);
        let half = format!("[{}[]]", "[],".repeat(MAX_BODY * TIMES / CONTAINER / 2));
        let (_, first) = memory.parse(half.as_bytes()).unwrap();
        let refused = memory.parse(half.as_bytes()).unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (Code::Unavailable, Some(BUSY_WAIT)));
        assert_eq!(code(&memory, "[]"), None, "a small one still has room");
        drop(first);
        assert_eq!(code(&memory, &half), None);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_may_wait_gets_his_share_when_it_is_given_back_and_is_told_to_come_again_if_it_is_not() {
        let memory = Memory::new(MAX_BODY);
        let half = format!("[{}[]]", "[],".repeat(MAX_BODY * TIMES / CONTAINER / 2));
        let (_, first) = memory.parse(half.as_bytes()).unwrap();
        let refused = memory.parse_within(Duration::from_secs(9), half.as_bytes()).await.unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (Code::Unavailable, Some(BUSY_WAIT)));
        let later = async {
            tokio::time::sleep(Duration::from_secs(5)).await; // while the other one waits
            drop(first);
        };
        let (waited, ()) = tokio::join!(memory.parse_within(Duration::from_secs(9), half.as_bytes()), later);
        assert!(waited.is_ok());
    }

    #[test]
    fn reports_of_the_tools_may_be_as_long_as_any_body() {
        let memory = Memory::new(MAX_BODY);
        let rows = [
            (include_str!("../../tests/samples/trivy-operator-vulnerabilityreport.json"), "/report/vulnerabilities"),
            (include_str!("../../tests/samples/trivy-operator-configauditreport.json"), "/report/checks"),
            (include_str!("../../tests/samples/trivy-operator-update-envelope.json"), "/operatorObject/report/vulnerabilities"),
            (include_str!("../../tests/samples/trivy-cli-image.json"), "/Results/0/Vulnerabilities"),
            (include_str!("../../tests/samples/trivy-cli-config.json"), "/Results/0/Misconfigurations"),
            (include_str!("../../tests/samples/kyverno-policyreport.json"), "/results"),
        ];
        for (sample, list) in rows {
            let mut report: Value = serde_json::from_str(sample).unwrap();
            let rest = report.to_string().len();
            let findings = report.pointer_mut(list).unwrap().as_array_mut().unwrap();
            let length = findings.iter().map(|finding| finding.to_string().len() + 1).sum::<usize>();
            *findings = vec![findings.clone(); (MAX_BODY - rest) / length].concat();
            // Without blanks, which is as dense as JSON gets.
            let taken = memory.weigh(report.to_string().as_bytes()).unwrap();
            assert!(taken < MAX_BODY * 14, "{list}: {taken}");
        }
    }
}
