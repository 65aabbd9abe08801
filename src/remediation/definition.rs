//! The definition of remediations that an API server has, beside ours.
//!
//! ```text
//!   none ────────────────────────────▶ Missing
//!   everything of ours, or more ─────▶ Fit       (a newer agent's is fit for an older one)
//!   less ────────────────────────────▶ Lacking   (what the agent writes into it would be dropped silently, or refused)
//!   less, and something that ours
//!   does not have ───────────────────▶ Foreign   (ours in its place would drop that)
//! ```
//!
//! More is a field or a value that ours does not have, and a bound that is wider, or away.

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
    /// It is neither older nor newer.
    #[error(
        "this cluster's definition of remediations is of another agent: it lacks {lacks}, and has {has}, which this agent's would drop; run the agent that it is of, or a newer one"
    )]
    Foreign {
        /// What ours has.
        lacks: Fields,
        /// What only theirs has.
        has: Fields,
    },
}

impl Unfit {
    /// Compares, where nothing else is wrong.
    fn of(theirs: &CustomResourceDefinition, ours: &CustomResourceDefinition) -> Option<Self> {
        let (lacks, has) = (lacking(theirs, ours), lacking(ours, theirs));
        match (lacks.is_empty(), has.is_empty()) {
            (true, _) => None,
            (false, true) => Some(Self::Lacking(Fields(lacks))),
            (false, false) => Some(Self::Foreign { lacks: Fields(lacks), has: Fields(has) }),
        }
    }
}

/// Why the definition was not installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// An update would take something away from what is there.
    #[error("{0}; nothing was changed")]
    Foreign(Unfit),
    /// It was taken, and is not served.
    #[error("the API server does not begin to serve remediations; `kubectl describe crd {0}` says why")]
    NotEstablished(String),
    /// The API server refuses.
    #[error(transparent)]
    Kube(#[from] kube::Error),
}

/// What a look at the definition said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It is as this agent needs it.
    Fit,
    /// This agent may not look at it.
    Forbidden,
}

/// Waits for an API server that cannot be reached, or does not serve what it has taken yet; the readiness says so meanwhile.
///
/// # Errors
/// [`Unfit`], as soon as that is known.
pub async fn required(client: &Client) -> Result<Checked, Unfit> {
    let (definitions, ours) = (Api::<CustomResourceDefinition>::all(client.clone()), crd());
    loop {
        match timeout(PATIENCE, definitions.get_opt(&ours.name_any())).await {
            Ok(Ok(None)) => return Err(Unfit::Missing),
            Ok(Ok(Some(theirs))) => {
                if let Some(unfit) = Unfit::of(&theirs, &ours) {
                    return Err(unfit);
                }
                if is_crd_established().matches_object(Some(&theirs)) {
                    return Ok(Checked::Fit);
                }
            }
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
                tracing::warn!("the definition of remediations was not checked: this agent's role does not allow to read it");
                return Ok(Checked::Forbidden);
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
                Some(mut theirs) => match Unfit::of(&theirs, &ours) {
                    None if is_crd_established().matches_object(Some(&theirs)) => return Ok(()),
                    None => {
                        sleep(PERIOD / 10).await;
                        continue;
                    }
                    Some(Unfit::Lacking(_)) => {
                        theirs.spec = ours.spec.clone();
                        definitions.replace(&name, &PostParams::default(), &theirs).await.map(drop)
                    }
                    Some(unfit) => return Err(InstallError::Foreign(unfit)),
                },
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

/// A keyword of a schema without which more is taken.
enum Bound {
    Most,
    Least,
    Values,
}

impl Bound {
    /// A field of such a name is described by an object.
    fn of(key: &str, value: &Value) -> Option<Self> {
        match key {
            "maximum" | "maxLength" | "maxItems" | "maxProperties" if value.is_number() => Some(Self::Most),
            "minimum" | "minLength" | "minItems" | "minProperties" if value.is_number() => Some(Self::Least),
            "enum" if value.is_array() => Some(Self::Values),
            _ => None,
        }
    }
}

fn compare(theirs: &Value, wanted: &Value, path: &str, lacks: &mut Vec<String>) {
    match (theirs, wanted) {
        (Value::Object(theirs), Value::Object(wanted)) => {
            let added = theirs.iter().filter(|(key, value)| !wanted.contains_key(*key) && Bound::of(key, value).is_some());
            lacks.extend(added.map(|(key, _)| format!("{path}.{key}")));
            // A text that describes; one that is an object is a field of that name.
            for (key, wanted) in
                wanted.iter().filter(|(key, value)| !matches!(key.as_str(), "description" | "message") || !value.is_string())
            {
                // As people write it: .spec.target, not .schema.properties.spec.properties.target.
                let path = if matches!(key.as_str(), "schema" | "properties") { path.to_owned() } else { format!("{path}.{key}") };
                match (theirs.get(key), Bound::of(key, wanted)) {
                    (None, Some(_)) => {}
                    (Some(theirs), Some(Bound::Most)) if theirs.as_f64() >= wanted.as_f64() => {}
                    (Some(theirs), Some(Bound::Least)) if theirs.as_f64() <= wanted.as_f64() => {}
                    (Some(theirs), _) => compare(theirs, wanted, &path, lacks),
                    (None, None) => lacks.push(path),
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
    fn a_definition_that_takes_more_than_ours_is_fit_and_one_that_takes_less_is_not() {
        let field = |schema: Value| changed(|version| drop(spec(version).insert("field".to_owned(), schema)));
        let of_text = |max: u64, min: u64| field(json!({ "type": "string", "maxLength": max, "minLength": min }));
        let of_number = |max: f64, min: f64| field(json!({ "type": "number", "maximum": max, "minimum": min }));
        let of_list = |max: u64| field(json!({ "type": "array", "items": { "type": "string" }, "maxItems": max }));
        let of_names = |names: &[&str]| field(json!({ "type": "string", "enum": names }));
        for (wide, narrow, path) in [
            (of_text(9, 1), of_text(8, 1), ".spec.field.maxLength"),
            (of_text(9, 0), of_text(9, 1), ".spec.field.minLength"),
            (of_number(10.0, 1.0), of_number(9.5, 1.0), ".spec.field.maximum"),
            (of_number(9.0, 0.5), of_number(9.0, 1.0), ".spec.field.minimum"),
            (of_list(9), of_list(8), ".spec.field.maxItems"),
            (of_names(&["a", "b"]), of_names(&["a"]), ".spec.field.enum \"b\""),
        ] {
            assert_eq!(lacking(&wide, &narrow), [""; 0], "{path}");
            assert_eq!(lacking(&narrow, &wide), [path]);
        }
        // No bound at all takes everything.
        let (any, bound) = (field(json!({ "type": "string" })), field(json!({ "type": "string", "maxLength": 8, "enum": ["a"] })));
        assert_eq!(lacking(&any, &bound), [""; 0]);
        assert_eq!(lacking(&bound, &any), [".spec.field.enum", ".spec.field.maxLength"]);
        // A field of such a name is a field.
        let named = field(json!({ "type": "object", "properties": { "maxLength": { "type": "string" } } }));
        assert_eq!(lacking(&field(json!({ "type": "object", "properties": {} })), &named), [".spec.field.maxLength"]);
    }

    #[tokio::test]
    async fn nobody_is_told_to_put_an_older_definition_over_a_newer_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = embedded_kube::EmbeddedKube::open(folder.path(), embedded_kube::Options::default()).unwrap();
        let theirs = changed(|version| {
            spec(version).remove("eventTime");
            spec(version).insert("later".to_owned(), json!({ "type": "string" }));
        });
        let definitions = Api::<CustomResourceDefinition>::all(store.client("default"));
        definitions.create(&PostParams::default(), &theirs).await.unwrap();
        let refused = required(&store.client("default")).await.unwrap_err().to_string();
        assert!(refused.contains(".spec.eventTime") && refused.contains(".spec.later") && !refused.contains("kubectl apply"), "{refused}");
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
