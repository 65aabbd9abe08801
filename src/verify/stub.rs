//! Placeholder until the verifier is merged: refuses every request, unless in unit tests.

use bytes::Bytes;
use http::{HeaderMap, Uri};

use super::{Caller, Verified};
use crate::{
    contract::{ContractVersion, Operation},
    problem::{Code, Problem},
};

/// The bytes of a request.
pub struct Received {
    /// Path and query.
    pub uri: Uri,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// Why a request is refused.
pub struct Refusal {
    /// What to tell.
    pub problem: Problem,
    /// The request's id.
    pub request_id: Option<String>,
    /// The request's version.
    pub version: Option<ContractVersion>,
}

/// Lets `caller` in; in unit tests only.
pub struct Verifier {
    /// Who.
    pub caller: Option<Caller>,
}

impl Verifier {
    /// See the module.
    pub async fn verify(&self, operation: &'static Operation, request: poem::Request) -> Result<Verified<Received>, Refusal> {
        let Some(caller) = self.caller.clone().filter(|caller| cfg!(test) && caller.role >= operation.role) else {
            return Err(Refusal { problem: Problem::new(Code::InsufficientRole, "Not wired."), request_id: None, version: None });
        };
        let (parts, body) = request.into_parts();
        let body = body.into_bytes().await.unwrap_or_default();
        Ok(Verified::new(caller, Received { uri: parts.uri, headers: parts.headers, body }))
    }
}
