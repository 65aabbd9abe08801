//! Why a policy decides on an event as it does: what `zen-agent policy test` shows.

use serde::Serialize;

use super::{Decision, Met, Policy};
use crate::event::SecurityEvent;

/// Why a policy decides as it does on one event.
#[derive(Debug)]
pub struct Explanation {
    /// The rules that were asked, in order; the last one decided.
    pub rules: Vec<RuleAsked>,
    /// What follows.
    pub decision: Decision,
    /// The guardrails that the pipeline will look at, and what can be said of them here.
    pub guardrails: Vec<GuardrailAhead>,
}

/// How a rule met the event.
#[derive(Debug, Serialize)]
pub struct RuleAsked {
    /// Its name.
    pub rule: String,
    /// What came of it.
    pub result: RuleResult,
    /// Why, where the result does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What came of asking a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleResult {
    /// Its condition does not hold, so the next one is asked.
    NoMatch,
    /// It decides.
    Match,
    /// It decides that the event is not bad enough.
    BelowMinSeverity,
    /// It could not be evaluated, so nobody else is asked, and `default` is proposed.
    NotEvaluated,
}

/// A guardrail that is ahead of the remediation.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct GuardrailAhead {
    /// Its name in the policy file.
    pub guardrail: &'static str,
    /// What it will say, as far as that is known before there is a remediation.
    pub says: String,
}

impl Policy {
    /// Decides as [`Policy::decide`] does, and says why.
    pub fn explain(&self, event: &SecurityEvent) -> Explanation {
        let mut rules = Vec::new();
        let decision = self.judge(event, |rule, met| {
            let (result, why) = match met {
                Met::No => (RuleResult::NoMatch, None),
                Met::Holds { floor } if event.severity.reaches(floor) => (RuleResult::Match, None),
                Met::Holds { floor } => {
                    let why = format!("the severity is {}, and minSeverity {}", event.severity.as_str(), floor.as_str());
                    (RuleResult::BelowMinSeverity, Some(why))
                }
                Met::Unclear(why) => (RuleResult::NotEvaluated, Some(why.to_string())),
            };
            rules.push(RuleAsked { rule: rule.to_owned(), result, why });
        });
        let guardrails = match &decision {
            Decision::Ignore(_) => Vec::new(),
            Decision::Remediate { action, mode, .. } => self.guardrails.ahead(event, mode.lets_run(Some(action.kind()))),
        };
        Explanation { rules, decision, guardrails }
    }
}
