//! The two calls to the Kubernetes API, each with a deadline.

use std::collections::BTreeMap;

use kube::{Api, Client, api::PostParams, core::ObjectMeta};

use super::IngestError;
use crate::{
    deadline::{CALL, within},
    remediation::{RemediationSpec, TENANT_LABEL, ZenAgentRemediation},
    verify::Caller,
};

/// The remediations of one namespace.
#[derive(Clone)]
pub(super) struct Store(Api<ZenAgentRemediation>);

pub(super) enum Creation {
    Created,
    Exists,
}

impl Store {
    pub(super) fn new(client: Client, namespace: &str) -> Self {
        Self(Api::namespaced(client, namespace))
    }

    pub(super) async fn create(&self, caller: &Caller, name: &str, spec: &RemediationSpec) -> Result<Creation, IngestError> {
        let object = ZenAgentRemediation {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                labels: Some(BTreeMap::from([(TENANT_LABEL.to_owned(), caller.tenant.as_str().to_owned())])),
                ..ObjectMeta::default()
            },
            spec: spec.clone(),
            status: None,
        };
        match within(CALL, self.0.create(&PostParams::default(), &object)).await {
            Ok(_) => Ok(Creation::Created),
            Err(kube::Error::Api(status)) if status.code == 409 && status.reason == "AlreadyExists" => Ok(Creation::Exists),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn get(&self, name: &str) -> Result<Option<ZenAgentRemediation>, IngestError> {
        Ok(within(CALL, self.0.get_opt(name)).await?)
    }
}
