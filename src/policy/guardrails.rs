//! What holds whatever the rules say.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{
    GuardrailAhead,
    file::{Problems, typed},
};
use crate::{
    duration,
    event::{SecurityEvent, Target},
    remediation::Mode,
};

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

    /// What is on for a remediation of this event and mode, in the order of the pipeline.
    pub(super) fn ahead(&self, event: &SecurityEvent, mode: Mode) -> Vec<GuardrailAhead> {
        let protected = match self.protects(&event.target) {
            Some(namespace) => format!("{namespace} is protected: the remediation will fail"),
            None => "the target is in none, unless that is the agent's own namespace".to_owned(),
        };
        let staleness = self.staleness.map(|limit| {
            let age = Duration::try_from(Timestamp::now().duration_since(event.time)).unwrap_or_default();
            let verdict = if age > limit { "too old: the remediation will fail" } else { "fresh enough" };
            format!("up to {}, and the event is {} old: {verdict}", shown(limit), shown(age))
        });
        let dry_run = self.dry_run.then(|| "on: nothing will be changed".to_owned());
        // These say when a person is needed; a proposal has one.
        let automatic = mode != Mode::Propose;
        let cooldown = self
            .cooldown
            .filter(|_| automatic)
            .map(|rest| format!("within {} of another automatic remediation of the same target it waits for a person", shown(rest)));
        let budget = self.budget.filter(|_| automatic).map(|Budget { per_namespace, window }| {
            format!("after {per_namespace} automatic remediations within {} in the target's namespace it waits for a person", shown(window))
        });
        let all = [
            ("protectedNamespaces", Some(protected)),
            ("staleness", staleness),
            ("dryRun", dry_run),
            ("cooldown", cooldown),
            ("budget", budget),
        ];
        all.into_iter().filter_map(|(guardrail, says)| Some(GuardrailAhead { guardrail, says: says? })).collect()
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

/// A duration in the largest unit that leaves at least one.
fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (unit, name) = [(86_400, "d"), (3_600, "h"), (60, "m")].into_iter().find(|(unit, _)| seconds >= *unit).unwrap_or((1, "s"));
    format!("{}{name}", seconds / unit)
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
