//! The policy in force. A new one holds from the next look on, whoever looks.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Guardrails, Policy};

/// The policy in force, for everyone who asks it. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Live {
    policy: Arc<ArcSwap<Policy>>,
    /// Protected, whatever a policy says: what acts on the agent's own objects could approve its own proposals.
    own_namespace: Arc<str>,
}

impl Live {
    /// Begins with this policy; the agent's own namespace is protected by every one.
    pub fn new(policy: Policy, own_namespace: &str) -> Self {
        let policy = Arc::new(ArcSwap::from_pointee(policy.protecting(own_namespace)));
        Self { policy, own_namespace: own_namespace.into() }
    }

    /// Puts another policy into force.
    pub fn replace(&self, policy: Policy) {
        self.policy.store(Arc::new(policy.protecting(&self.own_namespace)));
    }

    /// The policy. Who asks it about several events that belong together asks for it once.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// What holds whatever the rules say. Who weighs several of them together asks for them once.
    pub fn guardrails(&self) -> Arc<Guardrails> {
        Arc::clone(&self.policy.load().guardrails)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_version_protects_the_agents_own_namespace() {
        let parse = |text| Policy::parse(text).unwrap();
        let live = Live::new(parse("{ default: { mode: observe }, guardrails: { protectedNamespaces: [] } }"), "zen-agent");
        assert_eq!(live.guardrails().protected_namespaces, ["zen-agent".to_owned()].into());
        let seen = live.clone();
        live.replace(parse("{ default: { mode: observe }, guardrails: { protectedNamespaces: [shop], dryRun: true } }"));
        assert_eq!(seen.guardrails().protected_namespaces, ["shop".to_owned(), "zen-agent".to_owned()].into());
        assert!(seen.guardrails().dry_run);
    }
}
