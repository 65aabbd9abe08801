//! Configuration: defaults ← file ← environment ← flags, one typed struct, every error at once.
//!
//! [`Settings`] is what may be written down, all of it optional and as text; [`Config`] is what the
//! agent runs with. Between them everything is looked at, the files that settings name included, so
//! that what is wrong is known before anything starts. The environment's names are those in use in the product family's chart.

mod files;
mod secrets;
mod settings;
mod validate;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use secrecy::SecretString;

pub use files::readable_by_all;
pub use settings::{ENABLED_ACTIONS, Settings};

use crate::{identity::Tenant, pipeline::Reach, remediation::ActionKind, saas, telemetry::logs::LogConfig};

/// What the agent runs with; made by [`Settings::validate`] only.
#[derive(Debug, Clone)]
pub struct Config {
    /// The API's address.
    pub listen: SocketAddr,
    /// The address of health and metrics.
    pub admin_listen: SocketAddr,
    /// The API's certificate, key and client CA.
    pub tls: TlsFiles,
    /// The HMAC secrets of every tenant, by key id, in `whsec_` form.
    pub hmac: HmacSecrets,
    /// How tokens are checked.
    pub jwt: JwtConfig,
    /// The tenant that owns objects without a tenant label.
    pub tenant: Tenant,
    /// The cluster that events must name.
    pub cluster: String,
    /// The namespace of remediations made from events.
    pub remediation_namespace: String,
    /// The namespace that is watched; all when absent.
    pub watch_namespace: Option<String>,
    /// Concurrent workers.
    pub workers: NonZeroUsize,
    /// Items that may wait for a worker.
    pub queue: NonZeroUsize,
    /// How often every cached remediation is looked at again.
    pub resync: Duration,
    /// Age at which terminal remediations are deleted.
    pub retention_max_age: Duration,
    /// How often retention runs.
    pub retention_interval: Duration,
    /// How long an action's effect may take to show.
    pub validation_timeout: Duration,
    /// The actions that may be carried out.
    pub actions: BTreeSet<ActionKind>,
    /// What probes may reach.
    pub reach: Reach,
    /// The policy file; the built-in policy, which only proposes, when absent.
    pub policy_file: Option<PathBuf>,
    /// Whom to tell what becomes of remediations.
    pub saas: Option<saas::Settings>,
    /// Limits of the API listener.
    pub limits: Limits,
    /// How logs look.
    pub log: LogConfig,
    /// What works and should not be so, for the log.
    pub warnings: Vec<String>,
}

/// HMAC secrets by tenant and key id, in `whsec_` form.
pub type HmacSecrets = BTreeMap<Tenant, BTreeMap<String, SecretString>>;

/// PEM files of the API listener.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// Certificate chain.
    pub cert: PathBuf,
    /// Private key.
    pub key: PathBuf,
    /// The CA of client certificates.
    pub client_ca: PathBuf,
    /// Lists of revoked client certificates.
    pub client_crl: Option<PathBuf>,
}

/// How tokens are checked.
#[derive(Debug, Clone)]
pub struct JwtConfig {
    /// The only accepted `iss`.
    pub issuer: String,
    /// The only accepted `aud`.
    pub audience: String,
    /// PEM public keys and JWKS files.
    pub key_files: Vec<PathBuf>,
}

/// Limits of the API listener.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a request body.
    pub max_body_bytes: NonZeroUsize,
    /// Open connections.
    pub max_connections: NonZeroUsize,
    /// Requests a second of one client certificate.
    pub requests_per_second: NonZeroU32,
    /// Stored remediations of one tenant.
    pub max_remediations: NonZeroUsize,
}

/// Every error of a configuration.
#[derive(Debug, thiserror::Error)]
pub struct ConfigErrors(pub Vec<String>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration is not valid:")?;
        self.0.iter().try_for_each(|error| write!(f, "\n  - {error}"))
    }
}
