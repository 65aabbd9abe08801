//! What holds whatever the rules say.

use std::{collections::BTreeSet, time::Duration};

use serde::Deserialize;
use serde_json::Value;

use super::file::{Problems, typed};

/// Bounds on what runs without a person; `None` is off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guardrails {
    /// Namespaces whose objects are never touched. The agent's own is added by the runtime.
    pub protected_namespaces: BTreeSet<String>,
    /// How many automatic remediations a namespace gets in a window.
    pub budget: Option<Budget>,
    /// How long a target rests after an automatic remediation.
    pub cooldown: Option<Duration>,
    /// How old an event may be.
    pub staleness: Option<Duration>,
    /// Whether targets are left alone, whatever is decided.
    pub dry_run: bool,
}

/// A number of remediations in a time, per namespace of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many.
    pub per_namespace: u32,
    /// In which time.
    pub window: Duration,
}

impl Default for Guardrails {
    fn default() -> Self {
        Self {
            protected_namespaces: BTreeSet::from(["kube-system".to_owned()]),
            budget: Some(Budget { per_namespace: 10, window: Duration::from_secs(3_600) }),
            cooldown: Some(Duration::from_secs(600)),
            staleness: Some(Duration::from_secs(86_400)),
            dry_run: false,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct File {
    protected_namespaces: Option<BTreeSet<String>>,
    budget: Option<Value>,
    cooldown: Option<String>,
    staleness: Option<String>,
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BudgetFile {
    per_namespace: u32,
    window: String,
}

const OFF: &str = "off";

/// Reads the guardrails; what is absent has its default, what is `off` is off.
pub(super) fn read(value: Option<Value>, problems: &mut Problems) -> Guardrails {
    let mut guardrails = Guardrails::default();
    let Some(file) = value.and_then(|value| typed::<File>(value, "guardrails", problems)) else { return guardrails };
    if let Some(namespaces) = file.protected_namespaces {
        guardrails.protected_namespaces = namespaces;
    }
    match file.budget {
        None => {}
        Some(budget) if budget == OFF => guardrails.budget = None,
        Some(budget) => guardrails.budget = read_budget(budget, problems),
    }
    for (text, name, place) in
        [(file.cooldown, "cooldown", &mut guardrails.cooldown), (file.staleness, "staleness", &mut guardrails.staleness)]
    {
        match text.as_deref() {
            None => {}
            Some(OFF) => *place = None,
            Some(text) => *place = read_duration(text, name, problems),
        }
    }
    guardrails.dry_run = file.dry_run.unwrap_or_default();
    guardrails
}

fn read_budget(value: Value, problems: &mut Problems) -> Option<Budget> {
    let file = typed::<BudgetFile>(value, "guardrails.budget", problems)?;
    let window = read_duration(&file.window, "budget.window", problems)?;
    Some(Budget { per_namespace: file.per_namespace, window })
}

fn read_duration(text: &str, name: &str, problems: &mut Problems) -> Option<Duration> {
    let duration = duration(text);
    if duration.is_none() {
        problems.add("guardrails", format!("{name} is no duration such as 30s, 10m, 24h or 7d, and not off"));
    }
    duration
}

/// `[0-9]+(s|m|h|d)`, up to a hundred years.
fn duration(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let number: u64 = Some(digits).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
    number.checked_mul(unit).filter(|seconds| *seconds <= 36_500 * 86_400).map(Duration::from_secs)
}
