//! OpenAPI documents, as far as `kubectl` needs them: which types there are and that their writes can be
//! validated strictly, and for `kubectl explain` the schemas of custom types.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value, json};

use crate::types::{ResourceType, Types};

/// The document at `path`, if that is one of these.
pub(crate) fn document(types: &Types, path: &str) -> Option<Value> {
    match path.strip_prefix("/openapi/v3")?.trim_matches('/') {
        "" => Some(index(types)),
        version => group_version(types, version),
    }
}

/// Where a version's document is, below `/openapi/v3/`.
fn place(ty: &ResourceType) -> String {
    if ty.group.is_empty() { format!("api/{}", ty.version) } else { format!("apis/{}/{}", ty.group, ty.version) }
}

fn index(types: &Types) -> Value {
    let mut paths = Map::new();
    for place in types.all().iter().map(|ty| place(ty)) {
        // The hash lets a client keep what it has read.
        let mut hash = DefaultHasher::new();
        group_version(types, &place).unwrap_or_default().to_string().hash(&mut hash);
        let url = format!("/openapi/v3/{place}?hash={:016X}", hash.finish());
        paths.entry(place).or_insert_with(|| json!({"serverRelativeURL": url}));
    }
    json!({"paths": paths})
}

fn group_version(types: &Types, version: &str) -> Option<Value> {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    for ty in types.all().iter().filter(|ty| place(ty) == version) {
        let kind = json!({"group": ty.group, "version": ty.version, "kind": ty.kind});
        let name = format!("{}.{}.{}", if ty.group.is_empty() { "core" } else { &ty.group }, ty.version, ty.kind);
        let namespace = if ty.is_namespaced() { "/namespaces/{namespace}" } else { "" };
        let all = format!("/{version}{namespace}/{}", ty.plural);
        let answer = json!({"200": {"description": "OK", "content": {"application/json": {
            "schema": {"$ref": format!("#/components/schemas/{name}")}}}}});
        let parameters =
            ["dryRun", "fieldManager", "fieldValidation"].map(|name| json!({"name": name, "in": "query", "schema": {"type": "string"}}));
        let operation = |action: &str| json!({"x-kubernetes-action": action, "x-kubernetes-group-version-kind": kind, "responses": answer});
        let write = |action: &str| {
            let mut operation = operation(action);
            operation["parameters"] = parameters.to_vec().into();
            operation
        };
        paths.insert(format!("{all}/{{name}}"), json!({"get": operation("get"), "put": write("put"), "patch": write("patch")}));
        paths.insert(all, json!({"get": operation("list"), "post": write("post")}));
        let mut schema = ty.schema.as_ref().map_or_else(|| json!({"type": "object"}), |schema| schema.source().clone());
        schema["x-kubernetes-group-version-kind"] = json!([kind]);
        schemas.insert(name, schema);
    }
    if paths.is_empty() {
        return None;
    }
    let info = json!({"title": "Kubernetes", "version": "v1.34.0"});
    Some(json!({"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}))
}
