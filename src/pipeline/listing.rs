//! The remediations that a selector matches, page by page.

use futures::{Stream, TryStreamExt, stream as streams};
use kube::{Api, api::ListParams, core::DeserializeGuard};

use super::{Pipeline, api::ApiError};
use crate::{remediation::ZenAgentRemediation, stream};

type Guarded = DeserializeGuard<ZenAgentRemediation>;

impl Pipeline {
    /// The well-formed remediations that a field selector matches.
    pub(super) fn pages(&self, fields: &str) -> impl Stream<Item = Result<Vec<ZenAgentRemediation>, ApiError>> + Send + use<> {
        let api: Api<Guarded> = match &self.settings.watch_namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let pages = stream::pages(api, ListParams::default().fields(fields), stream::PAGE_SIZE);
        streams::try_unfold(Box::pin(pages), |mut pages| async move {
            // Each page is bounded by the stream.
            let page = pages.try_next().await.map_err(|source| ApiError::failed("list remediations", source))?;
            Ok(page.map(|page| (page.items.into_iter().filter_map(stream::well_formed).collect(), pages)))
        })
    }
}
