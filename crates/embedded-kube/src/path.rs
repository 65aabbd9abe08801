//! What a request asks for: its path and its query.

use crate::error::{ApiError, FieldError};
use crate::form::Beside;
use serde_json::Value;

/// A resource path, split; whether such a type exists is the registry's matter.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ResourcePath {
    pub group: String,
    pub version: String,
    pub plural: String,
    pub namespace: Option<String>,
    pub name: Option<String>,
    pub subresource: Option<String>,
}

impl ResourcePath {
    /// Reads `/api/v1/…` and `/apis/{group}/{version}/…`; `None` for everything else.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let mut parts: Vec<String> = path.strip_prefix('/')?.split('/').map(decode).collect();
        if parts.last().is_some_and(String::is_empty) {
            parts.pop();
        }
        let mut parts = parts.into_iter();
        let group = match parts.next()?.as_str() {
            "api" => String::new(),
            "apis" => parts.next()?,
            _ => return None,
        };
        let version = parts.next()?;
        let mut rest: Vec<String> = parts.collect();
        // `/namespaces/{ns}/{plural}…` is below a namespace; `/namespaces/{name}/status` is a namespace.
        let of_a_namespace = matches!(rest.get(2).map(String::as_str), Some("status" | "finalize"));
        let namespace = (rest.len() > 2 && rest[0] == "namespaces" && !(of_a_namespace && rest.len() == 3)).then(|| {
            rest.remove(0);
            rest.remove(0)
        });
        let mut rest = rest.into_iter();
        let path = Self { group, version, plural: rest.next()?, namespace, name: rest.next(), subresource: rest.next() };
        rest.next().is_none().then_some(path)
    }
}

/// How a list's or watch's resourceVersion is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionMatch {
    Exact,
    NotOlderThan,
}

/// Whether a write is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DryRun {
    #[default]
    No,
    All,
}

/// What happens to fields that a schema does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    /// They are dropped.
    #[default]
    Drop,
    /// The request is refused.
    Strict,
}

/// The parameters that this server reads.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub watch: bool,
    pub limit: usize,
    pub continue_token: Option<String>,
    pub label_selector: String,
    pub field_selector: String,
    /// `None` when absent or empty.
    pub resource_version: Option<u64>,
    pub version_match: Option<VersionMatch>,
    pub allow_bookmarks: bool,
    pub send_initial_events: Option<bool>,
    pub timeout_seconds: Option<u64>,
    pub dry_run: DryRun,
    pub field_validation: FieldValidation,
    pub propagation_policy: Option<String>,
    /// What stands beside the cells of a table's rows.
    pub include_object: Beside,
}

impl Query {
    /// # Errors
    /// 400 for a value that cannot be read, 422 for one that is not supported.
    pub(crate) fn parse(query: &str) -> Result<Self, ApiError> {
        let mut read = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")));
            match name.as_str() {
                "watch" => read.watch = flag(&value),
                "limit" => read.limit = number("limit", &value)?.unwrap_or(0).try_into().unwrap_or(usize::MAX),
                "continue" => read.continue_token = Some(value).filter(|token| !token.is_empty()),
                "labelSelector" => read.label_selector = value,
                "fieldSelector" => read.field_selector = value,
                "resourceVersion" => read.resource_version = number("resourceVersion", &value)?,
                "resourceVersionMatch" => read.version_match = version_match(&value)?,
                "allowWatchBookmarks" => read.allow_bookmarks = flag(&value),
                "sendInitialEvents" => read.send_initial_events = Some(flag(&value)),
                "timeoutSeconds" => read.timeout_seconds = number("timeoutSeconds", &value)?,
                "dryRun" => read.dry_run = DryRun::parse(&value)?,
                "fieldValidation" if value == "Strict" => read.field_validation = FieldValidation::Strict,
                "propagationPolicy" => read.propagation_policy = Some(value),
                "includeObject" => read.include_object = beside(&value)?,
                _ => {}
            }
        }
        Ok(read)
    }
}

impl DryRun {
    pub(crate) fn parse(value: &str) -> Result<Self, ApiError> {
        match value {
            "" => Ok(Self::No),
            "All" => Ok(Self::All),
            _ => {
                let error = FieldError::unsupported("dryRun", &Value::from(value), &["All".into()]);
                Err(ApiError::invalid_options("CreateOptions", &[error]))
            }
        }
    }
}

fn flag(value: &str) -> bool {
    !matches!(value, "0" | "f" | "F" | "false" | "False" | "FALSE")
}

fn number(name: &str, value: &str) -> Result<Option<u64>, ApiError> {
    let wrong =
        |_| ApiError::bad_request(format!("{name}: Invalid value: {value:?}: strconv.ParseUint: parsing {value:?}: invalid syntax"));
    if value.is_empty() { Ok(None) } else { value.parse().map(Some).map_err(wrong) }
}

fn beside(value: &str) -> Result<Beside, ApiError> {
    match value {
        "" | "Metadata" => Ok(Beside::Metadata),
        "None" => Ok(Beside::Nothing),
        "Object" => Ok(Beside::Object),
        _ => Err(ApiError::bad_request(format!("unrecognized includeObject value: {value:?}"))),
    }
}

fn version_match(value: &str) -> Result<Option<VersionMatch>, ApiError> {
    match value {
        "" => Ok(None),
        "Exact" => Ok(Some(VersionMatch::Exact)),
        "NotOlderThan" => Ok(Some(VersionMatch::NotOlderThan)),
        _ => {
            let supported = ["Exact".into(), "NotOlderThan".into(), String::new()];
            let error = FieldError::unsupported("resourceVersionMatch", &Value::from(value), &supported);
            Err(ApiError::invalid_options("ListOptions", &[error]))
        }
    }
}

/// Undoes percent-encoding; what is no valid escape stays as it is.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escape = tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (byte, escape) {
            (b'%', Some(decoded)) => {
                out.push(decoded);
                rest = &tail[2..];
            }
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
