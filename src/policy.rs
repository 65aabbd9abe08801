//! What an event leads to.
//!
//! ```text
//!  SecurityEvent ─▶ first rule whose `when` holds ─▶ below its minSeverity? ─▶ Ignore(BelowThreshold)
//!                   (none: `default`)                      │ no
//!                                                          ├─ observe ───────▶ Ignore(Observe)
//!                                                          ├─ propose ───────▶ Remediate, waits for a person
//!                                                          └─ automatic ─────▶ Remediate, guardrails permitting
//!
//!                   what cannot be evaluated: a `when`,
//!                   or a text of its action (`template`) ──▶ Remediate by `default`, as a proposal at most
//! ```
//!
//! That last line is how a policy fails closed: a condition that asks for a fact the event does not
//! have may have been meant to hold the event back, or to let it through; an action without its text is another one.
//! So no later rule is asked, a person is, and the log says which rule to mend (`has(facts.x)` or `"x" in facts`).
//!
//! Guardrails are read here and hold later: the pipeline enforces them when the object exists. Both are asked of
//! the policy in force ([`Live`]), which a changed file replaces.

mod explain;
mod expression;
mod file;
mod guardrails;
mod live;
mod template;

use std::{collections::BTreeSet, convert::Infallible, sync::Arc};

pub use explain::{Explanation, GuardrailAhead, RuleAsked, RuleResult};
use expression::{Expression, NoAnswer, Variables};
pub use expression::{FUNCTIONS, VARIABLES};
pub use file::{MAX_BYTES, PolicyError, schema};
pub use guardrails::{Amount, Budget, Guardrails, LabelMatch, NotAWindow, Recurrence, ShortCircuit, Window};
pub use live::Live;
use serde::Deserialize;
use template::{NotFilled, Recipe};

use crate::{
    event::{Ignored, SecurityEvent, Severity},
    remediation::{Action, ActionKind, Mode, Verification},
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
    /// Its action is as it stands, so that there always is one.
    default: Outcome<Measures>,
    guardrails: Arc<Guardrails>,
}

#[derive(Debug)]
struct Rule {
    name: String,
    when: Expression,
    outcome: Outcome<Recipe>,
}

#[derive(Debug)]
struct Outcome<M> {
    floor: Severity,
    reaction: Reaction<M>,
}

#[derive(Debug)]
enum Reaction<M> {
    Observe,
    Act { kind: ActionKind, measures: M, mode: Mode },
}

/// What is done, and what has to hold afterwards.
#[derive(Clone, Debug, Deserialize)]
struct Measures {
    action: Action,
    #[serde(default)]
    verification: Option<Verification>,
}

/// How a rule met an event.
enum Met {
    No,
    /// It decides, by its action where the event is as bad as its floor.
    Holds {
        floor: Severity,
    },
    /// No later rule is asked, and `default` is proposed.
    Unclear(Unclear),
}

/// Why a rule says nothing of an event.
#[derive(Debug, thiserror::Error)]
enum Unclear {
    #[error("`when`: {0}")]
    When(NoAnswer),
    #[error(transparent)]
    Action(NotFilled),
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
        /// What has to hold afterwards.
        verification: Option<Verification>,
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

    /// One without rules, that decides nothing.
    pub fn observing(guardrails: Guardrails) -> Self {
        let default = Outcome { floor: Severity::Info, reaction: Reaction::Observe };
        Self { rules: Vec::new(), default, guardrails: Arc::new(guardrails) }
    }

    /// The same, with one more namespace protected.
    fn protecting(mut self, namespace: &str) -> Self {
        Arc::make_mut(&mut self.guardrails).protected_namespaces.insert(namespace.to_owned());
        self
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
        let disabled = self.asked().filter(|(_, kind)| !enabled.contains(kind));
        let disabled: Vec<_> = disabled.map(|(rule, _)| rule.to_owned()).collect();
        if disabled.is_empty() { Ok(self) } else { Err(DisabledActions(disabled)) }
    }

    /// The actions that it asks for.
    pub fn actions(&self) -> BTreeSet<ActionKind> {
        self.asked().map(|(_, kind)| kind).collect()
    }

    /// Each rule that asks for an action, and which.
    fn asked(&self) -> impl Iterator<Item = (&str, ActionKind)> {
        let of_rules = self.rules.iter().filter_map(|rule| Some((rule.name.as_str(), rule.outcome.action()?)));
        of_rules.chain(self.default.action().map(|kind| (DEFAULT_RULE, kind)))
    }

    /// What holds whatever the rules say.
    pub fn guardrails(&self) -> &Guardrails {
        &self.guardrails
    }

    /// Decides on one event; never fails, see the module's documentation.
    pub fn decide(&self, event: &SecurityEvent) -> Decision {
        self.judge(event, |rule, met| {
            // Why is not logged: it may quote the event.
            if let Met::Unclear(_) = met {
                tracing::warn!(rule, source = %event.source, "a policy rule could not be evaluated; proposing the default instead");
            }
        })
    }

    /// Decides, and tells how each rule that was asked met the event; `default` is the last of them where no rule holds.
    fn judge(&self, event: &SecurityEvent, mut tell: impl FnMut(&str, Met)) -> Decision {
        let variables = Variables::of(event);
        for rule in &self.rules {
            let decided = match rule.when.holds(&variables) {
                Ok(false) => {
                    tell(&rule.name, Met::No);
                    continue;
                }
                Ok(true) => {
                    let measures = |recipe: &Recipe| recipe.measures(&variables);
                    rule.outcome.decide(event.severity, &rule.name, measures).map_err(Unclear::Action)
                }
                Err(why) => Err(Unclear::When(why)),
            };
            return match decided {
                Ok(decision) => {
                    tell(&rule.name, Met::Holds { floor: rule.outcome.floor });
                    decision
                }
                Err(why) => {
                    tell(&rule.name, Met::Unclear(why));
                    self.default.propose()
                }
            };
        }
        tell(DEFAULT_RULE, Met::Holds { floor: self.default.floor });
        let Ok(decision) = self.default.decide(event.severity, DEFAULT_RULE, |measures| Ok::<_, Infallible>(measures.clone()));
        decision
    }
}

impl Measures {
    fn decided(self, mode: Mode, rule: &str) -> Decision {
        Decision::Remediate { action: self.action, verification: self.verification, mode, rule: rule.to_owned() }
    }

    /// What is wrong with them.
    fn problem(&self) -> Option<String> {
        self.action.problem().or_else(|| self.verification.as_ref()?.problem().map(|problem| format!("verification: {problem}")))
    }
}

/// The rules of a policy that ask for actions that are not enabled.
#[derive(Debug, thiserror::Error)]
#[error("the policy asks for actions that are not enabled; enable them (ENABLED_ACTIONS) or change the rules: {}", .0.join(", "))]
pub struct DisabledActions(Vec<String>);

impl<M> Outcome<M> {
    fn action(&self) -> Option<ActionKind> {
        match &self.reaction {
            Reaction::Observe => None,
            Reaction::Act { kind, .. } => Some(*kind),
        }
    }

    fn is_enabled(&self, enabled: &BTreeSet<ActionKind>) -> bool {
        self.action().is_none_or(|action| enabled.contains(&action))
    }

    fn decide<E>(&self, severity: Severity, rule: &str, made: impl FnOnce(&M) -> Result<Measures, E>) -> Result<Decision, E> {
        if !severity.reaches(self.floor) {
            return Ok(Decision::Ignore(Ignored::BelowThreshold));
        }
        Ok(match &self.reaction {
            Reaction::Observe => Decision::Ignore(Ignored::Observe),
            Reaction::Act { measures, mode, .. } => made(measures)?.decided(*mode, rule),
        })
    }
}

impl Outcome<Measures> {
    // No floor: what could not be judged is not weighed either.
    fn propose(&self) -> Decision {
        match &self.reaction {
            Reaction::Observe => Decision::Ignore(Ignored::Observe),
            Reaction::Act { measures, .. } => measures.clone().decided(Mode::Propose, DEFAULT_RULE),
        }
    }
}

#[cfg(test)]
mod tests;
