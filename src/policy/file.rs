//! The policy file: YAML in, a [`Policy`] or every mistake out.

use std::{collections::BTreeSet, fmt, sync::Arc};

use schemars::{
    JsonSchema, Schema, SchemaGenerator,
    generate::SchemaSettings,
    json_schema,
    transform::{RecursiveTransform, Transform as _},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{DEFAULT_RULE, Expression, Measures, Outcome, Policy, Reaction, Recipe, Rule, guardrails, template::Template};
use crate::{
    event::Severity,
    naming::is_label_value,
    remediation::{Action, ActionKind, Mode, Verification},
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

/// What the agent makes of events: the first rule that holds decides, or `default`; guardrails hold whatever they say.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Policy")]
struct File {
    /// Asked in this order; at most 256.
    #[serde(default)]
    #[schemars(with = "Vec<RuleFile>")]
    rules: Vec<Value>,
    /// What is done about an event that no rule is about, or about which a rule cannot say.
    #[schemars(with = "DefaultFile")]
    default: Value,
    /// Bounds on what runs; what is absent has its default.
    #[serde(default)]
    #[schemars(with = "Option<guardrails::File>")]
    guardrails: Option<Value>,
}

/// What is done about events of a kind.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Rule")]
struct RuleFile {
    /// Stands on remediations, in logs and metrics: a label's value, once in a policy.
    name: String,
    /// CEL over `source`, `rule`, `severity`, `target` and `facts`: which events it is about.
    when: String,
    /// What is done about them.
    mode: ModeFile,
    /// What is less bad is ignored.
    min_severity: Option<Severity>,
    /// What is done to the target; absent where the mode is `observe`. Texts may have `${ CEL }` in them, which is filled from the event.
    #[schemars(with = "Option<Action>")]
    action: Option<Value>,
    /// What has to hold afterwards, beside the action's own effect.
    #[schemars(with = "Option<Verification>")]
    verification: Option<Value>,
}

/// What is done about every other event.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Default")]
struct DefaultFile {
    /// What is done about them.
    mode: ModeFile,
    /// What is less bad is ignored.
    min_severity: Option<Severity>,
    /// What is done to the target, as it stands: without `${ CEL }`.
    #[schemars(with = "Option<Action>")]
    action: Option<Value>,
    /// What has to hold afterwards, beside the action's own effect.
    #[schemars(with = "Option<Verification>")]
    verification: Option<Value>,
}

/// What is done about an event.
#[derive(Clone, Copy, Deserialize, PartialEq, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Mode")]
enum ModeFile {
    /// Nothing: it is counted, and told in the receipt.
    Observe,
    /// A remediation that waits for a person.
    Propose,
    /// A remediation that runs at once, guardrails permitting; what cannot be undone waits for a person.
    Automatic,
    /// As `automatic`, and so does what cannot be undone.
    AutomaticIrreversible,
}

/// The policy file as a JSON Schema, for editors and for the reference: what `check` takes passes it, and not the other way round.
pub fn schema() -> Schema {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<File>();
    // A text that is filled from the event may be longer than what it is filled to.
    RecursiveTransform(|schema: &mut Schema| drop(schema.remove("maxLength"))).transform(&mut schema);
    schema
}

/// `off`, or what a guardrail is set to.
pub(super) fn or_off<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "enum": ["off", null] }, generator.subschema_for::<T>()] })
}

/// A duration, for schemas alone.
#[derive(JsonSchema)]
#[schemars(transparent)]
pub(super) struct Span(
    #[schemars(regex(pattern = "^[0-9]+[smhd]$"))]
    #[expect(dead_code, reason = "a schema")]
    String,
);

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
