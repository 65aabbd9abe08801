//! An event as it waits: which tool wrote it, and the bytes and the request id under which it is sent.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    contract::{
        Route,
        v0::{ingest_falco, ingest_kyverno, ingest_trivy},
    },
    identity::Tenant,
    spool::Record,
};

/// After the tool's name, of what was set aside.
const ASIDE: char = '~';

/// Who writes events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Tool {
    /// Falco, or falcosidekick.
    Falco,
    /// The Trivy Operator, or the Trivy CLI.
    Trivy,
    /// Policy Reporter, or whoever sends PolicyReports.
    Kyverno,
}

impl Tool {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Falco, Self::Trivy, Self::Kyverno];

    /// Its name in paths, labels and places.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Falco => "falco",
            Self::Trivy => "trivy",
            Self::Kyverno => "kyverno",
        }
    }

    /// The tool of a path, such as `/falco`.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        Self::named(path.strip_prefix('/')?)
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.as_str() == name)
    }

    /// The operation that takes its events.
    pub(super) fn route(self) -> &'static Route {
        match self {
            Self::Falco => &ingest_falco::ROUTE,
            Self::Trivy => &ingest_trivy::ROUTE,
            Self::Kyverno => &ingest_kyverno::ROUTE,
        }
    }

    /// Where its events begin in the spool.
    pub(super) fn prefix(self) -> String {
        format!("{}/", self.as_str())
    }

    /// Where those begin that were set aside.
    pub(super) fn aside(self) -> String {
        format!("{}{ASIDE}/", self.as_str())
    }
}

/// An event that was acknowledged, until the agent has it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Event {
    /// Who it is for.
    pub(super) tenant: String,
    pub(crate) tool: Tool,
    /// Its place among the tool's.
    pub(super) number: u64,
    pub(crate) request_id: String,
    pub(super) received_at: Timestamp,
    /// What is sent, as it is.
    pub(super) body: String,
    /// Whether it keeps its place among the tool's no longer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    aside: bool,
}

impl Event {
    /// The event of these canonical bytes.
    pub(super) fn new(tenant: &Tenant, tool: Tool, body: String, number: u64) -> Self {
        let request_id = request_id(tenant, tool, &body);
        Self { tenant: tenant.as_str().to_owned(), tool, number, request_id, received_at: Timestamp::now(), body, aside: false }
    }

    /// The same, behind all others.
    pub(super) fn again(self, number: u64) -> Self {
        Self { number, received_at: Timestamp::now(), aside: false, ..self }
    }

    /// The same, where it holds up nobody.
    pub(super) fn set_aside(self) -> Self {
        Self { aside: true, ..self }
    }

    /// The number of an event at this place.
    pub(super) fn number_at(place: &str) -> Option<u64> {
        place.rsplit_once('/')?.1.parse().ok()
    }
}

/// A UUIDv8 (RFC 9562) of what makes the event the one that it is. No part but the last can have a NUL.
pub(super) fn request_id(tenant: &Tenant, tool: Tool, body: &str) -> String {
    let digest = Sha256::new().chain_update(tenant.as_str()).chain_update([0]).chain_update(tool.as_str()).chain_update([0]);
    let digest: [u8; 32] = digest.chain_update(body).finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uuid::new_v8(bytes).to_string()
}

impl Record for Event {
    type Source = Tool;

    fn place(&self) -> String {
        // So many digits as the greatest number has: the order of places is that of numbers.
        let beginning = if self.aside { self.tool.aside() } else { self.tool.prefix() };
        format!("{beginning}{:020}", self.number)
    }

    fn source(place: &str) -> Option<Tool> {
        Tool::named(place.split_once('/')?.0.trim_end_matches(ASIDE))
    }

    fn letter(&self) -> String {
        format!("{}.{}", self.tool.as_str(), self.request_id)
    }

    fn source_of_letter(name: &str) -> Option<Tool> {
        Tool::named(name.split_once('.')?.0)
    }

    /// No two have one number.
    fn replaces(&self, former: &Self) -> bool {
        !self.is(former)
    }

    fn is(&self, other: &Self) -> bool {
        self.number == other.number && self.request_id == other.request_id
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::identity::RequestId;

    #[test]
    fn the_request_id_is_one_of_tenant_tool_and_bytes_and_of_nothing_else() {
        let of = |tenant: &str, tool, body| request_id(&tenant.parse().unwrap(), tool, body);
        let id = of("acme", Tool::Falco, "{}");
        // SHA-256 of `acme`, NUL, `falco`, NUL, `{}`, with the version and the variant of RFC 9562.
        assert_eq!(id, "cb8d1505-b6df-84f9-aec9-95dafaf6b92f");
        assert!(id.parse::<RequestId>().is_ok());
        let others = [of("acme2", Tool::Falco, "{}"), of("acme", Tool::Trivy, "{}"), of("acme", Tool::Falco, "[]")];
        assert!(!others.contains(&id));
        assert_eq!(of("acme", Tool::Falco, "{}"), id);
    }

    #[test]
    fn places_are_in_the_order_of_the_numbers() {
        let place = |number| Event::new(&"acme".parse().unwrap(), Tool::Trivy, String::new(), number).place();
        let mut places = [place(u64::MAX), place(2), place(10), place(1)];
        places.sort();
        assert_eq!(places.map(|place| Event::number_at(&place).unwrap()), [1, 2, 10, u64::MAX]);
    }
}
