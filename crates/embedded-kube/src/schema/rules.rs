//! `x-kubernetes-validations`: rules in CEL that an object, and a change of one, must hold to.
//!
//! ```text
//!  definition ─▶ parsed ─▶ only what is known and can be evaluated? ─no─▶ 422 on the definition
//!                                       │ yes
//!  object, and what it was ─────────────▶ self, and oldSelf ─▶ holds? ─no─▶ a cause of the 422
//! ```
//!
//! A rule that names `oldSelf` is judged only where there is a former value to compare with. One that
//! does not is passed over where an update leaves its value as it was (ratcheting).
//!
//! <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules>

mod check;
mod value;

use std::sync::{Arc, LazyLock};

use cel::{Context, Env, ExecutionError, Program};
use serde_json::Value;

use super::{ListType, Node};
use crate::error::FieldError;

/// The key of rules in a schema.
pub(super) const KEY: &str = "x-kubernetes-validations";

/// The standard functions and macros.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// One rule of one place in a schema.
pub(super) struct Rule {
    program: Program,
    /// What stands for it in messages: its message, or itself.
    says: String,
    /// What is said where it does not hold.
    message: String,
    reason: Reason,
    /// The place that it is about, below its own; empty for its own.
    below: String,
    compares: bool,
}

/// As what kind of cause a failure is reported.
#[derive(Clone, Copy, Debug)]
enum Reason {
    Invalid,
    Forbidden,
    Required,
    Duplicate,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.says)
    }
}

/// Reads the rules of the schema at `field`, whose place in objects is `node`.
///
/// # Errors
/// What is wrong with them, or asks for what this server does not evaluate.
pub(super) fn compile(schema: &Value, node: &Node, field: &str, correlatable: bool) -> Result<Vec<Rule>, Vec<FieldError>> {
    let rules = schema.get(KEY).and_then(Value::as_array).into_iter().flatten();
    let (mut compiled, mut errors) = (Vec::new(), Vec::new());
    for (index, rule) in rules.enumerate() {
        match Rule::compile(rule, node, &format!("{field}.{KEY}[{index}]"), correlatable) {
            Ok(rule) => compiled.push(rule),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(compiled) } else { Err(errors) }
}

impl Rule {
    fn compile(rule: &Value, node: &Node, field: &str, correlatable: bool) -> Result<Self, FieldError> {
        let text = |key: &str| rule.get(key).and_then(Value::as_str).unwrap_or_default();
        let wrong = |key: &str, value: &Value, why: String| Err(FieldError::invalid(format!("{field}.{key}"), value, why));
        let source = text("rule").trim();
        if source.is_empty() {
            return Err(FieldError::required(format!("{field}.rule"), "rule is not specified"));
        }
        let message = text("message").trim();
        if message.contains('\n') {
            return wrong("message", &message.into(), "must not contain line breaks".into());
        }
        if source.contains('\n') && message.is_empty() {
            return Err(FieldError::required(format!("{field}.message"), "message must be specified if rule contains line breaks"));
        }
        for unsupported in ["messageExpression", "optionalOldSelf"] {
            if let Some(value) = rule.get(unsupported) {
                return wrong(unsupported, value, "is not supported by this server".into());
            }
        }
        let reason = match text("reason") {
            "" | "FieldValueInvalid" => Reason::Invalid,
            "FieldValueForbidden" => Reason::Forbidden,
            "FieldValueRequired" => Reason::Required,
            "FieldValueDuplicate" => Reason::Duplicate,
            other => {
                let known = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"].map(str::to_owned);
                return Err(FieldError::unsupported(format!("{field}.reason"), &other.into(), &known));
            }
        };
        let below = text("fieldPath");
        if !below.is_empty() && !leads_to_a_field(node, below) {
            return wrong("fieldPath", &below.into(), "must be a valid path".into());
        }
        let program = match Program::compile(source) {
            Ok(program) => program,
            Err(error) => return wrong("rule", rule, format!("compilation failed: {error}")),
        };
        if let Err(why) = check::check(program.expression(), node) {
            return wrong("rule", rule, format!("compilation failed: {why}"));
        }
        let compares = program.references().has_variable("oldSelf");
        if compares && !correlatable {
            return wrong("rule", &source.into(), "oldSelf cannot be used on the uncorrelatable portion of the schema".into());
        }
        let says = if message.is_empty() { source } else { message }.to_owned();
        let message = if message.is_empty() { format!("failed rule: {source}") } else { message.to_owned() };
        Ok(Self { program, says, message, reason, below: below.trim_start_matches('.').to_owned(), compares })
    }

    /// What is wrong with the value at `place`, if anything is.
    fn judge(&self, variables: &Context<'_, '_>, node: &Node, place: &Place) -> Option<FieldError> {
        let ty = Value::from(node.ty.as_str());
        match self.program.execute(variables) {
            Ok(cel::Value::Bool(true)) => None,
            Ok(_) => {
                let field = if self.below.is_empty() { place.clone() } else { place.child(&self.below) }.to_string();
                Some(match self.reason {
                    Reason::Invalid => FieldError::invalid(field, &ty, &self.message),
                    Reason::Forbidden => FieldError::forbidden(field, &self.message),
                    Reason::Required => FieldError::required(field, &self.message),
                    Reason::Duplicate => FieldError::duplicate(field, &ty),
                })
            }
            Err(error) => {
                let why = match error {
                    ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
                    ExecutionError::DivisionByZero(_) => "division by zero".to_owned(),
                    other => other.to_string(),
                };
                Some(FieldError::invalid(place.to_string(), &ty, format!("{why} evaluating rule: {}", self.says)))
            }
        }
    }
}

/// Whether `.a.b` names a field below `node`.
fn leads_to_a_field(node: &Node, path: &str) -> bool {
    let Some(path) = path.strip_prefix('.') else { return false };
    path.split('.').try_fold(node, |node, part| node.child(part)).is_some()
}

/// A place in an object, worded as upstream words it.
#[derive(Clone, Debug)]
pub(super) struct Place(String);

impl Place {
    /// The object itself, which upstream has no word for.
    pub(super) fn root() -> Self {
        Self(String::new())
    }

    pub(super) fn child(&self, name: &str) -> Self {
        Self(if self.0.is_empty() { name.to_owned() } else { format!("{}.{name}", self.0) })
    }

    pub(super) fn key(&self, key: &str) -> Self {
        Self(format!("{}[{key}]", self.0))
    }

    pub(super) fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() { "<nil>" } else { &self.0 })
    }
}

/// What a value was before an update.
#[derive(Clone, Copy, Debug)]
pub(super) struct Former<'v> {
    /// The value that this one can be compared with.
    pub value: Option<&'v Value>,
    /// Whether it, or what it is part of, is as it was.
    pub unchanged: bool,
}

impl<'v> Former<'v> {
    /// Of a part of this value: `old` is what it was, if that can be told.
    pub(super) fn part(self, old: Option<&'v Value>, new: &Value) -> Self {
        Self { value: old, unchanged: old.map_or(self.unchanged, |old| old == new) }
    }
}

impl Node {
    /// Whether there are rules here or below.
    pub(super) fn has_rules(&self) -> bool {
        let below = self.properties.values().chain(self.additional.as_deref()).chain(self.items.as_deref());
        !self.rules.is_empty() || below.into_iter().any(Self::has_rules)
    }

    /// Adds what `new` breaks of the rules here and below.
    pub(super) fn judge(&self, new: &Value, former: Former<'_>, place: &Place, errors: &mut Vec<FieldError>) {
        if new.is_null() {
            return;
        }
        if !self.rules.is_empty() {
            let mut variables = Context::with_env(ENVIRONMENT.clone());
            variables.add_variable_from_value("self", value::to_cel(self, new));
            if let Some(old) = former.value {
                variables.add_variable_from_value("oldSelf", value::to_cel(self, old));
            }
            for rule in &self.rules {
                if if rule.compares { former.value.is_some() } else { !former.unchanged } {
                    errors.extend(rule.judge(&variables, self, place));
                }
            }
        }
        match new {
            Value::Object(map) => {
                for (name, new) in map {
                    let (child, place) = match (self.properties.get(name), &self.additional) {
                        (Some(child), _) => (child, place.child(name)),
                        (None, Some(child)) => (&**child, place.key(name)),
                        (None, None) => continue,
                    };
                    let old = former.value.and_then(|old| old.get(name));
                    child.judge(new, former.part(old, new), &place, errors);
                }
            }
            Value::Array(values) => {
                if let Some(items) = &self.items {
                    for (index, new) in values.iter().enumerate() {
                        let old = former.value.and_then(|old| self.counterpart(old, new));
                        items.judge(new, former.part(old, new), &place.index(index), errors);
                    }
                }
            }
            _ => {}
        }
    }

    /// The item of a former list that a new item continues: only lists of the type `map` can tell.
    pub(super) fn counterpart<'v>(&self, old: &'v Value, item: &Value) -> Option<&'v Value> {
        let ListType::Map(keys) = &self.list else { return None };
        old.as_array()?.iter().find(|old| keys.iter().all(|key| old.get(key) == item.get(key)))
    }
}
