//! Conditions by the Kubernetes API conventions: one entry a type, its time that of the last flip.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::Reason;

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// `True`.
    Yes,
    /// `False`.
    No,
}

impl Holds {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "True",
            Self::No => "False",
        }
    }
}

/// Sets the condition of this type; what already reads so is left alone.
pub(super) fn set(
    conditions: &mut Vec<Condition>,
    type_: &str,
    holds: Holds,
    reason: Reason,
    message: impl Into<String>,
    generation: Option<i64>,
) {
    let known = conditions.iter().position(|condition| condition.type_ == type_);
    let flipped = known.is_none_or(|at| conditions[at].status != holds.as_str());
    let last_transition_time = match known {
        Some(at) if !flipped => conditions[at].last_transition_time.clone(),
        _ => Time(Timestamp::now()),
    };
    let condition = Condition {
        type_: type_.to_owned(),
        status: holds.as_str().to_owned(),
        reason: reason.as_str().to_owned(),
        message: message.into(),
        observed_generation: generation,
        last_transition_time,
    };
    match known {
        Some(at) => conditions[at] = condition,
        None => conditions.push(condition),
    }
}

/// Whether this condition was judged on this generation of the spec; one that does not say was not.
pub fn is_of(condition: &Condition, generation: Option<i64>) -> bool {
    condition.observed_generation == generation
}

/// Whether this condition is `True`.
pub fn is_true(condition: &Condition) -> bool {
    condition.status == Holds::Yes.as_str()
}
