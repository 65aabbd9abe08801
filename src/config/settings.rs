//! Settings as people write them, and their validation.

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use clap::Args;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{Config, ConfigErrors, JwtConfig, Limits, LogConfig, LogFormat, TlsFiles};
use crate::{duration, identity::Tenant};

/// A queue as long as the workers could empty twice.
const TWO: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $env:literal = $default:literal;)+) => {
        /// Every setting, as text; the file's keys are the field names, the flags the same with dashes.
        #[derive(Args, Default, Clone, Deserialize, Serialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Settings {
            $($(#[doc = $doc])+
            #[arg(long, env = $env, hide_env_values = true, value_name = "VALUE")]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub $name: Option<String>,)+
        }

        impl Settings {
            /// Fills what is absent here from `lower`.
            #[must_use]
            pub fn over(self, lower: Self) -> Self {
                Self { $($name: self.$name.or(lower.$name),)+ }
            }

            /// The defaults; an empty one means absent.
            pub fn defaults() -> Self {
                Self { $($name: (!$default.is_empty()).then(|| $default.to_owned()),)+ }
            }
        }
    };
}

settings! {
    /// Address of the API.
    listen: "LISTEN" = "0.0.0.0:8443";
    /// Address of health and metrics; METRICS_PORT alone changes only the port.
    admin_listen: "ADMIN_LISTEN" = "";
    /// Port of health and metrics on all addresses.
    metrics_port: "METRICS_PORT" = "9090";
    /// PEM file with the API's certificate chain.
    tls_cert_file: "TLS_CERT_FILE" = "";
    /// PEM file with the API's private key.
    tls_key_file: "TLS_KEY_FILE" = "";
    /// PEM file with the CA of client certificates.
    tls_client_ca_file: "TLS_CLIENT_CA_FILE" = "";
    /// Tenant that owns objects without a tenant label, and whose key HMAC_SECRET is.
    tenant_id: "TENANT_ID" = "";
    /// Cluster that events must name.
    cluster_id: "CLUSTER_ID" = "";
    /// Key id of HMAC_SECRET.
    hmac_key_id: "HMAC_KEY_ID" = "";
    /// The tenant's HMAC secret: whsec_ and base64 of at least 32 bytes.
    hmac_secret: "HMAC_SECRET" = "";
    /// YAML file with the HMAC secrets of all tenants: tenant → key id → secret.
    hmac_keys_file: "HMAC_KEYS_FILE" = "";
    /// The accepted issuer of tokens.
    jwt_issuer: "JWT_ISSUER" = "";
    /// The accepted audience of tokens.
    jwt_audience: "JWT_AUDIENCE" = "zen-agent";
    /// Comma-separated files with the keys of tokens: PEM public keys or JWKS.
    jwt_key_files: "JWT_KEY_FILES" = "";
    /// Namespace of remediations made from events.
    remediation_namespace: "REMEDIATION_NAMESPACE" = "zen-agent";
    /// The one namespace to watch; all when absent.
    watch_namespace: "WATCH_NAMESPACE" = "";
    /// Concurrent workers.
    worker_pool_size: "WORKER_POOL_SIZE" = "5";
    /// Items that may wait for a worker; twice the workers when absent.
    worker_max_queue_size: "WORKER_MAX_QUEUE_SIZE" = "";
    /// How often every remediation is looked at again.
    informer_resync_period: "INFORMER_RESYNC_PERIOD" = "10m";
    /// Age at which terminal remediations are deleted.
    retention_max_age: "RETENTION_MAX_AGE" = "7d";
    /// How often retention runs.
    retention_interval: "RETENTION_INTERVAL" = "1h";
    /// How long an action's effect may take to show.
    validation_timeout: "VALIDATION_TIMEOUT" = "5m";
    /// Policy file; the built-in policy, which only proposes, when absent.
    policy_file: "POLICY_FILE" = "";
    /// Bytes of a request body.
    max_body_bytes: "MAX_BODY_BYTES" = "10485760";
    /// Open connections.
    max_connections: "MAX_CONNECTIONS" = "1024";
    /// Requests a second of one client certificate.
    requests_per_second: "REQUESTS_PER_SECOND" = "200";
    /// Log filter: error, warn, info, debug, trace, or per module.
    log_level: "LOG_LEVEL" = "info";
    /// json or pretty.
    log_format: "LOG_FORMAT" = "json";
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl Settings {
    /// Reads a YAML file of settings.
    ///
    /// # Errors
    /// When it cannot be read, is no YAML, or names an unknown setting.
    pub fn from_file(path: &Path) -> Result<Self, ConfigErrors> {
        let text = fs::read_to_string(path).map_err(|e| ConfigErrors(vec![format!("cannot read {}: {e}", path.display())]))?;
        serde_yaml_ng::from_str(&text).map_err(|e| ConfigErrors(vec![format!("{}: {e}", path.display())]))
    }

    /// The settings as YAML, secrets replaced.
    pub fn redacted(&self) -> String {
        let mut shown = self.clone();
        if shown.hmac_secret.is_some() {
            shown.hmac_secret = Some("(redacted)".to_owned());
        }
        serde_yaml_ng::to_string(&shown).unwrap_or_default()
    }

    /// Checks everything, and lists every error.
    ///
    /// # Errors
    /// Each setting that is missing or not valid, in the order of the struct.
    pub fn validate(self) -> Result<Config, ConfigErrors> {
        let mut errors = Vec::new();
        let e = &mut errors;
        let tenant: Option<Tenant> = parsed(e, "tenant_id", self.tenant_id.as_deref());
        let metrics_port = self.admin_listen.is_none().then(|| parsed(e, "metrics_port", self.metrics_port.as_deref())).flatten();
        let admin_listen = match metrics_port {
            Some(port) => Some(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
            None => parsed(e, "admin_listen", self.admin_listen.as_deref()),
        };
        let workers: Option<NonZeroUsize> = parsed(e, "worker_pool_size", self.worker_pool_size.as_deref());
        let queue = match &self.worker_max_queue_size {
            Some(text) => parsed(e, "worker_max_queue_size", Some(text)),
            None => workers.map(|workers| workers.saturating_mul(TWO)),
        };
        let hmac = hmac_keys(e, &self, tenant.as_ref());
        let format = match self.log_format.as_deref() {
            Some("pretty") => LogFormat::Pretty,
            Some("json") | None => LogFormat::Json,
            Some(_) => {
                e.push("log_format: use json or pretty".to_owned());
                LogFormat::Json
            }
        };
        let filter = self.log_level.unwrap_or_default();
        if let Err(error) = filter.parse::<tracing_subscriber::EnvFilter>() {
            e.push(format!("log_level: {error}"));
        }
        let config = (|| {
            // Every `?` here was preceded by an error of its own, so all of them are listed first.
            let listen = parsed(e, "listen", self.listen.as_deref());
            let cert = file(e, "tls_cert_file", self.tls_cert_file.as_deref());
            let key = file(e, "tls_key_file", self.tls_key_file.as_deref());
            let client_ca = file(e, "tls_client_ca_file", self.tls_client_ca_file.as_deref());
            let issuer = required(e, "jwt_issuer", self.jwt_issuer);
            let audience = required(e, "jwt_audience", self.jwt_audience);
            let key_files = self.jwt_key_files.as_deref().unwrap_or_default().split(',').filter(|s| !s.trim().is_empty());
            let key_files: Vec<_> = key_files.filter_map(|path| file(e, "jwt_key_files", Some(path.trim()))).collect();
            if self.jwt_key_files.is_none() {
                e.push("jwt_key_files: required; name a PEM public key or a JWKS file".to_owned());
            }
            let cluster = required(e, "cluster_id", self.cluster_id);
            let remediation_namespace = required(e, "remediation_namespace", self.remediation_namespace);
            let resync = period(e, "informer_resync_period", self.informer_resync_period.as_deref());
            let retention_max_age = period(e, "retention_max_age", self.retention_max_age.as_deref());
            let retention_interval = period(e, "retention_interval", self.retention_interval.as_deref());
            let validation_timeout = period(e, "validation_timeout", self.validation_timeout.as_deref());
            let policy_file = match self.policy_file.as_deref() {
                Some(path) => Some(file(e, "policy_file", Some(path))?),
                None => None,
            };
            let max_body_bytes = parsed(e, "max_body_bytes", self.max_body_bytes.as_deref());
            let max_connections = parsed(e, "max_connections", self.max_connections.as_deref());
            let requests_per_second = parsed(e, "requests_per_second", self.requests_per_second.as_deref());
            Some(Config {
                listen: listen?,
                admin_listen: admin_listen?,
                tls: TlsFiles { cert: cert?, key: key?, client_ca: client_ca? },
                hmac,
                jwt: JwtConfig { issuer: issuer?, audience: audience?, key_files },
                tenant: tenant?,
                cluster: cluster?,
                remediation_namespace: remediation_namespace?,
                watch_namespace: self.watch_namespace,
                workers: workers?,
                queue: queue?,
                resync: resync?,
                retention_max_age: retention_max_age?,
                retention_interval: retention_interval?,
                validation_timeout: validation_timeout?,
                policy_file,
                limits: Limits {
                    max_body_bytes: max_body_bytes?,
                    max_connections: max_connections?,
                    requests_per_second: requests_per_second?,
                },
                log: LogConfig { filter, format },
            })
        })();
        match config {
            Some(config) if errors.is_empty() => Ok(config),
            _ => Err(ConfigErrors(errors)),
        }
    }
}

fn required(errors: &mut Vec<String>, name: &str, value: Option<String>) -> Option<String> {
    if value.is_none() {
        errors.push(format!("{name}: required; set {} or --{}", name.to_uppercase(), name.replace('_', "-")));
    }
    value
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(errors: &mut Vec<String>, name: &str, value: Option<&str>) -> Option<T> {
    let text = required(errors, name, value.map(str::to_owned))?;
    text.parse().map_err(|error| errors.push(format!("{name}: {error}"))).ok()
}

fn period(errors: &mut Vec<String>, name: &str, value: Option<&str>) -> Option<Duration> {
    let text = required(errors, name, value.map(str::to_owned))?;
    match duration::parse(&text) {
        Ok(zero) if zero.is_zero() => errors.push(format!("{name}: must be above zero")),
        Ok(duration) => return Some(duration),
        Err(error) => errors.push(format!("{name}: {error}")),
    }
    None
}

fn file(errors: &mut Vec<String>, name: &str, value: Option<&str>) -> Option<PathBuf> {
    let path = PathBuf::from(required(errors, name, value.map(str::to_owned))?);
    if let Err(error) = fs::File::open(&path) {
        errors.push(format!("{name}: cannot read {}: {error}", path.display()));
    }
    Some(path)
}

/// The secrets of the keys file, and HMAC_SECRET as one more key of the agent's own tenant.
fn hmac_keys(errors: &mut Vec<String>, settings: &Settings, tenant: Option<&Tenant>) -> BTreeMap<Tenant, BTreeMap<String, SecretString>> {
    let mut keys: BTreeMap<Tenant, BTreeMap<String, SecretString>> = BTreeMap::new();
    if let Some(path) = settings.hmac_keys_file.as_deref() {
        let read = fs::read_to_string(path).map_err(|error| error.to_string());
        // A YAML error can quote what it stands at, so only its place is told.
        let parse = |text: String| {
            serde_yaml_ng::from_str::<BTreeMap<String, BTreeMap<String, String>>>(&text).map_err(|error| match error.location() {
                Some(at) => format!("line {} is not of the form tenant → key id → secret", at.line()),
                None => "not of the form tenant → key id → secret".to_owned(),
            })
        };
        match read.and_then(parse) {
            Err(error) => errors.push(format!("hmac_keys_file: {error}")),
            Ok(tenants) => {
                for (name, secrets) in tenants {
                    let Some(tenant) = parsed::<Tenant>(errors, "hmac_keys_file", Some(&name)) else { continue };
                    keys.insert(tenant, secrets.into_iter().map(|(kid, secret)| (kid, secret.into())).collect());
                }
            }
        }
    }
    match (&settings.hmac_key_id, &settings.hmac_secret, tenant) {
        (Some(kid), Some(secret), Some(tenant)) => {
            keys.entry(tenant.clone()).or_default().insert(kid.clone(), secret.clone().into());
        }
        (None, None, _) | (Some(_), Some(_), None) => {}
        _ => errors.push("hmac_key_id and hmac_secret: set both or neither".to_owned()),
    }
    if keys.is_empty() && errors.is_empty() {
        errors.push("hmac: no tenant has a key; set HMAC_KEY_ID and HMAC_SECRET, or HMAC_KEYS_FILE".to_owned());
    }
    for (tenant, secrets) in &keys {
        for (kid, secret) in secrets {
            if !is_secret(secrecy::ExposeSecret::expose_secret(secret)) {
                errors.push(format!("hmac: key {kid} of tenant {tenant} is not whsec_ and base64 of at least 32 bytes"));
            }
        }
    }
    keys
}

fn is_secret(text: &str) -> bool {
    let bytes = text.strip_prefix("whsec_").and_then(|encoded| BASE64_STANDARD.decode(encoded).ok());
    bytes.is_some_and(|bytes| bytes.len() >= 32)
}
