//! Whose an object is: another tenant's object does not exist.

use std::time::Duration;

use kube::{Api, ResourceExt};

use super::Handlers;
use crate::{
    identity::Tenant,
    problem::{Code, Problem},
    remediation::{TENANT_LABEL, ZenAgentRemediation, names},
    verify::Caller,
};

/// How long one call to the Kubernetes API may take.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(10);

impl Handlers {
    /// The API of one namespace, and the object of this id in it, if it is the caller's.
    pub(super) async fn find(&self, caller: &Caller, id: &str) -> Result<(Api<ZenAgentRemediation>, ZenAgentRemediation), Problem> {
        let (namespace, name) = names::resolve(&self.namespace, id);
        let watched = self.watch_namespace.as_deref().is_none_or(|only| only == namespace || namespace == self.namespace);
        if !watched || !is_name(namespace) || !is_name(name) {
            return Err(unknown());
        }
        let api = Api::namespaced(self.client.clone(), namespace);
        match call(api.get_opt(name)).await? {
            Some(object) if self.is_visible(&object, &caller.tenant) => Ok((api, object)),
            _ => Err(unknown()),
        }
    }

    /// Whether the tenant owns the object, and it is not being deleted: what a cleanup has answered
    /// for is gone, although foreground deletion may take Kubernetes a moment.
    pub(super) fn is_visible(&self, object: &ZenAgentRemediation, tenant: &Tenant) -> bool {
        object.metadata.deletion_timestamp.is_none() && object.tenant().unwrap_or(self.own_tenant.as_str()) == tenant.as_str()
    }

    /// What lets the server leave out most objects of others.
    ///
    /// No selector says "this label or none", so for the agent's own tenant all are asked for, and
    /// [`Handlers::is_visible`] decides.
    pub(super) fn tenant_selector(&self, tenant: &Tenant) -> Option<String> {
        (*tenant != self.own_tenant).then(|| format!("{TENANT_LABEL}={tenant}"))
    }

    /// Every namespace whose remediations are served.
    pub(super) fn everywhere(&self) -> Api<ZenAgentRemediation> {
        match &self.watch_namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    /// The id in the API.
    pub(super) fn id(&self, object: &ZenAgentRemediation) -> String {
        names::id(&self.namespace, &object.namespace().unwrap_or_default(), &object.name_any())
    }
}

/// What `id` in a path may name: nothing that would lead to another URL of the Kubernetes API.
fn is_name(text: &str) -> bool {
    (1..=253).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
}

fn unknown() -> Problem {
    Problem::new(Code::NotFound, "There is no remediation with this id")
}

/// Bounds a call to the Kubernetes API, and tells the caller no more than that it failed.
pub(super) async fn call<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Problem> {
    let away = || Problem::new(Code::Unavailable, "The Kubernetes API does not answer; try again").retry_after(Duration::from_secs(5));
    match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the Kubernetes API refused a call");
            match error {
                kube::Error::Api(status) if matches!(status.code, 400 | 410) => Err(Problem::new(
                    Code::InvalidParameter,
                    "`continue` is no token of this server, or it has expired; list again without it",
                )),
                kube::Error::Api(status) if status.code < 500 && status.code != 429 => {
                    Err(Problem::new(Code::Internal, "The Kubernetes API refuses the agent's request; its operator finds why in the log"))
                }
                _ => Err(away()),
            }
        }
        Err(_) => Err(away()),
    }
}
