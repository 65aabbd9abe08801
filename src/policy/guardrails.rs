//! What holds whatever the rules say.

use std::{collections::BTreeSet, time::Duration};

use serde::Deserialize;
use serde_json::Value;

use super::file::{Problems, typed};
use crate::{duration, event::Target};

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

impl Guardrails {
    /// None at all: what tests and `dev` begin with.
    pub fn none() -> Self {
        Self { protected_namespaces: BTreeSet::new(), budget: None, cooldown: None, staleness: None, dry_run: false }
    }

    /// The protected namespace that the target lies in, or is.
    pub fn protects<'a>(&self, target: &'a Target) -> Option<&'a str> {
        let is_namespace = target.api_version == "v1" && target.kind == "Namespace";
        let namespace = if is_namespace { Some(target.name.as_str()) } else { target.namespace.as_deref() };
        namespace.filter(|namespace| self.protected_namespaces.contains(*namespace))
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
    let duration = duration::parse(text).ok();
    if duration.is_none() {
        problems.add("guardrails", format!("{name} is no duration such as 30s, 10m, 24h or 7d, and not off"));
    }
    duration
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protected_namespace_is_protected_itself_like_all_that_lies_in_it() {
        let guardrails = Guardrails { protected_namespaces: ["kube-system".to_owned()].into(), ..Guardrails::none() };
        let target = |kind: &str, namespace: Option<&str>, name: &str| Target {
            api_version: "v1".into(),
            kind: kind.into(),
            namespace: namespace.map(Into::into),
            name: name.into(),
            uid: None,
        };
        assert_eq!(guardrails.protects(&target("Pod", Some("kube-system"), "dns")), Some("kube-system"));
        assert_eq!(guardrails.protects(&target("Namespace", None, "kube-system")), Some("kube-system"));
        // A namespace is cluster-scoped, whatever namespace the finding puts it into.
        assert_eq!(guardrails.protects(&target("Namespace", Some("shop"), "kube-system")), Some("kube-system"));
        assert_eq!(guardrails.protects(&target("Pod", Some("shop"), "kube-system")), None);
    }
}
