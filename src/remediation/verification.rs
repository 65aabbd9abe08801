//! What has to hold after the change, beside what its action looks at: probes, and how long and how often they are asked.
//!
//! ```text
//!   effect of the action seen ─▶ initial delay ─▶ all probes, each interval ── all pass, for the soak time ──▶ succeeded
//!                                                   │ another answer: counted, and the soak time begins anew
//!                                                   └─ more of one kind than its limit, or the timeout ──▶ undone
//! ```
//!
//! | answer | when | default limit |
//! |---|---|---|
//! | pass | it is as wanted | |
//! | failure | it is not | 0 |
//! | inconclusive | it was looked at, and says nothing | 0 |
//! | error | it could not be looked at | 3 |

use std::{collections::BTreeSet, time::Duration};

use reqwest::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::naming::{is_api_version, is_kind, is_label_value, is_object_name};

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
    /// Seconds from the action's effect after which the change is undone; 300 when absent.
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

/// One thing that has to hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Its name, by which conditions and messages speak of it.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// What is asked.
    #[serde(flatten)]
    pub check: Check,
}

/// What a probe asks; exactly one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Check {
    /// A condition in the status of an object.
    Condition(ConditionProbe),
    /// A GET, of what the agent's configuration allows.
    Http(HttpProbe),
    /// A query to the Prometheus of the agent's configuration.
    Prometheus(PrometheusProbe),
}

/// A condition that an object has to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConditionProbe {
    /// The object, which is in the target's namespace; the target itself when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ProbedObject>,
    /// The condition's type, such as `Available`.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 316))]
    pub type_: String,
    /// The status that it has to have; `True` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ConditionStatus>,
}

/// An object beside the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProbedObject {
    /// Group and version.
    #[schemars(length(min = 1, max = 317))]
    pub api_version: String,
    /// Kind.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// A GET that has to be answered as wanted. No redirect is followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpProbe {
    /// What is asked for, such as `http://web.shop.svc/healthz`.
    #[schemars(length(min = 1, max = 2_048))]
    pub url: String,
    /// The status of the answer; any of 200 to 299 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 100, max = 599))]
    pub status: Option<i32>,
    /// A text that the body has to hold, in its first 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1_024))]
    pub contains: Option<String>,
}

/// A query of which every value has to be as expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusProbe {
    /// The query, in PromQL; a scalar, or an instant vector that is not empty.
    #[schemars(length(min = 1, max = 2_048))]
    pub query: String,
    /// A comparison and a number, such as `< 0.01`; there are <, <=, >, >=, == and !=.
    #[schemars(length(min = 2, max = 64))]
    pub expect: String,
}

/// What is expected of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    comparison: Comparison,
    number: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

/// The status of a condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// It holds.
    #[default]
    True,
    /// It does not.
    False,
}

impl ConditionStatus {
    /// The word on objects.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
        }
    }
}

/// The kind of a probe: a metric's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// A condition of an object.
    Condition,
    /// A GET.
    Http,
    /// A query.
    Prometheus,
}

impl ProbeKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Condition, Self::Http, Self::Prometheus];

    /// Its name in the API and in metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Condition => "condition",
            Self::Http => "http",
            Self::Prometheus => "prometheus",
        }
    }
}

/// How far a verification is; it is written with each answer that is no pass, and while all pass, every ten seconds at most.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VerificationStatus {
    /// Milliseconds of the step `validate` after which the action's effect was seen, from which delay and timeout count.
    #[schemars(range(min = 0))]
    pub effect_after_millis: i64,
    /// Seconds for which all probes have passed, of which somebody knows for sure.
    #[schemars(range(min = 0, max = 3_600))]
    pub soaked_seconds: i32,
    /// The answers of each probe that were no pass, where there were any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<ProbeStatus>,
}

/// The answers of one probe that were no pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ProbeStatus {
    /// The probe's name.
    pub name: String,
    /// How often it was not as wanted.
    #[schemars(range(min = 0, max = 101))]
    pub failures: i32,
    /// How often that could not be told.
    #[schemars(range(min = 0, max = 101))]
    pub inconclusive: i32,
    /// How often it could not be looked at.
    #[schemars(range(min = 0, max = 101))]
    pub errors: i32,
    /// The last such answer, for people.
    pub message: String,
}

/// What a probe says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is as wanted.
    Pass,
    /// It is not; what it is instead.
    Failure(String),
    /// It was looked at, and says nothing; why.
    Inconclusive(String),
    /// It could not be looked at; why.
    Error(String),
}

impl Answer {
    /// The names of all, which are the values of a metric's label.
    pub const LABELS: [&'static str; 4] = ["pass", "failure", "inconclusive", "error"];

    /// Its name.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Pass => Self::LABELS[0],
            Self::Failure(_) => Self::LABELS[1],
            Self::Inconclusive(_) => Self::LABELS[2],
            Self::Error(_) => Self::LABELS[3],
        }
    }
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
        if self.initial_delay() + self.soak() >= self.timeout() {
            return Some("timeoutSeconds is more than initialDelaySeconds and soakSeconds together".to_owned());
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

impl Check {
    /// Which kind it is.
    pub const fn kind(&self) -> ProbeKind {
        match self {
            Self::Condition(_) => ProbeKind::Condition,
            Self::Http(_) => ProbeKind::Http,
            Self::Prometheus(_) => ProbeKind::Prometheus,
        }
    }

    fn problem(&self) -> Option<String> {
        match self {
            Self::Condition(probe) => probe.problem(),
            Self::Http(probe) => probe.problem(),
            Self::Prometheus(probe) => probe.problem(),
        }
    }
}

impl ConditionProbe {
    /// The status that it has to have.
    pub fn wanted(&self) -> ConditionStatus {
        self.status.unwrap_or_default()
    }

    fn problem(&self) -> Option<String> {
        let is_type = |text: &str| (1..=316).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if !is_type(&self.type_) {
            return Some("the condition's type is not one that Kubernetes has".to_owned());
        }
        let object = self.object.as_ref()?;
        let named = is_api_version(&object.api_version) && is_kind(&object.kind) && is_object_name(&object.name);
        (!named).then(|| "the object is not one that Kubernetes could have".to_owned())
    }
}

impl HttpProbe {
    /// What is asked for; none where that is no URL, or one with credentials, which do not belong on an object.
    pub fn url(&self) -> Option<Url> {
        let url = Url::parse(&self.url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
        (url.username().is_empty() && url.password().is_none()).then_some(url)
    }

    fn problem(&self) -> Option<String> {
        if !(1..=2_048).contains(&self.url.len()) || self.url().is_none() {
            return Some("the url is none of http or https, without credentials, of at most 2048 characters".to_owned());
        }
        if self.status.is_some_and(|status| !(100..=599).contains(&status)) {
            return Some("status is from 100 to 599".to_owned());
        }
        let is_text = |text: &str| (1..=1_024).contains(&text.len());
        self.contains.as_deref().is_some_and(|text| !is_text(text)).then(|| "contains has 1 to 1024 characters".to_owned())
    }
}

impl PrometheusProbe {
    /// What is expected of every value.
    pub fn expected(&self) -> Option<Expected> {
        let text = self.expect.trim();
        // The longer ones first, since the others are their beginnings.
        let comparisons = [
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        let (sign, comparison) = comparisons.into_iter().find(|(sign, _)| text.starts_with(sign))?;
        let number: f64 = text.strip_prefix(sign)?.trim().parse().ok()?;
        number.is_finite().then_some(Expected { comparison, number })
    }

    fn problem(&self) -> Option<String> {
        if !(1..=2_048).contains(&self.query.len()) {
            return Some("the query has 1 to 2048 characters".to_owned());
        }
        let is_short = self.expect.len() <= 64;
        (!is_short || self.expected().is_none()).then(|| "expect is a comparison and a number, such as `< 0.01`".to_owned())
    }
}

impl Expected {
    /// Whether a value is so; NaN never is.
    pub fn holds(self, value: f64) -> bool {
        let Self { comparison, number } = self;
        match comparison {
            Comparison::Less => value < number,
            Comparison::LessOrEqual => value <= number,
            Comparison::Greater => value > number,
            Comparison::GreaterOrEqual => value >= number,
            Comparison::Equal => value == number,
            Comparison::NotEqual => !value.is_nan() && value != number,
        }
    }
}

impl VerificationStatus {
    /// Counts an answer; `Some` when it is one too many.
    pub fn count(&mut self, probe: &str, answer: &Answer, limits: [i32; 3]) -> Option<Excess> {
        let message = match answer {
            Answer::Pass => return None,
            Answer::Failure(message) | Answer::Inconclusive(message) | Answer::Error(message) => message,
        };
        self.soaked_seconds = 0;
        let at = self.probes.iter().position(|status| status.name == probe).unwrap_or_else(|| {
            self.probes.push(ProbeStatus { name: probe.to_owned(), ..ProbeStatus::default() });
            self.probes.len() - 1
        });
        let status = &mut self.probes[at];
        status.message = super::shorten(message);
        let (count, limit, excess) = match answer {
            Answer::Failure(_) | Answer::Pass => (&mut status.failures, limits[0], Excess::Failures),
            Answer::Inconclusive(_) => (&mut status.inconclusive, limits[1], Excess::Inconclusive),
            Answer::Error(_) => (&mut status.errors, limits[2], Excess::Errors),
        };
        *count = count.saturating_add(1);
        (*count > limit).then_some(excess)
    }
}

/// Of what there was too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// Failures.
    Failures,
    /// Answers that say nothing.
    Inconclusive,
    /// Errors.
    Errors,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::{Answer, Excess, ProbeStatus, Verification, VerificationStatus};

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
            json!({ "failureLimit": 101 }),
            json!({ "errorLimit": -1 }),
        ] {
            assert!(with(change.clone()).is_some(), "{change}");
        }
    }

    #[test]
    fn each_kind_of_answer_has_a_limit_of_its_own_for_each_probe_and_breaks_the_soak() {
        let mut status = VerificationStatus { soaked_seconds: 7, ..VerificationStatus::default() };
        let limits = [1, 2, 0];
        let text = || "why".to_owned();
        assert_eq!(status.count("a", &Answer::Pass, limits), None);
        assert_eq!(status.soaked_seconds, 7);
        assert_eq!(status.count("a", &Answer::Failure(text()), limits), None);
        assert_eq!(status.soaked_seconds, 0);
        assert_eq!(status.count("b", &Answer::Failure(text()), limits), None);
        assert_eq!(status.count("a", &Answer::Inconclusive(text()), limits), None);
        assert_eq!(status.count("a", &Answer::Inconclusive(text()), limits), None);
        assert_eq!(status.count("a", &Answer::Inconclusive(text()), limits), Some(Excess::Inconclusive));
        assert_eq!(status.count("a", &Answer::Failure(text()), limits), Some(Excess::Failures));
        assert_eq!(status.count("b", &Answer::Error(text()), limits), Some(Excess::Errors));
        let counts = |status: &ProbeStatus| (status.failures, status.inconclusive, status.errors);
        assert_eq!(status.probes.iter().map(counts).collect::<Vec<_>>(), [(2, 3, 0), (1, 0, 1)]);
    }
}
