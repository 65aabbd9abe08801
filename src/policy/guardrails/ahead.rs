//! What the guardrails will say of a remediation that does not exist yet: what `zen-agent policy test` can tell.

use std::time::Duration;

use jiff::Timestamp;

use super::{Amount, Budget, Guardrails, LabelMatch, Recurrence, ShortCircuit};
use crate::{event::SecurityEvent, policy::GuardrailAhead};

impl Guardrails {
    /// What is on for a remediation of this event, in the order of the table above.
    pub(in crate::policy) fn ahead(&self, event: &SecurityEvent, runs_by_itself: bool) -> Vec<GuardrailAhead> {
        let protected = match self.protects(&event.target) {
            Some(namespace) => format!("{namespace} is protected: it will fail"),
            None => "the target is in none, unless that is the agent's own namespace".to_owned(),
        };
        let labels: Vec<_> = self.protected_labels.iter().map(label).collect();
        let labels = (!labels.is_empty()).then(|| format!("it will fail if the target has {}", labels.join(" or ")));
        let staleness = self.staleness.map(|limit| {
            let age = Duration::try_from(Timestamp::now().duration_since(event.time)).unwrap_or_default();
            let verdict = if age > limit { "it will fail" } else { "fresh enough" };
            format!("the event is {} old, of {} at most: {verdict}", shown(age), shown(limit))
        });
        let dry_run = self.dry_run.then(|| "it is held, since nothing is changed".to_owned());
        let by_person = [
            ("approvalExpiry", self.approval_expiry.map(|limit| format!("it fails where nobody decides within {}", shown(limit)))),
            ("secondPerson", self.second_person.then(|| "whoever sent the event cannot approve it".to_owned())),
        ];
        let by_itself = [
            ("gitOps", self.git_ops.then(|| "it waits for a person if Argo CD, Flux or Helm owns the target".to_owned())),
            (
                "minHealthyReplicas",
                self.min_healthy_replicas.map(|least| format!("it waits for a person if it leaves less than {least} of the workload")),
            ),
            (
                "cooldown",
                self.cooldown.map(|rest| format!("it waits for a person within {} of another one on the same target", shown(rest))),
            ),
            (
                "recurrence",
                self.recurrence.map(|Recurrence { max, window }| {
                    format!("it waits for a person if the same was done {max} times within {}", shown(window))
                }),
            ),
            (
                "budget",
                self.budget.map(|Budget { per_namespace, window }| {
                    format!("it waits for a person if {per_namespace} ran in the target's namespace within {}", shown(window))
                }),
            ),
            ("shortCircuit", self.short_circuit.map(|bounds| tripped(&bounds))),
            ("windows", self.windows.iter().map(|window| window.opens_in(Timestamp::now())).min().map(opens)),
        ];
        let of_mode = if runs_by_itself { by_itself.to_vec() } else { by_person.to_vec() };
        let all = [("protectedNamespaces", Some(protected)), ("protectedLabels", labels), ("staleness", staleness)];
        let all = all.into_iter().chain(of_mode).chain([("dryRun", dry_run)]);
        all.filter_map(|(guardrail, says)| Some(GuardrailAhead { guardrail, says: says? })).collect()
    }
}

fn label(LabelMatch { key, value }: &LabelMatch) -> String {
    match value {
        Some(value) => format!("the label {key}={value}"),
        None => format!("the label {key}"),
    }
}

fn tripped(ShortCircuit { window, max_targets, max_failed }: &ShortCircuit) -> String {
    let targets = max_targets.map(|most| format!("{most} targets were taken up"));
    let failed = max_failed.map(|most| match most {
        Amount::Count(most) => format!("more than {most} failed"),
        Amount::Percent(most) => format!("more than {most}% failed"),
    });
    let either: Vec<_> = targets.into_iter().chain(failed).collect();
    format!("it waits for a person if {} within {}", either.join(" or "), shown(*window))
}

fn opens(wait: Duration) -> String {
    if wait.is_zero() { "a window is open".to_owned() } else { format!("it is held until the next window, in {}", shown(wait)) }
}

/// A duration in the largest unit that leaves at least one.
fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (unit, name) = [(86_400, "d"), (3_600, "h"), (60, "m")].into_iter().find(|(unit, _)| seconds >= *unit).unwrap_or((1, "s"));
    format!("{}{name}", seconds / unit)
}
