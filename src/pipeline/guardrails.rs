//! What holds whatever the policy says.

use std::{collections::BTreeSet, num::NonZeroU32, time::Duration};

use crate::event::Target;

/// The guardrails; `None` is off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guardrails {
    /// Namespaces in which nothing is touched; the runtime adds the agent's own.
    pub protected_namespaces: BTreeSet<String>,
    /// How many remediations may begin in a namespace within a time; beyond it, automatic ones become proposals.
    pub budget: Option<Budget>,
    /// How long after a remediation of a target another automatic one becomes a proposal.
    pub cooldown: Option<Duration>,
    /// How old a finding may be.
    pub staleness: Option<Duration>,
    /// Whether nothing is changed at all.
    pub dry_run: bool,
}

/// A number of remediations per namespace and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many.
    pub per_namespace: NonZeroU32,
    /// Within which time.
    pub window: Duration,
}

impl Guardrails {
    /// The protected namespace that the target lies in, or is.
    pub(super) fn protects<'a>(&self, target: &'a Target) -> Option<&'a str> {
        let is_namespace = target.api_version == "v1" && target.kind == "Namespace";
        let namespace = if is_namespace { Some(target.name.as_str()) } else { target.namespace.as_deref() };
        namespace.filter(|namespace| self.protected_namespaces.contains(*namespace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protected_namespace_is_protected_itself_like_all_that_lies_in_it() {
        let guardrails = Guardrails { protected_namespaces: ["kube-system".to_owned()].into(), ..Guardrails::default() };
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
