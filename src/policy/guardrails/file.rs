//! The `guardrails` of a policy file.

use std::{collections::BTreeSet, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;

use super::{
    super::file::{Problems, Span, or_off, typed},
    Amount, Budget, Guardrails, LabelMatch, Recurrence, ShortCircuit, Window,
};
use crate::{
    duration,
    naming::{is_dns_label, is_label_key, is_label_value},
};

const PLACE: &str = "guardrails";
const OFF: &str = "off";
/// More would be looked through for each remediation.
const MAX_ENTRIES: usize = 64;

/// What holds whatever the rules say.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "Guardrails")]
pub(in crate::policy) struct File {
    /// Namespaces whose objects are never touched; the agent's own is one in any case.
    #[schemars(with = "Option<Vec<String>>")]
    protected_namespaces: Option<BTreeSet<String>>,
    /// `KEY` or `KEY=VALUE`: objects with one of these labels are never touched; at most 64.
    protected_labels: Option<Vec<String>>,
    /// How many automatic remediations a namespace gets in a time; more wait for a person.
    #[schemars(schema_with = "or_off::<BudgetFile>")]
    budget: Option<Value>,
    /// How long a target rests after an automatic remediation; others wait for a person.
    #[schemars(schema_with = "or_off::<Span>")]
    cooldown: Option<Value>,
    /// How often the same finding may lead to the same action on the same workload; then it waits for a person.
    #[schemars(schema_with = "or_off::<RecurrenceFile>")]
    recurrence: Option<Value>,
    /// How much may happen, or fail, at once before a person has to look.
    #[schemars(schema_with = "or_off::<ShortCircuitFile>")]
    short_circuit: Option<Value>,
    /// How many healthy replicas an automatic remediation leaves of a workload.
    #[schemars(schema_with = "or_off::<u32>")]
    min_healthy_replicas: Option<Value>,
    /// Whether what a GitOps tool or Helm owns waits for a person.
    git_ops: Option<GitOps>,
    /// The times in which automatic remediations run; any time where there are none; at most 64.
    windows: Option<Vec<WindowFile>>,
    /// How old an event may be.
    #[schemars(schema_with = "or_off::<Span>")]
    staleness: Option<Value>,
    /// How long a proposal waits for a person.
    #[schemars(schema_with = "or_off::<Span>")]
    approval_expiry: Option<Value>,
    /// Whether who approves must be another than who sent the event or task.
    second_person: Option<bool>,
    /// Whether targets are left alone, whatever is decided.
    dry_run: Option<bool>,
}

/// What is owned by Argo CD, Flux or Helm.
#[derive(Clone, Copy, Deserialize, PartialEq, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum GitOps {
    /// Waits for a person.
    Propose,
    /// Is as anything else.
    Off,
}

/// So many in a time, per namespace.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Budget")]
struct BudgetFile {
    /// How many.
    per_namespace: u32,
    /// In which time.
    #[schemars(with = "Span")]
    window: String,
}

/// So often in a time.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Recurrence")]
struct RecurrenceFile {
    /// How often.
    max: u32,
    /// In which time.
    #[schemars(with = "Span")]
    window: String,
}

/// So much in a time; at least one of the two.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "ShortCircuit")]
struct ShortCircuitFile {
    /// In which time.
    #[schemars(with = "Span")]
    window: String,
    /// How many targets are changed.
    max_targets: Option<u32>,
    /// How many remediations fail: a number, or a share such as `50%`, which is taken of five or more.
    #[serde(default)]
    #[schemars(schema_with = "amount_schema")]
    max_failed: Option<Value>,
}

fn amount_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "type": ["integer", "null"], "minimum": 0 }, { "type": "string", "pattern": "^[0-9]{1,3}%$" }] })
}

/// A time of the week.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Window")]
struct WindowFile {
    /// The days on which it begins, such as `mon`; each where there are none.
    #[serde(default)]
    days: Vec<String>,
    /// When it begins, such as `22:00`.
    from: String,
    /// How long it lasts.
    #[schemars(with = "Span")]
    r#for: String,
    /// Of which place, such as `Europe/Berlin`; UTC where there is none.
    time_zone: Option<String>,
}

/// Reads the guardrails; what is absent has its default, what is `off` is off.
pub(in crate::policy) fn read(value: Option<Value>, problems: &mut Problems) -> Guardrails {
    let mut guardrails = Guardrails::default();
    let Some(file) = value.and_then(|value| typed::<File>(value, PLACE, problems)) else { return guardrails };
    if let Some(namespaces) = file.protected_namespaces {
        for wrong in namespaces.iter().filter(|namespace| !is_dns_label(namespace)) {
            problems.add(PLACE, format!("protectedNamespaces has an entry that is no namespace's name, and would protect none: {wrong:?}"));
        }
        guardrails.protected_namespaces = namespaces;
    }
    if let Some(labels) = file.protected_labels {
        guardrails.protected_labels = bounded(labels, "protectedLabels", problems).filter_map(|text| label(&text, problems)).collect();
    }
    if let Some(windows) = file.windows {
        guardrails.windows = bounded(windows, "windows", problems).filter_map(|file| window(&file, problems)).collect();
    }
    switch(file.budget, &mut guardrails.budget, problems, budget);
    switch(file.cooldown, &mut guardrails.cooldown, problems, |value, problems| time(&value, "cooldown", problems));
    switch(file.recurrence, &mut guardrails.recurrence, problems, recurrence);
    switch(file.short_circuit, &mut guardrails.short_circuit, problems, short_circuit);
    switch(file.min_healthy_replicas, &mut guardrails.min_healthy_replicas, problems, |value, problems| {
        typed(value, "guardrails.minHealthyReplicas", problems)
    });
    switch(file.staleness, &mut guardrails.staleness, problems, |value, problems| time(&value, "staleness", problems));
    switch(file.approval_expiry, &mut guardrails.approval_expiry, problems, |value, problems| time(&value, "approvalExpiry", problems));
    guardrails.git_ops = file.git_ops.is_none_or(|git_ops| git_ops == GitOps::Propose);
    guardrails.second_person = file.second_person.unwrap_or_default();
    guardrails.dry_run = file.dry_run.unwrap_or_default();
    guardrails
}

/// Absent leaves the default, `off` switches off, anything else is read.
fn switch<T>(value: Option<Value>, place: &mut Option<T>, problems: &mut Problems, read: impl Fn(Value, &mut Problems) -> Option<T>) {
    match value {
        None => {}
        Some(value) if value == OFF => *place = None,
        Some(value) => *place = read(value, problems),
    }
}

fn bounded<T>(mut entries: Vec<T>, name: &str, problems: &mut Problems) -> impl Iterator<Item = T> + use<T> {
    if entries.len() > MAX_ENTRIES {
        problems.add(PLACE, format!("{name} has more than {MAX_ENTRIES} entries"));
        entries.truncate(MAX_ENTRIES);
    }
    entries.into_iter()
}

fn label(text: &str, problems: &mut Problems) -> Option<LabelMatch> {
    let (key, value) = text.split_once('=').map_or((text, None), |(key, value)| (key, Some(value)));
    if !is_label_key(key) || value.is_some_and(|value| !value.is_empty() && !is_label_value(value)) {
        problems.add(PLACE, "protectedLabels has an entry that is neither KEY nor KEY=VALUE");
        return None;
    }
    Some(LabelMatch { key: key.to_owned(), value: value.map(str::to_owned) })
}

fn budget(value: Value, problems: &mut Problems) -> Option<Budget> {
    let file = typed::<BudgetFile>(value, "guardrails.budget", problems)?;
    Some(Budget { per_namespace: file.per_namespace, window: span(&file.window, "budget.window", problems)? })
}

fn recurrence(value: Value, problems: &mut Problems) -> Option<Recurrence> {
    let file = typed::<RecurrenceFile>(value, "guardrails.recurrence", problems)?;
    Some(Recurrence { max: file.max, window: span(&file.window, "recurrence.window", problems)? })
}

fn short_circuit(value: Value, problems: &mut Problems) -> Option<ShortCircuit> {
    let file = typed::<ShortCircuitFile>(value, "guardrails.shortCircuit", problems)?;
    let max_failed = match file.max_failed {
        None => None,
        Some(value) => Some(amount(&value).or_else(|| {
            problems.add(PLACE, "shortCircuit.maxFailed is no number such as 5, and no share such as 50%");
            None
        })?),
    };
    if file.max_targets.is_none() && max_failed.is_none() {
        problems.add(PLACE, "shortCircuit has neither maxTargets nor maxFailed, and would never trip");
    }
    Some(ShortCircuit { window: span(&file.window, "shortCircuit.window", problems)?, max_targets: file.max_targets, max_failed })
}

fn amount(value: &Value) -> Option<Amount> {
    match value {
        Value::Number(number) => u32::try_from(number.as_u64()?).ok().map(Amount::Count),
        Value::String(text) => {
            let digits = text.strip_suffix('%').filter(|digits| digits.len() <= 3 && digits.bytes().all(|b| b.is_ascii_digit()))?;
            let percent = digits.parse().ok()?;
            (percent <= 100).then_some(Amount::Percent(percent))
        }
        _ => None,
    }
}

fn window(file: &WindowFile, problems: &mut Problems) -> Option<Window> {
    let length = duration(&file.r#for, "windows.for", problems)?;
    Window::new(&file.days, &file.from, length, file.time_zone.as_deref())
        .map_err(|error| problems.add(PLACE, format!("windows: {error}")))
        .ok()
}

fn time(value: &Value, name: &str, problems: &mut Problems) -> Option<Duration> {
    duration(value.as_str().unwrap_or_default(), name, problems)
}

/// A time in which something is counted.
fn span(text: &str, name: &str, problems: &mut Problems) -> Option<Duration> {
    let span = duration(text, name, problems)?;
    if span.is_zero() {
        problems.add(PLACE, format!("{name} is no time at all, in which nothing would be counted"));
    }
    Some(span)
}

fn duration(text: &str, name: &str, problems: &mut Problems) -> Option<Duration> {
    let duration = duration::parse(text).ok();
    if duration.is_none() {
        problems.add(PLACE, format!("{name} is no duration such as 30s, 10m, 24h or 7d, and not off"));
    }
    duration
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_all(value: Value) -> Result<Guardrails, String> {
        let mut problems = Problems::default();
        let guardrails = read(Some(value), &mut problems);
        let said = problems.all().join("; ");
        if said.is_empty() { Ok(guardrails) } else { Err(said) }
    }

    #[test]
    fn what_is_absent_has_its_default_and_what_is_off_is_off() {
        assert_eq!(read_all(json!({})).unwrap(), Guardrails::default());
        let off = json!({
            "protectedNamespaces": [], "protectedLabels": [], "budget": "off", "cooldown": "off", "recurrence": "off", "shortCircuit": "off",
            "minHealthyReplicas": "off", "gitOps": "off", "staleness": "off", "approvalExpiry": "off",
        });
        assert_eq!(read_all(off).unwrap(), Guardrails::none());
    }

    #[test]
    fn every_guardrail_is_read() {
        let all = json!({
            "protectedNamespaces": ["payments"], "protectedLabels": ["tier=critical", "keep"], "budget": { "perNamespace": 3, "window": "30m" },
            "cooldown": "5m", "recurrence": { "max": 2, "window": "6h" },
            "shortCircuit": { "window": "10m", "maxTargets": 5, "maxFailed": "40%" }, "minHealthyReplicas": 2, "gitOps": "propose",
            "windows": [{ "days": ["sat", "sun"], "from": "22:00", "for": "4h", "timeZone": "Europe/Berlin" }], "staleness": "1h",
            "approvalExpiry": "2d", "secondPerson": true, "dryRun": true,
        });
        let minutes = |count: u64| Duration::from_secs(count * 60);
        let days = ["sat".to_owned(), "sun".to_owned()];
        let read = read_all(all).unwrap();
        assert_eq!(
            read,
            Guardrails {
                protected_namespaces: ["payments".to_owned()].into(),
                protected_labels: vec![
                    LabelMatch { key: "tier".into(), value: Some("critical".into()) },
                    LabelMatch { key: "keep".into(), value: None }
                ],
                budget: Some(Budget { per_namespace: 3, window: minutes(30) }),
                cooldown: Some(minutes(5)),
                recurrence: Some(Recurrence { max: 2, window: minutes(360) }),
                short_circuit: Some(ShortCircuit { window: minutes(10), max_targets: Some(5), max_failed: Some(Amount::Percent(40)) }),
                min_healthy_replicas: Some(2),
                git_ops: true,
                windows: vec![Window::new(&days, "22:00", minutes(240), Some("Europe/Berlin")).unwrap()],
                staleness: Some(minutes(60)),
                approval_expiry: Some(minutes(2_880)),
                second_person: true,
                dry_run: true,
            }
        );
        assert_eq!(read.memory(), minutes(360));
    }

    #[test]
    fn every_mistake_is_named() {
        for (wrong, said) in [
            (json!({ "cooldown": "soon" }), "cooldown is no duration"),
            (json!({ "cooldown": 5 }), "cooldown is no duration"),
            (json!({ "protectedNamespaces": ["kube-*"] }), "no namespace's name"),
            (json!({ "protectedNamespaces": ["Payments"] }), "no namespace's name"),
            (json!({ "protectedLabels": ["a b"] }), "protectedLabels"),
            (json!({ "protectedLabels": ["tier/*"] }), "protectedLabels"),
            (json!({ "budget": { "perNamespace": 3, "window": "0s" } }), "budget.window is no time at all"),
            (json!({ "recurrence": { "max": 3, "window": "0s" } }), "recurrence.window is no time at all"),
            (json!({ "shortCircuit": { "window": "0s", "maxTargets": 1 } }), "shortCircuit.window is no time at all"),
            (json!({ "shortCircuit": { "window": "1h" } }), "would never trip"),
            (json!({ "shortCircuit": { "window": "1h", "maxFailed": "150%" } }), "maxFailed"),
            (json!({ "shortCircuit": { "window": "1h", "most": 1 } }), "unknown field `most`"),
            (json!({ "windows": [{ "from": "22", "for": "1h" }] }), "time of day"),
            (json!({ "minHealthyReplicas": -1 }), "minHealthyReplicas"),
            (json!({ "gitOps": "never" }), "unknown variant"),
            (json!({ "limits": 1 }), "unknown field `limits`"),
        ] {
            let error = read_all(wrong.clone()).unwrap_err();
            assert!(error.contains(said), "{wrong}: {error}");
        }
    }
}
