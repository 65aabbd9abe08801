//! The policy file: YAML in, a [`Policy`] or every mistake out.

use std::{collections::BTreeSet, fmt, sync::Arc};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{DEFAULT_RULE, Expression, Measures, Outcome, Policy, Reaction, Recipe, Rule, guardrails, template::Template};
use crate::{
    event::Severity,
    naming::is_label_value,
    remediation::{ActionKind, Mode},
};

/// The longest policy file.
pub const MAX_BYTES: usize = 256 * 1_024;
const MAX_RULES: usize = 256;

/// What is wrong with a policy file: all of it, one line each.
#[derive(Debug, thiserror::Error)]
#[error("the policy is not valid; mend and load it again:{}", lines(.0))]
pub struct PolicyError(Vec<String>);

impl PolicyError {
    /// One line per mistake, with the rule it stands in.
    pub fn problems(&self) -> &[String] {
        &self.0
    }
}

fn lines(problems: &[String]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

/// Collects mistakes.
#[derive(Default)]
pub(super) struct Problems(Vec<String>);

impl Problems {
    /// All of them.
    #[cfg(test)]
    pub(super) fn all(&self) -> &[String] {
        &self.0
    }

    pub(super) fn add(&mut self, place: &str, problem: impl fmt::Display) {
        self.0.push(format!("{place}: {problem}"));
    }
}

/// Reads one part of the file, unknown fields refused by its type.
pub(super) fn typed<T: DeserializeOwned>(value: Value, place: &str, problems: &mut Problems) -> Option<T> {
    serde_json::from_value(value).map_err(|error| problems.add(place, error)).ok()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rules: Vec<Value>,
    default: Value,
    #[serde(default)]
    guardrails: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuleFile {
    name: String,
    when: String,
    mode: ModeFile,
    min_severity: Option<Severity>,
    action: Option<Value>,
    verification: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DefaultFile {
    mode: ModeFile,
    min_severity: Option<Severity>,
    action: Option<Value>,
    verification: Option<Value>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum ModeFile {
    Observe,
    Propose,
    Automatic,
    AutomaticIrreversible,
}

pub(super) fn read(yaml: &str) -> Result<Policy, PolicyError> {
    let mut problems = Problems::default();
    match parse(yaml, &mut problems) {
        Some(policy) if problems.0.is_empty() => Ok(policy),
        _ => Err(PolicyError(problems.0)),
    }
}

fn parse(yaml: &str, problems: &mut Problems) -> Option<Policy> {
    if yaml.len() > MAX_BYTES {
        problems.add("file", format!("longer than {MAX_BYTES} bytes"));
        return None;
    }
    // By way of JSON: YAML would write the variants of an action as tags.
    // And by way of YAML before: only that refuses a key that is there twice, of which JSON would take the last.
    let value: serde_yaml_ng::Value = serde_yaml_ng::from_str(yaml).map_err(|error| problems.add("file", error)).ok()?;
    let value = serde_json::to_value(value).map_err(|error| problems.add("file", error)).ok()?;
    let file: File = typed(value, "file", problems)?;
    if file.rules.len() > MAX_RULES {
        problems.add("file", format!("more than {MAX_RULES} rules"));
        return None;
    }
    let mut names = BTreeSet::from([DEFAULT_RULE.to_owned()]);
    let rules: Vec<_> = file
        .rules
        .into_iter()
        .enumerate()
        .filter_map(|(index, value)| {
            let name =
                value.get("name").and_then(Value::as_str).map_or_else(|| format!("rule {}", index + 1), |name| format!("rule `{name}`"));
            let file: RuleFile = typed(value, &name, problems)?;
            if !is_label_value(&file.name) {
                problems.add(&name, "a name is 1 to 63 letters, digits, '-', '_' or '.', and starts and ends with a letter or digit");
            } else if !names.insert(file.name.clone()) {
                problems.add(&name, "another rule has this name, or it is `default`");
            }
            let outcome = outcome((file.mode, file.min_severity, file.action, file.verification), &name, problems, recipe);
            let when = Expression::compile(&file.when).map_err(|error| problems.add(&name, format_args!("`when` {error}"))).ok();
            Some(Rule { name: file.name, when: when?, outcome: outcome? })
        })
        .collect();
    let default = typed::<DefaultFile>(file.default, DEFAULT_RULE, problems)
        .and_then(|file| outcome((file.mode, file.min_severity, file.action, file.verification), DEFAULT_RULE, problems, fixed));
    let guardrails = guardrails::read(file.guardrails, problems);
    Some(Policy { rules, default: default?, guardrails: Arc::new(guardrails) })
}

/// Reads what a rule leads to; `read` makes its action, and what has to hold afterwards.
fn outcome<M>(
    (mode, floor, action, verification): (ModeFile, Option<Severity>, Option<Value>, Option<Value>),
    place: &str,
    problems: &mut Problems,
    read: impl FnOnce(Value, &str, &mut Problems) -> Option<(ActionKind, M)>,
) -> Option<Outcome<M>> {
    let measures = match (action, verification) {
        (Some(action), Some(verification)) => Some(read(json!({ "action": action, "verification": verification }), place, problems)?),
        (Some(action), None) => Some(read(json!({ "action": action }), place, problems)?),
        (None, Some(_)) => {
            problems.add(place, "there is nothing to verify: an action is missing");
            return None;
        }
        (None, None) => None,
    };
    let reaction = match (mode, measures) {
        (ModeFile::Observe, None) => Reaction::Observe,
        (ModeFile::Observe, Some(_)) => {
            problems.add(place, "observe does nothing: leave the action out");
            return None;
        }
        (ModeFile::Propose, Some((kind, measures))) => Reaction::Act { kind, measures, mode: Mode::Propose },
        (ModeFile::Automatic, Some((kind, measures))) => Reaction::Act { kind, measures, mode: Mode::Automatic },
        (ModeFile::AutomaticIrreversible, Some((kind, measures))) => Reaction::Act { kind, measures, mode: Mode::AutomaticIrreversible },
        (_, None) => {
            problems.add(place, "an action is missing, or `mode: observe`");
            return None;
        }
    };
    Some(Outcome { floor: floor.unwrap_or(Severity::Info), reaction })
}

/// The measures of a rule, which may have expressions in their texts.
fn recipe(value: Value, place: &str, problems: &mut Problems) -> Option<(ActionKind, Recipe)> {
    let template = Template::compile(value).map_err(|error| problems.add(place, error)).ok()?;
    let example = measures(template.example(), place, problems)?;
    let kind = example.action.kind();
    Some((kind, if template.is_fixed() { Recipe::Fixed(example) } else { Recipe::Filled(template) }))
}

/// The measures of `default`, which are the same for every event.
fn fixed(value: Value, place: &str, problems: &mut Problems) -> Option<(ActionKind, Measures)> {
    match Template::compile(value.clone()) {
        Ok(template) if template.is_fixed() => {}
        _ => {
            problems.add(place, "takes no `${…}` in its action, which has to be there for every event");
            return None;
        }
    }
    let measures = measures(value, place, problems)?;
    Some((measures.action.kind(), measures))
}

fn measures(value: Value, place: &str, problems: &mut Problems) -> Option<Measures> {
    let measures: Measures = typed(value.clone(), place, problems)?;
    // The resource's types are open, as stored objects must stay readable; a policy is not.
    if json!(measures.action) != value["action"] {
        problems.add(place, format!("the action {} has a parameter that it does not know", measures.action.name()));
        return None;
    }
    if measures.action.kind() == ActionKind::Apply {
        problems.add(place, "apply takes a manifest that a person or the SaaS gives, in a task; no policy does");
        return None;
    }
    if json!(measures.verification) != value["verification"] {
        problems.add(place, "the verification has a field that it does not know");
        return None;
    }
    match measures.problem() {
        Some(problem) => {
            problems.add(place, problem);
            None
        }
        None => Some(measures),
    }
}
