//! What a probe asks, of whom, and what it expects.

use reqwest::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::naming::{is_api_version, is_kind, is_object_name};

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

impl Check {
    /// Which kind it is.
    pub const fn kind(&self) -> ProbeKind {
        match self {
            Self::Condition(_) => ProbeKind::Condition,
            Self::Http(_) => ProbeKind::Http,
            Self::Prometheus(_) => ProbeKind::Prometheus,
        }
    }

    pub(super) fn problem(&self) -> Option<String> {
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
        let is_type = within(&self.type_, 316) && self.type_.bytes().all(|b| b.is_ascii_graphic());
        let could_be = |object: &ProbedObject| is_api_version(&object.api_version) && is_kind(&object.kind) && is_object_name(&object.name);
        wrong([
            (!is_type, "the condition's type is not one that Kubernetes has"),
            (!self.object.as_ref().is_none_or(could_be), "the object is not one that Kubernetes could have"),
        ])
    }
}

impl HttpProbe {
    /// What is asked for; none where that is no URL, or one with credentials, which do not belong on an object.
    pub fn url(&self) -> Option<Url> {
        let url = Url::parse(&self.url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
        (url.username().is_empty() && url.password().is_none()).then_some(url)
    }

    fn problem(&self) -> Option<String> {
        let has_url = within(&self.url, 2_048) && self.url().is_some();
        wrong([
            (!has_url, "the url is none of http or https, without credentials, of at most 2048 characters"),
            (!self.status.is_none_or(|status| (100..=599).contains(&status)), "status is from 100 to 599"),
            (!self.contains.as_deref().is_none_or(|text| within(text, 1_024)), "contains has 1 to 1024 characters"),
        ])
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
        let is_expected = within(&self.expect, 64) && self.expected().is_some();
        wrong([
            (!within(&self.query, 2_048), "the query has 1 to 2048 characters"),
            (!is_expected, "expect is a comparison and a number, such as `< 0.01`"),
        ])
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

/// Whether a text is there, and has at most so many bytes.
fn within(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len())
}

/// What the first of these says that is so.
fn wrong<const N: usize>(what: [(bool, &str); N]) -> Option<String> {
    what.into_iter().find_map(|(is_wrong, says)| is_wrong.then(|| says.to_owned()))
}
