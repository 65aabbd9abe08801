//! Refusals as an API server words them: a `Status` body with code, reason, message and details.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::types::ResourceType;

/// One entry of a 422: which field, what is wrong with it, in the words of `field.Error`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FieldError {
    pub field: String,
    pub reason: &'static str,
    /// The message without the field, as it stands in `details.causes`.
    pub body: String,
}

impl FieldError {
    pub(crate) fn required(field: impl Into<String>, detail: &str) -> Self {
        let body = if detail.is_empty() { "Required value".into() } else { format!("Required value: {detail}") };
        Self { field: field.into(), reason: "FieldValueRequired", body }
    }

    pub(crate) fn invalid(field: impl Into<String>, value: &Value, detail: impl AsRef<str>) -> Self {
        Self { field: field.into(), reason: "FieldValueInvalid", body: format!("Invalid value: {value}: {}", detail.as_ref()) }
    }

    pub(crate) fn wrong_type(field: impl Into<String>, value: &Value, detail: impl AsRef<str>) -> Self {
        Self { reason: "FieldValueTypeInvalid", ..Self::invalid(field, value, detail) }
    }

    pub(crate) fn forbidden(field: impl Into<String>, detail: impl AsRef<str>) -> Self {
        Self { field: field.into(), reason: "FieldValueForbidden", body: format!("Forbidden: {}", detail.as_ref()) }
    }

    pub(crate) fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self { field: field.into(), reason: "FieldValueDuplicate", body: format!("Duplicate value: {value}") }
    }

    pub(crate) fn unsupported(field: impl Into<String>, value: &Value, supported: &[String]) -> Self {
        let supported: Vec<String> = supported.iter().map(|one| format!("{one:?}")).collect();
        let body = format!("Unsupported value: {value}: supported values: {}", supported.join(", "));
        Self { field: field.into(), reason: "FieldValueNotSupported", body }
    }

    pub(crate) fn too_long(field: impl Into<String>, max: u64) -> Self {
        Self { field: field.into(), reason: "FieldValueTooLong", body: format!("Too long: may not be more than {max} bytes") }
    }

    /// Whether rules may rest on what this error says is not so.
    pub(crate) fn keeps_rules_from_being_checked(&self) -> bool {
        let blocking = ["FieldValueRequired", "FieldValueNotSupported", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid"];
        blocking.contains(&self.reason)
    }

    pub(crate) fn rules_not_checked() -> Self {
        let detail =
            "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
        Self::invalid("<nil>", &Value::Null, detail)
    }

    pub(crate) fn too_many(field: impl Into<String>, actual: usize, max: u64) -> Self {
        let plural = if max == 1 { "item" } else { "items" };
        Self { field: field.into(), reason: "FieldValueTooMany", body: format!("Too many: {actual}: must have at most {max} {plural}") }
    }
}

/// A refusal: what becomes a `Status` with `status: Failure`.
#[derive(Clone, Debug)]
pub(crate) struct ApiError(Box<Status>);

#[derive(Clone, Debug)]
struct Status {
    code: u16,
    reason: &'static str,
    message: String,
    details: Value,
    continue_token: Option<String>,
}

impl ApiError {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Status { code, reason, message: message.into(), details: Value::Null, continue_token: None }))
    }

    fn details(mut self, details: Value) -> Self {
        self.0.details = details;
        self
    }

    fn about(self, group: &str, kind: &str, name: &str) -> Self {
        let mut details = json!({"kind": kind});
        for (key, value) in [("name", name), ("group", group)] {
            if !value.is_empty() {
                details[key] = value.into();
            }
        }
        self.details(details)
    }

    pub(crate) fn code(&self) -> u16 {
        self.0.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// An object of this name does not exist.
    pub(crate) fn not_found(ty: &ResourceType, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} {name:?} not found", ty.qualified())).about(&ty.group, &ty.plural, name)
    }

    /// A namespaced object is created in a namespace that does not exist.
    pub(crate) fn namespace_not_found(name: &str) -> Self {
        Self::new(404, "NotFound", format!("namespaces {name:?} not found")).about("", "namespaces", name)
    }

    /// There is no such path, type or subresource.
    pub(crate) fn no_such_resource() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource").details(json!({}))
    }

    pub(crate) fn already_exists(ty: &ResourceType, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", ty.qualified());
        Self::new(409, "AlreadyExists", message).about(&ty.group, &ty.plural, name)
    }

    pub(crate) fn conflict(ty: &ResourceType, name: &str, why: impl AsRef<str>) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {}", ty.qualified(), why.as_ref());
        Self::new(409, "Conflict", message).about(&ty.group, &ty.plural, name)
    }

    /// A precondition of a deletion does not hold; upstream names the kind here, not the resource.
    pub(crate) fn precondition(ty: &ResourceType, name: &str, why: impl AsRef<str>) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {}", ty.qualified_kind(), why.as_ref());
        Self::new(409, "Conflict", message).about(&ty.group, &ty.kind, name)
    }

    /// The resourceVersion sent is not the stored one.
    pub(crate) fn stale(ty: &ResourceType, name: &str) -> Self {
        Self::conflict(ty, name, "the object has been modified; please apply your changes to the latest version and try again")
    }

    /// 422, with one cause a field. `kind` is the kind, or the plural where upstream says so.
    pub(crate) fn invalid(group: &str, kind: &str, name: &str, errors: &[FieldError]) -> Self {
        let texts: Vec<String> = errors.iter().map(|error| format!("{}: {}", error.field, error.body)).collect();
        let list = if let [one] = texts.as_slice() { one.clone() } else { format!("[{}]", texts.join(", ")) };
        let qualified = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let mut refusal = Self::new(422, "Invalid", format!("{qualified} {name:?} is invalid: {list}")).about(group, kind, name);
        let causes = errors.iter().map(|error| json!({"reason": error.reason, "message": error.body, "field": error.field}));
        refusal.0.details["causes"] = causes.collect();
        refusal
    }

    /// 422 about query parameters or delete options; `kind` is of the group meta.k8s.io.
    pub(crate) fn invalid_options(kind: &str, errors: &[FieldError]) -> Self {
        Self::invalid("meta.k8s.io", kind, "", errors)
    }

    /// 422 of a JSON patch that cannot be applied.
    pub(crate) fn unprocessable() -> Self {
        Self::new(422, "Invalid", "the server rejected our request due to an error in our request").details(json!({}))
    }

    /// 422 of a patch that leaves something else than an object of its type.
    pub(crate) fn not_what_it_was(patched: &str, why: &str) -> Self {
        Self::invalid("", "", "", &[FieldError::invalid("patch", &Value::from(patched), why)])
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn forbidden(why: &str) -> Self {
        Self::new(403, "Forbidden", why)
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource").details(json!({}))
    }

    pub(crate) fn not_acceptable() -> Self {
        Self::new(406, "NotAcceptable", "only the following media types are accepted: application/json")
    }

    pub(crate) fn unsupported_media_type(accepted: &str) -> Self {
        let message = format!("the body of the request was in an unknown format - accepted media types include: {accepted}");
        Self::new(415, "UnsupportedMediaType", message)
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(413, "RequestEntityTooLarge", format!("Request entity too large: limit is {limit}"))
    }

    /// 410: what was asked for is compacted; a list may go on, inconsistently, with `token`.
    pub(crate) fn expired(message: impl Into<String>, token: Option<String>) -> Self {
        let mut refusal = Self::new(410, "Expired", message);
        refusal.0.continue_token = token;
        refusal
    }

    /// 504: a resourceVersion from the future.
    pub(crate) fn too_new(wanted: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {wanted}, current: {current}");
        let cause = json!({"reason": "ResourceVersionTooLarge", "message": "Too large resource version"});
        Self::new(504, "Timeout", message).details(json!({"causes": [cause], "retryAfterSeconds": 1}))
    }

    pub(crate) fn too_many_requests() -> Self {
        let message = "Too many requests, please try again later.";
        Self::new(429, "TooManyRequests", message).details(json!({"retryAfterSeconds": 1}))
    }

    /// 429 of an eviction that a disruption budget does not allow now.
    pub(crate) fn disruption(why: &str, retry_after_seconds: u32) -> Self {
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        let mut details = json!({"causes": [{"reason": "DisruptionBudget", "message": why}]});
        if retry_after_seconds > 0 {
            details["retryAfterSeconds"] = retry_after_seconds.into();
        }
        Self::new(429, "TooManyRequests", message).details(details)
    }

    pub(crate) fn internal(why: impl std::fmt::Display) -> Self {
        Self::new(500, "InternalError", format!("Internal error occurred: {why}"))
    }

    /// A 500 without a reason, as upstream answers to errors that it has no word for.
    pub(crate) fn unknown(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    /// The store is closed, or closing.
    pub(crate) fn unavailable() -> Self {
        Self::new(503, "ServiceUnavailable", "the server is currently unable to handle the request")
    }

    /// The `Status` object, for a body or for an ERROR event of a watch.
    pub(crate) fn status(&self) -> Value {
        let Status { code, reason, message, details, continue_token } = &*self.0;
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "code": code,
        });
        if !reason.is_empty() {
            status["reason"] = (*reason).into();
        }
        if let Some(token) = continue_token {
            status["metadata"]["continue"] = token.as_str().into();
        }
        if !details.is_null() {
            status["details"] = details.clone();
        }
        status
    }

    /// The body of the answer.
    pub(crate) fn body(&self) -> Bytes {
        Bytes::from(self.status().to_string())
    }
}

/// What goes wrong below the API is a 500; only a closed store is a 503.
macro_rules! storage_errors {
    ($($error:ty),*) => { $(
        impl From<$error> for ApiError {
            fn from(error: $error) -> Self {
                match redb::Error::from(error) {
                    redb::Error::DatabaseClosed => Self::unavailable(),
                    other => Self::internal(other),
                }
            }
        }
    )* };
}
storage_errors!(redb::StorageError, redb::TableError, redb::TransactionError, redb::CommitError);

impl From<serde_json::Error> for ApiError {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}
