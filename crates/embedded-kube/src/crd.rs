//! CustomResourceDefinitions: what one adds to the types that are served.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use crate::columns;
use crate::error::{ApiError, FieldError};
use crate::object::Object;
use crate::schema::Schema;
use crate::types::{ResourceType, Scope, Trait};

/// Completes a definition as a real API server does: names, conversion, and a status that says it is established.
pub(crate) fn complete(definition: &mut Object) {
    let now = serde_json::to_value(Time(jiff::Timestamp::now())).unwrap_or_default();
    let Some(spec @ Value::Object(_)) = definition.rest.get_mut("spec") else { return };
    let names = &mut spec["names"];
    if let Some(kind) = names["kind"].as_str().map(str::to_owned)
        && let Some(names) = names.as_object_mut()
    {
        names.entry("listKind").or_insert_with(|| format!("{kind}List").into());
        names.entry("singular").or_insert_with(|| kind.to_lowercase().into());
    }
    let names = names.clone();
    if let Some(spec) = spec.as_object_mut() {
        spec.entry("conversion").or_insert_with(|| json!({"strategy": "None"}));
    }
    let stored: Vec<&Value> = versions_of(spec).filter(|version| version["storage"] == true).map(|version| &version["name"]).collect();
    let condition = |ty: &str, reason: &str, message: &str| json!({"type": ty, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message});
    let conditions = json!([
        condition("NamesAccepted", "NoConflicts", "no conflicts found"),
        condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ]);
    let status = json!({"conditions": conditions, "acceptedNames": names, "storedVersions": stored});
    definition.rest.entry("status").or_insert(status);
}

/// The types that a definition serves, one a version.
///
/// # Errors
/// What is wrong with the definition, field by field.
pub(crate) fn versions(definition: &Object) -> Result<Vec<Arc<ResourceType>>, Vec<FieldError>> {
    let spec = definition.rest.get("spec").unwrap_or(&Value::Null);
    let mut errors = Vec::new();
    let mut text = |field: &str, value: &Value| match value.as_str() {
        Some(text) if !text.is_empty() => text.to_owned(),
        _ => {
            errors.push(FieldError::required(field, ""));
            String::new()
        }
    };
    let names = &spec["names"];
    let group = text("spec.group", &spec["group"]);
    let plural = text("spec.names.plural", &names["plural"]);
    let kind = text("spec.names.kind", &names["kind"]);
    let list_kind = text("spec.names.listKind", &names["listKind"]);
    let singular = text("spec.names.singular", &names["singular"]);
    let scope = match spec["scope"].as_str() {
        Some("Namespaced") => Scope::Namespaced,
        Some("Cluster") => Scope::Cluster,
        _ => {
            let supported = ["Cluster".to_owned(), "Namespaced".to_owned()];
            errors.push(FieldError::unsupported("spec.scope", &spec["scope"], &supported));
            Scope::Cluster
        }
    };
    if definition.name() != format!("{plural}.{group}") {
        errors.push(FieldError::invalid("metadata.name", &definition.name().into(), "must be spec.names.plural+\".\"+spec.group"));
    }
    if spec["conversion"]["strategy"] != "None" {
        errors.push(FieldError::unsupported("spec.conversion.strategy", &spec["conversion"]["strategy"], &["None".to_owned()]));
    }
    if versions_of(spec).filter(|version| version["storage"] == true).count() != 1 {
        errors.push(FieldError::invalid(
            "spec.versions",
            &versions_of(spec).count().into(),
            "must have exactly one version marked as storage version",
        ));
    }
    // Upstream keeps one schema for all versions where it can, and words its complaints so.
    let mut schemas = versions_of(spec).map(|version| &version["schema"]["openAPIV3Schema"]);
    let only = schemas.next().filter(|first| schemas.all(|schema| schema == *first));
    let mut served = Vec::new();
    for (index, version) in versions_of(spec).enumerate() {
        let schema = &version["schema"]["openAPIV3Schema"];
        let field = match only {
            Some(_) => "spec.validation.openAPIV3Schema".to_owned(),
            None => format!("spec.versions[{index}].schema.openAPIV3Schema"),
        };
        if !schema.is_object() {
            errors.push(FieldError::required(field, "schemas are required"));
            continue;
        }
        let compiled = match Schema::compile(schema, &field) {
            Ok(compiled) => compiled,
            Err(found) if only.is_some() => {
                errors.extend(found);
                break;
            }
            Err(found) => {
                errors.extend(found);
                continue;
            }
        };
        if version["served"] != true {
            continue;
        }
        let mut traits = vec![Trait::Generation];
        if version["subresources"]["status"].is_object() {
            traits.push(Trait::Status);
        }
        let columns = match columns::custom(version) {
            Ok(columns) => columns,
            Err(column) => {
                let field = format!("spec.versions[{index}].additionalPrinterColumns[{column}].jsonPath");
                let path = &version["additionalPrinterColumns"][column]["jsonPath"];
                errors.push(FieldError::invalid(field, path, "is not a path that this server can follow"));
                continue;
            }
        };
        if version["subresources"]["scale"].is_object() {
            let field = format!("spec.versions[{index}].subresources.scale");
            errors.push(FieldError::forbidden(field, "is not supported by this server"));
        }
        let strings = |values: &Value| values.as_array().into_iter().flatten().filter_map(|one| Some(one.as_str()?.to_owned())).collect();
        let selectable = version["selectableFields"].as_array().into_iter().flatten();
        served.push(Arc::new(ResourceType {
            group: group.clone(),
            version: version["name"].as_str().unwrap_or_default().to_owned(),
            kind: kind.clone(),
            list_kind: list_kind.clone(),
            plural: plural.clone(),
            singular: singular.clone(),
            short_names: strings(&names["shortNames"]),
            scope,
            traits,
            fields: selectable.filter_map(|field| Some(field["jsonPath"].as_str()?.trim_start_matches('.').to_owned())).collect(),
            columns,
            categories: strings(&names["categories"]),
            schema: Some(compiled),
        }));
    }
    if errors.is_empty() { Ok(served) } else { Err(errors) }
}

/// The same, as the refusal of a write.
pub(crate) fn served_versions(ty: &ResourceType, definition: &Object) -> Result<Vec<Arc<ResourceType>>, ApiError> {
    versions(definition).map_err(|errors| ApiError::invalid(&ty.group, &ty.kind, definition.name(), &errors))
}

fn versions_of(spec: &Value) -> impl Iterator<Item = &Value> {
    spec["versions"].as_array().into_iter().flatten()
}
