//! What an event leads to.
//!
//! ```text
//!  SecurityEvent ─▶ first rule whose `when` holds ─▶ below its minSeverity? ─▶ Ignore(BelowThreshold)
//!                   (none: `default`)                      │ no
//!                                                          ├─ observe ───────▶ Ignore(Observe)
//!                                                          ├─ propose ───────▶ Remediate, waits for a person
//!                                                          └─ automatic ─────▶ Remediate, guardrails permitting
//!
//!                   a `when` that cannot be evaluated ─────▶ Remediate by `default`, as a proposal at most
//! ```
//!
//! That last line is how a policy fails closed: a condition that asks for a fact the event does not
//! have may have been meant to hold the event back, or to let it through. So no later rule is
//! asked, a person is, and the log says which rule to mend (`has(facts.x)` or `"x" in facts`).
//!
//! Guardrails are read here and hold later: the pipeline enforces them when the object exists.

mod condition;
mod file;
mod guardrails;

use std::collections::BTreeSet;

use condition::{Condition, Variables};
pub use file::PolicyError;
pub use guardrails::{Amount, Budget, Guardrails, LabelMatch, NotAWindow, Recurrence, ShortCircuit, Window};

use crate::{
    event::{Ignored, SecurityEvent, Severity},
    remediation::{Action, ActionKind, Mode},
};

/// The policy of `zen-agent dev`: it acts at once on Falco's events, and proposes the rest.
pub const DEV: &str = include_str!("../policies/dev.yaml");
/// The policy where none is given.
pub const DEFAULT: &str = include_str!("../policies/default.yaml");

/// The name that decisions of `default` carry in place of a rule's.
pub const DEFAULT_RULE: &str = "default";

/// Rules in order, and what holds whatever they say.
#[derive(Debug)]
pub struct Policy {
    rules: Vec<Rule>,
    default: Outcome,
    guardrails: Guardrails,
}

#[derive(Debug)]
struct Rule {
    name: String,
    when: Condition,
    outcome: Outcome,
}

#[derive(Debug)]
struct Outcome {
    floor: Severity,
    reaction: Reaction,
}

#[derive(Debug)]
enum Reaction {
    Observe,
    Act { action: Action, mode: Mode },
}

/// What a policy makes of one event.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Nothing.
    Ignore(Ignored),
    /// A remediation.
    Remediate {
        /// What to do.
        action: Action,
        /// Whether it waits for a person.
        mode: Mode,
        /// The rule that said so, or [`DEFAULT_RULE`].
        rule: String,
    },
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// Every mistake in it, each with the rule it stands in.
    pub fn parse(yaml: &str) -> Result<Self, PolicyError> {
        file::read(yaml)
    }

    /// The policy where none is given, less what asks for an action that is not enabled.
    ///
    /// # Errors
    /// None: every test that makes one shows that the built-in policy is valid.
    pub fn built_in(enabled: &BTreeSet<ActionKind>) -> Result<Self, PolicyError> {
        let mut policy = Self::parse(DEFAULT)?;
        policy.rules.retain(|rule| rule.outcome.is_enabled(enabled));
        if !policy.default.is_enabled(enabled) {
            policy.default.reaction = Reaction::Observe;
        }
        Ok(policy)
    }

    /// Refuses a policy that asks for what would be refused later, event by event.
    ///
    /// # Errors
    /// [`DisabledActions`]: each rule that asks for an action that is not enabled.
    pub fn needs_only(self, enabled: &BTreeSet<ActionKind>) -> Result<Self, DisabledActions> {
        let outcomes = self.rules.iter().map(|rule| (rule.name.as_str(), &rule.outcome)).chain([(DEFAULT_RULE, &self.default)]);
        let disabled: Vec<_> = outcomes.filter(|(_, outcome)| !outcome.is_enabled(enabled)).map(|(name, _)| name.to_owned()).collect();
        if disabled.is_empty() { Ok(self) } else { Err(DisabledActions(disabled)) }
    }

    /// What holds whatever the rules say.
    pub fn guardrails(&self) -> &Guardrails {
        &self.guardrails
    }

    /// Decides on one event; never fails, see the module's documentation.
    pub fn decide(&self, event: &SecurityEvent) -> Decision {
        let variables = Variables::of(event);
        for rule in &self.rules {
            match rule.when.holds(&variables) {
                Ok(true) => return rule.outcome.decide(event.severity, &rule.name),
                Ok(false) => {}
                // The error is not logged: it may quote the event.
                Err(_) => {
                    tracing::warn!(rule = %rule.name, source = %event.source, "a policy condition could not be evaluated; proposing the default instead");
                    return self.default.propose();
                }
            }
        }
        self.default.decide(event.severity, DEFAULT_RULE)
    }
}

/// The rules of a policy that ask for actions that are not enabled.
#[derive(Debug, thiserror::Error)]
#[error("the policy asks for actions that are not enabled; enable them (ENABLED_ACTIONS) or change the rules: {}", .0.join(", "))]
pub struct DisabledActions(Vec<String>);

impl Outcome {
    fn is_enabled(&self, enabled: &BTreeSet<ActionKind>) -> bool {
        match &self.reaction {
            Reaction::Observe => true,
            Reaction::Act { action, .. } => enabled.contains(&action.kind()),
        }
    }

    fn decide(&self, severity: Severity, rule: &str) -> Decision {
        if !severity.reaches(self.floor) {
            return Decision::Ignore(Ignored::BelowThreshold);
        }
        match &self.reaction {
            Reaction::Observe => Decision::Ignore(Ignored::Observe),
            Reaction::Act { action, mode } => Decision::Remediate { action: action.clone(), mode: *mode, rule: rule.to_owned() },
        }
    }

    // No floor: what could not be judged is not weighed either.
    fn propose(&self) -> Decision {
        match &self.reaction {
            Reaction::Observe => Decision::Ignore(Ignored::Observe),
            Reaction::Act { action, .. } => {
                Decision::Remediate { action: action.clone(), mode: Mode::Propose, rule: DEFAULT_RULE.to_owned() }
            }
        }
    }
}

#[cfg(test)]
mod tests;
