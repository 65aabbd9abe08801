//! A contract in poem-openapi's words, for its documentation pages.
//!
//! They cannot say everything: closed objects, examples of media types, extensions, the names of
//! shared parameters and responses. So the contract itself is what is served as `openapi.json`, and
//! `tests/contract.rs` lists by name what may be missing here.

use std::collections::HashMap;

use http::Method;
use poem_openapi::registry::{
    MetaApi, MetaHeader, MetaMediaType, MetaOperation, MetaOperationParam, MetaParamIn, MetaPath, MetaRequest, MetaResponse, MetaResponses,
    MetaSchema, MetaSchemaRef, MetaSecurityScheme, MetaTag, Registry,
};
use serde_json::Value;

/// A part of a contract; contracts live as long as the program.
type Part = &'static Value;

/// The operations of a contract.
pub fn api(document: Part) -> MetaApi {
    let path = |(path, item): (&'static String, Part)| MetaPath {
        path: path.clone(),
        operations: entries(item).map(|(method, part)| operation(document, method, part)).collect(),
    };
    MetaApi { paths: entries(&document["paths"]).map(path).collect() }
}

/// The schemas, security schemes and tags of a contract.
pub fn register(document: Part, registry: &mut Registry) {
    for (name, part) in entries(&document["components"]["schemas"]) {
        registry.schemas.insert(name.clone(), inline(part));
    }
    for (name, part) in entries(&document["components"]["securitySchemes"]) {
        registry.create_security_scheme(
            name,
            MetaSecurityScheme {
                ty: text(&part["type"]).unwrap_or_default(),
                description: text(&part["description"]),
                name: text(&part["name"]),
                key_in: text(&part["in"]),
                scheme: text(&part["scheme"]),
                bearer_format: text(&part["bearerFormat"]),
                flows: None,
                openid_connect_url: None,
            },
        );
    }
    for tag in items(&document["tags"]) {
        registry.create_tag(MetaTag {
            name: text(&tag["name"]).unwrap_or_default(),
            description: text(&tag["description"]),
            external_docs: None,
        });
    }
}

fn operation(document: Part, method: &str, part: Part) -> MetaOperation {
    let request = part.get("requestBody").map(|body| {
        let body = follow(document, body);
        MetaRequest { description: text(&body["description"]), content: content(body), required: flag(&body["required"]) }
    });
    let requirement = |requirement: Part| entries(requirement).map(|(name, _)| (name.as_str(), Vec::new())).collect::<HashMap<_, _>>();
    MetaOperation {
        method: Method::from_bytes(method.to_uppercase().as_bytes()).unwrap_or_default(),
        tags: items(&part["tags"]).filter_map(text).collect(),
        summary: text(&part["summary"]),
        description: text(&part["description"]),
        external_docs: None,
        params: items(&part["parameters"]).map(|part| parameter(follow(document, part))).collect(),
        request,
        responses: MetaResponses {
            responses: entries(&part["responses"]).map(|(status, part)| response(document, status, part)).collect(),
        },
        deprecated: flag(&part["deprecated"]),
        security: items(&part["security"]).map(requirement).collect(),
        operation_id: text(&part["operationId"]),
        code_samples: Vec::new(),
    }
}

fn parameter(part: Part) -> MetaOperationParam {
    let in_type = match text(&part["in"]) {
        Some("path") => MetaParamIn::Path,
        Some("query") => MetaParamIn::Query,
        _ => MetaParamIn::Header,
    };
    MetaOperationParam {
        name: text(&part["name"]).unwrap_or_default().to_owned(),
        schema: schema(&part["schema"]),
        in_type,
        description: text(&part["description"]).map(str::to_owned),
        required: flag(&part["required"]),
        deprecated: flag(&part["deprecated"]),
        explode: true,
        style: None,
    }
}

fn response(document: Part, status: &str, part: Part) -> MetaResponse {
    let part = follow(document, part);
    let header = |(name, header): (&'static String, Part)| {
        let header = follow(document, header);
        MetaHeader {
            name: name.clone(),
            description: text(&header["description"]).map(str::to_owned),
            required: flag(&header["required"]),
            deprecated: flag(&header["deprecated"]),
            schema: schema(&header["schema"]),
        }
    };
    MetaResponse {
        description: text(&part["description"]).unwrap_or_default(),
        status: status.parse().ok(),
        status_range: None,
        content: content(part),
        headers: entries(&part["headers"]).map(header).collect(),
    }
}

fn content(part: Part) -> Vec<MetaMediaType> {
    entries(&part["content"]).map(|(content_type, media)| MetaMediaType { content_type, schema: schema(&media["schema"]) }).collect()
}

fn schema(part: Part) -> MetaSchemaRef {
    match text(&part["$ref"]).and_then(|reference| reference.rsplit_once('/')) {
        Some((_, name)) => MetaSchemaRef::Reference(name.to_owned()),
        None => MetaSchemaRef::Inline(Box::new(inline(part))),
    }
}

fn inline(part: Part) -> MetaSchema {
    let length = |name: &str| part[name].as_u64().and_then(|length| usize::try_from(length).ok());
    MetaSchema {
        ty: text(&part["type"]).unwrap_or_default(),
        format: text(&part["format"]),
        title: text(&part["title"]).map(str::to_owned),
        description: text(&part["description"]),
        default: part.get("default").cloned(),
        required: items(&part["required"]).filter_map(text).collect(),
        properties: entries(&part["properties"]).map(|(name, part)| (name.as_str(), schema(part))).collect(),
        items: part.get("items").map(|part| Box::new(schema(part))),
        additional_properties: part.get("additionalProperties").filter(|part| part.is_object()).map(|part| Box::new(schema(part))),
        enum_items: items(&part["enum"]).cloned().collect(),
        deprecated: flag(&part["deprecated"]),
        nullable: flag(&part["nullable"]),
        one_of: items(&part["oneOf"]).map(schema).collect(),
        all_of: items(&part["allOf"]).map(schema).collect(),
        example: part.get("example").cloned(),
        maximum: part["maximum"].as_f64(),
        minimum: part["minimum"].as_f64(),
        max_length: length("maxLength"),
        min_length: length("minLength"),
        pattern: text(&part["pattern"]).map(str::to_owned),
        max_items: length("maxItems"),
        min_items: length("minItems"),
        unique_items: part["uniqueItems"].as_bool(),
        max_properties: length("maxProperties"),
        min_properties: length("minProperties"),
        ..MetaSchema::ANY
    }
}

fn follow(document: Part, part: Part) -> Part {
    text(&part["$ref"]).and_then(|reference| document.pointer(reference.strip_prefix('#')?)).unwrap_or(part)
}

fn entries(part: Part) -> impl Iterator<Item = (&'static String, Part)> {
    part.as_object().into_iter().flatten()
}

fn items(part: Part) -> impl Iterator<Item = Part> {
    part.as_array().into_iter().flatten()
}

fn text(part: Part) -> Option<&'static str> {
    part.as_str()
}

fn flag(part: Part) -> bool {
    part.as_bool().unwrap_or_default()
}
