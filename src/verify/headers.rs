//! The three headers that name a request. X-Signature has its place later in the order.

use http::{HeaderMap, HeaderName};

use crate::identity::{RequestId, Tenant};
use crate::{
    contract::{ContractVersion, Operation},
    problem::{Code, Problem},
};

const VERSION: HeaderName = HeaderName::from_static("x-zen-contract-version");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TENANT: HeaderName = HeaderName::from_static("x-tenant-id");

/// The only value of a header.
///
/// # Errors
/// What is wrong, when it is absent, there twice, or not visible ASCII.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, Fault> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(Fault::Missing)?;
    if values.next().is_some() {
        return Err(Fault::Malformed("is there more than once"));
    }
    value.to_str().map_err(|_| Fault::Malformed("has characters that are not visible ASCII"))
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    Missing,
    Malformed(&'static str),
}

impl Fault {
    fn of(self, name: &'static str) -> Problem {
        match self {
            Self::Missing => Problem::new(Code::MissingHeader, format!("The header {name} is missing")),
            Self::Malformed(why) => Problem::new(Code::MalformedHeader, format!("The header {name} {why}")),
        }
    }
}

/// What the headers say, each of it well-formed.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) version: ContractVersion,
    pub(super) request_id: RequestId,
    pub(super) tenant: Tenant,
}

/// The headers as they came: read once, so that a refusal can echo what of them is good.
#[derive(Debug)]
pub(super) struct Seen {
    version: Result<Option<ContractVersion>, Fault>,
    request_id: Result<RequestId, Fault>,
    tenant: Result<Tenant, Fault>,
    /// Echoed also after `check` has taken the rest.
    echo: (Option<String>, Option<ContractVersion>),
}

impl Seen {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let version = single(headers, &VERSION).map(ContractVersion::parse);
        let request_id = single(headers, &REQUEST_ID)
            .and_then(|text| text.parse::<RequestId>().map_err(|_| Fault::Malformed("is neither a hyphenated UUID nor a ULID")));
        let tenant = single(headers, &TENANT)
            .and_then(|text| text.parse::<Tenant>().map_err(|_| Fault::Malformed("is not a valid Kubernetes label value")));
        let echo = (request_id.as_ref().ok().map(|id| id.as_sent().to_owned()), version.ok().flatten());
        Self { version, request_id, tenant, echo }
    }

    pub(super) fn tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref().ok()
    }

    pub(super) fn echo(self) -> (Option<String>, Option<ContractVersion>) {
        self.echo
    }

    pub(super) fn check(&mut self, operation: &Operation) -> Result<Named, Problem> {
        let take = |fault: &Fault, name| fault.of(name);
        let version = self.version.as_ref().map_err(|fault| take(fault, "X-Zen-Contract-Version"))?;
        let request_id = self.request_id.as_ref().map_err(|fault| take(fault, "X-Request-Id"))?;
        let tenant = self.tenant.as_ref().map_err(|fault| take(fault, "X-Tenant-Id"))?;
        let version = version.ok_or_else(|| {
            let supported = ContractVersion::ALL.map(ContractVersion::as_str).join(" and ");
            Problem::new(Code::UnsupportedVersion, format!("X-Zen-Contract-Version must be one that this server supports: {supported}"))
        })?;
        if let Some(path) = operation.version.filter(|path| *path != version) {
            return Err(Problem::new(
                Code::VersionMismatch,
                format!("The path is of version {path}, X-Zen-Contract-Version says {version}"),
            ));
        }
        Ok(Named { version, request_id: request_id.clone(), tenant: tenant.clone() })
    }
}
