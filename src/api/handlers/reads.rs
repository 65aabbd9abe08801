//! Lists and single remediations.

use kube::api::ListParams;

use super::{Handlers, access::call};
use crate::{
    api::view,
    contract::v0::{get_remediation, list_remediations, types},
    problem::Problem,
    verify::Verified,
};

/// What lists and watches are filtered by.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) status: Option<types::Status>,
    pub(super) namespace: Option<String>,
    pub(super) source: Option<String>,
    pub(super) severity: Option<types::Severity>,
}

impl Filter {
    /// The filter as a field selector. The values come through the contract's patterns, none of which allows `,` or `=`.
    pub(super) fn fields(&self, own_namespace: &str) -> Option<String> {
        let mut terms = Vec::new();
        if let Some(status) = &self.status {
            terms.push(format!("status.phase={status}"));
        }
        match self.namespace.as_deref() {
            // Nothing may act on the agent's own namespace, so its name stands for what is stored there.
            Some(namespace) if namespace == own_namespace => terms.push(format!("metadata.namespace={namespace}")),
            Some(namespace) => terms.push(format!("spec.target.namespace={namespace}")),
            None => {}
        }
        if let Some(source) = &self.source {
            terms.push(format!("spec.source={source}"));
        }
        if let Some(severity) = &self.severity {
            terms.push(format!("spec.severity={severity}"));
        }
        (!terms.is_empty()).then(|| terms.join(","))
    }
}

impl Handlers {
    pub(super) async fn list(&self, request: Verified<list_remediations::Request>) -> Result<types::RemediationList, Problem> {
        let (caller, request) = request.into_parts();
        let list_remediations::Request { status, namespace, source, severity, limit, continue_ } = request;
        let filter = Filter { status, namespace, source, severity };
        let params = ListParams {
            label_selector: self.tenant_selector(&caller.tenant),
            field_selector: filter.fields(&self.namespace),
            limit: u32::try_from(limit).ok(),
            continue_token: continue_,
            ..ListParams::default()
        };
        let page = call(self.everywhere().list(&params)).await?;
        let visible = page.items.iter().filter(|object| self.is_visible(object, &caller.tenant));
        Ok(types::RemediationList {
            items: visible.map(|object| view::remediation(object, self.id(object))).collect(),
            continue_: page.metadata.continue_.filter(|token| !token.is_empty()),
        })
    }

    pub(super) async fn one(&self, request: Verified<get_remediation::Request>) -> Result<types::Remediation, Problem> {
        let (caller, get_remediation::Request { id }) = request.into_parts();
        let (_, object) = self.find(&caller, &id).await?;
        Ok(view::remediation(&object, self.id(&object)))
    }
}
