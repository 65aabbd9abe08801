//! What the generators need to know of a contract: its schemas, and its operations in order.

use std::collections::BTreeMap;

use quote::quote;
use serde_json::{Map, Value, json};

use super::{
    bundle::{Stop, follow, object},
    lower,
};

/// A contract, as the server knows it.
#[derive(Clone, Copy)]
pub(crate) struct Version {
    /// As it stands in paths, and the folder of its contract.
    pub(crate) name: &'static str,
    /// Its variant of `ContractVersion`.
    pub(crate) variant: &'static str,
}

/// The headers of every request. Verification reads them; operations see their result only.
pub(super) const CONTRACT_HEADERS: [&str; 4] = ["X-Zen-Contract-Version", "X-Request-Id", "X-Tenant-Id", "X-Signature"];
/// The headers of every answer, which the dispatcher writes.
const ECHOES: [&str; 2] = ["X-Request-Id", "X-Zen-Contract-Version"];

/// A contract, read.
pub(super) struct Contract {
    pub(super) version: Version,
    pub(super) document: Value,
    pub(super) schemas: BTreeMap<String, Value>,
    /// The version this one shares with, and the schemas it shares.
    pub(super) base: Option<(Version, Vec<String>)>,
    pub(super) operations: Vec<Operation>,
    meanings: BTreeMap<String, Value>,
}

/// An operation of a contract.
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) path: String,
    /// Whether the path takes any version, and so is mounted with the first contract only.
    pub(super) any_version: bool,
    /// Whether the base version has the same operation.
    pub(super) inherited: bool,
    pub(super) role: String,
    pub(super) summary: String,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    pub(super) successes: Vec<Success>,
    pub(super) problems: Vec<u16>,
    pub(super) deprecation: Option<Deprecation>,
    meaning: Value,
}

/// Since when an operation is deprecated, and until when it is served, in seconds of Unix time and as HTTP writes dates.
pub(super) struct Deprecation {
    pub(super) since: String,
    pub(super) sunset: Option<String>,
}

/// A parameter other than the contract's headers.
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) place: String,
    pub(super) description: String,
    pub(super) required: bool,
    /// The component its schema is, if it is one.
    pub(super) component: Option<String>,
    /// Its schema, without reference.
    pub(super) schema: Value,
}

pub(super) struct Body {
    /// The message that the body may be, too.
    pub(super) message: Option<String>,
    pub(super) component: String,
    pub(super) description: String,
}

/// A declared answer that is no problem.
pub(super) struct Success {
    pub(super) status: u16,
    pub(super) description: String,
    pub(super) content: Content,
    /// Headers that the handler decides on: name and type.
    pub(super) headers: Vec<(String, String)>,
}

pub(super) enum Content {
    Json { component: String },
    EventStream,
}

impl Contract {
    /// A contract that others serve: of its operations, the client alone is made.
    pub(super) fn called(version: Version, document: Value) -> Result<Self, Stop> {
        let schemas: BTreeMap<String, Value> =
            object(&document, "/components/schemas")?.iter().map(|(name, schema)| (name.clone(), schema.clone())).collect();
        lower::check_selectors(&schemas)?;
        Ok(Self { version, document, schemas, base: None, operations: Vec::new(), meanings: BTreeMap::new() })
    }

    pub(super) fn read(version: Version, document: Value, base: Option<&Self>) -> Result<Self, Stop> {
        if document["x-mutual-tls"] != "required" {
            return Err(Stop::at("/x-mutual-tls", "must be `required`"));
        }
        let schemas: BTreeMap<String, Value> =
            object(&document, "/components/schemas")?.iter().map(|(name, schema)| (name.clone(), schema.clone())).collect();
        lower::check_selectors(&schemas)?;
        let meanings = schemas
            .iter()
            .map(|(name, schema)| Ok((name.clone(), meaning(&document, schema, 0)?)))
            .collect::<Result<BTreeMap<_, _>, Stop>>()?;

        let mut operations = Vec::new();
        for (path, item) in object(&document, "/paths")? {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let read = Operation::read(version, &document, method, path, operation, base);
                operations.push(read.map_err(|stop| Stop::at(format!("{method} {path} {}", stop.place), stop.reason))?);
            }
        }
        operations.sort_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
        let base = base.map(|base| {
            let shared = schemas.keys().filter(|name| base.meanings.get(*name) == meanings.get(*name)).cloned().collect();
            (base.version, shared)
        });
        Ok(Self { version, document, schemas, base, operations, meanings })
    }
}

impl Operation {
    fn read(
        version: Version,
        document: &Value,
        method: &str,
        path: &str,
        operation: &Value,
        base: Option<&Contract>,
    ) -> Result<Self, Stop> {
        let id = text(operation, "operationId")?;
        let any_version = match path.strip_prefix(&format!("/{}/", version.name)) {
            Some(_) => false,
            None if path.starts_with("/api/v1/") => true,
            None => return Err(Stop::at("path", format!("starts with /{}/ or /api/v1/", version.name))),
        };
        let role = text(operation, "x-required-role")?;
        if !["viewer", "approver", "admin"].contains(&role.as_str()) {
            return Err(Stop::at("x-required-role", "is viewer, approver or admin"));
        }
        if operation["security"] != json!([{ "bearerJwt": [], "hmacSignature": [] }]) {
            return Err(Stop::at("security", "is one requirement with bearerJwt and hmacSignature"));
        }

        let (headers, parameters): (Vec<_>, Vec<_>) = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|parameter| Parameter::read(document, parameter))
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .partition(|parameter| parameter.place == "header" && CONTRACT_HEADERS.contains(&parameter.name.as_str()));
        if CONTRACT_HEADERS.iter().any(|name| !headers.iter().any(|header| header.name == *name && header.required)) {
            return Err(Stop::at("parameters", format!("must hold the headers {}", CONTRACT_HEADERS.join(", "))));
        }
        if parameters.iter().any(|parameter| parameter.name == "body") {
            return Err(Stop::at("parameters", "`body` is the name of the request body"));
        }
        let body = operation.get("requestBody").map(|body| Body::read(document, body)).transpose()?;

        let mut successes = Vec::new();
        let mut problems = Vec::new();
        for (status, response) in operation["responses"].as_object().into_iter().flatten() {
            let code: u16 = status
                .parse()
                .map_err(|_| Stop::at(status, "a response stands under its status; ranges and `default` are not supported"))?;
            let response = follow(document, response)?;
            match code {
                200..=299 => successes.push(Success::read(document, code, response)?),
                400..=599 if response["content"].get("application/problem+json").is_some() => problems.push(code),
                _ => return Err(Stop::at(status, "is neither a success nor a problem document")),
            }
        }
        if successes.is_empty() || !problems.contains(&500) {
            return Err(Stop::at("responses", "must hold a success, and 500"));
        }

        let meaning = operation_meaning(version, document, method, path, operation)?;
        let same = base.and_then(|base| base.operations.iter().find(|other| other.id == id));
        let inherited = same.is_some_and(|other| other.meaning == meaning);
        if any_version && same.is_some_and(|_| !inherited) {
            return Err(Stop::at("path", "an operation that takes any version is the same in every contract"));
        }
        let summary = text(operation, "summary")?;
        Ok(Self {
            id,
            method: method.to_owned(),
            path: path.to_owned(),
            any_version,
            inherited,
            role,
            summary,
            parameters,
            body,
            successes,
            problems,
            deprecation: Deprecation::read(operation)?,
            meaning,
        })
    }
}

impl Deprecation {
    /// `x-deprecation` is what RFC 9745 sends and `x-sunset` what RFC 8594 does, so that nothing is converted.
    fn read(operation: &Value) -> Result<Option<Self>, Stop> {
        let text = |key: &str| operation.get(key).map(|value| value.as_str().unwrap_or_default().to_owned());
        let (since, sunset) = (text("x-deprecation"), text("x-sunset"));
        if since.is_some() != (operation["deprecated"] == true) {
            return Err(Stop::at("deprecated", "is true where `x-deprecation` says since when, and nowhere else"));
        }
        let Some(since) = since else {
            let alone = sunset.map(|_| Stop::at("x-sunset", "stands beside `x-deprecation`"));
            return alone.map_or(Ok(None), Err);
        };
        let is_time = since.strip_prefix('@').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
        if !is_time {
            return Err(Stop::at("x-deprecation", "is `@` and seconds of Unix time, as in RFC 9745"));
        }
        if sunset.as_deref().is_some_and(|sunset| !is_http_date(sunset)) {
            return Err(Stop::at("x-sunset", "is a date such as `Tue, 01 Jun 2027 00:00:00 GMT`, as in RFC 8594"));
        }
        Ok(Some(Self { since, sunset }))
    }

    /// As it stands in the table of routes.
    pub(super) fn in_rust(&self) -> impl quote::ToTokens {
        let Self { since, sunset } = self;
        let sunset = sunset.as_ref().map_or_else(|| quote! { None }, |sunset| quote! { Some(#sunset) });
        quote! { crate::contract::Deprecation { since: #since, sunset: #sunset } }
    }
}

/// The form of an IMF-fixdate (RFC 9110, section 5.6.7).
fn is_http_date(text: &str) -> bool {
    const FORM: &str = "Aaa, 00 Aaa 0000 00:00:00 GMT";
    let fits = |(form, byte): (u8, u8)| match form {
        b'A' => byte.is_ascii_uppercase(),
        b'a' => byte.is_ascii_lowercase(),
        b'0' => byte.is_ascii_digit(),
        exact => byte == exact,
    };
    text.len() == FORM.len() && FORM.bytes().zip(text.bytes()).all(fits)
}

impl Parameter {
    fn read(document: &Value, parameter: &Value) -> Result<Self, Stop> {
        let parameter = follow(document, parameter)?;
        let name = text(parameter, "name")?;
        let place = text(parameter, "in")?;
        if !["path", "query", "header"].contains(&place.as_str()) || parameter.get("style").is_some() || parameter.get("explode").is_some()
        {
            return Err(Stop::at(name, "is in path, query or header, with the default style"));
        }
        let schema = follow(document, &parameter["schema"])?.clone();
        if !matches!(schema["type"].as_str(), Some("string" | "integer" | "boolean")) {
            return Err(Stop::at(name, "is a string, an integer or a boolean"));
        }
        let component = parameter["schema"].as_object().and_then(lower::reference).map(str::to_owned);
        if component.is_none() && schema.get("enum").is_some() && !CONTRACT_HEADERS.contains(&name.as_str()) {
            return Err(Stop::at(name, "gets its type from a component if it is an enum"));
        }
        let required = parameter["required"] == true;
        Ok(Self { name, place, description: text(parameter, "description")?, required, component, schema })
    }
}

impl Body {
    fn read(document: &Value, body: &Value) -> Result<Self, Stop> {
        let body = follow(document, body)?;
        let content = |media_type: &str| body["content"].get(media_type);
        let (json, protobuf) = (content("application/json"), content("application/x-protobuf"));
        let known = usize::from(json.is_some()) + usize::from(protobuf.is_some());
        let (Some(json), true) = (json, body["required"] == true && body["content"].as_object().is_some_and(|all| all.len() == known))
        else {
            return Err(Stop::at("requestBody", "is required, application/json, and may be application/x-protobuf, too"));
        };
        if protobuf.is_some_and(|protobuf| protobuf["schema"] != json["schema"]) {
            return Err(Stop::at("application/x-protobuf", "has the schema of the JSON that it stands for"));
        }
        let message = protobuf.map(|protobuf| text(protobuf, "x-protobuf-message")).transpose()?;
        Ok(Self { message, component: component(&json["schema"])?, description: text(body, "description")? })
    }
}

impl Success {
    fn read(document: &Value, status: u16, response: &Value) -> Result<Self, Stop> {
        let content: Vec<_> = response["content"].as_object().into_iter().flatten().collect();
        let content = match content.as_slice() {
            [(media_type, media)] if *media_type == "application/json" => Content::Json { component: component(&media["schema"])? },
            [(media_type, _)] if *media_type == "text/event-stream" => Content::EventStream,
            _ => return Err(Stop::at(status.to_string(), "has one content, application/json or text/event-stream")),
        };
        let mut headers = Vec::new();
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            if !ECHOES.contains(&name.as_str()) {
                let header = follow(document, header)?;
                headers.push((name.clone(), text(follow(document, &header["schema"])?, "type")?));
            }
        }
        Ok(Self { status, description: text(response, "description")?, content, headers })
    }
}

fn component(schema: &Value) -> Result<String, Stop> {
    let name = schema.as_object().and_then(lower::reference);
    name.map(str::to_owned).ok_or_else(|| Stop::at("schema", "bodies are components, so that they have a name"))
}

fn text(value: &Value, key: &str) -> Result<String, Stop> {
    value[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned).ok_or_else(|| Stop::at(key, "is missing"))
}

/// What an operation asks and answers, in words that are equal in every version that has it.
fn operation_meaning(version: Version, document: &Value, method: &str, path: &str, operation: &Value) -> Result<Value, Stop> {
    let mut operation = operation.clone();
    if let Some(parameters) = operation["parameters"].as_array_mut() {
        let mut kept = Vec::new();
        for parameter in parameters.drain(..) {
            let parameter = follow(document, &parameter)?.clone();
            if !parameter["name"].as_str().is_some_and(|name| CONTRACT_HEADERS.contains(&name)) {
                kept.push(parameter);
            }
        }
        *parameters = kept;
    }
    // What is deprecated does what it did.
    if let Some(map) = operation.as_object_mut() {
        map.retain(|key, _| !["deprecated", "x-deprecation", "x-sunset"].contains(&key.as_str()));
    }
    let path = path.replacen(&format!("/{}/", version.name), "/{version}/", 1);
    Ok(json!([method, path, meaning(document, &operation, 0)?]))
}

/// The value with every reference replaced, and without what only describes.
fn meaning(document: &Value, value: &Value, depth: usize) -> Result<Value, Stop> {
    if depth > 64 {
        return Err(Stop::at("$ref", "schemas that contain themselves are not supported"));
    }
    Ok(match follow(document, value)? {
        Value::Object(map) => {
            // In these, keys are names that people chose.
            let names = |key: &str| ["properties", "headers", "responses", "content"].contains(&key);
            let mut kept = Map::new();
            for (key, value) in map {
                if ["description", "summary", "example", "examples", "tags"].contains(&key.as_str()) {
                    continue;
                }
                let value = match value {
                    Value::Object(inner) if names(key) => {
                        let inner = inner.iter().map(|(name, value)| Ok((name.clone(), meaning(document, value, depth + 1)?)));
                        Value::Object(inner.collect::<Result<_, Stop>>()?)
                    }
                    other => meaning(document, other, depth + 1)?,
                };
                kept.insert(key.clone(), value);
            }
            Value::Object(kept)
        }
        Value::Array(items) => items.iter().map(|item| meaning(document, item, depth + 1)).collect::<Result<_, _>>()?,
        scalar => scalar.clone(),
    })
}
