//! From settings to a configuration: everything is looked at, and every error is listed.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    num::{NonZeroU32, NonZeroUsize},
    str::FromStr,
    time::Duration,
};

use super::{Config, ConfigErrors, JwtConfig, Limits, Settings, files, secrets};
use crate::{
    duration,
    identity::Tenant,
    naming::is_dns_label,
    telemetry::logs::{LogConfig, LogFormat},
};

/// A queue as long as the workers could empty twice.
const TWO: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);
/// The contract's longest `cluster_id`.
const MAX_CLUSTER: usize = 253;

/// Every error so far, and what only deserves a warning.
#[derive(Default)]
pub(super) struct Errors {
    errors: Vec<String>,
    warnings: Vec<String>,
}

impl Errors {
    pub(super) fn add(&mut self, name: &str, why: impl std::fmt::Display) {
        self.errors.push(format!("{name}: {why}"));
    }

    pub(super) fn warn(&mut self, name: &str, why: impl std::fmt::Display) {
        self.warnings.push(format!("{name}: {why}"));
    }

    pub(super) fn required(&mut self, name: &str, value: Option<String>) -> Option<String> {
        let value = value.filter(|text| !text.trim().is_empty());
        if value.is_none() {
            self.add(name, format_args!("required; set {} or --{}", name.to_uppercase(), name.replace('_', "-")));
        }
        value
    }

    pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(&mut self, name: &str, value: Option<&str>) -> Option<T> {
        let text = self.required(name, value.map(str::to_owned))?;
        text.parse().map_err(|error| self.add(name, error)).ok()
    }

    fn address(&mut self, name: &str, value: Option<&str>) -> Option<SocketAddr> {
        let text = self.required(name, value.map(str::to_owned))?;
        text.parse().map_err(|_| self.add(name, "not an address and port such as 0.0.0.0:8443 or [::]:8443")).ok()
    }

    fn port(&mut self, name: &str, value: Option<&str>) -> Option<u16> {
        let text = self.required(name, value.map(str::to_owned))?;
        let port = text.parse().ok().filter(|port| *port > 0);
        if port.is_none() {
            self.add(name, "not a port: a whole number from 1 to 65535");
        }
        port
    }

    /// A whole number from 1 to `max`, which keeps what depends on it within a machine.
    fn number(&mut self, name: &str, value: Option<&str>, max: u32) -> Option<NonZeroU32> {
        let text = self.required(name, value.map(str::to_owned))?;
        let number = text.parse().ok().filter(|number: &NonZeroU32| number.get() <= max);
        if number.is_none() {
            self.add(name, format_args!("not a whole number from 1 to {max}"));
        }
        number
    }

    fn count(&mut self, name: &str, value: Option<&str>, max: u32) -> Option<NonZeroUsize> {
        self.number(name, value, max).and_then(|number| NonZeroUsize::try_from(number).ok())
    }

    fn period(&mut self, name: &str, value: Option<&str>) -> Option<Duration> {
        let text = self.required(name, value.map(str::to_owned))?;
        match duration::parse(&text) {
            Ok(zero) if zero.is_zero() => self.add(name, "must be above zero"),
            Ok(duration) => return Some(duration),
            Err(error) => self.add(name, error),
        }
        None
    }

    fn namespace(&mut self, name: &str, value: Option<String>) -> Option<String> {
        let text = value?;
        if !is_dns_label(&text) {
            self.add(name, "not a namespace: 1 to 63 of a-z, 0-9 and -, not at the ends");
        }
        Some(text)
    }
}

/// Whether one could not listen on both.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let everywhere = one.ip().is_unspecified() || other.ip().is_unspecified();
    // Port 0 is another one each time.
    one.port() == other.port() && one.port() != 0 && (everywhere || one.ip() == other.ip())
}

impl Settings {
    /// Checks everything, and lists every error.
    ///
    /// # Errors
    /// Each setting that is missing or not valid.
    pub fn validate(self) -> Result<Config, ConfigErrors> {
        let mut errors = Errors::default();
        let config = self.read(&mut errors);
        match config {
            Some(config) if errors.errors.is_empty() => Ok(Config { warnings: errors.warnings, ..config }),
            _ => Err(ConfigErrors(errors.errors)),
        }
    }

    /// The configuration, if nothing is missing. All is read before the first `?`, so that all errors are listed.
    fn read(mut self, e: &mut Errors) -> Option<Config> {
        self.drop_empty();
        let listen = e.address("listen", self.listen.as_deref());
        let admin_listen = match &self.admin_listen {
            Some(address) => e.address("admin_listen", Some(address)),
            None => e.port("metrics_port", self.metrics_port.as_deref()).map(|port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
        };
        if let (Some(api), Some(admin)) = (listen, admin_listen)
            && collide(api, admin)
        {
            e.add("listen, admin_listen", format_args!("the API and health need two addresses; {api} and {admin} collide"));
        }
        let tls = files::tls(e, &self);
        let tenant: Option<Tenant> = e.parsed("tenant_id", self.tenant_id.as_deref());
        let cluster = e.required("cluster_id", self.cluster_id.clone());
        if cluster.as_ref().is_some_and(|cluster| cluster.chars().count() > MAX_CLUSTER) {
            e.add("cluster_id", format_args!("longer than {MAX_CLUSTER} characters, so no event could name it"));
        }
        let hmac = secrets::read(e, &self, tenant.as_ref());
        let saas = files::saas(e, &self, tenant.as_ref(), cluster.as_deref());
        let reach = files::reach(e, &self);
        let issuer = e.required("jwt_issuer", self.jwt_issuer);
        let audience = e.required("jwt_audience", self.jwt_audience);
        let key_files = files::token_keys(e, self.jwt_key_files);
        let remediation_namespace = e.required("remediation_namespace", self.remediation_namespace);
        let remediation_namespace = e.namespace("remediation_namespace", remediation_namespace);
        let watch_namespace = e.namespace("watch_namespace", self.watch_namespace);
        if watch_namespace.is_some() && watch_namespace != remediation_namespace {
            e.add(
                "watch_namespace",
                "what is made from events would never be worked on; leave it out, or make it the remediation_namespace",
            );
        }
        let workers: Option<NonZeroUsize> = e.count("worker_pool_size", self.worker_pool_size.as_deref(), 1_024);
        let queue = match &self.worker_max_queue_size {
            Some(text) => e.count("worker_max_queue_size", Some(text), 1_000_000),
            None => workers.map(|workers| workers.saturating_mul(TWO)),
        };
        let resync = e.period("informer_resync_period", self.informer_resync_period.as_deref());
        let retention_max_age = e.period("retention_max_age", self.retention_max_age.as_deref());
        let retention_interval = e.period("retention_interval", self.retention_interval.as_deref());
        let validation_timeout = e.period("validation_timeout", self.validation_timeout.as_deref());
        let actions = self.enabled_actions.unwrap_or_default();
        let actions = actions.split(',').map(str::trim).filter(|name| !name.is_empty());
        let actions = actions.filter_map(|name| e.parsed("enabled_actions", Some(name))).collect::<BTreeSet<_>>();
        let policy_file = files::policy(e, self.policy_file.as_deref(), &actions);
        let max_body_bytes = e.count("max_body_bytes", self.max_body_bytes.as_deref(), 1 << 30);
        let max_connections = e.count("max_connections", self.max_connections.as_deref(), 1_000_000);
        let requests_per_second = e.number("requests_per_second", self.requests_per_second.as_deref(), 1_000_000);
        let max_remediations = e.count("max_remediations_per_tenant", self.max_remediations_per_tenant.as_deref(), 10_000_000);
        let filter = e.parsed("log_level", self.log_level.as_deref());
        let format: Option<LogFormat> = e.parsed("log_format", self.log_format.as_deref());
        Some(Config {
            listen: listen?,
            admin_listen: admin_listen?,
            tls: tls?,
            hmac,
            jwt: JwtConfig { issuer: issuer?, audience: audience?, key_files },
            tenant: tenant?,
            cluster: cluster?,
            remediation_namespace: remediation_namespace?,
            watch_namespace,
            workers: workers?,
            queue: queue?,
            resync: resync?,
            retention_max_age: retention_max_age?,
            retention_interval: retention_interval?,
            validation_timeout: validation_timeout?,
            actions,
            reach,
            policy_file,
            saas,
            limits: Limits {
                max_body_bytes: max_body_bytes?,
                max_connections: max_connections?,
                requests_per_second: requests_per_second?,
                max_remediations: max_remediations?,
            },
            log: LogConfig { filter: filter?, format: format? },
            warnings: Vec::new(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
mod tests;
