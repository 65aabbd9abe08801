//! The definition of remediations that an API server has, beside ours.
//!
//! ```text
//!   none ─────────────────────────▶ Missing
//!   everything of ours, or more ──▶ Fit       (a newer agent's is fit for an older one)
//!   less ─────────────────────────▶ Lacking   (what the agent writes into it would be dropped silently)
//! ```

use std::{fmt, time::Duration};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion as Version,
};
use kube::{
    Api, Client, ResourceExt,
    api::PostParams,
    runtime::{conditions::is_crd_established, wait::Condition},
};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::crd;
use crate::causes::chain;

/// How long an API server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long until it is asked again.
const PERIOD: Duration = Duration::from_secs(1);
/// How long it may take to serve what it has taken.
const ESTABLISHMENT: Duration = Duration::from_secs(60);
/// How many fields a message names.
const NAMED: usize = 3;

/// Some of the fields of a definition, for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields(Vec<String>);

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", "))?;
        match self.0.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// Why the agent cannot work with a cluster's definition of remediations.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// There is none.
    #[error("this cluster does not know remediations; install them with: zen-agent crd | kubectl apply -f -")]
    Missing,
    /// It is of an older agent.
    #[error(
        "this cluster's definition of remediations is older than this agent, and lacks {0}; update it with: zen-agent crd | kubectl apply -f -"
    )]
    Lacking(Fields),
}

/// Why the definition was not installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// What is there is neither older nor newer than ours.
    #[error(
        "this cluster's definition of remediations is of another kind: it lacks {lacks}, and has {has}, which an update would drop; nothing was changed"
    )]
    Foreign {
        /// What ours has.
        lacks: Fields,
        /// What only theirs has.
        has: Fields,
    },
    /// It was taken, and is not served.
    #[error("the API server does not begin to serve remediations; `kubectl describe crd {0}` says why")]
    NotEstablished(String),
    /// The API server refuses.
    #[error(transparent)]
    Kube(#[from] kube::Error),
}

/// Waits for an API server that cannot be reached, or does not serve what it has taken yet; the readiness says so meanwhile.
///
/// # Errors
/// [`Unfit`], as soon as that is known.
pub async fn required(client: &Client) -> Result<(), Unfit> {
    let (definitions, ours) = (Api::<CustomResourceDefinition>::all(client.clone()), crd());
    loop {
        match timeout(PATIENCE, definitions.get_opt(&ours.name_any())).await {
            Ok(Ok(None)) => return Err(Unfit::Missing),
            Ok(Ok(Some(theirs))) => {
                let lacks = lacking(&theirs, &ours);
                if !lacks.is_empty() {
                    return Err(Unfit::Lacking(Fields(lacks)));
                }
                if is_crd_established().matches_object(Some(&theirs)) {
                    return Ok(());
                }
            }
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
                tracing::warn!("the definition of remediations was not checked: this agent's role does not allow to read it");
                return Ok(());
            }
            Ok(Err(error)) => {
                tracing::warn!(error = chain(&error), "the definition of remediations is checked once the Kubernetes API answers")
            }
            Err(_) => tracing::warn!("the definition of remediations is checked once the Kubernetes API answers"),
        }
        sleep(PERIOD).await;
    }
}

/// Creates the definition, or brings an older one up to ours; a newer one stays. Waits until it is served.
///
/// # Errors
/// [`InstallError`].
pub async fn install(client: &Client) -> Result<(), InstallError> {
    let (definitions, ours) = (Api::<CustomResourceDefinition>::all(client.clone()), crd());
    let name = ours.name_any();
    let served = async {
        loop {
            let written = match definitions.get_opt(&name).await? {
                None => definitions.create(&PostParams::default(), &ours).await.map(drop),
                Some(mut theirs) => {
                    let lacks = lacking(&theirs, &ours);
                    if lacks.is_empty() {
                        if is_crd_established().matches_object(Some(&theirs)) {
                            return Ok(());
                        }
                        sleep(PERIOD / 10).await;
                        continue;
                    }
                    let has = lacking(&ours, &theirs);
                    if !has.is_empty() {
                        return Err(InstallError::Foreign { lacks: Fields(lacks), has: Fields(has) });
                    }
                    theirs.spec = ours.spec.clone();
                    definitions.replace(&name, &PostParams::default(), &theirs).await.map(drop)
                }
            };
            match written {
                // Another process was faster: what it wrote is looked at.
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                other => other?,
            }
        }
    };
    timeout(ESTABLISHMENT, served).await.unwrap_or(Err(InstallError::NotEstablished(name.clone())))
}

/// What a definition lacks of a wanted one, as paths; what it has beyond that does not matter.
fn lacking(theirs: &CustomResourceDefinition, wanted: &CustomResourceDefinition) -> Vec<String> {
    let mut found = Vec::new();
    for version in &wanted.spec.versions {
        match theirs.spec.versions.iter().find(|other| other.name == version.name && other.served) {
            None => found.push(format!("the version {}", version.name)),
            Some(other) => compare(&comparable(other), &comparable(version), "", &mut found),
        }
    }
    found
}

/// What a version says about the objects; how they are printed does not matter.
fn comparable(version: &Version) -> Value {
    json!({
        "schema": version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref()),
        "subresources": version.subresources,
        "selectableFields": version.selectable_fields,
    })
}

fn compare(theirs: &Value, wanted: &Value, path: &str, lacks: &mut Vec<String>) {
    match (theirs, wanted) {
        (Value::Object(theirs), Value::Object(wanted)) => {
            // A description that is a text describes; one that is an object is a field of that name.
            for (key, wanted) in wanted.iter().filter(|(key, value)| *key != "description" || !value.is_string()) {
                // As people write it: .spec.target, not .schema.properties.spec.properties.target.
                let path = if matches!(key.as_str(), "schema" | "properties") { path.to_owned() } else { format!("{path}.{key}") };
                match theirs.get(key) {
                    Some(theirs) => compare(theirs, wanted, &path, lacks),
                    None => lacks.push(path),
                }
            }
        }
        (Value::Array(theirs), Value::Array(wanted)) => {
            let absent = |wanted: &&Value| !theirs.iter().any(|their| covers(their, wanted));
            lacks.extend(wanted.iter().filter(absent).map(|wanted| format!("{path} {wanted}")));
        }
        _ if theirs == wanted => {}
        _ => lacks.push(path.to_owned()),
    }
}

fn covers(theirs: &Value, wanted: &Value) -> bool {
    let mut lacks = Vec::new();
    compare(theirs, wanted, "", &mut lacks);
    lacks.is_empty()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn changed(change: impl FnOnce(&mut Value)) -> CustomResourceDefinition {
        let mut definition = json!(crd());
        change(&mut definition["spec"]["versions"][0]);
        serde_json::from_value(definition).unwrap()
    }

    fn spec(version: &mut Value) -> &mut serde_json::Map<String, Value> {
        version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"].as_object_mut().unwrap()
    }

    #[test]
    fn ours_and_more_than_ours_is_fit_whatever_it_is_described_as() {
        assert_eq!(lacking(&crd(), &crd()), [""; 0]);
        let newer = changed(|version| {
            spec(version).insert("later".to_owned(), json!({ "type": "string" }));
            spec(version)["target"]["description"] = "another text".into();
        });
        assert_eq!(lacking(&newer, &crd()), [""; 0]);
        assert_eq!(lacking(&crd(), &newer), [".spec.later"]);
    }

    #[test]
    fn a_field_a_selectable_field_and_the_status_that_are_not_there_are_named() {
        let older = changed(|version| {
            spec(version).remove("target");
            version["selectableFields"].as_array_mut().unwrap().clear();
            version["subresources"] = Value::Null;
        });
        let lacks = lacking(&older, &crd());
        assert!(lacks.contains(&".spec.target".to_owned()), "{lacks:?}");
        assert!(lacks.contains(&".subresources".to_owned()), "{lacks:?}");
        assert!(lacks.iter().any(|field| field.starts_with(".selectableFields {")), "{lacks:?}");
    }

    #[tokio::test]
    async fn the_embedded_store_takes_an_update_of_an_older_definition() {
        let folder = tempfile::tempdir().unwrap();
        let store = embedded_kube::EmbeddedKube::open(folder.path(), embedded_kube::Options::default()).unwrap();
        let definitions = Api::<CustomResourceDefinition>::all(store.client("default"));
        let older = changed(|version| drop(spec(version).remove("eventTime")));
        definitions.create(&PostParams::default(), &older).await.unwrap();
        assert!(matches!(required(&store.client("default")).await, Err(Unfit::Lacking(fields)) if fields.to_string() == ".spec.eventTime"));
        install(&store.client("default")).await.unwrap();
        required(&store.client("default")).await.unwrap();
        assert_eq!(lacking(&definitions.get(&older.name_any()).await.unwrap(), &crd()), [""; 0]);
    }

    #[test]
    fn a_version_that_is_not_served_is_lacking_as_a_whole() {
        let lacks = lacking(&changed(|version| version["served"] = false.into()), &crd());
        assert_eq!(lacks, ["the version v1"]);
        let message = Unfit::Lacking(Fields(["a", "b", "c", "d", "e"].map(str::to_owned).into())).to_string();
        assert!(message.contains("a, b, c and 2 more") && message.ends_with("zen-agent crd | kubectl apply -f -"), "{message}");
    }
}
