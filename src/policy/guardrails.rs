//! What holds whatever the rules say.
//!
//! | guardrail | of | where it does not hold |
//! |---|---|---|
//! | `protectedNamespaces`, `protectedLabels` | everything, also what a person approved | ends failed; an undo that is asked for is refused |
//! | `staleness` | everything | ends failed |
//! | `approvalExpiry` | what waits for a person | ends failed |
//! | `secondPerson` | what a person approved | waits for another person |
//! | `budget`, `cooldown`, `recurrence`, `shortCircuit`, `minHealthyReplicas`, `gitOps` | what runs without a person | waits for a person |
//! | `windows` | what runs without a person | held until the next window |
//! | `dryRun` | what would begin or execute; a rollback under way goes on | held |
//!
//! Those that wait for a person say when a person is needed; what a person approved is not held to them.

mod ahead;
mod file;
mod window;

use std::{collections::BTreeSet, time::Duration};

pub(super) use file::{File, read};
pub use window::{NotAWindow, Window};

use crate::event::Target;

/// Bounds on what runs; `None` is off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guardrails {
    /// Namespaces whose objects are never touched. The agent's own is added by the runtime.
    pub protected_namespaces: BTreeSet<String>,
    /// Objects that carry one of these labels are never touched.
    pub protected_labels: Vec<LabelMatch>,
    /// How many automatic remediations a namespace gets in a window.
    pub budget: Option<Budget>,
    /// How long a target rests after an automatic remediation.
    pub cooldown: Option<Duration>,
    /// How often the same finding may lead to the same action on the same workload.
    pub recurrence: Option<Recurrence>,
    /// How much may happen at once before a person has to look.
    pub short_circuit: Option<ShortCircuit>,
    /// How many healthy replicas an automatic remediation leaves of a workload.
    pub min_healthy_replicas: Option<u32>,
    /// Whether what a GitOps tool or Helm owns is only proposed to be changed.
    pub git_ops: bool,
    /// The times in which automatic remediations may run; any time when there are none.
    pub windows: Vec<Window>,
    /// How old an event may be.
    pub staleness: Option<Duration>,
    /// How long a proposal waits for a person.
    pub approval_expiry: Option<Duration>,
    /// Whether the person who approves must be another than the sender of the event or task.
    pub second_person: bool,
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

/// How often a workload may be remediated for the same reason before somebody has to ask why it does not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recurrence {
    /// How often.
    pub max: u32,
    /// In which time.
    pub window: Duration,
}

/// As MachineHealthCheck's `maxUnhealthy`: where too much fails, or is changed, at once, the cause is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortCircuit {
    /// In which time.
    pub window: Duration,
    /// How many targets.
    pub max_targets: Option<u32>,
    /// How many failures.
    pub max_failed: Option<Amount>,
}

/// So many, or so many of a hundred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// A number.
    Count(u32),
    /// A share, in percent. Of less than [`Amount::SAMPLE`] nobody can tell.
    Percent(u32),
}

impl Amount {
    /// The least number that a share is taken of.
    pub const SAMPLE: usize = 5;

    /// Whether `part` of `all` is more.
    pub fn is_exceeded(self, part: usize, all: usize) -> bool {
        match self {
            Self::Count(most) => u32::try_from(part).unwrap_or(u32::MAX) > most,
            Self::Percent(most) => {
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                all >= Self::SAMPLE && part.saturating_mul(100) > most.saturating_mul(all)
            }
        }
    }
}

/// A label, with any value or a certain one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelMatch {
    /// Its key.
    pub key: String,
    /// Its value; any when absent.
    pub value: Option<String>,
}

impl LabelMatch {
    /// Whether an object with this value of the key is meant.
    pub fn matches(&self, value: &str) -> bool {
        self.value.as_deref().is_none_or(|wanted| wanted == value)
    }
}

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

impl Default for Guardrails {
    fn default() -> Self {
        Self {
            protected_namespaces: BTreeSet::from(["kube-system".to_owned()]),
            protected_labels: vec![LabelMatch { key: "zen.kube-zen.io/protected".to_owned(), value: None }],
            budget: Some(Budget { per_namespace: 10, window: HOUR }),
            cooldown: Some(HOUR / 6),
            recurrence: Some(Recurrence { max: 3, window: DAY }),
            short_circuit: Some(ShortCircuit { window: HOUR / 6, max_targets: Some(30), max_failed: Some(Amount::Percent(50)) }),
            min_healthy_replicas: Some(1),
            git_ops: true,
            windows: Vec::new(),
            staleness: Some(DAY),
            approval_expiry: Some(7 * DAY),
            second_person: false,
            dry_run: false,
        }
    }
}

impl Guardrails {
    /// None at all: what tests and `dev` begin with.
    pub fn none() -> Self {
        Self {
            protected_namespaces: BTreeSet::new(),
            protected_labels: Vec::new(),
            budget: None,
            cooldown: None,
            recurrence: None,
            short_circuit: None,
            min_healthy_replicas: None,
            git_ops: false,
            windows: Vec::new(),
            staleness: None,
            approval_expiry: None,
            second_person: false,
            dry_run: false,
        }
    }

    /// The protected namespace that the target lies in, or is.
    pub fn protects<'a>(&self, target: &'a Target) -> Option<&'a str> {
        let is_namespace = target.api_version == "v1" && target.kind == "Namespace";
        let namespace = if is_namespace { Some(target.name.as_str()) } else { target.namespace.as_deref() };
        namespace.filter(|namespace| self.protected_namespaces.contains(*namespace))
    }

    /// How long something that ran without a person has a say in what others may do.
    pub fn memory(&self) -> Duration {
        [
            self.budget.map(|budget| budget.window),
            self.cooldown,
            self.recurrence.map(|recurrence| recurrence.window),
            self.short_circuit.map(|short_circuit| short_circuit.window),
        ]
        .into_iter()
        .flatten()
        .max()
        .unwrap_or_default()
    }
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

    #[test]
    fn an_amount_is_a_number_or_a_share_of_enough() {
        assert!(!Amount::Count(2).is_exceeded(2, 2) && Amount::Count(2).is_exceeded(3, 3));
        assert!(!Amount::Percent(50).is_exceeded(4, 4), "four are too few to tell");
        assert!(!Amount::Percent(50).is_exceeded(3, 6) && Amount::Percent(50).is_exceeded(3, 5));
        assert!(Amount::Percent(0).is_exceeded(1, 5) && !Amount::Percent(100).is_exceeded(5, 5));
    }
}
