//! The sample workloads on a real API server.

use std::collections::HashMap;

use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{ignore_code, workloads};

/// The sample events that name a uid.
const SAMPLES: [(&str, &str); 4] = [
    ("policy-reporter-result.json", include_str!("../../tests/samples/policy-reporter-result.json")),
    ("trivy-operator-configauditreport.json", include_str!("../../tests/samples/trivy-operator-configauditreport.json")),
    ("trivy-operator-update-envelope.json", include_str!("../../tests/samples/trivy-operator-update-envelope.json")),
    ("trivy-operator-vulnerabilityreport.json", include_str!("../../tests/samples/trivy-operator-vulnerabilityreport.json")),
];

/// Why the sample workloads are not on an API server.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The built-in file is no YAML: a defect.
    #[error("the built-in workloads cannot be read")]
    Workloads(#[from] serde_yaml_ng::Error),
    /// A defect too: an object without a kind.
    #[error("the built-in workloads name no kind of object")]
    Untyped,
    /// It is a cluster in use.
    #[error(
        "this cluster has nodes, where workloads run by themselves; the sample workloads are for an API server without any: leave out --demo"
    )]
    Nodes,
    /// Something of that name is there, without our label.
    #[error("{0} is there already and is none of the sample workloads; nothing of it was touched. Remove it, or leave out --demo")]
    Foreign(String),
    /// The API server refused.
    #[error("{0}")]
    Kube(#[from] kube::Error),
}

/// The sample workloads as an API server took them.
#[derive(Debug)]
pub struct Created {
    /// From the uids of the built-in file to those of this server.
    uids: HashMap<String, String>,
}

impl Created {
    /// The sample events that name a uid, as they would have been recorded on this server: file name and content.
    pub fn samples(&self) -> impl Iterator<Item = (&'static str, String)> {
        SAMPLES.into_iter().map(|(name, text)| (name, self.translate(text)))
    }

    fn translate(&self, text: &str) -> String {
        self.uids.iter().fold(text.to_owned(), |text, (built_in, actual)| text.replace(built_in, actual))
    }
}

/// Creates the sample workloads where there are no nodes; those that are there stay as they are.
///
/// # Errors
/// [`CreateError`]; what was created until then stays, and is found again by the next attempt.
pub async fn create(client: &Client) -> Result<Created, CreateError> {
    let nodes = Api::<Node>::all(client.clone()).list_metadata(&ListParams::default().limit(1)).await?;
    if !nodes.items.is_empty() {
        return Err(CreateError::Nodes);
    }
    let mut created = Created { uids: HashMap::new() };
    for object in workloads()? {
        let built_in = object["metadata"]["uid"].as_str().map(str::to_owned);
        // Its owners come before it in the file.
        let object: Value = serde_json::from_str(&created.translate(&object.to_string())).map_err(|_| CreateError::Untyped)?;
        let actual = create_one(client, object).await?;
        if let (Some(built_in), Some(actual)) = (built_in, actual.uid()) {
            created.uids.insert(built_in, actual);
        }
    }
    Ok(created)
}

async fn create_one(client: &Client, object: Value) -> Result<DynamicObject, CreateError> {
    let status = object["status"].clone();
    let object: DynamicObject = serde_json::from_value(object).map_err(|_| CreateError::Untyped)?;
    let types = object.types.clone().ok_or(CreateError::Untyped)?;
    let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(&types).map_err(|_| CreateError::Untyped)?);
    let api: Api<DynamicObject> = match object.namespace() {
        Some(namespace) => Api::namespaced_with(client.clone(), &namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let name = object.name_any();
    match api.create(&PostParams::default(), &object).await {
        Ok(created) => {
            if !status.is_null() {
                // Gone already? Then there is nothing to say about it.
                let patch = Patch::Merge(json!({ "status": status }));
                ignore_code(404, api.patch_status(&name, &PatchParams::default(), &patch).await)?;
            }
            Ok(created)
        }
        Err(kube::Error::Api(answer)) if answer.is_already_exists() => {
            let present = api.get(&name).await?;
            if present.labels().get("zen.kube-zen.io/demo").map(String::as_str) != Some("true") {
                let place = object.namespace().map(|namespace| format!("{namespace}/")).unwrap_or_default();
                return Err(CreateError::Foreign(format!("{} {place}{name}", types.kind)));
            }
            Ok(present)
        }
        Err(error) => Err(error.into()),
    }
}
