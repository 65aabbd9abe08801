//! What a manifest may say.
//!
//! | refused | why |
//! |---|---|
//! | more than 8 KiB, also once its aliases are written out | the object that carries it stays small, a person can judge it |
//! | another object than the target, or several | guardrails are about the target |
//! | `status`, and of the metadata all but name, namespace, labels, annotations | controllers own the one; owners, finalizers and managed fields decide over the life of objects |
//! | labels and annotations of zen.kube-zen.io | by these the agent knows what is its own, and what is protected |
//! | `null` | what a manifest does not set it leaves out |

use serde_json::{Map, Value};

use crate::event::Target;

/// Bytes of a manifest.
const MAX_BYTES: usize = 8 * 1_024;
const METADATA: [&str; 4] = ["name", "namespace", "labels", "annotations"];
const OWN: &str = "zen.kube-zen.io/";

/// Looks at a text before it is parsed: what is small, and says nothing twice by an alias, stays small.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn bounded(text: &str) -> Result<(), String> {
    if text.len() > MAX_BYTES {
        return Err(format!("the manifest is longer than {MAX_BYTES} bytes"));
    }
    // An alias is a word of its own: `*name` at the beginning, or after a space or the mark of a list or mapping.
    let begins = |before: Option<char>| before.is_none_or(|c| c.is_whitespace() || matches!(c, '[' | '{' | ',' | ':' | '-' | '?'));
    let is_alias = |(at, _): (usize, &str)| {
        begins(text[..at].chars().next_back())
            && text[at + 1..].chars().next().is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
    };
    if text.match_indices('*').any(is_alias) {
        return Err("the manifest has an alias of YAML (*name), or what looks like one; write out what it stands for".to_owned());
    }
    Ok(())
}

/// A manifest that may be applied.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) value: Value,
}

impl Manifest {
    /// Reads YAML, of which JSON is a part.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        bounded(text)?;
        // By way of YAML's own values: only these refuse a key that is there twice.
        let value: serde_yaml_ng::Value =
            serde_yaml_ng::from_str(text).map_err(|error| format!("the manifest is not readable: {error}"))?;
        let value = serde_json::to_value(value).map_err(|error| format!("the manifest is no object of Kubernetes: {error}"))?;
        let problem = problem(&value);
        problem.map_or(Ok(Self { value }), |problem| Err(format!("the manifest {problem}")))
    }

    /// In what it is about another object than the target.
    pub(super) fn mismatch(&self, target: &Target) -> Option<String> {
        let Self { value } = self;
        let namespace = value["metadata"].get("namespace").and_then(Value::as_str);
        let differs = [
            ("apiVersion", value["apiVersion"] != *target.api_version),
            ("kind", value["kind"] != *target.kind),
            ("name", value["metadata"]["name"] != *target.name),
            ("namespace", namespace.is_some() && namespace != target.namespace.as_deref()),
        ];
        let (field, _) = differs.into_iter().find(|(_, differs)| *differs)?;
        Some(format!("the manifest is not of the target: its {field} is another one"))
    }
}

fn problem(value: &Value) -> Option<String> {
    let Some(fields) = value.as_object() else { return Some("is no object".to_owned()) };
    let Some(metadata) = value["metadata"].as_object() else { return Some("has no metadata".to_owned()) };
    let missing = [("apiVersion", &value["apiVersion"]), ("kind", &value["kind"]), ("metadata.name", &value["metadata"]["name"])];
    if let Some((field, _)) = missing.into_iter().find(|(_, value)| value.as_str().is_none_or(str::is_empty)) {
        return Some(format!("has no {field}"));
    }
    if let Some(field) = metadata.keys().find(|key| !METADATA.contains(&key.as_str())) {
        return Some(format!("sets metadata.{field}; of the metadata it may set {}", METADATA.join(", ")));
    }
    if metadata.get("namespace").is_some_and(|namespace| !namespace.is_string()) {
        return Some("has a namespace that is no text".to_owned());
    }
    for field in ["labels", "annotations"] {
        let texts = match metadata.get(field) {
            None => continue,
            Some(Value::Object(texts)) if texts.values().all(Value::is_string) => texts,
            Some(_) => return Some(format!("has {field} that are no texts")),
        };
        if let Some(key) = texts.keys().find(|key| key.starts_with(OWN)) {
            return Some(format!("sets {key}: what begins with {OWN} is the agent's own"));
        }
    }
    if fields.contains_key("status") {
        return Some("sets the status, which controllers do".to_owned());
    }
    if has_null(value) {
        return Some("has a null: what it does not set it leaves out".to_owned());
    }
    let sets = |map: &Map<String, Value>, but: &[&str]| map.keys().any(|key| !but.contains(&key.as_str()));
    let nothing = !sets(fields, &["apiVersion", "kind", "metadata"]) && !sets(metadata, &["name", "namespace"]);
    nothing.then(|| "sets nothing".to_owned())
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const GOOD: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {b: c}}, data: {d: e}}";

    #[test]
    fn what_a_manifest_may_not_say_is_refused_by_name() {
        assert!(Manifest::read(GOOD).is_ok());
        let with = |metadata: &str, more: &str| format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a{metadata}}}{more}}}");
        for (text, says) in [
            ("{".to_owned(), "not readable"),
            ("a: 1\na: 2".to_owned(), "not readable"),
            (format!("{GOOD}\n---\n{GOOD}"), "not readable"),
            ("[]".to_owned(), "no object"),
            ("{kind: ConfigMap, metadata: {name: a}}".to_owned(), "apiVersion"),
            ("{apiVersion: v1, metadata: {name: a}}".to_owned(), "kind"),
            ("{apiVersion: v1, kind: ConfigMap, metadata: {generateName: a}}".to_owned(), "metadata.name"),
            (with(", ownerReferences: []", ""), "ownerReferences"),
            (with(", finalizers: [a]", ""), "finalizers"),
            (with(", managedFields: []", ""), "managedFields"),
            (with(", uid: a", ""), "uid"),
            (with(", annotations: {zen.kube-zen.io/remediation-uid: x}", ""), "agent's own"),
            (with(", labels: {zen.kube-zen.io/protected: x}", ""), "agent's own"),
            (with(", labels: {a: 1}", ""), "no texts"),
            (with("", ", status: {}"), "status"),
            (with("", ", data: {a: null}"), "null"),
            (with("", ""), "sets nothing"),
            (with("", &format!(", data: {{a: {}}}", "x".repeat(MAX_BYTES))), "longer"),
            (with("", &format!(", data: {{a: &a {}, b: [{}]}}", "x".repeat(200), "*a,".repeat(50))), "alias"),
        ] {
            assert!(Manifest::read(&text).is_err_and(|problem| problem.contains(says)), "{says}: {:?}", Manifest::read(&text));
        }
    }

    #[test]
    fn a_manifest_of_another_object_than_the_target_is_none_of_it() {
        let target = |api_version: &str, kind: &str, namespace: &str, name: &str| Target {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: Some(namespace.into()),
            name: name.into(),
            uid: None,
        };
        let (free, bound) = (Manifest::read(GOOD).unwrap(), Manifest::read(&GOOD.replace("name: a", "name: a, namespace: shop")).unwrap());
        for manifest in [&free, &bound] {
            assert_eq!(manifest.mismatch(&target("v1", "ConfigMap", "shop", "a")), None);
            assert!(manifest.mismatch(&target("v1", "ConfigMap", "shop", "b")).is_some());
            assert!(manifest.mismatch(&target("v1", "Secret", "shop", "a")).is_some());
            assert!(manifest.mismatch(&target("v2", "ConfigMap", "shop", "a")).is_some());
        }
        assert!(bound.mismatch(&target("v1", "ConfigMap", "kube-system", "a")).is_some_and(|says| says.contains("namespace")));
    }
}
