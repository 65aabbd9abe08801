//! What the contracts (`contracts/`) turn into: the types, the validators, the server traits and
//! the routes, one module a version. All of that is generated; see `build/codegen.rs`.
//!
//! [`v1alpha1`] shares with [`v0`] whatever is equal in both: `v1alpha1::Api` extends `v0::Api` by
//! what is new, and one implementation serves the two.

pub mod proto;
mod schema;

use serde_json::Value;

pub use schema::{MAX_VIOLATIONS, Schema, Violations, component, inline};
pub use zen_agent_client::{ContractVersion, DateTime, saas};

use crate::identity::Role;

/// Contract v0: stable.
#[allow(missing_docs, clippy::all, rustdoc::all, reason = "typify and the contract's own texts decide")]
pub mod v0 {
    include!(concat!(env!("OUT_DIR"), "/v0.rs"));
}

/// Contract v1alpha1: v0 and what is tried out.
#[allow(missing_docs, clippy::all, rustdoc::all, unused_imports, reason = "typify and the contract's own texts decide")]
pub mod v1alpha1 {
    include!(concat!(env!("OUT_DIR"), "/v1alpha1.rs"));
}

/// Every document of this release, by the folder that its contract has in `contracts/`.
pub const DOCUMENTS: [(&str, &str); 3] =
    [("v0", v0::DOCUMENT), ("v1alpha1", v1alpha1::DOCUMENT), ("saas", include_str!(concat!(env!("OUT_DIR"), "/saas.openapi.json")))];

/// One operation of a contract, as the verifier and the dispatcher need to know it.
#[derive(Debug)]
pub struct Operation {
    /// The operationId, the same in every version.
    pub id: &'static str,
    /// The version that stands in the path; `None` where the path takes either (`/api/v1/…`).
    pub version: Option<ContractVersion>,
    /// The least role that may call it (`x-required-role` in the contract).
    pub role: Role,
    /// Media types of the request body; empty when the operation takes none.
    pub media_types: &'static [MediaType],
}

/// What a body is written in.
#[derive(Clone, Copy, Debug)]
pub enum MediaType {
    /// JSON.
    Json,
    /// Protocol Buffers: this message.
    Protobuf(&'static proto::Message),
}

impl MediaType {
    /// As `Content-Type` says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf(_) => "application/x-protobuf",
        }
    }
}

/// Where an operation is, what it takes, and how it may fail.
pub struct Route {
    /// What verification needs to know.
    pub operation: Operation,
    /// The method.
    pub method: http::Method,
    /// The path, with parameters in braces.
    pub path: &'static str,
    /// Parameters, the contract's headers aside.
    pub parameters: &'static [Parameter],
    /// The body's schema, if the operation takes one.
    pub body: &'static Option<Schema>,
    /// The statuses of success.
    pub successes: &'static [u16],
    /// The statuses of the problems that the contract declares.
    pub problems: &'static [u16],
    /// Since when it is not to be used any more, if so.
    pub deprecation: Option<Deprecation>,
}

/// What every answer of a deprecated operation says of that.
pub struct Deprecation {
    /// The header `Deprecation` (RFC 9745).
    pub since: &'static str,
    /// The header `Sunset` (RFC 8594), where the end is known.
    pub sunset: Option<&'static str>,
}

/// A parameter of an operation.
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// How its text is read.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
    /// What it is when it is not there.
    pub default: Option<&'static str>,
    /// What its value must satisfy.
    pub schema: Schema,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In a header.
    Header,
}

/// How a parameter's text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As it is.
    String,
    /// As a whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
}

/// Reads a document that the build wrote.
fn parse(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value) => value,
        Err(defect) => unreachable!("the build wrote this document: {defect}"),
    }
}
