//! Lists and single remediations.

use kube::api::ListParams;

use super::{Handlers, filter::Filter};
use crate::{
    api::view,
    contract::v0::{get_remediation, list_remediations, types},
    deadline::{PAGE, within},
    problem::{Code, Problem},
    stream,
    verify::Verified,
};

impl Handlers {
    pub(super) async fn list(&self, request: Verified<list_remediations::Request>) -> Result<types::RemediationList, Problem> {
        let (caller, request) = request.into_parts();
        let list_remediations::Request { status, namespace, source, severity, limit, continue_ } = request;
        let (visibility, filter) = (self.visibility(&caller), Filter { status, namespace, source, severity });
        let resumed = continue_.is_some();
        let params = ListParams {
            label_selector: visibility.selector(),
            field_selector: filter.selector(&self.namespace),
            limit: u32::try_from(limit).ok(),
            continue_token: continue_,
            ..ListParams::default()
        };
        let page = match within(PAGE, self.everywhere().list(&params)).await {
            Ok(page) => page,
            Err(kube::Error::Api(status)) if resumed && matches!(status.code, 400 | 410) => {
                let detail = "`continue` is no token of this server, or it has expired; list again without it";
                return Err(Problem::new(Code::InvalidParameter, detail));
            }
            Err(error) => return Err(Problem::of_kubernetes(&error)),
        };
        let well_formed = page.items.into_iter().filter_map(stream::well_formed);
        let visible = well_formed.filter(|object| visibility.sees(object) && filter.matches(object, &self.namespace));
        Ok(types::RemediationList {
            items: visible.map(|object| view::remediation(&object, self.id(&object))).collect(),
            continue_: page.metadata.continue_.filter(|token| !token.is_empty()),
        })
    }

    pub(super) async fn one(&self, request: Verified<get_remediation::Request>) -> Result<types::Remediation, Problem> {
        let (caller, get_remediation::Request { id }) = request.into_parts();
        let (_, object) = self.find(&caller, &id).await?;
        Ok(view::remediation(&object, self.id(&object)))
    }
}
