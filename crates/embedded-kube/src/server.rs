//! Requests and answers: which verb a request is, and what it is told.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited, StreamBody};
use tower::BoxError;

use crate::error::ApiError;
use crate::form::Form;
use crate::object::Object;
use crate::patch::Patch;
use crate::path::{Query, ResourcePath};
use crate::types::{ResourceType, Trait};
use crate::update::{Change, Part, Update};
use crate::{Inner, create, delete, discovery, evict, list, openapi, scale, update, watch};

/// Bodies above this are refused unread.
const MAX_BODY_BYTES: usize = 3 << 20;

/// The body of a request, wherever it comes from.
pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;
pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// Answers a request; whatever goes wrong is an answer too.
pub(crate) async fn answer(inner: Arc<Inner>, request: Request<Body>) -> Answer {
    route(&inner, request).await.unwrap_or_else(|error| refuse(&error))
}

/// The answer that says what is wrong.
pub(crate) fn refuse(error: &ApiError) -> Answer {
    let code = StatusCode::from_u16(error.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    whole(code, "application/json", error.body())
}

fn response(code: StatusCode, media_type: &'static str, body: UnsyncBoxBody<Bytes, BoxError>) -> Answer {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(media_type));
    response
}

fn whole(code: StatusCode, media_type: &'static str, body: Bytes) -> Answer {
    response(code, media_type, Full::new(body).map_err(|never| match never {}).boxed_unsync())
}

fn json_answer(body: impl Into<Bytes>) -> Answer {
    whole(StatusCode::OK, "application/json", body.into())
}

/// A body that is written as it is read; a failure halfway cuts it off.
fn pieces(stream: impl Stream<Item = Result<Bytes, ApiError>> + Send + 'static) -> Answer {
    let frames = stream.map_ok(http_body::Frame::data).map_err(|error| BoxError::from(error.message().to_owned()));
    response(StatusCode::OK, "application/json", StreamBody::new(frames).boxed_unsync())
}

async fn route(inner: &Arc<Inner>, request: Request<Body>) -> Result<Answer, ApiError> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    if matches!(path, "/healthz" | "/livez" | "/readyz") {
        inner.store.snapshot()?;
        return Ok(whole(StatusCode::OK, "text/plain", Bytes::from_static(b"ok")));
    }
    let query = Query::parse(head.uri.query().unwrap_or_default())?;
    let form = Form::of(&head.headers, query.include_object)?;
    if let Some(document) = discovery::document(&inner.types, path).or_else(|| openapi::document(&inner.types, path)) {
        let get = head.method == Method::GET;
        return if get { Ok(json_answer(document.to_string())) } else { Err(ApiError::method_not_allowed()) };
    }
    let path = ResourcePath::parse(path).ok_or_else(ApiError::no_such_resource)?;
    let ty = inner.types.get(&path.group, &path.version, &path.plural).ok_or_else(ApiError::no_such_resource)?;
    let part = match path.subresource.as_deref() {
        None => Part::Main,
        Some("status") if ty.has(Trait::Status) => Part::Status,
        Some("scale") if ty.has(Trait::Scale) => Part::Scale,
        Some("eviction") if ty.has(Trait::Evict) && path.namespace.is_some() => {
            return evicted(inner, ty, path, &query, (&head, body)).await;
        }
        Some(_) => return Err(ApiError::no_such_resource()),
    };
    if path.namespace.is_some() && !ty.is_namespaced() {
        return Err(ApiError::no_such_resource());
    }
    let namespaced_elsewhere = ty.is_namespaced() && path.namespace.is_none();
    match path.name {
        None => match head.method {
            Method::GET if query.watch => Ok(pieces(watch::watch(inner, ty, path.namespace.as_deref(), &query, form)?)),
            Method::GET => Ok(pieces(list::list(inner, &ty, path.namespace.as_deref(), &query, form)?)),
            Method::POST if !namespaced_elsewhere => {
                let body = json(&head.headers, body).await?;
                let created = create::create(inner, ty.clone(), path.namespace, body, &query).await?;
                Ok(whole(StatusCode::CREATED, "application/json", form.single(&ty, &created)?))
            }
            // A custom type has no such path at all.
            Method::POST if ty.schema.is_some() => Err(ApiError::no_such_resource()),
            _ => Err(ApiError::method_not_allowed()),
        },
        Some(_) if namespaced_elsewhere => Err(ApiError::no_such_resource()),
        Some(name) => one(inner, ty, (path.namespace, name, part), (&query, form), &head, body).await,
    }
}

/// A request for the eviction of a pod, which has no other verb.
async fn evicted(
    inner: &Arc<Inner>,
    ty: Arc<ResourceType>,
    path: ResourcePath,
    query: &Query,
    (head, body): (&http::request::Parts, Body),
) -> Result<Answer, ApiError> {
    if head.method != Method::POST {
        return Err(ApiError::method_not_allowed());
    }
    let body = json(&head.headers, body).await?;
    let status = evict::evict(inner, ty, path.namespace, path.name.unwrap_or_default(), body, query).await?;
    Ok(whole(StatusCode::CREATED, "application/json", status))
}

type Address = (Option<String>, String, Part);

/// A request for one object.
async fn one(
    inner: &Arc<Inner>,
    ty: Arc<ResourceType>,
    (namespace, name, part): Address,
    (query, form): (&Query, Form),
    head: &http::request::Parts,
    body: Body,
) -> Result<Answer, ApiError> {
    let change = match head.method {
        Method::GET => {
            let found = get(inner, &ty, namespace.as_deref(), &name, query)?;
            return Ok(json_answer(represent(&ty, part, form, &found)?));
        }
        Method::DELETE if part == Part::Main => {
            let body = read(body).await?;
            return Ok(json_answer(match delete::delete(inner, ty.clone(), namespace, name, &body, query).await? {
                delete::Answer::Object(object) => form.single(&ty, &object)?,
                delete::Answer::Status(status) => status,
            }));
        }
        Method::PUT if part == Part::Scale => Change::Patch(scale::put(&json(&head.headers, body).await?)),
        Method::PUT => Change::Put(Box::new(Object::decode(&ty, json(&head.headers, body).await?)?)),
        Method::PATCH => Change::Patch(Patch::parse(media_type(&head.headers), &read(body).await?)?),
        _ => return Err(ApiError::method_not_allowed()),
    };
    let updated = update::update(inner, Update { ty: ty.clone(), namespace, name, part, change }, query).await?;
    Ok(json_answer(represent(&ty, part, form, &updated)?))
}

fn represent(ty: &ResourceType, part: Part, form: Form, stored: &[u8]) -> Result<Bytes, ApiError> {
    if part == Part::Scale { scale::answer(stored) } else { form.single(ty, stored) }
}

fn get(inner: &Inner, ty: &ResourceType, namespace: Option<&str>, name: &str, query: &Query) -> Result<Bytes, ApiError> {
    let snapshot = inner.store.snapshot()?;
    if let Some(wanted) = query.resource_version.filter(|wanted| *wanted > snapshot.revision) {
        return Err(ApiError::too_new(wanted, snapshot.revision));
    }
    snapshot.get(&ty.key(namespace, name))?.ok_or_else(|| ApiError::not_found(ty, name))
}

async fn json(headers: &HeaderMap, body: Body) -> Result<serde_json::Value, ApiError> {
    if !matches!(media_type(headers), "" | "application/json") {
        return Err(ApiError::unsupported_media_type("application/json"));
    }
    let body = read(body).await?;
    serde_json::from_slice(&body).map_err(|error| ApiError::bad_request(format!("couldn't get version/kind; json parse error: {error}")))
}

async fn read(body: Body) -> Result<Bytes, ApiError> {
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::too_large(MAX_BODY_BYTES)),
        Err(_) => Err(ApiError::bad_request("the body of the request could not be read")),
    }
}

/// The media type without its parameters.
fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}
