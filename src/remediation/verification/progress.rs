//! How far a verification is: the answers that were no pass, counted, and for how long all have passed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

    /// What it is counted as, and what it says, where it is no pass.
    fn shortcoming(&self) -> Option<(Excess, &str)> {
        match self {
            Self::Pass => None,
            Self::Failure(message) => Some((Excess::Failures, message)),
            Self::Inconclusive(message) => Some((Excess::Inconclusive, message)),
            Self::Error(message) => Some((Excess::Errors, message)),
        }
    }
}

impl VerificationStatus {
    /// Counts an answer; `Some` when it is one too many.
    pub fn count(&mut self, probe: &str, answer: &Answer, limits: [i32; 3]) -> Option<Excess> {
        let (kind, message) = answer.shortcoming()?;
        self.soaked_seconds = 0;
        let at = self.probes.iter().position(|status| status.name == probe).unwrap_or_else(|| {
            self.probes.push(ProbeStatus { name: probe.to_owned(), ..ProbeStatus::default() });
            self.probes.len() - 1
        });
        let status = &mut self.probes[at];
        status.message = crate::remediation::shorten(message);
        let (count, limit) = match kind {
            Excess::Failures => (&mut status.failures, limits[0]),
            Excess::Inconclusive => (&mut status.inconclusive, limits[1]),
            Excess::Errors => (&mut status.errors, limits[2]),
        };
        *count = count.saturating_add(1);
        (*count > limit).then_some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Excess, ProbeStatus, VerificationStatus};

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
