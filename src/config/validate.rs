//! From settings to a configuration: everything is looked at, and every error is listed.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use super::{Config, ConfigErrors, JwtConfig, Limits, LogConfig, LogFormat, Settings, TlsFiles, secrets};
use crate::{duration, identity::Tenant};

/// A queue as long as the workers could empty twice.
const TWO: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// Every error so far.
#[derive(Default)]
pub(super) struct Errors(Vec<String>);

impl Errors {
    pub(super) fn add(&mut self, name: &str, why: impl std::fmt::Display) {
        self.0.push(format!("{name}: {why}"));
    }

    fn required(&mut self, name: &str, value: Option<String>) -> Option<String> {
        if value.is_none() {
            self.add(name, format_args!("required; set {} or --{}", name.to_uppercase(), name.replace('_', "-")));
        }
        value
    }

    pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(&mut self, name: &str, value: Option<&str>) -> Option<T> {
        let text = self.required(name, value.map(str::to_owned))?;
        text.parse().map_err(|error| self.add(name, error)).ok()
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

    fn file(&mut self, name: &str, value: Option<&str>) -> Option<PathBuf> {
        let path = PathBuf::from(self.required(name, value.map(str::to_owned))?);
        if let Err(error) = fs::File::open(&path) {
            self.add(name, format_args!("cannot read {}: {error}", path.display()));
        }
        Some(path)
    }

    /// A DNS-1123 label, as namespaces are named.
    fn namespace(&mut self, name: &str, value: Option<String>) -> Option<String> {
        let text = value?;
        let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = text.as_bytes();
        let inner = bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-');
        if bytes.len() > 63 || !edge(bytes.first()) || !edge(bytes.last()) || !inner {
            self.add(name, "not a namespace: 1 to 63 of a-z, 0-9 and -, not at the ends");
        }
        Some(text)
    }
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
            Some(config) if errors.0.is_empty() => Ok(config),
            _ => Err(ConfigErrors(errors.0)),
        }
    }

    /// The configuration, if nothing is missing. All is read before the first `?`, so that all errors are listed.
    fn read(self, e: &mut Errors) -> Option<Config> {
        let listen = e.parsed("listen", self.listen.as_deref());
        let admin_listen = match &self.admin_listen {
            Some(address) => e.parsed("admin_listen", Some(address)),
            None => e.parsed("metrics_port", self.metrics_port.as_deref()).map(|port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
        };
        let cert = e.file("tls_cert_file", self.tls_cert_file.as_deref());
        let key = e.file("tls_key_file", self.tls_key_file.as_deref());
        let client_ca = e.file("tls_client_ca_file", self.tls_client_ca_file.as_deref());
        let tenant: Option<Tenant> = e.parsed("tenant_id", self.tenant_id.as_deref());
        let cluster = e.required("cluster_id", self.cluster_id.clone());
        let hmac = secrets::read(e, &self, tenant.as_ref());
        let issuer = e.required("jwt_issuer", self.jwt_issuer);
        let audience = e.required("jwt_audience", self.jwt_audience);
        let key_files = e.required("jwt_key_files", self.jwt_key_files).unwrap_or_default();
        let key_files = key_files.split(',').map(str::trim).filter(|path| !path.is_empty());
        let key_files: Vec<_> = key_files.filter_map(|path| e.file("jwt_key_files", Some(path))).collect();
        let remediation_namespace = e.required("remediation_namespace", self.remediation_namespace);
        let remediation_namespace = e.namespace("remediation_namespace", remediation_namespace);
        let watch_namespace = e.namespace("watch_namespace", self.watch_namespace);
        if watch_namespace.is_some() && watch_namespace != remediation_namespace {
            e.add(
                "watch_namespace",
                "what is made from events would never be worked on; leave it out, or make it the remediation_namespace",
            );
        }
        let workers: Option<NonZeroUsize> = e.parsed("worker_pool_size", self.worker_pool_size.as_deref());
        let queue = match &self.worker_max_queue_size {
            Some(text) => e.parsed("worker_max_queue_size", Some(text)),
            None => workers.map(|workers| workers.saturating_mul(TWO)),
        };
        let resync = e.period("informer_resync_period", self.informer_resync_period.as_deref());
        let retention_max_age = e.period("retention_max_age", self.retention_max_age.as_deref());
        let retention_interval = e.period("retention_interval", self.retention_interval.as_deref());
        let validation_timeout = e.period("validation_timeout", self.validation_timeout.as_deref());
        let actions = self.enabled_actions.unwrap_or_default();
        let actions = actions.split(',').map(str::trim).filter(|name| !name.is_empty());
        let actions = actions.filter_map(|name| e.parsed("enabled_actions", Some(name))).collect();
        let policy_file = self.policy_file.as_deref().and_then(|path| e.file("policy_file", Some(path)));
        let max_body_bytes = e.parsed("max_body_bytes", self.max_body_bytes.as_deref());
        let max_connections = e.parsed("max_connections", self.max_connections.as_deref());
        let requests_per_second = e.parsed("requests_per_second", self.requests_per_second.as_deref());
        let log = log(e, self.log_level.unwrap_or_default(), self.log_format.as_deref());
        Some(Config {
            listen: listen?,
            admin_listen: admin_listen?,
            tls: TlsFiles { cert: cert?, key: key?, client_ca: client_ca? },
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
            policy_file,
            limits: Limits {
                max_body_bytes: max_body_bytes?,
                max_connections: max_connections?,
                requests_per_second: requests_per_second?,
            },
            log,
        })
    }
}

fn log(e: &mut Errors, filter: String, format: Option<&str>) -> LogConfig {
    if let Err(error) = filter.parse::<tracing_subscriber::EnvFilter>() {
        e.add("log_level", error);
    }
    let format = format.unwrap_or_default().parse().unwrap_or_else(|error| {
        e.add("log_format", error);
        LogFormat::Json
    });
    LogConfig { filter, format }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
mod tests {
    use super::*;

    fn valid(dir: &std::path::Path) -> Settings {
        let file = |name: &str| {
            let path = dir.join(name);
            fs::write(&path, "").unwrap();
            Some(path.display().to_string())
        };
        let text = |text: &str| Some(text.to_owned());
        Settings {
            tls_cert_file: file("crt"),
            tls_key_file: file("key"),
            tls_client_ca_file: file("ca"),
            tenant_id: text("acme"),
            cluster_id: text("c1"),
            hmac_key_id: text("k1"),
            hmac_secret: text("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"),
            jwt_issuer: text("issuer"),
            jwt_key_files: file("jwt.pub"),
            ..Settings::default()
        }
    }

    #[test]
    fn defaults_and_the_required_settings_are_a_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let config = valid(dir.path()).over(Settings::defaults()).validate().unwrap();
        assert_eq!((config.workers.get(), config.queue.get()), (5, 10));
        assert_eq!(config.resync, Duration::from_secs(600));
        assert_eq!(config.admin_listen.port(), 9090);
    }

    #[test]
    fn every_error_is_listed_at_once() {
        let broken = Settings {
            listen: Some("nowhere".to_owned()),
            worker_pool_size: Some("0".to_owned()),
            retention_max_age: Some("a week".to_owned()),
            enabled_actions: Some("label, reboot".to_owned()),
            log_format: Some("xml".to_owned()),
            hmac_key_id: Some("k1".to_owned()),
            ..Settings::default()
        };
        let ConfigErrors(errors) = broken.over(Settings::defaults()).validate().unwrap_err();
        for name in [
            "listen",
            "tls_cert_file",
            "tenant_id",
            "cluster_id",
            "hmac",
            "jwt_issuer",
            "jwt_key_files",
            "worker_pool_size",
            "retention_max_age",
            "enabled_actions",
            "log_format",
        ] {
            assert!(errors.iter().any(|error| error.starts_with(name)), "{name} in {errors:?}");
        }
    }

    #[test]
    fn a_namespace_that_is_watched_alone_must_be_the_one_that_is_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let apart = Settings { watch_namespace: Some("shop".to_owned()), ..valid(dir.path()) };
        let ConfigErrors(errors) = apart.over(Settings::defaults()).validate().unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with("watch_namespace"));
    }

    #[test]
    fn upper_layers_win_and_secrets_are_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let flags = Settings { worker_pool_size: Some("7".to_owned()), ..Settings::default() };
        let settings = flags.over(valid(dir.path())).over(Settings::defaults());
        let shown = format!("{settings:?}");
        assert!(!shown.contains("whsec_") && shown.contains("(redacted)"), "{shown}");
        let config = settings.validate().unwrap();
        assert_eq!(config.workers.get(), 7);
        assert!(!format!("{config:?}").contains("AAECAwQF"));
    }
}
