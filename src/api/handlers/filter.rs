//! What lists and watches are filtered by.
//!
//! | filter | the server selects | the agent looks again |
//! |---|---|---|
//! | status | `status.phase` is none of the other four | whether it is the status |
//! | namespace | `spec.target.namespace`; `metadata.namespace` for the agent's own | the same |
//! | source, severity | the field | the same |
//!
//! A status cannot be selected by itself: objects of the older kind have it in `.status.state` alone,
//! and `unknown` is any text. So the server leaves out what surely has another status, and the few
//! that are left over are looked at here.

use kube::ResourceExt;

use crate::{
    api::view,
    contract::v0::types,
    remediation::{Phase, ZenAgentRemediation},
};

/// What lists and watches are filtered by; everything passes what is absent.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    pub(super) status: Option<types::Status>,
    pub(super) namespace: Option<String>,
    pub(super) source: Option<String>,
    pub(super) severity: Option<types::Severity>,
}

impl Filter {
    /// The filter as a field selector, which lets through all that matches, and of other statuses a few.
    ///
    /// The values come through the contract's patterns, none of which allows `,` or `=`.
    pub(super) fn selector(&self, own_namespace: &str) -> Option<String> {
        let mut terms = Vec::new();
        if let Some(status) = self.status.map(|status| status.to_string()) {
            let others = Phase::LABELS.into_iter().filter(|label| *label != status && *label != "unknown");
            terms.extend(others.map(|other| format!("status.phase!={other}")));
        }
        match self.namespace.as_deref() {
            // Nothing may act on the agent's own namespace, so its name stands for what is stored there.
            Some(namespace) if namespace == own_namespace => terms.push(format!("metadata.namespace={namespace}")),
            Some(namespace) => terms.push(format!("spec.target.namespace={namespace}")),
            None => {}
        }
        terms.extend(self.source.as_ref().map(|source| format!("spec.source={source}")));
        terms.extend(self.severity.map(|severity| format!("spec.severity={severity}")));
        (!terms.is_empty()).then(|| terms.join(","))
    }

    /// Whether the object passes.
    pub(super) fn matches(&self, object: &ZenAgentRemediation, own_namespace: &str) -> bool {
        self.matches_but_status(object, own_namespace) && self.status.is_none_or(|status| status == view::status(object))
    }

    /// Whether the object passes, whatever its status is.
    pub(super) fn matches_but_status(&self, object: &ZenAgentRemediation, own_namespace: &str) -> bool {
        let spec = &object.spec;
        let namespace = |wanted: &str| {
            let target = spec.target.as_ref().and_then(|target| target.namespace.as_deref());
            if wanted == own_namespace { object.namespace().as_deref() == Some(wanted) } else { target == Some(wanted) }
        };
        self.namespace.as_deref().is_none_or(namespace)
            && self.source.as_ref().is_none_or(|source| spec.source.as_ref() == Some(source))
            && self.severity.is_none_or(|severity| spec.severity.as_deref() == Some(severity.to_string().as_str()))
    }
}
