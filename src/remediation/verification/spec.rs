//! What somebody asks for: the probes, and how long and how often they are asked.

use std::{collections::BTreeSet, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Probe;
use crate::naming::is_label_value;

const MAX_PROBES: usize = 5;
const MAX_DELAY: i32 = 3_600;
const MAX_SOAK: i32 = 3_600;
const MAX_INTERVAL: i32 = 600;
const MAX_TIMEOUT: i32 = 7_200;
const MAX_LIMIT: i32 = 100;

/// What has to hold after the change, and for how long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// What is asked; all of them have to pass.
    #[schemars(length(min = 1, max = 5))]
    pub probes: Vec<Probe>,
    /// Seconds from the action's effect to the first answer; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3_600))]
    pub initial_delay_seconds: Option<i32>,
    /// Seconds from one answer to the next; 10 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 600))]
    pub interval_seconds: Option<i32>,
    /// Seconds that all probes have to pass without another answer; once is enough when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3_600))]
    pub soak_seconds: Option<i32>,
    /// Seconds from the action's effect after which the change is undone; 300 when absent. More than what
    /// initialDelaySeconds, and a round each intervalSeconds until soakSeconds are over, take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 7_200))]
    pub timeout_seconds: Option<i32>,
    /// Failures of one probe that are forgiven; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub failure_limit: Option<i32>,
    /// Inconclusive answers of one probe that are forgiven; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub inconclusive_limit: Option<i32>,
    /// Errors of one probe that are forgiven; 3 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub error_limit: Option<i32>,
}

fn seconds(given: Option<i32>, absent: u64) -> Duration {
    Duration::from_secs(given.map_or(absent, |seconds| seconds.max(0).unsigned_abs().into()))
}

impl Verification {
    /// From the action's effect to the first answer.
    pub fn initial_delay(&self) -> Duration {
        seconds(self.initial_delay_seconds, 0)
    }

    /// From one answer to the next.
    pub fn interval(&self) -> Duration {
        seconds(self.interval_seconds, 10)
    }

    /// How long all probes have to pass.
    pub fn soak(&self) -> Duration {
        seconds(self.soak_seconds, 0)
    }

    /// From the action's effect to the end of all patience.
    pub fn timeout(&self) -> Duration {
        seconds(self.timeout_seconds, 300)
    }

    /// From the action's effect to the end where every answer is a pass, and comes at once.
    fn shortest(&self) -> Duration {
        let rounds = self.soak().as_secs().div_ceil(self.interval().as_secs().max(1));
        self.initial_delay() + self.interval().saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX))
    }

    /// The limits of failures, inconclusive answers and errors.
    pub fn limits(&self) -> [i32; 3] {
        [self.failure_limit.unwrap_or(0), self.inconclusive_limit.unwrap_or(0), self.error_limit.unwrap_or(3)]
    }

    /// What is wrong with it. A definition that is older than this agent may not have kept it from being stored.
    pub fn problem(&self) -> Option<String> {
        let mut names = BTreeSet::new();
        if self.probes.is_empty() || self.probes.len() > MAX_PROBES {
            return Some(format!("a verification has 1 to {MAX_PROBES} probes"));
        }
        for (field, given, least, most) in [
            ("initialDelaySeconds", self.initial_delay_seconds, 0, MAX_DELAY),
            ("intervalSeconds", self.interval_seconds, 1, MAX_INTERVAL),
            ("soakSeconds", self.soak_seconds, 0, MAX_SOAK),
            ("timeoutSeconds", self.timeout_seconds, 1, MAX_TIMEOUT),
            ("failureLimit", self.failure_limit, 0, MAX_LIMIT),
            ("inconclusiveLimit", self.inconclusive_limit, 0, MAX_LIMIT),
            ("errorLimit", self.error_limit, 0, MAX_LIMIT),
        ] {
            if given.is_some_and(|given| !(least..=most).contains(&given)) {
                return Some(format!("{field} is from {least} to {most}"));
            }
        }
        let shortest = self.shortest();
        if shortest >= self.timeout() {
            let (timeout, shortest) = (self.timeout().as_secs(), shortest.as_secs());
            return Some(format!(
                "timeoutSeconds is {timeout}, and has to be more than the {shortest} s of initialDelaySeconds and a round each intervalSeconds until soakSeconds are over"
            ));
        }
        self.probes.iter().find_map(|probe| {
            if !is_label_value(&probe.name) {
                return Some("a probe's name is 1 to 63 letters, digits, '-', '_' or '.'".to_owned());
            }
            if !names.insert(&probe.name) {
                return Some(format!("two probes are called {}", probe.name));
            }
            probe.check.problem().map(|problem| format!("probe {}: {problem}", probe.name))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::Verification;

    fn read(value: Value) -> Verification {
        serde_json::from_value(value).unwrap()
    }

    fn with(change: Value) -> Option<String> {
        let mut whole = json!({ "probes": [{ "name": "a", "condition": { "type": "Available" } }] });
        whole.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        read(whole).problem()
    }

    #[test]
    fn what_is_out_of_bounds_is_told_also_where_no_definition_kept_it_out() {
        assert_eq!(with(json!({})), None);
        let condition = |name: &str| json!({ "name": name, "condition": { "type": "Available" } });
        for change in [
            json!({ "probes": [] }),
            json!({ "probes": [condition("a"), condition("b"), condition("c"), condition("d"), condition("e"), condition("f")] }),
            json!({ "probes": [condition("a"), condition("a")] }),
            json!({ "probes": [condition("a b")] }),
            json!({ "probes": [{ "name": "a", "condition": { "type": "" } }] }),
            json!({ "probes": [{ "name": "a", "condition": { "type": "T", "object": { "apiVersion": "v1", "kind": "Pod", "name": "../x" } } }] }),
            json!({ "probes": [{ "name": "a", "http": { "url": "web.shop.svc" } }] }),
            json!({ "probes": [{ "name": "a", "http": { "url": "ftp://web.shop.svc" } }] }),
            json!({ "probes": [{ "name": "a", "http": { "url": "http://user:word@web.shop.svc" } }] }),
            json!({ "probes": [{ "name": "a", "http": { "url": "http://web.shop.svc", "status": 600 } }] }),
            json!({ "probes": [{ "name": "a", "http": { "url": "http://web.shop.svc", "contains": "" } }] }),
            json!({ "probes": [{ "name": "a", "prometheus": { "query": "", "expect": "< 1" } }] }),
            json!({ "probes": [{ "name": "a", "prometheus": { "query": "up", "expect": "1" } }] }),
            json!({ "probes": [{ "name": "a", "prometheus": { "query": "up", "expect": "< inf" } }] }),
            json!({ "probes": [{ "name": "a", "prometheus": { "query": "up", "expect": "=> 1" } }] }),
            json!({ "intervalSeconds": 0 }),
            json!({ "intervalSeconds": 601 }),
            json!({ "soakSeconds": -1 }),
            json!({ "initialDelaySeconds": 3_601 }),
            json!({ "timeoutSeconds": 0 }),
            json!({ "timeoutSeconds": 10, "soakSeconds": 9, "initialDelaySeconds": 1 }),
            // The second round, after the default ten seconds, comes too late, and so does the third of four.
            json!({ "timeoutSeconds": 10, "soakSeconds": 1 }),
            json!({ "timeoutSeconds": 12, "soakSeconds": 9, "initialDelaySeconds": 1, "intervalSeconds": 4 }),
            json!({ "failureLimit": 101 }),
            json!({ "errorLimit": -1 }),
        ] {
            assert!(with(change.clone()).is_some(), "{change}");
        }
        assert_eq!(with(json!({ "timeoutSeconds": 14, "soakSeconds": 9, "initialDelaySeconds": 1, "intervalSeconds": 4 })), None);
        assert_eq!(
            with(json!({ "timeoutSeconds": 13, "soakSeconds": 9, "initialDelaySeconds": 1, "intervalSeconds": 4 })).as_deref(),
            Some(
                "timeoutSeconds is 13, and has to be more than the 13 s of initialDelaySeconds and a round each intervalSeconds until soakSeconds are over"
            )
        );
    }
}
