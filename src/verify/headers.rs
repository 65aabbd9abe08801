//! The three headers that name a request, and those that HTTP itself demands. X-Signature has its place
//! later in the order.

use http::{
    HeaderMap, HeaderName, Version,
    header::{HOST, TRANSFER_ENCODING},
};
use poem::Request;

use crate::identity::{RequestId, Tenant};
use crate::{
    contract::{ContractVersion, Operation},
    problem::{Code, Echo, Problem},
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

/// The headers as they came, each as good as it is.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    http: Result<(), Problem>,
    version: Result<Option<ContractVersion>, Fault>,
    request_id: Result<RequestId, Fault>,
    tenant: Result<Tenant, Fault>,
}

impl Seen {
    pub(super) fn of(request: &Request) -> Self {
        let headers = request.headers();
        let request_id = single(headers, &REQUEST_ID)
            .and_then(|text| text.parse::<RequestId>().map_err(|_| Fault::Malformed("is neither a hyphenated UUID nor a ULID")));
        let tenant = single(headers, &TENANT)
            .and_then(|text| text.parse::<Tenant>().map_err(|_| Fault::Malformed("is not a valid Kubernetes label value")));
        Self { http: http(request), version: single(headers, &VERSION).map(ContractVersion::parse), request_id, tenant }
    }

    pub(super) fn tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref().ok()
    }

    pub(super) fn request_id(&self) -> Option<&str> {
        self.request_id.as_ref().ok().map(RequestId::as_sent)
    }

    pub(super) fn echo(&self) -> Echo {
        Echo { request_id: self.request_id().map(str::to_owned), version: self.version.ok().flatten() }
    }

    pub(super) fn check(&self, operation: &Operation) -> Result<Named, Problem> {
        self.http.clone()?;
        let version = self.version.map_err(|fault| fault.of("X-Zen-Contract-Version"))?;
        let request_id = self.request_id.as_ref().map_err(|fault| fault.of("X-Request-Id"))?;
        let tenant = self.tenant.as_ref().map_err(|fault| fault.of("X-Tenant-Id"))?;
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

/// What HTTP/1.1 demands of a head and hyper does not: one Host (RFC 9112, section 3.2), and no
/// transfer coding that is not understood (section 6.1), of which there is `chunked` alone.
fn http(request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    match headers.get_all(HOST).iter().count() {
        0 if request.version() == Version::HTTP_11 => return Err(Fault::Missing.of("Host")),
        0 | 1 => {}
        _ => return Err(Fault::Malformed("is there more than once").of("Host")),
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Fault::Malformed("names another coding than chunked").of("Transfer-Encoding")),
    }
}
