//! Whose an object is: another tenant's object does not exist.

use kube::{Api, ResourceExt, core::DeserializeGuard};

use super::Handlers;
use crate::{
    deadline::{CALL, within},
    identity::Tenant,
    problem::{Code, Problem},
    remediation::{TENANT_LABEL, ZenAgentRemediation, names},
    stream,
    verify::Caller,
};

/// A remediation that may be malformed, which stops no other.
pub(super) type Guarded = DeserializeGuard<ZenAgentRemediation>;

/// What a tenant sees.
#[derive(Clone)]
pub(super) struct Visibility {
    tenant: Tenant,
    /// Owns what names no tenant.
    own_tenant: Tenant,
}

impl Visibility {
    /// Whether the object is the tenant's.
    pub(super) fn owns(&self, object: &ZenAgentRemediation) -> bool {
        object.tenant().unwrap_or(self.own_tenant.as_str()) == self.tenant.as_str()
    }

    /// Whether the object is the tenant's, and not being deleted: what a cleanup has answered for is
    /// gone, although foreground deletion may take Kubernetes a moment.
    pub(super) fn sees(&self, object: &ZenAgentRemediation) -> bool {
        object.metadata.deletion_timestamp.is_none() && self.owns(object)
    }

    /// What lets the server leave out most objects of others.
    ///
    /// No selector says "this label or none", so for the agent's own tenant all are asked for, and
    /// [`Visibility::owns`] decides.
    pub(super) fn selector(&self) -> Option<String> {
        (self.tenant != self.own_tenant).then(|| format!("{TENANT_LABEL}={}", self.tenant))
    }
}

impl Handlers {
    /// What the caller sees.
    pub(super) fn visibility(&self, caller: &Caller) -> Visibility {
        Visibility { tenant: caller.tenant.clone(), own_tenant: self.own_tenant.clone() }
    }

    /// The API of one namespace, and the object of this id in it, if it is the caller's.
    pub(super) async fn find(&self, caller: &Caller, id: &str) -> Result<(Api<ZenAgentRemediation>, ZenAgentRemediation), Problem> {
        let unknown = || Problem::new(Code::NotFound, "There is no remediation with this id");
        let (namespace, name) = names::resolve(&self.namespace, id);
        let watched = self.watch_namespace.as_deref().is_none_or(|only| only == namespace || namespace == self.namespace);
        if !watched || !is_name(namespace) || !is_name(name) {
            return Err(unknown());
        }
        let guarded: Api<Guarded> = Api::namespaced(self.client.clone(), namespace);
        let found = call(guarded.get_opt(name)).await?.and_then(stream::well_formed);
        let object = found.filter(|object| self.visibility(caller).sees(object)).ok_or_else(unknown)?;
        Ok((Api::namespaced(self.client.clone(), namespace), object))
    }

    /// Every namespace whose remediations are served.
    pub(super) fn everywhere(&self) -> Api<Guarded> {
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

/// Bounds a call to the Kubernetes API, and tells the caller no more than that it failed.
pub(super) async fn call<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Problem> {
    within(CALL, call).await.map_err(|error| Problem::of_kubernetes(&error))
}
